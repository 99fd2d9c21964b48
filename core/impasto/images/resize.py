"""Resizing of images, and the arithmetic of image sizes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor

from ..errors import TooThinError
from ..layers import SMALLEST_SIDE
from .tileable import NOT_TILEABLE, Tileable


def resize(values: Tensor, width: int, height: int, tileable: Tileable = NOT_TILEABLE) -> Tensor:
    """Resize with an antialiased bicubic filter, across tileable edges.  (H, W, C) -> (height, width, C) in [0, 1]"""
    return _interpolate(values, width, height, tileable).clamp_(0, 1)


def _interpolate(values: Tensor, width: int, height: int, tileable: Tileable) -> Tensor:
    """Resize as `resize` does, without limits.  -> (height, width, C), a new tensor"""
    margins = [
        _tileable_margin(old, new) if is_tileable else 0
        for is_tileable, old, new in zip(tileable, values.shape, (height, width), strict=False)
    ]
    padded_size = [
        new + 2 * round(margin * new / old) for new, margin, old in zip((height, width), margins, values.shape, strict=False)
    ]
    for axis, margin in enumerate(margins):
        if margin:
            old = values.shape[axis]
            values = values.index_select(axis, torch.arange(-margin, old + margin, device=values.device) % old)
    channels_first = values.permute(2, 0, 1)[None]
    resized = functional.interpolate(channels_first, padded_size, mode="bicubic", antialias=True)[0].permute(1, 2, 0)
    top, left = ((padded - new) // 2 for padded, new in zip(padded_size, (height, width), strict=True))
    return resized[top : top + height, left : left + width].clone(memory_format=torch.contiguous_format)


def halve(values: Tensor) -> Tensor:
    """Return the average of each 2 x 2 pixels, for even sides.  (H, W, C) -> (H/2, W/2, C)"""
    rows = values[0::2] + values[1::2]
    return (rows[:, 0::2] + rows[:, 1::2]).mul_(0.25)


def restore_forms(image: Tensor, smaller: Tensor, share: float, tileable: Tileable = NOT_TILEABLE) -> Tensor:
    """Bring an image closer to what a smaller one shows, and keep its finer detail.

    image: (H, W, C), smaller: (h, w, C); share: of the difference at the smaller size that is taken away, 0 to 1
    -> (H, W, C) in [0, 1]
    """
    shrunk = resize(image, smaller.shape[1], smaller.shape[0], tileable)
    difference = _interpolate((smaller - shrunk).mul_(share), image.shape[1], image.shape[0], tileable)
    return difference.add_(image).clamp_(0, 1)


def _tileable_margin(old: int, new: int) -> int:
    """Return how many pixels of the opposite edge to add on each side before resizing from `old` to `new` pixels."""
    filter_reach = max(8, math.ceil(3 * old / new))
    step = old // math.gcd(old, new)  # multiples of this become a whole number of pixels
    margin = step * -(-filter_reach // step)
    if 2 * margin > old:  # too large: take the margin that comes nearest to a whole number of pixels
        margin = min(range(filter_reach, filter_reach + 64), key=lambda m: abs(m * new / old - round(m * new / old)))
    return margin


def scale_size(size: tuple[int, int], factor: float, minimum: int = 1) -> tuple[int, int]:
    """Multiply both sides by a factor and round; neither side gets shorter than `minimum` pixels."""
    return max(minimum, round(size[0] * factor)), max(minimum, round(size[1] * factor))


def shrink_size(size: tuple[int, int], longest_side: int, minimum: int = 1) -> tuple[int, int]:
    """Scale a size down to at most `longest_side` pixels; smaller sizes stay."""
    return scale_size(size, min(1.0, longest_side / max(size)), minimum)


def fit_size(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """Scale a size (width, height) up or down to the given longest side; 0 keeps it.

    Raises TooThinError: the short side would be below the smallest that the networks accept.
    """
    if not longest_side:
        return size
    width, height = scale_size(size, longest_side / max(size))
    if min(width, height) < SMALLEST_SIDE:
        raise TooThinError(
            f"at {width} x {height} pixels the picture is too thin: its short side needs {SMALLEST_SIDE} pixels; "
            "give a larger size"
        )
    return width, height
