"""Pixels out of files, Pillow's images and arrays, as floats from 0 to 1: turned as EXIF says, in sRGB, all 16 bits."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from ..errors import ImageError

_SRGB = ImageCms.createProfile("sRGB")
#: As a file carries it; with a date of its own, no two files would be the same.
_DATED_PROFILE = ImageCms.ImageCmsProfile(_SRGB).tobytes()
SRGB_PROFILE = _DATED_PROFILE[:24] + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + _DATED_PROFILE[36:]
_pillow_limit_lock = threading.Lock()  # Pillow's limit of size is a global
_16_BIT_MODES = ("RGB;16", "RGBA;16")  # Pillow's names for what it would cut down to 8 bits


def decode_file(path: Path, name: str, max_megapixels: float) -> tuple[NDArray[Any], int]:
    """(H, W, C) floats of a picture file, and the depth.  Raises ImageError, in which it is called `name`."""

    def reopen() -> Image.Image:
        image = Image.open(path)
        try:
            ensure_allowed_size(image.size, name, max_megapixels)
        except ImageError:
            image.close()
            raise
        return image

    with decoding_errors(name):
        if not os.path.exists(path):
            raise ImageError(f"there is no file {name}: check its name")
        if os.path.isdir(path):
            raise ImageError(f"{name} is a folder: name a picture in it")
        with reopen() as image:
            return decode_pillow(image, reopen)


@contextlib.contextmanager
def decoding_errors(name: str) -> Iterator[None]:
    """Whatever a decoder finds wrong is an ImageError. Our own limit of size holds within, not Pillow's."""
    with _pillow_limit_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of harmless flaws in metadata
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        except (ImageError, MemoryError):
            raise
        except UnidentifiedImageError:
            raise ImageError(f"{name} is not a picture in a format that is known here: save it as PNG or JPEG") from None
        except Exception as error:  # each of Pillow's decoders has its own
            raise ImageError(f"{name} is damaged or truncated ({error}): export it again") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def decode_pillow(image: Image.Image, reopen: Callable[[], Image.Image] | None) -> tuple[NDArray[Any], int]:
    """(H, W, C) floats, oriented and in sRGB, and the depth. Without a way to open it again, a deep one has 8 bits."""
    raw = _raw_mode(image)
    image.load()
    orientation = image.getexif().get(0x0112, 1)  # only now: Pillow turns TIFF files by itself when it loads them
    profile = image.info.get("icc_profile")
    if reopen and raw[:-1] in _16_BIT_MODES:
        deep = _to_unit_floats(_read_16_bit(image, reopen), 65535)
        deep[..., :3] = _to_srgb_16_bit(deep[..., :3], profile)
        return _apply_orientation(deep, orientation), 16
    if image.mode.startswith("I"):
        return _apply_orientation(_to_unit_floats(np.asarray(image)[..., None], 65535), orientation), 16
    if image.mode == "F":
        return _apply_orientation(np.array(image)[..., None], orientation), 16
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    alpha = image.convert("RGBA").getchannel("A") if has_alpha else None
    colors = _to_srgb(image, profile)
    planes = np.asarray(colors) if alpha is None else np.dstack([np.asarray(colors), np.asarray(alpha)])
    return _to_unit_floats(_apply_orientation(planes, orientation), 255), 8


def _raw_mode(image: Image.Image) -> str:
    """How a file that is not decoded yet stores its pixels, as Pillow calls it: RGB;16B, say"""
    if not isinstance(image, ImageFile) or not image.tile:
        return ""
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) and args else args)


def _read_16_bit(image: Image.Image, reopen: Callable[[], Image.Image]) -> NDArray[Any]:
    """All 16 bits of an RGB or RGBA file. Pillow keeps the high bytes; told of the other byte order, it keeps the low ones."""

    def swapped(raw: Any) -> Any:
        if isinstance(raw, tuple):
            return (swapped(raw[0]), *raw[1:])
        big = raw[-1] == "B" or (raw[-1] == "N" and sys.byteorder == "big")
        return raw[:-1] + ("L" if big else "B")

    with reopen() as other:
        assert isinstance(other, ImageFile)
        other.tile = [tile._replace(args=swapped(tile.args)) for tile in other.tile]
        low = np.asarray(other, dtype=np.float32)
    return np.asarray(image, dtype=np.float32) * 256 + low


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An 8-bit image in sRGB; a profile that is broken, or of another kind of picture, is left aside."""
    plain = {"RGBA": "RGB", "RGBX": "RGB", "LA": "L", "La": "L", "RGBa": "RGB", "1": "L", "P": "RGB", "PA": "RGB"}
    image = image.convert("RGBA") if "transparency" in image.info or image.mode in ("PA", "RGBa") else image
    image = image.convert(plain.get(image.mode, image.mode))
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if not ImageCms.getProfileDescription(source).startswith("sRGB"):
                converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB")


def _to_srgb_16_bit(values: NDArray[Any], profile: bytes | None) -> NDArray[Any]:
    """The same for floats. The color engine works in 8 bits: what it would change, on a grid of 33^3 colors, is added."""
    if not profile:
        return values
    axis = np.linspace(0, 255, 33).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)  # (red, green, blue, 3)
    converted = np.asarray(_to_srgb(Image.fromarray(grid.reshape(33, -1, 3)), profile)).reshape(grid.shape)
    change = torch.from_numpy((converted.astype(np.float32) - grid) / 255).permute(3, 0, 1, 2)[None]
    # In grid_sample the last coordinate walks the first axis, red; the grid's places are rounded by less than 1/255.
    at = torch.from_numpy(values[..., ::-1] * 2 - 1)[None, None]
    shift = functional.grid_sample(change, at.float(), align_corners=True)[0, :, 0].permute(1, 2, 0)
    return np.asarray(values + shift.numpy())


def decode_array(array: NDArray[Any], name: str) -> tuple[NDArray[Any], int]:
    """(H, W, C) floats of an array of uint8, uint16 or floats, and the depth.  Raises ImageError."""
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or not array.size:
        raise ImageError(f"{name} has the shape {array.shape}: give height x width with 1 to 4 channels (tensors: C x H x W)")
    if array.dtype == bool:  # masks often are
        return array.astype(np.float32), 8
    if array.dtype == np.uint8:
        return _to_unit_floats(array, 255), 8
    if array.dtype == np.uint16:
        return _to_unit_floats(array, 65535), 16
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"{name} has elements of type {array.dtype}: give uint8, uint16, or floats from 0 to 1")
    return array.astype(np.float32), 16


def _to_unit_floats(values: NDArray[Any], whole: int) -> NDArray[Any]:
    """Whole numbers as floats from 0 to 1, in one go"""
    unit: NDArray[Any] = np.divide(values, np.float32(whole), dtype=np.float32)
    return unit


def _apply_orientation(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror as EXIF tag 0x0112 says: its values 5 to 8 swap the axes, before the others mirror them."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def ensure_allowed_size(size: tuple[int, int], name: str, max_megapixels: float) -> None:
    """That a picture is not larger than is allowed.  Raises ImageError."""
    if size[0] * size[1] > max_megapixels * 1e6:
        raise ImageError(
            f"{name} is {size[0]} x {size[1]} pixels, over the limit of {max_megapixels:g} megapixels: "
            "raise max_megapixels (--max-megapixels) if you trust it"
        )
