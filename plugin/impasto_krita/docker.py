"""The docker: the form, a preview, and how far the work is. It shows what the runner does and asks it to do things."""

from __future__ import annotations

import os
from typing import Any

from krita import DockWidget, Krita

from . import environment, layers
from .form import _POLL_MS, Form
from .job import runner
from .lesson import MINUTES
from .qt import QtCore, QtGui, QtWidgets
from .task import Task
from .version import VERSION

_PREVIEW_HEIGHT = 220
#: What of the form a net learns by; strength, too, it learns as such.
_LEARNED_BY = ("style_loss", "seed")


def task_from(form: Form) -> Task:
    """What the form asks for, of the active layer.  Raises LayerError."""
    document = Krita.instance().activeDocument()
    node = layers.layer_to_paint(document)
    form.refresh(document)
    styles = form.styles()
    if not styles:
        raise layers.LayerError("Choose a style first: another layer, or a picture file.")
    if any(style.layer == layers.key(node) for style in styles):
        raise layers.LayerError(f"{node.name()} cannot be its own style: choose another layer.")
    return Task(document, layers.key(node), node.name(), styles, form.options(), form.region())


def begin(form: Form) -> None:
    """Start what the form asks for; what is wrong with it is shown in the docker."""
    try:
        task = task_from(form)
    except layers.LayerError as error:
        runner().refuse(str(error))
        return
    form.store()
    runner().start(task)


def go_live(form: Form) -> None:
    """Have the active layer's painting follow it from now on; what is in the way is shown in the docker."""
    try:
        task = task_from(form)
        if runner().setup.running or runner().command() is None:
            raise layers.LayerError("There is no engine yet: set it up first.")
        if form.instant is None:
            raise layers.LayerError("Live needs an instant style: choose one, or make this style instant first.")
    except layers.LayerError as error:
        runner().refuse(str(error))
        return
    form.store()
    runner().wake()
    runner().live.start(task)


