"""Compositing of the optimized image with the content: alpha, hues, and the region that stays unchanged."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..runtime.torch_state import plain_torch
from .color import transfer_luminance
from .mask import resize_mask
from .picture import Picture
from .tileable import Tileable


class Snapshot(NamedTuple):
    """The current image and what is needed to composite it with the content."""

    pixels: Tensor  # (H, W, 3) in [0, 1]
    content: Picture  # of any size; with matching opposite edges if tileable
    tileable: Tileable
    keep_mask: Tensor | None  # (H, W), 1 where the content stays unchanged
    keep_content_hues: bool

    @plain_torch()
    def render(self) -> Picture:
        """Return the image with the content's alpha and bit depth, and its hues and kept region if asked for."""
        pixels, content = self.pixels.float().cpu(), self.content
        if self.keep_content_hues or content.alpha is not None or self.keep_mask is not None:
            content = content.resize(pixels.shape[1], pixels.shape[0], self.tileable)
        if self.keep_content_hues:
            pixels = transfer_luminance(pixels, content.pixels)
        if self.keep_mask is not None:
            pixels = torch.lerp(pixels, content.pixels, resize_mask(self.keep_mask, *content.size)[..., None])
        return Picture(pixels, content.alpha, content.depth)
