"""Sets the engine up in a thread, for an editor without an event loop of its own for it."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import Any

from .engine_install import bundled_wheel
from .i18n import i18n
from .installation import Command, Computer, DiskProgress, Download, Setup, SetupError, missing_bytes
from .setup_steps import take_steps


class _Cancelled(Exception):
    """The user has stopped the setup."""


class SetupRunner:
    """One setup. Another thread asks now and then how far it is."""

    def __init__(self, folder: str) -> None:
        """folder: where the engine is installed"""
        self.problem: str | None = None  # once it has ended: what went wrong; "" after success
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()  # of the log
        self._folder = folder
        self._cancelled = threading.Event()
        self._process: Any = None
        self._progress: DiskProgress | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def progress(self) -> tuple[float, str]:
        """The fraction that is done, and a text about it"""
        progress = self._progress
        if progress is None:
            return 0.0, ""
        text = progress.update()
        return progress.fraction, text

    def cancel(self) -> None:
        """Stop, and restore the previous engine. Waits until that is done."""
        self._cancelled.set()
        with contextlib.suppress(OSError, AttributeError):
            self._process.kill()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        wheel = bundled_wheel()
        if wheel is None:
            self.problem = i18n("This copy of the plugin does not contain the engine. Get the zip from the project's page.")
            return
        computer = Computer.this()
        self._progress = DiskProgress(self._folder, missing_bytes(computer, self._folder))
        problem = i18n("The installation was stopped. What is complete is not downloaded again.")
        try:
            setup = Setup(self._folder, wheel, computer)
            take_steps(setup, self._begin, self._report, lambda count: self._ensure_going_on(), self._started)
            problem = ""
        except SetupError as error:
            if not self._cancelled.is_set():
                problem = str(error)
        except _Cancelled:
            pass
        finally:
            self.problem = problem

    def _begin(self, step: Download | Command) -> None:
        self.lines.put(step.url if isinstance(step, Download) else " ".join(step.arguments))

    def _report(self, line: str) -> None:
        self.lines.put(line)
        self._ensure_going_on()

    def _started(self, process: Any) -> None:
        self._process = process
        self._ensure_going_on()

    def _ensure_going_on(self) -> None:
        if self._cancelled.is_set():
            raise _Cancelled
