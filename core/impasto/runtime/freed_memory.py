"""Memory that was freed: kept in the process for reuse while it works, and given back to the system when it is idle.

On a CPU, by default, glibc returns each large block to the system at once, and getting it again costs more than the work of
most layers on it (a 50 MB map: 2 ms to fill, 18 ms to allocate). An instant painting takes a tenth longer without what the
painting before has left.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import platform
import threading
from collections.abc import Iterator
from functools import lru_cache

import torch

from .memory import used_memory

#: Freed memory is kept for so many seconds after the last work, if it is no more than so many bytes. They include what the
#: process's libraries take, about half a gigabyte.
_IDLE_SECONDS, _MAX_KEPT = 30.0, 3 << 29
#: Fractions of the process's memory limit: above the first nothing is kept after work, above the second not even during it.
_HALF_FULL, _NEARLY_FULL = 0.5, 0.9
#: Parameters of mallopt(3), with glibc's defaults
_TRIM_THRESHOLD, _MMAP_MAX = (-1, 128 << 10), (-4, 65536)


class _Keeper:
    """Counts the blocks in which freed memory is kept, and gives it back some time after the last one."""

    def __init__(self) -> None:
        self.limit = math.inf  # of the process's memory, in bytes
        self._blocks = 0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def begin(self, libc: ctypes.CDLL) -> None:
        with self._lock:
            self._blocks += 1
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            libc.mallopt(_MMAP_MAX[0], 0)
            libc.mallopt(_TRIM_THRESHOLD[0], 2**31 - 1)

    def end(self, libc: ctypes.CDLL) -> None:
        with self._lock:
            self._blocks -= 1
            if self._blocks:
                return
            if _has_excess(libc):
                self._give_back(libc)
                return
            self._timer = threading.Timer(_IDLE_SECONDS, self._on_idle, [libc])
            self._timer.daemon = True
            self._timer.start()

    def _on_idle(self, libc: ctypes.CDLL) -> None:
        with self._lock:
            if self._timer is threading.current_thread():  # no work has begun
                self._timer = None
                self._give_back(libc)

    def _give_back(self, libc: ctypes.CDLL) -> None:
        libc.mallopt(*_MMAP_MAX)
        libc.mallopt(*_TRIM_THRESHOLD)
        libc.malloc_trim(0)


_keeper = _Keeper()


def _renew() -> None:
    """In a forked child, the timer's thread is missing, and another thread of the parent may have had the lock."""
    global _keeper
    _keeper = _Keeper()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


@contextlib.contextmanager
def retain_freed_memory(device: torch.device, limit: float = math.inf) -> Iterator[None]:
    """Keep freed memory in the process during the block and for some time after it, for reuse.

    limit: bytes; when the process comes close to it, `release_memory_if_low` returns freed memory to the system.
    """
    libc = _glibc(device)
    if libc is None:
        try:
            yield
        finally:
            release_memory(device)
        return
    keeper = _keeper
    previous_limit, keeper.limit = keeper.limit, limit
    keeper.begin(libc)
    try:
        yield
    finally:
        keeper.end(libc)
        keeper.limit = previous_limit


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


def release_excess_memory(device: torch.device) -> None:
    """Return freed memory to the system; on a CPU only if it is more than is worth keeping."""
    libc = _glibc(device)
    if libc is None or _has_excess(libc):
        release_memory(device)


def release_memory_if_low(device: torch.device) -> None:
    """Release memory when the process comes close to its limit. The work that follows takes a quarter to a third longer."""
    if device.type == "cpu" and used_memory(device) > _NEARLY_FULL * _keeper.limit:
        release_memory(device)


def _has_excess(libc: ctypes.CDLL) -> bool:
    """Return whether freed memory should not be kept after work."""
    used = used_memory(torch.device("cpu"))
    return _freed_bytes(libc, used) > _MAX_KEPT or used > _HALF_FULL * _keeper.limit


class _MallocStatistics(ctypes.Structure):
    """`struct mallinfo2` of glibc"""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"]
    ]


def _freed_bytes(libc: ctypes.CDLL, used: int) -> float:
    """Return the bytes that were freed and not given back, and those of libraries.

    used: resident memory of this process, in bytes
    -> infinity before glibc 2.33, which cannot tell
    """
    if not hasattr(libc, "mallinfo2"):
        return math.inf
    libc.mallinfo2.restype = _MallocStatistics
    statistics = libc.mallinfo2()
    return int(min(statistics.fordblks, used - statistics.uordblks))  # the first counts what was given back, too


def _glibc(device: torch.device) -> ctypes.CDLL | None:
    """Return the C library if it is glibc and allocates the device's memory."""
    return _libc() if device.type == "cpu" else None


@lru_cache
def _libc() -> ctypes.CDLL | None:
    """Return the C library of this process if it is glibc."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
