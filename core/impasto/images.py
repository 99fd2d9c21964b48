"""Pictures in and out: any format that Pillow reads, as float sRGB in [0, 1] with its alpha and its depth.

EXIF orientation is applied, color profiles are converted to sRGB, 16 bits stay 16 bits, and what is transparent is told
apart from what is seen.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from torch import Tensor

from . import decoding, files
from .borders import APART, Wraps, resized
from .errors import ImageError

#: The network halves a picture four times and has to see something then.
SMALLEST_SIDE = 16

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}
#: Endings of files that are taken for pictures where a whole folder is given
READABLE = (*FORMATS, ".gif", ".avif")
#: What a PNG's text chunk with the recipe is called.
_KEYWORD = "impasto"
#: EXIF's and TIFF's tag for it
_DESCRIPTION = 0x010E


@dataclass(frozen=True)
class Picture:
    """pixels: (H, W, 3) float32, sRGB in [0, 1]; alpha: (H, W) in [0, 1] or None; depth: bits, 8 or 16"""

    pixels: Tensor
    alpha: Tensor | None = None
    depth: int = 8

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.pixels.shape[1], self.pixels.shape[0]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the size and the 16-bit values, by which a picture is known again whatever file it came from"""
        values = quantized(self, 16)
        return hashlib.sha256(repr(values.shape).encode() + values.astype("<u2").tobytes()).hexdigest()

    @property
    def image(self) -> Image.Image:
        """In 8 bits, RGB or RGBA"""
        return Image.fromarray(quantized(self, 8))

    def resized(self, width: int, height: int, wraps: Wraps = APART) -> Picture:
        """Resized with a bicubic filter that covers every pixel; what is transparent does not bleed into what is not."""
        if (width, height) == self.size:
            return self
        if self.alpha is None:
            return replace(self, pixels=resized(self.pixels, width, height, wraps))
        premultiplied = resized(self.pixels * self.alpha[..., None], width, height, wraps)
        alpha = resized(self.alpha[..., None], width, height, wraps)
        pixels = (premultiplied / alpha.clamp(min=1e-4)).clamp(0, 1)
        return replace(self, pixels=_fill(pixels, alpha[..., 0]), alpha=alpha[..., 0])


def read(source: Any, *, max_megapixels: float = 200, name: str = "the picture") -> Picture:
    """A picture from a path, a PIL image, an H x W [x C] uint8, uint16 or float array, or a C x H x W float tensor.

    name: what errors call it; a path is called by itself
    Raises ImageError: missing, broken, truncated, too large, too small, or fully transparent.
    """
    name = repr(str(source)) if isinstance(source, str | os.PathLike) else name
    if isinstance(source, Picture):
        return source
    if isinstance(source, str | os.PathLike):
        values, depth = decoding.from_file(Path(source), name, max_megapixels)
    elif isinstance(source, Image.Image):
        decoding.check_size(source.size, name, max_megapixels)
        with decoding.in_one_sentence(name):
            values, depth = decoding.from_pillow(source, None)
    elif isinstance(source, np.ndarray):
        values, depth = decoding.from_array(source, name)
    elif isinstance(source, Tensor):
        array = (source.float() if source.is_floating_point() else source).detach().cpu().numpy()
        values, depth = decoding.from_array(np.moveaxis(array, 0, -1) if array.ndim == 3 else array, name)
    else:
        raise ImageError(f"{type(source).__name__} is no picture: give a path, a PIL image, an array or a tensor")
    height, width, channels = values.shape
    decoding.check_size((width, height), name, max_megapixels)
    if min(width, height) < SMALLEST_SIDE:
        raise ImageError(f"{name} is too small: {width} x {height} pixels, {SMALLEST_SIDE} x {SMALLEST_SIDE} are needed")
    low, high = values.min(), values.max()  # what is not a number, neither is
    if not np.isfinite([low, high]).all():
        raise ImageError(f"{name} has pixels that are not numbers (NaN or infinite)")
    if high > 1.5:
        raise ImageError(f"{name} has values up to {high:g}: floats have to be from 0 to 1")
    if low < 0 or high > 1:
        values = values.clip(0, 1)
    pixels = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
    rgb = pixels[..., :1].expand(-1, -1, 3) if channels < 3 else pixels[..., :3]
    if channels in (1, 3):
        return Picture(rgb.contiguous(), None, depth)
    alpha = pixels[..., -1]
    if not (alpha > 0).any():
        raise ImageError(f"{name} is fully transparent: there is nothing to see in it")
    if (alpha == 1).all():
        return Picture(rgb.contiguous(), None, depth)
    return Picture(_fill(rgb, alpha), alpha.contiguous(), depth)


def in_folder(folder: Path) -> list[Path]:
    """The files in a folder that are called like pictures, in order of their names"""
    return [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix.lower() in READABLE]


