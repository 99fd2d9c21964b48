"""Incremental repainting: after an edit, only the affected area is stylized again.

A crop is normalized with the statistics of the whole picture, recorded when it was last stylized in full. Stylized with the
surroundings that the receptive field covers, it comes out as it would in the whole. So the cost of a brush stroke depends on
its area, not on the size of the picture.
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
from ..images.picture import Picture, mean_color, read_picture, to_uint
from ..options import Options
from .bands import SIDE_MULTIPLE
from .network import TransformNet, receptive_radius
from .stylizer import FeedforwardStylizer

#: If more than this fraction of the picture is affected, all of it is repainted.
_MAX_PATCH_FRACTION = 0.5


class Patch(NamedTuple):
    """A repainted rectangle and its position in the painting"""

    x: int
    y: int
    pixels: NDArray[np.uint8]  # (h, w, 4), RGBA


class FrozenStatistics:
    """A StatisticsFilter that records the statistics of a whole picture and then applies them to its crops"""

    def __init__(self) -> None:
        self._statistics: dict[tuple[int, str], tuple[Tensor, Tensor]] = {}
        self._pending: dict[tuple[int, str], tuple[Tensor, Tensor]] | None = None

    @property
    def recorded(self) -> bool:
        """Whether a whole picture has been recorded"""
        return bool(self._statistics)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record the statistics of the picture stylized in this block. An exception keeps the earlier ones."""
        self._pending = {}
        try:
            yield
            self._statistics = self._pending
        finally:
            self._pending = None

    def for_pass(self, index: int) -> Callable[[str, Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return a hook that records the statistics of this pass, or outside of `recording` returns the recorded ones."""

        def record_or_replace(layer: str, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
            if self._pending is None:
                return self._statistics[index, layer]
            self._pending[index, layer] = mean, variance
            return mean, variance

        return record_or_replace


class LivePainting:
    """The stylized version of a picture that changes. Pictures are RGBA, (h, w, 4) uint8."""

    def __init__(self, net: TransformNet, options: Options, pixels: NDArray[np.uint8]) -> None:
        """options: strength, colors, color_match, style_scale, device and memory apply; the rest is ignored

        Raises OptionError, DeviceError.
        """
        self._statistics = FrozenStatistics()
        names = ("strength", "colors", "color_match", "style_scale", "device", "memory")
        self._options = Options(size=0, **{name: getattr(options, name) for name in names})
        self._stylizer = FeedforwardStylizer(net, self._options, statistics_filter=self._statistics)
        self._pixels = pixels.copy()
        self._radius = -(-receptive_radius(net.layers) // SIDE_MULTIPLE) * SIDE_MULTIPLE
        self._mean_color = torch.full((3,), 0.5)

    def repaint(self, check_cancelled: Callable[[], None] = lambda: None) -> Patch:
        """Stylize the whole picture.  Raises OutOfMemoryError.

        check_cancelled: called often; an exception that it raises ends the pass
        """
        if not self._pixels[..., 3].any():  # fully transparent
            return Patch(0, 0, np.zeros_like(self._pixels))
        picture = read_picture(self._pixels)
        with self._statistics.recording():
            painting = self._stylizer.stylize(picture, check_cancelled)
        self._mean_color = mean_color(picture.pixels, picture.opacity)
        return Patch(0, 0, _to_rgba(painting))

    def update(self, x: int, y: int, pixels: NDArray[np.uint8], check_cancelled: Callable[[], None] = lambda: None) -> Patch:
        """Replace the rectangle at (x, y) of the picture by `pixels`, and repaint what depends on it.

        If `check_cancelled` ends the pass, the picture has changed all the same: `repaint` brings the painting up to date.
        Raises ImageError: the rectangle is not inside the picture.
        """
        height, width = self._pixels.shape[:2]
        rows, columns = pixels.shape[:2]
        if x < 0 or y < 0 or x + columns > width or y + rows > height or not pixels.size:
            raise ImageError(f"{columns} x {rows} pixels at {x}, {y} are not inside the picture of {width} x {height}")
        self._pixels[y : y + rows, x : x + columns] = pixels
        affected = left, top, right, bottom = self._expand((x, y, x + columns, y + rows))
        too_large = (right - left) * (bottom - top) > _MAX_PATCH_FRACTION * width * height
        # Matched colors depend on the whole picture.
        if too_large or not self._statistics.recorded or self._options.colors == "match":
            return self.repaint(check_cancelled)
        crop_box = self._expand(affected)  # what the affected pixels depend on
        painting = _to_rgba(self._stylizer.stylize(self._crop(crop_box), check_cancelled, crop_box[:2]))
        painting = painting[top - crop_box[1] : bottom - crop_box[1], left - crop_box[0] : right - crop_box[0]]
        return Patch(left, top, painting)

    def _expand(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """Grow (left, top, right, bottom) by the receptive radius, out to multiples of SIDE_MULTIPLE or the picture's edge."""
        height, width = self._pixels.shape[:2]
        left, top = (max(0, (side - self._radius) // SIDE_MULTIPLE * SIDE_MULTIPLE) for side in box[:2])
        right, bottom = (-(-(side + self._radius) // SIDE_MULTIPLE) * SIDE_MULTIPLE for side in box[2:])
        return left, top, min(width, right), min(height, bottom)

    def _crop(self, box: tuple[int, int, int, int]) -> Picture:
        """Return a part of the picture. Its transparent pixels fade to the mean color of the whole, as in `read_picture`."""
        left, top, right, bottom = box
        crop = torch.from_numpy(self._pixels[top:bottom, left:right]).float() / 255
        pixels, alpha = crop[..., :3], crop[..., 3]
        return Picture(torch.where(alpha[..., None] > 0, pixels, self._mean_color), alpha, fill=self._mean_color)


def _to_rgba(picture: Picture) -> NDArray[np.uint8]:
    """Convert to 8 bits; add an opaque alpha channel where there is none."""
    values: Any = to_uint(picture, 8)
    if values.shape[2] == 3:
        values = np.dstack([values, np.full(values.shape[:2], 255, np.uint8)])
    return np.ascontiguousarray(values)
