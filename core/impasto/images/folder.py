"""Image files in folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import ImageError
from .encode import SAVE_FORMATS

#: File name suffixes of images, where a whole folder is given.
IMAGE_SUFFIXES = (*SAVE_FORMATS, ".gif", ".avif")


def list_images(folder: Path) -> list[Path]:
    """Return the image files in a folder, by suffix, sorted by name."""
    return [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES]


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
