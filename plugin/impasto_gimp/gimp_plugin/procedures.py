"""The procedures of the plug-in: what GIMP's menus show, and what they do."""

from __future__ import annotations

import functools
import os
from typing import Any, Callable

import gi
from gi.repository import Gimp, GLib

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n, set_languages
from impasto_client.version import VERSION

from . import engine_keeper, settings
from .arguments import add_arguments, decode_arguments, encode_arguments, library, read_request
from .engine import Engine, open_engine
from .filters import filters
from .layers import covering_layer, read_note

#: The procedure of the process that keeps the engine
_KEEPER = "impasto-keep-engine"
_AGAIN = "plug-in-impasto-stylize-again"
_MENU = "<Image>/Filters/Artistic"


class ImpastoPlugin(Gimp.PlugIn):  # type: ignore[misc]  # GIMP's API has no types
    """What GIMP asks for the procedures, and to run one"""

    def do_set_i18n(self, name: str) -> bool:
        return False  # the texts are translated by `impasto_client.i18n`

    def do_query_procedures(self) -> list[str]:
        return [_KEEPER, *filters(), _AGAIN]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        set_languages([*os.environ.get("LANGUAGE", "").split(":"), *GLib.get_language_names()])
        if name == _KEEPER:
            procedure = Gimp.Procedure.new(self, name, Gimp.PDBProcType.PERSISTENT, _keep_engine, self)
            procedure.set_documentation(i18n("Keeps Impasto's engine warm"), "", name)
        elif name == _AGAIN:
            procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, _paint_again, None)
            text = i18n("Paint the active layer with the settings of the last painting")
            details = i18n("If the active layer is a painting of Impasto's: paint its source again, with its settings.")
            _show_in_menu(procedure, i18n("Impasto: Stylize A_gain"), text, details)
        else:
            shown = filters()[name]
            procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, _run_filter, None)
            _show_in_menu(procedure, shown.label, shown.text, shown.details)
            add_arguments(procedure, shown.arguments + shown.advanced + shown.for_scripts)
        procedure.set_attribution("Impasto", "Impasto", VERSION)
        return procedure


def _show_in_menu(procedure: Gimp.ImageProcedure, label: str, text: str, details: str) -> None:
    procedure.set_image_types("*")
    procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
    procedure.set_menu_label(label)
    procedure.add_menu_path(_MENU)
    procedure.set_documentation(text, details, None)  # GIMP's manual says nothing about it


def _keep_engine(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, plugin: Gimp.PlugIn) -> Gimp.ValueArray:
    engine_keeper.run(plugin, procedure)
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


def _run_filter(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _: object,
) -> Gimp.ValueArray:
    def run() -> bool:
        source, name = _only(drawables), procedure.get_name()
        engine: Engine | None = None
        is_interactive = run_mode != Gimp.RunMode.NONINTERACTIVE
        if is_interactive:
            _restore_style_layer(name, image, config)
        if run_mode == Gimp.RunMode.INTERACTIVE:
            for library_name in ("Gtk", "GimpUi"):  # here, because they need a display
                gi.require_version(library_name, "3.0")
            from .dialog import FilterDialog

            shown = filters()[name]
            read = functools.partial(read_request, image, source, config)
            dialog = FilterDialog(procedure, config, source, library(), read, shown)
            if not dialog.run():
                return False
            engine = dialog.engine
        _paint(name, image, source, config, engine, is_interactive=is_interactive)
        return True

    return _answer(procedure, run)


def _paint_again(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _: object,
) -> Gimp.ValueArray:
    def run() -> bool:
        source = _only(drawables)
        note = read_note(source)
        last = note or settings.load().get("last")
        if not last:
            raise PluginError(i18n("There is no painting to repeat yet. Choose Impasto: Stylize... first."))
        if note:
            source = image.get_layer_by_tattoo(note["source"])
            if source is None:
                raise PluginError(i18n("The layer that this painting was made of is gone."))
        found = Gimp.get_pdb().lookup_procedure(last["procedure"])
        found_config = found.create_config()
        decode_arguments(last["arguments"], image, found_config)
        _paint(last["procedure"], image, source, found_config, None, is_interactive=False)
        return True

    return _answer(procedure, run)


def _only(drawables: list[Gimp.Drawable]) -> Gimp.Drawable:
    if len(drawables) != 1:
        raise PluginError(i18n("Select one layer to paint."))
    return drawables[0]


def _paint(
    name: str,
    image: Gimp.Image,
    source: Gimp.Drawable,
    config: Gimp.ProcedureConfig,
    engine: Engine | None,
    *,
    is_interactive: bool,
) -> None:
    """Paint, and note on the result how.  is_interactive: no script asks for it  Raises PluginError"""
    request = read_request(image, source, config)
    note = {"procedure": name, "arguments": encode_arguments(config), "source": source.get_tattoo()}
    engine = engine or open_engine()
    try:
        result = filters()[name].paint(request, engine, _report_progress, note)
    finally:
        engine.close()
    if not is_interactive:
        return
    settings.store(last={**note, "image": _identify(image)})
    covering = covering_layer(result)
    if covering:
        Gimp.message(i18n("It is below {layer}.", layer=covering))


def _identify(image: Gimp.Image) -> list[Any]:
    """What tells an image from others, as long as GIMP runs"""
    return [os.getppid(), image.get_id(), image.get_name()]


def _restore_style_layer(name: str, image: Gimp.Image, config: Gimp.ProcedureConfig) -> None:
    """Choose the layer again that was the style when this filter was last used: GIMP stores no layers."""
    last = settings.load().get("last") or {}
    tattoo = last.get("arguments", {}).get("style-layer")
    if tattoo is not None and last["procedure"] == name and last["image"] == _identify(image):
        layer = image.get_layer_by_tattoo(tattoo)
        if layer is not None:
            config.set_property("style-layer", layer)


def _answer(procedure: Gimp.Procedure, run: Callable[[], bool]) -> Gimp.ValueArray:
    """Run a filter, and tell GIMP how it ended.  run: returns False if the user has canceled it, or raises PluginError"""
    try:
        status = Gimp.PDBStatusType.SUCCESS if run() else Gimp.PDBStatusType.CANCEL
        return procedure.new_return_values(status, None)
    except PluginError as error:
        problem = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), str(error), 0)
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, problem)
    finally:
        Gimp.progress_end()
        Gimp.displays_flush()


def _report_progress(fraction: float, text: str) -> None:
    # Begun again each time, since GIMP ends the progress whenever the procedure that leads to the engine ends. A fraction that
    # is set right after that is left out, so the text says it.
    Gimp.progress_init(f"{100 * fraction:.0f} %: {text}" if fraction else text)
