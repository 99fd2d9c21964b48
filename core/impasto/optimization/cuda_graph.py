"""CUDA graphs: the kernels of an evaluation are recorded once and then started together.

Small images leave a GPU idle while the host starts some 400 kernels per step, one by one. An evaluation has the same shapes at
each step of a level, waits for nothing and uploads nothing, so it can be recorded. Where that fails, it goes on as before.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import replace

import torch
from torch import Tensor

from .objective import Evaluation, Objective

logger = logging.getLogger("impasto")
#: Set to 0, for comparisons, it switches graphs off.
_SWITCH = "IMPASTO_CUDA_GRAPHS"


class GraphedObjective:
    """An objective for images of one size whose second evaluation on a CUDA device is recorded, and replayed from then on"""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._evaluations = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._image: Tensor | None = None  # where the graph reads the image
        self._evaluation: Evaluation | None = None  # where it writes
        self._is_possible = objective.is_recordable and os.environ.get(_SWITCH) != "0"

    def __call__(self, image: Tensor) -> Evaluation:
        """Evaluate the objective at an image (H, W, 3).  Raises MemoryError, torch.OutOfMemoryError."""
        self._evaluations += 1
        if image.device.type != "cuda" or not self._is_possible or self._evaluations == 1:
            return self.objective(image)  # the first one also initializes the device's libraries
        if self._graph is None:
            self._record(image)
        if self._graph is None or self._image is None or self._evaluation is None:
            return self.objective(image)
        self._image.copy_(image)
        self._graph.replay()
        result = self._evaluation  # which the next replay overwrites, with what a learned optimizer sees in this step
        return replace(
            result,
            gradient=result.gradient.clone(),
            value=result.value.clone(),
            content_loss=result.content_loss.clone(),
            style_loss=result.style_loss.clone(),
        )

    def _record(self, image: Tensor) -> None:
        """Record an evaluation, unless something in it cannot be recorded."""
        graph, static_image = torch.cuda.CUDAGraph(), image.clone()
        try:
            with torch.cuda.graph(graph):
                evaluation = self.objective(static_image)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._is_possible = False
            logger.info("no CUDA graph: %s", str(error).splitlines()[0])
            with contextlib.suppress(RuntimeError):
                graph.reset()
            return
        self._graph, self._image, self._evaluation = graph, static_image, evaluation
