"""Memory of a device: how much is used and free, and out-of-memory errors."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

from ..errors import BrokenDeviceError, OutOfMemoryError

_CGROUP_FOLDER = Path("/sys/fs/cgroup")
#: Limit, usage, and name of the reclaimable file cache in memory.stat, for Linux control groups version 2 and version 1
_CGROUP_FILES = [
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
]

#: Messages of out-of-memory errors that are not a torch.OutOfMemoryError
_OUT_OF_MEMORY = re.compile("out of memory|(can't|not enough).* memory|_STATUS_ALLOC_FAILED|[Ii]nvalid buffer size")


def used_memory(device: torch.device) -> int:
    """Return the bytes that this process uses: on the device, or resident memory of the process for the CPU."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    return int(psutil.Process().memory_info().rss)


def free_memory(device: torch.device) -> int:
    """Return the bytes that can still be allocated; in a container, within the container's limit."""
    if device.type == "cuda":
        reusable = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # in torch's allocator cache
        return torch.cuda.mem_get_info(device)[0] + reusable
    if device.type == "mps":  # memory of the host; beyond the recommended maximum, the system moves it to the disk
        recommended = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return max(0, min(recommended, free_memory(torch.device("cpu"))))
    free: int = psutil.virtual_memory().available
    for limit_file, usage_file, cache_key in _CGROUP_FILES:
        path = _CGROUP_FOLDER / limit_file
        with contextlib.suppress(OSError, ValueError, KeyError):  # no container, or one without a limit ("max")
            statistics = dict(line.split() for line in path.with_name("memory.stat").read_text().splitlines())
            usage = int(path.with_name(usage_file).read_text())
            free = min(free, int(path.read_text()) - usage + int(statistics[cache_key]))
    return max(0, free)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out: often torch raises a RuntimeError with a message only."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_OUT_OF_MEMORY.search(str(error)))


@contextlib.contextmanager
def device_errors(device: torch.device, out_of_memory: str) -> Iterator[None]:
    """Turn errors of a device in this block into OutOfMemoryError, with this message, or BrokenDeviceError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise OutOfMemoryError(out_of_memory) from error
        if isinstance(error, torch.AcceleratorError):
            reason = str(error).splitlines()[0]
            raise BrokenDeviceError(
                f"{device} has stopped working ({reason}): start again; if that does not help, update its driver or choose "
                "--device cpu"
            ) from error
        raise
