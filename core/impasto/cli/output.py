"""TODO-DOC cli.output"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, OptionError
from ..formatting import format_duration
from ..runtime.signals import exit_status

if TYPE_CHECKING:
    from ..optimization.run import Result, Run, Step


def given_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that the command line gives"""
    given = {name: getattr(arguments, name, None) for name in arguments.settings}
    return {name: value for name, value in given.items() if value is not None}


def save_result(result: Result, target: Path) -> None:
    """Write a painting.  Raises ImageError."""
    save_or_fall_back(result.save, target, "the painting")


def save_or_fall_back(save: Callable[[Path], None], target: Path, what: str) -> None:
    """Write a file; where that fails after all the work, among the temporary files.  Raises ImageError, says where."""
    try:
        save(target)
    except ImageError as error:
        other = Path(tempfile.mkdtemp(prefix="impasto-"), target.name)
        save(other)
        raise ImageError(f"{error}; {what} is in {str(other)!r}") from error


def save_snapshot(result: Result, target: Path) -> None:
    """Write a picture on the way. That it cannot be written is told, and is no reason to stop."""
    try:
        result.save(target)
    except ImageError as error:
        print(f"impasto: {error}", file=sys.stderr)


def forecast_text(run: Run) -> str:
    """What is going to be painted, and what that takes, in words"""
    from ..formatting import format_bytes

    it = run.forecast
    tiled = f", in tiles of {it.tile} pixels" if it.tile else ""
    return f"{it.width} x {it.height}, about {format_duration(it.seconds)}, {format_bytes(it.memory)} of memory{tiled}"


def require_single_process() -> None:
    """Raises OptionError under torchrun."""
    from ..runtime.distributed import launched_processes

    if launched_processes() > 1:
        raise OptionError("torchrun's processes paint one picture together: that is for stylize, texture and reconstruct")


def refuse_overwrite(target: Path, arguments: argparse.Namespace) -> Path:
    """A file that may be written.  Raises ImageError."""
    if os.path.exists(target) and not arguments.force:
        raise ImageError(f"{str(target)!r} is already there: give another name, or --force to replace it")
    return target


def snapshot_paths(target: Path, steps: int, arguments: argparse.Namespace) -> dict[int, Path]:
    """After which steps the picture is saved, and where.  Raises OptionError, ImageError."""
    if arguments.save_every is None:
        return {}
    if not arguments.save_every.isdecimal() or not int(arguments.save_every):
        raise OptionError(f"save-every is {arguments.save_every!r}: give a number of steps, 1 or more")
    digits = len(str(steps))
    every = range(int(arguments.save_every), steps, int(arguments.save_every))
    paths = {n: target.with_name(f"{target.stem}_{n:0{digits}}{target.suffix}") for n in every}
    if not arguments.resume:  # then they are its own, from before
        for path in paths.values():
            refuse_overwrite(path, arguments)
    return paths


def print_summary(count: Mapping[str, int], total: int, folder: Path, interrupted: KeyboardInterrupt | None) -> int:
    """Say what has become of many pictures; the exit status"""
    summary = f"{count['painted']} painted, {count['there']} were there already, {count['failed']} failed"
    print(f"impasto: {'stopped; ' if interrupted else ''}{summary}, of {total} in {folder}", file=sys.stderr)
    if interrupted:
        return exit_status(interrupted)
    return 2 if count["failed"] else 0


def json_facts(of: Step | Result) -> dict[str, Any]:
    """What a program wants to know of a step or a result"""
    names = ("fraction", "size", "scale", "iteration", "loss", "content_loss", "style_loss", "steps", "seconds", "eta")
    facts = {name: getattr(of, name) for name in names if hasattr(of, name)}
    network = getattr(of, "options", None)
    facts |= {"network": network.network} if network else {}
    return {name: round(value, 3) if name in ("fraction", "seconds", "eta") else value for name, value in facts.items()}


def print_json(record: dict[str, Any]) -> None:
    """One line of JSON on standard output"""
    print(json.dumps(record), flush=True)
