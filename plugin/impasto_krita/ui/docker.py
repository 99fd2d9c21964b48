"""The docker. It displays the runner's state and passes the user's requests to it."""

from __future__ import annotations

import os
from typing import Any

from krita import DockWidget, Document, Krita

from .. import layers, messages
from ..engine_install import bundled_wheel
from ..errors import PluginError
from ..history import Result
from ..i18n import i18n
from ..installation import Computer, describe, this_local_folder
from ..qt import QtCore, QtGui, QtWidgets
from ..request import PaintRequest
from ..runner import get_runner
from ..training import MINUTES
from ..version import VERSION
from .help_menu import HelpMenu
from .keep_faces import PICTURE_SIDE
from .labels import button, label, show_text
from .option_form import Form
from .preview import Preview
from .problem_panel import ProblemPanel
from .queue_panel import QueuePanel
from .results_panel import ResultsPanel
from .setup_panel import SetupPanel
from .source_row import Source, SourceRow, source_layer
from .tab_order import set_tab_order

#: The options under "More", by the engine's names
MORE_OPTIONS = ("style_scale", "style_loss", "padding", "preset", "seed")
#: The strengths that "Compare strengths" paints
COMPARED_STRENGTHS = (0.25, 0.5, 0.75)
#: How often to check whether the document's layers have changed.
_POLL_MS = 500
#: The form's options that a training uses.
_TRAINING_OPTIONS = ("style_loss", "seed")


def requests_from_form(form: Form, source_row: SourceRow | None = None) -> list[PaintRequest]:
    """The paintings that the form describes: one, or one for each of several styles.  Raises PluginError

    source_row: names what is painted; without it, the active layer is
    """
    document = Krita.instance().activeDocument()
    history = get_runner().histories.of(document)
    if document is None or history is None:
        raise PluginError(i18n("There is no layer to paint: open a picture first."))
    source = source_layer(document, history) if source_row is None else source_row.source(document, history)
    form.refresh(document)
    combinations = form.style_combinations()
    if not combinations:
        raise PluginError(i18n("Choose a style first."))
    if any(style.layer_key == source.key for styles in combinations for style in styles):
        raise PluginError(i18n("{layer} cannot be its own style: choose another one.", layer=source.name))
    _require_pixels(source)
    return [
        PaintRequest(document, source.key, source.name, styles, form.options(styles), form.region(styles), form.protected())
        for styles in combinations
    ]


class EmptyLayer(PluginError):
    """The layer to paint is empty."""


def _require_pixels(source: Source) -> None:
    """Raises EmptyLayer"""
    bounds = source.node.bounds()
    if source.key != layers.WHOLE_PICTURE and source.node.type() != "filllayer" and bounds.width() * bounds.height() == 0:
        raise EmptyLayer(i18n("{layer} is empty. Stylize the whole picture instead?", layer=source.name))


def start_painting(form: Form, source_row: SourceRow | None = None, strengths: tuple[float, ...] = ()) -> None:
    """Start the paintings that the form describes. What is wrong with it is shown in the docker.

    strengths: paint each of them, instead of the form's
    """
    runner = get_runner()
    try:
        requests = requests_from_form(form, source_row)
    except EmptyLayer as error:
        row = source_row
        runner.refuse(str(error), i18n("Stylize the whole picture"), lambda: _paint_whole_picture(form, row, strengths))
        return
    except PluginError as error:
        runner.refuse(str(error))
        return
    form.store()
    form.style_picker.mark_used()
    if strengths:
        requests = [
            request._replace(options={**request.options, "strength": strength})
            for request in requests
            for strength in strengths
        ]
    runner.paint(*requests)


def _paint_whole_picture(form: Form, source_row: SourceRow | None, strengths: tuple[float, ...]) -> None:
    row = source_row if source_row is not None else SourceRow()
    row.choose_whole_picture(Krita.instance().activeDocument())
    start_painting(form, row, strengths)


