"""One painting at a time: what was asked for, and the one machine that sees it through, whichever window it came from.

idle -> starting (the engine) -> reading (layers, to the engine) -> painting -> writing (the result) -> idle
"""

from __future__ import annotations

import os
import traceback
from typing import Any, Iterator

from . import environment, layers, settings
from .engine import IDLE_MS, NEXT_MS, Engine, find_command, picture
from .frames import PROTOCOL
from .lesson import Lesson
from .live import Live
from .qt import QtCore
from .task import Task

#: An engine that has not said `cancelled` by then hangs, or is in the middle of a very long step.
_PATIENCE_MS = 3000
#: The same while it starts: importing torch from a slow disk takes its time.
_START_MS = 60_000
#: How often it is looked whether the document is still open.
_LOOK_MS = 500


class Runner(QtCore.QObject):
    """The one machine. `changed` says that something which can be seen has changed."""

    changed = QtCore.pyqtSignal()

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.state = "idle"
        self.status = ""  # a line about what goes on
        self.fraction = 0.0
        self.preview: Any | None = None  # QImage
        self.problem = ""  # what went wrong last, for a person
        self.details = ""  # and for whoever is asked for help
        self.last: Task | None = None
        self.estimate = ""  # what a painting would take, as it was asked last
        self._asked: Any = None
        self.engine = Engine(self)
        self.engine.said.connect(self._hear)
        self.engine.stopped.connect(self._engine_stopped)
        self.nets: list[dict[str, Any]] = []  # the instant styles that the engine knows
        self.live = Live(self.engine, lambda: self.busy, self)
        self.lesson = Lesson(self.command, self)
        self.lesson.learned.connect(lambda: self.engine.send({"op": "nets"}))
        self.setup = environment.Setup(environment_folder(), self)
        self.setup.finished.connect(self._set_up_ended)
        self._number = 0
        self._cancelled = 0  # the job that was cancelled last
        self._task: Task | None = None
        self._rect = layers.Rect(0, 0, 0, 0)
        self._depth = "U8"
        self._note = ""
        self._result: layers.ResultLayer | None = None
        self._arrived: list[Any] = []  # stripes of the result that wait to be written
        self._steps: Iterator[Any] | None = None
        self._ticking = QtCore.QTimer(self)
        self._ticking.setSingleShot(True)
        self._ticking.timeout.connect(self._tick)
        self._patience = QtCore.QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(self._hung)
        self._done = ""

    # what can be asked of it

    @property
    def busy(self) -> bool:
        return self.state != "idle"

    @property
    def options(self) -> list[dict[str, Any]]:
        """The engine's options as it described them; none before it has said so"""
        return list(self.engine.hello.get("options", []))

    def command(self) -> list[str] | None:
        """How the engine is started, or None where there is none yet"""
        own = environment.own_python(environment_folder())
        return find_command(str(settings.load().get("engine", "")), own)

    def wake(self) -> None:
        """Start the engine, so that it is warm when it is needed."""
        command = self.command()
        if command is not None and not self.setup.running:
            self.engine.start(command)

    def ask(self, width: int, height: int, options: dict[str, Any]) -> None:
        """Ask the engine what a painting of a layer of this size would take; `estimate` has the answer."""
        asked = width, height, options
        if asked == self._asked or self.busy or not self.engine.ready:
            return
        self._asked = asked
        self.engine.send({"op": "estimate", "width": width, "height": height, "options": options})

    def start(self, task: Task) -> None:
        """Begin a painting. While one is made, another is refused."""
        if self.busy or self.setup.running:
            what = "A picture is being painted: stop it first, or wait." if self.busy else "The engine is being set up: wait."
            self.refuse(what)
            return
        self.problem = self.details = ""
        self.live.hush()
        self.last, self._task = task, task
        self._number += 1
        self.preview, self.fraction = None, 0.0
        self._result, self._arrived = None, []
        if self.command() is None:
            self._fail("There is no engine yet: set it up first.")
            return
        self._become("starting", "Starting the engine")
        self._work(self._send(task, self._number))
        self.wake()  # may fail at once, and then ends what has just begun

    def cancel(self) -> None:
        """Stop at once; the engine stays warm. No layer is added."""
        if not self.busy:
            return
        number = self._number
        self._number += 1  # what still comes of the old job is not heard
        self._end()
        self.engine.send({"op": "cancel", "job": number})
        if self.engine.running:
            self._cancelled = number
            self._patience.start(_PATIENCE_MS if self.engine.ready else _START_MS)
        self._become("idle", "Stopped")

    def refuse(self, sentence: str) -> None:
        """Say why nothing is begun."""
        if self.busy:
            self._say(sentence)
        else:
            self._fail(sentence)

    def set_up(self) -> None:
        """Make the engine's environment anew, with the engine that came with the plugin."""
        self.cancel()
        self.live.stop()
        self.lesson.close()
        self.engine.stop()
        self.problem = self.details = ""
        self.setup.start()

    def close(self) -> None:
        """End everything, as Krita does."""
        self.live.stop()
        self.lesson.close()
        self._end()
        self._become("idle", "")
        self.setup.cancel()
        self.engine.stop()

    # the work, a step at a time

    def _send(self, task: Task, number: int) -> Iterator[int]:
        """Send the layers to the engine. Yields milliseconds to wait."""
        snapshot = layers.Snapshot(task.document)
        selected = layers.selection(task.document)
        try:
            yield NEXT_MS  # the clone was enough for one turn
            keys = [task.layer] + [each.layer for each in (*task.styles, task.region) if each and each.layer]
            for _ in snapshot.show(keys):
                yield IDLE_MS
            while not self.engine.hello:
                yield IDLE_MS
                self._check_engine()
            self._become("reading", "Reading the layers")
            content = snapshot.picture(task.layer)
            if selected is not None:
                rect = layers.around(selected[1]).intersected(content.rect)
                if not selected[1].intersected(content.rect).width:
                    raise layers.LayerError("The selection is beside the layer: there is nothing to paint in it.")
                content = snapshot.picture(task.layer, rect)
            self._rect, self._depth, self._note = content.rect, content.depth, content.note
            send, size = self.engine.send_rows, content.rect[2:]
            yield from send(number, "content", 0, size, content.format, content.stripes())
            if selected is not None:
                yield from send(number, "mask", 0, size, "gray8", layers.mask_stripes(selected[0], content.rect))
            for index, style in enumerate(task.styles):
                if style.path or style.net:
                    self.engine.send({"op": "image", "job": number, "role": "style", **style.named()})
                else:
                    shown = snapshot.picture(style.layer)
                    yield from send(number, "style", index, shown.rect[2:], shown.format, shown.stripes())
            if task.region is not None:
                yield from send(number, "region", 0, size, *snapshot.region(task.region.layer, content.rect))
        finally:
            snapshot.close()
        self._become("painting", "Painting")
        self.engine.send({"op": "start", "job": number, "options": task.options})
        looked = QtCore.QElapsedTimer()
        while True:
            if not looked.isValid() or looked.elapsed() > _LOOK_MS or self._arrived:
                looked.start()
                if not layers.is_open(task.document):
                    self.cancel()
                    return
            if not self._arrived:
                yield IDLE_MS
                self._check_engine()
                continue
            arrived = self._arrived.pop(0)
            if arrived is None:
                break
            if self._result is None:
                self._become("writing", "Adding the layer")
                self._result = layers.ResultLayer(task.document, task.title, self._rect, self._depth)
            for _ in self._result.write(*arrived):
                yield NEXT_MS
        assert self._result is not None
        self._result.add(task.layer)

    def _check_engine(self) -> None:
        if not self.engine.running:
            raise layers.LayerError("The engine has ended. Press Stylize again.")

    def _work(self, steps: Iterator[int]) -> None:
        self._steps = steps
        self._ticking.start(NEXT_MS)

    def _tick(self) -> None:
        steps = self._steps
        if steps is None:
            return
        try:
            wait = next(steps)
        except StopIteration:
            if self._steps is steps:  # not cancelled in the last step
                self._end()
                self.fraction = 1.0
                self._become("idle", self._done)
            return
        except layers.LayerError as error:
            self._give_up(str(error))
            return
        except Exception as error:  # a dialog of Krita's for each would help nobody
            self._give_up(f"Something went wrong in the plugin: {type(error).__name__}: {error}", traceback.format_exc())
            return
        if self._steps is steps:
            self._ticking.start(wait)

    def _end(self) -> None:
        steps, self._steps = self._steps, None
        self._ticking.stop()
        if steps is not None and not getattr(steps, "gi_running", False):
            steps.close()  # the snapshot goes
        self._task = self._result = None
        self._arrived = []

    # what the engine says

    def _hear(self, header: dict[str, Any], blob: bytes) -> None:
        op = header.get("op")
        if op == "hello":
            if header.get("protocol") != PROTOCOL:
                self.engine.stop()
                self._give_up(
                    "The engine (version {}) does not fit the plugin: set it up again.".format(header.get("version"))
                )
            self.changed.emit()
            return
        if op == "ready":
            self._asked = None
            self.changed.emit()
            return
        if op == "nets":
            self.nets = list(header.get("nets", []))
            self.changed.emit()
            return
        if op == "estimate":
            self.estimate = _estimate(header)
            self.changed.emit()
            return
        if op == "cancelled":
            if header.get("job") == self._cancelled:
                self._patience.stop()
            return
        if header.get("job") != self._number or not self.busy:
            return
        if op == "progress":
            self.fraction = float(header.get("fraction", 0))
            self._say(_progress(header))
        elif op == "preview":
            self.preview = picture(header, blob)
            self.changed.emit()
        elif op == "rows":
            self._arrived.append((header["y"], header["rows"], blob))
        elif op == "done":
            self._done = f"Done in {_time(header['seconds'])}, painted at {header['width']} x {header['height']}"
            self._done += f". {self._note}" if self._note else ""
            self._arrived.append(None)
        elif op == "error":
            self._give_up(str(header.get("text")), "{}\n{}".format(header.get("code"), self.engine.last_words))

    def _engine_stopped(self, sentence: str) -> None:
        self._patience.stop()
        self.live.stop()
        if self.busy:
            self._give_up(sentence, self.engine.last_words)
        else:
            self._fail(sentence, self.engine.last_words)

    def _set_up_ended(self, problem: str) -> None:
        self._fail(problem, self.setup.output if problem else "")
        if not problem:
            settings.store(engine="")  # it is this one from now on, whatever was set before
            self.wake()

    def _hung(self) -> None:
        """An engine that does not answer is ended. Who has pressed Stylize again meanwhile gets a new one."""
        self.live.stop()
        self.engine.stop()
        task = self._task
        self._end()
        self._become("idle", self.status)
        if task is not None:
            self.start(task)

    def _give_up(self, sentence: str, details: str = "") -> None:
        """The job is over without a result."""
        number = self._number
        self._number += 1
        self._end()
        self.engine.send({"op": "cancel", "job": number})
        self._fail(sentence, details)

    def _fail(self, sentence: str, details: str = "") -> None:
        self.problem, self.details = sentence, details
        self._become("idle", "")

    def _become(self, state: str, status: str) -> None:
        self.state, self.status = state, status
        self._asked = None  # there may be more memory now, or less
        if not self.engine.running:
            self.estimate = ""
        self.changed.emit()

    def _say(self, status: str) -> None:
        self.status = status
        self.changed.emit()


_runners: list[Runner] = []


def runner() -> Runner:
    """The one of this Krita"""
    if not _runners:
        _runners.append(Runner())
    return _runners[0]


def environment_folder() -> str:
    """Where the plugin's own engine lives"""
    return os.path.join(settings.folder(), "engine")


def _progress(header: dict[str, Any]) -> str:
    if header.get("phase") == "weights":
        return f"Downloading the network, once: {header['fraction']:.0%}"
    left = header.get("eta")
    size = f"{header['width']} x {header['height']}"
    return f"Painting at {size}" + ("" if left is None else f", {_time(left)} left")


def _estimate(header: dict[str, Any]) -> str:
    if "text" in header:
        return str(header["text"])
    size = "{} x {}".format(header["width"], header["height"])
    return "{}: about {}, {:.1f} GB of memory".format(size, _time(header["seconds"]), header["memory"] / 1e9)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
