"""The recipe of a painting: what it was made of and how, to be written into its file."""

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

#: Pictures, private paths, and what is the computer's and not the painting's: what of Options is not written down as it is
NOT_RECORDED = (*IMAGE_OPTIONS, "weights", "memory", "max_megapixels")
#: Where a recipe has several pictures
LIST_ROLES = ("styles", "masks", "style_masks")
#: The gray, of 255, of the empty picture that textures are painted on
BLANK_GRAY = 128


def make_recipe(options: Options, given: Inputs) -> dict[str, Any]:
    """Version, options, and of each picture, by role, the name of its file and what it is known again by."""
    names = [about.name for about in dataclasses.fields(Options) if about.name not in NOT_RECORDED]
    written: dict[str, Any] = {"impasto": __version__, "options": {name: getattr(options, name) for name in names}}
    if options.weights is not None:
        written["weights"] = {"name": Path(options.weights).name, "sha256": file_sha256(Path(options.weights))}
    if given.net is not None:  # nobody needs to know in which folder it was
        name = Path(options.init.removeprefix(NETWORK_PREFIX)).stem
        written["options"]["init"] = NETWORK_PREFIX + name
        written["init_net"] = {"name": name, "sha256": given.net.digest}
    for role, sources in given.sources.items():
        digests = [picture.digest for _, picture in sources]
        if digests:
            written[role] = digests if role in LIST_ROLES else digests[0]
    written["names"] = {role: [name for name, _ in sources] for role, sources in given.sources.items() if sources}
    written["content_size"] = given.content.size
    if not parse_layers(options.content_layers) and given.content.alpha is None and _is_blank(given.content.pixels):
        del written["content"]  # its size is all there was of it
    return dict(json.loads(json.dumps(written)))  # as it will be read: tuples are lists


def _is_blank(pixels: Tensor) -> bool:
    """Whether a picture is the empty one that textures are painted on"""
    return bool(((pixels * 255).round() == BLANK_GRAY).all())


def differing_fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """In what two recipes differ, by name; how files are called is all one, and `auto` is any network"""

    def said(recipe: Mapping[str, Any]) -> dict[str, Any]:
        return {**recipe["options"], **{name: value for name, value in recipe.items() if name not in ("options", "names")}}

    here, there = said(one), said(other)
    different = [name for name in here | there if here.get(name) != there.get(name)]
    if "auto" in (here.get("network"), there.get("network")):
        different = [name for name in different if name != "network"]
    return different
