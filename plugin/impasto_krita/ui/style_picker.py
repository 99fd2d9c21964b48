"""The list from which the user chooses a style: a layer, an image file, or an instant style."""

from __future__ import annotations

import base64
import contextlib
import os
from typing import Any

from krita import Document, Node

from .. import layers, settings
from ..qt import QtCore, QtGui, QtWidgets
from ..request import StyleSource

_THUMBNAIL_SIZE = 32
_THUMBNAIL_INTERVAL_MS = 20
_FILE_FILTER = "Pictures (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.bmp *.gif);;All files (*)"
#: Data of the entries: None, ("layer", key), ("file", path), ("net", name), and this one.
_ASK_FOR_FILE = ("ask", "")


class StylePicker(QtWidgets.QComboBox):
    """A list of the document's layers with thumbnails, of an image file, and of instant styles.

    Signal: `picked` when the user has chosen an entry.
    """

    picked = QtCore.pyqtSignal()

    def __init__(self, none_label: str = "", regions: bool = False) -> None:
        """none_label: the entry for no style, if there is one; regions: offer masks, and no image files"""
        super().__init__()
        self._none_label, self._regions = none_label, regions
        self._layers: list[tuple[int, str, str]] = []  # (depth, key, name) of those that are listed
        self._path = str(settings.load().get("style_file", "")) if not none_label else ""
        self._previous: Any = None  # the entry before "Picture file..." was chosen
        self._networks: list[dict[str, Any]] = []
        self._outdated = True  # list everything again, even if the layers are the same
        self._document: Document | None = None
        self._missing_thumbnails: list[str] = []  # keys of layers
        self._thumbnail_timer = QtCore.QTimer(self)
        self._thumbnail_timer.timeout.connect(self._draw_thumbnail)
        self.setIconSize(QtCore.QSize(_THUMBNAIL_SIZE, _THUMBNAIL_SIZE))
        self.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.activated.connect(self._on_selected)

    @property
    def popup_open(self) -> bool:
        view = self.view()
        return view is not None and view.isVisible()

    def set_instant_styles(self, networks: list[dict[str, Any]]) -> None:
        """networks: their names, titles and thumbnails, from the engine"""
        if networks != self._networks:
            self._networks, self._outdated = networks, True
            self.refresh(self._document)

    def refresh(self, document: Document | None) -> None:
        """List the document's layers again if they have changed."""
        nodes = [] if document is None else layers.visible_layers(document, masks=self._regions)
        current = [(depth, layers.node_key(node), node.name()) for depth, node in nodes]
        if current == self._layers and document == self._document and not self._outdated:
            return
        self._outdated = False
        selected = self.currentData()
        self._layers, self._document = current, document
        self.clear()
        if self._none_label:
            self.addItem(self._none_label, None)
        for depth, key, name in current:
            self.addItem("    " * depth + name, ("layer", key))
        if self._path:
            self.addItem(os.path.basename(self._path), ("file", self._path))
        if not self._regions:
            self.addItem("Picture file...", _ASK_FOR_FILE)
        for network in self._networks:
            self.addItem(_icon_from_base64(network["thumbnail"]), network["title"] + " (instant)", ("net", network["name"]))
        self._select(selected)
        self._redraw_thumbnails()

    def style_source(self) -> StyleSource | None:
        """The selected style, or None."""
        entry = self.currentData()
        if not entry or entry == _ASK_FOR_FILE:
            return None
        kind, value = entry
        if kind == "file":
            return StyleSource(os.path.splitext(os.path.basename(value))[0], path=value)
        if kind == "net":
            return StyleSource(next(item["title"] for item in self._networks if item["name"] == value), network=value)
        return StyleSource(self.currentText().strip(), layer_key=value)

    def choose_layer(self, key: str) -> None:
        self._select(("layer", key))

    def choose(self, source: StyleSource | None) -> None:
        """Choose a style, if it is still there."""
        if source is None:
            self.setCurrentIndex(max(0, self.findData(None)))
        elif source.layer_key:
            self.choose_layer(source.layer_key)
        elif source.network:
            self.choose_network(source.network)
        else:
            self.choose_file(source.path)

    def style_sources(self) -> list[StyleSource]:
        """The selected styles"""
        style = self.style_source()
        return [] if style is None else [style]

    def choose_network(self, name: str) -> None:
        self._select(("net", name))
        self.picked.emit()

    def choose_file(self, path: str) -> None:
        self._path = path
        self._outdated = True
        self.refresh(self._document)
        self._select(("file", path))
        if not self._none_label:
            settings.store(style_file=path)

    def _entries(self) -> list[Any]:
        return [self.itemData(index) for index in range(self.count())]

    def _select(self, entry: Any) -> None:
        """Select an entry. If it is gone or no style, select no style or the topmost layer that is not active."""
        entries = self._entries()
        if entry not in (None, _ASK_FOR_FILE) and tuple(entry) in entries:
            self.setCurrentIndex(entries.index(tuple(entry)))
        elif not self._none_label and self._document is not None:
            node = self._document.activeNode()
            active = layers.node_key(node) if node is not None else ""
            others = [i for i, (kind, value) in enumerate(entries) if kind == "layer" and value != active]
            self.setCurrentIndex(others[0] if others else 0)

    def _on_selected(self, index: int) -> None:
        if self.itemData(index) != _ASK_FOR_FILE:
            self._previous = self.itemData(index)
            self.picked.emit()
            return
        path, _ = QtWidgets.QFileDialog.getOpenFileName(
            self, "Style from a picture", os.path.dirname(self._path), _FILE_FILTER
        )
        if path:
            self.choose_file(path)
        else:
            self._select(self._previous)
        self.picked.emit()

    def _redraw_thumbnails(self) -> None:
        self._missing_thumbnails = [key for _, key, _ in self._layers]
        self._thumbnail_timer.start(_THUMBNAIL_INTERVAL_MS)

    def _draw_thumbnail(self) -> None:
        """Draw the next thumbnail. Only one at a time, because Krita needs some milliseconds for each."""
        if not self._missing_thumbnails or self._document is None:
            self._thumbnail_timer.stop()
            return
        key = self._missing_thumbnails.pop(0)
        node = layers.find_node(self._document, key)
        entries = self._entries()
        if node is not None and ("layer", key) in entries:
            self.setItemIcon(entries.index(("layer", key)), _layer_icon(node))

    def showPopup(self) -> None:
        self._redraw_thumbnails()  # the layers may look different by now
        super().showPopup()


def _icon_from_base64(image: str) -> QtGui.QIcon:
    """image: an encoded image file in base64; invalid data gives an empty icon"""
    pixmap = QtGui.QPixmap()
    with contextlib.suppress(ValueError):
        pixmap.loadFromData(base64.b64decode(image))
    return QtGui.QIcon(pixmap)


def _layer_icon(node: Node) -> QtGui.QIcon:
    return QtGui.QIcon(QtGui.QPixmap.fromImage(node.thumbnail(_THUMBNAIL_SIZE, _THUMBNAIL_SIZE)))
