"""The nets that there are, by name: those that came with Impasto, and the user's own."""

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
#: Letters of a name that make a file's
_MAX_NAME = 60


def user_folder() -> Path:
    """Where the user's own are kept, or what IMPASTO_NETS names"""
    return Path(os.environ.get("IMPASTO_NETS") or platformdirs.user_data_path("impasto") / "nets")


def bundled_networks() -> dict[str, Path]:
    """Those that came with Impasto"""
    return _networks_in(Path(__file__).with_name("pretrained"))


def available_networks() -> dict[str, Path]:
    """All; one of the user's takes the place of another of its name."""
    return dict(sorted((bundled_networks() | _networks_in(user_folder())).items()))


def resolve_network(name: str | os.PathLike[str]) -> Path:
    """The file of a net: a path, or the name of one that is known.  Raises NetError."""
    path = Path(name)
    if path.is_file():
        return path
    there = available_networks()
    if str(name) in there:
        return there[str(name)]
    listed = f"; there are: {', '.join(there)}" if there else ""
    raise NetError(f"there is no net {str(name)!r}: check its name{listed}")


def load_network(name: str | os.PathLike[str]) -> TransformNet:
    """A net by its path or name; the last few are kept, as long as their files are the same.  Raises NetError."""
    path = resolve_network(name)
    return _load_cached(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _load_cached(path: Path, written: int) -> TransformNet:
    return TransformNet.load(path)


def display_name(name: str) -> str:
    """What a net is called where people choose one: Rose window, for rose_window"""
    said = name.replace("_", " ").strip()
    return said[:1].upper() + said[1:]


def new_network_file(name: str) -> Path:
    """The file for a new net of the user's: by its name, with a number where there is one already.  Raises ImageError."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name.strip())[:_MAX_NAME] or "style"
    there = {each.casefold() for each in available_networks()}  # some disks do not tell the case
    names = itertools.chain([plain], (f"{plain}_{n}" for n in itertools.count(2)))
    target = user_folder() / (next(each for each in names if each.casefold() not in there) + _SUFFIX)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"the folder {str(target.parent)!r} cannot be made: {error.strerror}") from error
    return ensure_writable(target)


def describe_networks() -> list[dict[str, Any]]:
    """For programs that offer them: of each its name, its title and a thumbnail (JPEG, base64); damaged ones left out"""
    found = []
    for name, path in available_networks().items():
        try:
            styles = TransformNet.load(path).styles
        except NetError:
            continue
        found.append({"name": name, "title": display_name(name), "thumbnail": styles[0].thumbnail})
    return found


def _networks_in(place: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(place.glob(f"*{_SUFFIX}"))}
