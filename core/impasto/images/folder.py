"""TODO-DOC images.folder"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import ImageError
from .encode import SAVE_FORMATS

#: Endings of files that are taken for pictures where a whole folder is given
IMAGE_SUFFIXES = (*SAVE_FORMATS, ".gif", ".avif")


def list_images(folder: Path) -> list[Path]:
    """The files in a folder that are called like pictures, in order of their names"""
    return [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES]


def find_images(places: Sequence[str | Path]) -> list[Path]:
    """The picture files in folders, in order of their names; files are taken as they are.  Raises ImageError."""
    found: list[Path] = []
    for place in map(Path, places):
        if os.path.isdir(place):
            inside = list_images(place)
            if not inside:
                raise ImageError(f"there is no picture in the folder {str(place)!r}")
            found += inside
        elif os.path.exists(place):
            found.append(place)
        else:
            raise ImageError(f"there is no file or folder {str(place)!r}: check its name")
    return list(dict.fromkeys(found))
