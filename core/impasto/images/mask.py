"""Masks: reading them from pictures, and resizing."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor

from ..errors import ImageError
from .picture import Picture


def read_mask(mask_picture: Picture, picture: Picture, name: str) -> Tensor:
    """Convert a picture to a mask, 1 where it is white, and resize it to the picture that it applies to.  -> (H, W) in [0, 1]

    name: what error messages call the mask
    Raises ImageError: the mask is black all over, or its aspect ratio is not the picture's.
    """
    (mask_width, mask_height), (width, height) = mask_picture.size, picture.size
    if abs(mask_width * height - mask_height * width) > max(mask_width, width, mask_height, height):
        raise ImageError(
            f"{name} is {mask_width} x {mask_height} pixels, its picture {width} x {height}: "
            "a mask needs the aspect ratio of its picture"
        )
    white = mask_picture.pixels.mean(2)
    if mask_picture.alpha is not None:
        white = white * mask_picture.alpha
    if float(white.max()) < 1 / 255:
        raise ImageError(f"{name} is black all over: paint white where it applies")
    mask = resize_mask(white, width, height)
    if picture.alpha is not None and float((mask * (picture.alpha > 0)).max()) < 1 / 255:
        raise ImageError(f"{name} is white only where its picture is transparent: paint white where the picture is visible")
    return mask


def resize_mask(mask: Tensor, width: int, height: int) -> Tensor:
    """Resize a mask.  (H, W) -> (height, width), in [0, 1]"""
    if mask.shape == (height, width):
        return mask
    return functional.interpolate(mask[None, None], (height, width), mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
