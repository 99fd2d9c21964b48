"""Install the plug-in into the user's GIMP, and remove it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ..errors import ImpastoError
from .package import GIMP_PLUGIN, store_engine, write_files

#: The oldest GIMP that the plug-in is for
_OLDEST = "3.0"


def user_folders() -> list[Path]:
    """Return the folders of the user's GIMPs, one for each version 3.x; that of the oldest, if GIMP has not run yet."""
    if named := os.environ.get("GIMP3_DIRECTORY"):
        return [Path(named)]
    if sys.platform == "win32":
        folder = Path(os.environ["APPDATA"]) / "GIMP"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support" / "GIMP"
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "GIMP"
    return sorted(path for path in folder.glob("3.*") if path.is_dir()) or [folder / _OLDEST]


def install_plugin() -> list[Path]:
    """Install the plug-in into the user's GIMPs, and make this Python its engine. Return the plug-in's folders.

    Raises ImpastoError: a file cannot be written.
    """
    installed = []
    try:
        for user in user_folders():
            plugin = user / "plug-ins" / GIMP_PLUGIN.name
            shutil.rmtree(plugin, ignore_errors=True)
            write_files(GIMP_PLUGIN, user / "plug-ins")
            store_engine(user / "impasto" / "settings.json", sys.executable)
            installed.append(plugin)
    except OSError as error:
        raise ImpastoError(f"{error.filename!r} cannot be written ({error.strerror}): check its permissions") from error
    return installed


def uninstall_plugin() -> list[Path]:
    """Remove the plug-in and its settings. Return the removed folders.

    The engine that it has set up stays: Krita's plugin uses the same, and its uninstallation removes it.
    Raises ImpastoError: one of them cannot be removed.
    """
    folders = [user / name for user in user_folders() for name in (f"plug-ins/{GIMP_PLUGIN.name}", "impasto")]
    removed = [folder for folder in folders if folder.exists()]
    try:
        for folder in removed:
            shutil.rmtree(folder)
    except OSError as error:
        raise ImpastoError(f"{error.filename!r} cannot be removed ({error.strerror}): close GIMP and try again") from error
    return removed
