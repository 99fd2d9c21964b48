"""The unfinished picture, in the docker."""

from __future__ import annotations

from ..qt import QtCore, QtGui, QtWidgets

_PREVIEW_HEIGHT = 220


class Preview(QtWidgets.QLabel):
    """The unfinished picture. It is not a layer, because that would add undo steps."""

    def __init__(self) -> None:
        super().__init__()
        self.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.setObjectName("impasto_preview")
        self._image: QtGui.QImage | None = None

    def show_image(self, image: QtGui.QImage | None) -> None:
        if image is self._image:
            return
        self._image = image
        self.setVisible(image is not None)
        if image is None:
            self.clear()
            return
        parent = self.parentWidget()
        width = max(64, parent.width() - 24) if parent else image.width()
        self.setPixmap(
            QtGui.QPixmap.fromImage(image).scaled(
                width,
                _PREVIEW_HEIGHT,
                QtCore.Qt.AspectRatioMode.KeepAspectRatio,
                QtCore.Qt.TransformationMode.SmoothTransformation,
            )
        )
