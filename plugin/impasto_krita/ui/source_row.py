"""What is painted: the active layer, the whole picture, or a result; and how much of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from krita import Document, Node

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n

from .. import layers
from ..document_history import DocumentHistory
from ..qt import QtCore, QtGui, QtWidgets
from .area_picker import layer_icon

_ICON_SIDE = 32


class Source(NamedTuple):
    """What is to be painted"""

    key: str
    name: str
    node: Node


def source_layer(document: Document, history: DocumentHistory) -> Source:
    """The active layer; if that is a result or in a group of results, what these were painted from.  Raises PluginError"""
    node = layers.layer_to_paint(document)
    key = history.source_of(node)
    if key == layers.WHOLE_PICTURE:
        return whole_picture(document)
    original = layers.find_node(document, key) if key else node
    if original is None:
        raise PluginError(
            i18n("What {layer} was painted from is gone: choose another layer, or this result.", layer=node.name())
        )
    return Source(layers.node_key(original), original.name(), original)


def whole_picture(document: Document) -> Source:
    return Source(layers.WHOLE_PICTURE, i18n("Whole picture"), document.rootNode())


class SourceRow(QtWidgets.QWidget):
    """Names what is painted, and lets the user choose something else. Signal: `changed` when it is something else"""

    changed = QtCore.pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._choice = QtWidgets.QComboBox()
        self._choice.setObjectName("impasto_source")
        self._choice.setIconSize(QtCore.QSize(_ICON_SIDE, _ICON_SIDE))
        self._choice.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._choice.setMinimumContentsLength(8)
        self._choice.setToolTip(i18n("What is painted. A result is never painted again, unless you choose it here."))
        self._choice.activated.connect(self._on_chosen)
        self._area = QtWidgets.QLabel()
        self._area.setObjectName("impasto_area")
        self._area.setEnabled(False)  # drawn in gray
        self._entries: list[tuple[str, str, str]] = []  # (mode, key, text)
        self._outdated = False  # the thumbnails are
        self._mode = "layer"
        self._active = ""  # key of the active layer
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._choice)
        column.addWidget(self._area)

    @property
    def key(self) -> str:
        """The key of what is painted, or an empty string."""
        return next((key for mode, key, _ in self._entries if mode == self._mode), "")

    def refresh(self, document: Document | None, history: DocumentHistory | None) -> None:
        """Show what would be painted now."""
        entries: list[tuple[str, str, str]] = []
        nodes: dict[str, Node] = {}
        active = ""
        if document is not None and history is not None:
            active_node = document.activeNode()
            try:
                source = source_layer(document, history)
                entries.append(("layer", source.key, source.name))
                nodes[source.key] = source.node
            except PluginError:  # a filter layer, or the original is gone
                entries.append(("layer", "", active_node.name() if active_node is not None else i18n("No layer")))
            if active_node is not None:
                active = layers.node_key(active_node)
                if history.history.of_layer(active):
                    entries.append(("result", active, i18n("This result: {layer}", layer=active_node.name())))
                    nodes[active] = active_node
            if layers.WHOLE_PICTURE not in nodes:
                entries.append(("whole", layers.WHOLE_PICTURE, i18n("Whole picture")))
        if active != self._active:
            self._active = active
            if self._mode == "result":
                self._mode = "layer"
        is_another = entries != self._entries
        if is_another or self._outdated:
            self._entries, self._outdated = entries, False
            self._choice.clear()
            for mode, key, text in entries:
                icon = layer_icon(nodes[key], _ICON_SIDE, self._choice.devicePixelRatioF()) if key in nodes else QtGui.QIcon()
                self._choice.addItem(icon, text, mode)
        self._choice.setCurrentIndex(max(0, self._choice.findData(self._mode)))
        self._area.setText("" if document is None else _describe_area(document))
        self._area.setVisible(document is not None)
        if is_another:
            self.changed.emit()

    def source(self, document: Document, history: DocumentHistory) -> Source:
        """What is painted.  Raises PluginError: there is nothing that can be painted"""
        if self._mode == "whole":
            return whole_picture(document)
        if self._mode == "result":
            node = layers.layer_to_paint(document)
            return Source(layers.node_key(node), node.name(), node)
        return source_layer(document, history)

    def enterEvent(self, event: Any) -> None:
        """The pointer comes from the canvas: the layers may look different now."""
        super().enterEvent(event)
        self._outdated = True

    def _on_chosen(self, index: int) -> None:
        self._mode = self._choice.itemData(index)
        self.changed.emit()


def _describe_area(document: Document) -> str:
    selected = layers.selected_rect(document)
    if selected is not None:
        return i18n("Selection: {width} x {height} px", width=selected.width, height=selected.height)
    return i18n("{width} x {height} px", width=document.width(), height=document.height())
