"""Decoding of files, Pillow images and arrays to float pixels in [0, 1].

EXIF orientation is applied, color profiles are converted to sRGB, and 16-bit files keep all bits.
"""

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
#: Contains the current date, which would make every saved file different; SRGB_PROFILE has a fixed date.
_DATED_PROFILE = ImageCms.ImageCmsProfile(_SRGB).tobytes()
SRGB_PROFILE = _DATED_PROFILE[:24] + struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + _DATED_PROFILE[36:]
_pillow_limit_lock = threading.RLock()
_16_BIT_MODES = ("RGB;16", "RGBA;16")  # Pillow's raw modes that it reduces to 8 bits on loading


def decode_file(path: Path, name: str, max_megapixels: float) -> tuple[NDArray[Any], int]:
    """Decode an image file.  -> (H, W, C) floats in [0, 1], and the bit depth

    name: what error messages call the file
    Raises ImageError: the file is missing, damaged, not an image, or too large.
    """

    def open_image() -> Image.Image:
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
        with open_image() as image:
            return decode_pillow(image, open_image)


@contextlib.contextmanager
def exclusive_pillow() -> Iterator[None]:
    """Decode with Pillow in this block: one thread at a time, without Pillow's size limit and warnings.

    The limit is a global of Pillow, hence the lock. Check the size from the header first (`ensure_allowed_size`). A thread may
    nest these blocks.
    """
    with _pillow_limit_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about harmless flaws in metadata
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@contextlib.contextmanager
def decoding_errors(name: str) -> Iterator[None]:
    """Convert decoder errors to ImageError, with Pillow's size limit disabled (ours is checked first)."""
    with exclusive_pillow():
        try:
            yield
        except (ImageError, MemoryError):
            raise
        except UnidentifiedImageError:
            raise ImageError(f"{name} is not a picture in a known format: save it as PNG or JPEG") from None
        except Exception as error:  # each of Pillow's decoders raises other types
            raise ImageError(f"{name} is damaged or truncated ({error}): export it again") from error


def decode_pillow(image: Image.Image, reopen: Callable[[], Image.Image] | None) -> tuple[NDArray[Any], int]:
    """Decode a Pillow image, oriented and in sRGB.  -> (H, W, C) floats in [0, 1], and the bit depth

    reopen: opens the file again, which 16-bit color images need; without it they are decoded to 8 bits
    """
    raw_mode = _raw_mode(image)
    image.load()
    orientation = image.getexif().get(0x0112, 1)  # after loading: Pillow orients TIFF files itself and removes the tag
    profile = image.info.get("icc_profile")
    if reopen and raw_mode[:-1] in _16_BIT_MODES:
        values = _to_unit_floats(_read_16_bit(image, reopen), 65535)
        values[..., :3] = _to_srgb_16_bit(values[..., :3], profile)
        return _apply_orientation(values, orientation), 16
    if image.mode.startswith("I"):
        return _apply_orientation(_to_unit_floats(np.asarray(image)[..., None], 65535), orientation), 16
    if image.mode == "F":
        return _apply_orientation(np.array(image)[..., None], orientation), 16
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    alpha = image.convert("RGBA").getchannel("A") if has_alpha else None
    colors = _to_srgb(image, profile)
    channels = np.asarray(colors) if alpha is None else np.dstack([np.asarray(colors), np.asarray(alpha)])
    return _to_unit_floats(_apply_orientation(channels, orientation), 255), 8


def _raw_mode(image: Image.Image) -> str:
    """Return Pillow's name for the pixel format of a file that is not loaded yet, such as "RGB;16B"."""
    if not isinstance(image, ImageFile) or not image.tile:
        return ""
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) and args else args)


