"""A painting again, by the recipe in its file; or larger, from the painting itself."""

from __future__ import annotations

import json
import logging
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
from ..layers import TOTAL_STRIDE
from ..optimization.inputs import ROLES
from ..optimization.recipe import LIST_ROLES, NOT_RECORDED
from ..optimization.run import Result, Run
from ..optimization.synthesis import blank_content
from ..option_values import FACES, NOTHING
from ..options import NETWORK_PREFIX, resolve_options
from ..runtime.files import file_sha256

logger = logging.getLogger("impasto")

#: Options that do not change what is painted
_TECHNICAL_OPTIONS = {"device", "precision", "memory", "max_megapixels"}
#: Options of the initial image
_INITIAL_OPTIONS = ("init", "init_image", "init_noise")


def read_recipe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the recipe in a result's file.  Raises ImageError: it has none."""
    text = read_recipe_text(path)
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError):
        recipe = None
    if isinstance(recipe, dict) and isinstance(recipe.get("net"), dict):
        net = str(recipe["net"].get("name"))
        raise ImageError(f"{str(path)!r} was made by the style network {net!r}: use `impasto apply` to make it again")
    if not _is_recipe(recipe):
        raise ImageError(f"{str(path)!r} has no recipe: only files written by impasto do")
    return dict(recipe)


def _is_recipe(recipe: Any) -> bool:
    """Return whether a file's metadata has the structure of a recipe. Its options are validated by Options."""

    def are_texts(value: Any, *others: object) -> bool:
        return isinstance(value, list) and all(isinstance(item, str) or item in others for item in value)

    if not isinstance(recipe, dict) or not isinstance(recipe.get("options"), dict):
        return False
    size, names = recipe.get("content_size"), recipe.get("names", {})
    files = [recipe[key] for key in ("weights", "init_net") if key in recipe]
    if str(recipe["options"].get("init")).startswith(NETWORK_PREFIX) and "init_net" not in recipe:
        return False
    return (
        isinstance(recipe.get("impasto"), str)
        and isinstance(size, list)
        and len(size) == 2
        and all(type(side) is int and side > 0 for side in size)
        and isinstance(names, dict)
        and type(recipe.get("faces", 0)) is int
        and all(are_texts(entry, None) for entry in names.values())
        and all(isinstance(file, dict) for file in files)
        and all(isinstance(file.get(name), str) for file in files for name in ("name", "sha256"))
        and all(
            are_texts(recipe[role]) if role in LIST_ROLES else isinstance(recipe[role], str)
            for role in ROLES
            if role in recipe
        )
    )


