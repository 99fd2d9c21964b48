"""The grid of styles with its search field, its filter and its menus."""

from __future__ import annotations

import os
from typing import Any

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.style_library import StyleEntry, StyleLibrary, search

from ..qt import QtCore, QtGui, QtWidgets
from .labels import label, show_text
from .style_import import StyleImport
from .style_thumbnails import Thumbnails
from .style_view import StyleView


class StyleGrid(QtWidgets.QWidget):
    """Signals: `picked` with the keys of the styles that the user has chosen, `edited` when the library has changed, and
    `network_renamed(name, title)` and `network_deleted(name)` for trained networks, which the engine changes.
    """

    picked, edited = QtCore.pyqtSignal(list), QtCore.pyqtSignal()
    network_renamed, network_deleted = QtCore.pyqtSignal(str, str), QtCore.pyqtSignal(str)

    def __init__(self, library: StyleLibrary, thumbnails: Thumbnails, imports: StyleImport, name: str) -> None:
        """name: the beginning of the widgets' object names, after "impasto_" """
        super().__init__()
        self._library, self._imports = library, imports
        self._entries: list[StyleEntry] = []
        self._menu: QtWidgets.QMenu | None = None
        self._question: QtWidgets.QMessageBox | None = None
        self.view = StyleView(thumbnails)
        self.view.setObjectName(f"impasto_{name}_view")
        self.view.setAccessibleName(i18n("Styles"))
        self.search_field = QtWidgets.QLineEdit()
        self.search_field.setObjectName(f"impasto_{name}_search")
        self.search_field.setPlaceholderText(i18n("Search"))
        self.search_field.setClearButtonEnabled(True)
        self.search_field.setAcceptDrops(False)  # the chooser adds what is dropped
        self.filter = QtWidgets.QComboBox()
        self.filter.setObjectName(f"impasto_{name}_filter")
        self.filter.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.filter.setMinimumContentsLength(6)
        self.filter.setToolTip(i18n("Which styles to show"))
        self.add_button = QtWidgets.QToolButton()
        self.add_button.setObjectName(f"impasto_{name}_add")
        self.add_button.setText(i18n("Add"))
        self.add_button.setToolTip(i18n("Add pictures to the styles. You can also drop or paste them here."))
        self.add_button.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
        self._add_menu = QtWidgets.QMenu(self.add_button)
        self._fill_add_menu(self._add_menu)
        self.add_button.setMenu(self._add_menu)
        self._message = label(f"{name}_message")

        row = QtWidgets.QHBoxLayout()
        row.addWidget(self.filter, 1)
        row.addWidget(self.add_button)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.search_field)
        column.addLayout(row)
        column.addWidget(self.view)
        column.addWidget(self._message)
        show_text(self._message, "")

        self.search_field.textChanged.connect(self._list)
        self.search_field.returnPressed.connect(self._pick_first)
        self.filter.activated.connect(self._list)
        self.view.picked.connect(self._on_picked)
        self.view.menu_requested.connect(self._open_menu)
        self.view.favorite_pressed.connect(self._toggle_favorites)
        self.view.delete_pressed.connect(self._delete)
        self.view.paste_pressed.connect(imports.paste)
        self.view.styles.renamed.connect(self._rename)

    @property
    def busy(self) -> bool:
        """Whether the user is typing a name, or a menu or a question is open."""
        menus = (self._menu, self._add_menu)
        return self.view.editing or self._question is not None or any(menu is not None and menu.isVisible() for menu in menus)

    def set_entries(self, entries: list[StyleEntry]) -> None:
        """entries: all styles, with the document's layers"""
        self._entries = entries
        self._fill_filter()
        self._list()

    def show_message(self, text: str) -> None:
        """Show a sentence below the grid until something is chosen."""
        show_text(self._message, text)

    def show_all(self, key: str) -> None:
        """Make sure that this style is visible."""
        if not any(entry.key == key for entry in self.view.styles.entries):
            self.search_field.clear()
            self.filter.setCurrentIndex(0)
            self._list()

    def show_folder(self, folder: str) -> None:
        """Show the pictures of a folder only."""
        self.search_field.clear()
        self.filter.setCurrentIndex(max(0, self.filter.findData(f"folder:{folder}")))
        self._list()

    def _fill_filter(self) -> None:
        """List the filters: the fixed ones, and the user's folders."""
        filters = [
            (i18n("All styles"), "all"),
            (i18n("Favorites"), "favorites"),
            (i18n("Recent"), "recent"),
            (i18n("This picture's layers"), "layers"),
            (i18n("Mine"), "mine"),
            (i18n("Paintings"), "paintings"),
        ]
        filters += [(os.path.basename(folder), f"folder:{folder}") for folder in self._library.folders]
        if filters == [(self.filter.itemText(n), self.filter.itemData(n)) for n in range(self.filter.count())]:
            return
        selected = self.filter.currentData()
        self.filter.clear()
        for text, data in filters:
            self.filter.addItem(text, data)
        self.filter.setCurrentIndex(max(0, self.filter.findData(selected)))

    def _list(self) -> None:
        """List the styles that match the filter and the search."""
        text, chosen = self.search_field.text(), self.filter.currentData()
        entries = self._entries
        if chosen == "recent":
            recent = {entry.key: place for place, entry in enumerate(self._library.recent())}
            entries = sorted((entry for entry in entries if entry.key in recent), key=lambda entry: recent[entry.key])
        elif chosen not in ("all", None):
            entries = [entry for entry in entries if _matches(entry, chosen)]
        entries = search(entries, text)
        self.view.set_entries(entries)
        empty = {"favorites": i18n("No favorites yet: press * on a style."), "recent": i18n("Nothing was painted yet.")}
        if not entries:
            self.show_message(i18n("No style has this name.") if text.strip() else empty.get(chosen, i18n("No styles here.")))
        elif self._message.text() in (i18n("No style has this name."), i18n("No styles here."), *empty.values()):
            self.show_message("")

    def _pick_first(self) -> None:
        """Enter in the search field chooses the first style that it has found."""
        if self.view.styles.entries:
            self._on_picked([self.view.styles.entries[0].key])

    def _on_picked(self, keys: list[str]) -> None:
        entries = {entry.key: entry for entry in self._entries}
        usable = [key for key in keys if key in entries and not entries[key].missing]
        if usable:
            self.show_message("")
            self.picked.emit(usable)
        else:
            self.show_message(i18n("The file is missing. Press Delete to remove it from the list."))

    def _rename(self, key: str, name: str) -> None:
        entry = next((entry for entry in self._entries if entry.key == key), None)
        if entry is None or not name.strip() or name == entry.name:
            return
        if entry.kind == "network":
            self.network_renamed.emit(entry.network, name.strip())
            return
        try:
            self._library.rename(key, name)
        except PluginError as error:
            self.show_message(str(error))
        # The list must not change while the editor is closing.
        QtCore.QTimer.singleShot(0, self.edited.emit)

    def _toggle_favorites(self) -> None:
        for entry in self.view.selected():
            if entry.kind not in ("layer", "none", "folder"):
                self._library.toggle_favorite(entry.key)
        self.edited.emit()

    def _delete(self) -> None:
        """Delete the selected styles, after a question if that loses something."""
        selected = self.view.selected()
        entries = [entry for entry in selected if entry.can_delete]
        if not entries:
            if selected:
                self.show_message(i18n("Only styles that you have added can be deleted."))
            return
        if not any(entry.deletes_data for entry in entries):
            self._delete_now(entries)
            return
        text = i18n("Delete {count} styles? This cannot be undone.", count=len(entries))
        if len(entries) == 1:
            text = i18n("Delete the style {name}? This cannot be undone.", name=entries[0].name)
            if entries[0].has_picture and not entries[0].can_remove:
                text = i18n("Delete the instant style of {name}? The picture stays.", name=entries[0].name)
        box = QtWidgets.QMessageBox(self)
        box.setWindowTitle(i18n("Delete style"))
        box.setText(text)
        box.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        box.setIcon(QtWidgets.QMessageBox.Icon.Question)
        delete = box.addButton(i18n("Delete"), QtWidgets.QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QtWidgets.QMessageBox.StandardButton.Cancel)
        box.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self._question = box

        def on_finished(result: int) -> None:
            self._question = None
            if box.clickedButton() == delete:
                self._delete_now(entries)

        box.finished.connect(on_finished)
        box.open()

    def _delete_now(self, entries: list[StyleEntry]) -> None:
        try:
            for entry in entries:
                if entry.own_network:
                    self.network_deleted.emit(entry.network)
                if entry.can_remove:
                    self._library.delete(entry.key)
        except PluginError as error:
            self.show_message(str(error))
        self.edited.emit()

    def _remove_folder(self, folder: str) -> None:
        self._library.remove_folder(folder)
        self.edited.emit()

    def _fill_add_menu(self, menu: QtWidgets.QMenu) -> None:
        menu.addAction(i18n("Add picture..."), self._imports.ask_for_pictures)
        menu.addAction(i18n("Add folder..."), self._imports.ask_for_folder)
        menu.addAction(i18n("Paste") + "\tCtrl+V", self._imports.paste)

    def _open_menu(self, place: QtCore.QPoint) -> None:
        """The menu of the current style, and of the grid itself"""
        menu = self._menu = QtWidgets.QMenu(self)
        menu.setObjectName("impasto_style_menu")
        menu.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.aboutToHide.connect(self._forget_menu)
        entry = self.view.current()
        if entry is not None and self.view.selected():
            self._fill_menu(menu, entry)
            menu.addSeparator()
        self._fill_add_menu(menu)
        viewport = self.view.viewport()
        assert viewport is not None
        menu.popup(viewport.mapToGlobal(place))

    def _fill_menu(self, menu: QtWidgets.QMenu, entry: StyleEntry) -> None:
        if entry.kind not in ("layer", "none", "folder"):
            text = i18n("Remove from favorites") if entry.favorite else i18n("Add to favorites")
            menu.addAction(text + "\t*", self._toggle_favorites)
        if entry.can_rename:
            menu.addAction(i18n("Rename") + "\tF2", self.view.rename)
        if entry.can_delete:
            text = i18n("Delete") if entry.deletes_data else i18n("Remove from the list")
            menu.addAction(text + "\t" + _key_name(QtCore.Qt.Key.Key_Delete), self._delete)
        if entry.path and not entry.missing:
            menu.addAction(i18n("Show file"), lambda: _show_folder(entry.path))
        if entry.folder and not entry.missing:
            folder = entry.folder
            text = i18n("Remove the folder {folder}", folder=os.path.basename(folder).replace("&", "&&"))
            menu.addAction(text, lambda: self._remove_folder(folder))

    def _forget_menu(self) -> None:
        self._menu = None
        QtCore.QTimer.singleShot(0, self._select_chosen)  # after the action that was chosen

    def _select_chosen(self) -> None:
        """Select the styles in use again, and not the one that the menu was about."""
        if not self.busy:
            self.view.select_chosen()


def _matches(entry: StyleEntry, chosen: Any) -> bool:
    """Whether a style belongs to a filter other than all and recent."""
    if entry.kind == "none":
        return False
    if chosen == "favorites":
        return entry.favorite
    if chosen == "layers":
        return entry.kind == "layer"
    if chosen == "paintings":
        return entry.kind == "painting" or (entry.kind == "network" and not entry.own_network)
    if chosen == "mine":
        return entry.kind in ("picture", "folder") or entry.own_network
    return entry.folder == str(chosen)[len("folder:") :]


def _show_folder(path: str) -> None:
    """Open the folder of a file in the system's file manager."""
    QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(os.path.dirname(path)))


def _key_name(key: QtCore.Qt.Key) -> str:
    return QtGui.QKeySequence(key).toString(QtGui.QKeySequence.SequenceFormat.NativeText)
