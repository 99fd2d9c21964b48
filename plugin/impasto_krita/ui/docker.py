"""The docker. It displays the runner's state and passes the user's requests to it."""

from __future__ import annotations

import os
from typing import Any

from krita import DockWidget, Document, Krita

from impasto_client import messages
from impasto_client.engine_install import bundled_wheel
from impasto_client.history import Result
from impasto_client.i18n import i18n
from impasto_client.installation import Computer, describe, this_local_folder
from impasto_client.request import PaintRequest
from impasto_client.version import VERSION

from .. import layers
from ..qt import QtCore, QtGui, QtWidgets
from ..runner import get_runner
from .animation_panel import AnimationPanel
from .form_requests import connect_faces, instant_request, start_painting
from .help_menu import HelpMenu
from .labels import button, label, show_text
from .live_panel import LivePanel
from .option_form import Form
from .preview import Preview
from .problem_panel import ProblemPanel
from .queue_panel import QueuePanel
from .results_panel import ResultsPanel
from .setup_panel import SetupPanel
from .source_row import SourceRow
from .tab_order import set_tab_order
from .training_panel import TrainingPanel

#: The options under "More", by the engine's names
MORE_OPTIONS = ("style_scale", "style_loss", "padding", "preset", "seed")
#: The strengths that "Compare" paints
COMPARED_STRENGTHS = (0.25, 0.5, 0.75)
#: Height of what scrolls in a low docker, in pixels
_MIN_SCROLL_HEIGHT = 120
#: The narrowest docker, in pixels
_MIN_WIDTH = 180
#: How often to check whether the document's layers have changed.
_POLL_MS = 500


