"""The part of the docker that sets up the engine."""

from __future__ import annotations

from impasto_client.engine_install import bundled_wheel
from impasto_client.i18n import i18n

from ..qt import QtWidgets
from ..runner import get_runner
from .labels import label, show_text


class SetupPanel(QtWidgets.QWidget):
    """Why the engine has to be set up, the button that does it, its progress, and its log on demand."""

    def __init__(self) -> None:
        super().__init__()
        self._text = label("setup_hint")
        self.button = QtWidgets.QPushButton()
        self.button.setObjectName("impasto_set_up")
        self.bar = QtWidgets.QProgressBar()
        self.bar.setObjectName("impasto_setup_progress")
        self.bar.setRange(0, 1000)
        self._log_button = QtWidgets.QPushButton(i18n("Show the log"))
        self._log_button.setObjectName("impasto_show_log")
        self._log_button.setFlat(True)
        self._log_button.clicked.connect(self._toggle_log)
        self._log = QtWidgets.QPlainTextEdit()
        self._log.setReadOnly(True)
        self._log.setMaximumBlockCount(500)
        self._log.setMaximumHeight(120)
        self._log.hide()
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._text, self.bar, self.button, self._log_button, self._log):
            column.addWidget(widget)

    def add_log_line(self, line: str) -> None:
        self._log.appendPlainText(line)
        self._log_button.show()

    def show_progress(self, fraction: float, text: str) -> None:
        self.bar.setValue(round(1000 * fraction))
        self.bar.setFormat(text)

    def show_hint(self, hint: str) -> None:
        running = get_runner().setup.running
        show_text(self._text, hint)
        self.setVisible(bool(hint))
        self.bar.setVisible(running)
        self._log_button.setVisible(bool(self._log.toPlainText()))
        self.button.setText(i18n("Stop") if running else i18n("Download and install"))
        self.button.setEnabled(running or bundled_wheel() is not None)

    def _toggle_log(self) -> None:
        self._log.setVisible(self._log.isHidden())
        self._log_button.setText(i18n("Show the log") if self._log.isHidden() else i18n("Hide the log"))
