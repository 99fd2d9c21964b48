"""Runs one painting at a time, whichever window has requested it, and owns the engine, its setup, Live and training.

States: idle -> starting (the engine) -> reading (send layers to the engine) -> painting -> writing (the result) -> idle
"""

from __future__ import annotations

from typing import Any

from krita import Document, Krita

from . import layers, messages, results, settings
from .disk import delete_in_background
from .engine_install import find_engine_command
from .engine_process import EngineProcess, bgra_bytes, preview_image
from .engine_setup import EngineSetup
from .errors import PluginError
from .geometry import Rect
from .installation import engine_python, installed_python, this_local_folder
from .live_painting import LivePainting
from .protocol import PROTOCOL, stripes
from .qt import QtCore, QtGui
from .request import STRIDE, Painting, PaintRequest, painted_side
from .steps import IDLE_MS, NEXT_MS, StepRunner, Steps
from .training import StyleTraining

#: How long the engine may take to confirm that a job was cancelled; after that it counts as hanging and is ended. On a busy
#: computer a step or the loading of the network takes seconds, and so does the start of another engine.
_CANCEL_TIMEOUT_MS = 10_000
#: The same while it starts: importing torch from a slow disk takes long.
_START_TIMEOUT_MS = 60_000
#: How often to check whether the document is still open.
_DOCUMENT_CHECK_MS = 500


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
        self.fraction = 0.0
        self.preview: QtGui.QImage | None = None
        self.problem = ""  # what went wrong last, for the user
        self.details = ""  # the same for someone who helps the user
        self.last_request: PaintRequest | None = None
        self.estimates: dict[int, dict[str, Any]] = {}  # size option -> the answer to request_estimates()
        self._estimate_request: Any = None
        self.engine = EngineProcess(self)
        self.engine_version: str | None = None  # of the engine that answered last
        self.engine.frame_received.connect(self._on_frame)
        self.engine.exited.connect(self._on_engine_exited)
        self.networks: list[dict[str, Any]] = []  # the instant styles that the engine knows
        self.live = LivePainting(self.engine, lambda: self.busy, self)
        self.training = StyleTraining(self.engine_command, self)
        self.training.trained.connect(lambda: self.engine.send({"op": "nets"}))
        self.setup = EngineSetup(this_local_folder(), self)
        self.setup.finished.connect(self._on_setup_finished)
        self._job = 0  # frames of other jobs are ignored
        self._cancelled_job = 0
        self._faces_job = 0  # negative: its answers are not those of a painting
        self._request: PaintRequest | None = None
        self._rect = Rect(0, 0, 0, 0)  # of the result
        self._depth = "U8"
        self._note = ""
        self._received: list[tuple[int, int, bytes] | None] = []  # (y, rows, pixels) to be written; None: the end
        self._done_status = ""
        self._refinable_size: tuple[int, int] | None = None  # at which the result was painted, if it can be refined
        self.refinable: PaintRequest | None = None  # goes on from the last result, if that is smaller than its layer
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

    def engine_command(self) -> list[str] | None:
        """The command that runs the engine, or None if there is no engine."""
        installed = engine_python(this_local_folder()) or installed_python(settings.engine_folder())
        return find_engine_command(str(settings.load().get("engine", "")), installed)

    def start_engine(self) -> None:
        """Start the engine, so that it is ready when it is needed."""
        command = self.engine_command()
        if command is not None and not self.setup.running:
            self.engine.start(command)

    def request_estimates(self, width: int, height: int, options: dict[str, Any], sizes: list[int]) -> None:
        """Ask the engine for the time and memory of each of these sizes; `estimates` will have the answers.

        width, height: of the layer; options: the others
        """
        request = width, height, options, sizes
        if request == self._estimate_request or self.busy or not self.engine.ready:
            return
        self._estimate_request = request
        for size in dict.fromkeys(painted_side(size, (width, height)) for size in sizes):
            header = {"op": "estimate", "width": width, "height": height, "options": {**options, "size": size}}
            self.engine.send(header)

    def request_faces(self, picture: QtGui.QImage) -> bool:
        """Ask the engine where the faces of a picture are; `faces_found` brings the answer. False: it has no time for that."""
        if self.busy or not self.engine.ready or not self.finds_faces or picture.isNull():
            return False
        self._faces_job -= 1
        width, height, pixels = picture.width(), picture.height(), bgra_bytes(picture)
        image = {"op": "image", "job": self._faces_job, "role": "content", "width": width, "height": height, "format": "bgra8"}
        self.engine.send(image)
        for y, rows in stripes(height):
            part = pixels[4 * width * y : 4 * width * (y + rows)]
            self.engine.send({"op": "rows", "job": self._faces_job, "role": "content", "y": y, "rows": rows}, part)
        self.engine.send({"op": "faces", "job": self._faces_job})
        return True

    def start(self, request: PaintRequest) -> None:
        """Begin a painting. It is refused while another one is in progress."""
        if self.busy or self.setup.running:
            busy = "A painting is in progress: stop it first, or wait."
            self.refuse(busy if self.busy else "The engine is being set up: please wait.")
            return
        self.problem = self.details = ""
        self.live.clear_status()
        self._request = request
        self.last_request = request._replace(painting=None) if request.painting else request
        self.refinable = None
        self._job += 1
        self.preview, self.fraction = None, 0.0
        self._received = []
        if self.engine_command() is None:
            self._show_problem(messages.ENGINE_MISSING)
            return
        self._set_state("starting", "Starting the engine")
        self._steps.start(self._run_request(request, self._job))
        self.start_engine()  # if this fails at once, it ends the steps that have just begun

    def refine(self) -> None:
        """Paint the last result at the size of its layer: the same strokes, and finer ones."""
        if self.can_refine(Krita.instance().activeDocument()):
            assert self.refinable is not None
            self.start(self.refinable)

    def can_refine(self, document: Document | None) -> bool:
        """Whether the last result is in this document and can be refined."""
        return not self.busy and self.refinable is not None and self.refinable.document == document

    def _offer_again(self) -> None:
        """After a refinement that was stopped or has failed, it can be asked for again."""
        if self._request is not None and self._request.painting is not None:
            self.refinable = self._request

    def cancel(self) -> None:
        """Stop the painting now and add no layer. The engine stays running."""
        if not self.busy:
            return
        job = self._job
        self._job += 1  # ignore what the engine still sends for the old job
        self._offer_again()
        self._clean_up()
        self.engine.send({"op": "cancel", "job": job})
        if self.engine.running:
            self._cancelled_job = job
            self._timeout.start(_CANCEL_TIMEOUT_MS if self.engine.ready else _START_TIMEOUT_MS)
        self._set_state("idle", "Stopped")

    def refuse(self, reason: str) -> None:
        """Show why a request is not carried out."""
        if self.busy:
            self._set_status(reason)
        else:
            self._show_problem(reason)

    def set_up_engine(self) -> None:
        """Install the engine that comes with the plugin, instead of the one that is installed."""
        self.cancel()
        self.live.stop()
        self.training.close()
        self.engine.stop()
        self.problem = self.details = ""
        self.setup.start()

    def close(self) -> None:
        """End all work and processes. Call this when Krita closes."""
        self.live.stop()
        self.training.close()
        self._clean_up()
        self._set_state("idle", "")
        self.setup.cancel()
        self.engine.stop()

    def _run_request(self, request: PaintRequest, job: int) -> Steps:
        """Send the layers, start the job, and write its result to a new layer."""
        yield from self._send_layers(request, job)
        self._set_state("painting", "Painting")
        side = painted_side(request.options.get("size", 0), (self._rect.width, self._rect.height))
        options = {**request.options, "size": side}
        if options.get("preset", "impasto") != "impasto":  # the other presets do as other programs do
            options.pop("protect", None)
        self.engine.send({"op": "start", "job": job, "options": options})
        result: results.ResultLayer | None = None
        last_check = QtCore.QElapsedTimer()
        while True:
            if not last_check.isValid() or last_check.elapsed() > _DOCUMENT_CHECK_MS or self._received:
                last_check.start()
                if not layers.is_open(request.document):
                    self.cancel()
                    return
            if not self._received:
                yield IDLE_MS
                self._require_engine()
                continue
            stripe = self._received.pop(0)
            if stripe is None:
                break
            if result is None:
                self._set_state("writing", "Adding the layer")
                result = results.ResultLayer(request.document, request.title, self._rect, self._depth)
            yield from result.write(*stripe)
        assert result is not None
        result.add_above(request.painting.layer_key if request.painting else request.layer_key)
        size = self._refinable_size
        if size is not None and max(size) + STRIDE < painted_side(0, (self._rect.width, self._rect.height)):
            painting = Painting(result.key, self._rect, *size)
            self.refinable = request._replace(options={**request.options, "size": 0}, painting=painting)

    def _send_layers(self, request: PaintRequest, job: int) -> Steps:
        """Send the layer to paint, the selection, the styles and the region to the engine."""
        snapshot = layers.Snapshot(request.document)
        selection = layers.copy_selection(request.document)
        try:
            yield NEXT_MS  # cloning the document took as long as one step may
            sources: list[Any] = [*request.styles, request.region, request.protected, request.painting]
            sources = [source for source in sources if source is not None and source.layer_key]
            yield from snapshot.make_visible([request.layer_key, *(source.layer_key for source in sources)])
            while not self.engine.hello:
                yield IDLE_MS
                self._require_engine()
            self._set_state("reading", "Reading the layers")
            content = snapshot.picture(request.layer_key)
            if selection is not None:
                mask, selected = selection
                if not selected.intersection(content.rect).width:
                    raise PluginError("The selection does not overlap the layer: there is nothing to paint.")
                rect = layers.with_margin(selected).intersection(content.rect)
                content = snapshot.picture(request.layer_key, rect)
            self._rect, self._depth, self._note = content.rect, content.depth, content.note
            send, size = self.engine.send_image, content.size
            yield from send(job, "content", 0, size, content.format, content.stripes())
            if selection is not None:
                yield from send(job, "mask", 0, size, "gray8", layers.mask_stripes(mask, content.rect))
            for index, style in enumerate(request.styles):
                if style.layer_key:
                    picture = snapshot.picture(style.layer_key)
                    yield from send(job, "style", index, picture.size, picture.format, picture.stripes())
                else:
                    self.engine.send({"op": "image", "job": job, "role": "style", **style.to_header()})
            if request.region is not None:
                yield from send(job, "region", 0, size, *snapshot.region(request.region.layer_key, content.rect))
            if request.protected is not None:
                yield from send(job, "protect", 0, size, *snapshot.region(request.protected.layer_key, content.rect))
            if request.painting is not None:
                key, rect, width, height = request.painting
                if rect != content.rect:
                    raise PluginError(
                        "The selection has changed since this was painted: select the same area, or press Stylize."
                    )
                picture = snapshot.picture(key, rect)
                stripes = picture.stripes()
                yield from send(job, "painting", 0, size, picture.format, stripes, painted_width=width, painted_height=height)
        finally:
            snapshot.close()

    def _require_engine(self) -> None:
        if not self.engine.running:
            raise PluginError("The engine has ended. Press Stylize again.")

    def _on_steps_finished(self) -> None:
        self._clean_up()
        self.fraction = 1.0
        self._set_state("idle", self._done_status)

    def _clean_up(self) -> None:
        self._steps.stop()
        self._request = None
        self._received = []

    def _on_frame(self, header: dict[str, Any], blob: bytes) -> None:
        op = header.get("op")
        if op == "hello":
            self.engine_version = header.get("version")
            if header.get("protocol") != PROTOCOL:
                self.engine.stop()
                self._abort(f"The engine (version {self.engine_version}) does not match the plugin.")
            self.changed.emit()
        elif op == "ready":
            self._estimate_request = None
            self.changed.emit()
        elif op == "nets":
            self.networks = list(header.get("nets", []))
            self.changed.emit()
        elif op == "faces":
            if header.get("job") == self._faces_job:
                self.faces_found.emit(header["faces"])
        elif op == "estimate":
            self._add_estimate(header)
            self.changed.emit()
        elif op == "cancelled":
            if header.get("job") == self._cancelled_job:
                self._timeout.stop()
        elif header.get("job") == self._job and self.busy:
            self._on_job_frame(header, blob)

    def _add_estimate(self, header: dict[str, Any]) -> None:
        """Keep an estimate for each of the sizes that are painted at this one."""
        if self._estimate_request is not None:
            width, height, _, sizes = self._estimate_request
            for size in sizes:
                if header.get("size", 0) in (0, painted_side(size, (width, height))):  # 0: the options are not valid
                    self.estimates[size] = header

    def _on_job_frame(self, header: dict[str, Any], blob: bytes) -> None:
        op = header.get("op")
        if op == "progress":
            self.fraction = float(header.get("fraction", 0))
            self._set_status(messages.painting_progress(header))
        elif op == "preview":
            self.preview = preview_image(header, blob)
            self.changed.emit()
        elif op == "rows":
            self._received.append((header["y"], header["rows"], blob))
        elif op == "done":
            self._done_status = messages.painting_done(header, self._note)
            self._refinable_size = (header["width"], header["height"]) if header.get("can_be_refined") else None
            self._received.append(None)
        elif op == "error":
            self._abort(str(header.get("text")), f"{header.get('code')}\n{self.engine.stderr_tail}")

    def _on_engine_exited(self, message: str) -> None:
        self._timeout.stop()
        self.live.stop()
        if self.busy:
            self._abort(message, self.engine.stderr_tail)
        else:
            self._show_problem(message, self.engine.stderr_tail)

    def _on_setup_finished(self, problem: str) -> None:
        if not problem:
            delete_in_background(settings.engine_folder())
        self._show_problem(problem, self.setup.details if problem else "")
        if not problem:
            settings.store(engine="")  # use the new engine, whichever was set before
            self.start_engine()

    def _on_timeout(self) -> None:
        """End an engine that does not answer. If the user has pressed Stylize again meanwhile, start a new one."""
        self.live.stop()
        self.engine.stop()
        request = self._request
        self._clean_up()
        self._set_state("idle", self.status)
        if request is not None:
            self.start(request)

    def _abort(self, message: str, details: str = "") -> None:
        """End the job without a result."""
        job = self._job
        self._job += 1
        self._offer_again()
        self._clean_up()
        self.engine.send({"op": "cancel", "job": job})
        self._show_problem(message, details)

    def _show_problem(self, message: str, details: str = "") -> None:
        """Return to idle and show this problem; an empty text clears the last one."""
        self.problem, self.details = message, details
        self._set_state("idle", "")

    def _set_state(self, state: str, status: str) -> None:
        self.state, self.status = state, status
        self._estimate_request = None  # the free memory may be different now
        if not self.engine.running:
            self.estimates = {}
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
