"""The project's own paintings: pictures to use as styles, made by code, free for any use (CC0).

    PYTHONPATH=scripts python -m paintings.collection harvest -o harvest.png

Each is made stroke by stroke or piece by piece, along the directions and in the colors of a scene that a few formulas
describe. The same seed makes the same painting.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
from PIL import Image

from .brushwork import bamboo, harbor, harvest
from .pieced import alpenglow, koi, rose_window

PAINTINGS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "harvest": harvest,
    "rose_window": rose_window,
    "harbor": harbor,
    "alpenglow": alpenglow,
    "bamboo": bamboo,
    "koi": koi,
}


def paint(name: str, seed: int = 0) -> Image.Image:
    """Make one of PAINTINGS, 1024 x 768 pixels.  Raises KeyError for another name."""
    return PAINTINGS[name](np.random.default_rng(seed))


def main() -> int:
    parser = argparse.ArgumentParser(description="Make one of the project's own paintings.")
    parser.add_argument("name", choices=list(PAINTINGS))
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    paint(arguments.name, arguments.seed).save(arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
