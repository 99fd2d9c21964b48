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

from ..disk import move
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
    """Write a file, or the target of a link, completely or not at all.  Raises ImageError: it cannot be written."""
    try:
        with temporary_path(resolve_link(path).parent) as temporary:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # without this, a power failure could leave an empty file under the final name
            replace_file(temporary, path)
    except OSError as error:
        raise ImageError(
            f"{str(path)!r} cannot be written ({error.strerror}): free some disk space or choose another folder"
        ) from error


def resolve_link(path: Path) -> Path:
    """Return the target of a symbolic link, which may not exist; other paths as they are, without links in their folders."""
    return Path(os.path.realpath(path))


def replace_file(temporary: Path, path: Path) -> None:
    """Move a finished file to its place, or to the target of the link there. A file that is replaced keeps its mode."""
    target = resolve_link(path)
    with contextlib.suppress(FileNotFoundError):
        shutil.copymode(target, temporary)
    move(temporary, target)


def ensure_writable(path: Path) -> Path:
    """Check that a file can be written before the work for it starts.  Raises ImageError: it cannot."""
    if os.path.isdir(path):
        raise ImageError(f"{str(path)!r} is a folder: name a file in it")
    try:
        with tempfile.TemporaryFile(dir=resolve_link(path).parent):
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
