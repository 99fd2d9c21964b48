"""Reading safetensors files of unknown origin: checkpoints, style networks and VGG weights."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import ImpastoError


def read_tensor_file(
    path: str | os.PathLike[str], metadata_key: str | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a safetensors file, on the CPU, and its metadata. Call it within `tensor_file_errors`.

    metadata_key: a key that the metadata must have. It is checked first, as files of other programs may be large.
    """
    with safe_open(path, framework="pt") as file:
        metadata: dict[str, str] = file.metadata() or {}
        if metadata_key is not None and metadata_key not in metadata:
            raise KeyError(metadata_key)
        # Copy the tensors to torch's alignment, which affects the last bits of products.
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    return tensors, metadata


@contextlib.contextmanager
def tensor_file_errors(*, missing: ImpastoError, invalid: ImpastoError) -> Iterator[None]:
    """Convert errors of reading a tensor file, and of using its content unchecked, to one of two errors.

    missing: raised if the file does not exist
    invalid: raised if it cannot be read, or if its metadata or tensors are not what the block expects
    """
    try:
        yield
    except FileNotFoundError:
        raise missing from None
    except (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise invalid from error
