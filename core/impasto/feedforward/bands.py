"""Inference in bands of rows: the input image, feature maps that are normalized when read, and their channel statistics."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from ..numerics import to_float64

#: Image sides are padded to multiples of this: the network works at a quarter of the size.
SIDE_MULTIPLE = 4
#: x and y in pixels
Offset = tuple[int, int]


class ImageSource(NamedTuple):
    """The image as the network's input: with noise, in [-1, 1], packed two by two pixels, padded to SIDE_MULTIPLE"""

    image: Tensor  # (H, W, 3) in [0, 1]
    noise_tile: Tensor  # (S, S, 3)
    offset: Offset  # of the image in the noise

    @property
    def height(self) -> int:
        """Number of packed rows"""
        return -(-len(self.image) // SIDE_MULTIPLE) * SIDE_MULTIPLE // 2

    def read_rows(self, start: int, stop: int) -> Tensor:
        """Return packed rows.  (1, 12, stop - start, w)"""
        rows = self.image[2 * start : 2 * stop].permute(2, 0, 1)[None]
        missing_rows, missing_columns = 2 * (stop - start) - rows.shape[2], -rows.shape[3] % SIDE_MULTIPLE
        rows = functional.pad(rows, (0, missing_columns, 0, missing_rows), mode="replicate")
        offset = self.offset[0], self.offset[1] + 2 * start
        rows = rows + tiled_noise(self.noise_tile, offset, *rows.shape[2:]).permute(2, 0, 1)
        return functional.pixel_unshuffle(rows.mul(2).sub_(1), 2)


class LazyFeatureMap(NamedTuple):
    """A feature map that is scaled, shifted and rectified when it is read"""

    raw: Tensor  # (1, C, h, w)
    scale: Tensor | None = None  # (C,); None, with the shift: read as it is
    shift: Tensor | None = None
    relu: bool = False

    @property
    def height(self) -> int:
        """Number of rows"""
        return self.raw.shape[2]

    def read_rows(self, start: int, stop: int) -> Tensor:
        """Return normalized rows.  (1, C, stop - start, w)"""
        rows = self.raw[:, :, start:stop]
        if self.scale is None or self.shift is None:
            return rows
        rows = torch.addcmul(self.shift[:, None, None], rows, self.scale[:, None, None])
        return rows.relu_() if self.relu else rows

    def add_(self, other: ImageSource | LazyFeatureMap, band_fraction: float) -> LazyFeatureMap:
        """Return the sum with another map. It overwrites this one's memory, in bands of this fraction of the height."""
        rows = max(1, round(band_fraction * self.height))
        for start in range(0, self.height, rows):
            stop = min(self.height, start + rows)
            self.raw[:, :, start:stop] = self.read_rows(start, stop).add_(other.read_rows(start, stop))
        return LazyFeatureMap(self.raw)


class ChannelStatistics:
    """Mean and variance of each channel, accumulated over bands, as instance normalization needs them.

    Not `losses.moments.MomentAccumulator`, which sums the second moments of all pairs of channels (the Gram matrix), with
    position weights. The variance here is the centered sum of per-band variances (Chan et al., 1979), in float64: a
    difference of raw moments would lose the digits of a small variance beside a large mean.
    """

    def __init__(self) -> None:
        self._bands: list[tuple[Tensor, Tensor, Tensor]] = []

    def add(self, band: Tensor, weights: Tensor | None = None) -> None:
        """band: (1, C, h, w); weights: of each position, (h, w), 0 or more; None: 1"""
        values = band[0].permute(1, 2, 0).flatten(0, 1)
        if weights is None:
            variance, mean = torch.var_mean(values, 0, correction=0)
            total = values.new_full((), len(values))
        else:
            total = weights.sum()
            shares = weights.flatten()[:, None] / total.clamp(min=torch.finfo(weights.dtype).tiny)
            mean = (shares * values).sum(0)
            variance = (shares * (values - mean).square()).sum(0)
        self._bands.append((total, mean, variance))

    def mean_and_variance(self) -> tuple[Tensor, Tensor]:
        """Return mean and variance (biased) over all bands.  (C,) each"""
        totals, mean, variance = (to_float64(torch.stack(values)) for values in zip(*self._bands, strict=True))
        weights = totals[:, None] / totals.sum()
        variance += (mean - (weights * mean).sum(0)).square()
        mean, variance = ((weights * values).sum(0) for values in (mean, variance))
        like = self._bands[0][1]
        return mean.to(like), variance.to(like)


def pool_opacity(opacity: Tensor, pixels: int) -> Tensor:
    """Return the mean opacity at each position of a feature map, `pixels` wide and high.  (H, W) -> (h, w)"""
    padding = 0, -opacity.shape[1] % SIDE_MULTIPLE, 0, -opacity.shape[0] % SIDE_MULTIPLE
    padded = functional.pad(opacity[None, None], padding, mode="replicate")
    return functional.avg_pool2d(padded, pixels)[0, 0]


def tiled_noise(noise_tile: Tensor, offset: Offset, height: int, width: int) -> Tensor:
    """Return the noise of a crop at this offset, the tile repeated.  (S, S, 3) -> (height, width, 3)"""
    rows, columns = (
        torch.arange(start, start + side, device=noise_tile.device) % len(noise_tile)
        for start, side in ((offset[1], height), (offset[0], width))
    )
    return noise_tile[rows][:, columns]
