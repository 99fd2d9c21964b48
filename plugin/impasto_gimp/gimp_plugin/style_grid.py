"""The styles to choose from, with thumbnails."""

from __future__ import annotations

import base64
from typing import Any, Callable

from gi.repository import GdkPixbuf, Gio, GLib, Gtk

from impasto_client.style_library import StyleEntry

_WIDTH, _HEIGHT = 88, 66  # of a thumbnail, in pixels
#: Rows of thumbnails that are seen, a part of which shows that there are more
_ROWS = 2.4


class StyleGrid(Gtk.ScrolledWindow):  # type: ignore[misc]  # GTK has no types
    """A grid of styles, of which one is chosen, or none."""

    def __init__(self, chosen: Callable[[StyleEntry], None]) -> None:
        """chosen: is called when the user chooses a style"""
        super().__init__(hscrollbar_policy=Gtk.PolicyType.NEVER, min_content_height=round(_ROWS * (_HEIGHT + 32)))
        self._entries: list[StyleEntry] = []
        self._chosen, self._is_set = chosen, False
        self._model = Gtk.ListStore(GdkPixbuf.Pixbuf, str)
        self._view = Gtk.IconView(model=self._model, pixbuf_column=0, text_column=1, item_width=_WIDTH + 8, columns=3)
        self._view.set_selection_mode(Gtk.SelectionMode.SINGLE)
        for set_space in (self._view.set_spacing, self._view.set_row_spacing, self._view.set_column_spacing):
            set_space(2)
        self._view.connect("selection-changed", self._on_selection_changed)
        self._view.connect("item-activated", lambda view, path: view.get_toplevel().activate_default())  # as the button
        self.add(self._view)

    def add_entries(self, entries: list[StyleEntry]) -> None:
        """Add styles at the end, except for those that are there."""
        known = {entry.key for entry in self._entries}
        for entry in entries:
            if entry.key not in known:
                self._entries.append(entry)
                self._model.append([_thumbnail(entry), entry.name])

    def choose(self, key: str) -> None:
        """Show this style as the chosen one; none if there is none with this key."""
        self._is_set = True
        self._view.unselect_all()
        for index, entry in enumerate(self._entries):
            if entry.key == key:
                self._view.select_path(Gtk.TreePath.new_from_indices([index]))
        self._is_set = False

    def _on_selection_changed(self, view: Gtk.IconView) -> None:
        paths = view.get_selected_items()
        if paths and not self._is_set:
            self._chosen(self._entries[paths[0].get_indices()[0]])


def _thumbnail(entry: StyleEntry) -> Any:
    """A picture of a style, cropped to the size of a thumbnail; gray, if there is none"""
    try:
        if entry.path:
            picture = GdkPixbuf.Pixbuf.new_from_file_at_scale(entry.path, 2 * _WIDTH, 2 * _HEIGHT, True)
        else:
            stream = Gio.MemoryInputStream.new_from_bytes(GLib.Bytes.new(base64.b64decode(entry.thumbnail)))
            picture = GdkPixbuf.Pixbuf.new_from_stream(stream, None)
    except (GLib.Error, ValueError):
        picture = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, _WIDTH, _HEIGHT)
        picture.fill(0x808080FF)
        return picture
    scale = max(_WIDTH / picture.get_width(), _HEIGHT / picture.get_height())
    width, height = max(_WIDTH, round(scale * picture.get_width())), max(_HEIGHT, round(scale * picture.get_height()))
    scaled = picture.scale_simple(width, height, GdkPixbuf.InterpType.BILINEAR)
    return scaled.new_subpixbuf((width - _WIDTH) // 2, (height - _HEIGHT) // 2, _WIDTH, _HEIGHT)
