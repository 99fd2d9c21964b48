"""Layers with results. Adding one to the user's document is one undo step."""

from __future__ import annotations

from krita import Document, Node

from .geometry import Rect
from .layers import CONVERTED_ROWS, SRGB, ColorSpace, convert_pixels, find_node, node_key
from .protocol import stripes
from .qt import QtCore
from .steps import NEXT_MS, Steps


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
