"""A picture that somebody is working on, painted by a net that follows: what has changed is painted anew, and no more.

A part is painted by the statistics of the whole, as they were when the whole was painted last: with its surroundings, as far
as a net looks, it comes out as it would there. So a brush stroke costs what its place costs, however large the picture is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ImageError
from ..images.picture import Picture, read_picture, to_uint
from ..options import Options
from .bands import SIDE_MULTIPLE
from .network import TransformNet, receptive_radius
from .stylizer import FeedforwardStylizer

#: Where more than such a share of the picture would be painted anew, all of it is.
_MAX_PATCH_FRACTION = 0.5


class Patch(NamedTuple):
    """What has been painted, and where it belongs"""

    x: int
    y: int
    values: NDArray[np.uint8]  # (h, w, 4)


class FrozenStatistics:
    """The statistics of a whole picture, for its parts"""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], tuple[Tensor, Tensor]] = {}
        self._noted: dict[tuple[int, str], tuple[Tensor, Tensor]] | None = None

    @property
    def there(self) -> bool:
        return bool(self._kept)

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """Within this block a whole picture is painted; where that does not end well, all stays as it was."""
        self._noted = {}
        try:
            yield
            self._kept = self._noted
        finally:
            self._noted = None

    def of(self, way: int) -> Callable[[str, Tensor, Tensor], tuple[Tensor, Tensor]]:
        def held(layer: str, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
            if self._noted is None:
                return self._kept[way, layer]
            self._noted[way, layer] = mean, variance
            return mean, variance

        return held


class LivePainting:
    """A net's painting of a picture that changes. Pictures are (h, w, 4) uint8: red, green, blue, alpha."""

    def __init__(self, net: TransformNet, options: Options, values: NDArray[np.uint8]) -> None:
        """options: strength, colors and style_scale count.  Raises OptionError, DeviceError."""
        self._held = FrozenStatistics()
        names = ("strength", "colors", "color_match", "style_scale", "device", "memory")
        self._options = Options(size=0, **{name: getattr(options, name) for name in names})
        self._painter = FeedforwardStylizer(net, self._options, steady=self._held)
        self._values = values.copy()
        self._reach = -(-receptive_radius(net.layers) // SIDE_MULTIPLE) * SIDE_MULTIPLE
        self._mean = torch.full((3,), 0.5)

    def whole(self, check: Callable[[], None] = lambda: None) -> Patch:
        """All of it, painted anew.  check: called often; what it raises ends it.  Raises OutOfMemoryError."""
        if not self._values[..., 3].any():  # nothing to see as yet
            return Patch(0, 0, np.zeros_like(self._values))
        picture = read_picture(self._values)
        with self._held.noting():
            found = self._painter.paint(picture, check)
        seen = torch.ones(picture.pixels.shape[:2]) if picture.alpha is None else picture.alpha
        self._mean = (picture.pixels * seen[..., None]).sum((0, 1)) / seen.sum()
        return Patch(0, 0, _to_rgba(found))

    def change(self, x: int, y: int, values: NDArray[np.uint8], check: Callable[[], None] = lambda: None) -> Patch:
        """The picture has changed: its part from (x, y) on is `values`. What of the painting changes with it.

        Where `check` ends it, the picture has changed all the same: `whole` paints it.
        Raises ImageError: it lies outside of the picture.
        """
        height, width = self._values.shape[:2]
        rows, columns = values.shape[:2]
        if x < 0 or y < 0 or x + columns > width or y + rows > height or not values.size:
            raise ImageError(f"{columns} x {rows} pixels from {x}, {y} on are not in a picture of {width} x {height}")
        self._values[y : y + rows, x : x + columns] = values
        left, top, right, bottom = self._grown((x, y, x + columns, y + rows))
        anew = (right - left) * (bottom - top) > _MAX_PATCH_FRACTION * width * height
        if anew or not self._held.there or self._options.colors == "match":  # which looks at all of it
            return self.whole(check)
        around = self._grown((left, top, right, bottom))
        found = _to_rgba(self._painter.paint(self._picture(around), check, around[:2]))
        found = found[top - around[1] : bottom - around[1], left - around[0] : right - around[0]]
        return Patch(left, top, found)

    def _grown(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """A box with what depends on it, or what it depends on, at multiples of STRIDE or the picture's edge"""
        height, width = self._values.shape[:2]
        left, top = (max(0, (side - self._reach) // SIDE_MULTIPLE * SIDE_MULTIPLE) for side in box[:2])
        right, bottom = (-(-(side + self._reach) // SIDE_MULTIPLE) * SIDE_MULTIPLE for side in box[2:])
        return left, top, min(width, right), min(height, bottom)

    def _picture(self, box: tuple[int, int, int, int]) -> Picture:
        """A part of the picture; what is transparent in it looks as it does in the whole."""
        left, top, right, bottom = box
        part = torch.from_numpy(self._values[top:bottom, left:right]).float() / 255
        pixels, alpha = part[..., :3], part[..., 3]
        return Picture(torch.where(alpha[..., None] > 0, pixels, self._mean), alpha)


def _to_rgba(picture: Picture) -> NDArray[np.uint8]:
    """With alpha, wherever it has none"""
    values: Any = to_uint(picture, 8)
    if values.shape[2] == 3:
        values = np.dstack([values, np.full(values.shape[:2], 255, np.uint8)])
    return np.ascontiguousarray(values)
