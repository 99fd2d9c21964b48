"""Read uploaded pictures within limits, encode pictures for the browser, and blend pictures.

All functions take and return 8-bit Pillow images.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image, ImageFilter

from impasto import ImageError
from impasto.images.decode import deep_file_size, exclusive_pillow
from impasto.images.encode import save_picture
from impasto.images.picture import read_picture

#: Limits of an upload: megabytes of the file, megapixels (phone cameras reach 50), and the longest side kept, in pixels.
MAX_MEGABYTES, MAX_MEGAPIXELS, MAX_SIDE = 20, 51, 4096
#: Longest side of a preview, and of a picture that fills the screen, in pixels.
PREVIEW_SIDE, SCREEN_SIDE = 512, 1600
#: Only formats whose decoders run no programs and no scripts, which rules out EPS, PDF and SVG.
_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
#: Pillow modes that can be resized directly, and those that must be converted first.
_RESIZABLE_MODES, _INDEXED_MODES = ("RGB", "RGBA", "L", "LA", "CMYK", "YCbCr"), ("P", "PA", "1")
_8_BIT_MODES = (*_RESIZABLE_MODES, *_INDEXED_MODES)
#: Blur radius at the edge of a mask, as a fraction of the longest side.
_MASK_FEATHER = 0.012

Image.init()  # otherwise Pillow registers its decoders only when it first opens a file

try:  # the format of many phone cameras
    import pillow_heif
except ImportError:
    pass
else:
    pillow_heif.register_heif_opener()


def read_upload(source: str | os.PathLike[str] | bytes, name: str, max_megapixels: float = MAX_MEGAPIXELS) -> Image.Image:
    """Read an upright sRGB picture, RGB or RGBA, at most MAX_SIDE pixels on the longest side.

    The size in the header is checked before anything is decoded, so that a decompression bomb costs nothing.
    Raises ImageError, whose text contains no path.
    """
    size = len(source) if isinstance(source, bytes) else os.path.getsize(source)
    if size > MAX_MEGABYTES << 20:
        raise ImageError(f"{name} is too large: {size / 2**20:.0f} MB, the limit is {MAX_MEGABYTES} MB")
    formats = [name for name in _FORMATS if name in Image.OPEN]
    try:
        deep_size = deep_file_size(source if isinstance(source, bytes) else Path(source))
        if deep_size is not None:
            _ensure_allowed(deep_size, name, max_megapixels, deep=True)
            content = source if isinstance(source, bytes) else Path(source).read_bytes()  # errors of files name their path
            with exclusive_pillow():  # one picture at a time, however many visitors upload at once
                return read_picture(content, max_megapixels=max_megapixels, name=name).image
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=formats) as image:
            _ensure_allowed(image.size, name, max_megapixels, deep=image.mode not in _8_BIT_MODES)
            with exclusive_pillow():
                small = image if max(image.size) <= MAX_SIDE else _shrink(image)
                return read_picture(small, max_megapixels=max_megapixels, name=name).image
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(f"{name} is too large: the limit is {max_megapixels:g} megapixels") from None
    except Exception:  # each decoder raises its own errors, and their texts may contain paths
        raise ImageError(f"{name} cannot be read: is it a picture?") from None


def _ensure_allowed(size: tuple[int, int], name: str, max_megapixels: float, *, deep: bool) -> None:
    """Raises ImageError: the picture is too large.  deep: it has more than 8 bits per channel"""
    if size[0] * size[1] > max_megapixels * 1e6:
        raise ImageError(f"{name} is too large: {size[0]} x {size[1]} pixels, the limit is {max_megapixels:g} megapixels")
    if deep and max(size) > MAX_SIDE:
        raise ImageError(f"{name} is too large: with more than 8 bits per channel, the limit is {MAX_SIDE} pixels a side")


def _shrink(image: Image.Image) -> Image.Image:
    """Resize to at most MAX_SIDE pixels, with 8 bits per channel, before further processing needs memory."""
    if image.mode in _INDEXED_MODES:
        metadata: dict[str | tuple[int, int], Any] = {
            key: value for key, value in image.info.items() if key in ("icc_profile", "exif")
        }
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
        image.info = metadata
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS, reducing_gap=2)
    return image


def read_mask(data_url: str, size: tuple[int, int]) -> Image.Image | None:
    """Read the mask brushed on the page as an L image of this size with soft edges; None if nothing is brushed."""
    kind, _, encoded = data_url.partition(",")
    if not data_url or kind != "data:image/png;base64":
        return None
    try:
        brushed = read_upload(base64.b64decode(encoded, validate=True), "the mask", max_megapixels=1)
    except (binascii.Error, ImageError):  # fully transparent, or not sent by the page
        return None
    if brushed.mode != "RGBA" or not brushed.getchannel("A").getbbox():
        return None
    mask = brushed.getchannel("A").resize(size, Image.Resampling.BICUBIC)
    return mask.filter(ImageFilter.GaussianBlur(max(1, _MASK_FEATHER * max(size))))


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def blend(photo: Image.Image, painting: Image.Image, opacity: float, mask: Image.Image | None = None) -> Image.Image:
    """Lay the painting over the photo with an opacity from 0 to 1, inside the mask. All are of the same size."""
    photo = photo.convert(painting.mode)
    result = painting if opacity >= 1 else Image.blend(photo, painting, max(0.0, opacity))
    return result if mask is None else Image.composite(result, photo, mask)


def overlay_preview(photo: Image.Image, preview: Path, mask: Image.Image) -> None:
    """Show the preview, a file, only inside the mask, and the photo elsewhere. Photo and mask may have any size."""
    with Image.open(preview) as painting:
        write_jpeg(blend(resize(photo, painting.size), painting, 1, resize(mask, painting.size)), preview)


def encode_jpeg(image: Image.Image, max_side: int = PREVIEW_SIDE) -> bytes:
    """Encode as a JPEG file on a white background, at most `max_side` pixels on the longest side."""
    scale = max_side / max(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def file_address(path: str | os.PathLike[str]) -> str:
    """Return the address, relative to the page, of a file in Gradio's folder for uploads."""
    return f"gradio_api/file={quote(Path(path).resolve().as_posix())}"


def resize_to(image: Image.Image, max_side: int) -> Image.Image:
    """Shrink to at most `max_side` pixels on the longest side."""
    small = image.copy()
    small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2)
    return small


def jpeg_data_url(image: Image.Image) -> str:
    """Encode as `encode_jpeg` does, as a data URL."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(image)).decode()


def write_jpeg(image: Image.Image, path: Path, max_side: int = PREVIEW_SIDE) -> str:
    """Write a JPEG file as `encode_jpeg` does; returns its path."""
    path.write_bytes(encode_jpeg(image, max_side))
    return str(path)


def write_png(image: Image.Image, path: Path, recipe: str) -> str:
    """Write a PNG file that carries the recipe; returns its path."""
    save_picture(path, read_picture(np.asarray(image)), recipe)
    return str(path)
