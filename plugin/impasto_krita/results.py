"""Layers with results. Adding one to the user's document is one undo step."""

from __future__ import annotations

import contextlib
from typing import Iterable, Iterator

from krita import Document, Krita, Node

from impasto_client.geometry import Rect
from impasto_client.protocol import stripes

from .layers import CONVERTED_ROWS, SRGB, ColorSpace, children, convert_pixels, find_node, is_open, node_key
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
        self._mask: tuple[str, Iterable[tuple[int, int, bytes]]] | None = None
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
        self._mask = name, opacity

    def add_to_group(self, source_key: str, above_key: str, name: str, group_key: str) -> str:
        """Add the layer to the group with the results of a source, on top, as one undo step.

        above_key: of the layer or group above which a new group is added; name, group_key: of the group
        Returns the key of the group.
        """
        group = find_node(self._document, group_key)
        if group is not None and group.type() != "grouplayer":
            group = None
        with _scratch_document(self._document) as scratch:
            parent = scratch.rootNode()
            if group is None:
                parent = _place(self._document.createGroupLayer(name), parent)
                source = find_node(self._document, source_key)
                if source is not None:
                    parent.setOpacity(source.opacity())
                    parent.setBlendingMode(source.blendingMode())
            layer = _place(self._layer, parent)
            if self._mask is not None:
                add_transparency_mask(layer, self._mask[0], self._rect, self._mask[1])
            if group is None:
                group = parent.duplicate()
                self._layer = children(group)[0]
                add_above(self._document, group, find_node(self._document, above_key))
            else:
                self._layer = layer.duplicate()
                earlier = children(group)
                group.addChildNode(self._layer, earlier[-1] if earlier else None)
                if self._layer.parentNode() is None:  # Krita may refuse to add it without an error
                    self.add_above(above_key)
            return node_key(group)

    def add_above(self, key: str) -> None:
        """Add it above the layer with this key, or on top if that layer was removed."""
        add_above(self._document, self._layer, find_node(self._document, key))


@contextlib.contextmanager
def _scratch_document(document: Document) -> Iterator[Document]:
    """A hidden document, in which layers of `document` that are not in its tree yet get their masks, and groups their layers.

    In `document`, Krita would make an undo step of each of these changes. Nodes are copied before they leave this document:
    those that Krita removes lose what is in them.
    """
    space = document.colorModel(), document.colorDepth(), document.colorProfile()
    scratch = Krita.instance().createDocument(1, 1, "", *space, 72.0)
    try:
        yield scratch
    finally:
        scratch.setModified(False)
        scratch.close()


def _place(node: Node, parent: Node) -> Node:
    """Add a node that belongs to another document to `parent`.  -> the same node, as one of the document of `parent`"""
    parent.addChildNode(node, None)
    return children(parent)[-1]


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
        is_layer = node.type().endswith("layer")  # and no selection mask
        shown = is_layer and node.visible() and node.opacity() == 255 and node.blendingMode() == "normal"
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
