"""Paints the frames of an animation in an instant style, smoothly over time, on a new animated layer.

The frames are read from a clone of the document, so that the user can go on with it. Each painted frame is a file in the
plugin's data folder, named by a digest of what it depends on: its pixels, the settings and, since it is smoothed over time,
the frames before it. What is there already is not painted again: painting goes on where it was stopped, even after a restart
of Krita, and starts over from the first frame that was changed.

A frame that equals the one before it, as in an animation on twos, is not painted: it shows the same picture, and does not
count in the smoothing, because a held drawing has to stand still.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Callable

from krita import Document, Krita

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.messages import format_seconds
from impasto_client.request import PaintRequest

from . import layers
from .engine_process import EngineProcess
from .film import Film, FilmSnapshot, Frame, FrameStore, Stripes, digest_of, read_frame
from .qt import QtCore
from .results import add_above, keep_active
from .steps import IDLE_MS, NEXT_MS, StepRunner, Steps

MAX_FRAMES = 2000
#: Weight of the earlier frames in the smoothing over time
STEADY = 0.8
#: Job numbers of animations start here, apart from those of paintings and of Live.
_FIRST_JOB = 1 << 24


def frame_range(document: Document) -> tuple[int, int]:
    """The first and the last frame of the active layer within the playback range; that range, if it has fewer than two."""
    first, last = document.playBackStartTime(), document.playBackEndTime()
    node = document.activeNode()
    if node is None or not node.animated():
        return first, last
    start = next(filter(node.hasKeyframeAtTime, range(first, last)), last)
    end = next(filter(node.hasKeyframeAtTime, range(last, start, -1)), start)
    return (start, end) if start < end else (first, last)


def has_animation(document: Document | None) -> bool:
    """Whether any layer or mask of the document is animated."""
    nodes = [document.rootNode()] if document is not None else []
    while nodes:
        node = nodes.pop()
        if node is not None:
            if node.animated():
                return True
            nodes += layers.children(node)
    return False


class AnimationPainting(QtCore.QObject):
    """Paints one range of frames at a time.

    Signals: `changed` when something visible has changed, `finished` when a layer was added to the document, and
    `failed(message, details)`. After a failure, as after `stop`, the frames that are done are kept.
    """

    changed, finished = QtCore.pyqtSignal(), QtCore.pyqtSignal()
    failed = QtCore.pyqtSignal(str, str)

    def __init__(self, engine: EngineProcess, engine_busy: Callable[[], bool], parent: QtCore.QObject | None = None) -> None:
        """engine_busy: whether the engine works on a painting, which goes first"""
        super().__init__(parent)
        self.status, self.fraction = "", 0.0
        self._engine, self._engine_busy = engine, engine_busy
        engine.frame_received.connect(self._on_frame)
        self._job = _FIRST_JOB
        self._received: list[bytes] = []  # rows of the frame that is being painted
        self._answer: tuple[dict[str, Any], bytes] | None = None  # the end of the job: `done` with the state, or `error`
        self._film: Film | None = None  # that is being painted, or that can go on
        self._steps = StepRunner(self)
        self._steps.finished.connect(self._on_steps_finished)
        self._steps.failed.connect(self._on_steps_failed)

    @property
    def busy(self) -> bool:
        return self._steps.running

    @property
    def done_frames(self) -> int:
        """How many frames are done of the range that is being painted, or was stopped."""
        return 0 if self._film is None else len(self._film.files)

    @property
    def can_resume(self) -> bool:
        """Whether painting was stopped, or has failed, and can go on."""
        return not self.busy and self._film is not None and not self._film.problem()

    def start(self, request: PaintRequest, first: int, last: int, steady: float = STEADY) -> None:
        """Paint the frames from `first` to `last` of the request's layer, in its instant style. The engine has to be started.

        steady: weight of the earlier frames in the smoothing over time, from 0 up to, but not including, 1
        """
        if self.busy:
            return
        problem = _find_problem(request, first, last)
        if not problem:
            self._film = Film(request, first, last, steady)
            problem = self._film.problem()
        if problem:
            self._film = None
            self._on_steps_failed(problem, "")
        else:
            self.resume()

    def resume(self) -> None:
        """Go on with the frames that are missing. The engine has to be started."""
        if self.can_resume:
            assert self._film is not None
            self._film.earlier_files, self._film.files = self._film.files, []
            self._steps.start(self._paint(self._film))
            self._set_status(i18n("Reading the frames"))

    def add_done(self) -> None:
        """Add a layer with the frames that are done. The others can still be painted, which adds another layer."""
        if self.can_resume and self.done_frames:
            assert self._film is not None
            self._steps.start(self._add_layer(self._film))
            self.changed.emit()

    def stop(self) -> None:
        """Stop painting; the frames that are done are kept. Call this also when Krita closes."""
        if not self.busy:
            return
        self._cancel_job()
        self._steps.stop()
        if self._film is None:  # the layer was added already
            self._on_steps_finished()
            return
        self._film.keep_earlier_files()
        count = self._film.count
        self._set_status(i18n("Stopped: {done} of {count} frames are done.", done=self.done_frames, count=count))

    def _paint(self, film: Film) -> Steps:
        """Paint the frames that are missing, and add the layer."""
        snapshot = FilmSnapshot(film.request.document)
        protected = film.request.protected
        try:
            yield NEXT_MS  # cloning the document took as long as one step may
            yield from snapshot.make_visible([film.request.layer_key, *([protected.layer_key] if protected else [])])
            mask = yield from film.read_mask()
            store = film.store = FrameStore(film.key(mask))
            clock = _Clock(film.count)
            digest, previous = b"", ""  # of the last frame; name of the last one that was painted
            for moment in range(film.first, film.last + 1):
                self._show_progress(film, clock)
                yield from snapshot.show_frame(moment)
                frame = yield from read_frame(snapshot, film)
                film.require()
                if frame.digest == digest and film.files:
                    film.files.append(film.files[-1])
                elif frame.is_empty:
                    film.files.append("")
                else:
                    name = digest_of((previous if film.steady else "").encode(), frame.digest).hex()
                    if not store.contains(name, film):
                        yield from self._wait_for_engine(film)
                        clock.start(len(film.files))
                        self._show_progress(film, clock)
                        yield from self._paint_frame(film, frame, mask, store.state(previous if film.steady else ""))
                        assert self._answer is not None
                        yield from store.write(name, film, self._received, self._answer[1])
                    film.files.append(store.path(name))
                    previous = name
                digest = frame.digest
        except _SequenceRefused as error:
            film.files = film.earlier_files = []
            store.delete()
            raise PluginError(i18n("The style has changed since these frames were painted: paint them again.")) from error
        finally:
            snapshot.close()
        yield from self._add_layer(film)
        store.delete()

    def _wait_for_engine(self, film: Film) -> Steps:
        """Wait until the engine is ready, and has no painting to do."""
        while not self._engine.ready or self._engine_busy():
            self._require_engine(film)
            self._set_status(i18n("Waiting for the engine"))
            yield IDLE_MS

    def _paint_frame(self, film: Film, frame: Frame, mask: Stripes, state: bytes) -> Steps:
        """Let the engine paint a frame: then the rows are in `_received`, and `_answer` has the state for the next frame.

        state: of the smoothing, after the frame before
        """
        self._job += 1
        self._received, self._answer = [], None
        job, send, size = self._job, self._engine.send_image, film.rect[2:]
        yield from send(job, "content", 0, size, "bgra8", frame.stripes)
        if mask:
            yield from send(job, "mask", 0, size, "gray8", mask)
        if frame.protected:
            yield from send(job, "protect", 0, size, *frame.protected)
        self._engine.send({"op": "image", "job": job, "role": "style", **film.request.styles[0].to_header()})
        header = {"op": "start", "job": job, "options": film.request.options}
        self._engine.send({**header, "sequence": {"steady": film.steady}} if film.steady else header, state)
        while self._answer is None:
            self._require_engine(film)
            yield IDLE_MS
        answer = self._answer[0]
        if answer.get("code") == "SequenceError":
            raise _SequenceRefused(str(answer.get("text")))
        if answer["op"] == "error":
            number = len(film.files) + 1
            raise PluginError(i18n("Frame {number}: {problem}", number=number, problem=answer.get("text")))

    def _add_layer(self, film: Film) -> Steps:
        """Add a layer with the frames that are done, above the layer that was painted."""
        document, store = film.request.document, film.store
        film.require()
        assert store is not None
        self._set_status(i18n("Adding the frames"))
        path = yield from store.write_layer(film)
        temporary = _open_document(path)
        try:
            yield from layers.wait_for_drawing(temporary)
            layer = layers.children(temporary.rootNode())[0].duplicate()
            film.require()
            active = document.activeNode()
            layer_key = layers.node_key(layer)
            source = layers.find_node(document, film.request.layer_key)
            layer.setName(film.request.title)
            if source is not None and source.parentNode() is not None:
                layer.setOpacity(source.opacity())
                layer.setBlendingMode(source.blendingMode())
            add_above(document, layer, source)
        finally:  # Krita crashes if this is closed before the document has the layer
            temporary.setModified(False)
            temporary.close()
            with contextlib.suppress(OSError):
                os.remove(path)
        self.status = i18n("{count} frames were added.", count=len(film.files))
        if len(film.files) > 1 and len(set(film.files)) == 1:
            self.status = i18n("{layer} does not move: its frames are all the same.", layer=film.request.layer_name)
        if len(film.files) == film.count:
            self._film = None
        yield from keep_active(document, active, [layer_key])

    def _show_progress(self, film: Film, clock: _Clock) -> None:
        done = len(film.files)
        self.fraction = done / film.count
        values = {"number": min(done + 1, film.count), "count": film.count}
        seconds = clock.seconds_left(done)
        if seconds is None:
            self._set_status(i18n("Frame {number} of {count}", **values))
        else:
            time_left = format_seconds(seconds)
            self._set_status(i18n("Frame {number} of {count}, {seconds} left", **values, seconds=time_left))

    def _require_engine(self, film: Film) -> None:
        film.require()
        if not self._engine.running:
            raise PluginError(i18n("The engine has ended: press Resume to go on."))

    def _on_frame(self, header: dict[str, Any], blob: bytes) -> None:
        if header.get("job") != self._job or not self.busy:
            return
        if header.get("op") == "rows":
            self._received.append(blob)
        elif header.get("op") in ("done", "error"):
            self._answer = header, blob
            self._steps.advance()

    def _on_steps_finished(self) -> None:
        self.fraction, self._received = 1.0, []
        self.changed.emit()
        self.finished.emit()

    def _on_steps_failed(self, message: str, details: str) -> None:
        self._cancel_job()
        if self._film is not None:
            self._film.keep_earlier_files()
        self._set_status(message)
        self.failed.emit(message, details)

    def _cancel_job(self) -> None:
        self._engine.send({"op": "cancel", "job": self._job})
        self._job += 1  # ignore what the engine still sends for the old job
        self._received = []

    def _set_status(self, status: str) -> None:
        self.status = status
        self.changed.emit()


class _SequenceRefused(Exception):
    """The engine does not go on with frames that were painted by another network."""


class _Clock:
    """Estimates the time that is left, from the frames since the first that had to be painted."""

    def __init__(self, count: int) -> None:
        self._count, self._start, self._first = count, 0.0, -1

    def start(self, done: int) -> None:
        """The frame after `done` others is painted now."""
        if self._first < 0:
            self._start, self._first = time.monotonic(), done

    def seconds_left(self, done: int) -> float | None:
        """None as long as it is not known."""
        if self._first < 0 or done <= self._first:
            return None
        return (time.monotonic() - self._start) / (done - self._first) * (self._count - done)


def _find_problem(request: PaintRequest, first: int, last: int) -> str:
    """Why these frames cannot be painted, in one sentence, or an empty string."""
    if len(request.styles) != 1 or not request.styles[0].network:
        return i18n("Frames are painted in an instant style: choose one, or make this style instant first.")
    if not layers.is_open(request.document) or layers.find_node(request.document, request.layer_key) is None:
        return i18n("The layer was removed.")
    if not has_animation(request.document):
        return i18n("This picture has no animation: press Stylize to paint it.")
    if first < 0 or last < first:
        return i18n("There are no frames from {first} to {last}.", first=first, last=last)
    if last - first >= MAX_FRAMES:
        count = last + 1 - first
        return i18n("{count} frames are too many at once: choose at most {most}.", count=count, most=MAX_FRAMES)
    return ""


def _open_document(path: str) -> Document:
    """Open a Krita file that the user does not see.  Raises PluginError"""
    krita = Krita.instance()
    batchmode = krita.batchmode()
    krita.setBatchmode(True)  # otherwise Krita shows a dialog: the file names its color profile, but does not contain it
    try:
        document = krita.openDocument(path)
    finally:
        krita.setBatchmode(batchmode)
    if document is None or not layers.children(document.rootNode()):
        raise PluginError(i18n("Krita cannot read the frames that were painted."))
    return document
