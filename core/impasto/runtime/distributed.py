"""Data-parallel processes that stylize one image together, on the GPUs of one machine or on several machines.

Each process holds the whole image and takes a share of its tiles. The moments are summed between the two passes and the
gradients after them, so all processes take the same step. Start them with `torchrun -m impasto stylize ...`.
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
    """The processes that stylize one image together; usually only this one."""

    _joined = False  # torch.distributed may be initialized by other code for other purposes

    def __init__(self) -> None:
        self.rank, self.size = (distributed.get_rank(), distributed.get_world_size()) if self._joined else (0, 1)

    @property
    def local_size(self) -> int:
        """Number of these processes on this machine"""
        return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if self.size > 1 else 1

    def broadcast_object(self, value: _T) -> _T:
        """Return rank 0's value."""
        if self.size == 1:
            return value
        objects = [value]
        distributed.broadcast_object_list(objects)
        return objects[0]

    def shard(self, items: Sequence[_T]) -> Sequence[_T]:
        """Return this process's share of the items."""
        return items[self.rank :: self.size]

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def broadcast(self, tensor: Tensor) -> Tensor:
        """Overwrite a tensor with rank 0's, in place."""
        if self.size > 1:
            distributed.broadcast(tensor, 0)
        return tensor

    def min(self, number: float, device: torch.device) -> float:
        """Return the minimum of a number over all processes."""
        if self.size == 1:
            return number
        tensor = torch.tensor(number, device=device, dtype=torch.float64)
        distributed.all_reduce(tensor, distributed.ReduceOp.MIN)
        return float(tensor)

    @contextlib.contextmanager
    def fail_together(self, device: torch.device) -> Iterator[None]:
        """Raise MemoryError in every process if one of them runs out of memory in this block."""
        if self.size == 1:
            yield
            return
        out_of_memory = 0.0
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            out_of_memory = 1.0
        if float(self.sum(torch.tensor(out_of_memory, device=device))):
            raise MemoryError


def launched_processes() -> int:
    """Return the number of processes that torchrun started, including this one."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1


@contextlib.contextmanager
def process_group(device_name: str) -> Iterator[ProcessGroup]:
    """Join the processes that torchrun started, until the block ends.

    Raises DeviceError: the device is not available, or there are fewer GPUs than processes on this machine.
    """
    if launched_processes() == 1:
        yield ProcessGroup()
        return
    device, local_rank = choose_device(device_name), int(os.environ.get("LOCAL_RANK", "0"))
    if device.type == "cuda":
        gpu_count = torch.cuda.device_count()
        if device.index is not None or local_rank >= gpu_count:
            raise DeviceError(f"each process needs its own GPU: start at most {gpu_count} processes, with device auto or cuda")
        torch.cuda.set_device(local_rank)
    elif device.type != "cpu":
        raise DeviceError(f"several processes cannot share one {device.type} device: choose cpu")
    # The timeout is long because the other processes wait while rank 0 downloads weights.
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(hours=2))
    ProcessGroup._joined = True
    try:
        yield ProcessGroup()
    finally:
        ProcessGroup._joined = False
        distributed.destroy_process_group()
