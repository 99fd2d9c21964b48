"""Checkpoints: all that a run needs to go on as if it had never stopped, in one file, written while it paints.

A file is safetensors: the picture and the optimizer's state as tensors; the recipe and the place as JSON in its metadata.
The noise that a run starts from is in the picture already, and nothing else in a run is drawn by lot.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from . import images
from .errors import CheckpointError
from .recipes import differences

#: Writing takes at most this share of the time.
_SHARE = 0.05


class Optimizer(Protocol):
    def state(self) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class Checkpoint:
    """Where a run was: after `iteration` steps on a rung of the ladder."""

    name: str  # of the file
    recipe: Mapping[str, Any]
    scale: int
    iteration: int
    seconds: float
    plan: Mapping[str, Any]  # tiles and history, on which the last bits depend
    image: Tensor  # (H, W, 3)
    tensors: Mapping[str, Tensor]  # the optimizer's

    def of(self, recipe: Mapping[str, Any]) -> Checkpoint:
        """Itself, if it belongs to the run with this recipe.  Raises CheckpointError."""
        other = [name.replace("_", " ") for name in differences(recipe, self.recipe)]
        if other:
            raise CheckpointError(f"{self.name!r} is of another painting (other {', '.join(other)}): start anew without it")
        return self

    def on(self, device: torch.device) -> Checkpoint:
        """The same with its tensors on a device"""
        # Single numbers are in double precision, which not every device has.
        moved = {name: each if each.dtype == torch.float64 else each.to(device) for name, each in self.tensors.items()}
        return replace(self, image=self.image.to(device), tensors=moved)


class Keeper:
    """Writes a run's checkpoints, as often as they cost next to nothing."""

    def __init__(self, path: Path, recipe: Mapping[str, Any], plan: Mapping[str, Any]) -> None:
        self._path, self._about = path, {"recipe": recipe, "plan": plan}
        self._next = 0.0

    def offer(self, scale: int, iteration: int, image: Tensor, optimizer: Optimizer, seconds: float) -> None:
        """Write one, unless the last one was a moment ago.  Raises ImageError: there is no room."""
        begun = time.monotonic()
        if begun < self._next:
            return
        place = {"scale": scale, "iteration": iteration, "seconds": seconds, **self._about}
        tensors = {f"optimizer.{name}": tensor for name, tensor in optimizer.state().items()} | {"image": image}
        kept = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
        images.write(self._path, safetensors.torch.save(kept, {"impasto": json.dumps(place)}))
        done = time.monotonic()
        self._next = done + (done - begun) / _SHARE


def check(path: str | os.PathLike[str]) -> Path:
    """That checkpoints can be written to a file, where nothing else is.  Raises CheckpointError."""
    target = Path(path)
    if target.exists():
        try:
            read(target)
        except CheckpointError:
            raise CheckpointError(f"{str(path)!r} is there, and is no checkpoint: name another file") from None
    elif not target.parent.is_dir():
        raise CheckpointError(f"{str(path)!r} cannot be written: there is no folder {str(target.parent)!r}")
    return target


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """A checkpoint from its file.  Raises CheckpointError."""
    name = str(path)
    try:
        with safe_open(path, framework="pt") as file:
            place = json.loads((file.metadata() or {})["impasto"])
            # Copies lie in memory as torch would lay them: where a tensor begins has a say in the last bits of a product.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
        image = tensors.pop("image")
        state = {key.removeprefix("optimizer."): tensor for key, tensor in tensors.items()}
        return Checkpoint(name=name, image=image, tensors=state, **{"plan": {}, **place})
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {name!r}: check its name") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{name!r} is not a checkpoint, or is damaged: start anew without it") from error
