"""Atomic file writes, the cache folder, and file hashes.

Files are written under a temporary name next to their target and then renamed. A killed process leaves its temporary file
behind; the name contains the process ID, and the next write to the same folder removes files of dead processes.
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

#: Contains the host name: other computers may write to a shared folder, and their process IDs mean nothing here.
_PREFIX = f".impasto-{zlib.crc32(platform.node().encode()):08x}-"


@contextlib.contextmanager
def temporary_path(folder: Path) -> Iterator[Path]:
    """Yield an unused path in `folder` for a temporary file or folder; remove what is there when the block ends."""
    _remove_stale(folder)
    path = folder / f"{_PREFIX}{os.getpid()}-{threading.get_ident():x}"
    try:
        yield path
    finally:
        _remove(path)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file completely or not at all.  Raises ImageError: it cannot be written.

    Of a symbolic link, the file that it points to is written. A file that is replaced keeps its mode.
    """
    target = Path(os.path.realpath(path))
    try:
        with temporary_path(target.parent) as temporary:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # without this, a power failure could leave an empty file under the final name
            with contextlib.suppress(FileNotFoundError):
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
    except OSError as error:
        raise ImageError(
            f"{str(path)!r} cannot be written ({error.strerror}): free some disk space or choose another folder"
        ) from error


def ensure_writable(path: Path) -> Path:
    """Check that a file can be written before the work for it starts.  Raises ImageError: it cannot."""
    if os.path.isdir(path):
        raise ImageError(f"{str(path)!r} is a folder: name a file in it")
    try:
        with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))):
            pass
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be written ({error.strerror}): choose another folder") from error
    return path


def _remove_stale(folder: Path) -> None:
    """Remove temporary files of processes that no longer run."""
    for path in folder.glob(f"{_PREFIX}*"):
        process_id = path.name.removeprefix(_PREFIX).split("-")[0]
        if process_id.isdecimal() and not psutil.pid_exists(int(process_id)):
            _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # another process may have removed it
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def cache_folder() -> Path:
    """Return the folder IMPASTO_CACHE, or else the user's cache folder."""
    return Path(os.environ.get("IMPASTO_CACHE") or platformdirs.user_cache_path("impasto"))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