def rerun(
    painting: str | os.PathLike[str],
    /,
    *,
    inputs: Sequence[str | os.PathLike[str]] = (),
    weights: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Result:
    """Make a result again from the recipe in its file. If only its size changes, to a larger one, it gets finer strokes.

    painting: a file that `Result.save` has written
    inputs: folders to look for its pictures in, besides the painting's own and the current one
    weights: the file with the network's weights, if one was given; settings: options to change
    Raises ImageError: the file has no recipe, or a picture cannot be found; ImpastoError.
    """
    folders = [Path(painting).parent, Path(), *map(Path, inputs)]
    run = rerun_of(painting, folders, None if weights is None else str(weights), **settings)
    (last,) = deque(run.steps(), maxlen=1)
    return run.result(last)


def rerun_of(painting: str | os.PathLike[str], folders: Iterable[Path], weights: str | None = None, **settings: Any) -> Run:
    """Create the run of the recipe in a painting's file.

    It goes on from the painting where only the size changes, to a larger one, and the options permit.
    folders, weights, settings: as in `recreate_run`
    Raises ImageError, NetError, WeightsError.
    """
    recipe = read_recipe(painting)
    only_size_changes = set(settings) - _TECHNICAL_OPTIONS == {"size"}
    return recreate_run(recipe, folders, weights, painting if only_size_changes else None, **settings)


def recreate_run(
    recipe: Mapping[str, Any],
    folders: Iterable[Path],
    weights: str | None = None,
    painting: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Run:
    """Create the run of a recipe, with its pictures searched in folders by their digests.

    weights: the file with the network's weights, if the recipe names one; settings: options to change
    painting: the file of the result; the run goes on from it if it is finished, the new size is larger, and the options permit
    Raises ImageError, NetError, WeightsError: a picture, network or weights file cannot be found.
    """
    # Recipes are untrusted: they name no file of this computer, and pictures only by their digests.
    options = {name: value for name, value in recipe["options"].items() if value is not None and name not in NOT_RECORDED}
    goes_on = painting is not None and _can_go_on(recipe, options, settings, painting)
    if goes_on:  # from the painting: what it began with is not needed
        options = {name: value for name, value in options.items() if name not in _INITIAL_OPTIONS}
        recipe = {name: value for name, value in recipe.items() if name not in ("init_image", "init_net")}
    search_folders = list(dict.fromkeys(folder.resolve() for folder in folders))
    for folder in search_folders:
        if not os.path.isdir(folder):
            raise ImageError(f"there is no folder {str(folder)!r}: check its name")
    limit = resolve_options({name: settings[name] for name in settings if name == "max_megapixels"}).max_megapixels
    inputs = _find_inputs(recipe, search_folders, limit)
    if "content" not in inputs:
        inputs["content"] = blank_content(*recipe["content_size"])
    if str(options.get("init", "")).startswith(NETWORK_PREFIX) and "init" not in settings:
        options["init"] = NETWORK_PREFIX + str(_find_network(recipe["init_net"]))
    if "weights" in recipe:
        entry = recipe["weights"]
        if weights is None or not os.path.isfile(weights) or file_sha256(Path(weights)) != entry["sha256"]:
            raise WeightsError(f"the painting was made with the weights {entry['name']!r}: name that file with --weights")
    if weights is not None:
        options["weights"] = weights
    recorded = [*([FACES] if recipe.get("faces") else []), *inputs.get("protect", [])] or NOTHING
    inputs["protect"] = settings.get("protect", recorded)
    content, styles = inputs.pop("content"), inputs.pop("styles", [])
    changed = resolve_options(settings, resolve_options({**options, **inputs}))
    run = create_run(content, styles, changed.refinement(painting) if goes_on else changed)
    if FACES in recorded and changed.protects_faces and run.inputs.num_faces != recipe["faces"]:
        logger.warning("the painting has %s protected faces, and %s are found now", recipe["faces"], run.inputs.num_faces)
    return run


def _can_go_on(
    recipe: Mapping[str, Any], options: Mapping[str, Any], settings: Mapping[str, Any], painting: str | os.PathLike[str]
) -> bool:
    """Return whether a run can go on from a painting: it is finished, and the new size is larger."""
    page = recipe.get("page", {})
    if not isinstance(page, dict) or page.get("ended", "done") != "done" or page.get("share", 1) != 1 or page.get("mask"):
        return False  # a download of the page that was stopped, faded or masked
    before = resolve_options({name: value for name, value in options.items() if name not in _INITIAL_OPTIONS})
    after = resolve_options(settings, before)
    longest = max(recipe["content_size"])
    side = max(read_picture(painting, max_megapixels=after.max_megapixels).size)
    is_whole = abs(side - (before.size or longest)) <= TOTAL_STRIDE  # seamless sides are rounded
    return is_whole and after.can_refine(side, longest)


def _find_network(entry: Mapping[str, str]) -> Path:
    """Return the file of the style network that a run started from.  Raises NetError."""
    path = available_networks().get(entry["name"])
    if path is None or TransformNet.load(path).digest != entry["sha256"]:
        raise NetError(
            f"the run started from the style network {entry['name']!r}: name its file with --init {NETWORK_PREFIX}FILE"
        )
    return path


def _find_inputs(recipe: Mapping[str, Any], folders: list[Path], limit: float) -> dict[str, Any]:
    """Find the pictures of a recipe.  -> role -> file or files  Raises ImageError."""
    files: dict[str, Path] = {}
    inputs: dict[str, Any] = {}
    for role in ROLES:
        digests = recipe.get(role) or []
        digests = digests if isinstance(digests, list) else [digests]
        names = recipe.get("names", {}).get(role) or [None] * len(digests)
        for digest, name in zip(digests, names, strict=False):
            if digest not in files:
                files[digest] = _find_by_digest(digest, name, role, folders, limit)
        paths = [str(files[digest]) for digest in digests]
        if paths:
            inputs[role] = paths if role in LIST_ROLES else paths[0]
    return inputs


def _find_by_digest(digest: str, name: str | None, role: str, folders: list[Path], limit: float) -> Path:
    """Find the picture with a digest, trying files of its name first.  Raises ImageError."""
    for path in _candidate_files(name, folders):
        try:
            if read_picture(path, max_megapixels=limit).digest == digest:
                return path
        except ImageError:
            continue
    description = f"{role.replace('_', ' ')} {name!r}" if name else f"picture ({role.replace('_', ' ')})"
    listed = ", ".join(repr(str(folder)) for folder in folders)
    raise ImageError(f"the {description} of the recipe is not in {listed}: name its folder with --inputs")


def _candidate_files(name: str | None, folders: list[Path]) -> Iterator[Path]:
    name = Path(name).name if name else None
    if name:
        yield from (folder / name for folder in folders if os.path.isfile(folder / name))
    for folder in folders:
        yield from (path for path in list_images(folder) if path.name != name)
