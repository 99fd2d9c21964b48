"""Live: an instant style repaints a layer after each brush stroke, where the stroke was.

Krita does not report changes of a layer. So the layer is polled whenever no stroke is in progress, and compared with what the
engine has of it. The difference is sent as a patch, and the engine answers with the patches of the painting that it affects.

The painting is shown in the docker, or on the canvas as a layer above the user's. That layer is opaque, so it steps aside
while the user draws, and comes back with the repaint of the stroke. While the engine has no time for a repaint, it comes back
right after the stroke, since the user may save the picture.
"""

from __future__ import annotations

import os
from typing import Callable

from krita import Document, Krita

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest

from . import layers, settings
from .canvas_strokes import CanvasStrokes
from .document_history import DocumentHistory
from .engine_process import EngineProcess
from .followed_layer import FollowedLayer, LiveResult
from .live_job import LiveJob
from .live_picture import LivePicture
from .qt import QtCore, QtGui
from .results import keep_active
from .steps import NEXT_MS, StepRunner, Steps

#: Where Live shows the painting.
CANVAS, DOCKER = "canvas", "docker"
_POLL_MS = 40
_MAX_POLL_MS = 6  # the longest time that one poll may take
#: Polls while another document is active
_PAUSED_POLL_MS = 250
#: How often to check whether the layers still exist.
_CHECK_MS = 500
#: A new style or new options are followed when they have not changed for this long.
_UPDATE_MS = 150
#: Krita activates a new layer within this many polls; then the user's layer is made the active one again.
_ACTIVATION_POLLS = 25


