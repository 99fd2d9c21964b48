"""All work on Krita's pixels: which layers there are, reading them as they look, and adding a result as one undo step.

Layers are read from a clone of the document: a frozen picture of the moment, in which hidden layers can be shown without
touching the user's; only Live looks at the user's own. Pixels travel in stripes, so that Krita never waits. Colors outside of
here are sRGB, 8 or 16 bits.
"""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Tuple

from krita import Krita

from .frames import stripes
from .qt import QtCore

SRGB = "sRGB-elle-V2-srgbtrc.icc"
#: Node types that show a picture of their own. Masks belong to their layer; filter layers show what is below them.
_SHOWING = ("paintlayer", "grouplayer", "vectorlayer", "clonelayer", "filelayer", "filllayer")
#: Masks that are painted in grays: where a second style goes can be said by one.
_MASKS = ("transparencymask", "selectionmask")
#: The engine sees as much around a selection as helps it to know what it paints, in pixels.
_MARGIN = 64
#: Rows that are converted at a time, where a layer is not 8-bit sRGB.
_CONVERTED_ROWS = 64
#: Rows of a layer that is followed which are compared at a time, and to how many columns a change is told.
_LOOKED_ROWS, _LOOKED_COLUMNS = 64, 16
#: The most pixels of such a layer
_MOST_LIVE = 40_000_000
#: The largest side of a layer that is taken whole, beyond the canvas too.
_LARGEST = 32768

Space = Tuple[str, str, str]  # color model, depth, profile


class LayerError(Exception):
    """What the user asked for cannot be done with these layers; the text says why."""


class Rect(NamedTuple):
    x: int
    y: int
    width: int
    height: int

    def intersected(self, other: Rect) -> Rect:
        left, top = max(self.x, other.x), max(self.y, other.y)
        right = min(self.x + self.width, other.x + other.width)
        bottom = min(self.y + self.height, other.y + other.height)
        return Rect(left, top, max(0, right - left), max(0, bottom - top))

    def grown(self, by: int) -> Rect:
        return Rect(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)


def key(node: Any) -> str:
    """What tells a node from all others, in a clone of its document too"""
    return str(node.uniqueId().toString())


def showing(document: Any, masks: bool = False) -> list[tuple[int, Any]]:
    """(depth, node) of every layer that shows a picture, and every mask that is painted, from the top as in the layer list."""
    found: list[tuple[int, Any]] = []
    kinds = _SHOWING + (_MASKS if masks else ())

    def walk(node: Any, depth: int) -> None:
        for child in reversed(node.childNodes()):
            if child.type() in kinds:
                found.append((depth, child))
                walk(child, depth + 1)

    root = document.rootNode()
    if root is not None:
        walk(root, 0)
    return found


def find(document: Any, wanted: str) -> Any | None:
    """The node with that key, or None"""
    return next((node for _, node in showing(document, masks=True) if key(node) == wanted), None)


def layer_to_paint(document: Any) -> Any:
    """The active layer, or the layer of the active mask.  Raises LayerError."""
    node = document.activeNode() if document is not None else None
    if node is None:
        raise LayerError("There is no layer to paint: open a picture first.")
    if node.type().endswith("mask") and node.parentNode() is not None:
        node = node.parentNode()
        if node.parentNode() is None:
            raise LayerError("Select a layer: the selection mask belongs to the whole picture.")
    if node.type() not in _SHOWING:
        raise LayerError(f"{node.name()} shows no picture of its own: choose a paint, group or vector layer.")
    return node


def is_open(document: Any) -> bool:
    return any(document == each for each in Krita.instance().documents())


def selection(document: Any) -> tuple[Any, Rect] | None:
    """A copy of the selection and where it is on the canvas (nowhere, if it is beside it); None without one"""
    selected = document.selection()
    rect = _extent(selected)
    return None if rect is None else (selected.duplicate(), rect.intersected(canvas(document)))


def to_paint(document: Any) -> Rect:
    """About what would be painted: what is selected, or the canvas; a layer's own extent takes long to find"""
    rect = _extent(document.selection())
    return canvas(document) if rect is None else around(rect).intersected(canvas(document))


