"""The arguments of the procedures, from which GIMP makes widgets, presets and "Repeat", and what they ask for."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterator

from gi.repository import Gimp, Gio, GObject

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest, StyleSource
from impasto_client.style_library import SUFFIXES, StyleLibrary

from . import settings

#: Choices of the options, by value: labels of the engine's own schema. A test compares them.
CHOICES = {
    "colors": {"style": "The style's", "content": "The photo's", "match": "Matched to the photo's"},
    "quality": {"instant": "Instant", "draft": "Draft", "normal": "Normal", "fine": "Fine"},
    "padding": {"none": "No", "circular": "Both ways", "circular-x": "Side by side", "circular-y": "One above the other"},
}
DEFAULTS = {
    "strength": 0.5,
    "colors": "style",
    "quality": "normal",
    "size": 512,
    "seed": 0,
    "style_scale": 1.0,
    "padding": "none",
}
LIMITS = {"strength": (0.0, 1.0), "size": (0, 16384), "seed": (0, 2**31 - 1), "style_scale": (0.1, 4.0)}
#: Default, smallest and largest side of a tile, in pixels. A larger one takes minutes, and shows no more of the style.
_TILE_SIDES = (512, 64, 2048)
_READ_WRITE = GObject.ParamFlags.READWRITE

#: The arguments that say where the style comes from
STYLE_ARGUMENTS = ("style-layer", "style-file", "style-painting", "style-network")
#: The arguments that are options of the engine
_OPTIONS = ("strength", "colors", "quality", "size", "seed", "style-scale", "padding")


class _Labels:
    """Underlines a letter of each label of a dialog, another one each time, so that Alt and that letter go there."""

    def __init__(self) -> None:
        self._taken = set("chorsy")  # by the buttons of the dialog

    def underline(self, label: str) -> str:
        for index, letter in enumerate(label.lower()):
            if letter.isalpha() and letter.isascii() and letter not in self._taken:
                self._taken.add(letter)
                return f"{label[:index]}_{label[index:]}"
        return label


def add_arguments(procedure: Gimp.Procedure, names: tuple[str, ...]) -> None:
    """Declare arguments of a procedure."""
    labels = _Labels()
    for name in names:
        _ADD[name](procedure, name, labels.underline)


def library() -> StyleLibrary:
    """The user's styles"""
    return StyleLibrary(os.path.join(settings.data_folder(), "styles"))


def read_request(image: Gimp.Image, drawable: Gimp.Drawable, config: Gimp.ProcedureConfig) -> PaintRequest:
    """What the arguments ask for.  Raises PluginError"""
    names = set(argument_names(config))
    options: dict[str, Any] = {}
    for name in names.intersection(_OPTIONS):
        value = config.get_property(name)
        if value != "none":
            options[name.replace("-", "_")] = value
    if "keep-faces" in names and not config.get_property("keep-faces"):
        options["protect"] = "none"
    if "tile-size" in names:
        options["size"] = config.get_property("tile-size")
    style = _read_style(config, names, drawable)
    return PaintRequest(image, str(drawable.get_id()), _stem(drawable), [style], options)


def _stem(drawable: Gimp.Drawable) -> str:
    """The name of a drawable, without the suffix of the file that GIMP has named it after"""
    stem, suffix = os.path.splitext(drawable.get_name())
    return stem if stem and suffix.lower() in SUFFIXES else str(drawable.get_name())


def _read_style(config: Gimp.ProcedureConfig, names: set[str], source: Gimp.Drawable) -> StyleSource:
    network = config.get_property("style-network") if "style-network" in names else ""
    if network:
        return StyleSource(network, network=network)
    if "style-painting" not in names:
        raise PluginError(i18n("Choose a style first."))
    layer, file = config.get_property("style-layer"), config.get_property("style-file")
    if layer is not None:
        if layer.get_id() == source.get_id() and "tile-size" not in names:
            raise PluginError(i18n("Choose another layer as the style: this is the one to paint."))
        return StyleSource(_stem(layer), layer_key=str(layer.get_id()))
    if file is not None and file.get_path():
        path = file.get_path()
        return StyleSource(os.path.splitext(os.path.basename(path))[0], path=path)
    entry = library().find(f"painting:{config.get_property('style-painting')}")
    if entry is None:
        raise PluginError(i18n("Choose a style first."))
    return entry.source()


def argument_names(config: Gimp.ProcedureConfig) -> Iterator[str]:
    """The arguments that `add_arguments` has declared"""
    return (parameter.name for parameter in config.list_properties() if parameter.name in _ADD)


def encode_arguments(config: Gimp.ProcedureConfig) -> dict[str, Any]:
    """The arguments as a JSON object. A layer becomes its number in the image, which stays when that is saved."""
    values = {}
    for name in argument_names(config):
        value = config.get_property(name)
        if isinstance(value, Gimp.Item):
            value = value.get_tattoo()
        elif isinstance(value, Gio.File):
            value = value.get_path()
        values[name] = value
    return values


