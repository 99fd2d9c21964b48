"""The engine's part of Live: a job that stays open, gets changes of a picture, and answers with patches of its painting."""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple

from impasto_client.geometry import Rect
from impasto_client.request import StyleSource

from .engine_process import EngineProcess
from .qt import QtCore
from .steps import Steps

#: After this long without a change the whole picture is repainted once, with its own statistics.
_SETTLE_MS = 1500
#: Job numbers of Live start here, apart from those of paintings.
_FIRST_JOB = 1 << 20


class Patch(NamedTuple):
    """A part of the painting: BGRA pixels and where they belong."""

    x: int
    y: int
    width: int
    height: int
    pixels: bytes


class LiveJob(QtCore.QObject):
    """One live job of the engine at a time.

    Signals: `answered` when the patches of the whole picture or of the last change are complete, `settled` when the whole
    picture was repainted since the last change, `failed(message)`.
    """

    answered = QtCore.pyqtSignal()
    settled = QtCore.pyqtSignal()
    failed = QtCore.pyqtSignal(str)

    def __init__(self, engine: EngineProcess, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        engine.frame_received.connect(self._on_frame)
        self.number = _FIRST_JOB
        self.patches: list[Patch] = []  # received, not yet written to the result
        self.complete = False  # whether these are the last ones of an answer
        self.awaiting_patches = False  # the engine has not answered the last change yet
        self.fully_repainted = self.settling = False
        self._open = False
        self._width = 0
        self._idle_timer = QtCore.QElapsedTimer()  # since the last change

    def start(
        self, size: tuple[int, int], stripes: Iterable[tuple[int, int, bytes]], style: StyleSource, options: dict[str, Any]
    ) -> Steps:
        """Send a picture, one stripe per step, and have all of it painted.  stripes: (y, rows, BGRA pixels)

        An earlier job ends.
        """
        self.cancel()
        self.number += 1
        self._open, self._width = True, size[0]
        self.awaiting_patches, self.fully_repainted, self.settling = True, False, False
        yield from self._engine.send_image(self.number, "content", 0, size, "bgra8", stripes)
        self._engine.send({"op": "image", "job": self.number, "role": "style", **style.to_header()})
        self._engine.send({"op": "start", "job": self.number, "options": options, "live": True})

    def cancel(self) -> None:
        """End the job. What it still sends is ignored."""
        if self._open:
            self._engine.send({"op": "cancel", "job": self.number})
        self._open, self.patches, self.complete = False, [], False

    def send_change(self, rect: Rect, pixels: bytes) -> None:
        """Send a rectangle of the picture that has changed, in BGRA."""
        self._engine.send({"op": "patch", "job": self.number, **rect._asdict()}, pixels)
        self.awaiting_patches, self.fully_repainted = True, False
        self._idle_timer.start()

    def settle_if_due(self) -> None:
        """If nothing has changed for a while, have the whole picture repainted."""
        if not self.fully_repainted and not self.settling and self._idle_timer.elapsed() > _SETTLE_MS:
            self.settling = True
            self._engine.send({"op": "settle", "job": self.number})

    def _on_frame(self, header: dict[str, Any], blob: bytes) -> None:
        if header.get("job") != self.number or not self._open:
            return
        op = header.get("op")
        if op == "rows":
            self.patches.append(Patch(0, header["y"], self._width, header["rows"], blob))
        elif op == "patch":
            if blob:  # empty if something more urgent came first: this part is repainted by the next `settle`
                self.patches.append(Patch(header["x"], header["y"], header["width"], header["height"], blob))
            if header["last"]:
                # While a `settle` is being answered, the patches may be its own: keep waiting for those of the change.
                self.awaiting_patches = self.awaiting_patches and self.settling
                self.complete = True
                self.answered.emit()
        elif op == "settled":
            self.settling = False
            self.fully_repainted = self.fully_repainted or (bool(header["done"]) and not self.awaiting_patches)
            if header["done"]:
                self.settled.emit()
        elif op == "done":
            self.awaiting_patches = False
            self.fully_repainted = self.complete = bool(self.patches)  # without rows if something more urgent came first
            self._idle_timer.start()
            self.answered.emit()
        elif op == "error":
            self._open = False
            self.failed.emit(str(header.get("text")))
