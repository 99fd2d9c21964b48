"""The command `impasto`. Every option comes from Options; torch is imported only when there is something to paint."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from . import __version__, commands, net_commands, stops
from .errors import ImpastoError, OptionError, choose
from .options import FIGURES, OF_NETS, PICTURES, PRESETS, Options, default_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status: 0, 2 for what the user can put right, 130 after Ctrl-C, 143 after
    SIGTERM.
    """
    try:
        stops.heed_termination()
        logging.basicConfig(format="impasto: %(message)s", stream=sys.stderr)
        logging.getLogger("impasto").setLevel(logging.INFO)
        parser = _parser()
        _see_command(parser, sys.argv[1:] if arguments is None else arguments)
        options, unknown = parser.parse_known_args(arguments)
        if unknown:
            _refuse(unknown[0], _flags(parser, options.command))
        return int(options.run(options))
    except ImpastoError as error:
        print(f"impasto: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print("impasto: stopped", file=sys.stderr)
        return stops.status_of(stop)
    except BrokenPipeError:  # whoever read our output has gone
        sys.stderr.close()
        return 0
    except OSError as error:  # of a file or folder that nobody has looked after: what the system says of it
        print(f"impasto: {error.filename!r}: {error.strerror}" if error.filename else f"impasto: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="impasto", description="Paint one picture in the style of another.")
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")
    group = parser.add_subparsers(metavar="COMMAND", dest="command", required=True, parser_class=_Parser)

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        made = group.add_parser(name, help=help)
        made.set_defaults(run=run)
        return made

    stylize = command("stylize", commands.stylize, "paint a picture in the style of one or more others")
    stylize.add_argument("content", metavar="CONTENT", help="the picture to paint")
    stylize.add_argument("style", metavar="STYLE", nargs="+", help="the picture or pictures whose style to paint it in")
    _output(stylize)
    stylize.add_argument("--checkpoint", metavar="FILE", help="write all that the run needs to go on to FILE, again and again")
    stylize.add_argument("--resume", metavar="FILE", help="go on from a checkpoint, to the same picture as if never stopped")
    _options(stylize)

    reconstruct = command("reconstruct", commands.reconstruct, "show what a layer of the network keeps of a picture")
    reconstruct.add_argument("image", metavar="IMAGE", help="the picture")
    reconstruct.add_argument("--layer", metavar="LAYER", required=True, help="the layer, such as conv4_2")
    _output(reconstruct)
    _options(reconstruct, without=("content_layers", *_OF_STYLES), preset="paper")

    texture = command(
        "texture", commands.texture, "paint a texture in the style of a picture, of any size and without content"
    )
    texture.add_argument("style", metavar="STYLE", nargs="+", help="the picture or pictures whose style it has")
    texture.add_argument("--size", metavar="WxH", required=True, help="width and height of the texture in pixels")
    _output(texture)
    theirs = ("size", "content_layers", "colors", "color_match", "keep", *_OF_BALANCE)
    _options(texture, without=theirs, own={"init": "noise"})

    paper = command("paper", commands.paper, "paint the figures of the paper, as contact sheets and single pictures")
    paper.add_argument("content", metavar="CONTENT", help="the photograph")
    paper.add_argument("style", metavar="STYLE", nargs="+", help="the painting; more than one for the gallery")
    paper.add_argument(
        "--figure",
        metavar="NAME",
        action="append",
        choices=FIGURES,
        help="one of " + ", ".join(FIGURES) + "; may be given again (default: all)",
    )
    _folder(paper)
    fixed = ("preset", "content_layers", "style_layers", "init", "seed", "colors", "color_match", "guides", *_OF_BALANCE)
    _options(paper, without=(*fixed, *PICTURES), preset="paper", own=commands.OF_FIGURES)

    batch = command("batch", commands.batch, "paint many pictures in many styles")
    batch.add_argument("--contents", metavar="DIR", nargs="+", required=True, help="folders with pictures, or pictures")
    batch.add_argument("--styles", metavar="DIR", nargs="+", required=True, help="folders with styles, or styles")
    batch.add_argument("--format", metavar="ENDING", default="png", help="png (the default), jpg, webp or tif")
    _folder(batch)
    _options(batch, without=("style_weights", *PICTURES))

    rerun = command("rerun", commands.rerun, "paint a picture again by the recipe in its file, the same or larger")
    rerun.add_argument("painting", metavar="OUT", help="a .png, .jpg, .webp or .tif that impasto has written")
    rerun.add_argument(
        "--inputs", metavar="DIR", action="append", help="where its pictures are, if neither beside it nor here"
    )
    _output(rerun, optional=True)
    _options(rerun, without=("preset", *PICTURES), recipe=True)

    _nets(command)
    command("presets", commands.presets, "show what each preset sets")

    weights = command("weights", commands.weights, "show the networks and where they come from; fetch or normalise one")
    weights.set_defaults(action=None)
    actions = weights.add_subparsers(metavar="ACTION", dest="action", parser_class=_Parser)
    fetch = actions.add_parser("fetch", help="fetch a network into the cache")
    fetch.add_argument("network", metavar="NETWORK", help="vgg16 or vgg19")
    normalise = actions.add_parser("normalise", help="make the paper's normalised network by what photographs make it do")
    normalise.add_argument("images", metavar="IMAGE", nargs="+", help="photographs, or folders of them")
    normalise.add_argument("--network", metavar="NETWORK", default="vgg16", help="vgg16 (the default) or vgg19")

    krita = command("krita", commands.krita, "put the plugin into your Krita, or take it out again")
    actions = krita.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=_Parser)
    actions.add_parser("install", help="copy the plugin to Krita's folder and switch it on")
    actions.add_parser("uninstall", help="remove the plugin, its settings and the engine that it has set up")

    command("worker", commands.worker, "serve another program: frames in on standard input, out on standard output")
    return parser


def _nets(command: Callable[..., argparse.ArgumentParser]) -> None:
    """The commands that have to do with nets."""
    train = command("train", net_commands.train, "train a net on one or more styles, to paint in them at once ever after")
    train.add_argument("style", metavar="STYLE", nargs="+", help="the pictures whose styles it learns, or folders of them")
    train.add_argument("-o", "--output", metavar="NET", required=True, help="the net: a .safetensors file")
    train.add_argument("--photos", metavar="DIR", nargs="+", help="photographs to learn on (default: those of scikit-image)")
    train.add_argument("--minutes", metavar="N", help="how long (default: 20)")
    train.add_argument("--steps", metavar="N", help="how many steps, at most; without minutes, the same net each time")
    train.add_argument("--resume", metavar="NET", help="a net of these styles to go on with")
    train.add_argument("--license", metavar="TEXT", default="", help="the license of the styles, to be kept in the net")
    train.add_argument("--preview", metavar="FILE", help="a picture of what it paints, every half minute")
    train.add_argument("--plot", metavar="FILE", help="draw the loss over the steps, as a .png")
    _replacing(train)
    _options(train, without=[name for name in _FIELDS if name not in _OF_TRAINING], says=_TRAINING_SAYS)

    apply = command("apply", net_commands.apply, "paint pictures with a net, in one pass")
    apply.add_argument("net", metavar="NET", help="a file of `impasto train`, or the name of a net that `impasto nets` shows")
    apply.add_argument("content", metavar="PHOTO", nargs="+", help="the pictures to paint, or folders of them")
    apply.add_argument("-o", "--output", metavar="OUT", required=True, help="a file for one picture, a folder for more")
    apply.add_argument("--format", metavar="ENDING", default="png", help="in a folder: png (the default), jpg, webp or tif")
    apply.add_argument("--steady", metavar="SHARE", help="for a film: how much of a frame's look is that of those before")
    _replacing(apply)
    _options(apply, without=[name for name in _FIELDS if name not in OF_NETS], own=_TO_NETS, says=_NETS_SAY)

    export = command("export", net_commands.export, "write a net as ONNX, for programs of other kinds")
    export.add_argument("net", metavar="NET", help="a file of `impasto train`, or the name of a net that `impasto nets` shows")
    export.add_argument("--onnx", dest="output", metavar="OUT", required=True, help="the .onnx file")
    export.add_argument("--force", action="store_true", help="replace a file that is there")
    told = ("strength", "style_weights", "style_scale")
    _options(export, without=[name for name in _FIELDS if name not in told], own=_TO_NETS, says=_NETS_SAY)

    nets = command("nets", net_commands.nets, "show the nets that came with Impasto and your own, or the ones named")
    nets.add_argument("net", metavar="NET", nargs="*", help="files of `impasto train`")


_FIELDS = tuple(about.name for about in dataclasses.fields(Options))
#: What a net learns by
_OF_TRAINING = (
    *("preset", "size", "seed", "network", "weights", "pooling", "content_layers", "style_layers", "style_loss"),
    *("tv", "device", "precision", "max_megapixels"),
)
_TRAINING_SAYS = {
    "size": "longest side of a picture in which the strokes of the net are as large as in the style, in pixels",
    "seed": "seed of all that is drawn by lot",
}
_NETS_SAY = {
    "style_scale": "size of the strokes, 1 as learned; a net knows 0.7 to 1.4; with masks, one for each style too",
    "colors": "colors of the result: those of the style; of the picture (only light and dark are painted); or the result's "
    "brought to the picture's (match)",
}
#: What a net does that is told nothing
_TO_NETS = {"size": 0, "strength": 0.5}
_OF_BALANCE = ("strength", "ratio")
#: What only a run with a style can be told.
_OF_STYLES = (
    *("colors", "color_match", "style_layers", "style_loss", "style_weights", "style_scale"),
    *("masks", "style_masks", "guides", "keep", *_OF_BALANCE),
)


def _output(command: argparse.ArgumentParser, *, optional: bool = False) -> None:
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


def _replacing(command: argparse.ArgumentParser) -> None:
    """What all commands have that write files of another kind."""
    command.add_argument("--force", action="store_true", help="replace files that are there")
    command.add_argument("--json", action="store_true", help="print JSON on standard output, a line for each step or picture")


def _folder(command: argparse.ArgumentParser) -> None:
    """Where many pictures go."""
    command.add_argument("-o", "--output", metavar="DIR", required=True, help="the folder for the results")
    command.add_argument("--force", action="store_true", help="paint anew what is there already")
    command.add_argument("--json", action="store_true", help="print a JSON record of each picture on standard output")


def _options(
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
        default = "the recipe's" if recipe else _default(about, preset, own)
        said = (says or {}).get(about.name, about.metadata["help"])
        _add(first if about.metadata["group"] == "first" else more, about, said, default)
    command.set_defaults(settings=[about.name for about in offered])


def _default(about: dataclasses.Field[Any], preset: str, own: Mapping[str, Any]) -> str:
    """What an option is when it is not given, in words; empty if it is nothing"""
    if about.name in own:
        return str(own[about.name])
    value = default_of(about, preset)
    if about.default is None and about.name in PRESETS[preset]:
        return f"the preset's, which is {value} for {preset}"
    return "" if value is None else str(value)


def flag(about: dataclasses.Field[Any]) -> str:
    """What a field of Options is called on the command line: --style-mask for one or more style_masks, say"""
    name = about.name.replace("_", "-")
    return "--" + (name.removesuffix("s") if about.metadata["kind"] == "pictures" else name)


def _add(group: argparse._ArgumentGroup, about: dataclasses.Field[Any], help: str, default: str) -> None:
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


class _Parser(argparse.ArgumentParser):
    """argparse, with its complaints in the one line that all the others take."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see {self.prog} --help")


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    (group,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return group.choices


def _see_command(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """That there is a command of the name that comes first.  Raises OptionError."""
    if arguments and not arguments[0].startswith("-"):
        if os.path.isfile(arguments[0]):
            raise OptionError(f"{arguments[0]!r} is no command: did you mean `impasto stylize {arguments[0]} ...`?")
        choose("command", arguments[0], _commands(parser))


def _flags(parser: argparse.ArgumentParser, command: str) -> list[str]:
    """The options of a command"""
    return [flag for action in _commands(parser)[command]._actions for flag in action.option_strings]


def _refuse(argument: str, flags: Sequence[str]) -> NoReturn:
    if not argument.startswith("-"):
        raise OptionError(f"one argument too many: {argument!r}")
    close = difflib.get_close_matches(argument.split("=")[0], flags, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise OptionError(f"no option {argument}: {hint}--help lists them all")