def _extent(selected: Any | None) -> Rect | None:
    """Where a selection is; None where nothing is selected"""
    if selected is None or selected.width() == 0 or selected.height() == 0:
        return None
    return Rect(selected.x(), selected.y(), selected.width(), selected.height())


def around(rect: Rect) -> Rect:
    """What the engine is shown of a layer to paint `rect` of it"""
    return rect.grown(_MARGIN)


def canvas(document: Any) -> Rect:
    return Rect(0, 0, document.width(), document.height())


class Snapshot:
    """A document as it was when it was taken."""

    def __init__(self, document: Any) -> None:
        self._document = document.clone()
        self._document.setBatchmode(True)

    def show(self, keys: list[str]) -> Iterator[None]:
        """Show the hidden ones among these layers, with the groups they are in; a step at a time until they are drawn.

        A paint layer without masks is its own picture, hidden or not, and so is a mask. For the others Krita has to draw the
        document anew, and makes its caller wait meanwhile.
        """
        changed = False
        for each in keys:
            node = find(self._document, each)
            if node is not None and (node.type() in _MASKS or (node.type() == "paintlayer" and not node.childNodes())):
                continue
            while node is not None and node.parentNode() is not None:
                if not node.visible():
                    node.setVisible(True)
                    changed = True
                node = node.parentNode()
        if changed:
            self._document.refreshProjection()
        while not self._document.tryBarrierLock():  # Krita is drawing, in threads of its own
            yield
        self._document.unlock()

    def picture(self, wanted: str, rect: Rect | None = None) -> LayerPicture:
        """A layer's picture, its own extent or that of `rect`.  Raises LayerError where it shows nothing."""
        node = find(self._document, wanted)
        if node is None:
            raise LayerError("The layer is gone.")
        if rect is None:
            bounds = node.bounds()
            rect = Rect(bounds.x(), bounds.y(), bounds.width(), bounds.height())
            if node.type() == "filllayer":  # has no bounds
                rect = canvas(self._document)
            elif max(rect.width, rect.height) > _LARGEST:
                rect = rect.intersected(canvas(self._document))
        if rect.width <= 0 or rect.height <= 0:
            raise LayerError(f"{node.name()} is empty: there is nothing to see in it.")
        return LayerPicture(node, rect)

    def region(self, wanted: str, rect: Rect) -> tuple[str, Iterator[tuple[int, int, bytes]]]:
        """The format and the stripes of a layer, or of a mask, in a rectangle.  Raises LayerError where it shows nothing."""
        node = find(self._document, wanted)
        if node is not None and node.type() in _MASKS:
            source = node.selection() if hasattr(node, "selection") else node
            if source is None or not bytes(source.pixelData(rect.x, rect.y, 1, 1)):
                raise LayerError(f"{node.name()} cannot be read in this Krita: paint the region on a layer.")
            return "gray8", mask_stripes(source, rect)
        picture = self.picture(wanted, rect)
        return picture.format, picture.stripes()

    def close(self) -> None:
        self._document.setModified(False)
        self._document.close()


class LayerPicture:
    """What a layer shows in a rectangle, with its masks and its child layers, in sRGB."""

    def __init__(self, node: Any, rect: Rect) -> None:
        self._node, self.rect = node, rect
        self._space: Space = (node.colorModel(), node.colorDepth(), node.colorProfile())
        self.depth = "U8" if self._space[1] == "U8" else "U16"

    @property
    def note(self) -> str:
        """What of the layer the result cannot have, as a sentence"""
        if self._node.animated():
            return "Only the current frame is painted."
        return "Light brighter than white is clipped." if self._space[1] in ("F16", "F32") else ""

    @property
    def format(self) -> str:
        return "bgra8" if self.depth == "U8" else "bgra16"

    def stripes(self) -> Iterator[tuple[int, int, bytes]]:
        """(y, rows, pixels) from the top"""
        target: Space = ("RGBA", self.depth, SRGB)
        rect = self.rect
        size = stripes(rect.height) if self._space == target else stripes(rect.height, _CONVERTED_ROWS)
        for y, rows in size:
            pixels = bytes(self._node.projectionPixelData(rect.x, rect.y + y, rect.width, rows))
            yield y, rows, convert(pixels, rect.width, rows, self._space, target)


