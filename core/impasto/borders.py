"""What lies beyond a picture's border: zeros, its edge once more, or its other side, so that its edges meet.

Each way is a matrix that makes a map two rows or columns larger; `folded` is its transpose, for gradients.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from .options import PADDINGS

#: Where edges meet the sides are multiples of this: the network halves a picture four times.
STRIDE = 16


class Wraps(NamedTuple):
    """Whether the picture's edges meet"""

    y: bool = False  # the upper and the lower
    x: bool = False  # the left and the right

    @classmethod
    def of(cls, padding: str) -> Wraps:
        return cls(*(how == "circular" for how in PADDINGS[padding]))

    @property
    def ways(self) -> tuple[str, str]:
        """What lies beyond the border of a map inside the network: its other side, or zeros"""
        return "circular" if self.y else "zero", "circular" if self.x else "zero"


#: The usual: they do not
APART = Wraps()


def padded(values: Tensor, ways: tuple[str, str]) -> Tensor:
    """One row and one column more at each end, where there is to be anything but zeros.  (H, W, C) -> (H + 2, W + 2, C)"""
    for axis, way in enumerate(ways):
        if way != "zero":
            first, last = values.narrow(axis, 0, 1), values.narrow(axis, values.shape[axis] - 1, 1)
            ends = (first, last) if way == "replicate" else (last, first)
            values = torch.cat([ends[0], values, ends[1]], dim=axis)
    return values


def trimmed(values: Tensor, ways: tuple[str, str]) -> Tensor:
    """Without the rows and columns that `padded` has added.  (H + 2, W + 2, C) -> (H, W, C)"""
    for axis, way in enumerate(ways):
        if way != "zero":
            values = values.narrow(axis, 1, values.shape[axis] - 2)
    return values.contiguous()


def widened(values: Tensor, ways: tuple[str, str]) -> Tensor:
    """The transpose of trimmed: zeros around.  (H, W, C) -> (H + 2, W + 2, C)"""
    y, x = (int(way != "zero") for way in ways)
    return functional.pad(values, (0, 0, x, x, y, y)) if y or x else values


def folded(gradient: Tensor, ways: tuple[str, str]) -> Tensor:
    """The transpose of padded: what reached the rows added goes to those that they repeat.  (H + 2, W + 2, C) -> (H, W, C)"""
    for axis, way in reversed(list(enumerate(ways))):
        if way == "zero":
            continue
        size = gradient.shape[axis] - 2
        inner = gradient.narrow(axis, 1, size).clone()
        ends = (0, size - 1) if way == "replicate" else (size - 1, 0)
        inner.narrow(axis, ends[0], 1).add_(gradient.narrow(axis, 0, 1))
        inner.narrow(axis, ends[1], 1).add_(gradient.narrow(axis, size + 1, 1))
        gradient = inner
    return gradient


def resized(values: Tensor, width: int, height: int, wraps: Wraps = APART) -> Tensor:
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


def meeting(pixels: Tensor, wraps: Wraps) -> Tensor:
    """A picture whose edges meet where they are to: half of the step between them is taken from either side, fading out.

    (H, W, C) in [0, 1] -> (H, W, C); the pictures to paint are shown to the network so, for it would keep the step.
    """
    for axis, wrap in enumerate(wraps):
        if not wrap:
            continue
        size = pixels.shape[axis]
        step = pixels.narrow(axis, 0, 1) - pixels.narrow(axis, size - 1, 1)
        along = step.transpose(0, 1) if axis == 0 else step  # (length of the edge, 1, C), whichever edge it is
        blur = max(1, len(along) // 32) * 2 + 1
        smooth = functional.avg_pool1d(
            functional.pad(along[:, 0].T[None], (blur // 2, blur // 2), mode="replicate"), blur, stride=1
        )[0].T[:, None]
        step = smooth.transpose(0, 1) if axis == 0 else smooth
        place = (torch.arange(size, device=pixels.device, dtype=pixels.dtype) + 0.5) / size
        fade = (1 - 4 * torch.minimum(place, 1 - place)).clamp(min=0) ** 2 / 2 * torch.sign(0.5 - place)
        pixels = pixels - step * fade.view(-1, 1, 1).transpose(0, axis)
    return pixels.clamp(0, 1)
