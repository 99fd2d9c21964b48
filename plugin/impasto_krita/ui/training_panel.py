"""The part of the docker that trains a network on the chosen style."""

from __future__ import annotations

from impasto_client.i18n import i18n

from ..qt import QtCore, QtWidgets
from ..training import MINUTES, StyleTraining
from .labels import button, label, show_text
from .preview import Preview


class TrainingPanel(QtWidgets.QWidget):
    """Signal: `start_requested` when the user wants the chosen style to be trained"""

    start_requested = QtCore.pyqtSignal()

    def __init__(self, training: StyleTraining) -> None:
        super().__init__()
        self._training = training
        self._available, self._enabled = False, True
        self._button = button("", "train", self._on_button)
        self._button.setToolTip(
            i18n(
                "Train a network on this style in the background, for {minutes} minutes. Then it paints in about a second.",
                minutes=MINUTES,
            )
        )
        self._status = label("training_status")
        self._preview = Preview("training_preview")
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._button, self._status, self._preview):
            column.addWidget(widget)
        training.changed.connect(self._show_state)
        self._show_state()

    def set_available(self, available: bool, enabled: bool) -> None:
        """available: whether the chosen style can be trained; enabled: whether there is an engine"""
        self._available, self._enabled = available, enabled
        self._show_state()

    def _on_button(self) -> None:
        if self._training.busy:
            self._training.finish()
        else:
            self.start_requested.emit()

    def _show_state(self) -> None:
        training = self._training
        self._button.setText(i18n("Finish now") if training.busy else i18n("Make this style instant"))
        self._button.setVisible(training.busy or self._available)
        self._button.setEnabled(training.busy or self._enabled)
        show_text(self._status, training.status)
        self.setVisible(training.busy or self._available or bool(training.status))
        self._preview.show_image(training.preview)
