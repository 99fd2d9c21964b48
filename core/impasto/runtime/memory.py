"""TODO-DOC runtime.memory"""

from __future__ import annotations

import contextlib
import ctypes
import math
import platform
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

from ..errors import OutOfMemoryError


def used_memory(device: torch.device) -> int:
    """Bytes that this process has of the device's memory; for the CPU, of the machine's"""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return int(psutil.Process().memory_info().rss)


def free_memory(device: torch.device) -> int:
    """Bytes that nobody has; in a container, of what it may have"""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by torch, to be used again
        return torch.cuda.mem_get_info(device)[0] + kept
    free: int = psutil.virtual_memory().available
    for limit, used, cached in _CGROUP_FILES:
        file = _CGROUPS / limit
        with contextlib.suppress(OSError, ValueError, KeyError):  # no container, or one without a limit, which says `max`
            facts = dict(line.split() for line in file.with_name("memory.stat").read_text().splitlines())
            free = min(free, int(file.read_text()) - int(file.with_name(used).read_text()) + int(facts[cached]))
    return max(0, free)


_CGROUPS = Path("/sys/fs/cgroup")
#: Where Linux says what a container may have, what it has, and which of that is files that can be read again, in both
#: versions of control groups
_CGROUP_FILES = [
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a lack of memory; torch says so on a CPU only in words."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(re.search("out of memory|(can't|not enough).* memory", str(error)))


@contextlib.contextmanager
def out_of_memory_error(sentence: str) -> Iterator[None]:
    """A lack of memory within this block, in a sentence.  Raises OutOfMemoryError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(sentence) from error


#: What this process is to have of memory at most, in bytes, and from which share of it on holes go back.
_limit, _NEARLY_FULL = math.inf, 0.9


@contextlib.contextmanager
def retain_freed_memory(device: torch.device, most: float = math.inf) -> Iterator[None]:
    """Within this block, memory that the CPU frees is kept for the next step, instead of being asked for anew; `tidy` gives
    it back where the process comes near to what it is to have at most, in bytes.

    glibc gives each large block back to the system at once; taking it again costs more than most layers' work on it (a map
    of 50 MB: 2 ms to fill, 18 ms to get). At the end everything goes back.
    """
    global _limit
    libc = _glibc(device)
    if libc is None:
        yield
        return
    before, _limit = _limit, most
    trim_threshold, mmap_max = -1, -4
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, 2**31 - 1)
    try:
        yield
    finally:
        _limit = before
        libc.mallopt(mmap_max, 65536)
        libc.mallopt(trim_threshold, 128 << 10)
        libc.malloc_trim(0)


def release_memory(device: torch.device) -> None:
    """What has been freed on a device goes back to the system: the holes that blocks of another size have left are no use."""
    libc = _glibc(device)
    if libc is not None:
        libc.malloc_trim(0)
    if device.type == "cuda":
        torch.cuda.empty_cache()


def release_memory_if_low(device: torch.device) -> None:
    """`give_back`, where it is needed: the work that comes next takes a quarter to a third longer for it."""
    if device.type == "cpu" and used_memory(device) > _NEARLY_FULL * _limit:
        release_memory(device)


def _glibc(device: torch.device) -> ctypes.CDLL | None:
    """The C library, where it is glibc that a device's memory comes from"""
    return ctypes.CDLL(None) if device.type == "cpu" and platform.libc_ver()[0] == "glibc" else None
