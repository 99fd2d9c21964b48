"""Image files in folders, and the frames of animations and of files with several pages."""

from __future__ import annotations

import functools
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..errors import ImageError
from .decode import count_frames

logger = logging.getLogger("impasto")

#: Pillow's formats that are no pictures of their own, or that other programs decode
_OTHER_FORMATS = ("EPS", "MPEG", "BUFR", "GRIB", "HDF5", "WMF", "PDF")


@dataclass(frozen=True)
class Frame:
    """One frame of an animation, or one page of a file with several. It is named like a file; its path is the whole file's."""

    path: Path
    index: int  # from 0
    count: int

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def stem(self) -> str:
        """The file's, with the number of the frame from 1"""
        return f"{self.path.stem}_{self.index + 1:0{len(str(self.count))}}"

    @property
    def name(self) -> str:
        """The file's, with the number of the frame from 1"""
        return self.stem + self.path.suffix


@functools.cache
def image_suffixes() -> frozenset[str]:
    """Return the suffixes of the files that Pillow can open, in lower case."""
    Image.init()
    return frozenset(
        suffix
        for suffix, image_format in Image.registered_extensions().items()
        if image_format in Image.OPEN and image_format not in _OTHER_FORMATS
    )


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Return a key that sorts file names as people count: frame2 before frame10."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def list_images(folder: Path) -> list[Path]:
    """Return the image files in a folder, by suffix, in natural order. One line is logged about what is left out."""
    images, left_out = [], Counter[str]()
    for path in sorted(folder.iterdir(), key=natural_order):
        if not path.is_file():
            continue
        if path.name.startswith("."):
            left_out["hidden"] += 1
        elif path.suffix.lower() in image_suffixes():
            images.append(path)
        else:
            left_out[path.suffix.lower() or "no suffix"] += 1
    if left_out:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(left_out.items()))
        logger.info("%s: %d file(s) left out that are hidden or no pictures (%s)", folder, left_out.total(), kinds)
    return images


def find_images(paths: Sequence[str | Path]) -> list[Path]:
    """Expand folders to the image files in them; keep files as they are.

    Raises ImageError: a path does not exist, or a folder contains no image.
    """
    images: list[Path] = []
    for path in map(Path, paths):
        if os.path.isdir(path):
            folder_images = list_images(path)
            if not folder_images:
                raise ImageError(f"there is no picture in the folder {str(path)!r}: choose another folder")
            images += folder_images
        elif os.path.exists(path):
            images.append(path)
        else:
            raise ImageError(f"there is no file or folder {str(path)!r}: check its name")
    return list(dict.fromkeys(images))


def expand_frames(paths: Iterable[Path]) -> list[Path | Frame]:
    """Replace files with several frames or pages by these.  Raises ImageError: a file cannot be read."""
    expanded: list[Path | Frame] = []
    for path in paths:
        count = count_frames(path)
        expanded += [path] if count == 1 else [Frame(path, index, count) for index in range(count)]
    return expanded
