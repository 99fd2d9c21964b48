"""The plugin's settings: a JSON file in Krita's data folder, which updates of the plugin leave unchanged."""

from __future__ import annotations

import json
import os
from typing import Any

from krita import Krita

_removed: list[str] = []  # the settings files that are not to be written again


def data_folder() -> str:
    """The folder for the settings."""
    return os.path.join(Krita.instance().getAppDataLocation(), "impasto")


def engine_folder() -> str:
    """Where earlier versions of the plugin have installed the engine."""
    return os.path.join(data_folder(), "engine")


def load() -> dict[str, Any]:
    """All settings; empty if the file is missing or unreadable."""
    try:
        with open(_path(), encoding="utf-8") as file:
            values = json.load(file)
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def forget() -> None:
    """Store nothing more until Krita closes: the settings are being removed."""
    _removed.append(_path())


def store(**changes: Any) -> None:
    """Change some settings. If the file cannot be written, they are not saved, and painting goes on."""
    if _path() in _removed:
        return
    values = {**load(), **changes}
    try:
        os.makedirs(data_folder(), exist_ok=True)
        with open(_path() + ".new", "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)
        os.replace(_path() + ".new", _path())
    except OSError:
        pass


def _path() -> str:
    return os.path.join(data_folder(), "settings.json")
