"""Decoding of files, Pillow images and arrays to float pixels in [0, 1].

EXIF orientation is applied, color profiles are converted to sRGB, and files with more than 8 bits keep all of them.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from ..errors import ImageError
from .color import encode_srgb
from .deep import DeepTiff, RawPixels, is_deep_png, is_tiff, read_deep_png
from .profile import to_srgb, to_unit_floats

logger = logging.getLogger("impasto")
_pillow_limit_lock = threading.RLock()


def _renew_lock() -> None:
    """In a forked child: the thread that held the lock is not in it."""
    global _pillow_limit_lock
    _pillow_limit_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)

#: Formats whose frames are pages or an animation. The others have previews and the like.
_ANIMATED_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")
_MORE_FRAMES = "%s has %d frames or pages: the first one is used (--frames takes them all)"
#: gamma of PNG files that is as good as sRGB, and the tolerance
_SRGB_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.02
#: Floats of arrays may leave [0, 1] by this much, through rounding; those of files are clipped, but not beyond these limits.
_ROUNDING = 1e-3
_FILE_LIMITS = -0.5, 1.5


def decode_file(source: Path | bytes, name: str, max_megapixels: float, frame: int | None = None) -> tuple[NDArray[Any], int]:
    """Decode an image file, or the content of one.  -> (H, W, C) floats in [0, 1], and the bit depth, 8 or 16

    name: what error messages call the file
    frame: index of a frame or page; None: the first one, and if there are more, that is logged
    Raises ImageError: the file is missing, damaged, not an image, of an unknown kind, or too large.
    """
    with decoding_errors(name):
        if isinstance(source, Path):
            if not os.path.exists(source):
                raise ImageError(f"there is no file {name}: check its name")
            if os.path.isdir(source):
                raise ImageError(f"{name} is a folder: name a picture in it")
        with _open(source) as file:
            header, page = file.read(32), frame or 0
            with _open_tiff(file, name, page) as tiff:
                if tiff is not None:
                    tiff.refuse_raw()
                    if frame is None and tiff.frames > 1:
                        logger.warning(_MORE_FRAMES, name, tiff.frames)
                    if tiff.is_deep:
                        ensure_allowed_size(tiff.size, name, max_megapixels)
                        return _finish(tiff.read(), name)
                    page = tiff.page_index
            file.seek(0)
            with Image.open(file) as image:
                ensure_allowed_size(image.size, name, max_megapixels)
                if frame is None and (count := _count_pillow_frames(image)) > 1:
                    logger.warning(_MORE_FRAMES, name, count)
                image.seek(page)
                if not is_deep_png(header):
                    return _finish(_read_pillow(image), name)
                metadata = _metadata(image)
            file.seek(0)
            return _finish(read_deep_png(file.read())._replace(**metadata), name)


def deep_file_size(source: Path | bytes) -> tuple[int, int] | None:
    """Return (width, height) of a file with other values than 8 bits, which only `decode_file` reads rightly; else None."""
    with exclusive_pillow(), _open(source) as file:
        header = file.read(32)
        if is_deep_png(header):
            return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")
        with _open_tiff(file, "") as tiff:
            return tiff.size if tiff is not None and tiff.is_deep else None


def decode_pillow(image: Image.Image, name: str) -> tuple[NDArray[Any], int]:
    """Decode a Pillow image.  -> (H, W, C) floats in [0, 1], and the bit depth.  Raises ImageError."""
    return _finish(_read_pillow(image), name)


def _open(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _open_tiff(file: BinaryIO, name: str, page: int = 0) -> contextlib.AbstractContextManager[DeepTiff | None]:
    """Open a file as TIFF; None in the block if it is none, or has a structure that only Pillow may know."""
    file.seek(0)
    header = file.read(4)
    file.seek(0)
    if is_tiff(header):
        with contextlib.suppress(tifffile.TiffFileError):
            return DeepTiff(file, name, page)
    return contextlib.nullcontext()


def count_frames(path: Path) -> int:
    """Return the number of frames of an animation, or of pages.  Raises ImageError: the file cannot be read."""
    name = repr(str(path))
    with decoding_errors(name), _open(path) as file:
        with _open_tiff(file, name) as tiff:
            if tiff is not None:
                return tiff.frames
        file.seek(0)
        with Image.open(file) as image:
            return _count_pillow_frames(image)


def _count_pillow_frames(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1)) if image.format in _ANIMATED_FORMATS else 1


@contextlib.contextmanager
def exclusive_pillow() -> Iterator[None]:
    """Decode with Pillow in this block: one thread at a time, without Pillow's size limit and warnings.

    The limit is a global of Pillow, hence the lock. Check the size from the header first (`ensure_allowed_size`). A thread may
    nest these blocks.
    """
    tifffile_logger = tifffile.logger()
    with _pillow_limit_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about harmless flaws in metadata
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        disabled, tifffile_logger.disabled = tifffile_logger.disabled, True
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, tifffile_logger.disabled = limit, disabled


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


def _read_pillow(image: Image.Image) -> RawPixels:
    """Return the pixels of a Pillow image."""
    image.load()
    metadata = _metadata(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        values = values.astype(values.dtype.newbyteorder("="))
        transparent = image.info.get("transparency")
        alpha = None if not isinstance(transparent, int) else np.where(values == transparent, 0, 65535).astype(values.dtype)
        return RawPixels(values[..., None], alpha, 1 if image.mode == "F" else 65535, **metadata)
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    alpha_channel = np.asarray(image.convert("RGBA").getchannel("A")) if has_alpha else None
    if image.mode == "LAB":
        image = _lab_to_srgb(image)
        metadata.pop("profile")
    elif image.mode in ("PA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    opaque_modes = {"1": "L", "L": "L", "LA": "L", "La": "L", "CMYK": "CMYK"}
    colors = np.asarray(image.convert(opaque_modes.get(image.mode, "RGB")))
    return RawPixels(colors[..., None] if colors.ndim == 2 else colors, alpha_channel, 255, **metadata)


def _metadata(image: Image.Image) -> dict[str, Any]:
    """Return profile, orientation and gamma of a Pillow image, whose pixels are loaded: Pillow itself orients TIFF files."""
    info = image.info
    gamma = info.get("gamma") if image.format == "PNG" and "srgb" not in info and "icc_profile" not in info else None
    return {
        "profile": info.get("icc_profile"),
        "orientation": image.getexif().get(0x0112, 1),
        "gamma": gamma if gamma and abs(gamma - _SRGB_GAMMA) > _GAMMA_TOLERANCE else None,
    }


def _lab_to_srgb(image: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None
    return converted


def _finish(raw: RawPixels, name: str) -> tuple[NDArray[Any], int]:
    """Convert the pixels of a file: alpha, color profile and orientation.  -> (H, W, C) floats in [0, 1], and the bit depth"""
    colors, white = raw.colors, raw.white
    _ensure_range(colors, white, _FILE_LIMITS, name)
    alpha = None if raw.alpha is None else to_unit_floats(raw.alpha, white)
    if alpha is not None and raw.is_premultiplied:
        colors = to_unit_floats(colors, white) / np.where(alpha > 0, alpha, 1)[..., None]
        colors, white = colors.clip(0, 1), 1
    if raw.gamma:
        light = to_unit_floats(colors, white) ** np.float32(1 / raw.gamma)
        colors, white = encode_srgb(torch.from_numpy(light)).numpy(), 1
    channels = to_srgb(colors, white, raw.profile)
    if alpha is not None:
        channels = np.concatenate([channels, alpha[..., None]], axis=2)
    return _apply_orientation(channels.clip(0, 1), raw.orientation), 8 if 1 < raw.white <= 255 else 16


def decode_array(array: NDArray[Any], name: str) -> tuple[NDArray[Any], int]:
    """Convert an array of bool, integers or floats.  (H, W) or (H, W, C) -> (H, W, C) floats in [0, 1], and the bit depth

    Floats are from 0 to 1, uint16 from 0 to 65535, and other integers from 0 to 255.
    name: what error messages call the array
    Raises ImageError: the array has another shape or type, or values outside its range.
    """
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or not array.size:
        raise ImageError(
            f"{name} has the shape {array.shape}: give H x W or H x W x C with 1 to 4 channels (tensors: C x H x W)"
        )
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "b":  # common for masks
        return array.astype(np.float32), 8
    if kind not in "uif":
        raise ImageError(f"{name} has elements of type {array.dtype}: give integers from 0 to 255, or floats from 0 to 1")
    white = 1.0 if kind == "f" else 65535.0 if (kind, size) == ("u", 2) else 255.0
    rounding = _ROUNDING if kind == "f" else 0.0
    _ensure_range(array, white, (-rounding, 1 + rounding), name)
    return to_unit_floats(array, white).clip(0, 1), 8 if white == 255 else 16


def _ensure_range(values: NDArray[Any], white: float, limits: tuple[float, float], name: str) -> None:
    """Raises ImageError: a value is not finite, or outside of these limits, which are relative to white."""
    low, high = values.min(), values.max()  # NaN if any value is
    if not np.isfinite([low, high]).all():
        raise ImageError(f"{name} has pixels that are NaN or infinite: give finite values from 0 to {white:g}")
    if low < limits[0] * white or high > limits[1] * white:
        kind = {1: "floats", 255: "integers", 65535: "16-bit integers"}.get(int(white), "integers")
        raise ImageError(f"{name} has values from {low:g} to {high:g}: {kind} must be from 0 to {white:g}")


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
