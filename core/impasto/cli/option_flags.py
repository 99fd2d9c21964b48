"""TODO-DOC cli.option_flags"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ..errors import OptionError
from ..options import Options, default_value
from ..presets import PRESETS

OPTION_NAMES = tuple(about.name for about in dataclasses.fields(Options))
#: What a net learns by
TRAINING_OPTIONS = (
    *("preset", "size", "seed", "network", "weights", "pooling", "content_layers", "style_layers", "style_loss"),
    *("tv", "device", "precision", "max_megapixels"),
)
TRAINING_HELP = {
    "size": "longest side of a picture in which the strokes of the net are as large as in the style, in pixels",
    "seed": "seed of all that is drawn by lot",
}
FEEDFORWARD_HELP = {
    "style_scale": "size of the strokes, 1 as learned; a net knows 0.7 to 1.4; with masks, one for each style too",
    "colors": "colors of the result: those of the style; of the picture (only light and dark are painted); or the result's "
    "brought to the picture's (match)",
}
#: What a net does that is told nothing
FEEDFORWARD_DEFAULTS = {"size": 0, "strength": 0.5}
BALANCE_OPTIONS = ("strength", "ratio")
#: What only a run with a style can be told.
STYLE_OPTIONS = (
    *("colors", "color_match", "style_layers", "style_loss", "style_weights", "style_scale"),
    *("masks", "style_masks", "guides", "keep", *BALANCE_OPTIONS),
)


def add_output_flags(command: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Where a picture goes, and what is told of its making."""
    named = "the result: a .png, .jpg, .webp or .tif" + (" (default: OUT_again)" if optional else "")
    command.add_argument("-o", "--output", metavar="OUT" if not optional else "NEW", required=not optional, help=named)
    command.add_argument("--force", action="store_true", help="replace files that are there")
    command.add_argument(
        "--json", action="store_true", help="print JSON on standard output: a line for each step, and one at the end"
    )
    command.add_argument("--save-every", metavar="N", help="save the picture after every N steps too, as OUT_N")
    command.add_argument("--plot", metavar="FILE", help="draw the losses over the steps, as a .png")
    command.set_defaults(checkpoint=None, resume=None)


def add_overwrite_flags(command: argparse.ArgumentParser) -> None:
    """What all commands have that write files of another kind."""
    command.add_argument("--force", action="store_true", help="replace files that are there")
    command.add_argument("--json", action="store_true", help="print JSON on standard output, a line for each step or picture")


def add_folder_flags(command: argparse.ArgumentParser) -> None:
    """Where many pictures go."""
    command.add_argument("-o", "--output", metavar="DIR", required=True, help="the folder for the results")
    command.add_argument("--force", action="store_true", help="paint anew what is there already")
    command.add_argument("--json", action="store_true", help="print a JSON record of each picture on standard output")


def add_option_flags(
    command: argparse.ArgumentParser,
    without: Sequence[str] = (),
    *,
    preset: str = "impasto",
    own: Mapping[str, Any] | None = None,
    recipe: bool = False,
    says: Mapping[str, str] | None = None,
) -> None:
    """All options but a few, with the defaults of a preset, except for the command's own; or those of a recipe.

    says: what some of them mean to this command
    """
    first, more = command.add_argument_group("what to set first"), command.add_argument_group("more")
    offered = [about for about in dataclasses.fields(Options) if about.name not in without]
    own = {"preset": preset, **(own or {})}
    for about in offered:
        default = "the recipe's" if recipe else _default_text(about, preset, own)
        said = (says or {}).get(about.name, about.metadata["help"])
        _add_flag(first if about.metadata["group"] == "basic" else more, about, said, default)
    command.set_defaults(settings=[about.name for about in offered])


def _default_text(about: dataclasses.Field[Any], preset: str, own: Mapping[str, Any]) -> str:
    """What an option is when it is not given, in words; empty if it is nothing"""
    if about.name in own:
        return str(own[about.name])
    value = default_value(about, preset)
    if about.default is None and about.name in PRESETS[preset].values:
        return f"the preset's, which is {value} for {preset}"
    return "" if value is None else str(value)


def flag(about: dataclasses.Field[Any]) -> str:
    """What a field of Options is called on the command line: --style-mask for one or more style_masks, say"""
    name = about.name.replace("_", "-")
    return "--" + (name.removesuffix("s") if about.metadata["kind"] == "pictures" else name)


def _add_flag(group: argparse._ArgumentGroup, about: dataclasses.Field[Any], help: str, default: str) -> None:
    """An option of the command line for a field of Options. Values stay text: Options knows what they have to be."""
    note = f" (default: {default})" if default else ""
    help = (help + note).replace("%", "%%")
    if str(about.type).startswith("bool"):
        group.add_argument(flag(about), action=argparse.BooleanOptionalAction, default=None, help=help)
        return
    if about.metadata["kind"]:
        several: dict[str, Any] = {}
        if about.metadata["kind"] == "pictures":  # it takes all the names that follow
            several, help = {"nargs": "+", "action": "extend"}, f"{help}; to be named last"
        group.add_argument(flag(about), dest=about.name, metavar="FILE", default=None, help=help, **several)
        return
    listed = str(about.type).startswith("tuple")
    kind = (lambda text: tuple(text.split(","))) if listed else str
    metavar = "|".join(about.metadata["choices"]) or ("N,N,..." if listed else about.name.upper())
    group.add_argument(flag(about), type=kind, metavar=metavar, default=None, help=help)


class OneLineErrorParser(argparse.ArgumentParser):
    """argparse, with its complaints in the one line that all the others take."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see {self.prog} --help")
