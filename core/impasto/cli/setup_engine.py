"""`impasto setup`: set up the engine for an editor's plugin, in a terminal."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from .. import installation
from ..disk import wait_for_deletions
from ..errors import ImpastoError
from ..installation import Command, Computer, Download, Setup, SetupError
from ..setup_steps import take_steps
from .output import print_message

#: The repository that this package is part of, in a clone
_REPOSITORY = Path(__file__).parents[3]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--engine", metavar="WHEEL", help="the engine's wheel or source (default: this clone)")
    parser.add_argument("--folder", metavar="DIR", help="where it is installed (default: where the plugin looks for it)")


def setup_command(arguments: argparse.Namespace) -> int:
    """Set the engine up.  Raises ImpastoError."""
    engine = arguments.engine or str(_REPOSITORY)
    if not os.path.exists(engine if arguments.engine else _REPOSITORY / "pyproject.toml"):
        raise ImpastoError(f"there is no engine at {engine!r}: name its wheel with --engine; the plugin's zip contains it")
    computer, folder = Computer.this(), os.path.abspath(arguments.folder or installation.this_local_folder())
    print_message(f"installing the engine with PyTorch for your {computer.torch_kind} into {folder}")
    setup = Setup(folder, engine, computer)
    try:
        take_steps(setup, _announce, print_message)
    except SetupError as error:
        raise ImpastoError(str(error)) from None
    finally:
        wait_for_deletions()
    print(setup.engine)
    print_message("the engine is ready")
    return 0


def _announce(step: Download | Command) -> None:
    if isinstance(step, Download):
        print_message(f"downloading {step.url}")
