"""TODO-DOC runtime.memory_budget"""

from __future__ import annotations

import torch

from ..options import Options
from .distributed import ProcessGroup
from .memory import free_memory, used_memory

#: The share of the free memory that is taken where nothing is said.
_FREE_FRACTION = 0.75


def memory_budget(device: torch.device, options: Options) -> float:
    """Bytes that may be taken now, of what the options allow or of what is free"""
    most = options.most_memory()
    if most is not None:
        return most - used_memory(device)
    return available_memory(device)


def available_memory(device: torch.device) -> float:
    """Bytes of what is free that a process may take"""
    return _FREE_FRACTION * free_memory(device) / (ProcessGroup().here if device.type == "cpu" else 1)
