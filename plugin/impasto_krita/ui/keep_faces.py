"""The check box "Keep faces". While the pointer rests on it, a picture of the layer shows which faces were found."""

from __future__ import annotations

import math
from typing import Any, Sequence

from impasto_client.i18n import i18n

from ..qt import QtCore, QtGui, QtWidgets

#: Longest side of the picture, in pixels. Faces are searched in it as in the layer itself, so it is larger than for the eye.
PICTURE_SIDE = 1280
_SHOWN_SIDE = 300
_GLOW = ((9, 40), (6, 70), (3, 150), (1, 255))  # width in pixels and opacity of the strokes of an outline


class KeepFaces(QtWidgets.QCheckBox):
    """Signals: `toggled`, and `looked_at` when the pointer comes to rest on it and the faces are to be shown"""

    looked_at = QtCore.pyqtSignal()

    def __init__(self) -> None:
        super().__init__(i18n("Keep faces"))
        self.setObjectName("impasto_keep_faces")
        self.setChecked(True)
        self.setToolTip(i18n("Eyes, noses and mouths keep their shapes, in the strokes of the style."))
        self._picture: QtGui.QImage | None = None
        self._popup = QtWidgets.QLabel(self, QtCore.Qt.WindowType.ToolTip)
        self._popup.setObjectName("impasto_faces")
        self._popup.setMargin(4)

    def enterEvent(self, event: Any) -> None:
        super().enterEvent(event)
        self.looked_at.emit()

    def leaveEvent(self, event: Any) -> None:
        super().leaveEvent(event)
        self._picture = None
        self._popup.hide()

    def hideEvent(self, event: Any) -> None:
        super().hideEvent(event)
        self._popup.hide()

    def expect(self, picture: QtGui.QImage) -> None:
        """Keep the picture in which faces are being searched."""
        self._picture = picture

    def show_faces(self, ellipses: Sequence[Sequence[float]]) -> None:
        """Show the picture with these faces, if the pointer is still there.

        ellipses: center x and y, two radii, in parts of the picture's longest side, and an angle in radians
        """
        if self._picture is None:
            return
        if ellipses:
            self._popup.setPixmap(QtGui.QPixmap.fromImage(outlined(self._picture, ellipses)))
        else:
            self._popup.setText(i18n("There is no face in this layer."))
        self._popup.adjustSize()
        below = self.mapToGlobal(QtCore.QPoint(0, self.height() + 4))
        screen = QtWidgets.QApplication.primaryScreen()
        if screen is not None:  # not beyond the edges of the screen
            area = screen.virtualGeometry()
            x = max(area.left(), min(below.x(), area.right() - self._popup.width()))
            y = below.y()
            if y + self._popup.height() > area.bottom():
                y = self.mapToGlobal(QtCore.QPoint(0, -4)).y() - self._popup.height()
            below = QtCore.QPoint(x, y)
        self._popup.move(below)
        self._popup.show()


def outlined(picture: QtGui.QImage, ellipses: Sequence[Sequence[float]]) -> QtGui.QImage:
    """Return the picture at the size at which it is shown, with a soft outline around each face."""
    scaled = picture.scaled(
        _SHOWN_SIDE,
        _SHOWN_SIDE,
        QtCore.Qt.AspectRatioMode.KeepAspectRatio,
        QtCore.Qt.TransformationMode.SmoothTransformation,
    ).convertToFormat(QtGui.QImage.Format.Format_ARGB32_Premultiplied)
    side = max(scaled.width(), scaled.height())
    painter = QtGui.QPainter(scaled)
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    for x, y, radius_x, radius_y, angle in ellipses:
        painter.save()
        painter.translate(x * side, y * side)
        painter.rotate(math.degrees(angle))
        for width, opacity in _GLOW:
            painter.setPen(QtGui.QPen(QtGui.QColor(255, 236, 170, opacity), width))
            painter.drawEllipse(QtCore.QPointF(0, 0), radius_x * side, radius_y * side)
        painter.restore()
    painter.end()
    return scaled
