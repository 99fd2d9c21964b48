"""Checkpoints: everything that a run needs to resume exactly, in one file, written during the run.

A safetensors file: the image and the optimizer's state as tensors; the recipe and the position in the run as JSON metadata.
No random state is needed: the only random numbers of a run are the noise of the initial image.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from ..errors import CheckpointError, ImageError
from ..runtime.files import write_atomic
from ..runtime.memory import is_out_of_memory
from ..runtime.tensor_files import read_tensor_file, tensor_file_errors
from .optimizers import Optimizer
from .pyramid import Level
from .recipe import differing_fields

logger = logging.getLogger("impasto")

#: Maximum fraction of the run's time spent on writing
_MAX_TIME_FRACTION = 0.05
#: Seconds until the next attempt after a failed write
_RETRY_SECONDS = 60.0


@dataclass
class RunState:
    """The image and its optimizer. Nothing else refers to the image, so that each step frees the one before."""

    image: Tensor | None  # (H, W, 3)
    optimizer: Optimizer
    larger: Tensor | None = None  # (H, W, 3): the instant result, until the image that refines it has large forms and strokes


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after `iteration` steps of a pyramid level"""

    name: str  # of the file
    recipe: Mapping[str, Any]
    scale: int  # pyramid level, from 0
    iteration: int
    seconds: float
    plan: Mapping[str, Any]  # RunPlan.to_dict()
    image: Tensor  # (H, W, 3)
    optimizer_state: Mapping[str, Tensor]
    forms: Tensor | None = None  # (h, w, 3): the smaller image whose large forms this level keeps, if it does
    larger: Tensor | None = None  # as in RunState

    def for_run(self, recipe: Mapping[str, Any], levels: Sequence[Level]) -> Checkpoint:
        """Return this checkpoint if it belongs to the run with this recipe and these levels.  Raises CheckpointError."""
        differing = [name.replace("_", " ") for name in differing_fields(recipe, self.recipe)]
        if differing:
            raise CheckpointError(
                f"{self.name!r} belongs to another painting (different {', '.join(differing)}): start again without it"
            )
        level = levels[self.scale] if self.scale < len(levels) else None
        last = levels[max(0, self.scale - 2) : self.scale + 1]
        larger_size = next((before[:2] for before, after in pairwise(last) if max(before[:2]) > max(after[:2])), None)
        tiles = self.plan.get("tiles", levels)
        if (
            level is None
            or self.iteration > level.steps
            or (level.height, level.width) != self.image.shape[:2]
            or len(tiles) != len(levels)
            or (self.larger is None) != (larger_size is None)
            or (self.larger is not None and self.larger.shape[1::-1] != larger_size)
        ):
            raise _damaged_error(self.name)
        return self

    def to(self, device: torch.device) -> Checkpoint:
        """Return this checkpoint with its images on a device."""
        forms, larger = (None if image is None else image.to(device) for image in (self.forms, self.larger))
        return replace(self, image=self.image.to(device), forms=forms, larger=larger)

    def restore(self, optimizer: Optimizer) -> None:
        """Restore the optimizer's state on the image's device.  Raises CheckpointError: it is the state of another kind."""
        try:
            optimizer.restore(self.optimizer_state, self.image.device)
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise _damaged_error(self.name) from error


