"""What lies beyond a picture's border: zeros, its edge once more, or its other side, so that its edges meet.

Each way is a matrix that makes a map two rows or columns larger; `folded` is its transpose, for gradients.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from ..options import PADDING_MODES


class Tileable(NamedTuple):
    """Whether the picture's edges meet"""

    y: bool = False  # the upper and the lower
    x: bool = False  # the left and the right

    @classmethod
    def of(cls, padding: str) -> Tileable:
        return cls(*(how == "circular" for how in PADDING_MODES[padding]))

    @property
    def ways(self) -> tuple[str, str]:
        """What lies beyond the border of a map inside the network: its other side, or zeros"""
        return "circular" if self.y else "zero", "circular" if self.x else "zero"


#: The usual: they do not
NOT_TILEABLE = Tileable()


def blend_opposite_edges(pixels: Tensor, wraps: Tileable) -> Tensor:
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
