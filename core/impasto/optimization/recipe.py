"""The recipe of a result: how to make it again. It is written into the result's file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from .._version import __version__
from ..layers import parse_layers
from ..options import IMAGE_OPTIONS, NETWORK_PREFIX, Options
from ..runtime.files import file_sha256
from .inputs import Inputs

#: Options left out of recipes: pictures, private paths and machine settings
NOT_RECORDED = (*IMAGE_OPTIONS, "weights", "memory", "max_megapixels")
#: Roles with a list of pictures
LIST_ROLES = ("styles", "masks", "style_masks", "protect")
#: The gray, of 255, of the blank content of a texture
BLANK_GRAY = 128


def make_recipe(options: Options, inputs: Inputs) -> dict[str, Any]:
    """Return version, options, and of each picture, by role, the file's name and the digest of its pixels, as for JSON."""
    names = [field.name for field in dataclasses.fields(Options) if field.name not in NOT_RECORDED]
    recipe: dict[str, Any] = {"impasto": __version__, "options": {name: getattr(options, name) for name in names}}
    if options.weights is not None:
        recipe["weights"] = {"name": Path(options.weights).name, "sha256": file_sha256(Path(options.weights))}
    if inputs.initializer is not None:
        name = inputs.initializer.name
        recipe["options"]["init"] = NETWORK_PREFIX + name
        recipe["init_net"] = {"name": name, "sha256": inputs.initializer.digest}
    for role, pictures in inputs.named_pictures.items():
        digests = [picture.digest for _, picture in pictures]
        if digests:
            recipe[role] = digests if role in LIST_ROLES else digests[0]
    recipe["names"] = {role: [name for name, _ in pictures] for role, pictures in inputs.named_pictures.items() if pictures}
    if inputs.num_faces:
        recipe["faces"] = inputs.num_faces
    recipe["content_size"] = inputs.content.size
    if not parse_layers(options.content_layers) and inputs.content.alpha is None and _is_blank(inputs.content.pixels):
        del recipe["content"]  # its size says everything about it
    return dict(json.loads(json.dumps(recipe)))  # as it will be read: tuples become lists


def _is_blank(pixels: Tensor) -> bool:
    """Return whether pixels (H, W, 3) are the blank content of a texture."""
    return bool(((pixels * 255).round() == BLANK_GRAY).all())


def differing_fields(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return the fields in which two recipes differ. File names do not count; network `auto` equals any network."""

    def flattened(recipe: Mapping[str, Any]) -> dict[str, Any]:
        return {**recipe["options"], **{name: value for name, value in recipe.items() if name not in ("options", "names")}}

    fields_a, fields_b = flattened(a), flattened(b)
    names = [name for name in fields_a | fields_b if fields_a.get(name) != fields_b.get(name)]
    if "auto" in (fields_a.get("network"), fields_b.get("network")):
        names = [name for name in names if name != "network"]
    return names