def mask_stripes(selected: Any, rect: Rect) -> Iterator[tuple[int, int, bytes]]:
    """(y, rows, pixels) of a selection or a mask in a rectangle, one byte a pixel"""
    for y, rows in stripes(rect.height):
        yield y, rows, bytes(selected.pixelData(rect.x, rect.y + y, rect.width, rows))


class ResultLayer:
    """A paint layer that is filled while it belongs to nothing, and then added: one step to undo."""

    def __init__(self, document: Any, name: str, rect: Rect, depth: str) -> None:
        self._document, self._rect = document, rect
        self._layer = document.createNode(name, "paintlayer")
        self._source: Space = ("RGBA", depth, SRGB)
        self._space: Space = (self._layer.colorModel(), self._layer.colorDepth(), self._layer.colorProfile())

    def write(self, y: int, rows: int, pixels: bytes) -> Iterator[None]:
        """Write a stripe, a step at a time."""
        width = self._rect.width
        step = rows if self._source == self._space else _CONVERTED_ROWS
        stride = len(pixels) // rows
        for top, count in stripes(rows, step):
            part = pixels[top * stride : (top + count) * stride]
            part = convert(part, width, count, self._source, self._space)
            self._layer.setPixelData(QtCore.QByteArray(part), self._rect.x, self._rect.y + y + top, width, count)
            yield

    def add(self, above: str) -> None:
        """Put it above the layer with that key, or on top where that is gone."""
        add(self._document, self._layer, find(self._document, above))


def add(document: Any, layer: Any, anchor: Any | None) -> None:
    """Put a layer above another, or on top where that is gone."""
    if anchor is not None and anchor.parentNode() is not None:
        anchor.parentNode().addChildNode(layer, anchor)
    if layer.parentNode() is None:  # Krita says nothing when it does not add
        document.rootNode().addChildNode(layer, None)


def convert(pixels: bytes, width: int, height: int, source: Space, target: Space) -> bytes:
    """Pixels of one color space in another, by Krita itself.  Raises LayerError where Krita lacks the profile.

    Converting a node of the user's document would crash Krita or leave a step to undo: a document that nobody sees does it.
    """
    if source == target:
        return pixels
    scratch = Krita.instance().createDocument(width, height, "", source[0], source[1], source[2], 72.0)
    try:
        base = scratch.rootNode().childNodes()[0]
        if (base.colorModel(), base.colorDepth(), base.colorProfile()) != source:
            raise LayerError(f"Krita has no color profile {source[2]}: convert the picture to sRGB first.")
        base.setPixelData(QtCore.QByteArray(pixels), 0, 0, width, height)
        scratch.setColorSpace(*target)
        scratch.waitForDone()
        return bytes(base.pixelData(0, 0, width, height))
    finally:
        scratch.setModified(False)
        scratch.close()


