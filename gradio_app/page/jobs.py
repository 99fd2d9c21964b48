"""What a visitor asks for: the pictures and settings that make an order, and what it would take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

import studio
from impasto import ImageError, ImpastoError, OptionError
from impasto.plans import size_of
from impasto.terminal import duration
from said import sentence
from visitors import visitors


def checked(photo: Any, *styles: Any, net: str = "") -> tuple[Image.Image, list[Image.Image]]:
    """The pictures, where they can be painted from; a net takes no styles.  Raises ImageError."""
    styles = () if net else styles
    for picture in (photo, *styles):
        if isinstance(picture, ImageError):
            raise picture
    if photo is None:
        raise ImageError("Add a photo first: drop one on Photo, paste it, or take one.")
    given = [style for style in styles if style is not None]
    if not given and not net:
        raise ImageError("Choose a painting first: click one below the photo, or drop your own on Style.")
    return photo, given


def order(photo: Image.Image, styles: list[Image.Image], values: dict[str, Any], folder: Path, **more: Any) -> studio.Order:
    """Raises OptionError."""
    arrays = [np.asarray(style) for style in styles]
    return studio.Order(np.asarray(photo), arrays, studio.settings(photo.size, values), str(folder), **more)


def regions(covered: Image.Image | None) -> list[np.ndarray]:
    """Where the first style goes and where the second: under the brush.  Raises ImageError."""
    if covered is None:
        raise ImageError("Paint on the photo where the second style goes: More, The brush.")
    if covered.getextrema()[0] > 254:
        raise ImageError("The brush covers all of the photo: nothing is left for the first style.")
    return [np.asarray(ImageOps.invert(covered)), np.asarray(covered)]


def hint(photo: tuple[int, int] | None, preset: str, quality: str, size: int, look: str, seamless: str) -> str:
    """What a painting would take, said beside the button before it begins"""
    if photo is None or visitors.busy:  # what is painted now takes memory that is free afterwards
        return ""
    try:
        values = {"preset": preset, "quality": quality, "size": size, "style_loss": look, "padding": seamless}
        (width, height), seconds, memory = studio.estimate(tuple(photo), values)
    except OptionError:  # not of this page's fields
        return ""
    except ImpastoError as error:
        return sentence(error)
    return f"{width} × {height} pixels, about {duration(seconds)}" + (f" and {size_of(memory)} of memory" if memory else "")
