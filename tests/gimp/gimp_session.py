"""A GIMP without windows that runs functions of tests/gimp/in_gimp/actions.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

IN_GIMP = Path(__file__).parent / "in_gimp"
#: The words before the name of GIMP's program, such as those of a chroot; None: GIMP 3 is not there
PREFIX: list[str] | None = os.environ["IMPASTO_GIMP"].split() if "IMPASTO_GIMP" in os.environ else None
if PREFIX is None and shutil.which("gimp-console"):
    _VERSION = subprocess.run(["gimp-console", "--version"], capture_output=True, text=True, check=False).stdout
    PREFIX = [] if " 3." in _VERSION else None
SKIPPED = "GIMP 3 is not there: make test-gimp"
_START_SECONDS = 120


def gimp_environment(home: Path, engine: str | None = sys.executable, **more: str) -> dict[str, str]:
    """The environment variables for a GIMP whose files are all in `home`.  engine: the Python that runs the engine"""
    variables = {
        "HOME": str(home),
        "GIMP3_DIRECTORY": str(home / "gimp"),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "XDG_DATA_HOME": str(home / "data"),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "IMPASTO_IN_GIMP": str(IN_GIMP),
        "IMPASTO_CACHE": os.environ.get("IMPASTO_CACHE", str(Path.home() / ".cache" / "impasto")),
    }
    if engine:
        variables["IMPASTO_ENGINE"] = engine
    return {**variables, **more}


class GimpSession:
    """A running GIMP"""

    def __init__(self, home: Path, display: str = "", **environment: Any) -> None:
        """home: with the plug-in in its folder gimp/plug-ins; display: an X display to show windows on; "": none

        environment: arguments of gimp_environment
        """
        assert PREFIX is not None
        self.home = home
        self._folder = home / "requests"
        self._folder.mkdir()
        self._log = home / "gimp.log"
        script = f"exec(compile(open({str(IN_GIMP / 'serve.py')!r}).read(), 'serve.py', 'exec'))"
        program = ["gimp", "-s"] if display else ["gimp-console", "-i"]
        command = [*PREFIX, *program, "-d", "-f", "--batch-interpreter", "python-fu-eval", "-b", script, "--quit"]
        variables = gimp_environment(home, **environment)
        self._display = {"DISPLAY": display} if display else {}
        variables.update(self._display)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**variables, "IMPASTO_REQUESTS": str(self._folder)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.answer(_START_SECONDS)

    def run(self, name: str, limit: Any = 120, **arguments: Any) -> Any:
        """Call a function of actions.py and return what it returns."""
        self.begin(name, **arguments)
        return self.answer(limit)

    def begin(self, name: str, **arguments: Any) -> None:
        """Call a function without waiting for it."""
        request = self._folder / "request.json"
        unfinished = request.with_suffix(".new")
        unfinished.write_text(json.dumps([name, arguments]))
        unfinished.rename(request)

    def answer(self, limit: float = 120) -> Any:
        """Wait for the function that was begun, and return what it returns."""
        path, end = self._folder / "answer.json", time.monotonic() + limit
        while not path.exists():
            assert self._process.poll() is None, f"GIMP has ended: {self.log()}"
            assert time.monotonic() < end, f"no answer within {limit:g} s: {self.log()}"
            time.sleep(0.02)
        answer = json.loads(path.read_text())
        path.unlink()
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def xdotool(self, *arguments: object) -> str:
        """Use the mouse and the keyboard on the display.  -> what it prints"""
        assert PREFIX is not None
        command = [*PREFIX, "xdotool", *map(str, arguments)]
        return subprocess.run(command, env={**os.environ, **self._display}, capture_output=True, text=True, check=False).stdout

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def close(self) -> None:
        self.begin("quit")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
