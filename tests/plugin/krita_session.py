"""A real Krita on a virtual display that runs the tests of `in_krita`, with the plugin installed from the built zip."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

IN_KRITA = Path(__file__).parent / "in_krita"
#: The command that starts Krita; scripts/test_kritas.sh sets it to other versions.
#: Where Krita looks for programs. The system's, because Krita's own Python has to be the first one on it
PATH = "/usr/bin:/bin"
KRITA = shlex.split(os.environ.get("IMPASTO_KRITA", "krita"))
INSTALL = "sudo apt-get install --no-install-recommends krita xvfb python3-pyqt5 python3-venv libgl1-mesa-dri"
_START_SECONDS = 120
_DISPLAY_FAILED = "no Qt platform plugin could be initialized"


@contextlib.contextmanager
def virtual_display() -> Iterator[str]:
    """An X server without a screen, on a free display number. Yields its name, such as ":99"."""
    read_end, write_end = os.pipe()
    screen = ["-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write_end), *screen], pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        number = answer.readline().strip()
    try:
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def krita_environment(home: Path, display: str, engine: str | None = None, threads: int | None = None) -> dict[str, str]:
    """The environment variables for a Krita whose files are all in `home`.

    engine: the Python that runs the engine; threads: how many it uses, by default as many as there are cores.
    """
    folders = {f"XDG_{kind.upper()}_HOME": str(home / kind) for kind in ("data", "config", "cache")}
    variables = {"HOME": str(home), "DISPLAY": display, "PATH": PATH, "XDG_RUNTIME_DIR": str(home / "run")}
    (home / "run").mkdir(mode=0o700, exist_ok=True)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    variables["IMPASTO_CACHE"] = os.environ.get("IMPASTO_CACHE", str(cache / "impasto"))
    variables["PIP_CACHE_DIR"] = os.environ.get("PIP_CACHE_DIR", str(cache / "pip"))
    if engine:
        variables["IMPASTO_ENGINE"] = engine
    if threads:
        variables["OMP_NUM_THREADS"] = str(threads)
    return variables | folders


def create_profile(home: Path, plugin_zip: Path, display: str) -> Path:
    """Create a home in which Krita has been started once, and has imported the plugin's zip with its own importer."""
    plugins = home / "data" / "krita" / "pykrita"
    plugins.mkdir(parents=True)
    shutil.copytree(IN_KRITA / "test_runner_plugin", plugins, dirs_exist_ok=True)
    (home / "config").mkdir()
    # OpenGL in software takes a third of a test's time.
    (home / "config" / "kritadisplayrc").write_text("[General]\nOpenGLRenderer=none\n")
    settings = home / "config" / "kritarc"
    settings.write_text("[python]\nenable_plugin_importer=true\nenable_impasto_test_runner=true\n")
    with KritaSession(home, display) as session:
        assert session.run("import_plugin.import_zip", path=str(plugin_zip)) == ["impasto_krita"]
    settings.write_text("[python]\nenable_impasto_krita=true\nenable_impasto_test_runner=true\n")
    return home


class KritaSession:
    """A Krita that is started for the first test and runs all others too. After a failure a new one is started."""

    def __init__(
        self, home: Path, display: str, engine: str | None = None, threads: int | None = None, **variables: str
    ) -> None:
        """home: a folder for all of Krita's files, which no other session uses; the rest as in krita_environment()

        variables: further environment variables
        """
        self.home, self._variables = home, variables
        self._display, self._engine, self._threads = display, engine, threads
        self._log = home / "krita.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._requests = self._results = -1

    def __enter__(self) -> KritaSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, test: str, limit: float = 180, **arguments: Any) -> Any:
        """Run "MODULE.NAME" of `in_krita` with these arguments, for at most `limit` seconds. Returns what it returns.

        Fails the current test if it raises or takes too long, or if Krita crashes.
        """
        answer = self._request(test, limit, arguments)
        if not answer and _DISPLAY_FAILED in self._log.read_text(errors="replace"):
            answer = self._request(test, limit, arguments)  # the X server was too slow to answer: try once more
        if not answer:
            pytest.fail(f"Krita ended during {test}\n{self._log.read_text(errors='replace')[-5000:]}")
        result = json.loads(answer)
        if "error" in result:
            self.close()
            pytest.fail(f"in Krita: {result['error']}\n{self._log.read_text(errors='replace')[-2000:]}")
        return result["result"]

    def close(self) -> None:
        """End Krita, if it is running."""
        process, self._process = self._process, None
        if process is None:
            return
        os.close(self._requests)  # at this Krita ends
        os.close(self._results)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _request(self, test: str, limit: float, arguments: dict[str, Any]) -> bytes:
        """Send a request. Returns the line of the answer, or nothing if Krita has ended or does not answer."""
        seconds = limit + 30
        if self._process is None:
            self._start()
            seconds += _START_SECONDS
        request = json.dumps({"test": test, "arguments": arguments, "limit": limit}).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):
            os.write(self._requests, request)
        line, deadline = b"", time.monotonic() + seconds
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._results], [], [], max(0, deadline - time.monotonic()))
            piece = os.read(self._results, 1 << 20) if ready else b""
            if not piece:
                self.close()
                return b""
            line += piece
        return line

    def _start(self) -> None:
        requests, self._requests = os.pipe()
        self._results, results = os.pipe()
        settings = {"folder": str(IN_KRITA), "requests": requests, "results": results}
        variables = {**krita_environment(self.home, self._display, self._engine, self._threads), **self._variables}
        variables["IMPASTO_TEST_RUNNER"] = json.dumps(settings)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [shutil.which(KRITA[0]) or KRITA[0], *KRITA[1:], "--nosplash"],  # the PATH of the variables may not have it
                env=variables,
                cwd=self.home,
                stdout=log,
                stderr=log,
                pass_fds=[requests, results],
            )
        os.close(requests)
        os.close(results)
