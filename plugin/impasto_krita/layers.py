"""Krita's layers: list them, and read them as they look.

Layers are read from a clone of the document: it does not change while it is read, and hidden layers can be made visible in it
without touching the user's document. Only Live reads the user's own document (`followed_layer`). Pixels are read in stripes,
so that Krita never freezes. Outside this module colors are sRGB with 8 or 16 bits.
"""

from __future__ import annotations

from typing import Iterator, Tuple

from krita import Document, Krita, Node, Selection

from impasto_client.errors import PluginError
from impasto_client.geometry import Rect
from impasto_client.i18n import i18n
from impasto_client.protocol import stripes
from impasto_client.request import with_margin

from .qt import QtCore, QtGui, sip
from .steps import IDLE_MS, Steps

SRGB = "sRGB-elle-V2-srgbtrc.icc"
#: Node types with pixels of their own. Masks belong to their layer; filter layers show what is below them.
_PIXEL_LAYERS = ("paintlayer", "grouplayer", "vectorlayer", "clonelayer", "filelayer", "filllayer")
#: Grayscale masks: they can mark the area of a second style.
_GRAY_MASKS = ("transparencymask", "selectionmask")
#: Rows that are converted at a time, where a layer is not 8-bit sRGB.
CONVERTED_ROWS = 64
#: Layers up to this side length are read as a whole, including what is outside the canvas.
_MAX_LAYER_SIDE = 32768

#: The key of the whole picture, where that of a layer could be
WHOLE_PICTURE = "picture"

ColorSpace = Tuple[str, str, str]  # color model, depth, profile


def node_key(node: Node) -> str:
    """A string that identifies a node, also in clones of its document."""
    return str(node.uniqueId().toString())


def children(node: Node) -> list[Node]:
    """The layers and masks in a node, from the bottom. Krita never frees those that it returns in a list: this does."""
    nodes = node.childNodes()
    for child in nodes:
        sip.transferback(child)
    return nodes


def visible_layers(document: Document, masks: bool = False) -> list[tuple[int, Node]]:
    """(depth, node) of every layer with pixels of its own, hidden or not, from the top as in the layer list.

    masks: include grayscale masks
    """
    nodes: list[tuple[int, Node]] = []
    types = _PIXEL_LAYERS + (_GRAY_MASKS if masks else ())

    def walk(node: Node, depth: int) -> None:
        for child in reversed(children(node)):
            if child.type() in types:
                nodes.append((depth, child))
                walk(child, depth + 1)

    root = document.rootNode()
    if root is not None:
        walk(root, 0)
    return nodes


def find_node(document: Document, key: str) -> Node | None:
    """The layer or mask with this key, or None. WHOLE_PICTURE is the root of all layers."""
    if key == WHOLE_PICTURE:
        return document.rootNode()
    # Document.nodeByUniqueID returns something else than a Node in Krita 5.1.
    return next((node for _, node in visible_layers(document, masks=True) if node_key(node) == key), None)


def layer_to_paint(document: Document | None) -> Node:
    """The active layer, or the layer of the active mask.  Raises PluginError"""
    node = document.activeNode() if document is not None else None
    if node is None:
        raise PluginError(i18n("There is no layer to paint: open a picture first."))
    parent = node.parentNode()
    if node.type().endswith("mask") and parent is not None:
        node = parent
        if node.parentNode() is None:
            raise PluginError(i18n("Select a layer: the selection mask belongs to the whole picture."))
    if node.type() not in _PIXEL_LAYERS:
        raise PluginError(i18n("{layer} has no pixels of its own: choose a paint, group or vector layer.", layer=node.name()))
    return node


def is_open(document: Document) -> bool:
    return any(document == other for other in Krita.instance().documents())


def copy_selection(document: Document) -> tuple[Selection, Rect] | None:
    """A copy of the selection and its rectangle on the canvas (empty if it is outside); None if nothing is selected."""
    selection = document.selection()
    rect = _selection_rect(selection)
    if selection is None or rect is None:
        return None
    return selection.duplicate(), rect.intersection(canvas_rect(document))


