"""The command `impasto`: parse the command line, run the command, turn errors into one line and an exit status.

Nothing here imports torch before a command runs, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import difflib
import io
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from .._version import __version__
from ..errors import ImpastoError, OptionError, validate_choice
from ..runtime.signals import exit_status, raise_on_sigterm
from . import batch_commands, feedforward_commands, setup_commands, stylize_commands
from .option_flags import OneLineErrorParser
from .output import print_message


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, and return the exit status: 0, 2 after an error, 130 after Ctrl-C, 143 after SIGTERM."""
    for stream in (sys.stdout, sys.stderr):  # of a console that cannot show a file's name
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        raise_on_sigterm()
        logging.basicConfig(format="impasto: %(message)s", stream=sys.stderr)
        logging.getLogger("impasto").setLevel(logging.INFO)
        parser = build_parser()
        _check_command_name(parser, sys.argv[1:] if arguments is None else arguments)
        parsed, unknown = parser.parse_known_args(arguments)
        if unknown:
            _unknown_argument(unknown[0], _flags(parser, parsed.command))
        return int(parsed.run(parsed))
    except ImpastoError as error:
        print_message(error)
        return 2
    except KeyboardInterrupt as stop:
        print_message("stopped")
        return exit_status(stop)
    except BrokenPipeError:  # the reader of our output has ended
        sys.stderr.close()
        return 0
    except OSError as error:  # of a file that no other code has checked
        print_message(f"{error.filename!r}: {error.strerror}" if error.filename else error)
        return 2


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands. It sets `run` to the function of the command."""
    parser = OneLineErrorParser(prog="impasto", description="Paint one picture in the style of another.")
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")
    group = parser.add_subparsers(metavar="COMMAND", dest="command", required=True, parser_class=OneLineErrorParser)

    def command(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        subparser = group.add_parser(name, help=help)
        subparser.set_defaults(run=run)
        return subparser

    for module in (stylize_commands, batch_commands, feedforward_commands, setup_commands):
        module.add_commands(command)
    return parser


def command_parsers(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the parser of each command, by name."""
    (group,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return group.choices


def _check_command_name(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Raises OptionError: the first argument is not a command."""
    if arguments and not arguments[0].startswith("-"):
        if os.path.isfile(arguments[0]):
            raise OptionError(f"{arguments[0]!r} is not a command: did you mean `impasto stylize {arguments[0]} ...`?")
        validate_choice("command", arguments[0], command_parsers(parser))


def _flags(parser: argparse.ArgumentParser, command: str) -> list[str]:
    """Return the flags of a command."""
    return [flag for action in command_parsers(parser)[command]._actions for flag in action.option_strings]


def _unknown_argument(argument: str, flags: Sequence[str]) -> NoReturn:
    """Raise OptionError for an unknown argument, with the closest flag."""
    if not argument.startswith("-"):
        raise OptionError(f"one argument too many: {argument!r}")
    close = difflib.get_close_matches(argument.split("=")[0], flags, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise OptionError(f"no option {argument}: {hint}--help lists them all")
