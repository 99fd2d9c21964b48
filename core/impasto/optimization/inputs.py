"""TODO-DOC optimization.inputs"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import OptionError
from ..feedforward.network import TransformNet
from ..feedforward.registry import resolve_network
from ..images.mask import read_mask
from ..images.picture import Picture, read_picture
from ..options import NETWORK_PREFIX, Options

#: What the pictures of a run are there for
ROLES = ("content", "styles", "masks", "style_masks", "keep", "init_image")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The pictures of a run, read. With masks, there is one for each style."""

    content: Picture
    styles: tuple[Picture, ...]
    masks: tuple[Tensor, ...] = ()  # (H, W) each, of the content
    style_masks: tuple[Tensor, ...] = ()  # (H, W) each, of its style
    keep: Tensor | None = None  # (H, W), of the content
    start: Picture | None = None
    net: TransformNet | None = None  # whose painting of the content is the start
    sources: Mapping[str, Sequence[tuple[str | None, Picture]]]  # role -> what each file is called, and what was in it

    @classmethod
    def read(cls, content: Any, styles: Any, options: Options) -> Inputs:
        """Read everything, and see that it belongs together.  Raises ImageError, NetError, OptionError."""
        listed = list(styles) if isinstance(styles, list | tuple) else [styles]
        if len(listed) == 1 and len(options.masks or ()) > 1:
            listed *= len(options.masks)  # one painting, with a region of it for each of the content's
        _validate_counts(len(listed), options)
        read: dict[int, Picture] = {}
        sources: dict[str, list[tuple[str | None, Picture]]] = {}
        wanted = (content, listed, options.masks, options.style_masks, options.keep, options.init_image)
        for role, given in zip(ROLES, wanted, strict=True):
            sources[role] = []
            for source in given if isinstance(given, list | tuple) else [] if given is None else [given]:
                if id(source) not in read:
                    read[id(source)] = read_picture(source, max_megapixels=options.max_megapixels)
                # Nobody needs to know in which folder it was.
                name = Path(source).name if isinstance(source, str | os.PathLike) else None
                sources[role].append((name, read[id(source)]))
        pictures = {role: [picture for _, picture in found] for role, found in sources.items()}
        picture, painted = pictures["content"][0], tuple(pictures["styles"])
        return cls(
            content=picture,
            styles=painted,
            masks=tuple(read_mask(each, picture, f"mask {n}") for n, each in enumerate(pictures["masks"], 1)),
            style_masks=tuple(
                read_mask(each, style, f"style mask {n}")
                for n, (each, style) in enumerate(zip(pictures["style_masks"], painted, strict=False), 1)
            ),
            keep=read_mask(pictures["keep"][0], picture, "the mask of what is kept") if pictures["keep"] else None,
            start=pictures["init_image"][0] if pictures["init_image"] else None,
            net=TransformNet.load(resolve_network(options.init[len(NETWORK_PREFIX) :]))
            if options.init.startswith(NETWORK_PREFIX)
            else None,
            sources=sources,
        )


def _validate_counts(count: int, options: Options) -> None:
    """That there are as many of everything as there are styles.  Raises OptionError."""
    if not count and any(options.layers_of_styles()):
        raise OptionError("no style given: name at least one picture")
    if not count and options.init == "style":
        raise OptionError("init 'style' needs a style: name at least one picture")
    weights = options.style_weights
    if weights is not None and (len(weights) != count or sum(weights) <= 0):
        raise OptionError(f"{count} style(s) with style_weights {weights}: give one for each, not all 0, such as 2,1 for two")
    several = {"style_scale": options.style_scale or (1.0,), "style_layers": options.layers_of_styles()}
    for name, values in several.items():
        if len(values) not in (1, count):
            raise OptionError(f"{count} style(s) with {len(values)} of {name}: give one for all, or one for each")
    for name, pictures in {"masks": options.masks or (), "style_masks": options.style_masks or ()}.items():
        if len(pictures) not in (0, count):
            raise OptionError(f"{count} style(s) with {len(pictures)} of {name}: give one for each")


def visible(picture: Picture) -> Tensor:
    """Where a picture is not fully transparent, (H, W)"""
    return torch.ones(picture.pixels.shape[:2], dtype=torch.bool) if picture.alpha is None else picture.alpha > 0
