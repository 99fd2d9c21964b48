"""Layers with results. Adding one to the user's document is one undo step."""

from __future__ import annotations

from typing import Iterable

from krita import Document, Node

from .geometry import Rect
from .layers import CONVERTED_ROWS, SRGB, ColorSpace, children, convert_pixels, find_node, is_open, node_key
from .protocol import stripes
from .qt import QtCore
from .steps import IDLE_MS, NEXT_MS, Steps
from .transparency_mask import add_transparency_mask

#: How often to check whether Krita has activated a new layer, every IDLE_MS
_ACTIVATION_CHECKS = 25


class ResultLayer:
    """A paint layer that is filled before it is added to the document, so that it is one undo step."""

    def __init__(self, document: Document, name: str, rect: Rect, depth: str) -> None:
        """rect: where the result lies on the canvas; depth: "U8" or "U16", of the pixels that will be written"""
        self._document, self._rect = document, rect
        self._layer = document.createNode(name, "paintlayer")
        self._source: ColorSpace = ("RGBA", depth, SRGB)
        self._space: ColorSpace = (self._layer.colorModel(), self._layer.colorDepth(), self._layer.colorProfile())

    def write(self, y: int, rows: int, pixels: bytes) -> Steps:
        """Write one stripe."""
        width = self._rect.width
        rows_per_step = rows if self._source == self._space else CONVERTED_ROWS
        stride = len(pixels) // rows
        for top, count in stripes(rows, rows_per_step):
            part = pixels[top * stride : (top + count) * stride]
            part = convert_pixels(part, width, count, self._source, self._space)
            self._layer.setPixelData(QtCore.QByteArray(part), self._rect.x, self._rect.y + y + top, width, count)
            yield NEXT_MS

    @property
    def key(self) -> str:
        """Identifies the layer in its document."""
        return node_key(self._layer)

    def add_mask(self, name: str, opacity: Iterable[tuple[int, int, bytes]]) -> None:
        """Add a transparency mask.  opacity: its stripes, (y, rows, one byte per pixel)"""
        add_transparency_mask(self._layer, name, self._rect, opacity)

    def add_to_group(self, source_key: str, above_key: str, name: str, group_key: str) -> str:
        """Add the layer to the group with the results of a source, on top.

        above_key: of the layer or group above which a new group is added; name, group_key: of the group
        Returns the key of the group.
        """
        group = find_node(self._document, group_key)
        if group is None or group.type() != "grouplayer":
            source = find_node(self._document, source_key)
            group = self._document.createGroupLayer(name)
            if source is not None:
                group.setOpacity(source.opacity())
                group.setBlendingMode(source.blendingMode())
            group.addChildNode(self._layer, None)
            add_above(self._document, group, find_node(self._document, above_key))
        else:
            earlier = children(group)
            group.addChildNode(self._layer, earlier[-1] if earlier else None)
            if self._layer.parentNode() is None:  # Krita may refuse to add it without an error
                self.add_above(above_key)
        return node_key(group)

    def add_above(self, key: str) -> None:
        """Add it above the layer with this key, or on top if that layer was removed."""
        add_above(self._document, self._layer, find_node(self._document, key))


def add_above(document: Document, layer: Node, other: Node | None) -> None:
    """Add a layer above another, or on top if that layer was removed."""
    parent = other.parentNode() if other is not None else None
    if parent is not None:
        parent.addChildNode(layer, other)
    if layer.parentNode() is None:  # Krita may refuse to add it without an error
        document.rootNode().addChildNode(layer, None)


def keep_active(document: Document, active: Node | None, added: Iterable[str]) -> Steps:
    """Krita makes a new layer the active one soon after it was added: make the one that was active before active again.

    added: keys of the new layers
    """
    for _ in range(_ACTIVATION_CHECKS):
        yield IDLE_MS
        if active is None or active.parentNode() is None or not is_open(document):
            return
        node = document.activeNode()
        if node is not None and node_key(node) in added:
            document.setActiveNode(active)
            return


def covering_layer(document: Document, group_key: str, rect: Rect) -> str:
    """The name of a layer above a group that hides what is in this rectangle, or an empty string."""
    group = find_node(document, group_key)
    parent = group.parentNode() if group is not None else None
    if parent is None:
        return ""
    for node in reversed(children(parent)):
        if node_key(node) == group_key:
            return ""
        bounds = node.bounds()
        area = Rect(bounds.x(), bounds.y(), bounds.width(), bounds.height())
        shown = node.visible() and node.opacity() == 255 and node.blendingMode() == "normal"
        if shown and area.contains(rect):
            center = bytes(node.projectionPixelData(rect.x + rect.width // 2, rect.y + rect.height // 2, 1, 1))
            if center[-1:] == b"\xff":  # opaque, in 8 bits and in most others
                return node.name()
    return ""


def show_only(document: Document, shown: Iterable[str], others: Iterable[str]) -> None:
    """Show some layers and hide others. These changes are not undo steps.  shown, others: keys of layers"""
    shown, changed = set(shown), False
    for key in {*others, *shown}:
        node = find_node(document, key)
        if node is not None and node.visible() != (key in shown):
            node.setVisible(key in shown)
            changed = True
    if changed:
        document.refreshProjection()
