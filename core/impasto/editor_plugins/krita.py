"""Install the plugin into the user's Krita, and remove it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from ..errors import ImpastoError
from ..installation import this_local_folder
from .package import KRITA_PLUGIN, store_engine, write_files


def data_folder() -> Path:
    """Return the folder where Krita keeps its data, plugins among them."""
    if sys.platform == "win32":
        return Path(os.environ["APPDATA"]) / "krita"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "krita"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "krita"


def settings_file() -> Path:
    """Return Krita's settings file, which lists the enabled plugins."""
    if sys.platform == "win32":
        return Path(os.environ["LOCALAPPDATA"]) / "kritarc"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Preferences" / "kritarc"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kritarc"


def install_plugin() -> Path:
    """Install the plugin into the user's Krita, enable it, and make this Python its engine. Return the plugin's folder.

    Raises ImpastoError: a file cannot be written.
    """
    folder = data_folder() / "pykrita"
    try:
        shutil.rmtree(folder / KRITA_PLUGIN.name, ignore_errors=True)
        write_files(KRITA_PLUGIN, folder, data_folder() / "actions")
        store_engine(data_folder() / "impasto" / "settings.json", sys.executable)
        _edit_kritarc({f"enable_{KRITA_PLUGIN.name}": "true"})
    except OSError as error:
        raise ImpastoError(f"{error.filename!r} cannot be written ({error.strerror}): check its permissions") from error
    return folder / KRITA_PLUGIN.name


def uninstall_plugin() -> list[Path]:
    """Remove the plugin, its settings, and the engine that it has set up. Return the removed files and folders.

    Raises ImpastoError: one of them cannot be removed.
    """
    data = data_folder()
    paths = [
        data / "pykrita" / KRITA_PLUGIN.name,
        data / "pykrita" / f"{KRITA_PLUGIN.name}.desktop",
        data / "actions" / f"{KRITA_PLUGIN.name}.action",
        data / "impasto",
        Path(this_local_folder()),
    ]
    removed = [path for path in paths if path.exists()]
    try:
        for path in removed:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        _edit_kritarc({f"enable_{KRITA_PLUGIN.name}": None})
    except OSError as error:
        raise ImpastoError(f"{error.filename!r} cannot be removed ({error.strerror}): close Krita and try again") from error
    return removed


def _edit_kritarc(changes: Mapping[str, str | None]) -> None:
    """Set keys in the [python] section of Krita's settings, or remove those whose value is None. Keep all other lines."""
    path = settings_file()
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    start = next((i for i, line in enumerate(lines) if line.strip() == "[python]"), None)
    if start is None:
        if not any(changes.values()):
            return
        lines += ["", "[python]"] if lines else ["[python]"]
        start = len(lines) - 1
    end = next((i for i in range(start + 1, len(lines)) if lines[i].startswith("[")), len(lines))
    section = [line for line in lines[start + 1 : end] if line.split("=")[0].strip() not in changes]
    while section and not section[-1].strip():
        section.pop()
    added = [f"{key}={value}" for key, value in changes.items() if value is not None]
    tail = lines[end:]
    lines = [*lines[: start + 1], *section, *added, *([""] if tail else []), *tail]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
