"""The list from which the user chooses a layer or a mask that marks an area."""

from __future__ import annotations

from krita import Document, Node

from impasto_client.request import StyleSource

from .. import layers
from ..qt import QtCore, QtGui, QtWidgets

_THUMBNAIL_SIZE = 20
_THUMBNAIL_INTERVAL_MS = 20


class AreaPicker(QtWidgets.QComboBox):
    """A list of the document's layers and masks, with thumbnails. Signal: `picked` when the user has chosen an entry"""

    picked = QtCore.pyqtSignal()

    def __init__(self, none_label: str) -> None:
        """none_label: the entry for no area"""
        super().__init__()
        self._none_label = none_label
        self._layers: list[tuple[int, str, str]] | None = None  # (depth, key, name) of those that are listed
        self._document: Document | None = None
        self._missing_thumbnails: list[str] = []  # keys of layers
        self._thumbnail_timer = QtCore.QTimer(self)
        self._thumbnail_timer.timeout.connect(self._draw_thumbnail)
        self.setIconSize(QtCore.QSize(_THUMBNAIL_SIZE, _THUMBNAIL_SIZE))
        self.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.activated.connect(lambda index: self.picked.emit())

    @property
    def popup_open(self) -> bool:
        view = self.view()
        return view is not None and view.isVisible()

    def refresh(self, document: Document | None) -> None:
        """List the document's layers again if they have changed."""
        nodes = [] if document is None else layers.visible_layers(document, masks=True)
        current = [(depth, layers.node_key(node), node.name()) for depth, node in nodes]
        if (current == self._layers and document == self._document) or self.popup_open:
            return
        selected = self.currentData()
        self._layers, self._document = current, document
        self.clear()
        self.addItem(self._none_label, None)
        for depth, key, name in current:
            self.addItem("    " * depth + name, key)
        self._select(selected)
        self._redraw_thumbnails()

    def source(self) -> StyleSource | None:
        """The selected layer or mask, or None."""
        key = self.currentData()
        return StyleSource(self.currentText().strip(), layer_key=key) if key else None

    def choose(self, source: StyleSource | None) -> None:
        """Choose a layer again; none, if it is gone."""
        self._select(source.layer_key if source is not None else None)

    def _select(self, key: str | None) -> None:
        self.setCurrentIndex(max(0, self.findData(key)))

    def _redraw_thumbnails(self) -> None:
        self._missing_thumbnails = [key for _, key, _ in self._layers or ()]
        self._thumbnail_timer.start(_THUMBNAIL_INTERVAL_MS)

    def _draw_thumbnail(self) -> None:
        """Draw the next thumbnail. Only one at a time, because Krita needs some milliseconds for each."""
        if not self._missing_thumbnails or self._document is None:
            self._thumbnail_timer.stop()
            return
        key = self._missing_thumbnails.pop(0)
        node = layers.find_node(self._document, key)
        index = self.findData(key)
        if node is not None and index >= 0:
            self.setItemIcon(index, layer_icon(node, _THUMBNAIL_SIZE, self.devicePixelRatioF()))

    def showPopup(self) -> None:
        self._redraw_thumbnails()  # the layers may look different by now
        super().showPopup()


def layer_icon(node: Node, side: int, ratio: float) -> QtGui.QIcon:
    """side: in logical pixels; ratio: physical pixels for each of them"""
    pixels = round(ratio * side)
    pixmap = QtGui.QPixmap.fromImage(node.thumbnail(pixels, pixels))
    pixmap.setDevicePixelRatio(ratio)
    return QtGui.QIcon(pixmap)
