"""The docker: the form, a preview and the progress. It displays the runner's state and passes the user's requests to it."""

from __future__ import annotations

import os
from typing import Any

from krita import DockWidget, Document, Krita

from .. import layers, messages
from ..engine_install import bundled_wheel
from ..errors import PluginError
from ..installation import Computer, describe, this_local_folder
from ..qt import QtCore, QtGui, QtWidgets
from ..request import PaintRequest
from ..runner import get_runner
from ..training import MINUTES
from ..version import VERSION
from .keep_faces import PICTURE_SIDE
from .labels import button, label, show_text
from .option_form import Form
from .preview import Preview
from .problem_panel import ProblemPanel
from .setup_panel import SetupPanel

#: The options under "More", by the engine's names
MORE_OPTIONS = ("style_scale", "style_loss", "padding", "preset", "seed")
#: How often to check whether the document's layers have changed.
_POLL_MS = 500
#: The form's options that a training uses.
_TRAINING_OPTIONS = ("style_loss", "seed")


def request_from_form(form: Form) -> PaintRequest:
    """The painting of the active layer that the form describes.  Raises PluginError"""
    document = Krita.instance().activeDocument()
    node = layers.layer_to_paint(document)
    key = layers.node_key(node)
    form.refresh(document)
    styles = form.styles()
    if not styles:
        raise PluginError("Choose a style first: another layer, or an image file.")
    if any(style.layer_key == key for style in styles):
        raise PluginError(f"{node.name()} cannot be its own style: choose another layer.")
    return PaintRequest(document, key, node.name(), styles, form.options(), form.region(), form.protected())


def start_painting(form: Form) -> None:
    """Start the painting that the form describes. What is wrong with it is shown in the docker."""
    try:
        request = request_from_form(form)
    except PluginError as error:
        get_runner().refuse(str(error))
        return
    form.store()
    get_runner().start(request)


def start_live(form: Form) -> None:
    """Start Live on the active layer. What prevents it is shown in the docker."""
    runner = get_runner()
    try:
        request = request_from_form(form)
        if runner.setup.running or runner.engine_command() is None:
            raise PluginError(messages.ENGINE_MISSING)
        if form.instant_style is None:
            raise PluginError("Live needs an instant style: choose one, or make this style instant first.")
    except PluginError as error:
        runner.refuse(str(error))
        return
    form.store()
    runner.start_engine()
    runner.live.start(request)


def connect_faces(form: Form) -> None:
    """Show the faces of the active layer while the pointer rests on "Keep faces"."""
    runner = get_runner()

    def look() -> None:
        try:
            node = layers.layer_to_paint(Krita.instance().activeDocument())
        except PluginError:
            return
        bounds = node.bounds()
        shrink = min(1.0, PICTURE_SIDE / max(bounds.width(), bounds.height(), 1))  # Krita does not enlarge thumbnails
        picture = node.thumbnail(*(max(1, round(shrink * side)) for side in (bounds.width(), bounds.height())))
        if runner.request_faces(picture):
            form.keep_faces.expect(picture)

    form.keep_faces.looked_at.connect(look)
    runner.faces_found.connect(form.keep_faces.show_faces)


