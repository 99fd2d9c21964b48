"""Making a style instant: a net learns it, in an engine of its own, while everything else goes on."""

from __future__ import annotations

from typing import Any, Callable, Iterator

from . import layers
from .engine import IDLE_MS, NEXT_MS, Engine, picture
from .frames import PROTOCOL
from .qt import QtCore
from .task import Style

#: How long a style is learned. Twice as long makes it better, not twice as good.
MINUTES = 20
_NUMBER = 1


class Lesson(QtCore.QObject):
    """One style at a time. `changed` says that something which can be seen has changed, `learned` that there is a new net."""

    changed, learned = QtCore.pyqtSignal(), QtCore.pyqtSignal()

    def __init__(self, command: Callable[[], Any], parent: Any = None) -> None:
        """command: how an engine is started, or None"""
        super().__init__(parent)
        self.status, self.fraction = "", 0.0
        self.preview: Any | None = None  # QImage
        self._command = command
        self._engine = Engine(self)
        self._engine.said.connect(self._hear)
        self._engine.stopped.connect(self._end)
        self._name = ""
        self._steps: Iterator[int] | None = None
        self._ticking = QtCore.QTimer(self)
        self._ticking.setSingleShot(True)
        self._ticking.timeout.connect(self._tick)

    @property
    def busy(self) -> bool:
        return bool(self._name)

    def start(self, document: Any, style: Style, options: dict[str, Any], minutes: float = MINUTES) -> None:
        """Learn a style that is a layer or a picture file."""
        command = self._command()
        if self.busy or command is None:
            return
        self._name, self.fraction, self.preview = style.name, 0.0, None
        self._say(f"Learning {style.name}: starting")
        self._engine.start(command)
        self._steps = self._send(document, style, options, minutes)
        self._ticking.start(NEXT_MS)

    def finish(self) -> None:
        """Keep what has been learned so far; where that is nothing, give it up."""
        if not self.busy:
            return
        if self._steps is not None or not self.fraction:
            self._end("Stopped: nothing has been learned yet.")
            return
        self._engine.send({"op": "finish", "job": _NUMBER})
        self._say(f"Learning {self._name}: keeping what is there")

    def close(self) -> None:
        """End it, as Krita does."""
        self._end("")

    def _send(self, document: Any, style: Style, options: dict[str, Any], minutes: float) -> Iterator[int]:
        """The style to the engine. Yields milliseconds to wait."""
        send = self._engine.send
        snapshot = None if style.path else layers.Snapshot(document)
        try:
            while not self._engine.ready:
                yield IDLE_MS
            if snapshot is None:
                send({"op": "image", "job": _NUMBER, "role": "style", **style.named()})
            else:
                for _ in snapshot.show([style.layer]):
                    yield IDLE_MS
                shown = snapshot.picture(style.layer)
                yield from self._engine.send_rows(_NUMBER, "style", 0, shown.rect[2:], shown.format, shown.stripes())
        finally:
            if snapshot is not None:
                snapshot.close()
        send({"op": "train", "job": _NUMBER, "name": style.name, "minutes": minutes, "options": options})

    def _tick(self) -> None:
        if self._steps is None:
            return
        try:
            self._ticking.start(next(self._steps))
        except StopIteration:
            self._steps = None
        except layers.LayerError as error:
            self._end(str(error))
        except Exception as error:  # a dialog of Krita's for each would help nobody
            self._end(f"Something went wrong in the plugin: {type(error).__name__}: {error}")

    def _hear(self, header: dict[str, Any], blob: bytes) -> None:
        op = header.get("op")
        if op == "hello" and header.get("protocol") != PROTOCOL:
            self._end("The engine does not fit the plugin: set it up again.")
        elif op == "progress":
            if header.get("phase") == "training":
                self.fraction = float(header["fraction"])
                left = "" if header.get("eta") is None else f", {header['eta'] / 60:.0f} min left"
                self._say(f"Learning {self._name}: {self.fraction:.0%}{left}")
            else:
                self._say(f"Learning {self._name}: downloading the network, once: {header['fraction']:.0%}")
        elif op == "preview":
            self.preview = picture(header, blob)
            self.changed.emit()
        elif op == "done":
            self._end(f"{self._name} is an instant style now.")
            self.learned.emit()
        elif op == "error":
            self._end(str(header.get("text")))

    def _end(self, sentence: str) -> None:
        steps, self._steps = self._steps, None
        self._ticking.stop()
        if steps is not None and not getattr(steps, "gi_running", False):
            steps.close()  # the snapshot goes
        self._engine.stop()
        self._name, self.preview = "", None
        self._say(sentence)

    def _say(self, status: str) -> None:
        self.status = status
        self.changed.emit()
