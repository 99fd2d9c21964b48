"""Files that are there whole or not at all: written beside their place, and then renamed.

A process that is killed in between leaves what it had begun. Such leftovers are known by the process in their name, and go
when anything is written beside them again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import tempfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import psutil

from ..errors import ImageError

#: Other computers may write to the same folder; what their processes are doing cannot be seen from here.
_PREFIX = f".impasto-{zlib.crc32(platform.node().encode()):08x}-"


@contextlib.contextmanager
def temporary_path(folder: Path) -> Iterator[Path]:
    """A place in a folder for a file or a folder that is being made; what is there in the end is removed."""
    _remove_stale(folder)
    place = folder / f"{_PREFIX}{os.getpid()}-{threading.get_ident():x}"
    try:
        yield place
    finally:
        _remove(place)


def write_atomic(target: Path, content: bytes) -> None:
    """Write a file whole, or leave what is there as it is.  Raises ImageError."""
    try:
        with temporary_path(target.parent) as place:
            with place.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # a name without content would be all that is left if the power goes now
            os.replace(place, target)
    except OSError as error:
        raise ImageError(f"{str(target)!r} cannot be written ({error.strerror}): make room or choose another place") from error


def ensure_writable(target: Path) -> Path:
    """Prove that a file can be written, before the work for it starts.  Raises ImageError."""
    if os.path.isdir(target):
        raise ImageError(f"{str(target)!r} is a folder: name a file in it")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise ImageError(f"{str(target)!r} cannot be written ({error.strerror}): choose another place") from error
    return target


def _remove_stale(folder: Path) -> None:
    """Remove what processes have left that are no more."""
    for path in folder.glob(f"{_PREFIX}*"):
        process = path.name.removeprefix(_PREFIX).split("-")[0]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else did
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def cache_folder() -> Path:
    """The user's cache folder, or what IMPASTO_CACHE names."""
    return Path(os.environ.get("IMPASTO_CACHE") or platformdirs.user_cache_path("impasto"))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits"""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
