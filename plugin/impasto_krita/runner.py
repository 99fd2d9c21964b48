"""Runs one painting after another, whichever window has requested it, and owns the engine, its setup, Live and training.

States: idle -> starting (the engine) -> reading (send layers to the engine) -> painting -> writing (the result) -> idle
"""

from __future__ import annotations

from typing import Any, Callable

from krita import Document

from impasto_client import messages
from impasto_client.disk import delete_in_background
from impasto_client.engine_install import find_engine_command
from impasto_client.engine_stream import image_frames
from impasto_client.i18n import i18n
from impasto_client.installation import engine_python, installed_python, this_local_folder
from impasto_client.protocol import PROTOCOL, stripes
from impasto_client.request import PaintRequest

from . import layers, results, settings
from .animation import AnimationPainting
from .background import BackgroundWork
from .document_history import Histories
from .engine_process import EngineProcess, bgra_bytes, preview_image
from .engine_setup import EngineSetup
from .estimates import Estimates
from .live_painting import LivePainting
from .painting_job import DocumentClosed, PaintingJob
from .qt import QtCore, QtGui
from .steps import StepRunner, Steps
from .training import StyleTraining

#: How long the engine may take to confirm that a job was cancelled; after that it counts as hanging and is ended. On a busy
#: computer a step or the loading of the network takes seconds, and so does the start of another engine.
_CANCEL_TIMEOUT_MS = 10_000
#: The same while it starts: importing torch from a slow disk takes long.
_START_TIMEOUT_MS = 60_000


