"""What is remembered between sessions, in a JSON file in Krita's data folder, where an update of the plugin leaves it."""

from __future__ import annotations

import json
import os
from typing import Any

from krita import Krita


def folder() -> str:
    """Where the plugin keeps what is its own: settings, and the engine's environment."""
    return os.path.join(Krita.instance().getAppDataLocation(), "impasto")


def load() -> dict[str, Any]:
    """All settings; an unreadable file counts as none."""
    try:
        with open(_path(), encoding="utf-8") as file:
            values = json.load(file)
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def store(**changes: Any) -> None:
    """Change some settings. A disk that cannot be written to costs the memory, not the work."""
    values = {**load(), **changes}
    try:
        os.makedirs(folder(), exist_ok=True)
        with open(_path() + ".new", "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)
        os.replace(_path() + ".new", _path())
    except OSError:
        pass


def _path() -> str:
    return os.path.join(folder(), "settings.json")
