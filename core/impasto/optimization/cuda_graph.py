"""CUDA graphs: the kernels of an evaluation are recorded once and then started together.

Small images leave a GPU idle while the host starts some 400 kernels per step, one by one. An evaluation has the same shapes at
each step of a level, waits for nothing and uploads nothing, so it can be recorded. Where that fails, it goes on as before.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import replace
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ..runtime.freed_memory import release_memory
from .objective import Evaluation, Objective

logger = logging.getLogger("impasto")

#: Set to 0, for comparisons, this environment variable switches graphs off.
_SWITCH = "IMPASTO_CUDA_GRAPHS"
#: A level with fewer evaluations is not recorded: that takes as long as a few of them.
_LEAST_EVALUATIONS = 5
#: Largest error of the gradient of a replay: sums in another order round differently, in bfloat16 to 1e-2
_TOLERANCE = 0.05


class _Recording(NamedTuple):
    """A graph, and the tensors that each replay reads and overwrites"""

    graph: torch.cuda.CUDAGraph
    image: Tensor
    evaluation: Evaluation


class GraphedObjective:
    """An objective for images of one size whose second evaluation on a CUDA device is recorded, and replayed from then on"""

    #: Devices on which a replay has given the gradient of an evaluation
    _checked: ClassVar[set[torch.device]] = set()

    def __init__(self, objective: Objective, evaluations: int) -> None:
        """evaluations: how many there will be"""
        self.objective = objective
        self._recording: _Recording | None = None
        self._is_first = True
        self._is_possible = objective.is_recordable and evaluations >= _LEAST_EVALUATIONS and os.environ.get(_SWITCH) != "0"

    def __call__(self, image: Tensor) -> Evaluation:
        """Evaluate the objective at an image (H, W, 3).  Raises MemoryError, torch.OutOfMemoryError."""
        if image.device.type != "cuda" or not self._is_possible or self._is_first:
            self._is_first = False  # it also initializes the device's libraries
            return self.objective(image)
        self._recording = self._recording or self._record(image)
        if self._recording is None:
            self._is_possible = False
            return self.objective(image)
        graph, static_image, evaluation = self._recording
        static_image.copy_(image)
        graph.replay()
        # The next replay overwrites these. What a learned optimizer sees is used before that.
        return replace(
            evaluation,
            gradient=evaluation.gradient.clone(),
            value=evaluation.value.clone(),
            content_loss=evaluation.content_loss.clone(),
            style_loss=evaluation.style_loss.clone(),
        )

    def _record(self, image: Tensor) -> _Recording | None:
        """Record an evaluation; None: something in it cannot be recorded, or a replay gives another gradient."""
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
            logger.info("no CUDA graph: %s", str(error).splitlines()[0])
            torch.cuda.set_stream(stream)  # which a recording that fails leaves
            del evaluation
            with contextlib.suppress(RuntimeError):
                graph.reset()
            release_memory(device)
            return None
        return _Recording(graph, static_image, evaluation)