def selected_rect(document: Document) -> Rect | None:
    """The bounds of the selection on the canvas, or None if nothing is selected."""
    rect = _selection_rect(document.selection())
    return None if rect is None else rect.intersection(canvas_rect(document))


def paint_area(document: Document) -> Rect:
    """Roughly the area that would be painted: the selection or the canvas (a layer's exact bounds take long to compute)."""
    rect = _selection_rect(document.selection())
    canvas = canvas_rect(document)
    return canvas if rect is None else with_margin(rect).intersection(canvas)


def _selection_rect(selection: Selection | None) -> Rect | None:
    """The bounds of a selection, or None if nothing is selected."""
    if selection is None or selection.width() == 0 or selection.height() == 0:
        return None
    return Rect(selection.x(), selection.y(), selection.width(), selection.height())


def canvas_rect(document: Document) -> Rect:
    return Rect(0, 0, document.width(), document.height())


def wait_for_drawing(document: Document) -> Steps:
    """Wait until Krita, which draws in other threads, has drawn a document."""
    while not document.tryBarrierLock():
        yield IDLE_MS
    document.unlock()


def thumbnail(node: Node, side: int) -> QtGui.QImage:
    """A picture of a node whose longest side is at most `side` pixels. Krita itself ignores proportions."""
    bounds = node.bounds()
    shrink = min(1.0, side / max(bounds.width(), bounds.height(), 1))
    return node.thumbnail(*(max(1, round(shrink * length)) for length in (bounds.width(), bounds.height())))


class Snapshot:
    """A clone of a document, to read layers from."""

    def __init__(self, document: Document) -> None:
        self._document = document.clone()
        self._document.setBatchmode(True)
        self._changed = False  # since Krita has drawn it

    def make_visible(self, keys: list[str]) -> Steps:
        """Show those of these layers that are hidden, and the groups that contain them, and wait until Krita has drawn them.

        Paint layers without masks and masks are skipped: their pixels are the same whether they are hidden or not. For the
        others Krita has to redraw the clone, which blocks the caller for a moment.
        """
        for key in keys:
            node = find_node(self._document, key)
            if node is not None and (node.type() in _GRAY_MASKS or (node.type() == "paintlayer" and not children(node))):
                continue
            while node is not None and node.parentNode() is not None:
                if not node.visible():
                    node.setVisible(True)
                    self._changed = True
                node = node.parentNode()
        if self._changed:
            self._document.refreshProjection()
            self._changed = False
        yield from wait_for_drawing(self._document)

    def hide(self, key: str) -> None:
        """Hide a layer, if there is one with this key. Call this before `make_visible`."""
        node = find_node(self._document, key)
        if node is not None and node.visible():
            node.setVisible(False)
            self._changed = True

    def take_mask(self, key: str, rect: Rect) -> list[tuple[int, int, bytes]]:
        """The transparency mask of a layer, which is hidden.  -> (y, rows, opacity); empty if there is none"""
        node = find_node(self._document, key)
        masks = [child for child in children(node) if child.type() == "transparencymask"] if node is not None else []
        if not masks:
            return []
        self.hide(node_key(masks[0]))
        return list(mask_stripes(masks[0], rect))

    def picture(self, key: str, rect: Rect | None = None) -> LayerPicture:
        """The picture of a layer in `rect`, by default in the layer's own bounds.  Raises PluginError if it is empty"""
        node = find_node(self._document, key)
        if node is None:
            raise PluginError(i18n("The layer was removed."))
        if rect is None:
            bounds = node.bounds()
            rect = Rect(bounds.x(), bounds.y(), bounds.width(), bounds.height())
            if key == WHOLE_PICTURE or node.type() == "filllayer":  # has no bounds
                rect = canvas_rect(self._document)
            elif max(rect.width, rect.height) > _MAX_LAYER_SIDE:
                rect = rect.intersection(canvas_rect(self._document))
        if rect.width <= 0 or rect.height <= 0:
            raise PluginError(i18n("{layer} is empty: it has no visible pixels.", layer=node.name()))
        return LayerPicture(node, rect)

    def region(self, key: str, rect: Rect) -> tuple[str, Iterator[tuple[int, int, bytes]]]:
        """The pixel format and the stripes of a layer or a mask in `rect`.  Raises PluginError if it cannot be read"""
        node = find_node(self._document, key)
        if node is not None and node.type() in _GRAY_MASKS:
            mask = node.selection() if hasattr(node, "selection") else node
            if mask is None or not bytes(mask.pixelData(rect.x, rect.y, 1, 1)):
                raise PluginError(
                    i18n("{layer} cannot be read in this version of Krita: paint the region on a layer.", layer=node.name())
                )
            return "gray8", mask_stripes(mask, rect)
        picture = self.picture(key, rect)
        return picture.format, picture.stripes()

    def close(self) -> None:
        self._document.setModified(False)
        self._document.close()


