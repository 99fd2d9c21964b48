"""Pictures from strangers and for browsers: read within limits, made small for the screen, laid over one another.

Everything here takes and gives 8-bit Pillow images.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import threading
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from impasto import ImageError, images

#: Limits for what a visitor sends: bytes of a file, millions of pixels (phones take 50), and the side kept of a larger picture
MEGABYTES, MEGAPIXELS, LONGEST = 20, 51, 4096
#: No decoder that runs programs or scripts (EPS, PDF, SVG) is among these.
_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
Image.init()  # Pillow knows its decoders only when it first opens something
#: The longest side of a preview, and of what fills a screen
PREVIEW, SCREEN = 512, 1600
#: What can be made smaller as it is, and what has to be given its colors first
_DIRECT, _INDEXED = ("RGB", "RGBA", "L", "LA", "CMYK", "YCbCr"), ("P", "PA", "1")
_SHALLOW = (*_DIRECT, *_INDEXED)
#: However many visitors upload at once, one picture is unpacked.
_one_at_a_time = threading.Lock()
#: How soft the edge of a mask is, as a share of the longest side.
_SOFT = 0.012

try:  # photos as phones keep them
    import pillow_heif
except ImportError:
    pass
else:
    pillow_heif.register_heif_opener()


def read(source: str | os.PathLike[str] | bytes, name: str, megapixels: float = MEGAPIXELS) -> Image.Image:
    """An upright sRGB picture, RGB or RGBA, at most LONGEST pixels long.  Raises ImageError, which names no path.

    The header is judged before anything is decoded: a picture bomb costs nothing.
    """
    size = len(source) if isinstance(source, bytes) else os.path.getsize(source)
    if size > MEGABYTES << 20:
        raise ImageError(f"{name} is too large: {size / 2**20:.0f} MB, the limit is {MEGABYTES} MB")
    known = [kind for kind in _FORMATS if kind in Image.OPEN]
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=known) as image:
            if image.width * image.height > megapixels * 1e6:
                raise ImageError(
                    f"{name} is too large: {image.width} x {image.height} pixels, the limit is {megapixels:g} megapixels"
                )
            deep = image.mode not in _SHALLOW
            if deep and max(image.size) > LONGEST:
                raise ImageError(f"{name} is too large: with more than 8 bits, {LONGEST} pixels a side are the limit")
            with _one_at_a_time:
                if max(image.size) <= LONGEST:
                    return images.read(image, max_megapixels=megapixels, name=name).image
                return images.read(_smaller(image), max_megapixels=megapixels, name=name).image
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(f"{name} is too large: the limit is {megapixels:g} megapixels") from None
    except Exception:  # every decoder has its own; what they say may name paths
        raise ImageError(f"{name} cannot be read: is it a picture?") from None


def _smaller(image: Image.Image) -> Image.Image:
    """At most LONGEST pixels long, in 8 bits a channel before it takes any more"""
    if image.mode in _INDEXED:
        about = {name: image.info[name] for name in ("icc_profile", "exif") if name in image.info}
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
        image.info = about
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS, reducing_gap=2)
    return image


def read_mask(data_url: str, size: tuple[int, int]) -> Image.Image | None:
    """The mask that was painted on the page, as a soft-edged L image of a size; None where nothing was painted."""
    kind, _, encoded = data_url.partition(",")
    if not data_url or kind != "data:image/png;base64":
        return None
    try:
        painted = read(base64.b64decode(encoded, validate=True), "the mask", megapixels=1)
    except (binascii.Error, ImageError):  # nothing to see in it, or none of ours
        return None
    if painted.mode != "RGBA" or not painted.getchannel("A").getbbox():
        return None
    mask = painted.getchannel("A").resize(size, Image.Resampling.BICUBIC)
    return mask.filter(ImageFilter.GaussianBlur(max(1, _SOFT * max(size))))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def composed(photo: Image.Image, painting: Image.Image, share: float, mask: Image.Image | None = None) -> Image.Image:
    """The painting over the photo: at `share` from 0 to 1 of its opacity, and through the mask. All of one size."""
    photo = photo.convert(painting.mode)
    result = painting if share >= 1 else Image.blend(photo, painting, max(0.0, share))
    return result if mask is None else Image.composite(result, photo, mask)


def cover(before: Image.Image, preview: Path, mask: Image.Image) -> None:
    """Lay a preview, a file, over what was before through a mask; these may have any size."""
    with Image.open(preview) as above:
        show(composed(resized(before, above.size), above, 1, resized(mask, above.size)), preview)


def jpeg(image: Image.Image, longest: int = PREVIEW) -> bytes:
    """A JPEG for a browser, on white, at most so many pixels long"""
    scale = longest / max(image.size)
    if scale < 1:
        image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BICUBIC, reducing_gap=2)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def show(image: Image.Image, path: Path, longest: int = PREVIEW) -> str:
    """Write such a JPEG; returns its path."""
    path.write_bytes(jpeg(image, longest))
    return str(path)


def save(image: Image.Image, path: Path, recipe: str) -> str:
    """Write a PNG file with its recipe; returns its path."""
    images.save(path, images.read(np.asarray(image)), recipe)
    return str(path)
