"""The plug-in's settings: a file in GIMP's folder of the user."""

from __future__ import annotations

import os
from typing import Any

from gi.repository import Gimp

from impasto_client.settings_file import SettingsFile


def data_folder() -> str:
    """The folder for the settings and the style library."""
    return os.path.join(Gimp.directory(), "impasto")


def load() -> dict[str, Any]:
    """All settings; empty if the file is missing or unreadable."""
    return _file().load()


def store(**changes: Any) -> None:
    """Change some settings."""
    _file().store(**changes)


def _file() -> SettingsFile:
    return SettingsFile(os.path.join(data_folder(), "settings.json"))
