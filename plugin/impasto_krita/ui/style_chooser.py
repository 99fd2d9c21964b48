"""The row with the chosen style, which expands to the grid of all styles."""

from __future__ import annotations

import os
from typing import Any, Sequence

from krita import Document

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.request import StyleSource
from impasto_client.style_library import StyleEntry, StyleLibrary

from .. import layers, settings
from ..background import BackgroundWork
from ..qt import QtCore, QtGui, QtWidgets
from .style_button import StyleButton
from .style_grid import StyleGrid
from .style_import import StyleImport, accepts
from .style_thumbnails import Thumbnails
from .style_view import THUMBNAIL_SIDE, describe

_libraries: dict[str, StyleLibrary] = {}


def get_library() -> StyleLibrary:
    """The only library of this user, which all windows show."""
    folder = os.path.join(settings.data_folder(), "styles")
    if folder not in _libraries:
        _libraries[folder] = StyleLibrary(folder)
    return _libraries[folder]


class StyleChooser(QtWidgets.QWidget):
    """A button with the chosen style, and the grid below it, which the button shows and hides.

    Signals: `picked` when another style is chosen, by the user or because the chosen one is gone, and
    `network_renamed(name, title)` and `network_deleted(name)` when the user wants that of a trained network from the engine.
    """

    picked = QtCore.pyqtSignal()
    network_renamed, network_deleted = QtCore.pyqtSignal(str, str), QtCore.pyqtSignal(str)

    def __init__(self, name: str = "style", none_label: str = "") -> None:
        """name: for object names and settings

        none_label: the entry for no style, if there is one. Such a style is mixed with another, which networks cannot do.
        """
        super().__init__()
        self.setObjectName(f"impasto_{name}")
        self._name, self._none_label = name, none_label
        self._library = get_library()
        self._revision = -1
        self._layers: list[tuple[int, str, str]] = []  # (depth, key, name)
        self._results: set[str] = set()
        self._source = ""
        self._document: Document | None = None
        self._entries: dict[str, StyleEntry] = {}
        self._wanted: list[str] = []  # keys of what the user has chosen; empty: nothing yet
        self._chosen: list[str] = []  # keys of the styles in use
        work = BackgroundWork(self)
        self._thumbnails = Thumbnails(work, self)
        self._imports = StyleImport(self._library, work, self)
        self.grid = StyleGrid(self._library, self._thumbnails, self._imports, name)
        self.grid.setObjectName(f"impasto_{name}_grid")
        self.button = StyleButton()
        self.button.setObjectName(f"impasto_{name}_button")
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self.grid)
        self.setAcceptDrops(True)

        self.button.toggled.connect(self._expand)
        self._thumbnails.changed.connect(self._show_chosen)
        self._imports.picture_added.connect(self._on_picture_added)
        self._imports.folder_added.connect(self._on_folder_added)
        self._imports.failed.connect(self._on_failed)
        self.grid.picked.connect(self._on_picked)
        self.grid.edited.connect(self._update)
        self.grid.network_renamed.connect(self.network_renamed)
        self.grid.network_deleted.connect(self.network_deleted)
        expanded = bool(settings.load().get(f"{name}_grid_open", False))
        self.grid.setVisible(expanded)
        self.button.setChecked(expanded)
        self._update()

    @property
    def popup_open(self) -> bool:
        """Whether the user is typing a name, or a menu or a question is open: the list should not change then."""
        return self.grid.busy

    @property
    def has_network(self) -> bool:
        """Whether there is a network of the chosen style, so that it can be painted at once."""
        return bool(self._chosen and self._entries[self._chosen[0]].network)

    def style_source(self, instant: bool = False) -> StyleSource | None:
        """The chosen style, or None.  instant: use its network if it has one; without a picture it is used in any case"""
        sources = self.style_sources(instant)
        return sources[0] if sources else None

    def style_sources(self, instant: bool = False) -> list[StyleSource]:
        """All chosen styles, in the order in which they were chosen."""
        return [self._entries[key].source(instant) for key in self._chosen if self._entries[key].kind != "none"]

    def set_instant_styles(self, networks: list[dict[str, Any]]) -> None:
        """networks: their names, titles, thumbnails, and whether they are the user's `own`, from the engine"""
        self._library.set_networks(networks)
        if self._library.revision != self._revision and not self.popup_open:
            self._update()

    def set_result_layers(self, keys: Sequence[str]) -> None:
        """The layers and groups with earlier results. They, and what is in them, are not listed."""
        if self._results != set(keys):
            self._results = set(keys)
            self._update()

    def set_source_layer(self, key: str) -> None:
        """The layer that is painted. It is not listed, unless the user has chosen it."""
        if key != self._source:
            self._source = key
            self._update()

    def refresh(self, document: Document | None) -> None:
        """List the document's layers and the library again if they have changed."""
        if self.popup_open:
            return
        self._library.refresh()
        nodes = [] if document is None else layers.visible_layers(document)
        current = [(depth, layers.node_key(node), node.name()) for depth, node in nodes]
        if document != self._document or current != self._layers:
            self._layers, self._document = current, document
            self._thumbnails.set_document(document)
            self._thumbnails.renew()
            self._update()
        elif self._library.revision != self._revision:
            self._update()
        else:
            self._choose()  # the active layer may be another one

    def choose(self, source: StyleSource | None) -> None:
        """Choose a style again. One that is gone changes nothing; None is no style, or the default."""
        if source is None:
            self._want([""] if self._none_label else [])
        elif source.network:
            self.choose_network(source.network)
        elif source.layer_key and f"layer:{source.layer_key}" in self._entries:
            self.choose_layer(source.layer_key)
        elif source.path and os.path.isfile(source.path):
            self.choose_file(source.path)

    def choose_layer(self, key: str) -> None:
        self._want([f"layer:{key}"])

    def choose_network(self, name: str) -> None:
        """Choose the style of this network."""
        entry = self._library.find_network(name)
        if entry is not None:
            self._want([entry.key])
        self.picked.emit()

    def choose_file(self, path: str) -> None:
        """Choose a picture file, and add it to the library."""
        self._want([self._library.add_picture(path)])

    def mark_used(self) -> None:
        """Note that the chosen styles are used now. From now on they count as chosen by the user."""
        self._wanted = list(self._chosen)
        for key in self._chosen:
            if self._entries[key].kind not in ("layer", "none"):
                self._library.mark_used(key)
        self._update()

    def attach_network(self, path: str, network: str) -> None:
        """Note that this network was trained on this picture, so that the two are one style."""
        self._library.attach_network(path, network)
        self._update()

    def _update(self, notify: bool = True) -> None:
        """List all styles again, unless the user is editing one: `refresh` does it later then."""
        if not self.popup_open:
            self._list()
        self._choose(notify)
        self._show_chosen()

    def _list(self) -> None:
        entries = [StyleEntry("none", "", self._none_label)] if self._none_label else []
        hidden = self._result_layers()
        if f"layer:{self._source}" not in self._wanted:
            hidden.add(self._source)
        entries += [
            StyleEntry("layer", f"layer:{key}", name, layer_key=key) for _, key, name in self._layers if key not in hidden
        ]
        self._revision = self._library.revision
        listed = self._library.entries()
        if self._none_label:
            listed = [entry._replace(network="", own_network=False) for entry in listed if entry.has_picture]
        entries += listed
        self._entries = {entry.key: entry for entry in entries}
        self._chosen = [key for key in self._chosen if key in self._entries]
        self.grid.set_entries(entries)

    def _want(self, keys: list[str]) -> None:
        """Choose these styles, without the signal."""
        self._wanted = keys
        self._update(notify=False)

    def _choose(self, notify: bool = True) -> None:
        """Use what the user has chosen, as far as it is there; otherwise the default."""
        chosen = [key for key in self._wanted if key in self._entries] or self._default()
        if chosen != self._chosen:
            self._chosen = chosen
            self.grid.view.set_chosen(chosen)
            self._show_chosen()
            if notify:
                self.picked.emit()

    def _default(self) -> list[str]:
        """The topmost layer that is not the active one, else the style used last, else the first painting; or none."""
        if self._none_label:
            return [""]
        excluded = self._excluded_layers()
        for _, key, _ in self._layers:
            if key not in excluded:
                return [f"layer:{key}"]
        paintings = [entry for entry in self._entries.values() if entry.kind == "painting"]
        usable = [entry.key for entry in [*self._library.recent(), *paintings] if entry.key in self._entries]
        return usable[:1]

    def _excluded_layers(self) -> set[str]:
        """The layers that are not a style by default: the painted ones and the groups around them, and earlier results."""
        painted = {self._source, self._active_layer()}
        excluded = self._result_layers()
        path: list[str] = []
        for depth, key, _ in self._layers:
            path[depth:] = [key]  # the layer and the groups around it, from the outermost
            if key in painted:
                excluded.update(path)
        return excluded

    def _result_layers(self) -> set[str]:
        """The groups with earlier results, and what is in them: the list of results shows these."""
        found: set[str] = set()
        path: list[str] = []
        for depth, key, _ in self._layers:
            path[depth:] = [key]
            if not self._results.isdisjoint(path):
                found.add(key)
        return found

    def _active_layer(self) -> str:
        """The key of the active layer, or of the layer of the active mask"""
        try:
            return layers.node_key(layers.layer_to_paint(self._document))
        except PluginError:
            return ""  # a filter layer, for instance, which is not listed

    def _on_picked(self, keys: list[str]) -> None:
        """The user has chosen in the grid. Styles that stay chosen keep their places in front."""
        if len(keys) > 1 and "" in keys:
            keys = [key for key in keys if key]
        kept = [key for key in self._chosen if key in keys]
        self._wanted = kept + [key for key in keys if key not in kept]
        if self._wanted == self._chosen:  # the user confirms the default
            self.grid.view.set_chosen(self._chosen)
        self._choose()

    def _on_picture_added(self, key: str) -> None:
        self._wanted = [key]
        self._update()
        self.grid.show_all(key)
        self.grid.view.set_chosen(self._chosen)

    def _on_folder_added(self, folder: str) -> None:
        self._update()
        self.grid.show_folder(folder)
        self.button.setChecked(True)

    def _on_failed(self, text: str) -> None:
        self.button.setChecked(True)
        self.grid.show_message(text)

    def _expand(self, expanded: bool) -> None:
        settings.store(**{f"{self._name}_grid_open": expanded})
        self.grid.setVisible(expanded)
        if expanded:
            self._thumbnails.renew()
            self._imports.check_pictures()
            self._imports.list_folders()
            self._update()
            self.grid.view.set_chosen(self._chosen)
            if self.button.hasFocus():
                self.grid.view.setFocus()

    def _show_chosen(self) -> None:
        """Show the chosen style on the button."""
        entry = self._entries[self._chosen[0]] if self._chosen else None
        if entry is None:
            self.button.show_style(i18n("No style"), i18n("Add a picture"), None)
            return
        image = self._thumbnails.image(entry, round(THUMBNAIL_SIDE * self.devicePixelRatioF())) if entry.key else None
        others = len(self._chosen) - 1
        text = i18n("and {count} more", count=others) if others else describe(entry)
        self.button.show_style(entry.name, text, image)

    def showEvent(self, event: QtGui.QShowEvent | None) -> None:
        super().showEvent(event)
        self._imports.check_pictures()
        if self.grid.isVisible():
            self._imports.list_folders()

    def enterEvent(self, event: Any) -> None:
        """The pointer comes from the canvas: layers may have been painted on."""
        super().enterEvent(event)
        self._thumbnails.renew(only_layers=True)
        self.update()

    def keyPressEvent(self, event: QtGui.QKeyEvent | None) -> None:
        assert event is not None
        if event.matches(QtGui.QKeySequence.StandardKey.Paste):
            self._imports.paste()
        elif event.key() == QtCore.Qt.Key.Key_Escape and self.button.isChecked():
            self.button.setFocus()
            self.button.setChecked(False)
        else:
            super().keyPressEvent(event)

    def event(self, event: QtCore.QEvent | None) -> bool:
        """Keep Ctrl+V, and Escape while the grid is open, from Krita's shortcuts, if the focus is in the chooser."""
        if isinstance(event, QtGui.QKeyEvent) and event.type() == QtCore.QEvent.Type.ShortcutOverride:
            closes = event.key() == QtCore.Qt.Key.Key_Escape and self.button.isChecked()
            if closes or event.matches(QtGui.QKeySequence.StandardKey.Paste):
                event.accept()
                return True
        return super().event(event)

    def dragEnterEvent(self, event: QtGui.QDragEnterEvent | None) -> None:
        data = event.mimeData() if event is not None else None
        if event is not None and data is not None and accepts(data):
            event.acceptProposedAction()

    def dropEvent(self, event: QtGui.QDropEvent | None) -> None:
        data = event.mimeData() if event is not None else None
        if event is not None and data is not None:
            event.acceptProposedAction()
            self._imports.add(data, i18n("Dropped picture"))
