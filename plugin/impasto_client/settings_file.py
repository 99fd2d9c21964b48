"""A plugin's settings: a JSON file, which updates of the plugin leave unchanged."""

from __future__ import annotations

import contextlib
import json
import os
from typing import Any


class SettingsFile:
    """The file may be missing or damaged: it has no settings then."""

    def __init__(self, path: str) -> None:
        self.path = path

    def load(self) -> dict[str, Any]:
        """All settings"""
        try:
            with open(self.path, encoding="utf-8") as file:
                values = json.load(file)
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}

    def store(self, **changes: Any) -> None:
        """Change some settings. If the file cannot be written, they are not saved, and painting goes on."""
        values = {**self.load(), **changes}
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with open(self.path + ".new", "w", encoding="utf-8") as file:
                json.dump(values, file, indent=2)
            os.replace(self.path + ".new", self.path)
