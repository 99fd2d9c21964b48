"""What a net reads and makes while it paints a picture in bands: pixels, maps, and the moments of maps."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

#: Sides of what is painted are rounded up to multiples of it.
SIDE_MULTIPLE = 4
#: x and y
Offset = tuple[int, int]


class ImageSource(NamedTuple):
    """A picture as a net reads it: four pixels at a time, its sides rounded up to multiples of STRIDE"""

    picture: Tensor  # (H, W, 3)
    square: Tensor  # of grain
    place: Offset

    @property
    def height(self) -> int:
        return -(-len(self.picture) // SIDE_MULTIPLE) * SIDE_MULTIPLE // 2

    def rows(self, start: int, stop: int) -> Tensor:
        """Some of its rows.  (1, 12, stop - start, w)"""
        part = self.picture[2 * start : 2 * stop].permute(2, 0, 1)[None]
        missing = 2 * (stop - start) - part.shape[2], -part.shape[3] % SIDE_MULTIPLE
        part = functional.pad(part, (0, missing[1], 0, missing[0]), mode="replicate")
        place = self.place[0], self.place[1] + 2 * start
        part = part + tiled_noise(self.square, place, *part.shape[2:]).permute(2, 0, 1)
        return functional.pixel_unshuffle(part.mul(2).sub_(1), 2)


class LazyFeatureMap(NamedTuple):
    """A map that is normalised when it is read"""

    raw: Tensor  # (1, C, h, w)
    scale: Tensor | None = None  # (C,), with the shift
    shift: Tensor | None = None
    rectified: bool = False

    @property
    def height(self) -> int:
        return self.raw.shape[2]

    def rows(self, start: int, stop: int) -> Tensor:
        """Some of its rows.  (1, C, stop - start, w)"""
        part = self.raw[:, :, start:stop]
        if self.scale is None or self.shift is None:
            return part
        part = torch.addcmul(self.shift[:, None, None], part, self.scale[:, None, None])
        return part.relu_() if self.rectified else part

    def plus(self, other: ImageSource | LazyFeatureMap, share: float) -> LazyFeatureMap:
        """Its sum with another, in its own memory, for so large a share at a time"""
        count = max(1, round(share * self.height))
        for start in range(0, self.height, count):
            rows = start, min(self.height, start + count)
            self.raw[:, :, slice(*rows)] = self.rows(*rows).add_(other.rows(*rows))
        return LazyFeatureMap(self.raw)


class ChannelStatistics:
    """Mean and variance of the channels of a map that comes in pieces"""

    def __init__(self) -> None:
        self._parts: list[tuple[int, Tensor, Tensor]] = []

    def add(self, piece: Tensor) -> None:
        """piece: (1, C, h, w)"""
        variance, mean = torch.var_mean(piece[0].permute(1, 2, 0).flatten(0, 1), 0, correction=0)
        self._parts.append((piece.shape[2] * piece.shape[3], mean, variance))

    def found(self) -> tuple[Tensor, Tensor]:
        """(C,) each"""
        counts, means, variances = zip(*self._parts, strict=True)
        shares = torch.tensor(counts, dtype=torch.float64)[:, None] / sum(counts)
        mean, variance = (torch.stack(each).cpu().double() for each in (means, variances))
        variance += (mean - (shares * mean).sum(0)).square()
        mean, variance = ((shares * each).sum(0) for each in (mean, variance))
        like = self._parts[0][1]
        return mean.to(like), variance.to(like)


def tiled_noise(square: Tensor, place: Offset, height: int, width: int) -> Tensor:
    """What lies over a part of a picture.  (height, width, 3)"""
    rows, columns = (
        torch.arange(begin, begin + side, device=square.device) % len(square)
        for begin, side in ((place[1], height), (place[0], width))
    )
    return square[rows][:, columns]
