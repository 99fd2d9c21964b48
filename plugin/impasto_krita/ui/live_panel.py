"""Live in the docker: its switch, where it shows the painting, and the painting."""

from __future__ import annotations

from krita import Document

from impasto_client.i18n import i18n

from ..live_painting import CANVAS, DOCKER, LivePainting
from ..qt import QtCore, QtWidgets
from .labels import button, label, show_text
from .preview import Preview


class LivePanel(QtWidgets.QWidget):
    """Displays a LivePainting. Signal: `toggled(on)` when the user wants to switch Live on or off."""

    toggled = QtCore.pyqtSignal(bool)

    def __init__(self, live: LivePainting) -> None:
        super().__init__()
        self._live = live
        self._document: Document | None = None  # the active one
        self._switch = button(i18n("Live"), "live", self._on_switch)
        self._switch.setCheckable(True)
        self._switch.setToolTip(
            i18n("While this is on, an instant style repaints the active layer after every stroke, and follows the settings.")
        )
        self._places = {
            CANVAS: self._place_choice(CANVAS, i18n("Canvas"), i18n("As a layer, which steps aside while you draw.")),
            DOCKER: self._place_choice(DOCKER, i18n("Docker"), i18n("Here. The canvas shows only your own layers.")),
        }
        self._picture = Preview("live_picture")
        self._keep = button(i18n("Keep this picture"), "live_keep", live.add_layer)
        self._keep.setToolTip(i18n("Add the painting as it is now as a layer. While Live is on, that layer is hidden."))
        self._status = label("live_status")

        choices = QtWidgets.QHBoxLayout()
        for choice in self._places.values():
            choices.addWidget(choice)
        choices.addStretch(1)
        places = QtWidgets.QFormLayout()
        places.setRowWrapPolicy(QtWidgets.QFormLayout.RowWrapPolicy.WrapLongRows)  # in a narrow docker
        places.addRow(i18n("Show on:"), choices)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._switch)
        column.addLayout(places)
        for widget in (self._picture, self._keep, self._status):
            column.addWidget(widget)
        column.addStretch(1)
        live.changed.connect(self._update_state)
        self._update_state()

    def _place_choice(self, place: str, text: str, tooltip: str) -> QtWidgets.QRadioButton:
        choice = QtWidgets.QRadioButton(text)
        choice.setObjectName("impasto_live_" + place)
        choice.setToolTip(tooltip)
        choice.clicked.connect(lambda: setattr(self._live, "show_in", place))
        return choice

    def refresh(self, document: Document | None) -> None:
        """Show the painting only beside its own document, the one that is active."""
        if document != self._document:
            self._document = document
            self._update_state()

    def _on_switch(self) -> None:
        self.toggled.emit(not self._live.on)
        self._update_state()  # Live may have refused

    def _update_state(self) -> None:
        live = self._live
        self._switch.setChecked(live.on)
        self._switch.setText(i18n("Stop Live") if live.on else i18n("Live"))
        here = self._document is not None and live.painted_document == self._document
        self._places[live.show_in].setChecked(True)
        self._picture.show_image(live.picture if live.show_in == DOCKER and here else None)
        on_canvas = not live.on and live.show_in == CANVAS and bool(live.layer_key)  # it is a layer already
        self._keep.setVisible(here and not on_canvas)
        show_text(self._status, live.status)
