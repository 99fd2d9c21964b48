"""Work in another thread, so that the editor never freezes."""

from __future__ import annotations

import collections
import contextlib
import queue
import threading
from typing import Any, Callable

from .qt import QtCore

#: How often to look for results
_INTERVAL_MS = 20


class BackgroundWork(QtCore.QObject):
    """Runs functions one after another in a thread of its own, which ends when there is nothing to do."""

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        # The thread knows numbers instead of callbacks, which may refer to Qt's objects: those must not end in a thread.
        self._callbacks: dict[int, Callable[[Any], None]] = {}
        self._jobs: collections.deque[tuple[int, Callable[[], Any]]] = collections.deque()
        self._results: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._number = 0
        self._thread: threading.Thread | None = None
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self._deliver)

    def submit(self, function: Callable[[], Any], callback: Callable[[Any], None]) -> None:
        """Call `function` in the thread, and then `callback` with its result in the event loop.

        function: must raise nothing, and not refer to Qt's objects with a parent
        """
        self._number += 1
        self._callbacks[self._number] = callback
        self._jobs.append((self._number, function))
        self._timer.start()
        self._ensure_thread()

    def _ensure_thread(self) -> None:
        if self._jobs and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=_run, args=(self._jobs, self._results), daemon=True)
            self._thread.start()

    def _deliver(self) -> None:
        """Pass on the results. A thread that was about to end when a job was submitted is replaced."""
        self._ensure_thread()
        while not self._results.empty():
            number, result = self._results.get()
            self._callbacks.pop(number)(result)
        if not self._callbacks:
            self._timer.stop()


def _run(jobs: collections.deque[tuple[int, Callable[[], Any]]], results: queue.SimpleQueue[tuple[int, Any]]) -> None:
    with contextlib.suppress(IndexError):
        while True:
            number, function = jobs.popleft()
            results.put((number, function()))
