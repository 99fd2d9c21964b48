"""Transfer of the whole distribution of colors, beyond mean and covariance.

Iterative distribution transfer (Pitié et al., "Automated colour grading using colour distribution transfer", 2007):
along the axes of a few rotations, the quantiles of the image's colors are mapped to those of the target's.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as functional
from torch import Tensor

from .color import color_statistics, from_oklab, map_colors, to_oklab

#: Colors drawn from an image to represent its distribution
SAMPLES = 4096
#: Rotations, and quantiles along each axis. Measured: more change nothing.
_ROTATIONS, _QUANTILES = 4, 64
#: Smallest distance of two quantiles, so that equal ones have a map
_SMALLEST_DISTANCE = 2e-3
#: Largest coordinate along an axis, and intervals of the table of a map: small ones, so that 8-bit colors do not show them
_RANGE, _BINS = 2.0, 4096
#: Pixels that are mapped at a time
_BAND_PIXELS = 1 << 16
#: Below this mean difference between the channels of a pixel, an image is gray
_GRAY = 0.02
#: Parts into which a tint divides the lightness and the hues, and how sharply it distinguishes the hues
_TINTS, _HUES, _HUE_SHARPNESS = 24, 12, 4.0
#: Greatest factor between differences of color after and before: more would show the noise of a flat image
MAX_COLOR_STRETCH = 4.0


def sample_colors(image: Tensor, weights: Tensor | None = None, count: int = SAMPLES) -> Tensor:
    """Draw colors from an image, always the same ones, in proportion to the weights of the pixels.

    (H, W, 3), (H, W) in [0, 1], not all 0 -> (count, 3)
    """
    generator = torch.Generator().manual_seed(0)
    colors = image.flatten(0, 1)
    if weights is None:
        indices = torch.randint(len(colors), (count,), generator=generator)
    else:  # by the inverse of the cumulative distribution
        sums = weights.flatten().double().cumsum(0)
        indices = torch.searchsorted(sums, sums[-1] * torch.rand(count, generator=generator).double(), right=True)
        indices = indices.clamp(max=len(colors) - 1)
    return colors[indices]


def transfer_colors(image: Tensor, weights: Tensor | None, target: Tensor) -> Tensor:
    """Give an image the distribution of colors that `target` was drawn from.

    An image with much less variety than the target stays as it is.

    image: (H, W, 3) in [0, 1]; weights: of its pixels, (H, W) in [0, 1], or None; target: from `sample_colors`, (N, 3)
    -> (H, W, 3)
    """
    if weights is not None and not weights.any():
        return image
    ones = torch.ones(image.shape[:2], device=image.device)
    current = color_statistics(image, ones if weights is None else weights)
    goal = color_statistics(target[None], torch.ones(1, len(target), device=target.device))
    if not current.deviation >= goal.deviation / MAX_COLOR_STRETCH:  # also where it is not a number
        return image
    sample = map_colors(sample_colors(image, weights, len(target))[None], current, goal)[0].T
    maps = []
    for rotation in _rotations():
        axes = rotation.to(image.device)
        sample, goals = axes.T @ sample, axes.T @ target.T
        table = _map_table(_quantiles(sample), _quantiles(goals))
        sample = axes @ _look_up(sample, table)
        maps.append((axes, table))
    result = torch.empty_like(image)
    bands = (torch.split(values.view(-1, 3), _BAND_PIXELS) for values in (image.contiguous(), result))
    for band, mapped in zip(*bands, strict=True):  # an image's worth of temporaries would take much memory
        colors = map_colors(band[None], current, goal)[0].T.contiguous()
        for axes, table in maps:
            colors = axes @ _look_up(axes.T @ colors, table)
        mapped.copy_(colors.T)
    return result.clamp_(0, 1)


def is_gray(image: Tensor) -> bool:
    """Return whether an image (H, W, 3) has no colors, such as a black-and-white photo."""
    return float((image.amax(2) - image.amin(2)).mean()) < _GRAY


def tint(image: Tensor, target: Tensor) -> Tensor:
    """Give a gray image the colors of a target by lightness: dark where the target is dark, and so on.

    image: (H, W, 3) in [0, 1]; target: from `sample_colors`, (N, 3) -> (H, W, 3)
    """
    lab = to_oklab(target[None])[0]
    lab = lab[lab[:, 0].argsort()][: len(lab) // _TINTS * _TINTS].view(_TINTS, -1, 3)
    # The average of many hues is gray: of each lightness, the colors near its strongest hue count.
    hues = torch.linspace(0, 2 * math.pi, _HUES + 1)[:-1]
    chroma = lab[..., 1:].norm(dim=2, keepdim=True)
    nearness = torch.exp(_HUE_SHARPNESS * (lab[..., 1:] @ torch.stack([hues.cos(), hues.sin()]) / (chroma + 1e-6) - 1))
    shares = chroma * nearness + 1e-6  # (_TINTS, N, _HUES)
    strongest = shares.sum(1).argmax(1)
    weights = shares.gather(2, strongest[:, None, None].expand(-1, lab.shape[1], 1))
    colors = (weights * lab).sum(1) / weights.sum(1)
    ramp = functional.interpolate(colors.T[None], len(target), mode="linear")[0].T
    ramp = from_oklab(ramp).clamp(0, 1)
    values = image.mean(2).flatten()
    ranks = torch.searchsorted(values.sort().values, values) / len(values)
    tinted: Tensor = ramp[(ranks * (len(ramp) - 1)).long()].view_as(image)
    return tinted


@lru_cache
def _rotations() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.linalg.qr(torch.randn(3, 3, generator=generator))[0] for _ in range(_ROTATIONS)]


def _quantiles(rows: Tensor) -> Tensor:
    """Return quantiles at even distances.  (3, N) -> (3, _QUANTILES)"""
    positions = (torch.arange(_QUANTILES, device=rows.device) + 0.5) / _QUANTILES * rows.shape[1]
    return rows.sort(1).values[:, positions.long()].contiguous()


def _map_table(current: Tensor, goal: Tensor) -> Tensor:
    """Return where quantiles, and what is between or beyond them, are mapped: for values along each axis.  -> (3, _BINS)"""
    slopes = goal.diff(dim=1) / current.diff(dim=1).clamp(min=_SMALLEST_DISTANCE)
    values = ((torch.arange(_BINS, device=current.device) + 0.5) / _BINS * 2 - 1).mul_(_RANGE).expand(3, -1).contiguous()
    intervals = (torch.searchsorted(current, values) - 1).clamp_(0, slopes.shape[1] - 1)
    offsets = goal[:, :-1] - slopes * current[:, :-1]
    return torch.addcmul(offsets.gather(1, intervals), slopes.gather(1, intervals), values)


def _look_up(rows: Tensor, table: Tensor) -> Tensor:
    """Map the values of each row.  (3, N), (3, _BINS) -> (3, N)"""
    bins = ((rows + _RANGE) * (_BINS / (2 * _RANGE))).long().clamp_(0, _BINS - 1)
    return table.gather(1, bins)
