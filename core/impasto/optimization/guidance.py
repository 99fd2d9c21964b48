"""Masks, and how they reach the layers: a guide says how much each position of a feature map belongs to a region.

Moments are means over positions, so a region's moments are means weighted by its guide (the guided Gram matrices of Gatys
et al., arXiv 1611.07865, section 4.1, with weights instead of their squares: regions that add up to the whole picture have
moments that average to the picture's).
"""

from __future__ import annotations

from collections.abc import Collection

import torch.nn.functional as functional
from torch import Tensor

from ..images.tileable import NOT_TILEABLE, Tileable
from ..layers import LAYERS, NORMALIZED_SUFFIX
from ..vgg.padding import pad

#: A region that covers less than this share of a layer has no say in it.
_MIN_COVERAGE = 1e-4


def propagate_mask(
    place: Tensor,
    layers: Collection[str],
    network: str,
    how: str = "plain",
    wraps: Tileable = NOT_TILEABLE,
    *,
    least: float = _MIN_COVERAGE,
) -> dict[str, Tensor]:
    """The guides of a region: its mask (H, W) -> layer -> weight of each position (h, w), for the layers that see the region.

    how: `plain` counts what lies under a position; `inside` only positions whose whole receptive field lies in the region,
    `all` those that see any of it. Where nothing is inside a region at a layer, its plain guide serves.
    least: the share of a layer that a region has to cover to be seen by it
    """
    found = _propagate(place, layers, network, how, wraps)
    if how == "inside":
        plain = _propagate(place, layers, network, "plain", wraps)
        found = {name: guide if float(guide.mean()) > least else plain[name] for name, guide in found.items()}
    return {name: guide for name, guide in found.items() if float(guide.mean()) > least}


def _propagate(place: Tensor, layers: Collection[str], network: str, how: str, wraps: Tileable) -> dict[str, Tensor]:
    field = place[None, None]
    found, block = {}, "1"
    for name in LAYERS[network.removesuffix(NORMALIZED_SUFFIX)]:
        if name[4] != block:
            block = name[4]
            field = functional.avg_pool2d(field, 2) if how == "plain" else _dilate_or_erode(field, how, 2, 0)
        if how != "plain":
            around = pad(field[0].permute(1, 2, 0), wraps.ways).permute(2, 0, 1)[None]
            margins = tuple(int(not wrap) for wrap in wraps)
            field = _dilate_or_erode(
                around, how, 3, margins
            )  # what lies beyond the border is of no region, and does not count
        if name in layers:
            found[name] = field[0, 0].clone()
    return found


def _dilate_or_erode(field: Tensor, how: str, size: int, margin: int | tuple[int, ...]) -> Tensor:
    """The largest value (all), or the smallest (inside), around each position"""
    sign = 1 if how == "all" else -1
    stride = 1 if size == 3 else size
    return sign * functional.max_pool2d(sign * field, size, stride=stride, padding=margin)
