"""Photographs for a net to learn on, and the pieces of them that it is shown."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import images
from .batches import pictures
from .borders import resized
from .errors import ImageError, OptionError

#: The photographs of scikit-image that look like what people paint
_DEMO = (
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
_LONGEST, _MOST = 768, 500
#: Channels get brighter or darker by up to such a factor, all together and each for itself, and steeper or flatter.
_LIGHT, _TINT, _SLOPE = 1.25, 1.1, 1.4

#: (H, W, 3) uint8
Photograph = Tensor

logger = logging.getLogger("impasto")


def read(sources: Iterable[Any], max_megapixels: float = 200) -> list[Photograph]:
    """Photographs from paths or whatever `images.read` takes; a file that is no picture is told, and left out.

    Raises ImageError: nothing is left.
    """
    found = []
    for source in sources:
        try:
            picture = images.read(source, max_megapixels=max_megapixels)
            longest = max(picture.size)
            small = picture if longest <= _LONGEST else picture.resized(*images.fit(picture.size, _LONGEST))
        except ImageError as error:
            logger.warning("left out: %s", error)
            continue
        found.append(torch.from_numpy(images.quantized(images.Picture(small.pixels), 8)))
    if not found:
        raise ImageError("there is no photograph to learn on: name at least one")
    return found


def in_folders(folders: Sequence[str | Path], max_megapixels: float = 200) -> list[Photograph]:
    """The pictures in folders, or single ones; of very many, some.  Raises ImageError."""
    paths = pictures(folders)
    return read(paths[:: -(-len(paths) // _MOST)], max_megapixels)


def own() -> list[Photograph]:
    """Those of scikit-image, which the extra `demo` brings.  Raises OptionError: it is not there."""
    try:
        from skimage import data
    except ImportError:
        raise OptionError(
            "no photographs to learn on: name a folder of them with --photos, or pip install 'impasto[demo]' for a few"
        ) from None
    arrays = (getattr(data, name)() for name in _DEMO)
    return read(array[0] if isinstance(array, tuple) else array for array in arrays)


def piece(photographs: Sequence[Photograph], side: int, generator: torch.Generator) -> Tensor:
    """A square piece of one of them, of some size and place, in a light of its own, and perhaps mirrored.  (side, side, 3)"""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    def factor(most: float) -> float:
        return math.exp(draw(-1, 1) * math.log(most))

    pixels = photographs[int(draw(0, len(photographs)))]
    height, width = pixels.shape[:2]
    short = min(height, width)
    # From the whole picture down to little more than half of what is needed: people paint in all scales.
    extent = min(short, max(images.SMALLEST_SIDE, round(math.exp(draw(math.log(side * 0.6), math.log(max(short, side)))))))
    top, left = round(draw(0, height - extent)), round(draw(0, width - extent))
    found = resized(pixels[top : top + extent, left : left + extent].float() / 255, side, side)
    if draw(0, 1) < 0.5:
        found = found.flip(1)
    light = torch.tensor([factor(_TINT) for _ in range(3)]) * factor(_LIGHT)
    return (found ** factor(_SLOPE) * light).clamp(0, 1)
