"""An objective that halves its tiles when memory runs out and goes on from the same image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..runtime.distributed import ProcessGroup
from ..runtime.freed_memory import release_memory
from ..runtime.memory import is_out_of_memory
from .cuda_graph import GraphedObjective
from .objective import Evaluation, Objective
from .tiling import SMALLEST_TILE


@dataclass
class TileLimit:
    """The maximum side of a tile, in pixels; None: no limit. Shared by all levels of a run, and only ever lowered."""

    side: int | None = None

    def lower(self, side: int | None) -> None:
        """Lower the limit to `side` pixels; None changes nothing."""
        if side is not None:
            self.side = side if self.side is None else min(self.side, side)


class AdaptiveTilingObjective:
    """The objective of one pyramid level, rebuilt with tiles of half the size when memory runs out."""

    def __init__(self, build: Callable[[], Objective], size: tuple[int, int], limit: TileLimit, evaluations: int = 1) -> None:
        """build: makes the objective with tiles within `limit`; size: width and height of the image
        evaluations: how many there will be
        """
        self._build, self._size, self._limit, self._evaluations = build, size, limit, evaluations
        self._objective: GraphedObjective | None = None

    @property
    def ratio(self) -> float:
        """alpha/beta in the paper's units, known after the first evaluation"""
        assert self._objective is not None
        return self._objective.objective.ratio

    def __call__(self, image: Tensor) -> Evaluation:
        """Evaluate the objective at an image (H, W, 3).  Raises MemoryError: not even the smallest tiles fit."""
        while (evaluation := self._evaluate_or_none(image)) is None:
            smaller = min(self._limit.side or max(self._size), max(self._size)) // 2
            if smaller < SMALLEST_TILE:
                raise MemoryError
            self._objective = None
            release_memory(image.device)  # it is fragmented
            self._limit.side = smaller
        return evaluation

    def _evaluate_or_none(self, image: Tensor) -> Evaluation | None:
        """Evaluate, or return None if memory runs out. The error is dropped, since its frames keep tensors alive."""
        try:
            if self._objective is None:
                self._release_if_tiled(image.device)
                self._objective = GraphedObjective(self._build(), self._evaluations)
            self._release_if_tiled(image.device)
            evaluation = self._objective(image)
            self._release_if_tiled(image.device)  # the optimizer works on whole images
            return evaluation
        except (MemoryError, RuntimeError) as error:
            # One of several processes may only retry together with the others, which raise MemoryError too.
            if not is_out_of_memory(error) or (ProcessGroup().size > 1 and not isinstance(error, MemoryError)):
                raise
            return None

    def _release_if_tiled(self, device: torch.device) -> None:
        """Release freed memory where there is little of it; next to the work of many tiles this costs nothing."""
        if self._limit.side and device.type == "cpu":
            release_memory(device)
