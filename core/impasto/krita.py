"""The Krita plugin as a package: what goes into its zip, and putting it into the user's Krita and taking it out again."""

from __future__ import annotations

import io
import os
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from . import __version__
from .errors import ImpastoError

NAME = "impasto_krita"
_HERE = Path(__file__).parent
#: In the wheel the plugin lies inside the package; in the repository, beside `core`.
_SOURCES = (_HERE / "plugin", _HERE.parents[1] / "plugin")


def files(wheel: Path | None = None) -> dict[str, bytes]:
    """Path in the zip -> content. `protocol.py` is the engine's own; `wheel` is the engine that the plugin can set up."""
    source = next((folder for folder in _SOURCES if (folder / f"{NAME}.desktop").exists()), None)
    if source is None:
        raise ImpastoError("this installation has no Krita plugin in it: install impasto again")
    found = {path.name: path.read_bytes() for path in source.glob(f"{NAME}.*")}
    for path in source.joinpath(NAME).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyi":
            found[path.relative_to(source).as_posix()] = path.read_bytes()
    found[f"{NAME}/protocol.py"] = (_HERE / "frames.py").read_bytes()
    if wheel is not None:
        found[f"{NAME}/engine/{wheel.name}"] = wheel.read_bytes()
    return found


def unpack(plugins: Path, actions: Path | None = None) -> None:
    """Write the plugin's files into a folder of plugins, and its actions into another where Krita looks for them."""
    for name, content in files().items():
        target = (actions or plugins if name.endswith(".action") else plugins) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def pack(folder: Path, wheel: Path) -> Path:
    """Write the zip that Krita's "Import Python Plugin from File" takes; the same files give the same bytes."""
    contents: dict[str, bytes] = dict(files(wheel))
    for name in list(contents):
        for parent in Path(name).parents:
            if parent != Path("."):
                contents[f"{parent.as_posix()}/"] = b""  # Krita looks for the folder's own entry
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name)  # of 1 January 1980
            entry.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else 0o100644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(("/", ".whl")) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name])
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{NAME}-{__version__}.zip"
    target.write_bytes(buffer.getvalue())
    return target


def data_folder() -> Path:
    """Where Krita looks for plugins on this system"""
    if sys.platform == "win32":
        return Path(os.environ["APPDATA"]) / "krita"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "krita"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "krita"


def settings_file() -> Path:
    """Krita's own settings: which plugins are on"""
    if sys.platform == "win32":
        return Path(os.environ["LOCALAPPDATA"]) / "kritarc"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Preferences" / "kritarc"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kritarc"


def install() -> Path:
    """Put the plugin into the user's Krita and switch it on; this Python becomes its engine. Returns the plugin's folder."""
    folder = data_folder() / "pykrita"
    try:
        shutil.rmtree(folder / NAME, ignore_errors=True)
        unpack(folder, data_folder() / "actions")
        _use_engine(sys.executable)
        _switch({f"enable_{NAME}": "true"})
    except OSError as error:
        raise ImpastoError(f"{error.filename!r} cannot be written ({error.strerror}): mend its permissions") from error
    return folder / NAME


def uninstall() -> list[Path]:
    """Take all of it away: the plugin, its settings, and the engine that it has set up. Returns what was removed."""
    data = data_folder()
    places = [
        data / "pykrita" / NAME,
        data / "pykrita" / f"{NAME}.desktop",
        data / "actions" / f"{NAME}.action",
        data / "impasto",
    ]
    removed = [place for place in places if place.exists()]
    try:
        for place in removed:
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        _switch({f"enable_{NAME}": None})
    except OSError as error:
        raise ImpastoError(f"{error.filename!r} cannot be removed ({error.strerror}): close Krita and try again") from error
    return removed


def _use_engine(python: str) -> None:
    """Tell the plugin which Python runs the engine, in the settings file that it reads."""
    import json

    path = data_folder() / "impasto" / "settings.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**known, "engine": python}, indent=2), encoding="utf-8")


def _switch(changes: Mapping[str, str | None]) -> None:
    """Change keys in the [python] section of Krita's settings, and leave every other line as it is."""
    path = settings_file()
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    start = next((i for i, line in enumerate(lines) if line.strip() == "[python]"), None)
    if start is None:
        if not any(changes.values()):
            return
        lines += ["", "[python]"] if lines else ["[python]"]
        start = len(lines) - 1
    end = next((i for i in range(start + 1, len(lines)) if lines[i].startswith("[")), len(lines))
    kept = [line for line in lines[start + 1 : end] if line.split("=")[0].strip() not in changes]
    while kept and not kept[-1].strip():
        kept.pop()
    added = [f"{key}={value}" for key, value in changes.items() if value is not None]
    tail = lines[end:]
    lines = [*lines[: start + 1], *kept, *added, *([""] if tail else []), *tail]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
