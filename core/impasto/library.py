"""The nets that there are, by name: those that came with Impasto, and the user's own."""

from __future__ import annotations

import functools
import itertools
import os
from pathlib import Path
from typing import Any

import platformdirs

from . import files
from .errors import ImageError, NetError
from .nets import Net

_ENDING = ".safetensors"
#: Letters of a name that make a file's
_LONGEST = 60


def folder() -> Path:
    """Where the user's own are kept, or what IMPASTO_NETS names"""
    return Path(os.environ.get("IMPASTO_NETS") or platformdirs.user_data_path("impasto") / "nets")


def shipped() -> dict[str, Path]:
    """Those that came with Impasto"""
    return _within(Path(__file__).with_name("trained"))


def known() -> dict[str, Path]:
    """All; one of the user's takes the place of another of its name."""
    return dict(sorted((shipped() | _within(folder())).items()))


def find(name: str | os.PathLike[str]) -> Path:
    """The file of a net: a path, or the name of one that is known.  Raises NetError."""
    path = Path(name)
    if path.is_file():
        return path
    there = known()
    if str(name) in there:
        return there[str(name)]
    listed = f"; there are: {', '.join(there)}" if there else ""
    raise NetError(f"there is no net {str(name)!r}: check its name{listed}")


def load(name: str | os.PathLike[str]) -> Net:
    """A net by its path or name; the last few are kept, as long as their files are the same.  Raises NetError."""
    path = find(name)
    return _loaded(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _loaded(path: Path, written: int) -> Net:
    return Net.load(path)


def title(name: str) -> str:
    """What a net is called where people choose one: Rose window, for rose_window"""
    said = name.replace("_", " ").strip()
    return said[:1].upper() + said[1:]


def place(name: str) -> Path:
    """The file for a new net of the user's: by its name, with a number where there is one already.  Raises ImageError."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name.strip())[:_LONGEST] or "style"
    there = {each.casefold() for each in known()}  # some disks do not tell the case
    names = itertools.chain([plain], (f"{plain}_{n}" for n in itertools.count(2)))
    target = folder() / (next(each for each in names if each.casefold() not in there) + _ENDING)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"the folder {str(target.parent)!r} cannot be made: {error.strerror}") from error
    return files.check(target)


def described() -> list[dict[str, Any]]:
    """For programs that offer them: of each its name, its title and a thumbnail (JPEG, base64); damaged ones left out"""
    found = []
    for name, path in known().items():
        try:
            styles = Net.load(path).styles
        except NetError:
            continue
        found.append({"name": name, "title": title(name), "thumbnail": styles[0].thumbnail})
    return found


def _within(place: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(place.glob(f"*{_ENDING}"))}
