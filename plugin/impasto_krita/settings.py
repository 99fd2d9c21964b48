"""The plugin's settings: a JSON file in Krita's data folder, which updates of the plugin leave unchanged."""

from __future__ import annotations

import os
from typing import Any

from krita import Krita

from impasto_client.settings_file import SettingsFile

_removed: list[str] = []  # the settings files that are not to be written again


def data_folder() -> str:
    """The folder for the settings."""
    return os.path.join(Krita.instance().getAppDataLocation(), "impasto")


def engine_folder() -> str:
    """Where earlier versions of the plugin have installed the engine."""
    return os.path.join(data_folder(), "engine")


def load() -> dict[str, Any]:
    """All settings; empty if the file is missing or unreadable."""
    return SettingsFile(_path()).load()


def forget() -> None:
    """Store nothing more until Krita closes: the settings are being removed."""
    _removed.append(_path())


def store(**changes: Any) -> None:
    """Change some settings."""
    if _path() in _removed:
        return
    SettingsFile(_path()).store(**changes)


def _path() -> str:
    return os.path.join(data_folder(), "settings.json")