class LivePainting(QtCore.QObject):
    """Repaints one layer at a time.

    Signal: `changed` when Live was switched on or off, has a new status, or has repainted `picture`.
    """

    changed = QtCore.pyqtSignal()

    def __init__(
        self,
        engine: EngineProcess,
        engine_busy: Callable[[], bool],
        history_of: Callable[[Document], DocumentHistory | None],
        parent: QtCore.QObject | None = None,
    ) -> None:
        """engine_busy: whether the engine works on a painting, which goes first; history_of: the history of a document"""
        super().__init__(parent)
        self.status = ""
        self._engine, self._engine_busy, self._history_of = engine, engine_busy, history_of
        self._show_in = DOCKER if settings.load().get("live_show_in") == DOCKER else CANVAS
        self._request: PaintRequest | None = None
        self._sent_request: PaintRequest | None = None  # with the style that the engine has
        self._last_request: PaintRequest | None = None  # with the style of `_result`, also after Live has ended
        self._earlier_key = ""  # of the result layer before, above the same layer
        self._layer: FollowedLayer | None = None
        self._result: LiveResult | None = None  # is kept after Live has ended, for add_layer()
        self._picture: LivePicture | None = None
        self._sending: Steps | None = None  # sends the layer to the engine
        self._activity = self._note = ""  # parts of the status
        self._paused = False
        self._stroke_seen = False  # since a comparison of the layer was begun
        self._canvas_redrawn = False  # without the result layer, and not with it since
        self._show_due = False
        self._polls_until_settled = 0  # during these a layer of Live may still become the active one
        self._job = LiveJob(engine, self)
        self._job.answered.connect(self._on_answer)
        self._job.settled.connect(self._on_settled)
        self._job.failed.connect(self.stop)
        self._strokes = CanvasStrokes(self)
        self._strokes.pressed.connect(self._on_press)
        self._steps = StepRunner(self)
        self._steps.failed.connect(self.stop)
        self._update: PaintRequest | None = None
        self._update_timer = QtCore.QTimer(self)
        self._update_timer.setSingleShot(True)
        self._update_timer.timeout.connect(self._on_update_due)
        self._check_timer = QtCore.QElapsedTimer()

    @property
    def on(self) -> bool:
        return self._request is not None

    @property
    def document(self) -> Document | None:
        """The document that Live follows, or None."""
        return None if self._request is None else self._request.document

    @property
    def layer_key(self) -> str:
        """The key of the layer with the painting, or an empty string."""
        return self._result.key if self._result is not None and self._result.added else ""

    @property
    def painted_document(self) -> Document | None:
        """The document that `picture` is a painting of, if it is open; Live may have ended."""
        return self._last_request.document if self.can_add_layer and self._last_request is not None else None

    @property
    def picture(self) -> QtGui.QImage | None:
        """The painting, at most 512 px wide and high; None before the first one. It stays when Live has ended."""
        return None if self._picture is None else self._picture.image

    @property
    def can_add_layer(self) -> bool:
        """Whether there is a painting, and its document is open."""
        request = self._last_request
        return self._picture is not None and request is not None and layers.is_open(request.document)

    @property
    def show_in(self) -> str:
        """Where the painting is shown: CANVAS (a layer) or DOCKER (`picture`). The settings store it."""
        return self._show_in

    @show_in.setter
    def show_in(self, place: str) -> None:
        if place != self._show_in:
            self._show_in = place
            settings.store(live_show_in=place)
            self._show_due = True
            self.changed.emit()

    def start(self, request: PaintRequest) -> None:
        """Paint the request's layer in its instant style, and repaint it from now on."""
        self.stop()
        self._earlier_key = self._result_key(request)
        self._request, self._activity, self._note = request, i18n("Live: reading the layer"), ""
        self._layer = self._result = self._picture = self._sending = self._sent_request = self._last_request = None
        self._stroke_seen = self._show_due = self._paused = self._canvas_redrawn = False
        self._polls_until_settled = 0
        self._check_timer.invalidate()
        self._strokes.start()
        self._steps.start(self._follow())
        self.status = self._activity
        self.changed.emit()

    def update(self, request: PaintRequest) -> None:
        """Follow the style and the options of a request, soon after they have stopped to change. Its layer does not matter."""
        if self.on:
            self._update = request
            self._update_timer.start(_UPDATE_MS)

    def stop(self, message: str = "") -> None:
        """Stop repainting; the result layer stays."""
        if self._request is None:
            return
        document, self._request = self._request.document, None
        self._job.cancel()
        self._steps.stop()
        self._strokes.stop()
        self._update_timer.stop()
        self._layer = self._sending = None
        if not layers.is_open(document):
            self._result = self._picture = self._last_request = None
        elif self._result is not None and (self._result.aside or self._canvas_redrawn):
            self._result.show("")
        self.status = message
        self.changed.emit()

    def add_layer(self) -> None:
        """Add the painting as a layer above the one that Live follows, as one undo step.

        The active layer stays the same. While Live is on, the new layer is hidden, so that the user can go on.
        """
        request = self._last_request
        if request is None or self._result is None or not self.can_add_layer:
            return
        active = request.document.activeNode()
        key = self._result.add_copy(request.title, self._find_place(request), visible=not self.on)
        if self.on:
            self._polls_until_settled = _ACTIVATION_POLLS
            self._activity = i18n("Kept as a hidden layer: {name}", name=request.title)
            self._refresh_status()
        else:
            self._steps.start(keep_active(request.document, active, [key]))

    def uncover(self, document: Document) -> None:
        """Hide the layer that Live has left in this document, so that a result can be seen."""
        node = layers.find_node(document, self.layer_key) if self.layer_key and not self.on else None
        if node is not None and node.visible():
            node.setVisible(False)
            document.refreshProjection()

    def clear_status(self) -> None:
        """Remove the last message, unless Live is on."""
        if not self.on:
            self.status = ""

    def _follow(self) -> Steps:
        """Send the layer while the engine has time for it, then poll it until something that Live needs is gone."""
        while self._request is not None:
            self._check(self._request)
            wait: int | None = _POLL_MS
            if self._sending is None and self._request is not self._sent_request:
                self._sending = self._send_layer(self._request)
            self._watch_stroke()
            if self._sending is not None:
                if self._engine.ready and not self._engine_busy():
                    wait = next(self._sending, None)
                    if wait is None:
                        self._sending = None
            elif self._paused:
                wait = _PAUSED_POLL_MS
            else:
                yield from self._poll()
            yield _POLL_MS if wait is None else wait

    def _check(self, request: PaintRequest) -> None:
        """Raises PluginError if something is gone that Live needs"""
        if not layers.is_open(request.document):
            raise PluginError(i18n("Live has ended: its picture was closed."))
        if not self._engine.running:
            raise PluginError(i18n("The engine has ended: switch Live on again."))
        self._paused = Krita.instance().activeDocument() != request.document
        self._refresh_status()
        if not self._check_timer.isValid() or self._check_timer.elapsed() > _CHECK_MS:
            self._check_timer.start()
            if self._layer is not None:
                self._layer.check()
            if self._result is not None:
                self._result.check()

    def _watch_stroke(self) -> None:
        """Note what is drawn while the result layer is aside. Let it come back if the repaint has to wait.

        The canvas shows the stroke until it is redrawn.
        """
        layer, result = self._layer, self._result
        if layer is None or result is None or not result.aside:
            return
        if not layer.is_idle():
            self._canvas_redrawn = True
        elif self._paused or self._sending is not None or self._engine_busy():
            result.come_back()

    def _send_layer(self, request: PaintRequest) -> Steps:
        """Start a job with the request's style. The layer is read only the first time."""
        self._sent_request = request
        if self._layer is None:
            self._layer = FollowedLayer(request.document, request.layer_key)
            stripes = self._layer.read()
        else:
            stripes = self._layer.known()
        yield from self._job.start(self._layer.rect[2:], stripes, request.styles[0], request.options)
        self._activity = i18n("Live: painting the whole layer")
        self._refresh_status()

    def _poll(self) -> Steps:
        """Write what the engine has painted, and send what has changed in the layer."""
        layer, request = self._layer, self._request
        if layer is None or request is None:
            return
        if self._result is not None and self._polls_until_settled:
            activated = self._result.keep_inactive(request.layer_key)
            self._polls_until_settled = 0 if activated else self._polls_until_settled - 1
        if self._engine_busy() or not layer.is_idle():
            return
        yield from self._write_patches(layer, request)
        if self._job.awaiting_patches or not layer.is_idle():
            return
        change = layer.next_change(_MAX_POLL_MS)
        if layer.comparing:
            return
        self._stroke_seen = False  # a press restarts the comparison: this one has seen the whole stroke
        if change is not None:
            pixels = yield from layer.change_pixels(change)
            self._job.send_change(change, pixels)
            return
        if self._canvas_redrawn:
            self._show_due = True
        elif self._result is not None:
            # The user has moved the canvas, or picked a color: nothing has to be redrawn, which would take long.
            self._result.come_back()
        self._job.settle_if_due()

    def _write_patches(self, layer: FollowedLayer, request: PaintRequest) -> Steps:
        """Write to the result while the user does not draw, and show it once an answer of the engine is complete."""
        job = self._job
        while job.patches and layer.is_idle():
            patch = job.patches.pop(0)
            if self._result is None or self._picture is None:
                self._result = LiveResult(request.document, "", layer.engine_space)
                self._picture = LivePicture(*layer.rect[2:])
            self._last_request = self._sent_request
            self._picture.write(*patch)
            self._result.write(*patch)
            yield NEXT_MS
            self._check(request)
        if self._result is None or self._last_request is None or not layer.is_idle():
            return
        if job.complete and not job.patches:
            job.complete, self._show_due = False, True
            self._result.rename(i18n("Live: {title}", title=self._last_request.title))
            self.changed.emit()
            yield NEXT_MS
        # The painting of an earlier stroke must not cover the stroke that was drawn meanwhile.
        drawn_meanwhile = self._stroke_seen or job.awaiting_patches
        covers_stroke = drawn_meanwhile and (self._result.aside or self._canvas_redrawn)
        if self._show_due and layer.is_idle() and not covers_stroke:
            self._show_due = self._canvas_redrawn = False
            self._show(self._result, request)
            yield NEXT_MS

    def _show(self, result: LiveResult, request: PaintRequest) -> None:
        if self._show_in == DOCKER:
            result.hide()
            return
        if not result.added:
            self._polls_until_settled = _ACTIVATION_POLLS
        result.show(request.layer_key if result.added else self._find_place(request))

    def _find_place(self, request: PaintRequest) -> str:
        """The key of the layer above which a new result layer can be seen: above earlier results, which are opaque too."""
        history = self._history_of(request.document)
        group = "" if history is None else history.history.group_of(request.layer_key)
        for key in (self._earlier_key, group):
            if key and layers.find_node(request.document, key) is not None:
                return key
        return request.layer_key

    def _result_key(self, request: PaintRequest) -> str:
        """Identifies the last result layer, if it is of the same layer as this request's; otherwise an empty string."""
        last, result = self._last_request, self._result
        if result is None or last is None or (last.document, last.layer_key) != (request.document, request.layer_key):
            return ""
        return result.key if result.added else self._earlier_key

    def _on_press(self) -> None:
        """The user may begin to draw."""
        if self._layer is None or self._request is None or Krita.instance().activeDocument() != self._request.document:
            return
        self._stroke_seen = True
        self._layer.compare_again()
        if self._result is not None and self._show_in == CANVAS:
            self._canvas_redrawn = self._canvas_redrawn or (self._result.added and not self._layer.is_idle())
            self._result.step_aside()

    def _on_answer(self) -> None:
        waiting = i18n("Live: follows your brush once the other painting is done")
        painted = self._job.fully_repainted or self._result is not None
        self._activity = i18n("Live: follows your brush") if painted else waiting
        self._refresh_status()
        self._steps.advance()  # write the patches now rather than at the next poll

    def _on_settled(self) -> None:
        self._activity = i18n("Live: follows your brush")
        self._refresh_status()

    def _on_update_due(self) -> None:
        """Follow the last request of update(), if its style is instant."""
        request, update = self._request, self._update
        if request is None or update is None:
            return
        if len(update.styles) != 1 or not update.styles[0].network:
            self._note = i18n("Live needs an instant style: it keeps {style}.", style=request.styles[0].name)
        else:
            self._note = ""
            if (update.styles, update.options) != (request.styles, request.options):
                self._request = request._replace(styles=update.styles, options=update.options)
        self._refresh_status()

    def _refresh_status(self) -> None:
        """Say what Live does, or why it does not."""
        status = self._note or self._activity
        if self._paused and self._request is not None:
            picture = _picture_name(self._request.document)
            status = i18n("Live follows {picture}. It goes on when you return to it.", picture=picture)
        if status != self.status:
            self.status = status
            self.changed.emit()


def _picture_name(document: Document) -> str:
    return os.path.basename(document.fileName()) or document.name() or i18n("an unsaved picture")
