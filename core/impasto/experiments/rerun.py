"""A painting again, by the recipe in its file."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..api import create_run
from ..errors import ImageError, NetError, WeightsError
from ..feedforward.network import TransformNet
from ..feedforward.registry import available_networks
from ..images.encode import read_recipe_text
from ..images.folder import list_images
from ..images.picture import read_picture
from ..optimization.inputs import ROLES
from ..optimization.recipe import LIST_ROLES, NOT_RECORDED
from ..optimization.run import Result, Run
from ..optimization.synthesis import blank_content
from ..options import NETWORK_PREFIX, resolve_options
from ..runtime.files import file_sha256


def read_recipe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The recipe in a painting's file.  Raises ImageError."""
    text = read_recipe_text(path)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and isinstance(found.get("net"), dict):
        net = str(found["net"].get("name"))
        raise ImageError(f"{str(path)!r} was painted by the net {net!r}: `impasto apply` does it again")
    if not _is_recipe(found):
        raise ImageError(f"{str(path)!r} carries no recipe: only pictures that impasto has written do")
    return dict(found)


def _is_recipe(found: Any) -> bool:
    """Whether what a file carries has a recipe's form; what its options say is for Options to judge"""

    def texts(value: Any, *others: object) -> bool:
        return isinstance(value, list) and all(isinstance(each, str) or each in others for each in value)

    if not isinstance(found, dict) or not isinstance(found.get("options"), dict):
        return False
    size, names = found.get("content_size"), found.get("names", {})
    files = [found[key] for key in ("weights", "init_net") if key in found]
    if str(found["options"].get("init")).startswith(NETWORK_PREFIX) and "init_net" not in found:
        return False
    return (
        isinstance(found.get("impasto"), str)
        and isinstance(size, list)
        and len(size) == 2
        and all(type(side) is int and side > 0 for side in size)
        and isinstance(names, dict)
        and all(texts(each, None) for each in names.values())
        and all(isinstance(file, dict) for file in files)
        and all(isinstance(file.get(name), str) for file in files for name in ("name", "sha256"))
        and all(texts(found[role]) if role in LIST_ROLES else isinstance(found[role], str) for role in ROLES if role in found)
    )


def rerun(
    painting: str | os.PathLike[str],
    /,
    *,
    inputs: Sequence[str | os.PathLike[str]] = (),
    weights: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Result:
    """Make a result again from the recipe in its file.

    painting: a file that `Result.save` has written
    inputs: folders to look for its pictures in, besides the painting's own and the current one
    weights: the file with the network's weights, if one was given; settings: options to change, such as a larger `size`
    Raises ImageError: the file has no recipe, or a picture cannot be found; ImpastoError.
    """
    folders = [Path(painting).parent, Path(), *map(Path, inputs)]
    run = recreate_run(read_recipe(painting), folders, None if weights is None else str(weights), **settings)
    (last,) = deque(run.steps(), maxlen=1)
    return run.result(last)


def recreate_run(recipe: Mapping[str, Any], folders: Iterable[Path], weights: str | None = None, **settings: Any) -> Run:
    """A run that paints a recipe again, with its pictures looked for in folders by their content.

    weights: the file with the network's weights, where the recipe had one; settings: what is to be otherwise
    Raises ImageError, NetError, WeightsError: an ingredient is not there.
    """
    # The file may be a stranger's: it names no file of this computer, and a picture only by its content.
    options = {name: value for name, value in recipe["options"].items() if value is not None and name not in NOT_RECORDED}
    searched = list(dict.fromkeys(folder.resolve() for folder in folders))
    for folder in searched:
        if not os.path.isdir(folder):
            raise ImageError(f"there is no folder {str(folder)!r}: check its name")
    limit = resolve_options({name: settings[name] for name in settings if name == "max_megapixels"}).max_megapixels
    given = _find_inputs(recipe, searched, limit)
    if "content" not in given:
        given["content"] = blank_content(*recipe["content_size"])
    if str(options.get("init", "")).startswith(NETWORK_PREFIX) and "init" not in settings:
        options["init"] = NETWORK_PREFIX + str(_find_network(recipe["init_net"]))
    if "weights" in recipe:
        about = recipe["weights"]
        if weights is None or not os.path.isfile(weights) or file_sha256(Path(weights)) != about["sha256"]:
            raise WeightsError(f"the painting was made with the weights {about['name']!r}: name that file with --weights")
    if weights is not None:
        options["weights"] = weights
    content, styles = given.pop("content"), given.pop("styles", [])
    return create_run(content, styles, resolve_options(settings, resolve_options({**options, **given})))


def _find_network(about: Mapping[str, str]) -> Path:
    """The net that a painting began with, if there is one of that name.  Raises NetError."""
    path = available_networks().get(about["name"])
    if path is None or TransformNet.load(path).digest != about["sha256"]:
        raise NetError(f"the painting began with the net {about['name']!r}: name its file with --init {NETWORK_PREFIX}FILE")
    return path


def _find_inputs(recipe: Mapping[str, Any], folders: list[Path], limit: float) -> dict[str, Any]:
    """role -> the file or files that it names"""
    known: dict[str, Path] = {}
    found: dict[str, Any] = {}
    for role in ROLES:
        digests = recipe.get(role) or []
        digests = digests if isinstance(digests, list) else [digests]
        names = recipe.get("names", {}).get(role) or [None] * len(digests)
        for digest, name in zip(digests, names, strict=False):
            if digest not in known:
                known[digest] = _find_by_digest(digest, name, role, folders, limit)
        paths = [str(known[digest]) for digest in digests]
        if paths:
            found[role] = paths if role in LIST_ROLES else paths[0]
    return found


def _find_by_digest(digest: str, name: str | None, role: str, folders: list[Path], limit: float) -> Path:
    """The picture with a digest: first the files of its name, then all the others."""
    for path in _candidate_files(name, folders):
        try:
            if read_picture(path, max_megapixels=limit).digest == digest:
                return path
        except ImageError:
            continue
    called = f"{role.replace('_', ' ')} {name!r}" if name else f"picture ({role.replace('_', ' ')})"
    places = ", ".join(repr(str(folder)) for folder in folders)
    raise ImageError(f"the {called} that it was made of is not in {places}: name its folder with --inputs")


def _candidate_files(name: str | None, folders: list[Path]) -> Iterator[Path]:
    name = Path(name).name if name else None
    if name:
        yield from (folder / name for folder in folders if os.path.isfile(folder / name))
    for folder in folders:
        yield from (path for path in list_images(folder) if path.name != name)
