"""The user's styles: pictures, pictures of folders, the plugin's paintings, and trained networks. Standard library only.

What the user has added, named and marked is kept in a JSON file in the library's folder, which also has the pasted pictures.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import time
from typing import Any, Iterable, NamedTuple

from .errors import PluginError
from .i18n import i18n
from .request import StyleSource

#: The pictures of a folder that are listed, and the styles that count as recent
MAX_FOLDER_PICTURES, MAX_RECENT = 500, 24
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif", ".tga", ".ppm", ".jp2")
_MAX_NAME = 80
_FILE_NAME = "library.json"
_PAINTINGS = os.path.join(os.path.dirname(__file__), "paintings")


class StyleEntry(NamedTuple):
    """A style that the user can choose: a picture, a network that has learned one, or both."""

    kind: str  # "layer", "picture", "painting", "network", or "folder": one that is missing
    key: str  # stays the same when the style is renamed
    name: str
    path: str = ""  # of its picture or folder
    layer_key: str = ""
    network: str = ""  # the name of its network
    own_network: bool = False  # which can be renamed and deleted
    thumbnail: str = ""  # of a network: a JPEG file in base64
    folder: str = ""  # the folder of the user's that contains the picture
    stored: bool = False  # whether the picture's file belongs to the library
    favorite: bool = False
    used: float = 0.0  # when it was last used, in seconds since 1970; 0: never
    missing: bool = False  # the file or folder is gone

    @property
    def has_picture(self) -> bool:
        return bool(self.path or self.layer_key)

    @property
    def can_rename(self) -> bool:
        return (self.kind == "network" and self.own_network) or (self.kind == "picture" and not self.missing)

    @property
    def can_delete(self) -> bool:
        """Whether there is something to delete: its network, or its place in the list"""
        return self.own_network or self.can_remove

    @property
    def can_remove(self) -> bool:
        """Whether the picture or the folder can be removed from the list"""
        return self.kind == "folder" or (self.kind == "picture" and not self.folder)

    @property
    def deletes_data(self) -> bool:
        """Whether deleting it loses something, and not only an entry of the list."""
        return self.stored or self.own_network

    def source(self, instant: bool = False) -> StyleSource:
        """What to paint with: the network, if it is asked for or the style has no picture; otherwise the picture."""
        if self.network and (instant or not self.has_picture):
            return StyleSource(self.name, network=self.network)
        return StyleSource(self.name, layer_key=self.layer_key, path=self.path)


class StyleLibrary:
    """The styles of one user. `revision` changes whenever `entries` does."""

    def __init__(self, folder: str, paintings: str = _PAINTINGS) -> None:
        """folder: for the library's own files, `self.folder`; paintings: the folder of the plugin's paintings"""
        self.revision = 0
        self.folder = os.path.abspath(folder)
        self._file = os.path.join(self.folder, _FILE_NAME)
        self._paintings = _read_paintings(os.path.abspath(paintings))
        self._networks: list[dict[str, Any]] = []
        self._folder_pictures: dict[str, list[str] | None] = {}  # None: the folder is missing
        self._missing: set[str] = set()  # of `pictures`, when they were last looked for
        self._listed: tuple[int, list[StyleEntry]] = (-1, [])  # the revision and its entries
        self._loaded_state: Any = None
        self.closed = False  # by close()
        self._load()

    @property
    def folders(self) -> list[str]:
        """The folders that the user has added."""
        return list(self._folders)

    @property
    def pictures(self) -> list[str]:
        """The paths of the picture files that the user has added."""
        return list(self._pictures)

    def close(self) -> None:
        """Keep the styles as they are now, and store nothing more: the library's files are being removed."""
        self.closed = True

    def refresh(self) -> None:
        """Load the library again if another window or program has changed its file."""
        if not self.closed and _file_state(self._file) != self._loaded_state:
            self._load()

    def set_networks(self, networks: Iterable[dict[str, Any]]) -> None:
        """networks: name, title, thumbnail and `own` of each, from the engine"""
        networks = list(networks)
        if networks != self._networks:
            self._networks = networks
            self.revision += 1

    def set_missing(self, paths: Iterable[str]) -> None:
        """paths: the answer of `find_missing` for `pictures`"""
        missing = set(paths)
        if missing != self._missing:
            self._missing = missing
            self.revision += 1

    def set_folder_pictures(self, folder: str, paths: list[str] | None) -> None:
        """paths: the answer of `list_pictures` for one of the folders"""
        if folder in self._folders and self._folder_pictures.get(folder, []) != paths:
            self._folder_pictures[folder] = paths
            self.revision += 1

    def entries(self) -> list[StyleEntry]:
        """All styles: the user's pictures and networks from the newest, then the paintings, then the folders' pictures.

        No disk is asked, since it may be that of another computer: `set_missing` and `set_folder_pictures` say what is there.
        """
        if self._listed[0] != self.revision:
            self._listed = self.revision, self._list_entries()
        return list(self._listed[1])

    def _list_entries(self) -> list[StyleEntry]:
        networks = {network["name"]: network for network in self._networks}
        pictures = [self._picture(path, networks) for path in reversed(self._pictures)]
        paintings = [self._painting(path, title, networks) for path, title in self._paintings]
        used = {entry.network for entry in pictures + paintings}
        others = [self._network(network) for network in self._networks if network["name"] not in used]
        own = [entry for entry in others if entry.own_network]
        shipped = [entry for entry in others if not entry.own_network]
        listed: list[StyleEntry] = []
        for folder in self._folders:
            found = self._folder_pictures.get(folder, [])
            if found is None:
                name = os.path.basename(folder)
                listed.append(StyleEntry("folder", f"folder:{folder}", name, path=folder, folder=folder, missing=True))
                continue
            paths = [path for path in found if path not in self._pictures]
            listed += [self._picture(path, networks, folder) for path in paths]
        unique = {entry.key: entry for entry in pictures + own + paintings + shipped + listed}
        return list(unique.values())

    def recent(self) -> list[StyleEntry]:
        """The styles that were used last, the latest first."""
        used = [entry for entry in self.entries() if entry.used and not entry.missing]
        return sorted(used, key=lambda entry: entry.used, reverse=True)[:MAX_RECENT]

    def find(self, key: str) -> StyleEntry | None:
        """The style with this key, or None."""
        return next((entry for entry in self.entries() if entry.key == key), None)

    def find_network(self, name: str) -> StyleEntry | None:
        """The style of this network, or None."""
        return next((entry for entry in self.entries() if name and entry.network == name), None)

    def add_picture(self, path: str) -> str:
        """Add a picture file, which stays where it is. A painting of the plugin is there already.  Returns its key"""
        path = os.path.abspath(path)
        painting = next((entry for entry in self.entries() if entry.kind == "painting" and entry.path == path), None)
        if painting is not None:
            return painting.key
        if path in self._missing:  # until it is looked for again
            self._missing.remove(path)
            self.revision += 1
        if path not in self._pictures and not any(paths and path in paths for paths in self._folder_pictures.values()):
            self._pictures.append(path)
            self._store()
        return f"picture:{path}"

    def add_saved(self, path: str, name: str) -> str:
        """Add a file of the library's own folder. The same one twice is one style.

        path: from `name_by_content`; name: a number is appended if it is taken
        Returns its key.
        """
        key = f"picture:{path}"
        if path not in self._pictures:
            taken = {entry.name for entry in self.entries()}
            names = itertools.chain([name], (f"{name} {number}" for number in itertools.count(2)))
            self._names[key] = next(candidate for candidate in names if candidate not in taken)
            self._pictures.append(path)
            self._store()
        return key

    def add_folder(self, folder: str) -> None:
        """Add the pictures of a folder. They are listed once `set_folder_pictures` has their paths."""
        folder = os.path.abspath(folder)
        if folder not in self._folders:
            self._folders.append(folder)
            self._store()

    def remove_folder(self, folder: str) -> None:
        """Remove a folder from the list. Its files stay."""
        self._folders.remove(folder)
        for path in self._folder_pictures.pop(folder, None) or []:
            self._forget(f"picture:{path}")
        self._forget(f"folder:{folder}")
        self._store()

    def rename(self, key: str, name: str) -> None:
        """Rename a picture in the list; its file keeps its name. Networks are renamed by the engine.  Raises PluginError"""
        name = " ".join(name.split())[:_MAX_NAME]
        entry = self.find(key)
        if entry is None or entry.kind != "picture":
            raise PluginError(i18n("Only your own styles can be renamed."))
        if not name:
            raise PluginError(i18n("A style needs a name."))
        self._names[key] = name
        self._store()

    def delete(self, key: str) -> None:
        """Remove a picture from the list, and its file if it belongs to the library, or remove a missing folder.

        Networks are deleted by the engine.  Raises PluginError
        """
        entry = self.find(key)
        if entry is None or not entry.can_remove:
            raise PluginError(i18n("Only your own styles can be deleted."))
        if entry.kind == "folder":
            self.remove_folder(entry.path)
            return
        if entry.stored:
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.remove(entry.path)
            except OSError as error:
                raise PluginError(
                    i18n("{name} cannot be deleted: {reason}.", name=entry.name, reason=error.strerror)
                ) from error
        self._pictures.remove(entry.path)
        self._forget(key)
        self._store()

    def mark_used(self, key: str) -> None:
        """Note that a style is used now."""
        latest = max(self._used.values(), default=0.0)
        self._used[key] = max(time.time(), latest + 0.001)  # the clock may be coarse, or set back
        for old in sorted(self._used, key=lambda used: -self._used[used])[MAX_RECENT:]:
            del self._used[old]
        self._store()

    def toggle_favorite(self, key: str) -> None:
        """Make a style a favorite, or no longer one."""
        if key in self._favorites:
            self._favorites.remove(key)
        else:
            self._favorites.append(key)
        self._store()

    def attach_network(self, path: str, network: str) -> None:
        """Note that this network was trained on this picture, so that the two are one style."""
        entry = next((entry for entry in self.entries() if entry.path == os.path.abspath(path)), None)
        if entry is not None:
            self._trained[entry.key] = network
            self._store()

    def _picture(self, path: str, networks: dict[str, Any], folder: str = "") -> StyleEntry:
        key, name = f"picture:{path}", os.path.splitext(os.path.basename(path))[0]
        stored = os.path.dirname(path) == self.folder
        missing = not folder and path in self._missing
        entry = StyleEntry("picture", key, name, path, folder=folder, stored=stored, missing=missing)
        return self._marked(entry, networks.get(self._trained.get(key, ""), {}))

    def _painting(self, path: str, title: str, networks: dict[str, Any]) -> StyleEntry:
        """One of the plugin's paintings. A network of the user's that only has the same name is another style."""
        name = os.path.splitext(os.path.basename(path))[0]
        key, shipped = f"painting:{name}", networks.get(name, {})
        network = networks.get(self._trained.get(key, "")) or ({} if shipped.get("own") else shipped)
        return self._marked(StyleEntry("painting", key, title, path), network)

    def _network(self, network: dict[str, Any]) -> StyleEntry:
        return self._marked(StyleEntry("network", f"network:{network['name']}", network["title"]), network)

    def _marked(self, entry: StyleEntry, network: dict[str, Any]) -> StyleEntry:
        """The entry with what the user has noted about it, and with its network."""
        return entry._replace(
            name=self._names.get(entry.key, entry.name),
            favorite=entry.key in self._favorites,
            used=self._used.get(entry.key, 0.0),
            network=network.get("name", ""),
            own_network=bool(network.get("own")),
            thumbnail=network.get("thumbnail", ""),
        )

    def _forget(self, key: str) -> None:
        """Remove what is noted about a style."""
        self._names.pop(key, None)
        self._trained.pop(key, None)
        self._used.pop(key, None)
        if key in self._favorites:
            self._favorites.remove(key)

    def _load(self) -> None:
        """Read the file. A damaged or missing one counts as an empty library, a damaged value as no value."""
        self._loaded_state = _file_state(self._file)
        try:
            with open(self._file, encoding="utf-8") as file:
                values = json.load(file)
        except (OSError, ValueError, RecursionError):
            values = {}
        values = values if isinstance(values, dict) else {}
        self._pictures, self._folders, self._favorites = (
            _texts(values.get(name)) for name in ("pictures", "folders", "favorites")
        )
        names, used, trained = (
            values[name] if isinstance(values.get(name), dict) else {} for name in ("names", "used", "trained")
        )
        self._names: dict[str, str] = {key: name for key, name in names.items() if isinstance(name, str) and name}
        self._used: dict[str, float] = {key: float(when) for key, when in used.items() if type(when) in (int, float)}
        self._trained: dict[str, str] = {key: name for key, name in trained.items() if isinstance(name, str)}
        self.revision += 1

    def _store(self) -> None:
        """Write the file. If that fails, the changes last until Krita closes."""
        self.revision += 1
        if self.closed:
            return
        values = {
            "pictures": self._pictures,
            "folders": self._folders,
            "favorites": self._favorites,
            "names": self._names,
            "used": self._used,
            "trained": self._trained,
        }
        with contextlib.suppress(OSError):
            os.makedirs(self.folder, exist_ok=True)
            with open(self._file + ".new", "w", encoding="utf-8") as file:
                json.dump(values, file, indent=1)
            os.replace(self._file + ".new", self._file)
            self._loaded_state = _file_state(self._file)


