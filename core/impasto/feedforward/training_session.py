"""The training loop with periodic saves and previews, shared by the command and the worker."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import ImageError
from .training import Trainer, TrainingStep

#: Seconds of training between two saves
SAVE_INTERVAL = 30.0


class TrainingSession:
    """Runs a trainer and saves its network at intervals, so that an interrupted run loses little.

    Iterate over `steps`. The loop may end at any time, by `break` or an exception: `last` holds the most recent step,
    whose network is worth keeping. The final save is left to the caller, who knows what to do when it fails.
    """

    def __init__(
        self,
        trainer: Trainer,
        path: Path,
        *,
        seconds: float = math.inf,
        count: float = math.inf,
        preview: Callable[[TrainingStep], None] | None = None,
        preview_interval: float | None = None,
        preview_first_step: bool = False,
        on_error: Callable[[ImageError], None] = lambda _: None,
    ) -> None:
        """seconds, count: as in `Trainer.steps`

        preview: called every `preview_interval` seconds of training (None: as often as the network is saved), and after the
            first step too if `preview_first_step`
        on_error: called with the error when a save or a preview cannot be written; the training goes on
        """
        self.path = path
        self.last: TrainingStep | None = None
        self._trainer, self._seconds, self._count = trainer, seconds, count
        self._preview = preview
        self._preview_interval = SAVE_INTERVAL if preview_interval is None else preview_interval
        self._previewed = -math.inf if preview_first_step else 0.0
        self._saved = 0.0
        self._on_error = on_error

    def steps(self) -> Iterator[TrainingStep]:
        """Train. Saves and previews follow the caller's loop body, so that a caller that cancels there avoids them."""
        for step in self._trainer.steps(self._seconds, self._count):
            self.last = step
            yield step
            try:
                if step.seconds - self._saved >= SAVE_INTERVAL:
                    self._saved = step.seconds
                    step.net.save(self.path)
                if self._preview and step.seconds - self._previewed >= self._preview_interval:
                    self._previewed = step.seconds
                    self._preview(step)
            except ImageError as error:
                self._on_error(error)

    def discard(self) -> None:
        """Delete what this session has saved."""
        if self._saved:
            self.path.unlink(missing_ok=True)
