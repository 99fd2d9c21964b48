"""Conversion of pixel values to sRGB by ICC profiles, in 16 bits or floats."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

#: Contains the current date, which would make every saved file different; SRGB_PROFILE has a fixed date.
_DATED_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SRGB_PROFILE = _DATED_PROFILE[:24] + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + _DATED_PROFILE[36:]

#: Color space in a profile's header -> the color engine's name for it, and the number of channels
_COLOR_SPACES = {b"RGB ": ("rgb", 3), b"GRAY": ("gray", 1), b"CMYK": ("cmyk", 4)}
#: Levels per channel of the colors that tell whether a profile is sRGB
_PROBE_LEVELS = 9
#: Largest difference between a color and its conversion by a profile that is sRGB, in 16 bits: one level of 8 bits
_SAME_COLOR = 257
#: Values converted at a time, to bound the memory of temporaries
_BAND_VALUES = 12_000_000


def to_srgb(values: NDArray[Any], white: float, profile: bytes | None) -> NDArray[Any]:
    """Convert the colors of a file to sRGB.  (H, W, 1 gray, 3 RGB or 4 CMYK) -> (H, W, 1 or 3) float32 in [0, 1]

    white: the value of white, or of full ink in CMYK
    profile: an ICC profile; it is ignored if it is broken or for another color model. An RGB profile also applies to gray.
    """
    model = _usable_color_space(profile or b"", values.shape[2])
    if model is None:
        colors = to_unit_floats(values, white)
        return (1 - colors[..., :3]) * (1 - colors[..., 3:]) if colors.shape[2] == 4 else colors
    if model == "rgb" and values.shape[2] == 1:
        values = np.repeat(values, 3, axis=2)
    if model == "gray" and values.dtype.kind != "f" and white <= 65535:
        return np.take(_gray_curve(profile or b"", int(white)), values[..., 0].astype(np.intp), axis=0)
    result = np.empty((*values.shape[:2], 3), np.float32)
    rows = max(1, _BAND_VALUES // values[0].size)
    for top in range(0, len(values), rows):
        band = values[top : top + rows]
        if values.dtype.kind == "f" or white > 65535:
            result[top : top + rows] = _convert(to_unit_floats(band, white), profile or b"", model).clip(0, 1)
        else:
            band = np.round(band * (65535 / white)).astype(np.uint16)
            result[top : top + rows] = to_unit_floats(_convert(band, profile or b"", model), 65535)
    return result


@lru_cache(maxsize=4)
def _gray_curve(profile: bytes, white: int) -> NDArray[Any]:
    """Return the sRGB color of each gray, (white + 1, 3). In 16 bits, the color engine interpolates the shadows of gray."""
    levels = np.linspace(0, 1, white + 1, dtype=np.float32)[None, :, None]
    curve: NDArray[Any] = _convert(levels, profile, "gray")[0].clip(0, 1)
    return curve


def to_unit_floats(values: NDArray[Any], white: float) -> NDArray[Any]:
    """Scale values to float32, without an intermediate copy: `white` becomes 1."""
    floats: NDArray[Any] = np.divide(values, np.float32(white), dtype=np.float32, casting="unsafe")
    return floats


@lru_cache(maxsize=16)
def _usable_color_space(profile: bytes, channels: int) -> str | None:
    """Return the color engine's name for the profile's color space; None if these values are sRGB, or it does not apply."""
    model, count = _COLOR_SPACES.get(profile[16:20], ("", 0))
    if count != channels and not (model == "rgb" and channels == 1):
        return None
    levels = np.linspace(0, 65535, _PROBE_LEVELS).round().astype(np.uint16)
    colors = np.stack(np.meshgrid(*[levels] * count, indexing="ij"), axis=-1).reshape(1, -1, count)
    try:
        converted = _convert(colors, profile, model)
    except (RuntimeError, ValueError, TypeError):
        return None
    is_srgb = count < 4 and int(np.abs(converted.astype(np.int32) - colors).max()) <= _SAME_COLOR
    return None if is_srgb else model


def _convert(values: NDArray[Any], profile: bytes, model: str) -> NDArray[Any]:
    """(H, W, 1, 3 or 4) uint16, or floats in [0, 1] -> (H, W, 3) of the same type.  Raises RuntimeError: a broken profile."""
    if model == "gray":
        values = values[..., 0]
    elif model == "cmyk" and values.dtype.kind == "f":
        values = values * 100  # the color engine takes percent
    converted: NDArray[Any] = imagecodecs.cms_transform(
        np.ascontiguousarray(values), profile, SRGB_PROFILE, colorspace=model, outcolorspace="rgb"
    )
    return converted
