"""A picture in the docker, such as the unfinished painting."""

from __future__ import annotations

from ..qt import QtCore, QtGui, QtWidgets

#: Heights in device-independent pixels, as all sizes of widgets
_MAX_HEIGHT = 220
_HINT_WIDTH = 220


class Preview(QtWidgets.QWidget):
    """A picture as wide as the docker, and never higher than 220 px. It is not a layer, because that would add undo steps."""

    def __init__(self, name: str = "preview") -> None:
        """name: of the widget, after `impasto_`"""
        super().__init__()
        self.setObjectName("impasto_" + name)
        self._image: QtGui.QImage | None = None
        self._scaled = QtGui.QPixmap()  # in pixels of the screen
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_image(self, image: QtGui.QImage | None) -> None:
        """Show an image, or hide the widget."""
        if image is self._image:
            return
        resized = image is None or self._image is None or image.size() != self._image.size()
        self._image, self._scaled = image, QtGui.QPixmap()
        self.setVisible(image is not None)
        if resized:
            self.updateGeometry()
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        if self._image is None or self._image.isNull():
            return 0
        return max(1, min(_MAX_HEIGHT, round(width * self._image.height() / self._image.width())))

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(_HINT_WIDTH, self.heightForWidth(_HINT_WIDTH))

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(0, 0)

    def paintEvent(self, event: QtGui.QPaintEvent | None) -> None:
        if self._image is None or self._image.isNull():
            return
        ratio = self.devicePixelRatioF()
        size = self._image.size().scaled(self.size() * ratio, QtCore.Qt.AspectRatioMode.KeepAspectRatio)
        if self._scaled.size() != size:
            aspect, smooth = QtCore.Qt.AspectRatioMode.IgnoreAspectRatio, QtCore.Qt.TransformationMode.SmoothTransformation
            self._scaled = QtGui.QPixmap.fromImage(self._image.scaled(size, aspect, smooth))
        self._scaled.setDevicePixelRatio(ratio)
        painter = QtGui.QPainter(self)
        left, top = (self.width() - size.width() / ratio) / 2, (self.height() - size.height() / ratio) / 2
        painter.drawPixmap(QtCore.QPointF(left, top), self._scaled)
        painter.end()
