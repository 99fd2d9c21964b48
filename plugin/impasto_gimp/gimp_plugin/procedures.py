"""The procedures of the plug-in: their arguments, from which GIMP makes dialogs, presets and "Repeat", and what they do."""

from __future__ import annotations

import os
from typing import Any

import gi
from gi.repository import Gimp, GLib, GObject

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n, set_languages
from impasto_client.request import PaintRequest, StyleSource
from impasto_client.style_library import StyleLibrary
from impasto_client.version import VERSION

from . import engine_keeper, settings
from .engine import Engine, open_engine
from .painting import paint

#: Names of the procedures. The first is that of the process which keeps the engine.
KEEPER, STYLIZE = "impasto-keep-engine", "plug-in-impasto-stylize"
_MENU = "<Image>/Filters/Artistic"
#: Choices of the options, by value: labels of the engine's own schema. A test compares them.
CHOICES = {
    "colors": {"style": "The style's", "content": "The photo's", "match": "Matched to the photo's"},
    "quality": {"instant": "Instant", "draft": "Draft", "normal": "Normal", "fine": "Fine"},
}
DEFAULTS = {"strength": 0.5, "colors": "style", "quality": "normal", "size": 512, "seed": 0}
_LIMITS = {"strength": (0.0, 1.0), "size": (0, 16384), "seed": (0, 2**31 - 1)}
_READ_WRITE = GObject.ParamFlags.READWRITE


class ImpastoPlugin(Gimp.PlugIn):  # type: ignore[misc]  # GIMP's API has no types
    """What GIMP asks for the procedures, and to run one"""

    def do_set_i18n(self, name: str) -> bool:
        return False  # the texts are translated by `impasto_client.i18n`

    def do_query_procedures(self) -> list[str]:
        return [KEEPER, STYLIZE]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        set_languages([*os.environ.get("LANGUAGE", "").split(":"), *GLib.get_language_names()])
        if name == KEEPER:
            procedure = Gimp.Procedure.new(self, name, Gimp.PDBProcType.PERSISTENT, _keep_engine, self)
            procedure.set_documentation(i18n("Keeps Impasto's engine warm"), "", name)
        else:
            procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, _stylize, None)
            procedure.set_image_types("*")
            procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
            procedure.set_menu_label(i18n("_Impasto: Stylize..."))
            procedure.add_menu_path(_MENU)
            procedure.set_documentation(
                i18n("Paint the active layer in the style of another layer or picture"),
                i18n("The result is a new layer above it, limited to the selection."),
                name,
            )
            _add_style_arguments(procedure)
            _add_option_arguments(procedure)
        procedure.set_attribution("Impasto", "Impasto", VERSION)
        return procedure


def _add_style_arguments(procedure: Gimp.Procedure) -> None:
    procedure.add_drawable_argument(
        "style-layer", i18n("Or a layer"), i18n("The layer to take the style from"), True, _READ_WRITE
    )
    procedure.add_file_argument(
        "style-file",
        i18n("Or a picture file"),
        i18n("The picture to take the style from, if no layer is given"),
        Gimp.FileChooserAction.OPEN,
        True,
        None,
        _READ_WRITE,
    )
    paintings = Gimp.Choice.new()
    for index, entry in enumerate(library().entries()):
        if entry.kind == "painting":
            paintings.add(entry.key.partition(":")[2], index, entry.name, "")
    procedure.add_choice_argument(
        "style-painting",
        i18n("Or a painting"),
        i18n("The painting to take the style from, if neither a layer nor a file is given"),
        paintings,
        "harvest",
        _READ_WRITE,
    )
    procedure.add_string_argument(
        "style-network",
        i18n("Or an instant style"),
        i18n("The name of a trained network, which paints at once, if it is given"),
        "",
        _READ_WRITE,
    )


