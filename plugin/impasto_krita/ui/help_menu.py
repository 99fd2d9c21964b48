"""The docker's menu with the manual, and with the removal of everything that was downloaded and stored."""

from __future__ import annotations

import glob
import os

from krita import Krita

from impasto_client.disk import delete_in_background, wait_for_deletions
from impasto_client.i18n import i18n
from impasto_client.installation import this_engine_data_folders, this_local_folder

from .. import settings
from ..qt import QtCore, QtGui, QtWidgets
from ..runner import get_runner
from .style_chooser import get_library

_MANUAL = os.path.join(os.path.dirname(os.path.dirname(__file__)), "Manual.html")
_PLUGIN_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class HelpMenu(QtWidgets.QToolButton):
    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("impasto_help")
        self.setText(i18n("Help"))
        self.setAutoRaise(True)
        self.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QtWidgets.QMenu(self)
        for text, function in ((i18n("Manual"), open_manual), (i18n("Remove Impasto..."), self._ask)):
            action = menu.addAction(text)
            assert action is not None
            action.triggered.connect(function)
        self.setMenu(menu)

    def _ask(self) -> None:
        """Ask before everything is removed."""
        question = QtWidgets.QMessageBox(self)
        question.setObjectName("impasto_remove_question")
        question.setWindowTitle(i18n("Remove Impasto"))
        question.setText(
            i18n(
                "Delete the engine, the network that it has downloaded, the styles that you have added or trained, and all "
                "settings? Your pictures stay. Other programs that use Impasto lose the same."
            )
        )
        question.addButton(i18n("Delete"), QtWidgets.QMessageBox.ButtonRole.AcceptRole)
        question.addButton(QtWidgets.QMessageBox.StandardButton.Cancel)
        question.setDefaultButton(QtWidgets.QMessageBox.StandardButton.Cancel)
        question.finished.connect(lambda code: self._on_answer(question))
        question.open()

    def _on_answer(self, question: QtWidgets.QMessageBox) -> None:
        clicked = question.clickedButton()
        if clicked is not None and question.buttonRole(clicked) == QtWidgets.QMessageBox.ButtonRole.AcceptRole:
            remove_everything()
        question.deleteLater()


def open_manual() -> None:
    QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(_MANUAL))


def remove_everything() -> None:
    """Delete the engine, the styles and the settings, and disable the plugin, which Krita then does not load again.

    Until Krita closes, the plugin stores nothing more, and its dockers are disabled. Krita closes once all is deleted.
    """
    runner = get_runner()
    runner.close()
    settings.forget()
    get_library().close()
    left = [folder for folder in (this_local_folder(), settings.data_folder()) if not delete_in_background(folder)]
    for folder in runner.network_folders or this_engine_data_folders():
        for path in glob.glob(os.path.join(glob.escape(folder), "*.safetensors")):
            try:
                os.remove(path)
            except OSError:
                left.append(path)
    krita = Krita.instance()
    krita.notifier().applicationClosing.connect(wait_for_deletions)
    krita.writeSetting("python", "enable_impasto_krita", "false")
    for docker in QtWidgets.QApplication.allWidgets():
        content = docker.widget() if isinstance(docker, QtWidgets.QDockWidget) else None
        if content is not None and docker.objectName() == "impasto_docker":
            content.setEnabled(False)
    if left:
        runner.refuse(
            i18n(
                "These could not be deleted: {paths}. Delete them yourself once Krita is closed. The docker is gone when "
                "Krita starts again.",
                paths=", ".join(left),
            )
        )
    else:
        runner.refuse(
            i18n("Everything is deleted. The docker is gone when Krita starts again.")
            + " "
            + i18n("Only the plugin's own files are left, in {folder}.", folder=_PLUGIN_FOLDER)
        )
