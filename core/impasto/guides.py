"""Masks, and how they reach the layers: a guide says how much each position of a feature map belongs to a region.

Moments are means over positions, so a region's moments are means weighted by its guide (the guided Gram matrices of Gatys
et al., arXiv 1611.07865, section 4.1, with weights instead of their squares: regions that add up to the whole picture have
moments that average to the picture's).
"""

from __future__ import annotations

from collections.abc import Collection

import torch.nn.functional as functional
from torch import Tensor

from .borders import APART, Wraps, padded
from .errors import ImageError
from .images import Picture
from .networks import LAYERS, NORMALISED

#: A region that covers less than this share of a layer has no say in it.
_LEAST = 1e-4


def mask(drawn: Picture, picture: Picture, name: str) -> Tensor:
    """A mask, 1 where what is drawn is white, at the size of the picture that it belongs to.  -> (H, W)

    Raises ImageError: black all over, or other proportions than the picture's.
    """
    (wide, tall), (width, height) = drawn.size, picture.size
    if abs(wide * height - tall * width) > max(wide, width, tall, height):
        raise ImageError(
            f"{name} is {wide} x {tall} pixels, its picture {width} x {height}: a mask has the proportions of its picture"
        )
    white = drawn.pixels.mean(2) if drawn.alpha is None else drawn.pixels.mean(2) * drawn.alpha
    if float(white.max()) < 1 / 255:
        raise ImageError(f"{name} is black all over: paint white where it applies")
    place = resized(white, width, height)
    if picture.alpha is not None and float((place * (picture.alpha > 0)).max()) < 1 / 255:
        raise ImageError(f"{name} is white only where its picture is transparent: there is nothing to see")
    return place


def resized(place: Tensor, width: int, height: int) -> Tensor:
    """A mask at another size.  (H, W) -> (height, width), in [0, 1]"""
    if place.shape == (height, width):
        return place
    return functional.interpolate(place[None, None], (height, width), mode="bilinear", antialias=True)[0, 0].clamp(0, 1)


def guides(
    place: Tensor,
    layers: Collection[str],
    network: str,
    how: str = "plain",
    wraps: Wraps = APART,
    *,
    least: float = _LEAST,
) -> dict[str, Tensor]:
    """The guides of a region: its mask (H, W) -> layer -> weight of each position (h, w), for the layers that see the region.

    how: `plain` counts what lies under a position; `inside` only positions whose whole receptive field lies in the region,
    `all` those that see any of it. Where nothing is inside a region at a layer, its plain guide serves.
    least: the share of a layer that a region has to cover to be seen by it
    """
    found = _carried(place, layers, network, how, wraps)
    if how == "inside":
        plain = _carried(place, layers, network, "plain", wraps)
        found = {name: guide if float(guide.mean()) > least else plain[name] for name, guide in found.items()}
    return {name: guide for name, guide in found.items() if float(guide.mean()) > least}


def _carried(place: Tensor, layers: Collection[str], network: str, how: str, wraps: Wraps) -> dict[str, Tensor]:
    field = place[None, None]
    found, block = {}, "1"
    for name in LAYERS[network.removesuffix(NORMALISED)]:
        if name[4] != block:
            block = name[4]
            field = functional.avg_pool2d(field, 2) if how == "plain" else _largest(field, how, 2, 0)
        if how != "plain":
            around = padded(field[0].permute(1, 2, 0), wraps.ways).permute(2, 0, 1)[None]
            margins = tuple(int(not wrap) for wrap in wraps)
            field = _largest(around, how, 3, margins)  # what lies beyond the border is of no region, and does not count
        if name in layers:
            found[name] = field[0, 0].clone()
    return found


def _largest(field: Tensor, how: str, size: int, margin: int | tuple[int, ...]) -> Tensor:
    """The largest value (all), or the smallest (inside), around each position"""
    sign = 1 if how == "all" else -1
    stride = 1 if size == 3 else size
    return sign * functional.max_pool2d(sign * field, size, stride=stride, padding=margin)
