"""Checkpoints: all that a run needs to go on as if it had never stopped, in one file, written while it paints.

A file is safetensors: the picture and the optimizer's state as tensors; the recipe and the place as JSON in its metadata.
The noise that a run starts from is in the picture already, and nothing else in a run is drawn by lot.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import CheckpointError, ImageError
from ..runtime.files import write_atomic
from ..runtime.memory import is_out_of_memory
from .pyramid import Level
from .recipe import differing_fields

logger = logging.getLogger("impasto")

#: Writing takes at most this share of the time.
_MAX_TIME_FRACTION = 0.05
#: Seconds until it is tried again where it could not be done.
_RETRY_SECONDS = 60.0


class Optimizer(Protocol):
    def state(self) -> dict[str, Tensor]: ...
    def restore(self, state: Mapping[str, Tensor], device: torch.device, /) -> None: ...


@dataclass(frozen=True)
class Checkpoint:
    """Where a run was: after `iteration` steps on a rung of the ladder."""

    name: str  # of the file
    recipe: Mapping[str, Any]
    scale: int
    iteration: int
    seconds: float
    plan: Mapping[str, Any]  # what of it the last bits depend on
    image: Tensor  # (H, W, 3)
    optimizer_state: Mapping[str, Tensor]  # the optimizer's

    def for_run(self, recipe: Mapping[str, Any], rungs: Sequence[Level]) -> Checkpoint:
        """Itself, if it belongs to the run with this recipe and ladder.  Raises CheckpointError."""
        other = [name.replace("_", " ") for name in differing_fields(recipe, self.recipe)]
        if other:
            raise CheckpointError(f"{self.name!r} is of another painting (other {', '.join(other)}): start anew without it")
        places = {scale: rung for scale, rung in enumerate(rungs) if self.iteration <= rung.steps}
        tiles = self.plan.get("tiles", rungs)
        if self.scale not in places or places[self.scale][1::-1] != self.image.shape[:2] or len(tiles) != len(rungs):
            raise _damaged_error(self.name)
        return self

    def to(self, device: torch.device) -> Checkpoint:
        """The same with its picture on a device"""
        return replace(self, image=self.image.to(device))

    def restore(self, optimizer: Optimizer) -> None:
        """Let an optimizer go on from here, where the picture is.  Raises CheckpointError: this is no state of its kind."""
        try:
            optimizer.restore(self.optimizer_state, self.image.device)
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise _damaged_error(self.name) from error


class CheckpointWriter:
    """Writes a run's checkpoints, as often as they cost next to nothing."""

    def __init__(self, path: Path, recipe: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        self._path, self._about = path, {"recipe": recipe, "plan": plan}
        self._next = 0.0

    def maybe_write(self, scale: int, iteration: int, image: Tensor, optimizer: Optimizer, seconds: float) -> None:
        """Write one, unless the last one was a moment ago. Without room for it the painting goes on all the same."""
        begun = time.monotonic()
        if begun < self._next:
            return
        place = {"scale": scale, "iteration": iteration, "seconds": seconds, **self._about}
        tensors = {f"optimizer.{name}": tensor for name, tensor in optimizer.state().items()} | {"image": image}
        kept = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
        try:
            write_atomic(self._path, safetensors.torch.save(kept, {"impasto": json.dumps(place)}))
        except ImageError as error:
            logger.warning("checkpoint not written, painting goes on: %s", error)
            self._next = time.monotonic() + _RETRY_SECONDS
            return
        done = time.monotonic()
        self._next = done + (done - begun) / _MAX_TIME_FRACTION


def ensure_writable_checkpoint(path: str | os.PathLike[str]) -> Path:
    """That checkpoints can be written to a file, where nothing else is.  Raises CheckpointError."""
    target = Path(path)
    if os.path.exists(target):
        try:
            read_checkpoint(target)
        except CheckpointError:
            raise CheckpointError(f"{str(path)!r} is there, and is no checkpoint: name another file") from None
    elif not os.path.isdir(target.parent):
        raise CheckpointError(f"{str(path)!r} cannot be written: there is no folder {str(target.parent)!r}")
    return target


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """A checkpoint from its file.  Raises CheckpointError."""
    name = str(path)
    try:
        with safe_open(path, framework="pt") as file:
            place = json.loads((file.metadata() or {})["impasto"])
            # Copies lie in memory as torch would lay them: where a tensor begins has a say in the last bits of a product.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
        image = tensors.pop("image")
        state = {key.removeprefix("optimizer."): tensor for key, tensor in tensors.items()}
        found = Checkpoint(name=name, image=image, optimizer_state=state, **{"plan": {}, **place})
        if not _is_valid(found):
            raise ValueError
        return found
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {name!r}: check its name") from None
    except (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged_error(name) from error


def _damaged_error(name: str) -> CheckpointError:
    return CheckpointError(f"{name!r} is not a checkpoint, or is damaged: start anew without it")


def _is_valid(found: Checkpoint) -> bool:
    """Whether all of it is what a run can go on from; the file may be anybody's"""

    def count(value: Any) -> bool:
        return type(value) is int and value >= 0

    def whole(name: str, tensor: Tensor) -> bool:  # a bound of the optimizer's may be infinite
        rounded = name[:1] in ("s", "y") and name[1:].isdigit() and tensor.dtype == torch.bfloat16  # L-BFGS's pairs may be
        alike = tensor.shape == found.image.shape and (rounded or tensor.dtype == torch.float32)
        return (alike or tensor.ndim < 3) and not bool(tensor.isnan().any())

    plan = found.plan
    return (
        all(map(count, (found.scale, found.iteration)))
        and 0 <= found.seconds < math.inf
        and isinstance(found.recipe["options"], dict)
        and (not plan or (count(plan["history"]) and all(each is None or (count(each) and each) for each in plan["tiles"])))
        and all(isinstance(plan.get(name, False), bool) for name in ("rounded", "on_host"))
        and found.image.ndim == 3
        and found.image.shape[2] == 3
        and whole("image", found.image)
        and all(whole(name, tensor) for name, tensor in found.optimizer_state.items())
    )
