"""Take the steps of a setup, in any thread.  Standard library only: the editor plugins contain a copy."""

from __future__ import annotations

import http.client
import os
import subprocess
import urllib.error
import urllib.request
from typing import Any, Callable

from .installation import EDITOR_VARIABLES, Command, Download

#: What `download` and `run` raise when a step has failed
STEP_ERRORS = (OSError, http.client.HTTPException, subprocess.CalledProcessError)
_BLOCK, _TIMEOUT_SECONDS = 1 << 18, 30
_RANGE_REFUSED = 416


def program_environment() -> dict[str, str]:
    """The environment variables for a program that is not part of an editor."""
    return {name: value for name, value in os.environ.items() if name not in EDITOR_VARIABLES}


def download(step: Download, report: Callable[[int], None] = lambda received: None) -> None:
    """Download a file, going on from what has arrived before.

    report: is called with the bytes that the file has; what it raises ends the download
    Raises OSError, HTTPException.
    """
    start = os.path.getsize(step.part) if os.path.exists(step.part) else 0
    request = urllib.request.Request(step.url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_REFUSED:  # all of it is there already
            return
        raise OSError(f"HTTP {error.code}: {error.reason}") from None
    with response, open(step.part, "ab" if response.status == 206 else "wb") as file:
        missing = int(response.headers.get("Content-Length") or 0)
        while True:
            block = response.read(_BLOCK)
            if not block:
                break
            missing -= file.write(block)
            report(file.tell())
        if missing > 0:
            raise OSError("connection closed before the end")


def run(step: Command, report: Callable[[str], None], started: Callable[[Any], None] = lambda process: None) -> None:
    """Run a program.

    report: is called with each line that it prints; what it raises ends the program
    started: is called with the process, which another thread may kill
    Raises OSError, CalledProcessError.
    """
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    options.update(text=True, encoding="utf-8", errors="replace", env={**program_environment(), **step.environment})
    if os.name == "nt":
        options["creationflags"] = 0x08000000  # CREATE_NO_WINDOW: an editor has no console
    with subprocess.Popen(step.arguments, **options) as process:
        started(process)
        try:
            for line in process.stdout or ():
                report(line.rstrip())
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, step.arguments)
