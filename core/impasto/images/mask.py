"""TODO-DOC images.mask"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor

from ..errors import ImageError
from .picture import Picture


def read_mask(drawn: Picture, picture: Picture, name: str) -> Tensor:
    """A mask, 1 where what is drawn is white, at the size of the picture that it belongs to.  -> (H, W)

    Raises ImageError: black all over, or other proportions than the picture's.
    """
    (wide, tall), (width, height) = drawn.size, picture.size
    if abs(wide * height - tall * width) > max(wide, width, tall, height):
        raise ImageError(
            f"{name} is {wide} x {tall} pixels, its picture {width} x {height}: a mask has the proportions of its picture"
        )
    white = drawn.pixels.mean(2) if drawn.alpha is None else drawn.pixels.mean(2) * drawn.alpha
    if float(white.max()) < 1 / 255:
        raise ImageError(f"{name} is black all over: paint white where it applies")
    place = resize_mask(white, width, height)
    if picture.alpha is not None and float((place * (picture.alpha > 0)).max()) < 1 / 255:
        raise ImageError(f"{name} is white only where its picture is transparent: there is nothing to see")
    return place


def resize_mask(place: Tensor, width: int, height: int) -> Tensor:
    """A mask at another size.  (H, W) -> (height, width), in [0, 1]"""
    if place.shape == (height, width):
        return place
    return functional.interpolate(place[None, None], (height, width), mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
