"""The layers of Live: the user's, which it polls, and the one that it paints."""

from __future__ import annotations

from typing import Iterator

from krita import Document, Node

from .errors import PluginError
from .geometry import Rect, changed_rect, union
from .layers import canvas_rect, find_node, node_key
from .protocol import stripes
from .qt import QtCore
from .results import add_above

#: Rows of a layer that are compared at a time.
_COMPARED_ROWS = 64
_MAX_LIVE_PIXELS = 40_000_000


class FollowedLayer:
    """A layer of the user's document that Live polls for changes, on the whole canvas.

    Its values are not converted to sRGB: the result layer has the same color profile.
    """

    def __init__(self, document: Document, key: str) -> None:
        """Raises PluginError if the layer was removed, is too large, or is not 8-bit RGB"""
        self._document, self._key = document, key
        self.rect = canvas_rect(document)
        node = self._find()
        for item in (node, document):
            if (item.colorModel(), item.colorDepth()) != ("RGBA", "U8") or item.colorProfile() != node.colorProfile():
                raise PluginError("Live needs a picture in RGB with 8 bits: see Image, Convert Image Color Space.")
        if self.rect.width * self.rect.height > _MAX_LIVE_PIXELS:
            raise PluginError("Live works on pictures of up to 40 megapixels.")
        self._stripes: list[bytes] = []  # the last known pixels
        self._next_stripe = 0  # to be compared
        self._changed: Rect | None = None  # in the stripes compared so far

    def is_idle(self) -> bool:
        """Whether no stroke is in progress and Krita is not drawing."""
        if not self._document.tryBarrierLock():
            return False
        self._document.unlock()
        return True

    def stripes(self) -> Iterator[tuple[int, int, bytes]]:
        """(y, rows, pixels) from the top: the pixels that next_change() compares with."""
        node = self._find()
        for y, rows in stripes(self.rect.height, _COMPARED_ROWS):
            self._stripes.append(self._read(node, Rect(0, y, self.rect.width, rows)))
            yield y, rows, self._stripes[-1]

    def next_change(self, max_ms: int) -> tuple[Rect, bytes] | None:
        """Continue to compare for at most `max_ms`.

        Returns the rectangle that has changed and its pixels, once the whole layer has been compared; otherwise None.
        Raises PluginError if the layer can no longer be followed.
        """
        node, clock = self._find(), QtCore.QElapsedTimer()
        if canvas_rect(self._document) != self.rect:
            raise PluginError("Live has ended: the picture's size was changed.")
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
        return None if changed is None else (changed, self._read(node, changed))

    def _find(self) -> Node:
        node = find_node(self._document, self._key)
        if node is None:
            raise PluginError("Live has ended: its layer was removed.")
        return node

    def _read(self, node: Node, rect: Rect) -> bytes:
        pixels = bytes(node.projectionPixelData(*rect))
        if len(pixels) != 4 * rect.width * rect.height:
            raise PluginError("Live has ended: the picture's color space was changed.")
        return pixels


class LiveResult:
    """The result layer of Live. Only adding it is an undo step, so that undo still takes back the user's strokes."""

    def __init__(self, document: Document, name: str) -> None:
        self._document = document
        self._layer = document.createNode(name, "paintlayer")
        self._key = node_key(self._layer)
        self._added = False

    def write(self, x: int, y: int, width: int, height: int, pixels: bytes) -> None:
        """Write a rectangle of pixels.  Raises PluginError if the user has removed the layer"""
        if self._added and find_node(self._document, self._key) is None:
            raise PluginError("Live has ended: its result layer was removed.")
        self._layer.setPixelData(QtCore.QByteArray(pixels), x, y, width, height)

    def show(self, above: str) -> None:
        """Show what was written; the first time, add the layer above the layer with this key."""
        if self._added:
            self._document.refreshProjection()
            return
        add_above(self._document, self._layer, find_node(self._document, above))
        self._added = True

    def keep_inactive(self, key: str) -> bool:
        """If Krita has activated this layer, as it does with new ones, activate the layer with this key instead.

        Returns whether it has.
        """
        active, node = self._document.activeNode(), find_node(self._document, key)
        if active is None or node is None or node_key(active) != self._key:
            return False
        self._document.setActiveNode(node)
        return True
