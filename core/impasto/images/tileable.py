"""Tileable images: which opposite edges match, and how to blend them."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from ..options import PADDING_MODES


class Tileable(NamedTuple):
    """The directions in which copies of an image join without a seam"""

    y: bool = False  # the top edge continues the bottom edge
    x: bool = False  # the left edge continues the right edge

    @classmethod
    def from_padding(cls, padding: str) -> Tileable:
        """Return the directions of a `padding` option."""
        return cls(*(mode == "circular" for mode in PADDING_MODES[padding]))

    @property
    def padding_modes(self) -> tuple[str, str]:
        """Padding of the feature maps inside the network (vertical, horizontal): circular or zero"""
        return "circular" if self.y else "zero", "circular" if self.x else "zero"


NOT_TILEABLE = Tileable()


def blend_opposite_edges(pixels: Tensor, tileable: Tileable) -> Tensor:
    """Make opposite edges match: each takes half of the step between them, fading out toward the middle.

    (H, W, C) in [0, 1] -> (H, W, C). Content images need this before the network sees them, or it would preserve the step.
    """
    for axis, is_tileable in enumerate(tileable):
        if not is_tileable:
            continue
        size = pixels.shape[axis]
        step = pixels.narrow(axis, 0, 1) - pixels.narrow(axis, size - 1, 1)
        along_edge = step.transpose(0, 1) if axis == 0 else step  # (length of the edge, 1, C)
        blur = max(1, len(along_edge) // 32) * 2 + 1
        smooth = functional.avg_pool1d(
            functional.pad(along_edge[:, 0].T[None], (blur // 2, blur // 2), mode="replicate"), blur, stride=1
        )[0].T[:, None]
        step = smooth.transpose(0, 1) if axis == 0 else smooth
        position = (torch.arange(size, device=pixels.device, dtype=pixels.dtype) + 0.5) / size
        fade = (1 - 4 * torch.minimum(position, 1 - position)).clamp(min=0) ** 2 / 2 * torch.sign(0.5 - position)
        pixels = pixels - step * fade.view(-1, 1, 1).transpose(0, axis)
    return pixels.clamp(0, 1)
