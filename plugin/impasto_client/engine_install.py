"""Which program is the engine. Standard library only."""

from __future__ import annotations

import glob
import os
import shutil


def find_engine_command(setting: str, installed: str | None) -> list[str] | None:
    """The command that runs the engine, or None if there is no engine.

    The first of: the user's setting, IMPASTO_ENGINE, the Python of the engine that was set up, `impasto` on the PATH.
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


def bundled_wheel() -> str | None:
    """The wheel with the engine that the plugin's zip contains, or None."""
    wheels = sorted(glob.glob(os.path.join(os.path.dirname(__file__), "engine", "impasto-*.whl")))
    return wheels[-1] if wheels else None
