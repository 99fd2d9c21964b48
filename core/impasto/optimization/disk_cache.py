"""TODO-DOC optimization.disk_cache"""

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
    """What the disk has to say, in one sentence"""
    try:
        yield
    except OSError as error:
        raise OutOfMemoryError(
            f"the features of the content's tiles cannot be kept in {str(cache_folder())!r} ({error.strerror}): make room "
            "there, name another folder with IMPASTO_CACHE, or give more memory"
        ) from error


def _as_bytes(tensor: Tensor) -> memoryview:
    return memoryview(tensor.view(torch.uint8).numpy().reshape(-1).data)


class DiskCache:
    """Tensors that are needed once a step, in a file without a name."""

    def __init__(self) -> None:
        with _disk_errors():
            folder = cache_folder()
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._file.close)  # whoever may still ask for a tensor has the shelf

    def store(self, tensor: Tensor) -> Callable[[], Tensor]:
        """Keeps a tensor, and gives what gets it again.  Raises OutOfMemoryError: there is no room on the disk."""
        shape, dtype, device = tensor.shape, tensor.dtype, tensor.device
        left = _as_bytes(tensor.contiguous().cpu())
        with _disk_errors():
            place = self._file.seek(0, 2)
            while left:
                left = left[self._file.write(left) :]

        def get() -> Tensor:
            found = torch.empty(shape, dtype=dtype)
            left = _as_bytes(found)
            with _disk_errors():
                self._file.seek(place)
                while left:
                    left = left[self._file.readinto(left) :]
            return found.to(device)

        return get
