"""Masks: reading them from pictures, and resizing."""

from __future__ import annotations

from collections.abc import Iterable

import torch
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
    unit = 1 / (2**mask_picture.depth - 1)
    if 0 < float(white.max()) <= 1.01 * unit:  # 0 and 1 in integers, as segmentation programs write them
        white = white / white.max()
    if mask_picture.alpha is not None:
        white = white * mask_picture.alpha
    if float(white.max()) < 1 / 255:
        raise ImageError(f"{name} is black all over: paint white where it applies")
    mask = resize_mask(white, width, height)
    if picture.alpha is not None and float((mask * picture.alpha).max()) < 1e-4:
        raise ImageError(f"{name} is white only where its picture is transparent: paint white where the picture is visible")
    return mask


def mix_regions(regions: Iterable[tuple[Tensor, Tensor]], background: Tensor) -> Tensor:
    """Mix images, each in its region: overlapping regions mix theirs, and the background shows where there is none.

    regions: (H, W, 3) and mask (H, W) in [0, 1] of each; background: (H, W, 3) -> (H, W, 3)
    """
    mixture, coverage = torch.zeros_like(background), background.new_zeros(*background.shape[:2], 1)
    for image, mask in regions:
        weight = mask.to(background.device)[..., None]
        mixture, coverage = mixture + weight * image, coverage + weight
    return torch.where(coverage > 1, mixture / coverage, mixture + (1 - coverage).clamp(min=0) * background)


def resize_mask(mask: Tensor, width: int, height: int) -> Tensor:
    """Resize a mask.  (H, W) -> (height, width), in [0, 1]"""
    if mask.shape == (height, width):
        return mask
    return functional.interpolate(mask[None, None], (height, width), mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
