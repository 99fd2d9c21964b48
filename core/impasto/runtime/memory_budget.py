"""The memory that a run may allocate, from its options and from what is free."""

from __future__ import annotations

import torch

from ..options import Options
from .distributed import ProcessGroup
from .memory import free_memory, used_memory

#: Fraction of the free memory that a run may use without an explicit limit.
_FREE_FRACTION = 0.75


def memory_budget(device: torch.device, options: Options) -> float:
    """Return the bytes that may still be allocated on a device, by the options' memory limit or by what is free."""
    limit = options.memory_limit()
    if limit is not None:
        return limit - used_memory(device)
    return available_memory(device)


def available_memory(device: torch.device) -> float:
    """Return this process's share of the free memory, in bytes."""
    return _FREE_FRACTION * free_memory(device) / (ProcessGroup().local_size if device.type == "cpu" else 1)