class FollowedLayer:
    """A layer of the user's document itself that is looked at again and again, on all of the canvas.

    Its numbers are taken as they are: what the painting's colors are in another profile than sRGB, that profile says.
    """

    def __init__(self, document: Any, wanted: str) -> None:
        """Raises LayerError: it is gone, or its colors are not of 8 bits."""
        self._document, self._wanted = document, wanted
        node = self._found()
        self.rect = canvas(document)
        for each in (node, document):
            if (each.colorModel(), each.colorDepth()) != ("RGBA", "U8") or each.colorProfile() != node.colorProfile():
                raise LayerError("Live needs a picture in RGB with 8 bits: see Image, Convert Image Color Space.")
        if self.rect.width * self.rect.height > _MOST_LIVE:
            raise LayerError("Live is for pictures of up to 40 megapixels.")
        self._known: list[bytes] = []  # what the layer was, stripe by stripe
        self._at = 0  # the stripe that is looked at next
        self._differs: Rect | None = None  # what has changed in the stripes before

    def idle(self) -> bool:
        """Whether Krita is neither painting a stroke nor drawing"""
        if not self._document.tryBarrierLock():
            return False
        self._document.unlock()
        return True

    def stripes(self) -> Iterator[tuple[int, int, bytes]]:
        """(y, rows, pixels) from the top, for the first time"""
        node = self._found()
        for y, rows in stripes(self.rect.height, _LOOKED_ROWS):
            self._known.append(self._read(node, Rect(0, y, self.rect.width, rows)))
            yield y, rows, self._known[-1]

    def change(self, most_ms: int) -> tuple[Rect, bytes] | None:
        """Look on for a few milliseconds. Once all of it has been looked at: where it has changed, and what is there."""
        node, clock = self._found(), QtCore.QElapsedTimer()
        if canvas(self._document) != self.rect:
            raise LayerError("Live has ended: the picture has another size.")
        clock.start()
        while self._at < len(self._known):
            y = self._at * _LOOKED_ROWS
            rect = Rect(0, y, self.rect.width, min(_LOOKED_ROWS, self.rect.height - y))
            pixels = self._read(node, rect)
            if pixels != self._known[self._at]:
                self._differs = united(self._differs, different(self._known[self._at], pixels, rect))
                self._known[self._at] = pixels
            self._at += 1
            if clock.elapsed() >= most_ms and self._at < len(self._known):
                return None
        self._at, found, self._differs = 0, self._differs, None
        return None if found is None else (found, self._read(node, found))

    def _found(self) -> Any:
        node = find(self._document, self._wanted)
        if node is None:
            raise LayerError("Live has ended: its layer is gone.")
        return node

    def _read(self, node: Any, rect: Rect) -> bytes:
        pixels = bytes(node.projectionPixelData(*rect))
        if len(pixels) != 4 * rect.width * rect.height:
            raise LayerError("Live has ended: the picture has other colors.")
        return pixels


class LiveResult:
    """The layer of a painting that goes on changing. Only its coming is a step to undo: strokes are undone as ever."""

    def __init__(self, document: Any, name: str, rect: Rect) -> None:
        self._document = document
        self._layer = document.createNode(name, "paintlayer")
        self._key = key(self._layer)
        self._added = False

    def write(self, x: int, y: int, width: int, rows: int, pixels: bytes) -> None:
        """Raises LayerError: the user has removed it."""
        if self._added and find(self._document, self._key) is None:
            raise LayerError("Live has ended: its painting has been removed.")
        self._layer.setPixelData(QtCore.QByteArray(pixels), x, y, width, rows)

    def show(self, above: str) -> None:
        """Above the layer with that key"""
        if self._added:
            self._document.refreshProjection()
            return
        add(self._document, self._layer, find(self._document, above))
        self._added = True

    def step_back(self, other: str) -> bool:
        """Where this layer has become the active one, the one with that key is that again; Krita activates what is added."""
        active, node = self._document.activeNode(), find(self._document, other)
        if active is None or node is None or key(active) != self._key:
            return False
        self._document.setActiveNode(node)
        return True


def united(one: Rect | None, other: Rect) -> Rect:
    if one is None:
        return other
    left, top = min(one.x, other.x), min(one.y, other.y)
    right, bottom = max(one.x + one.width, other.x + other.width), max(one.y + one.height, other.y + other.height)
    return Rect(left, top, right - left, bottom - top)


def different(before: bytes, now: bytes, rect: Rect) -> Rect:
    """Where two pictures of a rectangle differ, to a few pixels' width; they do."""
    stride, block = 4 * rect.width, 4 * _LOOKED_COLUMNS
    rows = [n for n in range(rect.height) if before[n * stride : (n + 1) * stride] != now[n * stride : (n + 1) * stride]]
    left, right = stride, 0
    for n in rows:
        one, other = before[n * stride : (n + 1) * stride], now[n * stride : (n + 1) * stride]
        while left and one[:left] != other[:left]:
            left = max(0, left - block)
        while right < stride and one[right:] != other[right:]:
            right = min(stride, right + block)
    return Rect(rect.x + left // 4, rect.y + rows[0], (right - left) // 4, rows[-1] - rows[0] + 1)