def start_live(form: Form, source_row: SourceRow | None = None) -> None:
    """Start Live on the active layer. What prevents it is shown in the docker."""
    runner = get_runner()
    try:
        request = requests_from_form(form, source_row)[0]
        style = form.live_style
        if runner.setup.running or runner.engine_command() is None:
            raise PluginError(messages.engine_missing())
        if style is None:
            raise PluginError(i18n("Live needs an instant style: choose one, or make this style instant first."))
    except PluginError as error:
        runner.refuse(str(error))
        return
    form.store()
    runner.start_engine()
    runner.live.start(request._replace(styles=[style]))


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
        self._shown_document: Document | None = None
        self.source_row = SourceRow()
        self.form = Form(MORE_OPTIONS)
        self._preview = Preview()
        self._progress_bar = QtWidgets.QProgressBar()
        self._progress_bar.setRange(0, 1000)
        self._progress_bar.setTextVisible(False)
        self._progress_bar.setMaximumHeight(8)
        self._button = button(i18n("Stylize"), "button", self._on_button)
        self._button.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self._button_menu = _menu_button(
            "button_menu",
            {i18n("Compare strengths: {values} %", values=_percents(COMPARED_STRENGTHS)): self._compare_strengths},
        )
        self._stop = button(i18n("Stop"), "stop", self._runner.cancel)
        self._stop.setToolTip(i18n("Stop this painting, and add no layer."))
        self._queue = QueuePanel()
        self._results = ResultsPanel()
        self._results.settings_wanted.connect(self._use_settings)
        self._live = button(i18n("Live"), "live", self.toggle_live)
        self._live.setCheckable(True)
        self._live.setToolTip(
            i18n("While this is on, a new layer shows the active layer in an instant style, after every brush stroke.")
        )
        self._train = button("", "train", self._start_training)
        self._train.setToolTip(
            i18n(
                "Train a network on this style in the background, for {minutes} minutes. Then it paints in about a second.",
                minutes=MINUTES,
            )
        )
        self._training_status = label("training_status")
        self._status = label("status")
        self._estimate = label("estimate")
        self._estimate.setEnabled(False)  # drawn in gray
        self._problem = ProblemPanel()
        self._training_preview = Preview()
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
        self.form.changed.connect(self._update)
        self._runner.training.trained.connect(self._on_trained)
        connect_faces(self.form)
        self._runner.setup.log.connect(self._setup.add_log_line)
        self._runner.setup.progress.connect(self._setup.show_progress)
        self._poll_timer = QtCore.QTimer(self)
        self._poll_timer.timeout.connect(self._poll)
        self._poll_timer.start(_POLL_MS)
        self._update()

    def _build_layout(self) -> None:
        content = self._content = QtWidgets.QWidget()
        paint_row = QtWidgets.QHBoxLayout()
        paint_row.setSpacing(1)
        for widget in (self._button, self._button_menu, self._stop):
            paint_row.addWidget(widget)
        column = QtWidgets.QVBoxLayout(content)
        column.setContentsMargins(6, 6, 6, 6)
        for item in (
            self._setup,
            QtWidgets.QLabel(i18n("Paint")),
            self.source_row,
            QtWidgets.QLabel(i18n("Style")),
            self.form,
            paint_row,
            self._estimate,
            self._progress_bar,
            self._status,
            self._problem,
            self._preview,
            self._queue,
            self._results,
            self._live,
            self._train,
            self._training_status,
            self._training_preview,
            self._help,
        ):
            column.addLayout(item) if isinstance(item, QtWidgets.QLayout) else column.addWidget(item)
        column.addStretch(1)
        scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumHeight(240)
        scroll.setWidget(content)
        self.setWidget(scroll)

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
            self.form.style_picker.set_result_layers([] if history is None else list(history.history.groups.values()))
            self.form.style_picker.set_source_layer(self.source_row.key)
            self.form.refresh(document)
            self._results.refresh(document)
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

    def _use_settings(self, result: Result) -> None:
        """Set the form as it was for a result."""
        self.form.use(result)
        self._update()

    def toggle_live(self) -> None:
        """Switch Live on or off."""
        if self._runner.live.on:
            self._runner.live.stop()
        else:
            start_live(self.form, self.source_row)
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

    def _on_trained(self, path: str, network: str) -> None:
        if path:
            self.form.style_picker.attach_network(path, network)

    def _update(self) -> None:
        """Display the runner's state."""
        runner, live, training = self._runner, self._runner.live, self._runner.training
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
        self._estimate.setVisible(bool(estimate) and not runner.busy and not instant)
        here = document is not None and document == runner.document
        show_text(self._status, self._status_text(here))
        self._live.setChecked(live.on)
        self._live.setVisible(live.on or self.form.live_style is not None)
        self._train.setText(i18n("Finish now") if training.busy else i18n("Make this style instant"))
        self._train.setVisible(training.busy or (self.form.live_style is None and bool(self.form.styles())))
        hint = self._setup_hint()
        self._train.setEnabled(training.busy or not hint)
        show_text(self._training_status, training.status)
        self._training_preview.show_image(training.preview)
        self._problem.show_problem(runner.problem, runner.details, runner.remedy)
        self._preview.show_image(runner.preview if here and runner.busy else None)
        self._queue.refresh()
        self._results.refresh(document)
        self._setup.show_hint(hint)

    def _status_text(self, here: bool) -> str:
        """here: the runner's status is about the document that is shown"""
        runner = self._runner
        if not runner.busy and runner.live.status:
            return runner.live.status
        if here:
            return runner.status
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


def _percents(values: tuple[float, ...]) -> str:
    return ", ".join(f"{100 * value:.0f}" for value in values)


def _menu_button(name: str, entries: dict[str, Any]) -> QtWidgets.QToolButton:
    """A small button with a menu.  entries: text -> function"""
    created = QtWidgets.QToolButton()
    created.setObjectName("impasto_" + name)
    created.setArrowType(QtCore.Qt.ArrowType.DownArrow)
    created.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
    created.setToolTip(i18n("More ways to stylize"))
    menu = QtWidgets.QMenu(created)
    for text, function in entries.items():
        action = menu.addAction(text)
        assert action is not None
        action.triggered.connect(function)
    created.setMenu(menu)
    return created
