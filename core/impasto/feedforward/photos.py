"""Photographs for a net to learn on, and the pieces of them that it is shown."""

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

#: The photographs of scikit-image that look like what people paint
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
#: Photographs are kept with so many pixels on their longest side, and so many of them: 700 MB.
_MAX_SIDE, _MAX_PHOTOS = 768, 500
#: Channels get brighter or darker by up to such a factor, all together and each for itself, and steeper or flatter.
_BRIGHTNESS, _COLOR_CAST, _GAMMA = 1.25, 1.1, 1.4

#: (H, W, 3) uint8
Photo = Tensor

logger = logging.getLogger("impasto")


def read_photos(sources: Iterable[Any], max_megapixels: float = 200) -> list[Photo]:
    """Photographs from paths or whatever `images.read` takes; a file that is no picture is told, and left out.

    Raises ImageError: nothing is left.
    """
    found = []
    for source in sources:
        try:
            picture = read_picture(source, max_megapixels=max_megapixels)
            longest = max(picture.size)
            small = picture if longest <= _MAX_SIDE else picture.resize(*fit_size(picture.size, _MAX_SIDE))
        except ImageError as error:
            logger.warning("left out: %s", error)
            continue
        found.append(torch.from_numpy(to_uint(Picture(small.pixels), 8)))
    if not found:
        raise ImageError("there is no photograph to learn on: name at least one")
    return found


def photos_from_folders(folders: Sequence[str | Path], max_megapixels: float = 200) -> list[Photo]:
    """The pictures in folders, or single ones; of very many, some.  Raises ImageError."""
    paths = find_images(folders)
    return read_photos(paths[:: -(-len(paths) // _MAX_PHOTOS)], max_megapixels)


def sample_photos() -> list[Photo]:
    """Those of scikit-image, which the extra `demo` brings.  Raises OptionError: it is not there."""
    try:
        from skimage import data
    except ImportError:
        raise OptionError(
            "no photographs to learn on: name a folder of them with --photos, or pip install 'impasto[demo]' for a few"
        ) from None
    arrays = (getattr(data, name)() for name in _SAMPLES)
    return read_photos(array[0] if isinstance(array, tuple) else array for array in arrays)


def random_crop(photographs: Sequence[Photo], side: int, generator: torch.Generator) -> Tensor:
    """A square piece of one of them, of some size and place, in a light of its own, and perhaps mirrored.  (side, side, 3)"""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    def factor(most: float) -> float:
        return math.exp(draw(-1, 1) * math.log(most))

    pixels = photographs[int(draw(0, len(photographs)))]
    height, width = pixels.shape[:2]
    short = min(height, width)
    # From the whole picture down to little more than half of what is needed: people paint in all scales.
    extent = min(short, max(SMALLEST_SIDE, round(math.exp(draw(math.log(side * 0.6), math.log(max(short, side)))))))
    top, left = round(draw(0, height - extent)), round(draw(0, width - extent))
    found = resize(pixels[top : top + extent, left : left + extent].float() / 255, side, side)
    if draw(0, 1) < 0.5:
        found = found.flip(1)
    light = torch.tensor([factor(_COLOR_CAST) for _ in range(3)]) * factor(_BRIGHTNESS)
    return (found ** factor(_GAMMA) * light).clamp(0, 1)
