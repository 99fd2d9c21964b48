"""Long work in Qt's event loop, cut into short steps so that the editor never freezes."""

from __future__ import annotations

import inspect
import traceback
from typing import Generator

from impasto_client.errors import PluginError
from impasto_client.i18n import i18n

from .qt import QtCore

#: A generator that does one step of the work at a time and yields the milliseconds to wait before the next.
Steps = Generator[int, None, None]
#: Usual waits: let the event loop run once, and wait for something to arrive.
NEXT_MS, IDLE_MS = 0, 20


class StepRunner(QtCore.QObject):
    """Runs one generator at a time to its end.

    Signals: `finished` when the generator has returned, `failed(message, details)` when it has raised.
    """

    finished = QtCore.pyqtSignal()
    failed = QtCore.pyqtSignal(str, str)

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._steps: Steps | None = None
        self._timer = QtCore.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.advance)

    @property
    def running(self) -> bool:
        return self._steps is not None

    def start(self, steps: Steps) -> None:
        """Run this generator, instead of the previous one if that is still running."""
        self.stop()
        self._steps = steps
        self._timer.start(NEXT_MS)

    def stop(self) -> None:
        """Close the generator, so that its `finally` blocks run. The generator itself may call this."""
        steps, self._steps = self._steps, None
        self._timer.stop()
        if steps is not None and not _is_running(steps):
            steps.close()

    def advance(self) -> None:
        """Do the next step now."""
        steps = self._steps
        if steps is None or _is_running(steps):
            return
        try:
            wait = next(steps)
        except StopIteration:
            if self._forget(steps):
                self.finished.emit()
        except PluginError as error:
            if self._forget(steps):
                self.failed.emit(str(error), "")
        except Exception as error:  # otherwise Krita would show a dialog for each exception
            if self._forget(steps):
                message = i18n("Something went wrong in the plugin: {error}", error=f"{type(error).__name__}: {error}")
                self.failed.emit(message, traceback.format_exc())
        else:
            if self._steps is steps:
                self._timer.start(wait)

    def _forget(self, steps: Steps) -> bool:
        """The generator has ended. Whether it was still the current one: its last step may have stopped or replaced it."""
        is_current = self._steps is steps
        if is_current:
            self._steps = None
            self._timer.stop()
        return is_current


def _is_running(steps: Steps) -> bool:
    """Whether this call comes from within the generator's current step."""
    return inspect.getgeneratorstate(steps) == inspect.GEN_RUNNING
