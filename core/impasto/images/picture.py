"""The Picture type, and reading pictures from files, Pillow images, arrays and tensors.

Pixels are float sRGB in [0, 1]. EXIF orientation is applied, color profiles are converted to sRGB, files with more than 8 bits
keep all of them, and transparency is kept apart from the colors.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
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
from ..runtime.torch_state import plain_torch
from .decode import decode_array, decode_file, decode_pillow, decoding_errors, ensure_allowed_size
from .folder import Frame
from .resize import halve, resize
from .tileable import NOT_TILEABLE, Tileable

#: Opacity from which on a pixel is shown to the network in its own color
_FULLY_SHOWN = 0.25
#: A picture is halved before it is resized by at least this factor
_HALVED_FROM = 4


@dataclass(frozen=True)
class Picture:
    """An image.

    pixels: (H, W, 3) float32, sRGB in [0, 1]
    alpha: (H, W) in [0, 1], or None for opaque images
    depth: bits per channel of the source and of saved files, 8 or 16
    fill: color that the network sees where the image is transparent, (3,); None in opaque images
    """

    pixels: Tensor
    alpha: Tensor | None = None
    depth: int = 8
    fill: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def opacity(self) -> Tensor:
        """The alpha channel, or 1 everywhere, (H, W) in [0, 1]: the weight of each pixel in all statistics"""
        return torch.ones(self.pixels.shape[:2]) if self.alpha is None else self.alpha

    @property
    def filled(self) -> Tensor:
        """The pixels as the network sees them: those of little opacity fade to the fill color.  (H, W, 3)"""
        if self.alpha is None or self.fill is None:
            return self.pixels
        share = (self.alpha / _FULLY_SHOWN).clamp(max=1)[..., None]
        return torch.lerp(self.fill.expand_as(self.pixels), self.pixels, share)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the size and the 16-bit pixel values, independent of the file format"""
        values = to_uint(self, 16)
        return hashlib.sha256(repr(values.shape).encode() + values.astype("<u2").tobytes()).hexdigest()

    @property
    def image(self) -> Image.Image:
        """8-bit Pillow image, RGB or RGBA"""
        return Image.fromarray(to_uint(self, 8))

    @cached_property
    def _half(self) -> Picture:
        """The picture at half of its size"""
        return self._transform(halve)

    def resize(self, width: int, height: int, tileable: Tileable = NOT_TILEABLE) -> Picture:
        """Return a resized copy (antialiased bicubic); transparent pixels do not bleed into visible ones.

        Runs resize a large photo for each level of their pyramid: where its sides are even it is halved once for all of them.
        """
        if (width, height) == self.size:
            return self
        if all(old % 2 == 0 and old >= _HALVED_FROM * new for old, new in zip(self.size, (width, height), strict=True)):
            return self._half.resize(width, height, tileable)
        return self._transform(lambda values: resize(values, width, height, tileable))

    def _transform(self, resized: Callable[[Tensor], Tensor]) -> Picture:
        """Return a copy of another size, by a linear function of images (H, W, C); transparent pixels count for nothing."""
        if self.alpha is None:
            return replace(self, pixels=resized(self.pixels))
        premultiplied = resized(self.pixels * self.alpha[..., None])
        alpha = resized(self.alpha[..., None])
        pixels = (premultiplied / alpha.clamp(min=1e-4)).clamp(0, 1)
        return replace(self, pixels=pixels, alpha=alpha[..., 0])


@plain_torch()
def read_picture(source: Any, *, max_megapixels: float = 200, name: str = "the picture") -> Picture:
    """Read a path or a Frame, the bytes of a file, a Pillow image, an H x W [x C] array, or a C x H x W tensor.

    Floats are in [0, 1], uint16 goes up to 65535, other integers up to 255.
    name: what error messages call the source, unless it is a path
    Raises ImageError: the source is missing, damaged, too large, too small, fully transparent, out of range, or not an image.
    """
    name = repr(str(source)) if isinstance(source, str | os.PathLike) else name
    if isinstance(source, Picture):
        return source
    if isinstance(source, Frame):
        name = f"{str(source.path)!r}, frame {source.index + 1},"
        values, depth = decode_file(source.path, name, max_megapixels, source.index)
    elif isinstance(source, str | os.PathLike):
        values, depth = decode_file(Path(source), name, max_megapixels)
    elif isinstance(source, bytes):
        values, depth = decode_file(source, name, max_megapixels)
    elif isinstance(source, Image.Image):
        ensure_allowed_size(source.size, name, max_megapixels)
        with decoding_errors(name):
            values, depth = decode_pillow(source, name)
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
    pixels = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
    rgb = pixels[..., :1].expand(-1, -1, 3) if channels < 3 else pixels[..., :3]
    if channels in (1, 3):
        return Picture(rgb.contiguous(), None, depth)
    alpha = pixels[..., -1]
    if not (alpha > 0).any():
        raise ImageError(f"{name} is fully transparent: give a picture with visible pixels")
    if (alpha == 1).all():
        return Picture(rgb.contiguous(), None, depth)
    fill = mean_color(rgb, alpha)
    # What is under full transparency counts for nothing, not even for the digest.
    return Picture(torch.where(alpha[..., None] > 0, rgb, fill).contiguous(), alpha.contiguous(), depth, fill)


def mean_color(pixels: Tensor, weights: Tensor) -> Tensor:
    """Return the mean color, weighted per pixel.  (H, W, 3), (H, W) -> (3,)"""
    return (pixels * weights[..., None]).sum((0, 1)) / weights.sum()


def to_uint(picture: Picture, depth: int) -> NDArray[Any]:
    """Quantize to `depth` bits.  -> (H, W, 3), or (H, W, 4) with alpha; uint8 or uint16"""
    pixels, alpha = picture.pixels, picture.alpha
    values = pixels if alpha is None else torch.cat([pixels, alpha[..., None].to(pixels.device)], dim=2)
    quantized = values.detach().float().cpu().clamp(0, 1).mul_(2**depth - 1).round_()
    return quantized.to(torch.uint8).numpy() if depth == 8 else quantized.numpy().astype(np.uint16)
