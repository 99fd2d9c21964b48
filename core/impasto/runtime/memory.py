"""Memory of a device: how much is used and free, out-of-memory errors, and keeping freed memory for reuse."""

from __future__ import annotations

import contextlib
import ctypes
import math
import platform
import re
from collections.abc import Iterator
from functools import lru_cache
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

#: Memory limit of this process in bytes while freed memory is kept, and the fraction of it above which memory is released.
_limit, _NEARLY_FULL = math.inf, 0.9


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


@contextlib.contextmanager
def retain_freed_memory(device: torch.device, limit: float = math.inf) -> Iterator[None]:
    """Keep freed memory in the process until the block ends, for reuse by the next step; then give it back.

    limit: bytes; when the process comes close to it, `release_memory_if_low` returns freed memory to the system.
    On a CPU, by default, glibc returns each large block to the system at once, and getting it again costs more than the work
    of most layers on it (a 50 MB map: 2 ms to fill, 18 ms to allocate).
    """
    global _limit
    libc = _glibc(device)
    if libc is None:
        try:
            yield
        finally:
            release_memory(device)
        return
    previous_limit, _limit = _limit, limit
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of mallopt(3)
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, 2**31 - 1)
    try:
        yield
    finally:
        _limit = previous_limit
        libc.mallopt(mmap_max, 65536)
        libc.mallopt(trim_threshold, 128 << 10)
        libc.malloc_trim(0)


def release_memory(device: torch.device) -> None:
    """Return freed memory to the system: fragments left by blocks of other sizes cannot be reused."""
    libc = _glibc(device)
    if libc is not None:
        libc.malloc_trim(0)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        with contextlib.suppress(AttributeError, RuntimeError):  # pinned memory of the host
            torch._C._host_emptyCache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def release_memory_if_low(device: torch.device) -> None:
    """Release memory when the process comes close to its limit. The work that follows takes a quarter to a third longer."""
    if device.type == "cpu" and used_memory(device) > _NEARLY_FULL * _limit:
        release_memory(device)


def _glibc(device: torch.device) -> ctypes.CDLL | None:
    """Return the C library if it is glibc and allocates the device's memory."""
    return _libc() if device.type == "cpu" else None


@lru_cache
def _libc() -> ctypes.CDLL | None:
    """Return the C library of this process if it is glibc."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
