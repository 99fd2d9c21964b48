"""The dialog: styles with thumbnails, the options, a preview, and the setup of the engine where it is missing."""

from __future__ import annotations

from typing import Any, Callable

from gi.repository import Gimp, GimpUi, Gio, Gtk

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest
from impasto_client.style_library import StyleEntry, StyleLibrary

from .engine import Engine, engine_command, open_engine
from .preview import Preview
from .setup_panel import SetupPanel
from .style_grid import StyleGrid

#: The arguments that say where the style comes from
_STYLE_ARGUMENTS = ("style-layer", "style-file", "style-painting", "style-network")
_OPTIONS = ("strength", "colors", "quality", "size", "keep-faces")


class StylizeDialog:
    """Lets the user set the arguments of the procedure."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        source: Gimp.Drawable,
        library: StyleLibrary,
        read_request: Callable[[], PaintRequest],
    ) -> None:
        """source: what will be painted; read_request: what the arguments ask for, or raises PluginError"""
        GimpUi.init("impasto")
        self.engine: Engine | None = None
        self._config, self._source, self._library, self._read_request = config, source, library, read_request
        self._preview: Preview | None = None
        self._window = GimpUi.ProcedureDialog.new(procedure, config, "Impasto")
        self._window.set_ok_label(i18n("_Stylize"))
        self._left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        self._setup = SetupPanel(self._open_engine)
        entries = [entry for entry in library.entries() if entry.path and not entry.missing]
        self._grid = StyleGrid(entries, self._choose)
        columns = Gtk.Box(spacing=16, border_width=12)
        columns.pack_start(self._left, False, False, 0)
        columns.pack_start(self._make_controls(), True, True, 0)
        columns.show_all()
        self._window.get_content_area().pack_start(columns, True, True, 0)
        self._window.get_label("hint", i18n("The result is a new layer above it, limited to the selection."), False, False)
        self._window.fill(["hint"])  # an empty list would mean everything
        self._handler = config.connect("notify", lambda config, parameter: self._on_change(parameter.name))
        self._on_change("style-painting")
        if engine_command() is None:
            self._left.pack_start(self._setup, False, False, 0)
            self._setup.show_all()
            self._window.set_response_sensitive(Gtk.ResponseType.OK, False)
        else:
            self._open_engine()

    def _make_controls(self) -> Gtk.Box:
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        column.pack_start(self._grid, True, True, 0)
        self._window.get_scale_entry("strength", 100)
        for name, properties in (("style_box", ["style-layer", "style-file"]), ("options_box", list(_OPTIONS))):
            column.pack_start(self._window.fill_box(name, properties), False, False, 0)
        more = Gtk.Expander(label=i18n("More"))
        more.add(self._window.fill_box("more_box", ["style-network", "seed"]))
        column.pack_start(more, False, False, 0)
        return column

    def run(self) -> bool:
        """Show the dialog.  -> whether to paint"""
        goes_on: bool = self._window.run()
        self._config.disconnect(self._handler)
        self._setup.cancel()
        if self._preview is not None:
            self._preview.close()
        if not goes_on and self.engine is not None:
            self.engine.close()
        self._window.destroy()
        return goes_on

    def _open_engine(self) -> None:
        """Show the preview in place of the setup."""
        try:
            self.engine = open_engine()
        except PluginError as error:
            Gimp.message(str(error))
            return
        if self._setup.get_parent() is not None:
            self._left.remove(self._setup)
        self._preview = Preview(self.engine, self._source, self._read_request, self._add_networks)
        self._left.pack_start(self._preview, False, False, 0)
        self._preview.show_all()
        self._window.set_response_sensitive(Gtk.ResponseType.OK, True)

    def _add_networks(self, networks: list[dict[str, Any]]) -> None:
        """Show the styles that only a network knows, which the engine names."""
        self._library.set_networks(networks)
        self._grid.add_entries([entry for entry in self._library.entries() if not entry.path and entry.network])

    def _choose(self, entry: StyleEntry) -> None:
        """A style of the grid takes the place of a layer, a file or a network."""
        config = self._config
        is_painting = entry.kind == "painting"
        config.set_property("style-layer", None)
        config.set_property("style-network", "" if entry.path else entry.network)
        config.set_property("style-file", Gio.File.new_for_path(entry.path) if entry.path and not is_painting else None)
        if is_painting:
            config.set_property("style-painting", entry.key.partition(":")[2])

    def _on_change(self, name: str) -> None:
        if name in _STYLE_ARGUMENTS:
            config = self._config
            layer, file = config.get_property("style-layer"), config.get_property("style-file")
            network = self._library.find_network(config.get_property("style-network"))
            if network is not None:
                self._grid.choose(network.key)
            elif layer is not None or config.get_property("style-network"):
                self._grid.choose("")
            elif file is not None:
                self._grid.choose(f"picture:{file.get_path()}")
            else:
                self._grid.choose(f"painting:{config.get_property('style-painting')}")
        if self._preview is not None:
            self._preview.change()
