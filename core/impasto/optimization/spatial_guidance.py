"""Guidance: masks propagated to the layers. A guide gives the weight of each position of a feature map in a region.

A region's moments are means weighted by its guide (guided Gram matrices, Gatys et al., arXiv 1611.07865, section 4.1, with
weights instead of their squares: the moments of regions that add up to the whole image average to the image's).
docs/architecture.md follows a mask from the option to the loss.
"""

from __future__ import annotations

from collections.abc import Collection

import torch.nn.functional as functional
from torch import Tensor

from ..images.tileable import NOT_TILEABLE, Tileable
from ..layers import LAYERS, NORMALIZED_SUFFIX
from ..vgg.padding import pad

#: A region is left out at layers of which it covers no more than this fraction.
_MIN_COVERAGE = 1e-4


def propagate_mask(
    mask: Tensor,
    layers: Collection[str],
    network: str,
    mode: str = "plain",
    tileable: Tileable = NOT_TILEABLE,
    *,
    min_coverage: float = _MIN_COVERAGE,
) -> dict[str, Tensor]:
    """Propagate a region's mask (H, W) to the layers.  -> layer -> weight of each position (h, w)

    mode: `plain` averages the mask under a position; `inside` selects positions whose whole receptive field lies in the
    region, `all` those whose receptive field touches it. If no position of a layer is inside, that layer uses the plain guide.
    min_coverage: the region is left out at layers of which it covers no more than this fraction
    """
    guides = _propagate(mask, layers, network, mode, tileable)
    if mode == "inside":
        plain = _propagate(mask, layers, network, "plain", tileable)
        guides = {name: guide if float(guide.mean()) > min_coverage else plain[name] for name, guide in guides.items()}
    return {name: guide for name, guide in guides.items() if float(guide.mean()) > min_coverage}


def _propagate(mask: Tensor, layers: Collection[str], network: str, mode: str, tileable: Tileable) -> dict[str, Tensor]:
    weights = mask[None, None]
    guides, block = {}, "1"
    for name in LAYERS[network.removesuffix(NORMALIZED_SUFFIX)]:
        if name[4] != block:
            block = name[4]
            weights = functional.avg_pool2d(weights, 2) if mode == "plain" else _dilate_or_erode(weights, mode, 2, 0)
        if mode != "plain":
            padded = pad(weights[0].permute(1, 2, 0), tileable.padding_modes).permute(2, 0, 1)[None]
            margins = tuple(int(not wrap) for wrap in tileable)
            weights = _dilate_or_erode(padded, mode, 3, margins)  # positions beyond the border are ignored
        if name in layers:
            guides[name] = weights[0, 0].clone()
    return guides


def _dilate_or_erode(weights: Tensor, mode: str, size: int, margin: int | tuple[int, ...]) -> Tensor:
    """Return the maximum (`all`) or the minimum (`inside`) around each position."""
    sign = 1 if mode == "all" else -1
    stride = 1 if size == 3 else size
    return sign * functional.max_pool2d(sign * weights, size, stride=stride, padding=margin)
