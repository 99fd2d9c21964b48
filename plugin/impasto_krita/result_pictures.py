"""Pictures of results, compressed, for the history: a JPEG of the colors, and a PNG of the opacity where it is not full."""

from __future__ import annotations

import struct
from typing import Iterable

from .geometry import Rect
from .qt import QtCore, QtGui

_QUALITY = 90
_LENGTH = struct.Struct("<I")  # of the JPEG, which comes first


class ResultPicture(QtCore.QObject):
    """Collects the pixels of a result, and compresses them in another thread.

    Signal: `encoded(data)`
    """

    encoded = QtCore.pyqtSignal(bytes)

    def __init__(self, rect: Rect, size: tuple[int, int], parent: QtCore.QObject | None = None) -> None:
        """rect: of the layer; size: at which it was painted, width and height: there is nothing finer to keep"""
        super().__init__(parent)
        self._rect, self.size = rect, size
        self._pixels = bytearray()
        self._opacity = bytearray()

    def add(self, pixels: bytes, depth: str) -> None:
        """Add the next rows.  pixels: BGRA; depth: "U8" or "U16" """
        self._pixels += pixels if depth == "U8" else pixels[1::2]  # the high bytes

    def add_mask(self, stripes: Iterable[tuple[int, int, bytes]]) -> None:
        """Add a mask that limits the opacity: one byte per pixel, for all rows."""
        for _, _, opacity in stripes:
            self._opacity += opacity

    def start(self) -> None:
        """Compress the picture in the background; then `encoded` is emitted."""
        pool = QtCore.QThreadPool.globalInstance()
        assert pool is not None
        pool.start(_Encoder(self))

    def encode(self) -> bytes:
        width, height = self._rect.width, self._rect.height
        image_format = QtGui.QImage.Format
        image = QtGui.QImage(bytes(self._pixels), width, height, 4 * width, image_format.Format_ARGB32)
        if self._opacity:
            mask = QtGui.QImage(bytes(self._opacity), width, height, width, image_format.Format_Alpha8)
            image = image.convertToFormat(image_format.Format_ARGB32_Premultiplied)
            painter = QtGui.QPainter(image)
            painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_DestinationIn)
            painter.drawImage(0, 0, mask)
            painter.end()
        if max(self.size) < max(width, height):
            image = image.scaled(
                *self.size,
                QtCore.Qt.AspectRatioMode.IgnoreAspectRatio,
                QtCore.Qt.TransformationMode.SmoothTransformation,
            )
        image = image.convertToFormat(image_format.Format_ARGB32)
        color = encode_image(image.convertToFormat(image_format.Format_RGB32), "JPG", _QUALITY)
        opacity = image.convertToFormat(image_format.Format_Alpha8)
        opacity.reinterpretAsFormat(image_format.Format_Grayscale8)
        return _LENGTH.pack(len(color)) + color + encode_image(opacity, "PNG")


def decode_picture(data: bytes, rect: Rect) -> QtGui.QImage:
    """The picture, enlarged to `rect`, as Format_ARGB32; a null image if the data is damaged."""
    if len(data) < _LENGTH.size:
        return QtGui.QImage()
    end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    image, opacity = QtGui.QImage.fromData(data[_LENGTH.size : end]), QtGui.QImage.fromData(data[end:])
    if image.isNull() or opacity.isNull() or image.size() != opacity.size():
        return QtGui.QImage()
    image = image.convertToFormat(QtGui.QImage.Format.Format_ARGB32)
    image.setAlphaChannel(opacity.convertToFormat(QtGui.QImage.Format.Format_Grayscale8))
    image = image.scaled(
        rect.width,
        rect.height,
        QtCore.Qt.AspectRatioMode.IgnoreAspectRatio,
        QtCore.Qt.TransformationMode.SmoothTransformation,
    )
    return image.convertToFormat(QtGui.QImage.Format.Format_ARGB32)


def encode_image(image: QtGui.QImage, file_format: str, quality: int = -1) -> bytes:
    """file_format: such as "PNG"; quality: 0 to 100, or -1 for Qt's own"""
    buffer = QtCore.QBuffer()
    buffer.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, file_format, quality)
    return bytes(buffer.data())


class _Encoder(QtCore.QRunnable):
    def __init__(self, picture: ResultPicture) -> None:
        super().__init__()
        self._picture = picture

    def run(self) -> None:
        self._picture.encoded.emit(self._picture.encode())
