"""A painting again, by the recipe in its file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import images
from .engine import Run, options_from
from .errors import ImageError, WeightsError
from .experiments import canvas
from .recipes import ASIDE, SEVERAL
from .targets import ROLES
from .weights import sha256


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The recipe in a painting's file.  Raises ImageError."""
    text = images.read_recipe(path)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {"impasto", "options", "content_size"} <= found.keys():
        raise ImageError(f"{str(path)!r} carries no recipe: only pictures that impasto has written do")
    return found


def run(recipe: Mapping[str, Any], folders: Iterable[Path], weights: str | None = None, **settings: Any) -> Run:
    """A run that paints a recipe again, with its pictures looked for in folders by their content.

    weights: the file with the network's weights, where the recipe had one; settings: what is to be otherwise
    Raises ImageError, WeightsError: an ingredient is not there.
    """
    # The file may be a stranger's: it names no file of this computer, and a picture only by its content.
    options = {name: value for name, value in recipe["options"].items() if value is not None and name not in ASIDE}
    searched = list(dict.fromkeys(folder.resolve() for folder in folders))
    for folder in searched:
        if not folder.is_dir():
            raise ImageError(f"there is no folder {str(folder)!r}: check its name")
    given = _ingredients(recipe, searched, options.get("max_megapixels", 200))
    if "content" not in given:
        given["content"] = canvas(*recipe["content_size"])
    if "weights" in recipe:
        about = recipe["weights"]
        if weights is None or not Path(weights).is_file() or sha256(Path(weights)) != about["sha256"]:
            raise WeightsError(f"the painting was made with the weights {about['name']!r}: name that file with --weights")
    if weights is not None:
        options["weights"] = weights
    content, styles = given.pop("content"), given.pop("styles", [])
    return Run(content, styles, options_from(settings, options_from({**options, **given})))


def _ingredients(recipe: Mapping[str, Any], folders: list[Path], limit: float) -> dict[str, Any]:
    """role -> the file or files that it names"""
    known: dict[str, Path] = {}
    found: dict[str, Any] = {}
    for role in ROLES:
        digests = recipe.get(role) or []
        digests = digests if isinstance(digests, list) else [digests]
        names = recipe.get("names", {}).get(role) or [None] * len(digests)
        for digest, name in zip(digests, names, strict=False):
            if digest not in known:
                known[digest] = _find(digest, name, role, folders, limit)
        paths = [str(known[digest]) for digest in digests]
        if paths:
            found[role] = paths if role in SEVERAL else paths[0]
    return found


def _find(digest: str, name: str | None, role: str, folders: list[Path], limit: float) -> Path:
    """The picture with a digest: first the files of its name, then all the others."""
    for path in _candidates(name, folders):
        try:
            if images.read(path, max_megapixels=limit).digest == digest:
                return path
        except ImageError:
            continue
    called = f"{role.replace('_', ' ')} {name!r}" if name else f"picture ({role.replace('_', ' ')})"
    places = ", ".join(repr(str(folder)) for folder in folders)
    raise ImageError(f"the {called} that it was made of is not in {places}: name its folder with --inputs")


def _candidates(name: str | None, folders: list[Path]) -> Iterator[Path]:
    name = Path(name).name if name else None
    if name:
        yield from (folder / name for folder in folders if (folder / name).is_file())
    for folder in folders:
        yield from (path for path in images.in_folder(folder) if path.name != name)
