"""Several processes that paint one picture: on the GPUs of a machine, or on several machines.

Each has the whole picture and takes its share of the tiles; between the two passes the sums are added up, and after them the
gradients, so that all of them take the same step. They are started by `torchrun -m impasto stylize ...`, which tells each
by the environment which one it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
import torch.distributed as distributed
from torch import Tensor

from .devices import ran_out_of_memory

_T = TypeVar("_T")


class Ranks:
    """The processes that paint together; usually there is only this one."""

    def __init__(self) -> None:
        there = distributed.is_available() and distributed.is_initialized()
        self.rank, self.count = (distributed.get_rank(), distributed.get_world_size()) if there else (0, 1)

    @property
    def here(self) -> int:
        """How many of them share this machine"""
        return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if self.count > 1 else 1

    def wait(self) -> None:
        """Until all of them are here"""
        if self.count > 1:
            distributed.barrier()

    def mine(self, parts: Sequence[_T]) -> Sequence[_T]:
        """The share of this process"""
        return parts[self.rank :: self.count]

    def add(self, tensor: Tensor) -> Tensor:
        """The sum of what all of them have, in place"""
        if self.count > 1:
            distributed.all_reduce(tensor)
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
            if not ran_out_of_memory(error):
                raise
            short = 1.0
        if float(self.add(torch.tensor(short, device=device))):
            raise MemoryError


def started() -> int:
    """How many processes torchrun has started, this one included"""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextlib.contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """The processes that torchrun has started with this one, for as long as the block lasts."""
    if started() < 2:
        yield Ranks()
        return
    cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Ranks()
    finally:
        distributed.destroy_process_group()
