"""The dialog: styles with thumbnails, the options, a preview, and the setup of the engine where it is missing."""

from __future__ import annotations

from typing import Any, Callable

from gi.repository import Gimp, GimpUi, Gio, Gtk

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest
from impasto_client.style_library import StyleEntry, StyleLibrary

from .arguments import STYLE_ARGUMENTS
from .engine import Engine, engine_command, open_engine
from .filters import Filter
from .preview import Preview
from .preview_subject import LayerSubject, TextureSubject
from .setup_panel import SetupPanel
from .style_grid import StyleGrid
from .style_row import StyleRow

#: Width of the right column at least, in pixels
_WIDTH = 440


class FilterDialog:
    """Lets the user set the arguments of the procedure."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        source: Gimp.Drawable,
        library: StyleLibrary,
        read_request: Callable[[], PaintRequest],
        shown: Filter,
    ) -> None:
        """source: what will be painted; read_request: what the arguments ask for, or raises PluginError"""
        GimpUi.init("impasto")
        self.engine: Engine | None = None
        self._config, self._source, self._library, self._read_request = config, source, library, read_request
        self._arguments = shown.arguments
        self._only_networks = "network" in self._arguments
        self._preview: Preview | None = None
        self._style_row: StyleRow | None = None
        self._window = GimpUi.ProcedureDialog.new(procedure, config, shown.title)
        self._window.set_ok_label(shown.button)
        self._left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        self._setup = SetupPanel(self._open_engine)
        self._grid = StyleGrid(self._choose)
        self._show_styles()
        columns = Gtk.Box(spacing=16, border_width=12)
        columns.pack_start(self._left, False, False, 0)
        columns.pack_start(self._make_controls(shown), True, True, 0)
        columns.show_all()
        self._window.get_content_area().pack_start(columns, True, True, 0)
        self._window.get_label("hint", shown.details, False, False)
        self._window.fill(["hint"])  # an empty list would mean everything
        self._handler = config.connect("notify", lambda config, parameter: self._on_change(parameter.name))
        self._grid.choose(self._chosen_key())
        if engine_command() is None:
            self._left.pack_start(self._setup, False, False, 0)
            self._setup.show_all()
            self._window.set_response_sensitive(Gtk.ResponseType.OK, False)
        else:
            self._open_engine()

    def _make_controls(self, shown: Filter) -> Gtk.Box:
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8, width_request=_WIDTH)
        column.pack_start(self._grid, True, True, 0)
        for name in ("strength", "style-scale"):
            if name in shown.arguments + shown.advanced:
                self._window.get_scale_entry(name, 100)
        if "style-layer" in shown.arguments:
            self._style_row = StyleRow(self._config, self._source)
            column.pack_start(self._style_row, False, False, 0)
        chosen = (*STYLE_ARGUMENTS, "network")
        options = ["quality" if name == "texture-quality" else name for name in shown.arguments if name not in chosen]
        column.pack_start(self._window.fill_box("options_box", options), False, False, 0)
        more = Gtk.Expander(label=i18n("More"))
        more.add(self._window.fill_box("more_box", list(shown.advanced)))
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
        subject = TextureSubject(self._source) if "tile-size" in self._arguments else LayerSubject(self._source)
        self._preview = Preview(self.engine, subject, self._read_request, self._add_networks)
        self._left.pack_start(self._preview, False, False, 0)
        self._preview.show_all()
        self._window.set_response_sensitive(Gtk.ResponseType.OK, True)

    def _add_networks(self, networks: list[dict[str, Any]]) -> None:
        """Show the styles of networks, which the engine names."""
        self._library.set_networks(networks)
        self._show_styles()
        self._grid.choose(self._chosen_key())

    def _show_styles(self) -> None:
        """Show the styles that can be chosen by their pictures, in addition to those that are there."""
        entries = self._library.entries()
        if self._only_networks:
            entries = [entry for entry in entries if entry.network]
        elif "tile-size" in self._arguments:
            entries = [entry for entry in entries if entry.path and not entry.missing]
        else:
            entries = [entry for entry in entries if not entry.missing and (entry.path or entry.network)]
        self._grid.add_entries(entries)

    def _choose(self, entry: StyleEntry) -> None:
        """A style of the grid takes the place of a layer, a file or a network."""
        config = self._config
        if self._only_networks:
            config.set_property("style-network", entry.network)
            return
        if entry.kind == "painting":
            config.set_property("style-painting", entry.key.partition(":")[2])
            self._keep_only("style-painting")
        elif entry.path:
            config.set_property("style-file", Gio.File.new_for_path(entry.path))
        else:
            config.set_property("style-network", entry.network)

    def _keep_only(self, chosen: str) -> None:
        """The style that was chosen last counts: forget the others."""
        for name, nothing in (("style-layer", None), ("style-file", None), ("style-network", "")):
            if name != chosen and self._config.find_property(name) is not None and self._config.get_property(name) != nothing:
                self._config.set_property(name, nothing)

    def _on_change(self, name: str) -> None:
        if name in STYLE_ARGUMENTS and not self._only_networks:
            if name != "style-painting" and self._config.get_property(name):
                self._keep_only(name)
            assert self._style_row is not None
            self._style_row.show_chosen()
        if name in STYLE_ARGUMENTS:
            self._grid.choose(self._chosen_key())
        if self._preview is not None:
            self._preview.change()

    def _chosen_key(self) -> str:
        """The key of the chosen style; "" if the grid has none"""
        names = {parameter.name for parameter in self._config.list_properties()}
        chosen = {name: self._config.get_property(name) for name in names.intersection(STYLE_ARGUMENTS)}
        if chosen.get("style-network"):
            network = self._library.find_network(chosen["style-network"])
            return network.key if network is not None else ""
        if chosen.get("style-layer") is not None:
            return ""
        if chosen.get("style-file") is not None:
            return f"picture:{chosen['style-file'].get_path()}"
        return f"painting:{chosen['style-painting']}" if "style-painting" in chosen else ""