class ImpastoDocker(DockWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Impasto")
        self._runner = get_runner()
        self._last_request = self._runner.last_request
        self.form = Form(MORE_OPTIONS)
        self._preview = Preview()
        self._progress_bar = QtWidgets.QProgressBar()
        self._progress_bar.setRange(0, 1000)
        self._progress_bar.setTextVisible(False)
        self._progress_bar.setMaximumHeight(8)
        self._button = button("", "button", self._on_button)
        self._refine = button("Refine to full size", "refine", self._runner.refine)
        self._refine.setToolTip("Go on from the last result: the same strokes, and finer ones, at the size of its layer.")
        self._live = button("Live", "live", self.toggle_live)
        self._live.setCheckable(True)
        self._live.setToolTip(
            "While this is on, a new layer shows the active layer in an instant style, after every brush stroke."
        )
        self._train = button("", "train", self._start_training)
        self._train.setToolTip(
            f"Train a network on this style, in the background, for {MINUTES} minutes. After that it paints in about a second."
        )
        self._training_status = label("training_status")
        self._status = label("status")
        self._estimate = label("estimate")
        self._estimate.setEnabled(False)  # drawn in gray
        self._problem = ProblemPanel()
        self._training_preview = Preview()
        self._setup = SetupPanel()
        self._setup.button.clicked.connect(self._toggle_setup)

        content = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(content)
        for widget in (
            self._setup,
            self.form,
            self._button,
            self._refine,
            self._live,
            self._estimate,
            self._progress_bar,
            self._status,
            self._problem,
            self._preview,
            self._train,
            self._training_status,
            self._training_preview,
        ):
            column.addWidget(widget)
        column.addStretch(1)
        scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setWidget(content)
        self.setWidget(scroll)

        for source in (self._runner, self._runner.live, self._runner.training):
            source.changed.connect(self._update)
        self.form.style_picker.picked.connect(self._update)
        connect_faces(self.form)
        self._runner.setup.log.connect(self._setup.add_log_line)
        self._runner.setup.progress.connect(self._setup.show_progress)
        self._poll_timer = QtCore.QTimer(self)
        self._poll_timer.timeout.connect(self._poll)
        self._poll_timer.start(_POLL_MS)
        self._update()

    def canvasChanged(self, canvas: Any) -> None:
        self._poll()

    def showEvent(self, event: QtGui.QShowEvent | None) -> None:
        super().showEvent(event)
        if not self._runner.engine.running:
            self._runner.start_engine()
        self._update()
        self._poll()

    def _poll(self) -> None:
        """Refresh the list of layers: Krita does not report when layers are added or removed."""
        if self.isVisible() and not self.form.style_picker.popup_open:
            document = Krita.instance().activeDocument()
            self.form.refresh(document)
            self._refine.setVisible(self._runner.can_refine(document))
            self._request_estimate(document)

    def _request_estimate(self, document: Document | None) -> None:
        """Ask how long a painting with the current settings would take."""
        if document is not None and not self._runner.busy and not self.form.instant_style:
            rect, choice = layers.paint_area(document), self.form.size_choice
            if rect.width and rect.height and choice is not None:
                self._runner.request_estimates(rect.width, rect.height, self.form.options(), choice.sizes())

    def _on_button(self) -> None:
        if self._runner.busy:
            self._runner.cancel()
        else:
            start_painting(self.form)

    def toggle_live(self) -> None:
        """Switch Live on or off."""
        if self._runner.live.on:
            self._runner.live.stop()
        else:
            start_live(self.form)
        self._update()

    def _start_training(self) -> None:
        """Train the chosen style, or finish the training in progress."""
        training, style = self._runner.training, self.form.style_picker.style_source()
        if training.busy:
            training.finish()
        elif style is not None:
            options = self.form.options()
            used = {name: options[name] for name in _TRAINING_OPTIONS if name in options}
            training.start(Krita.instance().activeDocument(), style, used)

    def _update(self) -> None:
        """Display the runner's state."""
        runner, live, training = self._runner, self._runner.live, self._runner.training
        self.form.create_fields(runner.options, runner.finds_faces)
        self.form.set_instant_styles(runner.networks)
        if runner.last_request is not self._last_request:  # from here or the dialog: both display what was used last
            self._last_request = runner.last_request
            self.form.reload()
        instant = self.form.instant_style is not None
        self._button.setText("Stop" if runner.busy else "Stylize")
        self._button.setEnabled(runner.busy or not runner.setup.running)
        self._refine.setVisible(runner.can_refine(Krita.instance().activeDocument()))
        self._progress_bar.setVisible(runner.busy)
        self._progress_bar.setValue(round(1000 * runner.fraction))
        estimate = self._show_estimates()
        self._estimate.setText(estimate)
        self._estimate.setVisible(bool(estimate) and not runner.busy and not instant)
        show_text(self._status, runner.status if runner.busy or not live.status else live.status)
        self._live.setChecked(live.on)
        self._live.setVisible(live.on or instant)
        self._train.setText("Stop training and keep the result" if training.busy else "Make this style instant")
        self._train.setVisible(training.busy or (not instant and bool(self.form.styles())))
        hint = self._setup_hint()
        self._train.setEnabled(training.busy or not hint)
        show_text(self._training_status, training.status)
        self._training_preview.show_image(training.preview)
        self._problem.show_problem(runner.problem, runner.details)
        self._preview.show_image(runner.preview)
        self._setup.show_hint(hint)

    def _show_estimates(self) -> str:
        """Show the time of each size.  -> a line about the chosen one, or an empty string"""
        choice, estimates = self.form.size_choice, self._runner.estimates
        if choice is None:
            return ""
        instant = self.form.instant_style is not None  # always painted at the layer's size
        choice.setEnabled(not instant)
        if instant:
            estimates = {}
        choice.show_seconds({size: header["seconds"] for size, header in estimates.items() if "seconds" in header})
        chosen = estimates.get(choice.currentData())
        return messages.painting_estimate(chosen) if chosen else ""

    def _setup_hint(self) -> str:
        """Why the engine has to be set up, or an empty string."""
        runner = self._runner
        if runner.setup.running:
            return "Setting up the engine"
        version = runner.engine_version
        if version is not None and version != VERSION:
            remedy = "set it up again" if bundled_wheel() else "run `impasto krita install` again"
            remedy = "update the program that IMPASTO_ENGINE names" if os.environ.get("IMPASTO_ENGINE") else remedy
            return f"The engine is version {version} and the plugin {VERSION}: {remedy}."
        if version is None and runner.engine_command() is None:
            return describe(Computer.this(), this_local_folder())
        return ""

    def _toggle_setup(self) -> None:
        if self._runner.setup.running:
            self._runner.setup.cancel()
        else:
            self._runner.set_up_engine()
        self._update()
