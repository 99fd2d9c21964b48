"""Shared by the commands: results to files, interrupts, and everything that is printed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, OptionError
from ..formatting import format_bytes, format_duration
from ..runtime.signals import exit_status

if TYPE_CHECKING:
    from ..experiments.batch import Outcome
    from ..optimization.run import Result, Run, Step


def output_picture(arguments: argparse.Namespace) -> Path | None:
    """Return the file for the result, if it can be written; None: standard output.  Raises ImageError, OptionError."""
    from ..images.encode import ensure_writable_image

    if arguments.output != "-":
        if arguments.format is not None:
            raise OptionError("format is for -o - and for folders: the file's name tells its format")
        return refuse_overwrite(ensure_writable_image(arguments.output), arguments)
    format_suffix(arguments)
    if arguments.json:
        raise OptionError("-o - writes the picture to standard output, and so does --json: name a file")
    if getattr(arguments, "save_every", None) is not None:
        raise OptionError("save-every names its pictures after the result: name a file")
    return None


def format_suffix(arguments: argparse.Namespace) -> str:
    """Return the suffix that --format names, or .png.  Raises OptionError: there is no such format."""
    from ..images.encode import SAVE_FORMATS

    suffix = f".{(arguments.format or 'png').lstrip('.').lower()}"
    if suffix not in SAVE_FORMATS:
        raise OptionError(f"no format {arguments.format!r}: choose png, jpg, webp or tif")
    return suffix


def save_result(result: Result, target: Path | None, suffix: str = ".png") -> None:
    """Write a result to a file; None: to standard output, in the format of the suffix.  Raises ImageError."""
    if target is not None:
        save_or_fall_back(result.save, target, "the painting")
        return
    write_standard_output(result.encode(suffix))


def write_standard_output(content: bytes) -> None:
    """Write bytes to standard output."""
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def save_or_fall_back(save: Callable[[Path], None], target: Path, description: str) -> None:
    """Write a file; if that fails, write it to the temporary folder.  Raises ImageError, which says where."""
    try:
        save(target)
    except ImageError as error:
        fallback = Path(tempfile.mkdtemp(prefix="impasto-"), target.name)
        save(fallback)
        raise ImageError(f"{error}; {description} is in {str(fallback)!r}") from error


def save_snapshot(result: Result, target: Path) -> None:
    """Write an intermediate picture. If that fails, print the error and go on."""
    try:
        result.save(target)
    except ImageError as error:
        print_message(error)


def print_message(message: object) -> None:
    """Print one line on standard error."""
    print(f"impasto: {message}", file=sys.stderr)


class Interruptible:
    """A block that Ctrl-C or SIGTERM ends without an exception, so that the result so far can be saved"""

    _interrupt: KeyboardInterrupt | None = None

    def __enter__(self) -> Interruptible:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if isinstance(error, KeyboardInterrupt):
            self._interrupt = error
        return self.interrupted

    @property
    def interrupted(self) -> bool:
        return self._interrupt is not None

    @property
    def exit_status(self) -> int:
        return 0 if self._interrupt is None else exit_status(self._interrupt)

    def print_stop(self, fraction: float | None, saved: str = "") -> int:
        """Print where the command stopped, and return its exit status.  fraction: None before the first step"""
        position = "before the first step; nothing is written" if fraction is None else f"at {fraction:.0%}; {saved}"
        print_message(f"stopped {position}")
        return self.exit_status


def describe_forecast(run: Run) -> str:
    """Describe the forecast of a run in one line."""
    forecast = run.forecast
    size = f"{forecast.width} x {forecast.height}"
    tiles = f", in tiles of {forecast.tile} pixels" if forecast.tile else ""
    start = ", from the painting" if run.options.init == "painting" else ""
    return f"{size}{start}, about {format_duration(forecast.seconds)}, {format_bytes(forecast.memory)} of memory{tiles}"


def require_single_process() -> None:
    """Raises OptionError under torchrun."""
    from ..runtime.distributed import launched_processes

    if launched_processes() > 1:
        raise OptionError("under torchrun, only stylize, texture and reconstruct work: its processes share one picture")


def refuse_overwrite(target: Path, arguments: argparse.Namespace) -> Path:
    """Return the target if it may be written.  Raises ImageError: it exists, and --force is not given."""
    if os.path.lexists(target) and not arguments.force:  # a link to a missing file exists too
        raise ImageError(f"{str(target)!r} exists already: give another name, or --force to replace it")
    return target


def snapshot_paths(target: Path | None, steps: int, arguments: argparse.Namespace) -> dict[int, Path]:
    """Return the files for --save-every.  -> step -> file  Raises OptionError, ImageError."""
    if arguments.save_every is None or target is None:
        return {}
    if not arguments.save_every.isdecimal() or not int(arguments.save_every):
        raise OptionError(f"save-every is {arguments.save_every!r}: give a number of steps, 1 or more")
    digits = len(str(steps))
    interval = int(arguments.save_every)
    paths = {n: target.with_name(f"{target.stem}_{n:0{digits}}{target.suffix}") for n in range(interval, steps, interval)}
    if not arguments.resume:  # a resumed run replaces its own snapshots
        for path in paths.values():
            refuse_overwrite(path, arguments)
    return paths


def print_outcomes(outcomes: Iterable[Outcome], total: int, arguments: argparse.Namespace) -> tuple[int, bool]:
    """Work through a batch, and print failures, --json records and a summary. Ctrl-C ends it.

    Returns the exit status, and whether all results exist now.
    """
    from ..optimization.run import Result

    count = {"painted": 0, "there": 0, "failed": 0}
    with Interruptible() as batch:
        for outcome in outcomes:
            count[outcome.state] += 1
            if outcome.error:
                print_message(f"{outcome.target.name} failed: {outcome.error}")
            if arguments.json:
                facts = json_facts(outcome.result) if isinstance(outcome.result, Result) else {}
                facts |= {"error": str(outcome.error)} if outcome.error else {}
                print_json({"output": str(outcome.target), "state": outcome.state} | facts)
    summary = f"{count['painted']} painted, {count['there']} existed already, {count['failed']} failed"
    print_message(f"{'stopped; ' if batch.interrupted else ''}{summary}, of {total} in {Path(arguments.output)}")
    complete = not batch.interrupted and not count["failed"]
    return batch.exit_status or (0 if complete else 2), complete


def json_facts(source: Step | Result) -> dict[str, Any]:
    """Return the fields of a step or a result for --json."""
    names = ("fraction", "size", "scale", "iteration", "loss", "content_loss", "style_loss", "steps", "seconds", "eta")
    facts = {name: getattr(source, name) for name in names if hasattr(source, name)}
    options = getattr(source, "options", None)
    facts |= {"network": options.network} if options else {}
    return {name: round(value, 3) if name in ("fraction", "seconds", "eta") else value for name, value in facts.items()}


def print_json(record: dict[str, Any]) -> None:
    """Print one line of JSON on standard output."""
    print(json.dumps(record), flush=True)
