"""Pictures in and out: any format that Pillow reads, as float sRGB in [0, 1] with its alpha and its depth.

EXIF orientation is applied, color profiles are converted to sRGB, 16 bits stay 16 bits, and what is transparent is told
apart from what is seen.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import ImageError
from ..layers import SMALLEST_SIDE
from .decode import decode_array, decode_file, decode_pillow, decoding_errors, ensure_allowed_size
from .resize import resize
from .tileable import NOT_TILEABLE, Tileable


@dataclass(frozen=True)
class Picture:
    """pixels: (H, W, 3) float32, sRGB in [0, 1]; alpha: (H, W) in [0, 1] or None; depth: bits, 8 or 16"""

    pixels: Tensor
    alpha: Tensor | None = None
    depth: int = 8

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.pixels.shape[1], self.pixels.shape[0]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the size and the 16-bit values, by which a picture is known again whatever file it came from"""
        values = to_uint(self, 16)
        return hashlib.sha256(repr(values.shape).encode() + values.astype("<u2").tobytes()).hexdigest()

    @property
    def image(self) -> Image.Image:
        """In 8 bits, RGB or RGBA"""
        return Image.fromarray(to_uint(self, 8))

    def resized(self, width: int, height: int, wraps: Tileable = NOT_TILEABLE) -> Picture:
        """Resized with a bicubic filter that covers every pixel; what is transparent does not bleed into what is not."""
        if (width, height) == self.size:
            return self
        if self.alpha is None:
            return replace(self, pixels=resize(self.pixels, width, height, wraps))
        premultiplied = resize(self.pixels * self.alpha[..., None], width, height, wraps)
        alpha = resize(self.alpha[..., None], width, height, wraps)
        pixels = (premultiplied / alpha.clamp(min=1e-4)).clamp(0, 1)
        return replace(self, pixels=_fill_transparent(pixels, alpha[..., 0]), alpha=alpha[..., 0])


def read_picture(source: Any, *, max_megapixels: float = 200, name: str = "the picture") -> Picture:
    """A picture from a path, a PIL image, an H x W [x C] uint8, uint16 or float array, or a C x H x W float tensor.

    name: what errors call it; a path is called by itself
    Raises ImageError: missing, broken, truncated, too large, too small, or fully transparent.
    """
    name = repr(str(source)) if isinstance(source, str | os.PathLike) else name
    if isinstance(source, Picture):
        return source
    if isinstance(source, str | os.PathLike):
        values, depth = decode_file(Path(source), name, max_megapixels)
    elif isinstance(source, Image.Image):
        ensure_allowed_size(source.size, name, max_megapixels)
        with decoding_errors(name):
            values, depth = decode_pillow(source, None)
    elif isinstance(source, np.ndarray):
        values, depth = decode_array(source, name)
    elif isinstance(source, Tensor):
        array = (source.float() if source.is_floating_point() else source).detach().cpu().numpy()
        values, depth = decode_array(np.moveaxis(array, 0, -1) if array.ndim == 3 else array, name)
    else:
        raise ImageError(f"{type(source).__name__} is no picture: give a path, a PIL image, an array or a tensor")
    height, width, channels = values.shape
    ensure_allowed_size((width, height), name, max_megapixels)
    if min(width, height) < SMALLEST_SIDE:
        raise ImageError(f"{name} is too small: {width} x {height} pixels, {SMALLEST_SIDE} x {SMALLEST_SIDE} are needed")
    low, high = values.min(), values.max()  # what is not a number, neither is
    if not np.isfinite([low, high]).all():
        raise ImageError(f"{name} has pixels that are not numbers (NaN or infinite)")
    if high > 1.5:
        raise ImageError(f"{name} has values up to {high:g}: floats have to be from 0 to 1")
    if low < 0 or high > 1:
        values = values.clip(0, 1)
    pixels = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
    rgb = pixels[..., :1].expand(-1, -1, 3) if channels < 3 else pixels[..., :3]
    if channels in (1, 3):
        return Picture(rgb.contiguous(), None, depth)
    alpha = pixels[..., -1]
    if not (alpha > 0).any():
        raise ImageError(f"{name} is fully transparent: there is nothing to see in it")
    if (alpha == 1).all():
        return Picture(rgb.contiguous(), None, depth)
    return Picture(_fill_transparent(rgb, alpha), alpha.contiguous(), depth)


def _fill_transparent(pixels: Tensor, alpha: Tensor) -> Tensor:
    """The picture with the mean of what is seen where nothing is: the network looks there too."""
    seen = alpha > 0
    mean = (pixels * alpha[..., None]).sum((0, 1)) / alpha.sum()
    return torch.where(seen[..., None], pixels, mean).contiguous()


def to_uint(picture: Picture, depth: int) -> NDArray[Any]:
    """(H, W, 3 or 4) uint8 or uint16, as `depth` is 8 or 16"""
    pixels, alpha = picture.pixels, picture.alpha
    values = pixels if alpha is None else torch.cat([pixels, alpha[..., None].to(pixels.device)], dim=2)
    whole = values.detach().float().cpu().clamp(0, 1).mul_(2**depth - 1).round_()
    return whole.to(torch.uint8).numpy() if depth == 8 else whole.numpy().astype(np.uint16)
