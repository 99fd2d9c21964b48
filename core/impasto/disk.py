"""Files and folders on any system: renaming what is in use, deleting large folders, locks, free space.

Standard library only: the editors' plugins contain a copy.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
import threading
import time
from typing import IO, Union

#: Waits for a file that another program has open, in seconds, and Windows' numbers for that: access denied, sharing violation
_WAITS, _IN_USE = (0.05, 0.1, 0.2, 0.4, 0.8), (5, 32)
_Path = Union[str, "os.PathLike[str]"]
_deletions: list[threading.Thread] = []


def move(source: _Path, target: _Path) -> None:
    """Rename a file or folder, and replace a file there. On Windows, wait a little for a program that has it open, such as a
    viewer or a virus scanner.  Raises OSError.
    """
    for seconds in _WAITS:
        try:
            os.replace(source, target)
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _IN_USE:
                raise
            time.sleep(seconds)
    os.replace(source, target)


def delete_in_background(folder: str) -> bool:
    """Delete a folder of several gigabytes in another thread.  Returns whether its path is free: False if a file is in use."""
    if not os.path.isdir(folder):
        return True
    renamed = f"{folder}.{time.time_ns()}"
    try:
        move(folder, renamed)
    except OSError:
        return False
    _delete(renamed)
    return True


def wait_for_deletions(seconds: float | None = None) -> None:
    """Wait until what was to be deleted is deleted, before a program ends.

    seconds: the longest wait; what is left then is for `delete_leftovers`. None: as long as it takes
    """
    end = None if seconds is None else time.monotonic() + seconds
    for thread in _deletions:
        thread.join(None if end is None else max(0.0, end - time.monotonic()))
    _deletions[:] = [thread for thread in _deletions if thread.is_alive()]


def delete_leftovers(folder: str) -> None:
    """Delete what programs that ended early have left of folders to be deleted."""
    for path in glob.glob(os.path.join(glob.escape(folder), "*.*")):
        if re.search(r"\.\d{16,}$", path):
            _delete(path)


def _delete(folder: str) -> None:
    thread = threading.Thread(target=shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, daemon=True)
    thread.start()
    _deletions.append(thread)


def lock(path: str) -> IO[str] | None:
    """Hold a lock until the file that is returned is closed; None: another program holds it."""
    file = open(path, "a")  # noqa: SIM115
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def free_bytes(folder: str) -> int:
    """Return the free space on the disk of a folder that may not exist yet; 0 if its disk does not."""
    while True:
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            folder, child = os.path.dirname(folder), folder
            if folder == child:
                return 0
