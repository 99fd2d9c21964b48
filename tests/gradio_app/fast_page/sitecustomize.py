"""On the path of a page under test, and of its painter: tiny pictures take a dozen steps, what visitors send is forgotten
after IMPASTO_TEST_KEPT seconds, where that is set, and with IMPASTO_TEST_ENDED the page is ended as it is about to wait for
visitors. The rest is as it is.
"""

import importlib.abc
import importlib.util
import os
import signal
import sys


def quick(ladder):
    steps = ladder._steps
    ladder._steps = lambda side, options: 12 if side < 100 else steps(side, options)


def forgetful(visitors):
    if kept := float(os.environ.get("IMPASTO_TEST_KEPT", "0")):
        visitors.KEPT_S, visitors.LOOKED_S = kept, kept / 5
        visitors.sweep.__defaults__ = (kept,)


def ended(networking):
    if os.environ.get("IMPASTO_TEST_ENDED"):
        networking.url_ok = lambda url: signal.raise_signal(signal.SIGTERM)


CHANGES = {"impasto.ladder": quick, "visitors": forgetful, "gradio.networking": ended}


class Changed(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        change = CHANGES.pop(name, None)
        if change is None:
            return None
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def changed(module):
            execute(module)
            change(module)

        spec.loader.exec_module = changed
        return spec


sys.meta_path.insert(0, Changed())
