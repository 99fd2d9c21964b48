"""The image that a run starts from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from ..images.color import to_gray
from ..options import Options


class Initializer(Protocol):
    """Computes the initial image from the content, for example with a feed-forward network."""

    @property
    def name(self) -> str:
        """Name for the recipe, without a folder"""

    @property
    def digest(self) -> str:
        """SHA-256 that identifies it in the recipe"""

    def __call__(self, content: Tensor, opacity: Tensor | None, options: Options) -> Tensor:
        """content: (H, W, 3) in [0, 1], and its opacity (H, W), on the run's device -> (H, W, 3) in [0, 1]"""


def initial_image(
    options: Options,
    width: int,
    height: int,
    device: torch.device,
    *,
    content: Callable[[], tuple[Tensor, Tensor | None]],
    recolored: Callable[[], Tensor],
    style: Callable[[], Tensor],
    picture: Callable[[], Tensor],
    initializer: Initializer | None,
) -> Tensor:
    """Return the initial image that `options.init` names, with `options.init_noise` of white noise.  -> (H, W, 3)

    content, recolored, style, picture: compute the content (with its opacity), the content in the styles' colors, the first
    style and the user's initial image as the network sees them, at this size
    """
    generator = torch.Generator().manual_seed(options.seed)
    noise = torch.rand(height, width, 3, generator=generator)
    if options.init == "noise":
        return noise.to(device)
    if options.init == "gray":
        image = torch.full_like(noise, 0.5, device=device)
    elif options.init == "style":
        image = style()
    elif initializer is not None:
        image = initializer(*content(), options)
        image = to_gray(image) if options.colors == "content" else image
    else:
        image = picture() if options.init in ("image", "painting") else recolored()
    if options.init_noise:
        image = torch.lerp(image, noise.to(device), options.init_noise)
    return image
