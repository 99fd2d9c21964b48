"""The pictures of a run, read and validated."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import OptionError
from ..images.faces import read_protection
from ..images.mask import read_mask
from ..images.picture import Picture, read_picture
from ..options import NETWORK_PREFIX, Options
from .initialization import Initializer

#: Roles of the pictures of a run
ROLES = ("content", "styles", "masks", "style_masks", "keep", "protect", "init_image")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The pictures of a run. With masks, there is one for each style."""

    content: Picture
    styles: tuple[Picture, ...]
    masks: tuple[Tensor, ...] = ()  # (H, W) each, the size of the content
    style_masks: tuple[Tensor, ...] = ()  # (H, W) each, the size of its style
    keep: Tensor | None = None  # (H, W), the size of the content
    protected: Tensor | None = None  # how much each pixel is protected, (H, W) in [0, 1], the size of the content
    num_faces: int = 0  # among what is protected
    init_image: Picture | None = None
    initializer: Initializer | None = None  # computes the initial image from the content
    named_pictures: Mapping[str, Sequence[tuple[str | None, Picture]]]  # role -> file name, if any, and picture

    @classmethod
    def read(cls, content: Any, styles: Any, options: Options, initializer: Initializer | None = None) -> Inputs:
        """Read the pictures and check that they fit together.

        Raises ImageError: a picture cannot be read or a mask does not fit its picture; OptionError: wrong numbers of pictures.
        """
        if options.init.startswith(NETWORK_PREFIX) and initializer is None:
            raise OptionError(f"init {options.init!r} needs the network: create the run with impasto.api.create_run")
        style_list = list(styles) if isinstance(styles, list | tuple) else [styles]
        if len(style_list) == 1 and len(options.masks or ()) > 1:
            style_list *= len(options.masks)  # one style, with a region of it for each region of the content
        _validate_counts(len(style_list), options)
        pictures: dict[int, Picture] = {}
        named: dict[str, list[tuple[str | None, Picture]]] = {}
        sources_by_role = (
            *(content, style_list, options.masks, options.style_masks, options.keep),
            *(options.protect_masks, options.init_image),
        )
        for role, sources in zip(ROLES, sources_by_role, strict=True):
            named[role] = []
            for source in sources if isinstance(sources, list | tuple) else [] if sources is None else [sources]:
                if id(source) not in pictures:
                    pictures[id(source)] = read_picture(source, max_megapixels=options.max_megapixels)
                # The recipe names the file without its folder, which may be private.
                name = Path(source).name if isinstance(source, str | os.PathLike) else None
                named[role].append((name, pictures[id(source)]))
        by_role = {role: [picture for _, picture in entries] for role, entries in named.items()}
        content_picture, style_pictures = by_role["content"][0], tuple(by_role["styles"])
        protected, num_faces = read_protection(content_picture, by_role["protect"], options)
        return cls(
            content=content_picture,
            styles=style_pictures,
            masks=tuple(read_mask(mask, content_picture, f"mask {n}") for n, mask in enumerate(by_role["masks"], 1)),
            style_masks=tuple(
                read_mask(mask, style, f"style mask {n}")
                for n, (mask, style) in enumerate(zip(by_role["style_masks"], style_pictures, strict=False), 1)
            ),
            keep=read_mask(by_role["keep"][0], content_picture, "the keep mask") if by_role["keep"] else None,
            protected=protected,
            num_faces=num_faces,
            init_image=by_role["init_image"][0] if by_role["init_image"] else None,
            initializer=initializer,
            named_pictures=named,
        )


def _validate_counts(num_styles: int, options: Options) -> None:
    """Raises OptionError: options given per style do not match the number of styles."""
    if not num_styles and any(options.style_layer_weights()):
        raise OptionError("no style given: name at least one picture")
    if not num_styles and options.init == "style":
        raise OptionError("init 'style' needs a style: name at least one picture")
    weights = options.style_weights
    if weights is not None and (len(weights) != num_styles or sum(weights) <= 0):
        raise OptionError(
            f"{num_styles} style(s) with style_weights {weights}: give one for each, not all 0, such as 2,1 for two"
        )
    one_or_all = {"style_scale": options.style_scale or (1.0,), "style_layers": options.style_layer_weights()}
    for name, values in one_or_all.items():
        if len(values) not in (1, num_styles):
            raise OptionError(f"{num_styles} style(s) with {len(values)} of {name}: give one for all, or one for each")
    for name, masks in {"masks": options.masks or (), "style_masks": options.style_masks or ()}.items():
        if len(masks) not in (0, num_styles):
            raise OptionError(f"{num_styles} style(s) with {len(masks)} of {name}: give one for each")