class CheckpointWriter:
    """Writes the checkpoints of a run, as often as costs little time"""

    def __init__(self, path: Path, recipe: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        self._path, self._metadata = path, {"recipe": recipe, "plan": plan}
        self._next = 0.0

    def maybe_write(self, level: int, iteration: int, state: RunState, seconds: float, forms: Tensor | None = None) -> None:
        """Write a checkpoint unless the last one is too recent. If it cannot be written, log that and go on.

        forms: as in Checkpoint
        """
        start = time.monotonic()
        if start < self._next:
            return
        metadata = {"scale": level, "iteration": iteration, "seconds": seconds, **self._metadata}
        images = {"image": state.image, "forms": forms, "larger": state.larger}
        tensors = {f"optimizer.{name}": tensor for name, tensor in state.optimizer.state().items()}
        tensors |= {name: image for name, image in images.items() if image is not None}
        copies = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
        try:
            write_atomic(self._path, safetensors.torch.save(copies, {"impasto": json.dumps(metadata)}))
        except ImageError as error:
            logger.warning("checkpoint not written, the run goes on: %s", error)
            self._next = time.monotonic() + _RETRY_SECONDS
            return
        done = time.monotonic()
        self._next = done + (done - start) / _MAX_TIME_FRACTION


def ensure_writable_checkpoint(path: str | os.PathLike[str]) -> Path:
    """Return the path if a checkpoint can be written there without replacing another kind of file.  Raises CheckpointError."""
    target = Path(path)
    if os.path.exists(target):
        try:
            read_checkpoint(target)
        except CheckpointError:
            raise CheckpointError(f"{str(path)!r} exists and is not a checkpoint: name another file") from None
    elif not os.path.isdir(target.parent):
        raise CheckpointError(f"cannot write {str(path)!r}: there is no folder {str(target.parent)!r}")
    return target


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint, of any origin.  Raises CheckpointError."""
    name = str(path)
    missing = CheckpointError(f"there is no checkpoint {name!r}: check its name")
    with tensor_file_errors(missing=missing, invalid=_damaged_error(name)):
        tensors, metadata = read_tensor_file(path, "impasto")
        image, forms, larger = tensors.pop("image"), tensors.pop("forms", None), tensors.pop("larger", None)
        state = {key.removeprefix("optimizer."): tensor for key, tensor in tensors.items()}
        fields = {"plan": {}, **json.loads(metadata["impasto"])}
        checkpoint = Checkpoint(name=name, image=image, optimizer_state=state, forms=forms, larger=larger, **fields)
        if not _is_valid(checkpoint):
            raise ValueError
        return checkpoint


def _damaged_error(name: str) -> CheckpointError:
    return CheckpointError(f"{name!r} is not a checkpoint, or is damaged: start again without it")


def _is_valid_image(image: Tensor) -> bool:
    is_image = image.dtype == torch.float32 and image.shape[2:] == (3,) and image.numel() > 0
    return is_image and bool(image.isfinite().all())


def _is_valid(checkpoint: Checkpoint) -> bool:
    """Return whether a run can resume from what a file of any origin says."""

    def is_count(value: Any) -> bool:
        return type(value) is int and value >= 0

    def is_valid_tensor(name: str, tensor: Tensor) -> bool:
        """Shape, type and no NaN; infinity is valid, as the maximum step of L-BFGS"""
        bfloat16 = name[:1] in ("s", "y") and name[1:].isdigit() and tensor.dtype == torch.bfloat16  # L-BFGS history
        is_image = tensor.shape == checkpoint.image.shape and (bfloat16 or tensor.dtype == torch.float32)
        return (is_image or tensor.ndim < 3) and not bool(tensor.isnan().any())

    plan = checkpoint.plan
    return (
        is_count(checkpoint.scale)
        and all(image is None or _is_valid_image(image) for image in (checkpoint.forms, checkpoint.larger))
        and is_count(checkpoint.iteration)
        and 0 <= checkpoint.seconds < math.inf
        and isinstance(checkpoint.recipe["options"], dict)
        and (
            not plan
            or (is_count(plan["history"]) and all(side is None or (is_count(side) and side) for side in plan["tiles"]))
        )
        and all(isinstance(plan.get(name, False), bool) for name in ("rounded", "on_host"))
        and checkpoint.image.ndim == 3
        and checkpoint.image.shape[2] == 3
        and is_valid_tensor("image", checkpoint.image)
        and all(is_valid_tensor(name, tensor) for name, tensor in checkpoint.optimizer_state.items())
    )
