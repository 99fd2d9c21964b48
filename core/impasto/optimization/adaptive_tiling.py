"""TODO-DOC optimization.adaptive_tiling"""

from __future__ import annotations

import torch
from torch import Tensor

from ..runtime.distributed import ProcessGroup
from ..runtime.memory import is_out_of_memory, release_memory
from ..vgg.network import VGG
from .objective import Evaluation, Objective
from .targets import TargetBuilder
from .tiling import SMALLEST_TILE


class AdaptiveTilingObjective:
    """The objective of a rung, in tiles of half the size when memory runs out: the run goes on from the same picture."""

    def __init__(self, targets: TargetBuilder, network: VGG, width: int, height: int) -> None:
        self._targets, self._network, self._size = targets, network, (width, height)
        self._objective: Objective | None = None

    @property
    def ratio(self) -> float:
        """alpha over beta in the paper's units"""
        assert self._objective is not None
        return self._objective.ratio

    def __call__(self, image: Tensor) -> Evaluation:
        """The objective at a picture.  Raises MemoryError: not even the smallest tiles fit."""
        while (found := self._evaluate_or_none(image)) is None:
            smaller = min(self._targets.tile or max(self._size), max(self._size)) // 2
            if smaller < SMALLEST_TILE:
                raise MemoryError
            self._objective = None
            release_memory(image.device)  # in pieces that are too small
            self._targets.tile = smaller
        return found

    def _evaluate_or_none(self, image: Tensor) -> Evaluation | None:
        """The same, or None if memory runs out; without the error, whose frames hold what is to be given back"""
        try:
            if self._objective is None:
                self._tidy(image.device)
                self._objective = self._targets.objective(self._network, *self._size)
            self._tidy(image.device)
            found = self._objective(image)
            self._tidy(image.device)  # the optimizer works on whole pictures
            return found
        except (MemoryError, RuntimeError) as error:
            # One of several processes may only go back together with the others, who have then been told (Ranks.together).
            if not is_out_of_memory(error) or (ProcessGroup().count > 1 and not isinstance(error, MemoryError)):
                raise
            return None

    def _tidy(self, device: torch.device) -> None:
        """Leave no holes in memory where there is little of it: next to the work of many tiles that is nothing."""
        if self._targets.tile and device.type == "cpu":
            release_memory(device)
