"""The list from which the user chooses a layer or a mask that marks an area."""

from __future__ import annotations

from krita import Document

from impasto_client.request import StyleSource

from .. import layers
from .layer_combo_box import LayerComboBox

_THUMBNAIL_SIDE = 20


class AreaPicker(LayerComboBox):
    """A list of the document's layers and masks, with thumbnails"""

    def __init__(self, name: str, none_label: str) -> None:
        """name: of the widget, after `impasto_`; none_label: the entry for no area"""
        super().__init__(name, _THUMBNAIL_SIDE)
        self._none_label = none_label
        self._layers: list[tuple[int, str, str]] | None = None  # (depth, key, name) of those that are listed
        self._document: Document | None = None

    def refresh(self, document: Document | None) -> None:
        """List the document's layers again if they have changed."""
        nodes = [] if document is None else layers.visible_layers(document, masks=True)
        current = [(depth, layers.node_key(node), node.name()) for depth, node in nodes]
        if (current == self._layers and document == self._document) or self.popup_open:
            return
        selected = self.currentData()
        self._layers, self._document = current, document
        self.clear()
        self.addItem(self._none_label, None)
        for depth, key, name in current:
            self.addItem("    " * depth + name, key)
        self._select(selected)
        self.set_layers(document, [key for _, key, _ in current])
        self.draw_icons()

    def source(self) -> StyleSource | None:
        """The selected layer or mask, or None."""
        key = self.currentData()
        return StyleSource(self.currentText().strip(), layer_key=key) if key else None

    def choose(self, source: StyleSource | None) -> None:
        """Choose a layer again; none, if it is gone."""
        self._select(source.layer_key if source is not None else None)

    def _select(self, key: str | None) -> None:
        self.setCurrentIndex(max(0, self.findData(key)))
