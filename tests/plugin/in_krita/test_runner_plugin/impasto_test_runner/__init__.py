"""A Krita plugin that runs tests inside Krita, one after another, as pytest requests them.

IMPASTO_TEST_RUNNER is a JSON object with `folder` (of the test modules) and two file descriptors: `requests`, from which lines
{test, arguments, limit} are read, and `results`, to which one line {result} or {error} is written for each. The end of
`requests` ends Krita.

A test is a generator function. `yield 0.3` waits for that many seconds; `yield predicate, limit` waits until the predicate is
true, for at most that many seconds. What the generator returns is the result.
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
    from PyQt6.QtCore import QSocketNotifier, QTimer
else:
    from PyQt5.QtCore import QSocketNotifier, QTimer

_POLL_MS = 20


class TestRunner(Extension):
    def setup(self):
        self._started = False

    def createActions(self, window):
        if not self._started and os.environ.get("IMPASTO_TEST_RUNNER"):
            self._started = True
            QTimer.singleShot(0, self._start)

    def _start(self):
        faulthandler.enable()
        sys.excepthook = lambda *error: self._report_error("".join(traceback.format_exception(*error)))
        settings = json.loads(os.environ["IMPASTO_TEST_RUNNER"])
        sys.path.insert(0, settings["folder"])
        self._requests, self._results = settings["requests"], settings["results"]
        for descriptor in (self._requests, self._results):
            os.set_inheritable(descriptor, False)  # the engine must not keep them open
        self._received = b""
        self._steps = None
        self._deadline = QTimer()
        self._deadline.setSingleShot(True)
        self._deadline.timeout.connect(lambda: self._report_error("the test took too long"))
        self._notifier = QSocketNotifier(self._requests, QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._read)

    def _read(self, *_):
        piece = os.read(self._requests, 1 << 16)
        if not piece:
            os._exit(0)
        self._received += piece
        if self._received.endswith(b"\n"):
            request, self._received = json.loads(self._received), b""
            self._deadline.start(int(1000 * request["limit"]))
            self._steps = self._run(request["test"], request["arguments"])
            self._advance()

    def _run(self, test, arguments):
        module, _, name = test.rpartition(".")
        helpers = importlib.import_module("helpers")
        yield from helpers.reset()
        return (yield from getattr(importlib.import_module(module), name)(**arguments))

    def _advance(self):
        try:
            wait = next(self._steps)
        except StopIteration as stop:
            self._report({"result": stop.value})
        except BaseException:
            self._report_error(traceback.format_exc())
        else:
            if isinstance(wait, tuple):
                predicate, limit = wait
                self._wait(predicate, time.monotonic() + limit)
            else:
                QTimer.singleShot(int(1000 * wait), self._advance)

    def _wait(self, predicate, deadline):
        try:
            if predicate():
                self._advance()
            elif time.monotonic() > deadline:
                self._steps.throw(TimeoutError("a condition did not become true in time"))
            else:
                QTimer.singleShot(_POLL_MS, lambda: self._wait(predicate, deadline))
        except BaseException:
            self._report_error(traceback.format_exc())

    def _report(self, answer):
        self._deadline.stop()
        line = json.dumps(answer).encode() + b"\n"
        while line:
            line = line[os.write(self._results, line) :]

    def _report_error(self, text):
        """Krita ends after an error, because the next test could not rely on its state."""
        if "impasto_krita.runner" in sys.modules:
            runner = sys.modules["impasto_krita.runner"].get_runner()
            text += f"\nstate: {runner.state}; status: {runner.status}; problem: {runner.problem}\n{runner.engine.stderr_tail}"
        self._report({"error": text})
        os._exit(1)


Krita.instance().addExtension(TestRunner(Krita.instance()))
