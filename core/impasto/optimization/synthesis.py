"""Texture synthesis and feature reconstruction as style transfer without content or without style (Gatys et al., fig. 1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import OptionError
from ..layers import SMALLEST_SIDE
from ..option_values import NOTHING
from ..options import Options, resolve_options
from .recipe import BLANK_GRAY

_MAX_SIDE = 16384


def reconstruction_options(layer: str, options: Options | None, settings: dict[str, Any]) -> Options:
    """Return options for an image with the same features in `layer`; by default those of the preset `paper`, from noise."""
    defaults = {"preset": "paper"} if options is None else {}
    fixed = {"content_layers": layer, "style_layers": "none", "protect": NOTHING}
    return resolve_options({**defaults, **_from_noise(settings), **fixed}, options)


def texture_options(size: tuple[int, int], options: Options | None, settings: dict[str, Any]) -> Options:
    """Return options for a texture of `size` (width, height), in pixels; by default it starts from noise."""
    return resolve_options({**_from_noise(settings), "content_layers": "none", "size": max(size)}, options)


def _from_noise(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings that start from noise, unless they say otherwise."""
    is_set = any(settings.get(name) is not None for name in ("init", "init_image"))
    return settings if is_set else {**settings, "init": "noise"}


def blank_content(width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the blank content of a texture.  -> (height, width, 3)  Raises OptionError: too small or too large."""
    if min(width, height) < SMALLEST_SIDE or max(width, height) > _MAX_SIDE:
        raise OptionError(f"a texture of {width} x {height} pixels: give {SMALLEST_SIDE} to {_MAX_SIDE} each way")
    return np.full((height, width, 3), BLANK_GRAY, np.uint8)
