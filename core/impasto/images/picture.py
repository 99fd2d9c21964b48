"""The Picture type, and reading pictures from files, Pillow images, arrays and tensors.

Pixels are float sRGB in [0, 1]. EXIF orientation is applied, color profiles are converted to sRGB, 16-bit files keep all
bits, and transparency is kept apart from the colors.
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
    """An image.

    pixels: (H, W, 3) float32, sRGB in [0, 1]
    alpha: (H, W) in [0, 1], or None for opaque images
    depth: bits per channel of the source and of saved files, 8 or 16
    """

    pixels: Tensor
    alpha: Tensor | None = None
    depth: int = 8

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def visible(self) -> Tensor:
        """Mask of the pixels that are not fully transparent, (H, W) bool"""
        return torch.ones(self.pixels.shape[:2], dtype=torch.bool) if self.alpha is None else self.alpha > 0

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the size and the 16-bit pixel values, independent of the file format"""
        values = to_uint(self, 16)
        return hashlib.sha256(repr(values.shape).encode() + values.astype("<u2").tobytes()).hexdigest()

    @property
    def image(self) -> Image.Image:
        """8-bit Pillow image, RGB or RGBA"""
        return Image.fromarray(to_uint(self, 8))

    def resize(self, width: int, height: int, tileable: Tileable = NOT_TILEABLE) -> Picture:
        """Return a resized copy (antialiased bicubic); transparent pixels do not bleed into visible ones."""
        if (width, height) == self.size:
            return self
        if self.alpha is None:
            return replace(self, pixels=resize(self.pixels, width, height, tileable))
        premultiplied = resize(self.pixels * self.alpha[..., None], width, height, tileable)
        alpha = resize(self.alpha[..., None], width, height, tileable)
        pixels = (premultiplied / alpha.clamp(min=1e-4)).clamp(0, 1)
        return replace(self, pixels=_fill_transparent(pixels, alpha[..., 0]), alpha=alpha[..., 0])


def read_picture(source: Any, *, max_megapixels: float = 200, name: str = "the picture") -> Picture:
    """Read a path, a Pillow image, an H x W [x C] uint8, uint16 or float array, or a C x H x W tensor.

    Floats are in [0, 1]. name: what error messages call the source, unless it is a path
    Raises ImageError: the source is missing, damaged, too large, too small, fully transparent, or not an image.
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
        raise ImageError(f"{type(source).__name__} is not a picture: give a path, a Pillow image, an array or a tensor")
    height, width, channels = values.shape
    ensure_allowed_size((width, height), name, max_megapixels)
    if min(width, height) < SMALLEST_SIDE:
        raise ImageError(f"{name} is too small: {width} x {height} pixels; give at least {SMALLEST_SIDE} x {SMALLEST_SIDE}")
    low, high = values.min(), values.max()  # NaN if any value is
    if not np.isfinite([low, high]).all():
        raise ImageError(f"{name} has pixels that are NaN or infinite: give finite values from 0 to 1")
    if high > 1.5:
        raise ImageError(f"{name} has values up to {high:g}: floats must be from 0 to 1")
    if low < 0 or high > 1:
        values = values.clip(0, 1)
    pixels = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
    rgb = pixels[..., :1].expand(-1, -1, 3) if channels < 3 else pixels[..., :3]
    if channels in (1, 3):
        return Picture(rgb.contiguous(), None, depth)
    alpha = pixels[..., -1]
    if not (alpha > 0).any():
        raise ImageError(f"{name} is fully transparent: give a picture with visible pixels")
    if (alpha == 1).all():
        return Picture(rgb.contiguous(), None, depth)
    return Picture(_fill_transparent(rgb, alpha), alpha.contiguous(), depth)


def _fill_transparent(pixels: Tensor, alpha: Tensor) -> Tensor:
    """Fill fully transparent pixels with the mean visible color, because the network sees them too.

    (H, W, 3), (H, W) -> (H, W, 3)
    """
    visible = alpha > 0
    mean = (pixels * alpha[..., None]).sum((0, 1)) / alpha.sum()
    return torch.where(visible[..., None], pixels, mean).contiguous()


def to_uint(picture: Picture, depth: int) -> NDArray[Any]:
    """Quantize to `depth` bits.  -> (H, W, 3), or (H, W, 4) with alpha; uint8 or uint16"""
    pixels, alpha = picture.pixels, picture.alpha
    values = pixels if alpha is None else torch.cat([pixels, alpha[..., None].to(pixels.device)], dim=2)
    quantized = values.detach().float().cpu().clamp(0, 1).mul_(2**depth - 1).round_()
    return quantized.to(torch.uint8).numpy() if depth == 8 else quantized.numpy().astype(np.uint16)
