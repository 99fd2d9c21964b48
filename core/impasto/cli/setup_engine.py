"""`impasto setup`: set up the engine for an editor's plugin, in a terminal."""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from .. import installation
from ..disk import wait_for_deletions
from ..errors import ImpastoError
from ..installation import Command, Computer, Download, Setup, SetupError
from .output import print_message

#: The repository that this package is part of, in a clone
_REPOSITORY = Path(__file__).parents[3]
_BLOCK, _TIMEOUT_SECONDS = 1 << 18, 30
_RANGE_REFUSED = 416


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
    output: list[str] = []
    succeeded = False
    try:
        while (step := setup.next_step()) is not None:
            output.clear()
            if isinstance(step, Download):
                print_message(f"downloading {step.url}")
                download(step)
            else:
                run(step, output)
        succeeded = True
    except SetupError as error:
        raise ImpastoError(str(error)) from None
    except (OSError, http.client.HTTPException, subprocess.CalledProcessError) as error:
        text = "\n".join(output) or str(getattr(error, "reason", error))
        raise ImpastoError(setup.explain(text)) from None
    finally:
        if not succeeded:
            setup.undo()
        wait_for_deletions()
    print(setup.engine)
    print_message("the engine is ready")
    return 0


def download(step: Download) -> None:
    """Download a file, going on from what has arrived before.  Raises OSError, HTTPException."""
    start = os.path.getsize(step.part) if os.path.exists(step.part) else 0
    request = urllib.request.Request(step.url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_REFUSED:  # all of it is there already
            return
        raise OSError(f"HTTP {error.code}: {error.reason}") from None
    with response, open(step.part, "ab" if response.status == 206 else "wb") as file:
        missing = int(response.headers.get("Content-Length") or 0)
        while block := response.read(_BLOCK):
            missing -= file.write(block)
        if missing > 0:
            raise OSError("connection closed before the end")


def run(step: Command, output: list[str]) -> None:
    """Run a program, print its lines, and add them to `output`.  Raises OSError, CalledProcessError."""
    environment = {name: value for name, value in os.environ.items() if name not in installation.EDITOR_VARIABLES}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "encoding": "utf-8", "errors": "replace"}
    with subprocess.Popen(step.arguments, env=environment | dict(step.environment), **pipes) as process:  # type: ignore[call-overload]
        try:
            for line in process.stdout:
                output.append(line.rstrip())
                print_message(line.rstrip())
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, step.arguments)
