"""The command `impasto`: its parsers, and how errors become one line and an exit status. It imports no torch."""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from .._version import __version__
from ..errors import ImpastoError, OptionError, validate_choice
from ..options import FEEDFORWARD_OPTIONS, FIGURE_DEFAULTS, FIGURES, IMAGE_OPTIONS
from ..runtime.signals import exit_status, raise_on_sigterm
from .batch_commands import batch_command, paper_command
from .feedforward_commands import apply_command, export_command, networks_command, train_command
from .option_flags import (
    BALANCE_OPTIONS,
    FEEDFORWARD_DEFAULTS,
    FEEDFORWARD_HELP,
    OPTION_NAMES,
    STYLE_OPTIONS,
    TRAINING_HELP,
    TRAINING_OPTIONS,
    OneLineErrorParser,
    add_folder_flags,
    add_option_flags,
    add_output_flags,
    add_overwrite_flags,
)
from .output import print_error
from .setup_commands import krita_command, presets_command, weights_command, worker_command
from .stylize_commands import reconstruct_command, rerun_command, stylize_command, texture_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, and return the exit status: 0, 2 after an error, 130 after Ctrl-C, 143 after SIGTERM."""
    try:
        raise_on_sigterm()
        logging.basicConfig(format="impasto: %(message)s", stream=sys.stderr)
        logging.getLogger("impasto").setLevel(logging.INFO)
        parser = _parser()
        _check_command_name(parser, sys.argv[1:] if arguments is None else arguments)
        options, unknown = parser.parse_known_args(arguments)
        if unknown:
            _unknown_argument(unknown[0], _flags(parser, options.command))
        return int(options.run(options))
    except ImpastoError as error:
        print_error(error)
        return 2
    except KeyboardInterrupt as stop:
        print_error("stopped")
        return exit_status(stop)
    except BrokenPipeError:  # the reader of our output has ended
        sys.stderr.close()
        return 0
    except OSError as error:  # of a file that no other code has checked
        print_error(f"{error.filename!r}: {error.strerror}" if error.filename else error)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = OneLineErrorParser(prog="impasto", description="Paint one picture in the style of another.")
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")
    group = parser.add_subparsers(metavar="COMMAND", dest="command", required=True, parser_class=OneLineErrorParser)

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        subparser = group.add_parser(name, help=help)
        subparser.set_defaults(run=run)
        return subparser

    stylize = command("stylize", stylize_command, "paint a picture in the style of one or more others")
    stylize.add_argument("content", metavar="CONTENT", help="the picture to paint")
    stylize.add_argument("style", metavar="STYLE", nargs="+", help="the picture or pictures whose style to use")
    add_output_flags(stylize)
    stylize.add_argument("--checkpoint", metavar="FILE", help="write the state of the run to FILE at intervals")
    stylize.add_argument(
        "--resume", metavar="FILE", help="resume from a checkpoint, with the same result as without the break"
    )
    add_option_flags(stylize)

    reconstruct = command("reconstruct", reconstruct_command, "reconstruct a picture from one layer of the network")
    reconstruct.add_argument("image", metavar="IMAGE", help="the picture")
    reconstruct.add_argument("--layer", metavar="LAYER", required=True, help="the layer, such as conv4_2")
    add_output_flags(reconstruct)
    add_option_flags(reconstruct, exclude=("content_layers", *STYLE_OPTIONS), preset="paper")

    texture = command("texture", texture_command, "synthesize a texture in the style of a picture, without content")
    texture.add_argument("style", metavar="STYLE", nargs="+", help="the picture or pictures whose style to use")
    texture.add_argument("--size", metavar="WxH", required=True, help="width and height of the texture in pixels")
    add_output_flags(texture)
    fixed = ("size", "content_layers", "colors", "color_match", "keep", *BALANCE_OPTIONS)
    add_option_flags(texture, exclude=fixed, defaults={"init": "noise"})

    paper = command("paper", paper_command, "make the figures of the paper, as contact sheets and single pictures")
    paper.add_argument("content", metavar="CONTENT", help="the photograph")
    paper.add_argument("style", metavar="STYLE", nargs="+", help="the painting; more than one for the gallery")
    paper.add_argument(
        "--figure",
        metavar="NAME",
        action="append",
        choices=FIGURES,
        help="one of " + ", ".join(FIGURES) + "; repeat for more (default: all)",
    )
    add_folder_flags(paper)
    excluded = (
        "preset",
        "content_layers",
        "style_layers",
        "init",
        "seed",
        "colors",
        "color_match",
        "guides",
        *BALANCE_OPTIONS,
    )
    add_option_flags(paper, exclude=(*excluded, *IMAGE_OPTIONS), preset="paper", defaults=FIGURE_DEFAULTS)

    batch = command("batch", batch_command, "paint many pictures in many styles")
    batch.add_argument("--contents", metavar="DIR", nargs="+", required=True, help="folders with pictures, or pictures")
    batch.add_argument("--styles", metavar="DIR", nargs="+", required=True, help="folders with styles, or styles")
    batch.add_argument("--format", metavar="ENDING", default="png", help="png (the default), jpg, webp or tif")
    add_folder_flags(batch)
    add_option_flags(batch, exclude=("style_weights", *IMAGE_OPTIONS))

    rerun = command("rerun", rerun_command, "make a result again from the recipe in its file, the same or larger")
    rerun.add_argument("painting", metavar="OUT", help="a .png, .jpg, .webp or .tif written by impasto")
    rerun.add_argument(
        "--inputs", metavar="DIR", action="append", help="a folder with its pictures, besides its own and the current one"
    )
    add_output_flags(rerun, optional=True)
    add_option_flags(rerun, exclude=("preset", *IMAGE_OPTIONS), recipe=True)

    _add_network_commands(command)
    command("presets", presets_command, "show what each preset sets")

    weights = command("weights", weights_command, "list the VGG networks and their sources; fetch or normalize one")
    weights.set_defaults(action=None)
    actions = weights.add_subparsers(metavar="ACTION", dest="action", parser_class=OneLineErrorParser)
    fetch = actions.add_parser("fetch", help="download a network into the cache")
    fetch.add_argument("network", metavar="NETWORK", help="vgg16 or vgg19")
    normalize = actions.add_parser(
        "normalise", aliases=["normalize"], help="normalize a network, as in the paper, by its mean activations on photographs"
    )
    normalize.add_argument("images", metavar="IMAGE", nargs="+", help="photographs, or folders of them")
    normalize.add_argument("--network", metavar="NETWORK", default="vgg16", help="vgg16 (the default) or vgg19")

    krita = command("krita", krita_command, "install the Krita plugin, or remove it")
    actions = krita.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=OneLineErrorParser)
    actions.add_parser("install", help="copy the plugin to Krita's folder and enable it")
    actions.add_parser("uninstall", help="remove the plugin, its settings and the engine that it has set up")

    command("worker", worker_command, "serve another program through standard input and output")
    return parser


def _add_network_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands of style networks."""
    train = command("train", train_command, "train a style network on one or more styles, for instant results")
    train.add_argument("style", metavar="STYLE", nargs="+", help="the pictures with the styles, or folders of them")
    train.add_argument("-o", "--output", metavar="NET", required=True, help="the network: a .safetensors file")
    train.add_argument("--photos", metavar="DIR", nargs="+", help="photographs to train on (default: those of scikit-image)")
    train.add_argument("--minutes", metavar="N", help="training time (default: 20)")
    train.add_argument("--steps", metavar="N", help="maximum number of steps; without --minutes the result is reproducible")
    train.add_argument("--resume", metavar="NET", help="a network of the same styles to train further")
    train.add_argument("--license", metavar="TEXT", default="", help="the license of the styles, stored in the network")
    train.add_argument("--preview", metavar="FILE", help="a picture of the current results, updated every half minute")
    train.add_argument("--plot", metavar="FILE", help="draw the loss over the steps, as a .png")
    add_overwrite_flags(train)
    add_option_flags(
        train, exclude=[name for name in OPTION_NAMES if name not in TRAINING_OPTIONS], help_overrides=TRAINING_HELP
    )

    apply = command("apply", apply_command, "stylize pictures with a style network, in one pass")
    apply.add_argument("net", metavar="NET", help="a file written by `impasto train`, or a name listed by `impasto nets`")
    apply.add_argument("content", metavar="PHOTO", nargs="+", help="the pictures to paint, or folders of them")
    apply.add_argument("-o", "--output", metavar="OUT", required=True, help="a file for one picture, a folder for more")
    apply.add_argument("--format", metavar="ENDING", default="png", help="in a folder: png (the default), jpg, webp or tif")
    apply.add_argument("--steady", metavar="SHARE", help="for the frames of a film: weight of earlier frames, from 0 to 1")
    add_overwrite_flags(apply)
    add_option_flags(
        apply,
        exclude=[name for name in OPTION_NAMES if name not in FEEDFORWARD_OPTIONS],
        defaults=FEEDFORWARD_DEFAULTS,
        help_overrides=FEEDFORWARD_HELP,
    )

    export = command("export", export_command, "export a style network as ONNX")
    export.add_argument("net", metavar="NET", help="a file written by `impasto train`, or a name listed by `impasto nets`")
    export.add_argument("--onnx", dest="output", metavar="OUT", required=True, help="the .onnx file")
    export.add_argument("--force", action="store_true", help="replace an existing file")
    options = ("strength", "style_weights", "style_scale")
    add_option_flags(
        export,
        exclude=[name for name in OPTION_NAMES if name not in options],
        defaults=FEEDFORWARD_DEFAULTS,
        help_overrides=FEEDFORWARD_HELP,
    )

    nets = command("nets", networks_command, "list the bundled style networks and your own, or the ones named")
    nets.add_argument("net", metavar="NET", nargs="*", help="files written by `impasto train`, or names")


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    (group,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return group.choices


def _check_command_name(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Raises OptionError: the first argument is not a command."""
    if arguments and not arguments[0].startswith("-"):
        if os.path.isfile(arguments[0]):
            raise OptionError(f"{arguments[0]!r} is not a command: did you mean `impasto stylize {arguments[0]} ...`?")
        validate_choice("command", arguments[0], _commands(parser))


def _flags(parser: argparse.ArgumentParser, command: str) -> list[str]:
    """Return the flags of a command."""
    return [flag for action in _commands(parser)[command]._actions for flag in action.option_strings]


def _unknown_argument(argument: str, flags: Sequence[str]) -> NoReturn:
    """Raise OptionError for an unknown argument, with the closest flag."""
    if not argument.startswith("-"):
        raise OptionError(f"one argument too many: {argument!r}")
    close = difflib.get_close_matches(argument.split("=")[0], flags, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise OptionError(f"no option {argument}: {hint}--help lists them all")
