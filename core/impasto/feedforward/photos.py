"""Photographs to train on, and random crops of them with data augmentation."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ImageError, OptionError
from ..images.folder import find_images
from ..images.picture import Picture, read_picture, to_uint
from ..images.resize import fit_size, resize
from ..layers import SMALLEST_SIDE

#: Sample photographs of scikit-image that resemble what people stylize
_SAMPLES = (
    "astronaut",
    "cat",
    "coffee",
    "rocket",
    "camera",
    "stereo_motorcycle",
    "coins",
    "hubble_deep_field",
    "grass",
    "gravel",
)
#: Maximum longest side of a photograph in pixels, and maximum number of photographs: 700 MB in all
_MAX_SIDE, _MAX_PHOTOS = 768, 500
#: Augmentation, as maximum factors: brightness of all channels, brightness of each channel, and gamma
_BRIGHTNESS, _COLOR_CAST, _GAMMA = 1.25, 1.1, 1.4

#: (H, W, 3) uint8
Photo = Tensor

logger = logging.getLogger("impasto")


def read_photos(sources: Iterable[Any], max_megapixels: float = 200) -> list[Photo]:
    """Read photographs and shrink them. Files that are no readable pictures are logged and skipped.

    sources: paths, or anything else that `read_picture` takes
    Raises ImageError: no photograph is left.
    """
    photos = []
    for source in sources:
        try:
            picture = read_picture(source, max_megapixels=max_megapixels)
            if max(picture.size) > _MAX_SIDE:
                picture = picture.resize(*fit_size(picture.size, _MAX_SIDE))
        except ImageError as error:
            logger.warning("photograph skipped: %s", error)
            continue
        photos.append(torch.from_numpy(to_uint(Picture(picture.pixels), 8)))
    if not photos:
        raise ImageError("no photographs to train on: give at least one")
    return photos


def photos_from_folders(folders: Sequence[str | Path], max_megapixels: float = 200) -> list[Photo]:
    """Read the photographs in folders, or single files; of too many, an evenly spaced selection.  Raises ImageError."""
    paths = find_images(folders)
    return read_photos(paths[:: -(-len(paths) // _MAX_PHOTOS)], max_megapixels)


def sample_photos() -> list[Photo]:
    """Read the sample photographs of scikit-image (extra `demo`).  Raises OptionError: it is not installed."""
    try:
        from skimage import data
    except ImportError:
        raise OptionError(
            "no photographs to train on: name a folder with --photos, or pip install 'impasto[demo]' for a few samples"
        ) from None
    arrays = (getattr(data, name)() for name in _SAMPLES)
    return read_photos(array[0] if isinstance(array, tuple) else array for array in arrays)


def random_crop(photos: Sequence[Photo], side: int, generator: torch.Generator) -> Tensor:
    """Draw a square crop of a random photograph, with random size, position, light and orientation.  (side, side, 3)"""

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    def log_uniform(max_factor: float) -> float:
        return math.exp(uniform(-1, 1) * math.log(max_factor))

    photo = photos[int(uniform(0, len(photos)))]
    height, width = photo.shape[:2]
    short_side = min(height, width)
    # Log-uniform from 60 % of the crop's side (slightly enlarged) to the whole photograph: people stylize at all scales.
    drawn_extent = round(math.exp(uniform(math.log(side * 0.6), math.log(max(short_side, side)))))
    extent = min(short_side, max(SMALLEST_SIDE, drawn_extent))
    top, left = round(uniform(0, height - extent)), round(uniform(0, width - extent))
    crop = resize(photo[top : top + extent, left : left + extent].float() / 255, side, side)
    if uniform(0, 1) < 0.5:
        crop = crop.flip(1)
    gains = torch.tensor([log_uniform(_COLOR_CAST) for _ in range(3)]) * log_uniform(_BRIGHTNESS)
    return (crop ** log_uniform(_GAMMA) * gains).clamp(0, 1)
