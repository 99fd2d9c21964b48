"""The memory that a run may allocate, from its options and from what is free."""

from __future__ import annotations

import torch

from ..options import Options
from .distributed import ProcessGroup
from .freed_memory import release_memory
from .memory import free_memory, used_memory

#: Fraction of the free memory that a run may use without an explicit limit.
_FREE_FRACTION = 0.75
#: With fewer free bytes, what earlier work has left is given back before they are counted.
_SCARCE = 4 << 30


def memory_budget(device: torch.device, options: Options) -> float:
    """Return the bytes that may still be allocated on a device, by the options' memory limit or by what is free."""
    limit = options.memory_limit()
    if limit is not None:
        release_memory(device)  # what earlier work has left
        return limit - used_memory(device)
    return available_memory(device)


def available_memory(device: torch.device) -> float:
    """Return this process's share of the free memory, in bytes."""
    free = free_memory(device)
    if device.type == "cpu" and free < _SCARCE:
        release_memory(device)
        free = free_memory(device)
    return _FREE_FRACTION * free / (ProcessGroup().local_size if device.type == "cpu" else 1)