def fit(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """(width, height) with the aspect of `size` and the given longest side.  Raises ImageError where it gets too thin."""
    width, height = size
    scale = longest / max(size)
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    if min(fitted) < SMALLEST_SIDE:
        raise ImageError(
            f"at {fitted[0]} x {fitted[1]} pixels the picture is too thin: {SMALLEST_SIDE} on the short side are needed; "
            "give a larger size"
        )
    return fitted


def check_target(path: str | os.PathLike[str], size: tuple[int, int] = (1, 1)) -> Path:
    """Prove that a picture of that size can be written to `path`, before the work starts.  Raises ImageError."""
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise ImageError(f"cannot tell the format of {str(path)!r}: end it in .png, .jpg, .webp or .tif")
    if target.suffix.lower() == ".webp" and max(size) > 16383:
        raise ImageError(f"{str(path)!r} cannot be so large: WebP ends at 16383 pixels; end it in .png or .tif")
    return files.check(target)


def save(path: str | os.PathLike[str], picture: Picture, recipe: str = "") -> None:
    """Write a picture in the format of the name's ending: 16 bits where picture and format have them.  Raises ImageError.

    recipe: ASCII text that the file carries: a PNG in a text chunk called `impasto`, the others as the description of the
    image (TIFF's tag 270, and EXIF's in JPEG and WebP); BMP has no place for it
    """
    target = check_target(path, picture.size)
    suffix = target.suffix.lower()
    if picture.depth == 16 and suffix == ".png":
        content = _png16(quantized(picture, 16), recipe)
    elif picture.depth == 16 and suffix in (".tif", ".tiff"):
        content = _tiff16(quantized(picture, 16), recipe)
    else:
        image = picture.image
        if image.mode == "RGBA" and FORMATS[suffix] in ("JPEG", "BMP"):  # formats without alpha: on white
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        exif = Image.Exif()
        if recipe:
            exif[_DESCRIPTION] = recipe
        options: dict[str, dict[str, Any]] = {
            "JPEG": {"quality": 95, "subsampling": 0, "exif": exif},
            "WEBP": {"quality": 95, "exif": exif},
            "PNG": {"pnginfo": _png_text(recipe)},
            "TIFF": {"tiffinfo": {_DESCRIPTION: recipe} if recipe else {}},
        }
        buffer = io.BytesIO()
        image.save(buffer, FORMATS[suffix], icc_profile=decoding.SRGB_PROFILE, **options.get(FORMATS[suffix], {}))
        content = buffer.getvalue()
    files.write(target, content)


def read_recipe(path: str | os.PathLike[str]) -> str:
    """The text that `save` has put into a file, or "".  Raises ImageError."""
    name = repr(str(path))
    with decoding.in_one_sentence(name):
        if not os.path.isfile(path):
            raise ImageError(f"there is no file {name}: check its name")
        with Image.open(path) as image:
            if isinstance(image, PngImagePlugin.PngImageFile):
                return str(image.text.get(_KEYWORD, ""))
            return str(image.getexif().get(_DESCRIPTION, ""))


def _fill(pixels: Tensor, alpha: Tensor) -> Tensor:
    """The picture with the mean of what is seen where nothing is: the network looks there too."""
    seen = alpha > 0
    mean = (pixels * alpha[..., None]).sum((0, 1)) / alpha.sum()
    return torch.where(seen[..., None], pixels, mean).contiguous()


def quantized(picture: Picture, depth: int) -> NDArray[Any]:
    """(H, W, 3 or 4) uint8 or uint16, as `depth` is 8 or 16"""
    pixels, alpha = picture.pixels, picture.alpha
    values = pixels if alpha is None else torch.cat([pixels, alpha[..., None].to(pixels.device)], dim=2)
    whole = values.detach().float().cpu().clamp(0, 1).mul_(2**depth - 1).round_()
    return whole.to(torch.uint8).numpy() if depth == 8 else whole.numpy().astype(np.uint16)


def _png_text(recipe: str) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    if recipe:
        chunks.add_itxt(_KEYWORD, recipe)
    return chunks


def _png16(values: NDArray[Any], recipe: str) -> bytes:
    """A PNG file of 16-bit RGB or RGBA, which Pillow cannot write.  values: (H, W, 3 or 4) uint16"""
    height, width, channels = values.shape

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    # Filter 2 (up): each row as its difference from the one above, which packs a painting well.
    rows = values.astype(">u2").view(np.uint8).reshape(height, -1)
    rows = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    filtered = np.concatenate([np.full((height, 1), 2, np.uint8), rows], axis=1).tobytes()
    texts = [(kind, content) for kind, content, *_ in _png_text(recipe).chunks]
    chunks = [(b"IHDR", header), (b"iCCP", b"sRGB\0\0" + zlib.compress(decoding.SRGB_PROFILE)), *texts]
    chunks += [(b"IDAT", zlib.compress(filtered, 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def _tiff16(values: NDArray[Any], recipe: str) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        values,
        photometric="rgb",
        compression="zlib",
        predictor=True,
        extrasamples=["unassalpha"] if values.shape[2] == 4 else None,
        iccprofile=decoding.SRGB_PROFILE,
        metadata=None,
        description=recipe or None,
    )
    return buffer.getvalue()