class LayerPicture:
    """The picture of a layer in a rectangle, with its masks and child layers, in sRGB."""

    def __init__(self, node: Node, rect: Rect) -> None:
        self._node, self.rect = node, rect
        self.size = rect.width, rect.height
        self._space: ColorSpace = (node.colorModel(), node.colorDepth(), node.colorProfile())
        self.depth = "U8" if self._space[1] == "U8" else "U16"

    @property
    def note(self) -> str:
        """A sentence about what the result cannot preserve of the layer, or an empty string."""
        if self._node.animated():
            return i18n("Only the current frame is painted. For all, see Frames.")
        return i18n("Light brighter than white is clipped.") if self._space[1] in ("F16", "F32") else ""

    @property
    def format(self) -> str:
        """The pixel format in the engine's protocol."""
        return "bgra8" if self.depth == "U8" else "bgra16"

    def stripes(self) -> Iterator[tuple[int, int, bytes]]:
        """(y, rows, pixels) from the top."""
        target: ColorSpace = ("RGBA", self.depth, SRGB)
        rect = self.rect
        parts = stripes(rect.height) if self._space == target else stripes(rect.height, CONVERTED_ROWS)
        for y, rows in parts:
            pixels = bytes(self._node.projectionPixelData(rect.x, rect.y + y, rect.width, rows))
            yield y, rows, convert_pixels(pixels, rect.width, rows, self._space, target)


def mask_stripes(mask: Selection | Node, rect: Rect) -> Iterator[tuple[int, int, bytes]]:
    """(y, rows, pixels) of a selection or a mask in a rectangle, one byte per pixel."""
    for y, rows in stripes(rect.height):
        yield y, rows, bytes(mask.pixelData(rect.x, rect.y + y, rect.width, rows))


def convert_pixels(pixels: bytes, width: int, height: int, source: ColorSpace, target: ColorSpace) -> bytes:
    """Convert pixels to another color space with Krita.  Raises PluginError if Krita lacks the profile

    Converting a node of the user's document would crash Krita or add an undo step, so a temporary document is used.
    """
    if source == target:
        return pixels
    document = Krita.instance().createDocument(width, height, "", source[0], source[1], source[2], 72.0)
    try:
        layer = children(document.rootNode())[0]
        if (layer.colorModel(), layer.colorDepth(), layer.colorProfile()) != source:
            raise PluginError(
                i18n("Krita has no color profile {profile}: convert the picture to sRGB first.", profile=source[2])
            )
        layer.setPixelData(QtCore.QByteArray(pixels), 0, 0, width, height)
        document.setColorSpace(*target)
        document.waitForDone()
        return bytes(layer.pixelData(0, 0, width, height))
    finally:
        document.setModified(False)
        document.close()
