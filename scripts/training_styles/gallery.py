"""The families of paintings, how often each comes, and draw()."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from . import lines, oil, pieces, washes
from .fields import SIZE, Array, Rng
from .finish import develop, to_image

Painter = Callable[[Rng, Sequence[Array]], Array]

#: Painters and their weights; the painterly ones come more often, as they are nearest to real paintings.
FAMILIES: dict[str, tuple[Painter, float]] = {
    "painterly": (oil.painterly, 4.0),
    "swirl": (oil.swirl, 2.0),
    "dabs": (oil.dabs, 2.0),
    "pointillist": (oil.pointillist, 1.2),
    "palette_knife": (oil.palette_knife, 1.2),
    "expressionist": (oil.expressionist, 1.3),
    "dry_brush": (oil.dry_brush, 1.0),
    "old_master": (oil.old_master, 1.4),
    "atmosphere": (oil.atmosphere, 1.2),
    "fauve": (oil.fauve, 1.5),
    "stained_glass": (pieces.stained_glass, 0.9),
    "mosaic": (pieces.mosaic, 1.0),
    "cubist": (pieces.cubist, 1.2),
    "cut_paper": (pieces.cut_paper, 0.7),
    "geometry": (pieces.geometry, 1.0),
    "ornament": (pieces.ornament, 1.0),
    "engraving": (lines.engraving, 1.1),
    "hatching": (lines.hatching, 1.1),
    "chalk": (lines.chalk, 1.5),
    "graphite": (lines.graphite, 0.8),
    "woodcut": (lines.woodcut, 1.1),
    "comic": (lines.comic, 0.8),
    "ukiyoe": (lines.ukiyoe, 1.3),
    "cloisonne": (lines.cloisonne, 0.9),
    "scribble": (lines.scribble, 0.8),
    "watercolor": (washes.watercolor, 1.8),
    "ink_wash": (washes.ink_wash, 0.9),
    "marbling": (washes.marbling, 0.8),
    "action": (washes.action, 0.8),
    "color_field": (washes.color_field, 0.6),
}


def _start(seed: int) -> tuple[str, Rng]:
    rng = np.random.default_rng([seed, 20261])
    names = list(FAMILIES)
    weights = np.array([FAMILIES[name][1] for name in names])
    return str(rng.choice(names, p=weights / weights.sum())), rng


def family_of(seed: int) -> str:
    """The family that draw(seed) paints in."""
    return _start(seed)[0]


def draw(seed: int, photos: Sequence[Array] = (), family: str | None = None) -> Image.Image:
    """Paint a picture, RGB, 512 x 512; the same seed and photos give the same picture.

    photos: uint8 (H, W, 3), H and W at least 64; subjects of some of the paintings
    family: one of FAMILIES instead of a random one
    """
    chosen, rng = _start(seed)
    painter = FAMILIES[family or chosen][0]
    image = painter(rng, photos)
    if image.shape != (SIZE, SIZE, 3):
        raise ValueError(f"painter made {image.shape}")
    return to_image(develop(rng, image))