def decode_arguments(values: dict[str, Any], image: Gimp.Image, config: Gimp.ProcedureConfig) -> None:
    """Set the arguments to what `encode_arguments` has encoded.  Raises PluginError: the layer of the style is gone"""
    for name in argument_names(config):
        value = values.get(name)
        if name == "style-layer" and value is not None:
            value = image.get_layer_by_tattoo(value)
            if value is None:
                raise PluginError(i18n("The style of this painting is a layer that is gone. Choose another style."))
        elif name == "style-file" and value is not None:
            value = Gio.File.new_for_path(value)
        elif value is None and name not in ("style-layer", "style-file"):  # of another version
            continue
        config.set_property(name, value)


_Underline = Callable[[str], str]


def _add_style_layer(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("The layer to take the style from")
    procedure.add_drawable_argument(name, underline(i18n("Or a layer")), text, True, _READ_WRITE)


def _add_style_file(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("The picture to take the style from, if no layer is given")
    label, action = underline(i18n("Or a picture file")), Gimp.FileChooserAction.OPEN
    procedure.add_file_argument(name, label, text, action, True, None, _READ_WRITE)


def _add_style_painting(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    paintings = Gimp.Choice.new()
    for index, entry in enumerate(library().entries()):
        if entry.kind == "painting":
            paintings.add(entry.key.partition(":")[2], index, entry.name, "")
    text = i18n("The painting to take the style from, if neither a layer nor a file is given")
    procedure.add_choice_argument(name, i18n("Or a painting"), text, paintings, "harvest", _READ_WRITE)


def _add_style_network(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("The name of a trained network, which paints at once, if it is given")
    procedure.add_string_argument(name, underline(i18n("Or an instant style")), text, "", _READ_WRITE)


def _add_network(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("The name of a trained network, which paints at once")
    procedure.add_string_argument("style-network", underline(i18n("Instant style")), text, "harvest", _READ_WRITE)


def _add_strength(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("How much of the style is painted; 50 % is a good balance")
    low, high = LIMITS[name]
    procedure.add_double_argument(name, underline(i18n("Strength") + " (%)"), text, low, high, DEFAULTS[name], _READ_WRITE)


def _add_style_scale(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("The size of the strokes; below 100 % they are finer")
    low, high = LIMITS["style_scale"]
    label = underline(i18n("Brush stroke size") + " (%)")
    procedure.add_double_argument(name, label, text, low, high, DEFAULTS["style_scale"], _READ_WRITE)


def _add_colors(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("The colors of the painting, or those of your picture")
    _add_choice(procedure, name, underline(i18n("Colors")), text)


def _add_quality(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    _add_choice(procedure, name, underline(i18n("Quality")), i18n("Higher looks better and takes longer"))


def _add_texture_quality(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    label, text = underline(i18n("Quality")), i18n("Higher looks better and takes longer")
    _add_choice(procedure, "quality", label, text, without="instant")


def _add_padding(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    _add_choice(procedure, name, underline(i18n("Seamless")), i18n("Makes a tile that repeats without seams"))


def _add_choice(procedure: Gimp.Procedure, name: str, label: str, text: str, without: str = "") -> None:
    choice = Gimp.Choice.new()
    for index, (value, value_label) in enumerate(CHOICES[name].items()):
        if value != without:
            choice.add(value, index, i18n(value_label), "")
    procedure.add_choice_argument(name, label, text, choice, DEFAULTS[name], _READ_WRITE)


def _add_size(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("Larger shows finer strokes and takes longer")
    procedure.add_int_argument(name, underline(i18n("Paint at") + " (px)"), text, *LIMITS[name], DEFAULTS[name], _READ_WRITE)


def _add_tile_size(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("The side of the piece that repeats without seams, in pixels. Larger repeats less often and takes longer.")
    default, low, high = _TILE_SIDES
    procedure.add_int_argument(name, underline(i18n("Tile size") + " (px)"), text, low, high, default, _READ_WRITE)


def _add_keep_faces(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("Eyes, noses and mouths keep their shapes, in the strokes of the style.")
    procedure.add_boolean_argument(name, underline(i18n("Keep faces")), text, True, _READ_WRITE)


def _add_seed(procedure: Gimp.Procedure, name: str, underline: _Underline) -> None:
    text = i18n("Another number gives another version of the same painting")
    procedure.add_int_argument(name, underline(i18n("Seed")), text, *LIMITS[name], DEFAULTS[name], _READ_WRITE)


_ADD: dict[str, Callable[[Gimp.Procedure, str, _Underline], None]] = {
    "style-layer": _add_style_layer,
    "style-file": _add_style_file,
    "style-painting": _add_style_painting,
    "style-network": _add_style_network,
    "network": _add_network,  # the argument is named style-network, and one is always given
    "strength": _add_strength,
    "colors": _add_colors,
    "quality": _add_quality,
    "texture-quality": _add_texture_quality,  # the argument is named quality
    "size": _add_size,
    "tile-size": _add_tile_size,
    "keep-faces": _add_keep_faces,
    "style-scale": _add_style_scale,
    "padding": _add_padding,
    "seed": _add_seed,
}