def _add_option_arguments(procedure: Gimp.Procedure) -> None:
    low, high = _LIMITS["strength"]
    text = i18n("How much of the style is painted; 50 % is a good balance")
    procedure.add_double_argument("strength", i18n("Strength"), text, low, high, DEFAULTS["strength"], _READ_WRITE)
    titles = {"colors": i18n("Colors"), "quality": i18n("Quality")}
    texts = {
        "colors": i18n("The colors of the painting, or those of your picture"),
        "quality": i18n("Higher looks better and takes longer"),
    }
    for name, labels in CHOICES.items():
        choice = Gimp.Choice.new()
        for index, (value, text) in enumerate(labels.items()):
            choice.add(value, index, i18n(text), "")
        procedure.add_choice_argument(name, titles[name], texts[name], choice, DEFAULTS[name], _READ_WRITE)
    text = i18n("Larger shows finer strokes and takes longer")
    procedure.add_int_argument("size", i18n("Paint at"), text, *_LIMITS["size"], DEFAULTS["size"], _READ_WRITE)
    text = i18n("Eyes, noses and mouths keep their shapes, in the strokes of the style.")
    procedure.add_boolean_argument("keep-faces", i18n("Keep faces"), text, True, _READ_WRITE)
    text = i18n("Another number gives another version of the same painting")
    procedure.add_int_argument("seed", i18n("Seed"), text, *_LIMITS["seed"], DEFAULTS["seed"], _READ_WRITE)


def library() -> StyleLibrary:
    """The user's styles"""
    return StyleLibrary(os.path.join(settings.data_folder(), "styles"))


def _keep_engine(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, plugin: Gimp.PlugIn) -> Gimp.ValueArray:
    engine_keeper.run(plugin, procedure)
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


def _stylize(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _: object,
) -> Gimp.ValueArray:
    try:
        if len(drawables) != 1:
            raise PluginError(i18n("Select one layer to paint."))
        source = drawables[0]
        engine: Engine | None = None
        if run_mode == Gimp.RunMode.INTERACTIVE:
            for name in ("Gtk", "GimpUi"):  # here, because they need a display
                gi.require_version(name, "3.0")
            from .dialog import StylizeDialog

            dialog = StylizeDialog(procedure, config, source, library(), lambda: _read_request(image, source, config))
            if not dialog.run():
                return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
            engine = dialog.engine
        request = _read_request(image, source, config)
        engine = engine or open_engine()
        Gimp.progress_init(i18n("Starting the engine"))
        try:
            paint(request, engine, _report_progress)
        finally:
            engine.close()
    except PluginError as error:
        problem = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), str(error), 0)
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, problem)
    finally:
        Gimp.progress_end()
        Gimp.displays_flush()
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


def _report_progress(fraction: float, text: str) -> None:
    Gimp.progress_set_text(text)
    Gimp.progress_update(fraction)


def _read_request(image: Gimp.Image, drawable: Gimp.Drawable, config: Gimp.ProcedureConfig) -> PaintRequest:
    """What the arguments ask for.  Raises PluginError"""
    options: dict[str, Any] = {name: config.get_property(name) for name in ("strength", "colors", "quality", "size", "seed")}
    if not config.get_property("keep-faces"):
        options["protect"] = "none"
    return PaintRequest(image, str(drawable.get_id()), drawable.get_name(), [_read_style(config, drawable)], options)


def _read_style(config: Gimp.ProcedureConfig, source: Gimp.Drawable) -> StyleSource:
    layer, file = config.get_property("style-layer"), config.get_property("style-file")
    network = config.get_property("style-network")
    if network:
        return StyleSource(network, network=network)
    if layer is not None:
        if layer.get_id() == source.get_id():
            raise PluginError(i18n("Choose another layer as the style: this is the one to paint."))
        return StyleSource(layer.get_name(), layer_key=str(layer.get_id()))
    if file is not None and file.get_path():
        path = file.get_path()
        return StyleSource(os.path.splitext(os.path.basename(path))[0], path=path)
    entry = library().find(f"painting:{config.get_property('style-painting')}")
    if entry is None:
        raise PluginError(i18n("Choose a style first."))
    return entry.source()
