"""Which program is the engine, which Pythons can run it, and what a failed installation means. Standard library only."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import sys
import threading
import time

MIN_PYTHON = (3, 10)
#: Environment variables that the editor sets for itself and that would break the engine's Python.
EDITOR_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "QT_PLUGIN_PATH", "QML2_IMPORT_PATH", "VIRTUAL_ENV")
#: Prints the version of a Python that can create virtual environments; fails in others.
VERSION_SCRIPT = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"

_WINDOWS = sys.platform == "win32"
_COMPLETE_MARKER = "complete"  # a file that is written last
#: Pip's messages when the package index cannot be reached, and when it has no suitable package.
_NETWORK_ERRORS = (
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
_NO_PACKAGE = "no matching distribution"


def find_engine_command(setting: str, installed: str | None) -> list[str] | None:
    """The command that runs the engine, or None if there is no engine.

    The first of: the user's setting, IMPASTO_ENGINE, the Python of the plugin's own environment, `impasto` on the PATH.
    The first two may name a Python that has impasto installed, or the `impasto` program.
    """
    for program in (setting, os.environ.get("IMPASTO_ENGINE", "")):
        if program:
            is_python = os.path.basename(program).lower().startswith("python")
            return [program, "-m", "impasto"] if is_python else [program]
    if installed:
        return [installed, "-m", "impasto"]
    on_path = shutil.which("impasto")
    return [on_path] if on_path else None


def python_in(folder: str) -> str:
    """The path of the interpreter in a virtual environment."""
    return os.path.join(folder, "Scripts", "python.exe") if _WINDOWS else os.path.join(folder, "bin", "python")


def installed_python(folder: str) -> str | None:
    """The interpreter of the plugin's own environment, or None if the installation was never completed."""
    return python_in(folder) if os.path.isfile(os.path.join(folder, _COMPLETE_MARKER)) else None


def mark_complete(folder: str, text: str) -> None:
    """Record that an installation has succeeded.  Raises OSError."""
    with open(os.path.join(folder, _COMPLETE_MARKER), "w", encoding="utf-8") as file:
        file.write(text)


def bundled_wheel() -> str | None:
    """The wheel with the engine that the plugin's zip contains, or None."""
    wheels = sorted(glob.glob(os.path.join(os.path.dirname(__file__), "engine", "impasto-*.whl")))
    return wheels[-1] if wheels else None


def python_candidates() -> list[list[str]]:
    """Commands that may start a Python, newest version first. The editor's own Python is not among them."""
    versions = [f"3.{minor}" for minor in range(14, MIN_PYTHON[1] - 1, -1)]
    if _WINDOWS:
        return [["py", "-" + version] for version in versions] + [["python"]]
    search_path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"])
    paths = [shutil.which(name, path=search_path) for name in ["python" + version for version in versions] + ["python3"]]
    unique = dict.fromkeys(path for path in paths if path)
    return [[path] for path in unique]


def package_missing(output: str) -> bool:
    """Whether pip has reached the package index, and the index has no suitable package."""
    text = output.lower()
    return _NO_PACKAGE in text and not any(phrase in text for phrase in _NETWORK_ERRORS)


def explain_failure(step: str, output: str) -> str:
    """One sentence for the user about a failed installation.

    step: "folder", "venv", "install", "check" or "complete"; output: what the programs have printed
    """
    text = output.lower()
    if "no space left" in text or "not enough space" in text or "disk full" in text or "disk quota" in text:
        return "The disk is full: the engine needs about 6 GB in Krita's data folder. Free some space and try again."
    if "permission denied" in text or "access is denied" in text or "read-only file system" in text:
        return "Krita's data folder cannot be written to. Change its permissions and try again."
    if step == "install" and any(phrase in text for phrase in _NETWORK_ERRORS):
        return "The engine's packages could not be downloaded. Check the network connection and try again."
    if step == "install" and package_missing(output):
        return "Some of the engine's packages do not exist for this computer or its Python. Install Python 3.12 and try again."
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f"Setting up the engine failed: {lines[-1] if lines else step}"


def delete_in_background(folder: str) -> None:
    """Delete a folder of several gigabytes in another thread, if it exists."""
    if not os.path.isdir(folder):
        return
    with contextlib.suppress(OSError):  # a partly deleted environment must not count as complete
        os.remove(os.path.join(folder, _COMPLETE_MARKER))
    renamed = f"{folder}.{time.time_ns()}"
    try:
        os.replace(folder, renamed)
    except OSError:
        renamed = folder
    threading.Thread(target=shutil.rmtree, args=(renamed,), kwargs={"ignore_errors": True}, daemon=True).start()
