"""A combo box whose entries are layers, with thumbnails that are drawn one at a time."""

from __future__ import annotations

from krita import Document, Node

from .. import layers
from ..qt import QtCore, QtGui, QtWidgets

_THUMBNAIL_INTERVAL_MS = 20


class LayerComboBox(QtWidgets.QComboBox):
    """The data of an entry is the key of its layer; other entries have other data.  Signal: `picked` by the user"""

    picked = QtCore.pyqtSignal()

    def __init__(self, name: str, icon_side: int) -> None:
        """name: of the widget, after `impasto_`; icon_side: of a thumbnail, in logical pixels"""
        super().__init__()
        self.setObjectName("impasto_" + name)
        self._icon_side = icon_side
        self._listed: tuple[Document | None, list[str]] = (None, [])  # a document, and keys of its layers
        self._missing_icons: list[str] = []  # keys of layers
        self._icon_timer = QtCore.QTimer(self)
        self._icon_timer.timeout.connect(self._draw_icon)
        self.setIconSize(QtCore.QSize(icon_side, icon_side))
        self.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.activated.connect(lambda index: self.picked.emit())

    @property
    def popup_open(self) -> bool:
        view = self.view()
        return view is not None and view.isVisible()

    def set_layers(self, document: Document | None, keys: list[str]) -> None:
        """Note which entries get their thumbnails whenever the list is opened.  keys: of layers of the document"""
        self._listed = document, keys

    def draw_icons(self) -> None:
        """Draw the thumbnails of the layers, one at a time, because Krita needs some milliseconds for each."""
        self._missing_icons = list(self._listed[1])
        self._icon_timer.start(_THUMBNAIL_INTERVAL_MS)

    def showPopup(self) -> None:
        self.draw_icons()  # the layers may look different by now
        super().showPopup()

    def layer_icon(self, node: Node) -> QtGui.QIcon:
        """A thumbnail of a layer"""
        ratio = self.devicePixelRatioF()
        pixels = round(ratio * self._icon_side)
        pixmap = QtGui.QPixmap.fromImage(node.thumbnail(pixels, pixels))
        pixmap.setDevicePixelRatio(ratio)
        return QtGui.QIcon(pixmap)

    def _draw_icon(self) -> None:
        document = self._listed[0]
        if not self._missing_icons or document is None:
            self._icon_timer.stop()
            return
        key = self._missing_icons.pop(0)
        node = layers.find_node(document, key)
        index = self.findData(key)
        if node is not None and index >= 0:
            self.setItemIcon(index, self.layer_icon(node))
