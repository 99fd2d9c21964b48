"""Package the Krita plugin: build its zip, install it into the user's Krita, and remove it."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ._version import __version__
from .errors import ImpastoError
from .installation import this_local_folder

PLUGIN_NAME = "impasto_krita"
_PACKAGE_FOLDER = Path(__file__).parent
#: Modules of the engine of which the plugin contains a copy. They need the standard library only.
SHARED_MODULES = tuple(
    _PACKAGE_FOLDER / name for name in ("worker/protocol.py", "disk.py", "i18n.py", "installation.py", "setup_failures.py")
)
#: The plugin's folder: inside the package in the wheel, beside `core` in the repository
_SOURCES = (_PACKAGE_FOLDER / "plugin", _PACKAGE_FOLDER.parents[1] / "plugin")
#: In the repository, the pictures of the plugin's paintings are among the web page's. In the wheel they are in the plugin.
_PAGE_ASSETS = _PACKAGE_FOLDER.parents[1] / "gradio_app" / "assets"


def plugin_files(wheel: Path | None = None) -> dict[str, bytes]:
    """Return the files of the plugin's zip: path -> content. Some are the engine's own modules.

    wheel: the engine that the plugin can set up, to be included
    Raises ImpastoError: this installation does not include the plugin.
    """
    source = next((folder for folder in _SOURCES if (folder / f"{PLUGIN_NAME}.desktop").exists()), None)
    if source is None:
        raise ImpastoError("this installation does not include the Krita plugin: install impasto again")
    contents = {path.name: path.read_bytes() for path in source.glob(f"{PLUGIN_NAME}.*")}
    for path in source.joinpath(PLUGIN_NAME).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyi":
            contents[path.relative_to(source).as_posix()] = path.read_bytes()
    for painting in json.loads(contents[f"{PLUGIN_NAME}/paintings/paintings.json"]):
        name = f"{PLUGIN_NAME}/paintings/{painting['file']}"
        if name not in contents:
            contents[name] = (_PAGE_ASSETS / painting["file"]).read_bytes()
    for module in SHARED_MODULES:
        contents[f"{PLUGIN_NAME}/{module.name}"] = module.read_bytes()
    if wheel is not None:
        contents[f"{PLUGIN_NAME}/engine/{wheel.name}"] = wheel.read_bytes()
    return contents


def copy_files(plugins: Path, actions: Path | None = None) -> None:
    """Write the plugin's files to the folder `plugins`, and its `.action` files to the folder `actions`, if given."""
    for name, content in plugin_files().items():
        target = (actions or plugins if name.endswith(".action") else plugins) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def build_zip(folder: Path, wheel: Path) -> Path:
    """Write the zip for Krita's "Import Python Plugin from File", and return its path. Equal files give equal bytes."""
    contents: dict[str, bytes] = dict(plugin_files(wheel))
    for name in list(contents):
        for parent in Path(name).parents:
            if parent != Path("."):
                contents[f"{parent.as_posix()}/"] = b""  # Krita requires entries for folders
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name)  # dated 1 January 1980
            entry.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else 0o100644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(("/", ".whl")) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name])
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{PLUGIN_NAME}-{__version__}.zip"
    target.write_bytes(buffer.getvalue())
    return target


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
        shutil.rmtree(folder / PLUGIN_NAME, ignore_errors=True)
        copy_files(folder, data_folder() / "actions")
        _set_engine_python(sys.executable)
        _edit_kritarc({f"enable_{PLUGIN_NAME}": "true"})
    except OSError as error:
        raise ImpastoError(f"{error.filename!r} cannot be written ({error.strerror}): check its permissions") from error
    return folder / PLUGIN_NAME


def uninstall_plugin() -> list[Path]:
    """Remove the plugin, its settings, and the engine that it has set up. Return the removed files and folders.

    Raises ImpastoError: one of them cannot be removed.
    """
    data = data_folder()
    paths = [
        data / "pykrita" / PLUGIN_NAME,
        data / "pykrita" / f"{PLUGIN_NAME}.desktop",
        data / "actions" / f"{PLUGIN_NAME}.action",
        data / "impasto",
        Path(this_local_folder()),
    ]
    removed = [path for path in paths if path.exists()]
    try:
        for path in removed:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        _edit_kritarc({f"enable_{PLUGIN_NAME}": None})
    except OSError as error:
        raise ImpastoError(f"{error.filename!r} cannot be removed ({error.strerror}): close Krita and try again") from error
    return removed


def _set_engine_python(python: str) -> None:
    """Set the Python that runs the engine, in the plugin's settings file."""
    path = data_folder() / "impasto" / "settings.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        settings = {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**settings, "engine": python}, indent=2), encoding="utf-8")


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
