"""Take the steps of a setup, in any thread.  Standard library only: the editor plugins contain a copy."""

from __future__ import annotations

import http.client
import os
import subprocess
import urllib.error
import urllib.request
from typing import Any, Callable

from .installation import EDITOR_VARIABLES, Command, Download, Setup, SetupError

#: Options of subprocess for a program that must not open a window of its own: an editor on Windows has no console
NO_WINDOW: dict[str, Any] = {"creationflags": 0x08000000} if os.name == "nt" else {}
#: What `download` and `run` raise when a step has failed
_STEP_ERRORS = (OSError, http.client.HTTPException, subprocess.CalledProcessError)
_BLOCK, _TIMEOUT_SECONDS = 1 << 18, 30
_RANGE_REFUSED = 416


def program_environment() -> dict[str, str]:
    """The environment variables for a program that is not part of an editor."""
    variables = {name: value for name, value in os.environ.items() if name not in EDITOR_VARIABLES}
    variables["PYTHONUTF8"] = "1"
    return variables


def take_steps(
    setup: Setup,
    begin: Callable[[Download | Command], None],
    report: Callable[[str], None],
    received: Callable[[int], None] = lambda count: None,
    started: Callable[[Any], None] = lambda process: None,
) -> None:
    """Take all steps of a setup. After a failure, or what a callback raises, restore the engine that was there before.

    begin: is called with each step; report: with each line that a program prints
    received, started: as in `download` and `run`
    Raises SetupError: its text is for the user.
    """
    output: list[str] = []

    def collect(line: str) -> None:
        output.append(line)
        report(line)

    succeeded = False
    try:
        while True:
            step = setup.next_step()
            if step is None:
                break
            output.clear()
            begin(step)
            if isinstance(step, Download):
                download(step, received)
            else:
                run(step, collect, started)
        succeeded = True
    except _STEP_ERRORS as error:
        text = "\n".join(output) or str(getattr(error, "reason", error))
        raise SetupError(setup.explain(text)) from None
    finally:
        if not succeeded:
            setup.undo()


def download(step: Download, received: Callable[[int], None]) -> None:
    """Download a file, going on from what has arrived before.

    received: is called with the bytes that the file has; what it raises ends the download
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
            received(file.tell())
        if missing > 0:
            raise OSError("connection closed before the end")


def run(step: Command, report: Callable[[str], None], started: Callable[[Any], None]) -> None:
    """Run a program.

    report: is called with each line that it prints
    started: is called with the process, which another thread may kill
    What either of them raises ends the program.
    Raises OSError, CalledProcessError.
    """
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    options.update(text=True, encoding="utf-8", errors="replace", env={**program_environment(), **step.environment})
    with subprocess.Popen(step.arguments, **options, **NO_WINDOW) as process:
        try:
            started(process)
            for line in process.stdout or ():
                report(line.rstrip())
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, step.arguments)
