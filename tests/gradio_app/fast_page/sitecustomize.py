"""Speed up a page under test. Python imports this at start, in the page and in its painter, if this folder is on its path.

Pictures below 100 pixels take three steps, and after a first result the smallest level takes two.
IMPASTO_TEST_RETENTION sets the seconds after which results are deleted.
IMPASTO_TEST_TERMINATE makes the page receive SIGTERM just before it starts to wait for visitors.
"""

import importlib.abc
import importlib.util
import os
import signal
import sys


def reduce_steps(pyramid):
    level_steps = pyramid._level_steps
    pyramid._level_steps = lambda side, options: 3 if side < 100 else level_steps(side, options)
    pyramid._REFINING_STEPS = {quality: (2, *more) for quality, (_, *more) in pyramid._REFINING_STEPS.items()}


def shorten_retention(sessions):
    if seconds := float(os.environ.get("IMPASTO_TEST_RETENTION", "0")):
        sessions.RETENTION_SECONDS, sessions.CLEANUP_SECONDS = seconds, seconds / 5
        sessions.delete_expired.__defaults__ = (seconds,)


def terminate_early(networking):
    if os.environ.get("IMPASTO_TEST_TERMINATE"):
        networking.url_ok = lambda url: signal.raise_signal(signal.SIGTERM)


PATCHES = {
    "impasto.optimization.pyramid": reduce_steps,
    "page.sessions": shorten_retention,
    "gradio.networking": terminate_early,
}


class PatchingFinder(importlib.abc.MetaPathFinder):
    """Applies a module's patch right after the module has been executed"""

    def find_spec(self, name, path, target=None):
        patch = PATCHES.pop(name, None)
        if patch is None:
            return None
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_patch(module):
            execute(module)
            patch(module)

        spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, PatchingFinder())
