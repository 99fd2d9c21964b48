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
    mask: Tensor,
    layers: Collection[str],
    network: str,
    mode: str = "plain",
    tileable: Tileable = NOT_TILEABLE,
    *,
    min_coverage: float = _MIN_COVERAGE,
) -> dict[str, Tensor]:
    """The guides of a region: its mask (H, W) -> layer -> weight of each position (h, w), for the layers that see the region.

    how: `plain` counts what lies under a position; `inside` only positions whose whole receptive field lies in the region,
    `all` those that see any of it. Where nothing is inside a region at a layer, its plain guide serves.
    least: the share of a layer that a region has to cover to be seen by it
    """
    found = _propagate(mask, layers, network, mode, tileable)
    if mode == "inside":
        plain = _propagate(mask, layers, network, "plain", tileable)
        found = {name: guide if float(guide.mean()) > min_coverage else plain[name] for name, guide in found.items()}
    return {name: guide for name, guide in found.items() if float(guide.mean()) > min_coverage}


def _propagate(mask: Tensor, layers: Collection[str], network: str, mode: str, tileable: Tileable) -> dict[str, Tensor]:
    field = mask[None, None]
    found, block = {}, "1"
    for name in LAYERS[network.removesuffix(NORMALIZED_SUFFIX)]:
        if name[4] != block:
            block = name[4]
            field = functional.avg_pool2d(field, 2) if mode == "plain" else _dilate_or_erode(field, mode, 2, 0)
        if mode != "plain":
            around = pad(field[0].permute(1, 2, 0), tileable.ways).permute(2, 0, 1)[None]
            margins = tuple(int(not wrap) for wrap in tileable)
            field = _dilate_or_erode(
                around, mode, 3, margins
            )  # what lies beyond the border is of no region, and does not count
        if name in layers:
            found[name] = field[0, 0].clone()
    return found


def _dilate_or_erode(field: Tensor, mode: str, size: int, margin: int | tuple[int, ...]) -> Tensor:
    """The largest value (all), or the smallest (inside), around each position"""
    sign = 1 if mode == "all" else -1
    stride = 1 if size == 3 else size
    return sign * functional.max_pool2d(sign * field, size, stride=stride, padding=margin)
