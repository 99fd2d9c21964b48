"""What is painted: the active layer, another layer, the whole picture, or a result; and how much of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from krita import Document, Node

from impasto_client.errors import PluginError
from impasto_client.geometry import Rect
from impasto_client.i18n import i18n

from .. import layers
from ..document_history import DocumentHistory
from ..qt import QtCore, QtGui, QtWidgets
from .layer_combo_box import LayerComboBox

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
        self._choice = LayerComboBox("source", _ICON_SIDE)
        self._choice.setToolTip(i18n("What is painted. A result is never painted again, unless you choose it here."))
        self._choice.picked.connect(self._on_picked)
        self._area = QtWidgets.QLabel()
        self._area.setObjectName("impasto_area")
        self._area.setEnabled(False)  # drawn in gray
        self._document: Document | None = None
        self._entries: list[tuple[str, str, str]] = []  # (mode, key, text); the mode of a layer that is not active is ""
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
        """Show what would be painted now, and what else could be."""
        if self._choice.popup_open:
            return
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
            for depth, key, node in history.other_layers():
                if key not in (entries[0][1], active):
                    entries.append(("", key, "    " * depth + node.name()))
        else:
            entries.append(("layer", "", i18n("No picture is open")))
        if active != self._active:
            self._active = active
            if self._mode == "result":
                self._mode = "layer"
        is_another = entries != self._entries or document != self._document
        if is_another or self._outdated:
            self._document, self._entries, self._outdated = document, entries, False
            self._choice.clear()
            for mode, key, text in entries:
                icon = self._choice.layer_icon(nodes[key]) if key in nodes else QtGui.QIcon()
                self._choice.addItem(icon, text, mode or key)
            self._choice.set_layers(document, [key for mode, key, _ in entries if not mode])
        self._choice.setCurrentIndex(max(0, self._choice.findData(self._mode)))
        selected = layers.selected_rect(document) if document is not None else None
        self._area.setText("" if document is None else _describe_area(document, selected))
        self._area.setToolTip(i18n("A little more is painted around it, so that it fits in.") if selected is not None else "")
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

    def _on_picked(self) -> None:
        """A layer that was not the active one becomes it: the active layer is painted, unless the user chooses otherwise."""
        mode, key, _ = self._entries[self._choice.currentIndex()]
        self._mode = mode or "layer"
        if not mode and self._document is not None:
            node = layers.find_node(self._document, key)
            if node is not None:
                self._document.setActiveNode(node)
        self.changed.emit()


def _describe_area(document: Document, selected: Rect | None) -> str:
    if selected is not None:
        return i18n("Selection: {width} x {height} px", width=selected.width, height=selected.height)
    return i18n("{width} x {height} px", width=document.width(), height=document.height())
