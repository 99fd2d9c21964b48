"""Tensors on disk: the content features of tiles, which are needed once per step."""

from __future__ import annotations

import contextlib
import tempfile
import weakref
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..errors import OutOfMemoryError
from ..runtime.files import cache_folder


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


class DiskCache:
    """Stores tensors in an unnamed temporary file, which the system deletes with the process."""

    def __init__(self) -> None:
        with _disk_errors():
            folder = cache_folder()
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._file.close)  # every `load` keeps this object alive

    def store(self, tensor: Tensor) -> Callable[[], Tensor]:
        """Store a tensor, and return a function that loads it.  Raises OutOfMemoryError: the disk is full."""
        shape, dtype, device = tensor.shape, tensor.dtype, tensor.device
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
