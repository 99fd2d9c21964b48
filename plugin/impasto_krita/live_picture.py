"""The painting of Live at a size for the docker."""

from __future__ import annotations

from .qt import QtCore, QtGui

_MAX_SIDE = 512
_FORMAT = QtGui.QImage.Format.Format_ARGB32


class LivePicture:
    """A reduced copy of a painting that arrives in patches."""

    def __init__(self, width: int, height: int) -> None:
        """width, height: of the painting, in pixels"""
        self._scale = min(1.0, _MAX_SIDE / max(width, height))
        size = QtCore.QSize(max(1, round(self._scale * width)), max(1, round(self._scale * height)))
        self.image = QtGui.QImage(size, _FORMAT)
        self.image.fill(0)

    def write(self, x: int, y: int, width: int, height: int, pixels: bytes) -> None:
        """Draw a rectangle of BGRA pixels of the painting."""
        scale = self._scale
        patch = QtGui.QImage(pixels, width, height, 4 * width, _FORMAT)
        # Qt's painter only interpolates; twice the size of the target keeps the patch sharp.
        width_2x, height_2x = (max(1, round(2 * scale * side)) for side in (width, height))
        if width_2x < width:
            aspect, smooth = QtCore.Qt.AspectRatioMode.IgnoreAspectRatio, QtCore.Qt.TransformationMode.SmoothTransformation
            patch = patch.scaled(width_2x, height_2x, aspect, smooth)
        self.image = QtGui.QImage(self.image)  # widgets may still show the earlier one
        painter = QtGui.QPainter(self.image)
        painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_Source)
        painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QtCore.QRectF(scale * x, scale * y, scale * width, scale * height), patch)
        painter.end()
