"""Reading of files that Pillow would reduce to 8 bits or misread: PNG with 16 bits, and TIFF with any other depth than 8."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import EXTRASAMPLE, PHOTOMETRIC, SAMPLEFORMAT

from ..errors import ImageError

#: Photometric interpretations of TIFF that can be read -> number of color channels
_COLOR_CHANNELS = {PHOTOMETRIC.MINISWHITE: 1, PHOTOMETRIC.MINISBLACK: 1, PHOTOMETRIC.RGB: 3, PHOTOMETRIC.SEPARATED: 4}
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
#: TIFF tags
_ORIENTATION, _SUB_FILES, _PROFILE, _DNG_VERSION = 274, 330, 34675, 50706
_REDUCED_IMAGE = 1  # bit of the tag NewSubfileType: a preview
#: Pages that are looked at, and channels of a picture: more are not a picture, or an attack
_MAX_PAGES, _MAX_CHANNELS = 1000, 16


class RawPixels(NamedTuple):
    """The pixels of a file as it stores them"""

    colors: NDArray[Any]  # (H, W, 1 gray, 3 RGB or 4 CMYK): 0 is black, or no ink
    alpha: NDArray[Any] | None  # (H, W)
    white: float  # the value of white, or of full ink; and of opaque alpha
    is_premultiplied: bool = False
    profile: bytes | None = None
    orientation: int = 1  # EXIF tag 0x0112
    gamma: float | None = None  # without a profile: value = light ** gamma; None: sRGB


def is_tiff(header: bytes) -> bool:
    """Return whether a file that begins with these bytes is a TIFF."""
    return header[:4] in _TIFF_MAGIC


def is_deep_png(header: bytes) -> bool:
    """Return whether a file that begins with these 32 bytes is a PNG with 16 bits per channel."""
    return header[:8] == _PNG_MAGIC and header[24:25] == b"\x10"


def read_deep_png(content: bytes) -> RawPixels:
    """Decode the pixels of a PNG with 16 bits per channel; a transparent color (tRNS) becomes alpha."""
    values = imagecodecs.png_decode(content)
    values = values[..., None] if values.ndim == 2 else values
    has_alpha = values.shape[2] in (2, 4)
    colors = values[..., :-1] if has_alpha else values
    return RawPixels(colors, values[..., -1] if has_alpha else None, 65535)


def _count_pages(file: BinaryIO) -> int:
    """Return the number of pages, at most _MAX_PAGES. tifffile would follow a circle of pages for ever."""
    file.seek(0)
    header = file.read(16)
    order = "<" if header[:2] == b"II" else ">"
    is_big = struct.unpack(f"{order}H", header[2:4])[0] == 43
    pointer, entries, entry_size = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    (offset,) = struct.unpack_from(f"{order}{pointer}", header, 8 if is_big else 4)
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < _MAX_PAGES:
        file.seek(offset)
        size = struct.calcsize(f"{order}{entries}")
        count = file.read(size)
        if len(count) < size:
            break
        seen.add(offset)
        file.seek(offset + size + entry_size * struct.unpack(f"{order}{entries}", count)[0])
        following = file.read(struct.calcsize(f"{order}{pointer}"))
        if len(following) < struct.calcsize(f"{order}{pointer}"):
            break
        (offset,) = struct.unpack(f"{order}{pointer}", following)
    file.seek(0)
    return max(1, len(seen))


class DeepTiff:
    """An open TIFF, which is deep if Pillow cannot read all of it. A context manager."""

    def __init__(self, file: BinaryIO, name: str, frame: int = 0) -> None:
        """name: what error messages call the file; frame: index of the page to read, without previews of other pages"""
        self._name, count = name, _count_pages(file)
        self._file = tifffile.TiffFile(file)
        pages = [self._file.pages[index].aspage() for index in range(count)]
        self._first = pages[0]
        frames = [index for index, page in enumerate(pages) if not page.subfiletype & _REDUCED_IMAGE] or [0]
        self.frames = len(frames)
        self.page_index = frames[frame]  # counted with previews
        self._page = pages[self.page_index]

    def __enter__(self) -> DeepTiff:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def is_deep(self) -> bool:
        """Whether it has other values than unsigned integers of 8 bits or less, or a palette of 8 bits, where 16 are usual"""
        page = self._page
        is_deep = page.bitspersample not in (1, 2, 4, 8) or page.sampleformat != SAMPLEFORMAT.UINT
        return is_deep or (page.colormap is not None and 0 < int(page.colormap.max()) <= 255)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self._page.imagewidth, self._page.imagelength

    def refuse_raw(self) -> None:
        """Raises ImageError: the file is a camera's raw file, whose first page is only a small preview."""
        has_only_preview = self._first.subfiletype & _REDUCED_IMAGE and _SUB_FILES in self._first.tags
        if has_only_preview or _DNG_VERSION in self._first.tags:
            raise ImageError(f"{self._name} is a camera's raw file: develop it and save it as TIFF, PNG or JPEG")

    def read(self) -> RawPixels:
        """Decode the page.  Raises ImageError: a format that is not supported, by name."""
        page, tags = self._page, self._page.tags
        photometric = PHOTOMETRIC(page.photometric)
        if photometric is PHOTOMETRIC.PALETTE and page.colormap is not None and page.samplesperpixel == 1:
            palette = page.colormap.T  # (colors, 3)
            return RawPixels(palette[page.asarray(maxworkers=1)], None, 255 if palette.max() <= 255 else 65535)
        count = _COLOR_CHANNELS.get(photometric)
        if count is None or page.imagedepth != 1 or not count <= page.samplesperpixel <= _MAX_CHANNELS:
            raise self._unsupported(f"color model {photometric.name}, {page.samplesperpixel} channels")
        values = page.asarray(maxworkers=1)
        if page.axes.startswith("S"):  # planar
            values = np.moveaxis(values, 0, -1)
        values = values.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
        white = self._white(values)
        colors = values[..., :count]
        if photometric is PHOTOMETRIC.MINISWHITE:
            colors = (np.asarray(white, values.dtype) - colors).astype(values.dtype)
        alpha, is_premultiplied = None, False
        for index, kind in enumerate(page.extrasamples, start=count):
            if kind in (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA) and index < values.shape[2]:
                alpha, is_premultiplied = values[..., index], kind == EXTRASAMPLE.ASSOCALPHA
                break
        profile = tags[_PROFILE].value if _PROFILE in tags else None
        orientation = int(tags[_ORIENTATION].value) if _ORIENTATION in tags else 1
        return RawPixels(colors, alpha, white, is_premultiplied, profile, orientation)

    def _white(self, values: NDArray[Any]) -> float:
        """Return the value of white."""
        bits = int(self._page.bitspersample)
        if values.dtype.kind == "f":
            return 1.0
        if values.dtype.kind == "u":
            return float(2**bits - 1)
        if values.dtype.kind != "i" or values.min() < 0:
            raise self._unsupported(f"negative or complex values ({values.dtype})")
        # Pillow writes 16 bits as signed 32-bit integers.
        return 65535.0 if bits == 32 and values.max() <= 65535 else float(2 ** (bits - 1) - 1)

    def _unsupported(self, what: str) -> ImageError:
        return ImageError(f"{self._name} has a format that cannot be read ({what}): save it as RGB or gray, in 8 or 16 bits")
