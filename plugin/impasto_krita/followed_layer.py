"""The layers of Live: the user's, which it polls, and the one that it paints."""

from __future__ import annotations

from typing import Generator, Iterator

from krita import Document, Node

from impasto_client.errors import PluginError
from impasto_client.geometry import Rect, changed_rect, union
from impasto_client.i18n import i18n
from impasto_client.protocol import stripes

from .layers import SRGB, ColorSpace, canvas_rect, convert_pixels, find_node, node_key
from .qt import QtCore
from .results import add_above
from .steps import NEXT_MS

#: Rows of a layer that are compared at a time.
_COMPARED_ROWS = 64
#: Pixels of a layer that are converted at a time: each conversion takes 80 ms for Krita's temporary document, during which
#: Krita handles events, and 20 ms per million pixels.
_CONVERTED_PIXELS = 1_000_000
_MAX_LIVE_PIXELS = 40_000_000
_SRGB8: ColorSpace = ("RGBA", "U8", SRGB)
_OPAQUE = 255


def _color_space(item: Node | Document) -> ColorSpace:
    return item.colorModel(), item.colorDepth(), item.colorProfile()


class FollowedLayer:
    """A layer of the user's document that Live polls for changes, on the whole canvas. The engine gets it as BGRA, 8 bits.

    RGB with 8 bits is not converted to sRGB if the result layer has the same color profile. Everything else is.
    """

    def __init__(self, document: Document, key: str) -> None:
        """Raises PluginError if the layer was removed or is too large"""
        self._document, self._key = document, key
        self.rect = canvas_rect(document)
        node = self._find()
        self._spaces = _color_space(node), _color_space(document)
        same = self._spaces[0] == self._spaces[1] and self._spaces[0][:2] == _SRGB8[:2]
        #: The color space of the pixels that the engine gets, and so of those that it paints
        self.engine_space = self._spaces[0] if same else _SRGB8
        self._converts = self._spaces[0] != self.engine_space
        if self.rect.width * self.rect.height > _MAX_LIVE_PIXELS:
            raise PluginError(i18n("Live works on pictures of up to 40 megapixels."))
        self._stripes: list[bytes] = []  # the last known pixels, as they are in the layer
        self._converted: list[bytearray] = []  # and as the engine has them, if they are different
        self._next_stripe = 0  # to be compared
        self._changed: Rect | None = None  # in the stripes compared so far

    def is_idle(self) -> bool:
        """Whether no stroke is in progress and Krita is not drawing."""
        if not self._document.tryBarrierLock():
            return False
        self._document.unlock()
        return True

    def check(self) -> None:
        """Raises PluginError if the layer can no longer be followed"""
        node = self._find()
        if canvas_rect(self._document) != self.rect:
            raise PluginError(i18n("Live has ended: the picture's size was changed."))
        if (_color_space(node), _color_space(self._document)) != self._spaces:
            raise PluginError(i18n("Live has ended: the picture's color space was changed."))

    def read(self) -> Iterator[tuple[int, int, bytes]]:
        """(y, rows, BGRA pixels) from the top: the pixels that next_change() compares with."""
        node = self._find()
        for y, rows in stripes(self.rect.height, self._rows_per_step(self.rect.width)):
            block = []
            for top, count in stripes(rows, _COMPARED_ROWS):
                block.append(self._read(node, Rect(0, y + top, self.rect.width, count)))
            self._stripes += block
            if not self._converts:
                yield y, rows, block[0]
                continue
            pixels = convert_pixels(b"".join(block), self.rect.width, rows, self._spaces[0], self.engine_space)
            stride = 4 * self.rect.width * _COMPARED_ROWS
            self._converted += [bytearray(pixels[start : start + stride]) for start in range(0, len(pixels), stride)]
            yield y, rows, pixels

    def known(self) -> Iterator[tuple[int, int, bytes]]:
        """(y, rows, BGRA pixels) from the top, as they were read or converted last."""
        for n, (y, rows) in enumerate(stripes(self.rect.height, _COMPARED_ROWS)):
            yield y, rows, bytes(self._converted[n]) if self._converts else self._stripes[n]

    @property
    def comparing(self) -> bool:
        """Whether next_change() has compared a part of the layer only."""
        return self._next_stripe > 0

    def compare_again(self) -> None:
        """Let next_change() begin at the top. What it has found so far is kept."""
        self._next_stripe = 0

    def next_change(self, max_ms: int) -> Rect | None:
        """Continue to compare for at most `max_ms`.

        Returns the rectangle that has changed, once the whole layer has been compared; otherwise None.
        Raises PluginError if the layer can no longer be followed.
        """
        self.check()
        node, clock = self._find(), QtCore.QElapsedTimer()
        clock.start()
        while self._next_stripe < len(self._stripes):
            y = self._next_stripe * _COMPARED_ROWS
            rect = Rect(0, y, self.rect.width, min(_COMPARED_ROWS, self.rect.height - y))
            pixels, known = self._read(node, rect), self._stripes[self._next_stripe]
            if pixels != known:
                self._changed = union(self._changed, changed_rect(known, pixels, rect))
                self._stripes[self._next_stripe] = pixels
            self._next_stripe += 1
            if clock.elapsed() >= max_ms and self._next_stripe < len(self._stripes):
                return None
        self._next_stripe, changed, self._changed = 0, self._changed, None
        return changed

    def change_pixels(self, rect: Rect) -> Generator[int, None, bytes]:
        """The BGRA pixels of a rectangle that next_change() has returned, converted in steps."""
        if not self._converts:
            return self._cut(rect)
        parts = []
        for top, rows in stripes(rect.height, self._rows_per_step(rect.width)):
            block = Rect(rect.x, rect.y + top, rect.width, rows)
            part = convert_pixels(self._cut(block), block.width, rows, self._spaces[0], self.engine_space)
            self._paste(part, block)
            parts.append(part)
            yield NEXT_MS
        return b"".join(parts)

    def _rows_per_step(self, width: int) -> int:
        """How many rows of this width are read or converted at a time, a multiple of _COMPARED_ROWS"""
        return _COMPARED_ROWS * max(1, _CONVERTED_PIXELS // (width * _COMPARED_ROWS)) if self._converts else _COMPARED_ROWS

    def _cut(self, rect: Rect) -> bytes:
        """The last known pixels of a rectangle."""
        pixel = len(self._stripes[-1]) // (self.rect.width * ((self.rect.height - 1) % _COMPARED_ROWS + 1))
        left, right = pixel * rect.x, pixel * (rect.x + rect.width)
        rows = []
        for y in range(rect.y, rect.y + rect.height):
            start = y % _COMPARED_ROWS * pixel * self.rect.width
            rows.append(self._stripes[y // _COMPARED_ROWS][start + left : start + right])
        return b"".join(rows)

    def _paste(self, part: bytes, rect: Rect) -> None:
        """Replace a rectangle of the converted pixels."""
        width = 4 * rect.width
        for n in range(rect.height):
            start = 4 * ((rect.y + n) % _COMPARED_ROWS * self.rect.width + rect.x)
            self._converted[(rect.y + n) // _COMPARED_ROWS][start : start + width] = part[n * width : (n + 1) * width]

    def _find(self) -> Node:
        node = find_node(self._document, self._key)
        if node is None:
            raise PluginError(i18n("Live has ended: its layer was removed."))
        if node.parentNode() is None:
            raise PluginError(i18n("Live follows one layer, not the whole picture: choose a layer."))
        return node

    def _read(self, node: Node, rect: Rect) -> bytes:
        return bytes(node.projectionPixelData(*rect))


class LiveResult:
    """The result layer of Live: detached until it is shown.

    Only adding it is an undo step, so that undo still takes back the user's strokes.
    """

    def __init__(self, document: Document, name: str, space: ColorSpace) -> None:
        """space: of the pixels that will be written"""
        self._document = document
        self._layer = document.createNode(name, "paintlayer")
        self.key = node_key(self._layer)  # identifies it in the document
        self._source, self._space = space, _color_space(self._layer)
        self.added = False  # to the document
        self._hidden = False  # by this class; the user may hide the layer too
        self._opacity: int | None = None  # the user's, while the layer steps aside
        self._kept: Node | None = None  # the last copy
        self._own_keys = {self.key}

    def check(self) -> None:
        """Raises PluginError if the user has removed the layer"""
        if self.added and find_node(self._document, self.key) is None:
            raise PluginError(i18n("Live has ended: its result layer was removed."))

    def rename(self, name: str) -> None:
        if self._layer.name() != name:
            self._layer.setName(name)

    def write(self, x: int, y: int, width: int, height: int, pixels: bytes) -> None:
        """Write a rectangle of pixels. The canvas shows it after the next show().  Raises PluginError as check()"""
        self.check()
        converted = convert_pixels(pixels, width, height, self._source, self._space)
        self._layer.setPixelData(QtCore.QByteArray(converted), x, y, width, height)

    def show(self, above: str) -> None:
        """Show what was written; the first time, add the layer above the layer with this key."""
        self.come_back()
        if not self.added:
            self.added = True  # Krita handles events while it adds the layer: Live may be stopped then
            add_above(self._document, self._layer, find_node(self._document, above))
            return
        if self._hidden:
            self._layer.setVisible(True)
            self._hidden = False
        self._document.refreshProjection()

    def hide(self) -> None:
        """Hide the layer, if it is in the document, where it stays."""
        self.come_back()
        if self.added and not self._hidden:
            self._hidden = True
            self._layer.setVisible(False)
            self._document.refreshProjection()

    def step_aside(self) -> None:
        """Let the user's own stroke be seen, until the next show().

        The canvas is not redrawn: the layer vanishes only where Krita draws the dabs, so this takes no time at any size, and
        the rest of the painting stays.
        """
        active = self._document.activeNode()
        if self._opacity is None and self.added and (active is None or node_key(active) != self.key):
            self._opacity = self._layer.opacity()
            self._layer.setOpacity(0)

    def come_back(self) -> None:
        """Be opaque again where Krita draws from now on. show() redraws the whole canvas."""
        if self._opacity is not None:
            self._layer.setOpacity(self._opacity)
            self._opacity = None

    @property
    def aside(self) -> bool:
        return self._opacity is not None

    def add_copy(self, name: str, above: str, visible: bool) -> str:
        """Add a copy as one undo step, above the last copy or the layer with this key.  -> the key of the copy"""
        copy = self._layer.duplicate()
        copy.setName(name)
        copy.setVisible(visible)
        copy.setOpacity(_OPAQUE)
        kept = self._kept and find_node(self._document, node_key(self._kept))
        add_above(self._document, copy, kept or find_node(self._document, above))
        self._kept = copy
        self._own_keys.add(node_key(copy))
        return node_key(copy)

    def keep_inactive(self, key: str) -> bool:
        """If Krita has activated one of these layers, as it does with new ones, activate the layer with this key instead.

        Returns whether it has.
        """
        active, node = self._document.activeNode(), find_node(self._document, key)
        if active is None or node is None or node_key(active) not in self._own_keys:
            return False
        self._document.setActiveNode(node)
        return True