class ImpastoDocker(DockWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Impasto")
        self._runner = runner()
        self._task = self._runner.last
        self.form = Form(more=True)
        self._preview = _Preview()
        self._bar = QtWidgets.QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._bar.setMaximumHeight(8)
        self._button = QtWidgets.QPushButton()
        self._button.setObjectName("impasto_button")
        self._button.clicked.connect(self._press)
        self._live = QtWidgets.QPushButton("Live")
        self._live.setObjectName("impasto_live")
        self._live.setCheckable(True)
        self._live.setToolTip("While it is on, a painting of the active layer in an instant style follows each brush stroke.")
        self._live.clicked.connect(self.switch_live)
        self._learn = QtWidgets.QPushButton()
        self._learn.setObjectName("impasto_learn")
        self._learn.setToolTip(
            f"A net learns this style in the background, in {MINUTES} minutes, and paints in it in a second from then on."
        )
        self._learn.clicked.connect(self._study)
        self._learning = QtWidgets.QLabel()
        self._learning.setWordWrap(True)
        self._learning.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self._learning.setObjectName("impasto_learning")
        self._status = QtWidgets.QLabel()
        self._status.setWordWrap(True)
        self._status.setTextFormat(QtCore.Qt.TextFormat.PlainText)  # there are layers' names in it
        self._status.setObjectName("impasto_status")
        self._estimate = QtWidgets.QLabel()
        self._estimate.setWordWrap(True)
        self._estimate.setEnabled(False)  # in gray
        self._estimate.setObjectName("impasto_estimate")
        self._problem = _Problem()
        self._lesson = _Preview()
        self._setup = _SetupPanel()
        self._setup.button.clicked.connect(self._set_up)

        inside = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(inside)
        for widget in (
            self._setup,
            self.form,
            self._button,
            self._live,
            self._estimate,
            self._bar,
            self._status,
            self._problem,
            self._preview,
            self._learn,
            self._learning,
            self._lesson,
        ):
            column.addWidget(widget)
        column.addStretch(1)
        scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        self.setWidget(scroll)

        for each in (self._runner, self._runner.live, self._runner.lesson):
            each.changed.connect(self._show)
        self.form.style_picker.picked.connect(self._show)
        self._runner.setup.log.connect(self._setup.say)
        self._polling = QtCore.QTimer(self)
        self._polling.timeout.connect(self._poll)
        self._polling.start(_POLL_MS)
        self._show()

    def canvasChanged(self, canvas: Any) -> None:
        self._poll()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        if not self._runner.engine.running:
            self._runner.wake()
        self._show()
        self._poll()

    def _poll(self) -> None:
        """Krita does not say when layers come and go."""
        if self.isVisible() and not self.form.style_picker.view().isVisible():
            document = Krita.instance().activeDocument()
            self.form.refresh(document)
            self._ask(document)

    def _ask(self, document: Any | None) -> None:
        """What would a painting take, as things are?"""
        if document is not None and not self._runner.busy and not self.form.instant:
            rect = layers.to_paint(document)
            if rect.width and rect.height:
                self._runner.ask(rect.width, rect.height, self.form.options())

    def _press(self) -> None:
        if self._runner.busy:
            self._runner.cancel()
        else:
            begin(self.form)

    def switch_live(self) -> None:
        """Live on, or off again"""
        if self._runner.live.on:
            self._runner.live.stop()
        else:
            go_live(self.form)
        self._show()

    def _study(self) -> None:
        lesson, style = self._runner.lesson, self.form.style_picker.style()
        if lesson.busy:
            lesson.finish()
        elif style is not None:
            options = self.form.options()
            lesson.start(Krita.instance().activeDocument(), style, {n: options[n] for n in _LEARNED_BY if n in options})

    def _show(self) -> None:
        """Show where the runner stands."""
        it = self._runner
        self.form.describe(it.options)
        self.form.offer(it.nets)
        if it.last is not self._task:  # begun here or in the dialog: both show what was used last
            self._task = it.last
            self.form.reload()
        self._button.setText("Stop" if it.busy else "Stylize")
        self._button.setEnabled(it.busy or not it.setup.running)
        self._bar.setVisible(it.busy)
        self._bar.setValue(round(1000 * it.fraction))
        self._estimate.setText(it.estimate)
        self._estimate.setVisible(bool(it.estimate) and not it.busy and not self.form.instant)
        status = it.status if it.busy or not it.live.status else it.live.status
        self._status.setText(status)
        self._status.setVisible(bool(status))
        self._live.setChecked(it.live.on)
        self._live.setVisible(it.live.on or self.form.instant is not None)
        self._learn.setText("Stop learning, and keep it" if it.lesson.busy else "Make this style instant")
        self._learn.setVisible(it.lesson.busy or (self.form.instant is None and bool(self.form.styles())))
        need = self._need()
        self._learn.setEnabled(it.lesson.busy or not need)
        self._learning.setText(it.lesson.status)
        self._learning.setVisible(bool(it.lesson.status))
        self._lesson.show_image(it.lesson.preview)
        self._problem.show_problem(it.problem, it.details)
        self._preview.show_image(it.preview)
        self._setup.show_need(need)

    def _need(self) -> str:
        """Why the engine has to be set up, or nothing"""
        it = self._runner
        if it.setup.running:
            return "Setting up the engine"
        version = it.engine.hello.get("version")
        if version is not None and version != VERSION:
            set_up = "set it up again" if environment.wheel() else "run `impasto krita install` again"
            set_up = "update what IMPASTO_ENGINE names" if os.environ.get("IMPASTO_ENGINE") else set_up
            return f"The engine is version {version} and the plugin {VERSION}: {set_up}."
        if version is None and it.command() is None:
            return "Painting needs the engine, a program of its own (about 6 GB with all its parts)."
        return ""

    def _set_up(self) -> None:
        if self._runner.setup.running:
            self._runner.setup.cancel()
        else:
            self._runner.set_up()
        self._show()


class _Preview(QtWidgets.QLabel):
    """The picture in the making. Never a layer: that would be in the way of undo."""

    def __init__(self) -> None:
        super().__init__()
        self.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.setObjectName("impasto_preview")
        self._shown: Any | None = None

    def show_image(self, image: Any | None) -> None:
        if image is self._shown:
            return
        self._shown = image
        self.setVisible(image is not None)
        if image is None:
            self.clear()
            return
        width = max(64, self.parentWidget().width() - 24) if self.parentWidget() else image.width()
        self.setPixmap(
            QtGui.QPixmap.fromImage(image).scaled(
                width,
                _PREVIEW_HEIGHT,
                QtCore.Qt.AspectRatioMode.KeepAspectRatio,
                QtCore.Qt.TransformationMode.SmoothTransformation,
            )
        )


class _Problem(QtWidgets.QWidget):
    """What went wrong, in a sentence, and more of it for whoever is asked for help."""

    def __init__(self) -> None:
        super().__init__()
        self._text = QtWidgets.QLabel()
        self._text.setWordWrap(True)
        self._text.setObjectName("impasto_problem")
        self._text.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self._copy = QtWidgets.QPushButton("Copy details")
        self._copy.clicked.connect(self._copy_details)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._text)
        column.addWidget(self._copy)
        self._details = ""

    def show_problem(self, problem: str, details: str) -> None:
        self._text.setText(problem)
        self._details = details
        self.setVisible(bool(problem))

    def _copy_details(self) -> None:
        about = f"Impasto {VERSION}, Krita {Krita.instance().version()}"
        QtWidgets.QApplication.clipboard().setText(f"{about}\n{self._text.text()}\n{self._details}")


class _SetupPanel(QtWidgets.QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._text = QtWidgets.QLabel()
        self._text.setWordWrap(True)
        self.button = QtWidgets.QPushButton()
        self.button.setObjectName("impasto_set_up")
        self._log = QtWidgets.QPlainTextEdit()
        self._log.setReadOnly(True)
        self._log.setMaximumBlockCount(500)
        self._log.setMaximumHeight(120)
        self._log.hide()
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._text, self.button, self._log):
            column.addWidget(widget)

    def say(self, line: str) -> None:
        self._log.show()
        self._log.appendPlainText(line)

    def show_need(self, need: str) -> None:
        running = runner().setup.running
        self.setVisible(bool(need))
        self._text.setText(need)
        self.button.setText("Stop the set-up" if running else "Set up the engine")
        self.button.setEnabled(running or environment.wheel() is not None)
