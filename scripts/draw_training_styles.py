"""Draw the styles that the learned optimizer trains on: paintings in thirty manners, some of them of photographs.

    python scripts/draw_training_styles.py PHOTOS OUT --count 480

PHOTOS is a folder of photographs; with the same photographs, the same paintings are drawn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from training_styles import draw

#: Longest side of a photograph that is painted, in pixels
_PHOTO_SIDE = 640


def read_photos(folder: Path) -> list[np.ndarray]:
    """Read the photographs of a folder, sorted by name, shrunk."""
    photos = []
    for path in sorted(folder.iterdir()):
        image = Image.open(path).convert("RGB")
        image.thumbnail((_PHOTO_SIDE, _PHOTO_SIDE))
        photos.append(np.asarray(image))
    return photos


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the styles that the learned optimizer trains on.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=480)
    arguments = parser.parse_args()
    photos = read_photos(arguments.photos)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.count):
        draw(seed, photos).save(arguments.out / f"{seed:04d}.webp", quality=84, method=2)


if __name__ == "__main__":
    main()
