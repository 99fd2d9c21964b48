"""Encoding and saving of pictures, with an embedded color profile and recipe."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from ..errors import ImageError
from ..runtime.files import ensure_writable, write_atomic
from .decode import decoding_errors
from .picture import Picture, to_uint
from .profile import SRGB_PROFILE

SAVE_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
#: Keyword of the PNG text chunk that holds the recipe.
_PNG_KEYWORD = "impasto"
#: EXIF and TIFF tag that holds the recipe.
_EXIF_DESCRIPTION = 0x010E


def ensure_writable_image(path: str | os.PathLike[str], size: tuple[int, int] = (1, 1)) -> Path:
    """Check that a picture (width, height) can be written to `path` before the work for it starts.

    Raises ImageError: the format is unknown or limited to smaller pictures, or the file cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in SAVE_FORMATS:
        raise ImageError(f"cannot tell the format of {str(path)!r}: end the name in .png, .jpg, .webp or .tif")
    if target.suffix.lower() == ".webp" and max(size) > 16383:
        raise ImageError(f"{str(path)!r} would be too large: WebP ends at 16383 pixels; end the name in .png or .tif")
    return ensure_writable(target)


def save_picture(path: str | os.PathLike[str], picture: Picture, recipe: str = "") -> None:
    """Save a picture in the format of the file name's suffix, in 16 bits if picture and format have them.

    recipe: ASCII text to embed: in a PNG text chunk `impasto`, or as the image description (TIFF tag 270, EXIF in JPEG and
    WebP); BMP stores none
    Raises ImageError: the format is unknown, or the file cannot be written.
    """
    target = ensure_writable_image(path, picture.size)
    write_atomic(target, encode_picture(picture, target.suffix, recipe))


def encode_picture(picture: Picture, suffix: str, recipe: str = "") -> bytes:
    """Return the content of a file with this suffix, a key of SAVE_FORMATS, as `save_picture` writes it."""
    suffix = suffix.lower()
    if picture.depth == 16 and suffix == ".png":
        return _png16(to_uint(picture, 16), recipe)
    if picture.depth == 16 and suffix in (".tif", ".tiff"):
        return _tiff16(to_uint(picture, 16), recipe)
    image = picture.image
    if image.mode == "RGBA" and SAVE_FORMATS[suffix] in ("JPEG", "BMP"):  # no alpha: composite on white
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    exif = Image.Exif()
    if recipe:
        exif[_EXIF_DESCRIPTION] = recipe
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95, "subsampling": 0, "exif": exif},
        "WEBP": {"quality": 95, "exif": exif},
        "PNG": {"pnginfo": _png_text(recipe)},
        "TIFF": {"tiffinfo": {_EXIF_DESCRIPTION: recipe} if recipe else {}},
    }
    buffer = io.BytesIO()
    image.save(buffer, SAVE_FORMATS[suffix], icc_profile=SRGB_PROFILE, **options.get(SAVE_FORMATS[suffix], {}))
    return buffer.getvalue()


def read_recipe_text(path: str | os.PathLike[str]) -> str:
    """Return the recipe that `save_picture` embedded in a file, or "".  Raises ImageError: the file cannot be read."""
    name = repr(str(path))
    with decoding_errors(name):
        if not os.path.isfile(path):
            raise ImageError(f"there is no file {name}: check its name")
        with Image.open(path) as image:
            if isinstance(image, PngImagePlugin.PngImageFile):
                return str(image.text.get(_PNG_KEYWORD, ""))
            return str(image.getexif().get(_EXIF_DESCRIPTION, ""))


def _png_text(recipe: str) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    if recipe:
        chunks.add_itxt(_PNG_KEYWORD, recipe)
    return chunks


def _png16(values: NDArray[Any], recipe: str) -> bytes:
    """Encode a 16-bit RGB or RGBA PNG, which Pillow cannot write.  values: (H, W, 3 or 4) uint16"""
    height, width, channels = values.shape

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    # Filter type 2 (up): differences between rows, which compress well.
    rows = values.astype(">u2").view(np.uint8).reshape(height, -1)
    rows = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    filtered = np.concatenate([np.full((height, 1), 2, np.uint8), rows], axis=1).tobytes()
    texts = [(kind, content) for kind, content, *_ in _png_text(recipe).chunks]
    chunks = [(b"IHDR", header), (b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB_PROFILE)), *texts]
    chunks += [(b"IDAT", zlib.compress(filtered, 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in chunks)


def _tiff16(values: NDArray[Any], recipe: str) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        values,
        photometric="rgb",
        compression="zlib",
        predictor=True,
        extrasamples=["unassalpha"] if values.shape[2] == 4 else None,
        iccprofile=SRGB_PROFILE,
        metadata=None,
        description=recipe or None,
    )
    return buffer.getvalue()
