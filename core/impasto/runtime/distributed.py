"""Several processes that paint one picture: on the GPUs of a machine, or on several machines.

Each has the whole picture and takes its share of the tiles; between the two passes the sums are added up, and after them the
gradients, so that all of them take the same step. They are started by `torchrun -m impasto stylize ...`, which tells each
by the environment which one it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as distributed
from torch import Tensor

from ..errors import DeviceError
from .device import choose_device
from .memory import is_out_of_memory

_T = TypeVar("_T")


class ProcessGroup:
    """The processes that paint together; usually there is only this one."""

    _joined = False  # others may use torch.distributed for what is theirs

    def __init__(self) -> None:
        self.rank, self.count = (distributed.get_rank(), distributed.get_world_size()) if self._joined else (0, 1)

    @property
    def here(self) -> int:
        """How many of them share this machine"""
        return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if self.count > 1 else 1

    def agree(self, value: _T) -> _T:
        """What the first of them says"""
        if self.count == 1:
            return value
        said = [value]
        distributed.broadcast_object_list(said)
        return said[0]

    def mine(self, parts: Sequence[_T]) -> Sequence[_T]:
        """The share of this process"""
        return parts[self.rank :: self.count]

    def add(self, tensor: Tensor) -> Tensor:
        """The sum of what all of them have, in place"""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def same(self, tensor: Tensor) -> Tensor:
        """What the first of them has"""
        if self.count > 1:
            distributed.broadcast(tensor, 0)
        return tensor

    def least(self, number: float, device: torch.device) -> float:
        """The smallest of the numbers that they have"""
        if self.count == 1:
            return number
        tensor = torch.tensor(number, device=device, dtype=torch.float64)
        distributed.all_reduce(tensor, distributed.ReduceOp.MIN)
        return float(tensor)

    @contextlib.contextmanager
    def together(self, device: torch.device) -> Iterator[None]:
        """What each does by itself between two sums.  Raises MemoryError in all of them if memory runs out in one."""
        if self.count == 1:
            yield
            return
        short = 0.0
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            short = 1.0
        if float(self.add(torch.tensor(short, device=device))):
            raise MemoryError


def launched_processes() -> int:
    """How many processes torchrun has started, this one included"""
    return int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1


@contextlib.contextmanager
def process_group(name: str) -> Iterator[ProcessGroup]:
    """The processes that torchrun has started with this one, for as long as the block lasts, on devices of that name.

    Raises DeviceError: there is no such device, or not one for each.
    """
    if launched_processes() == 1:
        yield ProcessGroup()
        return
    device, place = choose_device(name), int(os.environ.get("LOCAL_RANK", "0"))
    if device.type == "cuda":
        there = torch.cuda.device_count()
        if device.index is not None or place >= there:
            raise DeviceError(f"each process needs a GPU of its own: start at most {there}, with device auto or cuda")
        torch.cuda.set_device(place)
    elif device.type != "cpu":
        raise DeviceError(f"several processes cannot share {device.type}: choose cpu")
    # Who waits may wait for a download.
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(hours=2))
    ProcessGroup._joined = True
    try:
        yield ProcessGroup()
    finally:
        ProcessGroup._joined = False
        distributed.destroy_process_group()
