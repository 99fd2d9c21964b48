"""The files of the editor plugins, and their zips. Each contains `impasto_client`, which the plugins share."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .._version import __version__
from ..errors import ImpastoError

_PACKAGE_FOLDER = Path(__file__).parents[1]
_CLIENT = "impasto_client"
#: Modules of the engine of which `impasto_client` contains a copy. They need the standard library only.
SHARED_MODULES = tuple(
    _PACKAGE_FOLDER / name
    for name in ("worker/protocol.py", "disk.py", "i18n.py", "installation.py", "setup_failures.py", "setup_steps.py")
)
#: The plugins' folder: inside the package in the wheel, beside `core` in the repository
_SOURCES = (_PACKAGE_FOLDER / "plugin", _PACKAGE_FOLDER.parents[1] / "plugin")
#: In the repository, the pictures of the plugins' paintings are among the web page's. In the wheel they are in the client.
_PAGE_ASSETS = _PACKAGE_FOLDER.parents[1] / "gradio_app" / "assets"


class EditorPlugin(NamedTuple):
    """The plugin for an editor"""

    editor: str
    name: str  # of its folder
    client_folder: str  # in which `impasto_client` is
    program: str = ""  # the file that the editor starts as a program


KRITA_PLUGIN = EditorPlugin("Krita", "impasto_krita", "impasto_krita/shared")
GIMP_PLUGIN = EditorPlugin("GIMP", "impasto_gimp", "impasto_gimp", "impasto_gimp/impasto_gimp.py")


def plugin_files(plugin: EditorPlugin, wheel: Path | None = None) -> dict[str, bytes]:
    """Return the files of a plugin's zip: path -> content.

    wheel: the engine that the plugin can set up, to be included
    Raises ImpastoError: this installation does not include the plugin.
    """
    source = next((folder for folder in _SOURCES if (folder / _CLIENT / "paintings" / "paintings.json").exists()), None)
    if source is None:
        raise ImpastoError(f"this installation does not include the plugin for {plugin.editor}: install impasto again")
    contents = {path.name: path.read_bytes() for path in source.glob(f"{plugin.name}.*")}
    contents |= {path.relative_to(source).as_posix(): path.read_bytes() for path in _files(source / plugin.name)}
    client = f"{plugin.client_folder}/{_CLIENT}"
    for path in _files(source / _CLIENT):
        contents[f"{plugin.client_folder}/{path.relative_to(source).as_posix()}"] = path.read_bytes()
    for painting in json.loads(contents[f"{client}/paintings/paintings.json"]):
        name = f"{client}/paintings/{painting['file']}"
        if name not in contents:
            contents[name] = (_PAGE_ASSETS / painting["file"]).read_bytes()
    for module in SHARED_MODULES:
        contents[f"{client}/{module.name}"] = module.read_bytes()
    if wheel is not None:
        contents[f"{client}/engine/{wheel.name}"] = wheel.read_bytes()
    return contents


def _files(folder: Path) -> Iterator[Path]:
    """The files to package: not what Python has compiled, nor what is for type checkers"""
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyi":
            yield path


def write_files(plugin: EditorPlugin, folder: Path, actions: Path | None = None) -> None:
    """Write the plugin's files to a folder, and Krita's `.action` files to the folder `actions`, if given."""
    for name, content in plugin_files(plugin).items():
        target = (actions or folder if name.endswith(".action") else folder) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if name == plugin.program:
            target.chmod(0o755)


def build_zip(plugin: EditorPlugin, folder: Path, wheel: Path | None = None) -> Path:
    """Write the plugin's zip, and return its path. Equal files give equal bytes.  wheel: as in `plugin_files`"""
    contents: dict[str, bytes] = dict(plugin_files(plugin, wheel))
    for name in list(contents):
        for parent in Path(name).parents:
            if parent != Path("."):
                contents[f"{parent.as_posix()}/"] = b""  # Krita requires entries for folders
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name)  # dated 1 January 1980
            mode = 0o40755 if name.endswith("/") else 0o100755 if name == plugin.program else 0o100644
            entry.external_attr = mode << 16 | (0x10 if name.endswith("/") else 0)
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(("/", ".whl")) else zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name])
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{plugin.name}-{__version__}.zip"
    target.write_bytes(buffer.getvalue())
    return target


def store_engine(settings: Path, python: str) -> None:
    """Set the Python that runs the engine, in a plugin's settings file.  Raises OSError."""
    try:
        values = json.loads(settings.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        values = {}
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({**values, "engine": python}, indent=2), encoding="utf-8")
