"""Pictures in and out: any format that Pillow reads, as float sRGB in [0, 1] with its alpha and its depth.

EXIF orientation is applied, color profiles are converted to sRGB, 16 bits stay 16 bits, and what is transparent is told
apart from what is seen. Files are written beside their place and then renamed: a failure leaves no half a picture.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import sys
import tempfile
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from torch import Tensor

from .errors import ImageError

#: The network halves a picture four times and has to see something then.
SMALLEST_SIDE = 16

_SRGB = ImageCms.createProfile("sRGB")
SRGB_PROFILE = ImageCms.ImageCmsProfile(_SRGB).tobytes()
_decoding = threading.Lock()  # Pillow's limit of size is a global
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}
#: What a PNG's text chunk with the recipe is called.
_KEYWORD = "impasto"
_DEEP = ("RGB;16", "RGBA;16")  # Pillow's names for what it would cut down to 8 bits


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

    @property
    def image(self) -> Image.Image:
        """In 8 bits, RGB or RGBA"""
        return Image.fromarray(quantized(self, 8))

    def resized(self, width: int, height: int) -> Picture:
        """Resized with a bicubic filter that covers every pixel; what is transparent does not bleed into what is not."""
        if (width, height) == self.size:
            return self
        if self.alpha is None:
            return replace(self, pixels=_resize(self.pixels, width, height))
        premultiplied = _resize(self.pixels * self.alpha[..., None], width, height)
        alpha = _resize(self.alpha[..., None], width, height)
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
        values, depth = _read_file(Path(source), name, max_megapixels)
    elif isinstance(source, Image.Image):
        _check_size(source.size, name, max_megapixels)
        with _in_one_sentence(name):
            values, depth = _from_pillow(source, None)
    elif isinstance(source, np.ndarray):
        values, depth = _from_array(source, name)
    elif isinstance(source, Tensor):
        array = (source.float() if source.is_floating_point() else source).detach().cpu().numpy()
        values, depth = _from_array(np.moveaxis(array, 0, -1) if array.ndim == 3 else array, name)
    else:
        raise ImageError(f"{type(source).__name__} is no picture: give a path, a PIL image, an array or a tensor")
    height, width, channels = values.shape
    _check_size((width, height), name, max_megapixels)
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


def digest(picture: Picture) -> str:
    """SHA-256 of a picture's size and 16-bit values, by which it is known again whatever file it came from"""
    values = quantized(picture, 16)
    return hashlib.sha256(repr(values.shape).encode() + values.astype("<u2").tobytes()).hexdigest()


def check_target(path: str | os.PathLike[str], size: tuple[int, int] = (1, 1)) -> Path:
    """Prove that a picture of that size can be written to `path`, before the work starts.  Raises ImageError."""
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise ImageError(f"cannot tell the format of {str(path)!r}: end it in .png, .jpg, .webp or .tif")
    if target.suffix.lower() == ".webp" and max(size) > 16383:
        raise ImageError(f"{str(path)!r} cannot be so large: WebP ends at 16383 pixels; end it in .png or .tif")
    if target.is_dir():
        raise ImageError(f"{str(path)!r} is a folder: name a file in it")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be written ({error.strerror}): choose another place") from error
    return target


def save(path: str | os.PathLike[str], picture: Picture, recipe: str = "") -> None:
    """Write a picture in the format of the name's ending: 16 bits where picture and format have them.  Raises ImageError.

    recipe: text that a PNG file carries under the keyword `impasto`
    """
    target = check_target(path)
    suffix = target.suffix.lower()
    if picture.depth == 16 and suffix == ".png":
        content = _png16(quantized(picture, 16), recipe)
    elif picture.depth == 16 and suffix in (".tif", ".tiff"):
        content = _tiff16(quantized(picture, 16))
    else:
        image = picture.image
        if image.mode == "RGBA" and FORMATS[suffix] in ("JPEG", "BMP"):  # formats without alpha: on white
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        options: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}
        options["PNG"] = {"pnginfo": _png_text(recipe)}
        buffer = io.BytesIO()
        image.save(buffer, FORMATS[suffix], icc_profile=SRGB_PROFILE, **options.get(FORMATS[suffix], {}))
        content = buffer.getvalue()
    write(target, content)


