"""The dialog of Filter > Stylize with Layer."""

from __future__ import annotations

from krita import Krita

from impasto_client import messages
from impasto_client.i18n import i18n

from .. import layers
from ..qt import QtWidgets
from ..runner import get_runner
from .form_requests import connect_faces, start_painting
from .option_form import Form
from .source_row import SourceRow


class StylizeDialog(QtWidgets.QDialog):
    """Filter > Stylize with Layer...: the style of the docker, and the most important options, as they were used last."""

    def __init__(self, parent: QtWidgets.QWidget | None = None, docker_form: Form | None = None) -> None:
        """docker_form: whose style is the first choice"""
        super().__init__(parent)
        self.setWindowTitle(i18n("Stylize with Layer"))
        self.setObjectName("impasto_dialog")
        self._form = Form()
        self._form.refresh(Krita.instance().activeDocument())
        if docker_form is not None:
            self._form.set_instant_styles(get_runner().networks)
            self._form.style_picker.choose(docker_form.style_picker.style_source())
        connect_faces(self._form)
        self._source = SourceRow()
        document = Krita.instance().activeDocument()
        self._source.refresh(document, get_runner().histories.of(document))
        self._note = QtWidgets.QLabel(i18n("Starting the engine"))
        standard = QtWidgets.QDialogButtonBox.StandardButton
        self._buttons = QtWidgets.QDialogButtonBox()
        self._buttons.addButton(i18n("Stylize"), QtWidgets.QDialogButtonBox.ButtonRole.AcceptRole)
        self._buttons.addButton(standard.Cancel)
        self._buttons.accepted.connect(self._accept)
        self._buttons.rejected.connect(self.reject)
        column = QtWidgets.QVBoxLayout(self)
        for widget in (self._source, self._form, self._note, self._buttons):
            column.addWidget(widget)
        self.setMinimumWidth(360)
        get_runner().start_engine()
        get_runner().changed.connect(self._update)
        self.finished.connect(self._on_finished)
        self._update()

    def _update(self) -> None:
        runner = get_runner()
        self._form.create_fields(runner.options, runner.finds_faces)
        self._form.set_instant_styles(runner.networks)
        document, choice = Krita.instance().activeDocument(), self._form.size_choice
        if document is not None and choice is not None:
            area = layers.paint_area(document)
            choice.show_layer_size(area.width, area.height)
        note = runner.problem if not runner.engine.running else ""
        if not self._form.has_schema and not note:
            note = i18n("Starting the engine") if runner.engine_command() else messages.engine_missing()
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def _accept(self) -> None:
        self.accept()
        start_painting(self._form, self._source)

    def _on_finished(self, code: int) -> None:
        get_runner().changed.disconnect(self._update)
        self.deleteLater()
