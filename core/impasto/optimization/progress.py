"""How far a run is, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Sequence

from .pyramid import Level


class Progress:
    """How much of a run's work is done, in the cost of steps, and how long the rest will take"""

    def __init__(self, levels: Sequence[Level], costs: Sequence[float]) -> None:
        """costs: of a step, per level, in any unit"""
        self._started = time.perf_counter()
        self._costs = costs
        self._total = sum(cost * level.steps for cost, level in zip(self._costs, levels, strict=True))
        self._done = 0.0
        self._first: tuple[float, float] | None = None  # work and seconds after the first step

    def seconds(self) -> float:
        """Return the seconds since the start, including those before the checkpoint."""
        return time.perf_counter() - self._started

    def skip(self, index: int, steps: int) -> None:
        """Count steps of a level that a checkpoint has already taken."""
        self._done += self._costs[index] * steps

    def resume(self, index: int, steps: int, seconds: float) -> None:
        """Count the steps of the level at which a checkpoint was written, and the seconds until then."""
        self.skip(index, steps)
        self._started -= seconds

    def advance(self, index: int) -> float:
        """Count one step of a level, and return the seconds since the start."""
        self._done += self._costs[index]
        seconds = self.seconds()
        self._first = self._first or (self._done, seconds)
        return seconds

    @property
    def fraction(self) -> float:
        return self._done / self._total

    def eta(self, seconds: float) -> float:
        """Return the seconds left. The first step also loads and measures: the pace is that of the steps after it."""
        assert self._first is not None
        first_done, first_seconds = self._first
        if self._done == first_done:
            return seconds / self._done * (self._total - self._done)
        return (seconds - first_seconds) / (self._done - first_done) * (self._total - self._done)
