"""CUDA graphs: the kernels of an evaluation are recorded once and then started together.

Small images leave a GPU idle while the host starts some 400 kernels per step, one by one. An evaluation has the same shapes at
each step of a level, waits for nothing and uploads nothing, so it can be recorded. Where that fails, it goes on as before.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from ..runtime.memory import release_memory
from .objective import Evaluation, Objective

logger = logging.getLogger("impasto")
#: Set to 0, for comparisons, it switches graphs off.
_SWITCH = "IMPASTO_CUDA_GRAPHS"


#: A level with fewer evaluations is not recorded: that takes as long as a few of them.
_LEAST_EVALUATIONS = 5
#: Largest error of the gradient of a replay: sums in another order round differently, in bfloat16 to 1e-2
_TOLERANCE = 0.05


class GraphedObjective:
    """An objective for images of one size whose second evaluation on a CUDA device is recorded, and replayed from then on"""

    #: Devices on which a replay has given the gradient of an evaluation
    _checked: ClassVar[set[torch.device]] = set()

    def __init__(self, objective: Objective, evaluations: int) -> None:
        """evaluations: how many there will be"""
        self.objective = objective
        self._graph: torch.cuda.CUDAGraph | None = None
        self._image: Tensor | None = None  # where the graph reads the image
        self._evaluation: Evaluation | None = None  # where it writes
        self._is_first = True
        self._is_possible = objective.is_recordable and evaluations >= _LEAST_EVALUATIONS and os.environ.get(_SWITCH) != "0"

    def __call__(self, image: Tensor) -> Evaluation:
        """Evaluate the objective at an image (H, W, 3).  Raises MemoryError, torch.OutOfMemoryError."""
        if image.device.type != "cuda" or not self._is_possible or self._is_first:
            self._is_first = False  # it also initializes the device's libraries
            return self.objective(image)
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
        """Record an evaluation, unless something in it cannot be recorded, or a replay gives another gradient."""
        device = image.device
        graph, static_image = torch.cuda.CUDAGraph(), image.clone()
        stream = torch.cuda.current_stream(device)
        evaluation: Evaluation | None = None
        try:
            with torch.cuda.device(device), torch.cuda.graph(graph, stream=torch.cuda.Stream(device)):  # type: ignore[no-untyped-call]
                evaluation = self.objective(static_image)
            if device not in self._checked:
                graph.replay()
                expected = self.objective(static_image).gradient
                error = (evaluation.gradient - expected).norm() / expected.norm().clamp(min=1e-30)
                if not bool(error < _TOLERANCE):
                    raise RuntimeError(f"a replay gives another gradient, by {float(error):.0%}")
                self._checked.add(device)
        except RuntimeError as error:  # also of memory: an evaluation as before may fit
            self._is_possible = False
            logger.info("no CUDA graph: %s", str(error).splitlines()[0])
            torch.cuda.set_stream(stream)  # which a recording that fails leaves
            del evaluation
            with contextlib.suppress(RuntimeError):
                graph.reset()
            release_memory(device)
            return
        self._graph, self._image, self._evaluation = graph, static_image, evaluation
