"""Pictures of results, compressed, for the history: a JPEG of the colors, and a PNG of the opacity where it is not full."""

from __future__ import annotations

import struct
from typing import Iterable

from impasto_client.geometry import Rect

from .qt import QtCore, QtGui

_QUALITY = 90
#: The most pixels of a picture. Larger ones are shrunk: no result is painted at more.
_MAX_PIXELS = 16_000_000
_LENGTH = struct.Struct("<I")  # of the JPEG, which comes first


class ResultPicture:
    """Collects the pixels of a result, to be compressed in another thread."""

    def __init__(self, rect: Rect) -> None:
        """rect: of the layer"""
        self._rect = rect
        self.size = rect.width, rect.height  # at which it was painted: there is nothing finer to keep
        self._step = 1  # a power of two: every stripe but the last can be divided by it
        while rect.width * rect.height > _MAX_PIXELS * self._step**2:
            self._step *= 2
        self._pixels = bytearray()
        self._opacity = bytearray()

    def add(self, pixels: bytes, depth: str) -> None:
        """Add the next rows.  pixels: BGRA; depth: "U8" or "U16" """
        pixels = pixels if depth == "U8" else pixels[1::2]  # the high bytes
        self._pixels += self._shrink(pixels, QtGui.QImage.Format.Format_ARGB32, 4)

    def add_mask(self, stripes: Iterable[tuple[int, int, bytes]]) -> None:
        """Add a mask that limits the opacity: one byte per pixel, for all rows."""
        for _, _, opacity in stripes:
            self._opacity += self._shrink(opacity, QtGui.QImage.Format.Format_Alpha8, 1)

    def _shrink(self, pixels: bytes, image_format: QtGui.QImage.Format, pixel_bytes: int) -> bytes:
        """Shrink rows by the step in both directions."""
        if self._step == 1:
            return pixels
        width, rows = self._rect.width, len(pixels) // (pixel_bytes * self._rect.width)
        image = QtGui.QImage(pixels, width, rows, pixel_bytes * width, image_format)
        image = image.scaled(width // self._step, max(1, rows // self._step))
        bits = image.constBits()
        assert bits is not None
        stride, used = image.bytesPerLine(), pixel_bytes * image.width()
        data = bytes(bits.asarray(image.sizeInBytes()))
        return b"".join(data[y * stride : y * stride + used] for y in range(image.height()))

    def encode(self) -> bytes:
        """Return the compressed picture; nothing if it cannot be compressed. Any thread may call it."""
        width = self._rect.width // self._step
        height = len(self._pixels) // (4 * width)
        image_format = QtGui.QImage.Format
        image = QtGui.QImage(bytes(self._pixels), width, height, 4 * width, image_format.Format_ARGB32)
        if self._opacity:
            mask = QtGui.QImage(bytes(self._opacity), width, height, width, image_format.Format_Alpha8)
            image = image.convertToFormat(image_format.Format_ARGB32_Premultiplied)
            painter = QtGui.QPainter(image)
            painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_DestinationIn)
            painter.drawImage(0, 0, mask)
            painter.end()
        if image.isNull():  # out of memory
            return b""
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