def search(entries: Iterable[StyleEntry], text: str) -> list[StyleEntry]:
    """The styles whose names contain all words of the text, in any case."""
    words = text.casefold().split()
    return [entry for entry in entries if all(word in entry.name.casefold() for word in words)]


def name_by_content(path: str) -> str:
    """Rename a file so that equal files have equal names, and return its path. Any thread may call this.  Raises OSError"""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    renamed = os.path.join(os.path.dirname(path), f"{digest.hexdigest()[:16]}.png")
    os.replace(path, renamed)
    return renamed


def find_missing(paths: Iterable[str]) -> list[str]:
    """Those of the paths that are not files. Any thread may call this, which takes long if a disk does not answer."""
    return [path for path in paths if not os.path.isfile(path)]


def list_pictures(folder: str) -> list[str] | None:
    """The paths of a folder's pictures in the order of their names, at most MAX_FOLDER_PICTURES.

    Empty if it is unreadable, None if it is missing. Any thread may call this, which takes long if a disk does not answer.
    """
    if not os.path.isdir(folder):
        return None
    paths = []
    with contextlib.suppress(OSError), os.scandir(folder) as files:
        for file in files:
            if is_picture(file.name) and not file.name.startswith(".") and file.is_file():
                paths.append(os.path.join(folder, file.name))
    return sorted(paths, key=str.casefold)[:MAX_FOLDER_PICTURES]


def is_picture(path: str) -> bool:
    """Whether the name is that of a picture file which the engine can read."""
    return path.lower().endswith(SUFFIXES)


def _read_paintings(folder: str) -> list[tuple[str, str]]:
    """(path, title) of each of the plugin's paintings"""
    try:
        with open(os.path.join(folder, "paintings.json"), encoding="utf-8") as file:
            return [(os.path.join(folder, painting["file"]), painting["title"]) for painting in json.load(file)]
    except OSError:  # the plugin's folder is being replaced by an update
        return []


def _texts(values: Any) -> list[str]:
    """The texts of a list from a file."""
    return list(dict.fromkeys(value for value in values if isinstance(value, str))) if isinstance(values, list) else []


def _file_state(path: str) -> Any:
    """A value that changes when a file is written, created or deleted."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
