"""TODO-DOC images.resize"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor

from ..errors import ImageError
from ..layers import SMALLEST_SIDE
from .tileable import NOT_TILEABLE, Tileable


def resize(values: Tensor, width: int, height: int, wraps: Tileable = NOT_TILEABLE) -> Tensor:
    """Resized with a bicubic filter that covers every pixel; across edges that meet.  (H, W, C) -> (height, width, C)"""
    margins = []
    for axis, (wrap, size) in enumerate(zip(wraps, (height, width), strict=True)):
        old = values.shape[axis]
        needed = max(8, math.ceil(3 * old / size))  # as far as the filter reaches
        step = old // math.gcd(old, size)  # so many pixels become a whole number of pixels
        margin = step * -(-needed // step)
        if 2 * margin > old:  # few do: of those that reach far enough, the one that comes nearest to whole pixels
            margin = min(range(needed, needed + 64), key=lambda m: abs(m * size / old - round(m * size / old)))
        margins.append(margin if wrap else 0)
    larger = [
        size + 2 * round(margin * size / old)
        for size, margin, old in zip((height, width), margins, values.shape, strict=False)
    ]
    for axis, margin in enumerate(margins):
        if margin:
            old = values.shape[axis]
            values = values.index_select(axis, torch.arange(-margin, old + margin, device=values.device) % old)
    planes = functional.interpolate(values.permute(2, 0, 1)[None], larger, mode="bicubic", antialias=True)[0].permute(1, 2, 0)
    top, left = ((now - size) // 2 for now, size in zip(larger, (height, width), strict=True))
    return planes[top : top + height, left : left + width].clamp(0, 1).contiguous()


def fit_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """(width, height) with the aspect of `size` and the given longest side.  Raises ImageError where it gets too thin."""
    width, height = size
    scale = longest / max(size)
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    if min(fitted) < SMALLEST_SIDE:
        raise ImageError(
            f"at {fitted[0]} x {fitted[1]} pixels the picture is too thin: {SMALLEST_SIDE} on the short side are needed; "
            "give a larger size"
        )
    return fitted
