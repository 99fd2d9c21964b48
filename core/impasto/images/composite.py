"""TODO-DOC images.composite"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .color import transfer_luminance
from .mask import resize_mask
from .picture import Picture
from .tileable import Tileable


class Snapshot(NamedTuple):
    """A picture in the making, with what its finishing takes from the content."""

    pixels: Tensor
    content: Picture  # with edges that meet, where they are to
    wraps: Tileable
    keep: Tensor | None
    keep_hues: bool

    def finished(self) -> Picture:
        """With the content's alpha and depth, its hues where they are kept, and itself where it stays"""
        pixels, content = self.pixels.float().cpu(), self.content
        if self.keep_hues or content.alpha is not None or self.keep is not None:
            content = content.resized(pixels.shape[1], pixels.shape[0], self.wraps)
        if self.keep_hues:
            pixels = transfer_luminance(pixels, content.pixels)
        if self.keep is not None:
            pixels = torch.lerp(pixels, content.pixels, resize_mask(self.keep, *content.size)[..., None])
        return Picture(pixels, content.alpha, content.depth)
