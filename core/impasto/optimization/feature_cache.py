"""The content features of tiles, which are needed once per step: in host memory that a GPU can read, or on disk."""

from __future__ import annotations

import contextlib
import tempfile
import weakref
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..errors import OutOfMemoryError
from ..runtime.files import cache_folder
from ..runtime.memory_budget import available_memory

#: Share of the free host memory that the features may take
_HOST_SHARE = 1 / 3


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    """Convert disk errors in this block to OutOfMemoryError."""
    try:
        yield
    except OSError as error:
        raise OutOfMemoryError(
            f"cannot store the content features of the tiles in {str(cache_folder())!r} ({error.strerror}): make room "
            "there, name another folder with IMPASTO_CACHE, or allow more memory"
        ) from error


def _as_bytes(tensor: Tensor) -> memoryview:
    return memoryview(tensor.view(torch.uint8).numpy().reshape(-1).data)


class FeatureCache:
    """Stores tensors of a CUDA device in pinned host memory while there is room, which the device reads at full speed.

    Others go to an unnamed temporary file, which the system deletes with the process.
    """

    def __init__(self) -> None:
        with _disk_errors():
            folder = cache_folder()
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._file.close)  # every `load` keeps this object alive
        self._room = _HOST_SHARE * available_memory(torch.device("cpu"))  # for pinned memory, in bytes

    def store(self, tensor: Tensor) -> Callable[[], Tensor]:
        """Store a tensor, and return a function that loads it.  Raises OutOfMemoryError: the disk is full."""
        shape, dtype, device = tensor.shape, tensor.dtype, tensor.device
        if device.type == "cuda" and tensor.nbytes < self._room:
            with contextlib.suppress(RuntimeError):  # the system pins no more memory
                pinned = torch.empty(shape, dtype=dtype, pin_memory=True).copy_(tensor)
                self._room -= tensor.nbytes
                return lambda: pinned.to(device, non_blocking=True)
        remaining = _as_bytes(tensor.contiguous().cpu())
        with _disk_errors():
            offset = self._file.seek(0, 2)
            while remaining:
                remaining = remaining[self._file.write(remaining) :]

        def load() -> Tensor:
            loaded = torch.empty(shape, dtype=dtype)
            remaining = _as_bytes(loaded)
            with _disk_errors():
                self._file.seek(offset)
                while remaining:
                    remaining = remaining[self._file.readinto(remaining) :]
            return loaded.to(device)

        return load
