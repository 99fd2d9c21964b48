"""Live: an instant style repaints a layer after each brush stroke, where the stroke was.

Krita does not report changes of a layer. So the layer is polled whenever no stroke is in progress, and compared with what the
engine has of it. The difference is sent as a patch, and the engine answers with the patches of the painting that it affects.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from . import layers
from .engine_process import EngineProcess
from .errors import PluginError
from .followed_layer import FollowedLayer, LiveResult
from .qt import QtCore
from .request import PaintRequest
from .steps import StepRunner, Steps

_POLL_MS = 40
_MAX_POLL_MS = 6  # the longest time that one poll may take
#: Krita activates the new result layer within this many polls; then the user's layer is made the active one again.
_ACTIVATION_POLLS = 25
#: After this long without a change the whole layer is repainted once, with its own statistics.
_SETTLE_MS = 1500
_FOLLOWING = "Live: follows your brush"
#: Job numbers of Live start here, apart from those of paintings.
_FIRST_JOB = 1 << 20


class _Patch(NamedTuple):
    """A part of the painting: BGRA pixels and where they belong."""

    x: int
    y: int
    width: int
    height: int
    pixels: bytes


class LivePainting(QtCore.QObject):
    """Repaints one layer at a time. Signal: `changed` when Live was switched on or off or has a new status."""

    changed = QtCore.pyqtSignal()

    def __init__(self, engine: EngineProcess, engine_busy: Callable[[], bool], parent: QtCore.QObject | None = None) -> None:
        """engine_busy: whether the engine works on a painting, which goes first"""
        super().__init__(parent)
        self.status = ""
        self._engine, self._engine_busy = engine, engine_busy
        engine.frame_received.connect(self._on_frame)
        self._job = _FIRST_JOB
        self._request: PaintRequest | None = None
        self._layer: FollowedLayer | None = None
        self._result: LiveResult | None = None
        self._patches: list[_Patch] = []  # received, not yet written to the result
        self._awaiting_patches = False  # the engine has not answered the last change yet
        self._fully_repainted = self._settling = False
        self._polls_until_settled = 0  # during these the result layer may still become the active one
        self._idle_timer = QtCore.QElapsedTimer()  # since the last change
        self._steps = StepRunner(self)
        self._steps.finished.connect(self.stop)
        self._steps.failed.connect(self.stop)

    @property
    def on(self) -> bool:
        return self._request is not None

    def start(self, request: PaintRequest) -> None:
        """Paint the request's layer in its instant style on a new layer above it, and repaint it from now on."""
        self.stop()
        self._job += 1
        self._request, self.status = request, "Live: reading the layer"
        self._awaiting_patches, self._fully_repainted, self._settling = True, True, False
        self._result, self._patches = None, []
        self._steps.start(self._follow(request))
        self.changed.emit()

    def stop(self, message: str = "") -> None:
        """Stop repainting; the result layer stays."""
        if self._request is None:
            return
        self._engine.send({"op": "cancel", "job": self._job})
        self._steps.stop()
        self._request = self._layer = self._result = None
        self._patches = []
        self.status = message
        self.changed.emit()

    def clear_status(self) -> None:
        """Remove the last message, unless Live is on."""
        if not self.on:
            self.status = ""

    def _follow(self, request: PaintRequest) -> Steps:
        """Send the layer while the engine has time for it, then poll it until its document is closed."""
        sending: Steps | None = self._send_layer(request)
        while layers.is_open(request.document):
            if not self._engine.running:
                raise PluginError("The engine has ended: switch Live on again.")
            wait: int | None = _POLL_MS
            if sending is None:
                self._poll(request)
            elif self._engine.ready and not self._engine_busy():
                wait = next(sending, None)
                if wait is None:
                    sending = None
            yield _POLL_MS if wait is None else wait

    def _send_layer(self, request: PaintRequest) -> Steps:
        """Send the layer and the style, one stripe per step, and start the job."""
        self._layer = FollowedLayer(request.document, request.layer_key)
        size = self._layer.rect[2:]
        yield from self._engine.send_image(self._job, "content", 0, size, "bgra8", self._layer.stripes())
        self._engine.send({"op": "image", "job": self._job, "role": "style", **request.styles[0].to_header()})
        self._engine.send({"op": "start", "job": self._job, "options": request.options, "live": True})
        self._set_status("Live: painting the whole layer")

    def _poll(self, request: PaintRequest) -> None:
        """Write what the engine has painted, and send what has changed in the layer."""
        if self._result is not None and self._polls_until_settled:
            activated = self._result.keep_inactive(request.layer_key)
            self._polls_until_settled = 0 if activated else self._polls_until_settled - 1
        if self._layer is None or self._engine_busy() or not self._layer.is_idle():
            return
        if self._patches:
            self._write_patches(request)
        if self._awaiting_patches:
            return
        change = self._layer.next_change(_MAX_POLL_MS)
        if change is not None:
            rect, pixels = change
            self._engine.send({"op": "patch", "job": self._job, **rect._asdict()}, pixels)
            self._awaiting_patches, self._fully_repainted = True, False
            self._idle_timer.start()
        elif not self._fully_repainted and not self._settling and self._idle_timer.elapsed() > _SETTLE_MS:
            self._settling = True
            self._engine.send({"op": "settle", "job": self._job})

    def _write_patches(self, request: PaintRequest) -> None:
        if self._result is None:
            self._polls_until_settled = _ACTIVATION_POLLS
            self._result = LiveResult(request.document, f"{request.title} live")
        for patch in self._patches:
            self._result.write(*patch)
        self._patches = []
        self._result.show(request.layer_key)

    def _on_frame(self, header: dict[str, Any], blob: bytes) -> None:
        if header.get("job") != self._job or self._request is None:
            return
        op = header.get("op")
        if op == "rows" and self._layer is not None:
            self._patches.append(_Patch(0, header["y"], self._layer.rect.width, header["rows"], blob))
        elif op == "patch":
            if blob:  # empty if something more urgent came first: this part is repainted by the next `settle`
                self._patches.append(_Patch(header["x"], header["y"], header["width"], header["height"], blob))
            if header["last"]:
                # While a `settle` is being answered, the patches may be its own: keep waiting for those of the change.
                self._awaiting_patches = self._awaiting_patches and self._settling
                self._steps.advance()  # write them now rather than at the next poll
        elif op == "settled":
            self._settling = False
            self._fully_repainted = self._fully_repainted or (bool(header["done"]) and not self._awaiting_patches)
            if header["done"]:
                self._set_status(_FOLLOWING)
        elif op == "done":
            self._awaiting_patches = False
            self._fully_repainted = bool(self._patches) or self._result is not None
            self._idle_timer.start()
            waiting = "Live: follows your brush once the other painting is done"
            self._set_status(_FOLLOWING if self._fully_repainted else waiting)
            self._steps.advance()
        elif op == "error":
            self.stop(str(header.get("text")))

    def _set_status(self, status: str) -> None:
        self.status = status
        self.changed.emit()
