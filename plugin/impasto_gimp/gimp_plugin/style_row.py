"""The style as a layer or as a file, beside the pictures of the dialog."""

from __future__ import annotations

from typing import Any

from gi.repository import GdkPixbuf, Gimp, Gio, GLib, Gtk

from impasto_client.i18n import i18n
from impasto_client.style_library import SUFFIXES

#: Longest side of a layer's thumbnail, and of the picture in the file dialog, in pixels
_THUMBNAIL, _FILE_PREVIEW = 24, 256


class StyleRow(Gtk.Grid):  # type: ignore[misc]  # GTK has no types
    """Chooses the layer or the file of the arguments. GIMP's own widgets cannot choose none."""

    def __init__(self, config: Gimp.ProcedureConfig, source: Gimp.Drawable) -> None:
        """config: has style-layer and style-file; source: what is painted, which cannot be the style"""
        super().__init__(column_spacing=12, row_spacing=6)
        self._config, self._is_set = config, False
        self._layers = Gtk.ListStore(GdkPixbuf.Pixbuf, str, int)
        self._layers.append([None, "\u2013", 0])
        for layer in _layers(source.get_image()):
            if layer.get_id() != source.get_id():
                thumbnail = layer.get_thumbnail(_THUMBNAIL, _THUMBNAIL, Gimp.PixbufTransparency.KEEP_ALPHA)
                self._layers.append([thumbnail, layer.get_name(), layer.get_id()])
        self._layer = Gtk.ComboBox(model=self._layers, hexpand=True)
        picture, text = Gtk.CellRendererPixbuf(), Gtk.CellRendererText(ellipsize="middle", width_chars=16)
        for cell, attribute, column in ((picture, "pixbuf", 0), (text, "text", 1)):
            self._layer.pack_start(cell, cell is text)
            self._layer.add_attribute(cell, attribute, column)
        self._layer.connect("changed", lambda box: self._choose_layer())
        self._file = Gtk.FileChooserButton(title=i18n("Or a picture file"), hexpand=True, width_chars=16)
        self._file.connect("file-set", lambda button: self._choose_file())
        patterns = Gtk.FileFilter()
        patterns.set_name(i18n("Pictures"))
        for suffix in SUFFIXES:
            patterns.add_pattern(f"*{suffix}")
            patterns.add_pattern(f"*{suffix.upper()}")
        self._file.add_filter(patterns)
        self._preview = Gtk.Image()
        self._file.set_preview_widget(self._preview)
        self._file.connect("update-preview", lambda button: self._show_file())
        for row, (label, widget) in enumerate(((i18n("Or a layer"), self._layer), (i18n("Or a picture file"), self._file))):
            self.attach(Gtk.Label(label=label, xalign=0), 0, row, 1, 1)
            self.attach(widget, 1, row, 1, 1)
        self.show_chosen()

    def show_chosen(self) -> None:
        """Show what the arguments say."""
        layer, file = self._config.get_property("style-layer"), self._config.get_property("style-file")
        self._is_set = True
        number = 0 if layer is None else layer.get_id()
        numbers = [row[2] for row in self._layers]
        self._layer.set_active(numbers.index(number) if number in numbers else 0)
        if file is None:
            self._file.unselect_all()
        elif self._file.get_filename() != file.get_path():
            self._file.set_filename(file.get_path())
        self._is_set = False

    def _choose_layer(self) -> None:
        number = self._layers[self._layer.get_active()][2]
        if not self._is_set:
            self._config.set_property("style-layer", Gimp.Item.get_by_id(number) if number else None)

    def _choose_file(self) -> None:
        path = self._file.get_filename()
        if path and not self._is_set:
            self._config.set_property("style-file", Gio.File.new_for_path(path))

    def _show_file(self) -> None:
        picture: Any = None
        path = self._file.get_preview_filename()
        if path:
            try:
                picture = GdkPixbuf.Pixbuf.new_from_file_at_size(path, _FILE_PREVIEW, _FILE_PREVIEW)
            except GLib.Error:
                picture = None
        self._preview.set_from_pixbuf(picture)
        self._file.set_preview_widget_active(picture is not None)


def _layers(parent: Gimp.Image | Gimp.GroupLayer) -> list[Gimp.Layer]:
    """The layers of an image, or of a group, from the top"""
    found = []
    for layer in parent.get_layers() if isinstance(parent, Gimp.Image) else parent.get_children():
        found.append(layer)
        if layer.is_group():
            found += _layers(layer)
    return found
