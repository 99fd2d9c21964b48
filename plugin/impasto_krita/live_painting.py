"""Live: while it is on, the painting of a layer by an instant style follows each brush stroke, where the stroke was.

Krita does not say when a layer changes. So the layer is looked at again and again, whenever no stroke is being painted, and
compared with what the engine has of it. What is different goes there as a patch, and comes back as a part of the painting.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator

from . import layers
from .qt import QtCore
from .task import Task

#: How often the layer is looked at, and how long in one turn.
_LOOK_MS, _TURN_MS = 40, 6
#: For so many looks Krita may take its time to make the new layer the active one, which it is not to be.
_YOUNG = 25
#: After so long without a change all of it is painted anew, by its own statistics.
_SETTLED_MS = 1500
_FOLLOWS = "Live: follows your brush"
#: The engine's numbers for these jobs, apart from those of paintings
_FIRST_NUMBER = 1 << 20


class Live(QtCore.QObject):
    """One layer that is followed. `changed` says that it is on or off now, or has something to say."""

    changed = QtCore.pyqtSignal()

    def __init__(self, engine: Any, busy: Callable[[], bool], parent: Any = None) -> None:
        """busy: whether the engine has a painting to make first"""
        super().__init__(parent)
        self.status = ""
        self._engine, self._busy = engine, busy
        engine.said.connect(self._hear)
        self._number = _FIRST_NUMBER
        self._task: Task | None = None
        self._layer: layers.FollowedLayer | None = None
        self._result: Any = None
        self._painted: list[Any] = []  # parts of the painting that wait to be written
        self._sending: Iterator[int] | None = None
        self._waiting = self._settled = self._settling = False
        self._young = 0  # looks for which the painting's layer may still become the active one
        self._quiet = QtCore.QElapsedTimer()
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._tick)

    @property
    def on(self) -> bool:
        return self._task is not None

    def start(self, task: Task) -> None:
        """Paint the task's layer in its instant style, on a layer above it, and follow it from now on."""
        self.stop()
        self._number += 1
        self._task, self.status = task, "Live: reading the layer"
        self._waiting, self._settled, self._settling = True, True, False
        self._result, self._painted = None, []
        self._sending = self._send(task)
        self._timer.start(_LOOK_MS)
        self.changed.emit()

    def stop(self, sentence: str = "") -> None:
        """Follow it no longer; what has been painted stays."""
        if self._task is None:
            return
        self._engine.send({"op": "cancel", "job": self._number})
        self._timer.stop()
        self._task = self._layer = self._result = self._sending = None
        self._painted = []
        self.status = sentence
        self.changed.emit()

    def hush(self) -> None:
        """What it has said last is heard: something else begins."""
        if not self.on:
            self.status = ""

    def _tick(self) -> None:
        try:
            self._look()
        except layers.LayerError as error:
            self.stop(str(error))
        except Exception as error:  # a dialog of Krita's for each would help nobody
            self.stop(f"Something went wrong in the plugin: {type(error).__name__}: {error}")

    def _look(self) -> None:
        task = self._task
        if task is None:
            return
        if not layers.is_open(task.document):
            self.stop()
            return
        if not self._engine.running:
            raise layers.LayerError("The engine has ended: switch Live on again.")
        if self._sending is not None:
            clock = QtCore.QElapsedTimer()
            clock.start()
            while self._sending is not None and self._engine.ready and not self._busy() and clock.elapsed() < _TURN_MS:
                if next(self._sending, 0):  # the pipe is full
                    break
            return
        if self._result is not None and self._young:
            self._young = 0 if self._result.step_back(task.layer) else self._young - 1
        if self._layer is None or self._busy() or not self._layer.idle():
            return
        if self._painted:
            self._write()
        if self._waiting:
            return
        change = self._layer.change(_TURN_MS)
        if change is not None:
            rect, pixels = change
            about = {"x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height}
            self._engine.send({"op": "patch", "job": self._number, **about}, pixels)
            self._waiting, self._settled = True, False
            self._quiet.start()
        elif not self._settled and not self._settling and self._quiet.elapsed() > _SETTLED_MS:
            self._settling = True
            self._engine.send({"op": "settle", "job": self._number})

    def _send(self, task: Task) -> Iterator[int]:
        """The layer and the style, a stripe at a time"""
        number = self._number
        self._layer = layers.FollowedLayer(task.document, task.layer)
        yield from self._engine.send_rows(number, "content", 0, self._layer.rect[2:], "bgra8", self._layer.stripes())
        self._engine.send({"op": "image", "job": number, "role": "style", **task.styles[0].named()})
        self._engine.send({"op": "start", "job": number, "options": task.options, "live": True})
        self._sending = None
        self._say("Live: painting all of it")

    def _write(self) -> None:
        """What has come goes onto the painting's layer."""
        task, layer, result = self._task, self._layer, self._result
        assert task is not None
        assert layer is not None
        if result is None:
            self._young = _YOUNG
            result = self._result = layers.LiveResult(task.document, f"{task.title} live", layer.rect)
        for x, y, width, rows, pixels in self._painted:
            result.write(x, y, width, rows, pixels)
        self._painted = []
        result.show(task.layer)

    def _hear(self, header: dict[str, Any], blob: bytes) -> None:
        if header.get("job") != self._number or self._task is None:
            return
        op = header.get("op")
        if op == "rows" and self._layer is not None:
            self._painted.append((0, header["y"], self._layer.rect.width, header["rows"], blob))
        elif op == "patch":
            if blob:  # there is none where something more pressing was in its way: it settles later
                self._painted.append((header["x"], header["y"], header["width"], header["height"], blob))
            if header["last"]:
                self._waiting = self._waiting and self._settling  # of the two, what settles is answered first
                self._tick()  # now, and not at the next look
        elif op == "settled":
            self._settling = False
            self._settled = self._settled or (bool(header["done"]) and not self._waiting)
            if header["done"]:
                self._say(_FOLLOWS)
        elif op == "done":
            self._waiting = False
            self._settled = bool(self._painted) or self._result is not None
            self._quiet.start()
            self._say(_FOLLOWS if self._settled else "Live: follows your brush once the other painting is done")
            self._tick()
        elif op == "error":
            self.stop(str(header.get("text")))

    def _say(self, status: str) -> None:
        self.status = status
        self.changed.emit()
