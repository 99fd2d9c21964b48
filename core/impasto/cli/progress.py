"""What a person sees on a terminal while something takes its time."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

from ..formatting import format_duration

if TYPE_CHECKING:
    from ..optimization.run import Step


class ProgressBar:
    """One line on a terminal that says how far it is; elsewhere, a line now and then."""

    def __init__(self, title: str) -> None:
        self._title, self._live, self._shown, self._mark = title, sys.stderr.isatty(), "", 0.0

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the line away."""
        if self._live and self._shown:
            print("\r" + " " * len(self._shown) + "\r", end="", file=sys.stderr, flush=True)

    def step(self, step: Step, steps: int) -> None:
        self.show(
            step.fraction,
            f"{step.size[0]} x {step.size[1]}, step {step.iteration} of {steps}, {format_duration(step.eta)} left",
        )

    def bytes(self, done: int, total: int) -> None:
        self.show(done / total, f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def show(self, fraction: float, text: str) -> None:
        """How far it is, and in words"""
        now = time.monotonic()
        if now - self._mark < (0.1 if self._live else 10) and fraction < 1:
            return
        self._mark = now
        if not self._live:
            line = f"{self._title}: {fraction:.0%}, {text}"
            if line != self._shown:
                print(line, file=sys.stderr, flush=True)
            self._shown = line
            return
        full = round(fraction * 24)
        line = f"{self._title} [{'#' * full}{'.' * (24 - full)}] {fraction:4.0%}  {text}"
        line = line[: shutil.get_terminal_size().columns - 1]
        print("\r" + line.ljust(len(self._shown)), end="", file=sys.stderr, flush=True)
        self._shown = line
