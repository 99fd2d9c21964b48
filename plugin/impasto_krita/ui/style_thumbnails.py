"""Thumbnails of styles: of layers one at a time in the event loop, of files in a thread."""

from __future__ import annotations

import base64
import collections
import contextlib

from krita import Document, Node

from impasto_client.style_library import StyleEntry

from .. import layers
from ..background import BackgroundWork
from ..qt import QtCore, QtGui

#: How often a thumbnail of a layer is made
_INTERVAL_MS = 20
#: Thumbnails that are kept, and the largest picture that is read, in pixels
_MAX_KEPT, MAX_PIXELS = 1000, 200_000_000


class Thumbnails(QtCore.QObject):
    """Square thumbnails of styles, made when they are first asked for.

    Signal: `changed` when another one is ready.
    """

    changed = QtCore.pyqtSignal()

    def __init__(self, work: BackgroundWork, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work
        self._document: Document | None = None
        self._images: collections.OrderedDict[tuple[str, int], QtGui.QImage] = collections.OrderedDict()
        self._current: set[tuple[str, int]] = set()  # those that are not to be made again
        self._layers: list[tuple[tuple[str, int], str]] = []  # thumbnails to be made, and the keys of their layers
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self._draw_layer)

    def set_document(self, document: Document | None) -> None:
        """document: the one with the layers"""
        self._document = document

    def renew(self, only_layers: bool = False) -> None:
        """Make the thumbnails again when they are next asked for: layers and files may look different by now."""
        self._current = {key for key in self._current if only_layers and not key[0].startswith("layer:")}
        self._layers.clear()

    def image(self, entry: StyleEntry, side: int) -> QtGui.QImage | None:
        """The thumbnail of a style, or None if it is not ready yet or there is none.  side: in device pixels"""
        key = entry.key, side
        if key not in self._current:
            self._current.add(key)
            self._make(key, entry)
        image = self._images.get(key)
        return None if image is None or image.isNull() else image

    def _make(self, key: tuple[str, int], entry: StyleEntry) -> None:
        side = key[1]
        if entry.layer_key:
            self._layers.append((key, entry.layer_key))
            self._timer.start()
        elif entry.path and entry.kind != "folder":
            path = entry.path
            self._work.submit(lambda: read_thumbnail(path, side), lambda image: self._keep(key, image))
        elif entry.thumbnail:
            image = QtGui.QImage()
            with contextlib.suppress(ValueError):
                image.loadFromData(base64.b64decode(entry.thumbnail))
            self._images[key] = cropped(image, side)

    def _keep(self, key: tuple[str, int], image: QtGui.QImage) -> None:
        self._images[key] = image
        self._images.move_to_end(key)
        while len(self._images) > _MAX_KEPT:
            oldest, _ = self._images.popitem(last=False)
            self._current.discard(oldest)
        self.changed.emit()

    def _draw_layer(self) -> None:
        """Draw the next thumbnail of a layer. Only one at a time, because Krita needs some milliseconds for each."""
        if not self._layers or self._document is None:
            self._layers.clear()
            self._timer.stop()
            return
        key, layer_key = self._layers.pop(0)
        node = layers.find_node(self._document, layer_key)
        if node is not None:
            self._keep(key, layer_thumbnail(node, self._document, key[1]))


def layer_thumbnail(node: Node, document: Document, side: int) -> QtGui.QImage:
    """The thumbnail of a layer. Krita ignores proportions, enlarges nothing, and leaves what is too much transparent."""
    bounds = node.bounds()
    width, height = bounds.width(), bounds.height()
    if not width or not height:  # a fill layer
        width, height = document.width(), document.height()
    scale = min(1.0, 2 * side / min(width, height), 8 * side / max(width, height))
    return cropped(_trimmed(node.thumbnail(max(1, round(scale * width)), max(1, round(scale * height)))), side)


def _trimmed(image: QtGui.QImage) -> QtGui.QImage:
    """Remove the transparent columns at the right and rows at the bottom. A transparent image stays as it is."""
    alpha = image.convertToFormat(QtGui.QImage.Format.Format_Alpha8)
    bits, stride = alpha.constBits(), alpha.bytesPerLine()
    if bits is None:
        return image
    data = bits.asstring(stride * alpha.height())
    rows = [data[stride * y : stride * y + alpha.width()].rstrip(b"\0") for y in range(alpha.height())]
    width = max(map(len, rows))
    height = max((y + 1 for y, row in enumerate(rows) if row), default=0)
    return image.copy(0, 0, width, height) if width else image


def read_thumbnail(path: str, side: int) -> QtGui.QImage:
    """The thumbnail of a picture file, upright; null if Qt cannot read it or it is too large. Any thread may call this."""
    reader = QtGui.QImageReader(path)
    reader.setAutoTransform(True)
    size = reader.size()
    if size.width() * size.height() > MAX_PIXELS:
        return QtGui.QImage()
    if min(size.width(), size.height()) > 2 * side:  # twice the final size, because readers scale with less quality
        reader.setScaledSize(size.scaled(2 * side, 2 * side, QtCore.Qt.AspectRatioMode.KeepAspectRatioByExpanding))
    return cropped(reader.read(), side)


def cropped(image: QtGui.QImage, side: int) -> QtGui.QImage:
    """The central square of an image, scaled; a null image stays null.  side: in pixels"""
    if image.isNull():
        return image
    mode = QtCore.Qt.AspectRatioMode.KeepAspectRatioByExpanding
    scaled = image.scaled(side, side, mode, QtCore.Qt.TransformationMode.SmoothTransformation)
    return scaled.copy((scaled.width() - side) // 2, (scaled.height() - side) // 2, side, side)