class Runner(QtCore.QObject):
    """The state of all work.

    Signals: `changed` when something visible has changed, and `faces_found` with the answer to `request_faces`.
    """

    changed = QtCore.pyqtSignal()
    faces_found = QtCore.pyqtSignal(list)

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self.state = "idle"
        self.status = ""  # one line about the work in progress
        self.document: Document | None = None  # that the status, the preview and the problem are about
        self.fraction = 0.0
        self.preview: QtGui.QImage | None = None
        self.problem = ""  # what went wrong last, for the user
        self.remedy: tuple[str, Callable[[], None]] | None = None  # text of a button, and what it does about the problem
        self.details = ""  # the same for someone who helps the user; empty for what the user can mend
        self.last_request: PaintRequest | None = None
        self.queue: list[PaintRequest] = []  # that wait, the next one first
        self.histories = Histories(BackgroundWork(self))
        self.engine = EngineProcess(self)
        self.engine_version: str | None = None  # of the engine that answered last
        self.engine.frame_received.connect(self._on_frame)
        self.engine.exited.connect(self._on_engine_exited)
        self.estimates = Estimates(self.engine)
        self.networks: list[dict[str, Any]] = []  # the instant styles that the engine knows
        self.network_folders: list[str] = []  # where the engine keeps what it has downloaded or trained
        self.live = LivePainting(self.engine, lambda: self.busy, self.histories.of, self)
        self.animation = AnimationPainting(self.engine, lambda: self.busy, self)
        self.animation.failed.connect(self._show_problem_beside)
        self.live.changed.connect(self._on_live_changed)
        self._hidden_group: tuple[Document, str] | None = None  # of results, while Live is on
        self.training = StyleTraining(self.engine_command, self)
        self.training.trained.connect(lambda path, network: self.engine.send({"op": "nets"}))
        self.setup = EngineSetup(this_local_folder(), self)
        self.setup.finished.connect(self._on_setup_finished)
        self._job: PaintingJob | None = None
        self._last_number = 0  # of a job; frames of other jobs are ignored
        self._cancelled_number = 0
        self._faces_number = 0  # negative: its answers are not those of a painting
        self._steps = StepRunner(self)
        self._steps.finished.connect(self._on_steps_finished)
        self._steps.failed.connect(self._abort)
        self._timeout = QtCore.QTimer(self)
        self._timeout.setSingleShot(True)
        self._timeout.timeout.connect(self._on_timeout)

    @property
    def busy(self) -> bool:
        return self.state != "idle"

    @property
    def options(self) -> list[dict[str, Any]]:
        """The engine's description of its options; empty until the engine has started."""
        return list(self.engine.hello.get("options", []))

    @property
    def finds_faces(self) -> bool:
        """Whether the engine has a face detector."""
        return bool(self.engine.hello.get("finds_faces"))

    @property
    def current(self) -> PaintRequest | None:
        """The request that is painted now."""
        return self._job.request if self._job is not None else None

    def engine_command(self) -> list[str] | None:
        """The command that runs the engine, or None if there is no engine."""
        installed = engine_python(this_local_folder()) or installed_python(settings.engine_folder())
        return find_engine_command(str(settings.load().get("engine", "")), installed)

    def start_engine(self) -> None:
        """Start the engine, so that it is ready when it is needed."""
        command = self.engine_command()
        if command is not None and not self.setup.running:
            self.engine.start(command)

    def request_faces(self, picture: QtGui.QImage) -> bool:
        """Ask the engine where the faces of a picture are; `faces_found` brings the answer. False: it has no time for that."""
        if self.busy or not self.engine.ready or not self.finds_faces or picture.isNull():
            return False
        self._faces_number -= 1
        number, width, height, pixels = self._faces_number, picture.width(), picture.height(), bgra_bytes(picture)
        parts = ((y, rows, pixels[4 * width * y : 4 * width * (y + rows)]) for y, rows in stripes(height))
        for header, blob in image_frames(number, "content", 0, (width, height), "bgra8", parts):
            self.engine.send(header, blob)
        self.engine.send({"op": "faces", "job": number})
        return True

    def rename_network(self, name: str, title: str) -> None:
        """Rename a network that the user has trained."""
        self.engine.send({"op": "rename_net", "name": name, "title": title})

    def delete_network(self, name: str) -> None:
        """Delete a network that the user has trained."""
        self.engine.send({"op": "delete_net", "name": name})

    def start_live(self, request: PaintRequest) -> None:
        """Switch Live on. While it is on, earlier results of the layer are hidden: they would hide the user's strokes."""
        self.live.start(request)
        history = self.histories.of(request.document)
        group = "" if history is None else history.history.group_of(request.layer_key)
        node = layers.find_node(request.document, group) if group else None
        if node is not None and node.visible():
            results.show_only(request.document, [], [group])
            self._hidden_group = request.document, group

    def _on_live_changed(self) -> None:
        if self._hidden_group is not None and not self.live.on:
            (document, group), self._hidden_group = self._hidden_group, None
            if layers.is_open(document):
                results.show_only(document, [group], [])

    def paint(self, *requests: PaintRequest) -> None:
        """Paint these requests, after those that are painted or wait already."""
        if self.setup.running:
            self.refuse(i18n("The engine is being installed: please wait."))
            return
        if self.engine_command() is None:
            self.refuse(messages.engine_missing())
            return
        self.queue += requests
        if requests:
            self.last_request = requests[-1]._replace(painting=None)
        if self.busy:
            self.changed.emit()
        else:
            self.problem, self.details, self.remedy = "", "", None
            self._begin_next()

    def move_queued(self, old: int, new: int) -> None:
        """Move a request that waits to another position in the queue."""
        self.queue.insert(new, self.queue.pop(old))
        self.changed.emit()

    def remove_queued(self, index: int) -> None:
        del self.queue[index]
        self.changed.emit()

    def clear_queue(self) -> None:
        """Remove all requests that wait."""
        self.queue = []
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the painting now and add no layer; the next in the queue begins. The engine stays running."""
        if self._job is None or self._job.added:
            return
        number = self._job.number
        self._forget_job()
        self.engine.send({"op": "cancel", "job": number})
        if self.engine.running:
            self._cancelled_number = number
            self._timeout.start(_CANCEL_TIMEOUT_MS if self.engine.ready else _START_TIMEOUT_MS)
        self._set_state("idle", i18n("Stopped"))
        self._begin_next()

    def cancel_all(self) -> None:
        """Empty the queue and stop the painting."""
        self.queue = []
        self.cancel()

    def refuse(self, reason: str, remedy: str = "", function: Callable[[], None] | None = None) -> None:
        """Show why a request is not carried out.  remedy: text of a button that calls the function"""
        self.problem, self.details = reason, ""
        self.remedy = None if function is None else (remedy, function)
        self.changed.emit()

    def clear_problem(self) -> None:
        """What the last problem was about has changed."""
        if self.problem:
            self.refuse("")

    def set_up_engine(self) -> None:
        """Install the engine that comes with the plugin, instead of the one that is installed."""
        self.cancel_all()
        self.live.stop()
        self.animation.stop()
        self.training.close()
        self._timeout.stop()
        self.engine.stop()
        self.problem = self.details = ""
        self.setup.start()

    def close(self) -> None:
        """End all work and processes. Call this when Krita closes."""
        self.queue = []
        self.live.stop()
        self.animation.stop()
        self.training.close()
        self._forget_job()
        self._timeout.stop()
        self._set_state("idle", "")
        self.setup.cancel()
        self.engine.stop()

    def _begin_next(self) -> None:
        """Begin the next request of the queue, if no other is painted."""
        while self.queue and self._job is None:
            request = self.queue.pop(0)
            history = self.histories.of(request.document)
            if history is not None:  # None: the document was closed
                self._begin(request, PaintingJob(request, self._last_number + 1, self.engine, history, self))

    def _begin(self, request: PaintRequest, job: PaintingJob) -> None:
        self.live.clear_status()
        self._job, self.document = job, request.document
        self._last_number = job.number
        self.preview, self.fraction = None, 0.0
        job.state_changed.connect(self._set_state)
        self._set_state("starting", i18n("Starting the engine"))
        self._steps.start(self._run(job))
        self.start_engine()  # if this fails at once, it ends the steps that have just begun

    def _run(self, job: PaintingJob) -> Steps:
        try:
            yield from job.run()
        except DocumentClosed:
            self.cancel()

    def _on_steps_finished(self) -> None:
        job = self._job
        if job is None:
            return
        self._forget_job()
        self.fraction = 1.0
        self.estimates.expire()  # the engine learns from each painting how long they take
        self._set_state("idle", messages.painting_done(job.done, job.note))
        self._begin_next()

    def _forget_job(self) -> None:
        job, self._job = self._job, None
        self._steps.stop()
        if job is not None:
            job.deleteLater()

    def _on_frame(self, header: dict[str, Any], blob: bytes) -> None:
        op = header.get("op")
        if op == "hello":
            self.engine_version = header.get("version")
            if header.get("protocol") != PROTOCOL:
                self.engine.stop()
                self._abort(i18n("The engine (version {version}) does not match the plugin.", version=self.engine_version))
            self.changed.emit()
        elif op == "ready":
            self.estimates.expire()
            self.changed.emit()
        elif op == "nets":
            self.networks = list(header.get("nets", []))
            self.network_folders = list(header.get("folders", []))
            self.changed.emit()
        elif op == "faces":
            if header.get("job") == self._faces_number:
                self.faces_found.emit(header["faces"])
        elif op == "estimate":
            self.estimates.receive(header)
            self.changed.emit()
        elif op == "error" and not header.get("job"):  # it belongs to no painting
            self.refuse(str(header.get("text")))
        elif op == "cancelled":
            if header.get("job") == self._cancelled_number:
                self._timeout.stop()
        elif self._job is not None and header.get("job") == self._job.number:
            self._on_job_frame(self._job, header, blob)

    def _on_job_frame(self, job: PaintingJob, header: dict[str, Any], blob: bytes) -> None:
        op = header.get("op")
        if op == "progress":
            self.fraction = float(header.get("fraction", 0))
            self._set_status(messages.painting_progress(header))
        elif op == "preview":
            self.preview = preview_image(header, blob)
            self.changed.emit()
        elif op == "rows":
            job.receive_rows(header, blob)
        elif op == "done":
            job.receive_done(header)
        elif op == "error":
            code = header.get("code")
            mistake = code in messages.USER_ERRORS
            self._abort(str(header.get("text")), "" if mistake else f"{code}\n{self.engine.stderr_tail}")

    def _on_engine_exited(self, message: str) -> None:
        self._timeout.stop()
        self.live.stop()
        self._abort(message, self.engine.stderr_tail or message)

    def _on_setup_finished(self, problem: str) -> None:
        if not problem:
            delete_in_background(settings.engine_folder())
        self._show_problem(problem, self.setup.details if problem else "")
        if not problem:
            settings.store(engine="")  # use the new engine, whichever was set before
            self.start_engine()

    def _on_timeout(self) -> None:
        """End an engine that does not answer. If another painting has begun meanwhile, begin it again with a new engine."""
        self.live.stop()
        self.engine.stop()
        request = self.current
        self._forget_job()
        self._set_state("idle", self.status)
        if request is not None:
            self.queue.insert(0, request)
        self._begin_next()

    def _abort(self, message: str, details: str = "") -> None:
        """End the job without a result, and begin the next."""
        job = self._job
        self._forget_job()
        if job is not None:
            self.engine.send({"op": "cancel", "job": job.number})
        self._show_problem(message, details)
        self._begin_next()

    def _show_problem_beside(self, message: str, details: str) -> None:
        """Show a problem of other work than the painting."""
        self.refuse(message)
        self.details = details
        self.changed.emit()

    def _show_problem(self, message: str, details: str = "") -> None:
        """Return to idle and show this problem; an empty text clears the last one."""
        self.problem, self.details, self.remedy = message, details, None
        self._set_state("idle", "")

    def _set_state(self, state: str, status: str) -> None:
        self.state, self.status = state, status
        self.estimates.expire()
        self.changed.emit()

    def _set_status(self, status: str) -> None:
        self.status = status
        self.changed.emit()


_runners: list[Runner] = []


def get_runner() -> Runner:
    """The only runner of this Krita, created on first use."""
    if not _runners:
        _runners.append(Runner())
    return _runners[0]
