"""What went wrong, with the details for someone who helps."""

from __future__ import annotations

from krita import Krita

from ..qt import QtCore, QtWidgets
from ..version import VERSION
from .labels import button, label


class ProblemPanel(QtWidgets.QWidget):
    """What went wrong, in one sentence, with a button that copies the details."""

    def __init__(self) -> None:
        super().__init__()
        self._text = label("problem")
        self._text.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        copy = button("Copy details", "copy_details", self._copy_details)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._text)
        column.addWidget(copy)
        self._details = ""

    def show_problem(self, problem: str, details: str) -> None:
        self._text.setText(problem)
        self._details = details
        self.setVisible(bool(problem))

    def _copy_details(self) -> None:
        versions = f"Impasto {VERSION}, Krita {Krita.instance().version()}"
        clipboard = QtWidgets.QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(f"{versions}\n{self._text.text()}\n{self._details}")
