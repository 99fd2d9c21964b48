"""Progress on standard error: a bar on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

from ..formatting import format_duration

if TYPE_CHECKING:
    from ..optimization.run import Step


class ProgressBar:
    """A progress bar on a terminal; elsewhere, a line every 10 seconds"""

    def __init__(self, title: str) -> None:
        self._title, self._is_terminal, self._line, self._updated = title, sys.stderr.isatty(), "", 0.0

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Clear the bar."""
        if self._is_terminal and self._line:
            print("\r" + " " * len(self._line) + "\r", end="", file=sys.stderr, flush=True)

    def step(self, step: Step, steps: int) -> None:
        """Show an optimization step of a level with `steps` of them."""
        self.show(
            step.fraction,
            f"{step.size[0]} x {step.size[1]}, step {step.iteration} of {steps}, {format_duration(step.eta)} left",
        )

    def bytes(self, done: int, total: int) -> None:
        """Show a download."""
        self.show(done / total, f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def show(self, fraction: float, text: str) -> None:
        """Show a fraction, from 0 to 1, and a text."""
        now = time.monotonic()
        if now - self._updated < (0.1 if self._is_terminal else 10) and fraction < 1:
            return
        self._updated = now
        if not self._is_terminal:
            line = f"{self._title}: {fraction:.0%}, {text}"
            if line != self._line:
                print(line, file=sys.stderr, flush=True)
            self._line = line
            return
        full = round(fraction * 24)
        line = f"{self._title} [{'#' * full}{'.' * (24 - full)}] {fraction:4.0%}  {text}"
        line = line[: shutil.get_terminal_size().columns - 1]
        print("\r" + line.ljust(len(self._line)), end="", file=sys.stderr, flush=True)
        self._line = line