def write(target: Path, content: bytes) -> None:
    """Write a file beside its place, then rename it.  Raises ImageError."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        os.replace(beside, target)
    except OSError as error:
        raise ImageError(f"{str(target)!r} cannot be written ({error.strerror}): make room or choose another place") from error
    finally:
        beside.unlink(missing_ok=True)


def _read_file(path: Path, name: str, max_megapixels: float) -> tuple[NDArray[Any], int]:
    def reopen() -> Image.Image:
        image = Image.open(path)
        try:
            _check_size(image.size, name, max_megapixels)
        except ImageError:
            image.close()
            raise
        return image

    with _in_one_sentence(name):
        if not path.exists():
            raise ImageError(f"there is no file {name}: check its name")
        if path.is_dir():
            raise ImageError(f"{name} is a folder: name a picture in it")
        with reopen() as image:
            return _from_pillow(image, reopen)


@contextlib.contextmanager
def _in_one_sentence(name: str) -> Iterator[None]:
    """Whatever a decoder finds wrong is an ImageError. Our own limit of size holds within, not Pillow's."""
    with _decoding, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of harmless flaws in metadata
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        except (ImageError, MemoryError):
            raise
        except UnidentifiedImageError:
            raise ImageError(f"{name} is not a picture in a format that is known here") from None
        except Exception as error:  # each of Pillow's decoders has its own
            raise ImageError(f"{name} is damaged or truncated ({error}): export it again") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _from_pillow(image: Image.Image, reopen: Callable[[], Image.Image] | None) -> tuple[NDArray[Any], int]:
    """(H, W, C) floats, oriented and in sRGB, and the depth. Without a way to open it again, a deep one has 8 bits."""
    raw = _raw_mode(image)
    image.load()
    orientation = image.getexif().get(0x0112, 1)  # only now: Pillow turns TIFF files by itself when it loads them
    profile = image.info.get("icc_profile")
    if reopen and raw[:-1] in _DEEP:
        deep = _unit(_deep(image, reopen), 65535)
        deep[..., :3] = _profile_deep(deep[..., :3], profile)
        return _oriented(deep, orientation), 16
    if image.mode.startswith("I"):
        return _oriented(_unit(np.asarray(image)[..., None], 65535), orientation), 16
    if image.mode == "F":
        return _oriented(np.array(image)[..., None], orientation), 16
    has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    alpha = image.convert("RGBA").getchannel("A") if has_alpha else None
    colors = _profile(image, profile)
    planes = np.asarray(colors) if alpha is None else np.dstack([np.asarray(colors), np.asarray(alpha)])
    return _unit(_oriented(planes, orientation), 255), 8


def _raw_mode(image: Image.Image) -> str:
    """How a file that is not decoded yet stores its pixels, as Pillow calls it: RGB;16B, say"""
    if not isinstance(image, ImageFile) or not image.tile:
        return ""
    args = image.tile[0].args
    return str(args[0] if isinstance(args, tuple) and args else args)


def _deep(image: Image.Image, reopen: Callable[[], Image.Image]) -> NDArray[Any]:
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


def _profile(image: Image.Image, profile: bytes | None) -> Image.Image:
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


def _profile_deep(values: NDArray[Any], profile: bytes | None) -> NDArray[Any]:
    """The same for floats. The color engine works in 8 bits: what it would change, on a grid of 33^3 colors, is added."""
    if not profile:
        return values
    axis = np.linspace(0, 255, 33).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)  # (red, green, blue, 3)
    converted = np.asarray(_profile(Image.fromarray(grid.reshape(33, -1, 3)), profile)).reshape(grid.shape)
    change = torch.from_numpy((converted.astype(np.float32) - grid) / 255).permute(3, 0, 1, 2)[None]
    # In grid_sample the last coordinate walks the first axis, red; the grid's places are rounded by less than 1/255.
    at = torch.from_numpy(values[..., ::-1] * 2 - 1)[None, None]
    shift = functional.grid_sample(change, at.float(), align_corners=True)[0, :, 0].permute(1, 2, 0)
    return np.asarray(values + shift.numpy())


def _from_array(array: NDArray[Any], name: str) -> tuple[NDArray[Any], int]:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or not array.size:
        raise ImageError(f"{name} has the shape {array.shape}: give height x width with 1 to 4 channels (tensors: C x H x W)")
    if array.dtype == np.uint8:
        return _unit(array, 255), 8
    if array.dtype == np.uint16:
        return _unit(array, 65535), 16
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"{name} has elements of type {array.dtype}: give uint8, uint16, or floats from 0 to 1")
    return array.astype(np.float32), 16


def _unit(values: NDArray[Any], whole: int) -> NDArray[Any]:
    """Whole numbers as floats from 0 to 1, in one go"""
    unit: NDArray[Any] = np.divide(values, np.float32(whole), dtype=np.float32)
    return unit


def _oriented(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and mirror as EXIF tag 0x0112 says: its values 5 to 8 swap the axes, before the others mirror them."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def _check_size(size: tuple[int, int], name: str, max_megapixels: float) -> None:
    if size[0] * size[1] > max_megapixels * 1e6:
        raise ImageError(
            f"{name} is {size[0]} x {size[1]} pixels, over the limit of {max_megapixels:g} megapixels: "
            "raise max_megapixels (--max-megapixels) if you trust it"
        )


def _fill(pixels: Tensor, alpha: Tensor) -> Tensor:
    """The picture with the mean of what is seen where nothing is: the network looks there too."""
    seen = alpha > 0
    mean = (pixels * alpha[..., None]).sum((0, 1)) / alpha.sum()
    return torch.where(seen[..., None], pixels, mean).contiguous()


def _resize(values: Tensor, width: int, height: int) -> Tensor:
    planes = values.permute(2, 0, 1)[None]
    resized = functional.interpolate(planes, (height, width), mode="bicubic", antialias=True)
    return resized[0].permute(1, 2, 0).clamp(0, 1).contiguous()


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
    chunks = [(b"IHDR", header), (b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB_PROFILE)), *texts]
    chunks += [(b"IDAT", zlib.compress(filtered, 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def _tiff16(values: NDArray[Any]) -> bytes:
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
    )
    return buffer.getvalue()