def _read_16_bit(image: Image.Image, reopen: Callable[[], Image.Image]) -> NDArray[Any]:
    """Return all 16 bits of an RGB or RGBA file.  -> (H, W, 3 or 4) floats up to 65535

    Pillow keeps the high bytes only; decoding again with the opposite byte order yields the low bytes.
    """

    def swap_byte_order(args: Any) -> Any:
        if isinstance(args, tuple):
            return (swap_byte_order(args[0]), *args[1:])
        is_big_endian = args[-1] == "B" or (args[-1] == "N" and sys.byteorder == "big")
        return args[:-1] + ("L" if is_big_endian else "B")

    with reopen() as swapped:
        assert isinstance(swapped, ImageFile)
        swapped.tile = [tile._replace(args=swap_byte_order(tile.args)) for tile in swapped.tile]
        low_bytes = np.asarray(swapped, dtype=np.float32)
    return np.asarray(image, dtype=np.float32) * 256 + low_bytes


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an 8-bit image to sRGB; ignore profiles that are broken or for another color model."""
    opaque_modes = {"RGBA": "RGB", "RGBX": "RGB", "LA": "L", "La": "L", "RGBa": "RGB", "1": "L", "P": "RGB", "PA": "RGB"}
    image = image.convert("RGBA") if "transparency" in image.info or image.mode in ("PA", "RGBa") else image
    image = image.convert(opaque_modes.get(image.mode, image.mode))
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
    """Convert 16-bit colors to sRGB.  (H, W, 3) floats in [0, 1] -> (H, W, 3)

    The color engine works in 8 bits. It converts a grid of 33^3 colors, and the interpolated change is added.
    """
    if not profile:
        return values
    axis = np.linspace(0, 255, 33).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)  # (red, green, blue, 3)
    converted = np.asarray(_to_srgb(Image.fromarray(grid.reshape(33, -1, 3)), profile)).reshape(grid.shape)
    change = torch.from_numpy((converted.astype(np.float32) - grid) / 255).permute(3, 0, 1, 2)[None]
    # grid_sample takes coordinates in reverse order of the axes: blue, green, red. The grid is accurate to 1/255.
    coordinates = torch.from_numpy(values[..., ::-1] * 2 - 1)[None, None]
    shift = functional.grid_sample(change, coordinates.float(), align_corners=True)[0, :, 0].permute(1, 2, 0)
    return np.asarray(values + shift.numpy())


def decode_array(array: NDArray[Any], name: str) -> tuple[NDArray[Any], int]:
    """Convert an array of bool, uint8, uint16 or floats.  (H, W) or (H, W, C) -> (H, W, C) floats, and the bit depth

    name: what error messages call the array
    Raises ImageError: the array has another shape or type.
    """
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or not array.size:
        raise ImageError(
            f"{name} has the shape {array.shape}: give H x W or H x W x C with 1 to 4 channels (tensors: C x H x W)"
        )
    if array.dtype == bool:  # common for masks
        return array.astype(np.float32), 8
    if array.dtype == np.uint8:
        return _to_unit_floats(array, 255), 8
    if array.dtype == np.uint16:
        return _to_unit_floats(array, 65535), 16
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"{name} has elements of type {array.dtype}: give uint8, uint16, or floats from 0 to 1")
    return array.astype(np.float32), 16


def _to_unit_floats(values: NDArray[Any], max_value: int) -> NDArray[Any]:
    """Scale integers to float32 in [0, 1] without an intermediate copy."""
    floats: NDArray[Any] = np.divide(values, np.float32(max_value), dtype=np.float32)
    return floats


def _apply_orientation(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Rotate and mirror by EXIF tag 0x0112: values 5 to 8 swap the axes first, then the axes are mirrored."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def ensure_allowed_size(size: tuple[int, int], name: str, max_megapixels: float) -> None:
    """Check that an image is within the size limit.  Raises ImageError: it has more pixels."""
    if size[0] * size[1] > max_megapixels * 1e6:
        raise ImageError(
            f"{name} is {size[0]} x {size[1]} pixels, over the limit of {max_megapixels:g} megapixels: "
            "raise max_megapixels (--max-megapixels) if you trust it"
        )
