"""Runs one test inside Krita: a generator that yields what it waits for, and returns what is to be reported.

`yield 0.3` waits; `yield predicate, limit` waits until it is true, at most so many seconds. The result goes to a file as JSON.
"""

import faulthandler
import importlib
import json
import os
import sys
import time
import traceback

from krita import Extension, Krita

if "PyQt6.QtCore" in sys.modules:
    from PyQt6.QtCore import QTimer
else:
    from PyQt5.QtCore import QTimer

_POLL_MS = 5


class Probe(Extension):
    def setup(self):
        self._begun = False

    def createActions(self, window):
        if not self._begun and os.environ.get("IMPASTO_PROBE"):
            self._begun = True
            QTimer.singleShot(0, self._start)

    def _start(self):
        self._order = json.loads(os.environ["IMPASTO_PROBE"])
        self._traces = open(self._order["out"] + ".trace", "w", encoding="utf-8")  # noqa: SIM115
        faulthandler.enable(self._traces)
        sys.excepthook = lambda kind, error, trace: self._finish(
            {"error": "".join(traceback.format_exception(kind, error, trace))}, 1
        )
        self._watchdog = QTimer()
        self._watchdog.setSingleShot(True)
        self._watchdog.timeout.connect(lambda: self._finish({"error": "the test took too long"}, 124))
        self._watchdog.start(int(1000 * self._order["limit"]))
        sys.path.insert(0, self._order["folder"])
        module, _, name = self._order["test"].rpartition(".")
        test = getattr(importlib.import_module(module or "inside"), name)
        self._steps = test(**self._order["arguments"])
        self._go_on()

    def _go_on(self):
        try:
            wanted = next(self._steps)
        except StopIteration as stop:
            self._finish({"result": stop.value}, 0)
            return
        except BaseException:
            self._finish({"error": traceback.format_exc()}, 1)
            return
        if isinstance(wanted, tuple):
            self._wait(wanted[0], time.monotonic() + wanted[1])
        else:
            QTimer.singleShot(int(1000 * wanted), self._go_on)

    def _wait(self, predicate, until):
        try:
            if predicate():
                self._go_on()
            elif time.monotonic() > until:
                self._steps.throw(TimeoutError("waited in vain"))
            else:
                QTimer.singleShot(_POLL_MS, lambda: self._wait(predicate, until))
        except BaseException:
            self._finish({"error": traceback.format_exc()}, 1)

    def _finish(self, payload, code):
        with open(self._order["out"], "w", encoding="utf-8") as file:
            json.dump(payload, file)
            file.flush()
            os.fsync(file.fileno())
        os._exit(code)


Krita.instance().addExtension(Probe(Krita.instance()))
