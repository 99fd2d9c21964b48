"""What went wrong, with a remedy where there is one, or with the details for someone who helps."""

from __future__ import annotations

from typing import Callable

from krita import Krita

from impasto_client.i18n import i18n
from impasto_client.version import VERSION

from ..qt import QtCore, QtWidgets
from .labels import button, label


class ProblemPanel(QtWidgets.QWidget):
    """What went wrong, in one sentence, with a button for the remedy, and one that copies the details."""

    def __init__(self) -> None:
        super().__init__()
        self._text = label("problem")
        self._text.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self._remedy_button = button("", "remedy", self._on_remedy)
        self._copy_button = button(i18n("Copy details"), "copy_details", self._copy_details)
        icon = QtWidgets.QLabel()
        style = self.style()
        if style is not None:
            side = style.pixelMetric(QtWidgets.QStyle.PixelMetric.PM_SmallIconSize)
            warning = style.standardIcon(QtWidgets.QStyle.StandardPixmap.SP_MessageBoxWarning)
            icon.setPixmap(warning.pixmap(side, side))
        row = QtWidgets.QHBoxLayout()
        row.addWidget(icon, 0, QtCore.Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        for widget in (self._remedy_button, self._copy_button):
            column.addWidget(widget)
        self._details = ""
        self._remedy: Callable[[], None] | None = None

    def show_problem(self, problem: str, details: str, remedy: tuple[str, Callable[[], None]] | None) -> None:
        """problem: a sentence, or an empty string to hide the panel; remedy: the text of a button, and what it does"""
        self._text.setText(problem)
        self._details = details
        self._copy_button.setVisible(bool(details))
        self._remedy_button.setVisible(remedy is not None)
        if remedy is not None:
            self._remedy_button.setText(remedy[0])
            self._remedy = remedy[1]
        self.setVisible(bool(problem))

    def _on_remedy(self) -> None:
        if self._remedy is not None:
            self._remedy()

    def _copy_details(self) -> None:
        versions = f"Impasto {VERSION}, Krita {Krita.instance().version()}"
        clipboard = QtWidgets.QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(f"{versions}\n{self._text.text()}\n{self._details}")
