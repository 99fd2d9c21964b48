"""The actions in Krita's menus."""

from __future__ import annotations

from krita import Extension, Krita, Window

from impasto_client.disk import delete_leftovers, wait_for_deletions
from impasto_client.i18n import i18n

from . import layers, settings
from .qt import QtCore, QtWidgets
from .runner import get_runner
from .ui.dialog import StylizeDialog
from .ui.docker import ImpastoDocker

#: How long Krita waits, when it closes, for what is being deleted; the rest is deleted the next time
_CLOSING_SECONDS = 5


class ImpastoExtension(Extension):
    def setup(self) -> None:
        notifier = Krita.instance().notifier()
        notifier.setActive(True)
        notifier.applicationClosing.connect(get_runner().close)
        notifier.applicationClosing.connect(lambda: wait_for_deletions(_CLOSING_SECONDS))
        delete_leftovers(settings.data_folder())

    def createActions(self, window: Window) -> None:
        actions = (
            ("impasto_stylize", i18n("Stylize with Layer..."), "filter", self._open_dialog),
            ("impasto_again", i18n("Stylize Again"), "tools/scripts", self._repeat_last),
            ("impasto_live", i18n("Live Instant Style"), "tools/scripts", self._toggle_live),
            ("impasto_stop", i18n("Stop Stylizing"), "tools/scripts", get_runner().cancel_all),
        )
        for name, text, menu, function in actions:
            action = window.createAction(name, text, menu)
            action.setText(text)  # Krita takes it from the .action file
            action.triggered.connect(function)
            if name == "impasto_stop":
                _EnableWhileBusy(action)

    def _open_dialog(self) -> None:
        window = Krita.instance().activeWindow()
        docker = show_docker(window)
        form = docker.form if docker is not None else None
        self._dialog = StylizeDialog(window.qwindow(), form)  # without a reference Python would delete it
        self._dialog.open()

    def _repeat_last(self) -> None:
        show_docker(Krita.instance().activeWindow())
        document = Krita.instance().activeDocument()
        last, history = get_runner().last_request, get_runner().histories.of(document)
        if last is None or last.document != document:  # that one is not seen now
            results = [] if history is None else history.history.results
            last = history.repetition(results[-1]) if history is not None and results else None
        if last is None:
            self._open_dialog()
            return
        options = settings.load().get("options", {})
        options.pop("style_weights", None)
        if "style_weights" in last.options:
            options["style_weights"] = last.options["style_weights"]
        get_runner().paint(last._replace(options=options, selection=layers.copy_selection(last.document)))

    def _toggle_live(self) -> None:
        docker = show_docker(Krita.instance().activeWindow())
        if docker is not None:
            docker.toggle_live()


class _EnableWhileBusy(QtCore.QObject):
    """Enables an action while a picture is painted.

    It is a child of the action, so that Qt disconnects it when the action's window is closed.
    """

    def __init__(self, action: QtWidgets.QAction) -> None:
        super().__init__(action)
        self._action = action
        get_runner().changed.connect(self.update_action)
        self.update_action()

    def update_action(self) -> None:
        self._action.setEnabled(get_runner().busy)


def show_docker(window: Window) -> ImpastoDocker | None:
    """Show the docker of a window, which displays the progress, and raise it to the front."""
    docker = window.qwindow().findChild(ImpastoDocker, "impasto_docker")
    if docker is not None:
        docker.setVisible(True)
        docker.raise_()
    return docker
