"""The actions in Krita's menus."""

from __future__ import annotations

from typing import Any

from krita import Extension, Krita

from . import layers, settings
from .docker import begin
from .form import Form
from .job import runner
from .qt import QtCore, QtWidgets


class ImpastoExtension(Extension):
    def setup(self) -> None:
        notifier = Krita.instance().notifier()
        notifier.setActive(True)
        notifier.applicationClosing.connect(runner().close)

    def createActions(self, window: Any) -> None:
        stylize = window.createAction("impasto_stylize", "Stylize with Layer...", "filter")
        stylize.triggered.connect(self._ask)
        again = window.createAction("impasto_again", "Stylize Again", "tools/scripts")
        again.triggered.connect(self._again)
        live = window.createAction("impasto_live", "Live Instant Style", "tools/scripts")
        live.triggered.connect(lambda: show_docker(Krita.instance().activeWindow()).switch_live())
        stop = window.createAction("impasto_stop", "Stop Stylizing", "tools/scripts")
        stop.triggered.connect(runner().cancel)
        _Follower(stop)

    def _ask(self) -> None:
        window = Krita.instance().activeWindow()
        show_docker(window)
        self._dialog = StylizeDialog(window.qwindow())  # Python forgets it otherwise
        self._dialog.open()

    def _again(self) -> None:
        show_docker(Krita.instance().activeWindow())
        last = runner().last
        if last is None or not layers.is_open(last.document):
            self._ask()
            return
        remembered = settings.load().get("options", {})
        shares = {name: value for name, value in last.options.items() if name == "style_weights"}
        remembered.pop("style_weights", None)
        runner().start(last._replace(options={**remembered, **shares}))


class _Follower(QtCore.QObject):
    """Switches an action on while a picture is painted; it goes with the action's window, which a function would outlive."""

    def __init__(self, action: Any) -> None:
        super().__init__(action)
        self._action = action
        runner().changed.connect(self.follow)
        self.follow()

    def follow(self) -> None:
        self._action.setEnabled(runner().busy)


class StylizeDialog(QtWidgets.QDialog):
    """Filter > Stylize with Layer...: the style and what matters most, as they were last."""

    def __init__(self, parent: Any | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Stylize with Layer")
        self.setObjectName("impasto_dialog")
        self._form = Form(more=False)
        self._form.refresh(Krita.instance().activeDocument())
        self._note = QtWidgets.QLabel("Starting the engine")
        kinds = QtWidgets.QDialogButtonBox.StandardButton
        self._buttons = QtWidgets.QDialogButtonBox(kinds.Ok | kinds.Cancel)
        self._buttons.button(kinds.Ok).setText("Stylize")
        self._buttons.accepted.connect(self._accept)
        self._buttons.rejected.connect(self.reject)
        column = QtWidgets.QVBoxLayout(self)
        for widget in (self._form, self._note, self._buttons):
            column.addWidget(widget)
        self.setMinimumWidth(360)
        runner().wake()
        runner().changed.connect(self._show)
        self.finished.connect(self._leave)
        self._show()

    def _show(self) -> None:
        self._form.describe(runner().options)
        self._form.offer(runner().nets)
        note = runner().problem if not runner().engine.running else ""
        if not self._form.described and not note:
            note = "Starting the engine" if runner().command() else "There is no engine yet: set it up in the Impasto docker."
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def _accept(self) -> None:
        self.accept()
        begin(self._form)

    def _leave(self, code: int) -> None:
        runner().changed.disconnect(self._show)
        self.deleteLater()


def show_docker(window: Any) -> Any:
    """The docker shows how far the work is: it comes to the front."""
    docker = window.qwindow().findChild(QtWidgets.QDockWidget, "impasto_docker")
    if docker is not None:
        docker.setVisible(True)
        docker.raise_()
    return docker
