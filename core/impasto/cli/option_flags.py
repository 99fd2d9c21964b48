"""Flags of the command line, read off the fields of Options."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ..errors import OptionError
from ..options import Options, default_value
from ..presets import PRESETS

OPTION_NAMES = tuple(field.name for field in dataclasses.fields(Options))
#: Options of a training
TRAINING_OPTIONS = (
    *("preset", "size", "seed", "network", "weights", "pooling", "content_layers", "style_layers", "style_loss"),
    *("tv", "device", "precision", "max_megapixels"),
)
TRAINING_HELP = {
    "size": "longest side at which the network's strokes have the size of the style's, in pixels",
    "seed": "seed of all random numbers",
}
FEEDFORWARD_HELP = {
    "style_scale": "stroke size relative to training, from 0.7 to 1.4; with masks, one for each style",
    "colors": "colors of the result: the style's; the picture's (only lightness is stylized); or the result's, matched to the "
    "picture's (match)",
}
#: Defaults of a style network
FEEDFORWARD_DEFAULTS = {"size": 0, "strength": 0.5}
BALANCE_OPTIONS = ("strength", "ratio")
#: Options that need a style
STYLE_OPTIONS = (
    *("colors", "color_match", "style_layers", "style_loss", "style_weights", "style_scale"),
    *("masks", "style_masks", "guides", "keep", *BALANCE_OPTIONS),
)


def add_output_flags(command: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add the flags of commands that make one picture."""
    help_text = "the result: a .png, .jpg, .webp or .tif" + (" (default: OUT_again)" if optional else "")
    command.add_argument("-o", "--output", metavar="OUT" if not optional else "NEW", required=not optional, help=help_text)
    command.add_argument("--force", action="store_true", help="replace existing files")
    command.add_argument(
        "--json", action="store_true", help="print JSON on standard output: a line per step, and one at the end"
    )
    command.add_argument("--save-every", metavar="N", help="also save the picture every N steps, as OUT_N")
    command.add_argument("--plot", metavar="FILE", help="plot the losses over the steps, as a .png")
    command.set_defaults(checkpoint=None, resume=None)


def add_overwrite_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags of commands that write other files."""
    command.add_argument("--force", action="store_true", help="replace existing files")
    command.add_argument("--json", action="store_true", help="print JSON on standard output, a line per step or picture")


def add_folder_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags of commands that make many pictures."""
    command.add_argument("-o", "--output", metavar="DIR", required=True, help="the folder for the results")
    command.add_argument("--force", action="store_true", help="replace existing results")
    command.add_argument("--json", action="store_true", help="print a JSON record of each picture on standard output")


def add_option_flags(
    command: argparse.ArgumentParser,
    exclude: Sequence[str] = (),
    *,
    preset: str = "impasto",
    defaults: Mapping[str, Any] | None = None,
    recipe: bool = False,
    help_overrides: Mapping[str, str] | None = None,
) -> None:
    """Add a flag for each option except those in `exclude`.

    preset, defaults: where the defaults in the help come from; recipe: they come from a recipe instead
    help_overrides: option -> its help for this command
    """
    basic, more = command.add_argument_group("basic options"), command.add_argument_group("more options")
    fields = [field for field in dataclasses.fields(Options) if field.name not in exclude]
    defaults = {"preset": preset, **(defaults or {})}
    for field in fields:
        default = "the recipe's" if recipe else _default_text(field, preset, defaults)
        help_text = (help_overrides or {}).get(field.name, field.metadata["help"])
        _add_flag(basic if field.metadata["group"] == "basic" else more, field, help_text, default)
    command.set_defaults(settings=[field.name for field in fields])


def _default_text(field: dataclasses.Field[Any], preset: str, defaults: Mapping[str, Any]) -> str:
    """Describe an option's default; empty if it has none."""
    if field.name in defaults:
        return str(defaults[field.name])
    value = default_value(field, preset)
    if field.default is None and field.name in PRESETS[preset].values:
        return f"the preset's, which is {value} for {preset}"
    return "" if value is None else str(value)


def flag(field: dataclasses.Field[Any]) -> str:
    """Return the flag of an option, such as --style-mask for `style_masks`."""
    name = field.name.replace("_", "-")
    return "--" + (name.removesuffix("s") if field.metadata["kind"] == "pictures" else name)


def _add_flag(group: argparse._ArgumentGroup, field: dataclasses.Field[Any], help: str, default: str) -> None:
    """Add the flag of an option. Values stay text: Options validates them."""
    note = f" (default: {default})" if default else ""
    help = (help + note).replace("%", "%%")
    if str(field.type).startswith("bool"):
        group.add_argument(flag(field), action=argparse.BooleanOptionalAction, default=None, help=help)
        return
    if field.metadata["kind"]:
        multiple: dict[str, Any] = {}
        if field.metadata["kind"] == "pictures":  # it takes all names that follow
            multiple, help = {"nargs": "+", "action": "extend"}, f"{help}; give it last"
        group.add_argument(flag(field), dest=field.name, metavar="FILE", default=None, help=help, **multiple)
        return
    is_list = str(field.type).startswith("tuple")
    kind = (lambda text: tuple(text.split(","))) if is_list else str
    metavar = "|".join(field.metadata["choices"]) or ("N,N,..." if is_list else field.name.upper())
    group.add_argument(flag(field), type=kind, metavar=metavar, default=None, help=help)


class OneLineErrorParser(argparse.ArgumentParser):
    """An ArgumentParser that raises OptionError, so that its errors are one line too"""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see {self.prog} --help")
