"""Flags of the command line, read off the fields of Options."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ..errors import OptionError
from ..option_values import NOTHING
from ..options import IMAGE_OPTIONS, Options, default_value
from ..presets import PRESETS

#: Adds a command: its name, its function and its help
AddCommand = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
#: The two options for the balance between content and style
BALANCE_OPTIONS = ("strength", "ratio")
#: Options that take nothing but pictures, which belong to one content
PICTURE_OPTIONS = tuple(name for name in IMAGE_OPTIONS if name != "protect")
#: Settings for frames: a face that is not found in each of them would flicker
FRAME_SETTINGS = {"protect": NOTHING}


def add_output_flags(command: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add the flags of commands that make one picture."""
    help_text = "the result: a .png, .jpg, .webp or .tif; - writes it to standard output"
    help_text += " (default: OUT_again)" if optional else ""
    command.add_argument("-o", "--output", metavar="OUT" if not optional else "NEW", required=not optional, help=help_text)
    command.add_argument("--format", metavar="SUFFIX", help="with -o -: png (the default), jpg, webp or tif")
    command.add_argument("--force", action="store_true", help="replace existing files")
    command.add_argument(
        "--json", action="store_true", help="print JSON on standard output: a line per step, and one at the end"
    )
    command.add_argument("--save-every", metavar="N", help="also save the picture every N steps, as OUT_N")
    command.add_argument(
        "--save-size",
        choices=("current", "full"),
        default="current",
        help="size of the pictures of --save-every: that of their step (current, the default) or that of the result (full)",
    )
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
    *,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    preset: str = "impasto",
    defaults: Mapping[str, Any] | None = None,
    recipe: bool = False,
    help_overrides: Mapping[str, str] | None = None,
) -> None:
    """Add a flag for each option.

    include, exclude: only these options; all but these
    preset, defaults: where the defaults in the help come from; recipe: they come from a recipe instead
    help_overrides: option -> its help for this command
    """
    basic, more = command.add_argument_group("basic options"), command.add_argument_group("more options")
    fields = [
        field
        for field in dataclasses.fields(Options)
        if (include is None or field.name in include) and field.name not in exclude
    ]
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


def given_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that the command line sets."""
    options = {name: getattr(arguments, name, None) for name in arguments.settings}
    return {name: value for name, value in options.items() if value is not None}