class ImpastoDocker(DockWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Impasto")
        self._runner = get_runner()
        self._last_request = self._runner.last_request
        self._shown_document: Document | None = None
        self._has_live = False  # whether Live was last switched on in this docker
        self.source_row = SourceRow()
        self.form = Form(MORE_OPTIONS, COMPARED_STRENGTHS)
        self._preview = Preview()
        self._progress_bar = QtWidgets.QProgressBar()
        self._progress_bar.setRange(0, 1000)
        self._progress_bar.setTextVisible(False)
        self._progress_bar.setMaximumHeight(8)
        self._button = button(i18n("Stylize"), "button", self._on_button)
        self._button.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self._stop = button(i18n("Stop"), "stop", self._runner.cancel)
        self._stop.setToolTip(i18n("Stop this painting, and add no layer."))
        self._queue = QueuePanel()
        self._results = ResultsPanel()
        self._results.settings_wanted.connect(self._use_settings)
        self._live = LivePanel(self._runner.live)
        self._live.toggled.connect(self.toggle_live)
        self._animation = AnimationPanel(self._runner.animation)
        self._animation.start_requested.connect(self._paint_frames)
        self._animation.resume_requested.connect(self._resume_frames)
        self._training = TrainingPanel(self._runner.training)
        self._training.start_requested.connect(self._start_training)
        self._status = label("status")
        self._estimate = label("estimate")
        self._estimate.setEnabled(False)  # drawn in gray
        self._problem = ProblemPanel()
        self._setup = SetupPanel()
        self._setup.button.clicked.connect(self._toggle_setup)
        self._help = HelpMenu()
        self._build_layout()

        for source in (self._runner, self._runner.live, self._runner.training):
            source.changed.connect(self._update)
        self.form.style_picker.picked.connect(self._on_choice)
        self.source_row.changed.connect(self._on_choice)
        for picker in (self.form.style_picker, self.form.second_picker):
            picker.network_renamed.connect(self._runner.rename_network)
            picker.network_deleted.connect(self._runner.delete_network)
        self.form.changed.connect(self._on_form_changed)
        self.form.comparison_requested.connect(self._compare_strengths)
        self._runner.training.trained.connect(self._on_trained)
        connect_faces(self.form)
        self._runner.setup.log.connect(self._setup.add_log_line)
        self._runner.setup.progress.connect(self._setup.show_progress)
        self._poll_timer = QtCore.QTimer(self)
        self._poll_timer.timeout.connect(self._poll)
        self._poll_timer.start(_POLL_MS)
        self._update()

    def _build_layout(self) -> None:
        """Most of it scrolls; the button and what it does are always visible below it.

        That part stays low: a docker that gets higher would resize the window and its canvas, which takes Krita long.
        """
        content, bar = QtWidgets.QWidget(), QtWidgets.QWidget()
        _fill(
            content,
            self._setup,
            QtWidgets.QLabel(i18n("Paint")),
            self.source_row,
            QtWidgets.QLabel(i18n("Style")),
            self.form,
            self._live,
            self._training,
            self._animation,
            self._preview,
            self._queue,
            self._results,
            self._help,
        ).addStretch(1)
        paint_row = QtWidgets.QHBoxLayout()
        paint_row.setSpacing(1)
        for widget in (self._button, self._stop):
            paint_row.addWidget(widget)
        _fill(bar, self._estimate, self._progress_bar, self._status, self._problem, paint_row)  # the button stays where it is
        bar.setMinimumWidth(_MIN_WIDTH)  # a wider docker would resize the canvas, which takes Krita long
        scroll = self._scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumHeight(_MIN_SCROLL_HEIGHT)
        scroll.setWidget(content)
        self._content = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(self._content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(scroll, 1)
        column.addWidget(bar)
        self.setWidget(self._content)

    def canvasChanged(self, canvas: Any) -> None:
        self._poll()

    def showEvent(self, event: QtGui.QShowEvent | None) -> None:
        super().showEvent(event)
        if not self._runner.engine.running:
            self._runner.start_engine()
        self._update()
        self._poll()

    def _poll(self) -> None:
        """Refresh what depends on the document: Krita does not report when layers are added or removed."""
        if self.isVisible() and not self.form.style_picker.popup_open:
            document = Krita.instance().activeDocument()
            history = self._runner.histories.of(document)
            self.source_row.refresh(document, history)
            groups = [] if history is None else list(history.history.groups.values())
            self.form.style_picker.set_result_layers([*groups, self._runner.live.layer_key])
            self._live.refresh(document)
            self.form.style_picker.set_source_layer(self.source_row.key)
            self.form.refresh(document)
            self._results.refresh(document)
            self._animation.refresh(document)
            self._request_estimate(document)
            if document != self._shown_document:
                self._update()

    def _request_estimate(self, document: Document | None) -> None:
        """Ask how long a painting with the current settings would take."""
        if document is not None and not self._runner.busy and not self.form.instant_style:
            rect, choice = layers.paint_area(document), self.form.size_choice
            if rect.width and rect.height and choice is not None:
                choice.show_layer_size(rect.width, rect.height)
                self._runner.estimates.request(rect.width, rect.height, self.form.options(), choice.sizes())

    def _on_button(self) -> None:
        start_painting(self.form, self.source_row)

    def _compare_strengths(self) -> None:
        start_painting(self.form, self.source_row, COMPARED_STRENGTHS)

    def _on_choice(self) -> None:
        """The user has chosen another style or another layer: what was wrong with the last one is no longer true."""
        if not self._runner.details:
            self._runner.clear_problem()
        self._update()

    def _on_form_changed(self) -> None:
        """Let Live follow the style and the options, if it was switched on here and its picture is shown."""
        live, style = self._runner.live, self.form.live_style or self.form.style_picker.style_source()
        if live.on and self._has_live and live.document == Krita.instance().activeDocument() and style is not None:
            live.update(PaintRequest(live.document, "", "", [style], self.form.options([style])))
        self._update()

    def _use_settings(self, result: Result) -> None:
        """Set the form as it was for a result."""
        self.form.use(result)
        self._update()

    def toggle_live(self, *_: bool) -> None:
        """Switch Live on or off."""
        if self._runner.live.on:
            self._runner.live.stop()
        else:
            request = instant_request(self.form, self.source_row)
            if request is not None:
                self._runner.start_live(request)
            self._has_live = self._runner.live.on
        self._update()

    def _paint_frames(self, first: int, last: int, steady: float) -> None:
        """first, last: frames; steady: weight of the earlier ones, against flicker"""
        request = instant_request(self.form, self.source_row)
        if request is not None:
            self._runner.clear_problem()
            self._runner.animation.start(request, first, last, steady)

    def _resume_frames(self) -> None:
        self._runner.start_engine()
        self._runner.clear_problem()
        self._runner.animation.resume()

    def _start_training(self) -> None:
        """Train the chosen style."""
        style = self.form.style_picker.style_source()
        if style is not None:
            self._runner.training.start(Krita.instance().activeDocument(), style, self.form.options())

    def _on_trained(self, path: str, network: str) -> None:
        if path:
            self.form.style_picker.attach_network(path, network)

    def _update(self) -> None:
        """Display the runner's state."""
        runner, live = self._runner, self._runner.live
        self._shown_document = document = Krita.instance().activeDocument()
        had_fields = self.form.has_schema
        self.form.create_fields(runner.options, runner.finds_faces)
        if not had_fields and self.form.has_schema:
            set_tab_order(self._content)
        self.form.set_instant_styles(runner.networks)
        if runner.last_request is not self._last_request:  # from here or the dialog: both display what was used last
            self._last_request = runner.last_request
            self.form.reload()
        instant = self.form.instant_style is not None
        count = len(self.form.style_combinations())
        stylize = i18n("Stylize in {count} styles", count=count) if count > 1 else i18n("Stylize")
        self._button.setText(i18n("Add to queue") if runner.busy else stylize)
        self._button.setEnabled(not runner.setup.running)
        self._stop.setVisible(runner.busy)
        self._progress_bar.setVisible(runner.busy)
        self._progress_bar.setValue(round(1000 * runner.fraction))
        estimate = self._show_estimates()
        self._estimate.setText(estimate)
        self._estimate.setVisible(bool(estimate) and not runner.busy and not instant and document is not None)
        here = document is not None and document == runner.document
        show_text(self._status, "" if runner.problem and not runner.busy else self._status_text(here))
        has_network = self.form.live_style is not None
        self._live.setVisible(live.on or has_network or bool(live.status))
        self._animation.set_available(has_network)
        hint = self._setup_hint()
        self._training.set_available(not has_network and bool(self.form.styles()), not hint)
        self._problem.show_problem(runner.problem, runner.details, runner.remedy)
        preview = runner.preview if here and runner.busy else None
        if preview is not None and self._preview.isHidden():  # scroll to the first one, once it has its place
            QtCore.QTimer.singleShot(0, lambda: self._scroll.ensureWidgetVisible(self._preview, 0, 0))
        self._preview.show_image(preview)
        self._queue.refresh()
        if not runner.busy:  # else progress comes often, and the next poll does it
            self._results.refresh(document)
        self._setup.show_hint(hint)

    def _status_text(self, here: bool) -> str:
        """here: the runner's status is about the document that is shown"""
        runner = self._runner
        if here:
            waiting = len(runner.queue)
            return i18n("{text}, {count} waiting", text=runner.status, count=waiting) if waiting else runner.status
        if runner.busy and runner.current is not None:
            return i18n("In another picture: {title}", title=runner.current.title)
        return ""

    def _show_estimates(self) -> str:
        """Show the time of each size.  -> a line about the chosen one, or an empty string"""
        choice, estimates = self.form.size_choice, self._runner.estimates.by_size
        if choice is None:
            return ""
        if self.form.instant_style is not None:  # always painted at the layer's size
            estimates = {}
        choice.show_seconds({size: header["seconds"] for size, header in estimates.items() if "seconds" in header})
        chosen = estimates.get(choice.currentData())
        return messages.painting_estimate(chosen, choice.enlargement) if chosen else ""

    def _setup_hint(self) -> str:
        """Why the engine has to be set up, or an empty string."""
        runner = self._runner
        if runner.setup.running:
            return i18n("Installing")
        version = runner.engine_version
        if version is not None and version != VERSION:
            if os.environ.get("IMPASTO_ENGINE"):
                remedy = i18n("update the program that IMPASTO_ENGINE names")
            elif bundled_wheel():
                remedy = i18n("install it again")
            else:
                remedy = i18n("run `impasto krita install` again")
            text = i18n("The engine is version {engine} and the plugin {plugin}", engine=version, plugin=VERSION)
            return f"{text}: {remedy}."
        if version is None and runner.engine_command() is None:
            return describe(Computer.this(), this_local_folder())
        return ""

    def _toggle_setup(self) -> None:
        if self._runner.setup.running:
            self._runner.setup.cancel()
        else:
            self._runner.set_up_engine()
        self._update()


def _fill(widget: QtWidgets.QWidget, *items: QtWidgets.QWidget | QtWidgets.QLayout) -> QtWidgets.QVBoxLayout:
    """Put these into a column."""
    column = QtWidgets.QVBoxLayout(widget)
    column.setContentsMargins(6, 4, 6, 4)
    for item in items:
        if isinstance(item, QtWidgets.QLayout):
            column.addLayout(item)
        else:
            column.addWidget(item)
    return column
