"""Style networks by name: those bundled with Impasto, and the user's own."""

from __future__ import annotations

import functools
import itertools
import os
from pathlib import Path
from typing import Any

import platformdirs

from ..errors import ImageError, NetError
from ..runtime.files import ensure_writable
from .network import TransformNet

_SUFFIX = ".safetensors"
#: Maximum length of a file name without its suffix
_MAX_NAME = 60
#: Maximum length of a title
_MAX_TITLE = 80


def user_folder() -> Path:
    """Return the folder of the user's networks: IMPASTO_NETS, or a folder in the user's data directory."""
    return Path(os.environ.get("IMPASTO_NETS") or platformdirs.user_data_path("impasto") / "nets")


def bundled_networks() -> dict[str, Path]:
    """Return the files of the bundled networks, by name."""
    return _networks_in(Path(__file__).with_name("pretrained"))


def available_networks() -> dict[str, Path]:
    """Return the files of all networks, by name and sorted. The user's override bundled ones of the same name."""
    return dict(sorted((bundled_networks() | _networks_in(user_folder())).items()))


def resolve_network(name: str | os.PathLike[str]) -> Path:
    """Return the file of a network, given its path or its name.  Raises NetError: neither exists."""
    path = Path(name)
    if path.is_file():
        return path
    networks = available_networks()
    if str(name) in networks:
        return networks[str(name)]
    listing = f"; available: {', '.join(networks)}" if networks else ""
    raise NetError(f"no style network {str(name)!r}: check its name{listing}")


def load_network(name: str | os.PathLike[str]) -> TransformNet:
    """Load a network by path or name. The most recent ones are cached until their files change.  Raises NetError."""
    path = resolve_network(name)
    return _load_cached(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _load_cached(path: Path, modified_ns: int) -> TransformNet:
    return TransformNet.load(path)


def display_name(name: str) -> str:
    """Return the name to show to people: "Rose window" for rose_window."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def new_network_file(name: str) -> Path:
    """Return an unused file in the user's folder for a network of this name, with a number appended if the name is taken.

    Raises ImageError: the folder cannot be created, or the file cannot be written.
    """
    safe_name = (
        "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name.strip())[:_MAX_NAME] or "style"
    )
    taken = {network.casefold() for network in available_networks()}  # some file systems ignore case
    candidates = itertools.chain([safe_name], (f"{safe_name}_{n}" for n in itertools.count(2)))
    target = user_folder() / (next(name for name in candidates if name.casefold() not in taken) + _SUFFIX)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"the folder {str(target.parent)!r} cannot be created: {error.strerror}") from error
    return ensure_writable(target)


def describe_networks() -> list[dict[str, Any]]:
    """Return name, title and thumbnail (JPEG in base64) of each network, for user interfaces. Damaged files are left out.

    `own` tells whether it is one of the user's, which can be renamed and deleted.
    """
    own = _networks_in(user_folder())
    descriptions = []
    for name, path in available_networks().items():
        try:
            network = TransformNet.load(path)
        except NetError:
            continue
        title, thumbnail = _title(name, network), network.styles[0].thumbnail
        descriptions.append({"name": name, "title": title, "thumbnail": thumbnail, "own": name in own})
    return descriptions


def rename_network(name: str, title: str) -> None:
    """Give one of the user's networks another title. Its name, which programs use, stays the same.

    Raises NetError: there is no such network, it is bundled or damaged, or the title is empty or not printable.
    Raises ImageError: the file cannot be written.
    """
    title = title.strip()[:_MAX_TITLE]
    if not title or not title.isprintable():
        raise NetError("a style needs a name of printable letters")
    path = _own_network(name)
    network = TransformNet.load(path)
    network.training_info = {**network.training_info, "title": title}
    network.save(path)


def delete_network(name: str) -> None:
    """Delete one of the user's networks.

    Raises NetError: there is no such network, or it is bundled.  Raises ImageError: the file cannot be deleted.
    """
    path = _own_network(name)
    try:
        path.unlink()
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be deleted ({error.strerror}): check its permissions") from error


def _own_network(name: str) -> Path:
    """Return the file of one of the user's networks.  Raises NetError."""
    own = _networks_in(user_folder())
    if name in own:
        return own[name]
    if name in bundled_networks():
        raise NetError(f"{display_name(name)} comes with Impasto: only your own styles can be renamed and deleted")
    raise NetError(f"no style network {name!r}: it may have been deleted already")


def _title(name: str, network: TransformNet) -> str:
    """The title that the user gave the network, or one made from its name"""
    title = network.training_info.get("title")
    return title[:_MAX_TITLE] if isinstance(title, str) and title and title.isprintable() else display_name(name)


def _networks_in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob(f"*{_SUFFIX}"))}
