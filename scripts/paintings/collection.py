"""The project's own paintings: pictures to use as styles, made by code, free for any use (CC0).

    PYTHONPATH=scripts python -m paintings.collection harvest -o harvest.png

Each is made stroke by stroke or piece by piece, along the directions and in the colors of a scene that a few formulas
describe. The same seed makes the same painting.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

from .brushwork import bamboo, harbor, harvest
from .cubism import guitar
from .dots import sunday_park
from .fresco import fresco
from .ink import ink_mountains
from .landscapes import lily_pond, northern_lights
from .pieced import alpenglow, koi, rose_window
from .prints import breaking_wave, iris


class Painting(NamedTuple):
    """How a painting is made, and what to tell about it."""

    make: Callable[[np.random.Generator], Image.Image]
    kind: str
    description: str  # a sentence that can stand for the picture


PAINTINGS = {
    "harvest": Painting(
        harvest, "Brush", "A wheat field and a cypress under a swirling evening sky, in thick strokes of oil."
    ),
    "rose_window": Painting(rose_window, "Glass and tile", "A round church window of stained glass in red, blue and gold."),
    "harbor": Painting(harbor, "Dots", "Sailing boats in a harbor at sunrise, in dabs of pure color."),
    "alpenglow": Painting(
        alpenglow, "Print", "Peaks, firs and a lake before a low sun, cut in wood in black, orange and teal."
    ),
    "bamboo": Painting(bamboo, "Ink", "Bamboo before blue mountains and a red sun, in ink on paper."),
    "koi": Painting(koi, "Glass and tile", "Two orange koi among lily pads, in a mosaic of small tiles."),
    "breaking_wave": Painting(
        breaking_wave, "Print", "A great wave with claws of foam under flying cranes, a woodblock print in blues."
    ),
    "lily_pond": Painting(lily_pond, "Brush", "Water lilies on a pond that mirrors sky and willows, in short broken strokes."),
    "guitar": Painting(guitar, "Brush", "A guitar, a bottle and a newspaper on a table, broken into cubist planes."),
    "northern_lights": Painting(
        northern_lights, "Brush", "Green northern lights over a fjord with red cabins, in long strokes of oil."
    ),
    "sunday_park": Painting(
        sunday_park, "Dots", "People with parasols and balloons in a sunny park by a river, in tiny dots."
    ),
    "ink_mountains": Painting(ink_mountains, "Ink", "Cliffs, pines and a waterfall in mist, in gray ink on silk."),
    "fresco": Painting(fresco, "Brush", "A pomegranate tree with birds between red panels, on a cracked old wall."),
    "iris": Painting(iris, "Print", "Three irises before a golden halo, an art nouveau poster with strong contours."),
}


def paint(name: str, seed: int = 0) -> Image.Image:
    """Make one of PAINTINGS, 1024 x 768 pixels.  Raises KeyError for another name."""
    return PAINTINGS[name].make(np.random.default_rng(seed))


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
