"""TODO-DOC losses.total_variation"""

from __future__ import annotations

import torch
from torch import Tensor

from ..images.tileable import NOT_TILEABLE, Tileable
from .moments import _BAND_ELEMENTS


def total_variation(
    image: Tensor, wraps: Tileable = NOT_TILEABLE, *, scale: float = 1.0, onto: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Mean squared difference of neighbors, 1/3 of each pair side by side and 1/12 of each across a corner, times two.

    Its gradient is the nine-point Laplacian, which smooths alike in all directions.

    image: (H, W, C) -> scale times the value, and the gradient of that, (H, W, C), added in place to `onto` if there is one
    """
    height, width, channels = image.shape
    gradient = torch.zeros_like(image) if onto is None else onto
    value = image.new_zeros(())
    count = max(1, _BAND_ELEMENTS // (width * channels))
    for start in range(0, height, count):
        stop = min(start + count, height)
        band = image[start : stop + 1]  # and the row below
        if wraps.y and stop == height:
            band = torch.cat([band, image[:1]])
        if wraps.x:
            band = torch.cat([band, band[:, :1]], dim=1)
        pull = torch.zeros_like(band)
        for down, right, weight in ((0, 1, 1 / 3), (1, 0, 1 / 3), (1, 1, 1 / 12), (1, -1, 1 / 12)):
            left = max(0, -right)
            # A row or a column that was added has no neighbors of its own.
            bottom = min(stop - start, len(band) - down)
            end = band.shape[1] - abs(right) if right else width
            here = (slice(0, bottom), slice(left, left + end))
            there = (slice(down, down + bottom), slice(left + right, left + right + end))
            difference = band[there] - band[here]
            factor = 2 * weight * scale / (height * width * channels)
            value = value + difference.square().sum() * factor
            difference *= 2 * factor
            pull[there] += difference
            pull[here] -= difference
        if wraps.x:
            pull[:, 0] += pull[:, width]
        gradient[start:stop] += pull[: stop - start, :width]
        if len(pull) > stop - start:
            gradient[stop % height] += pull[-1, :width]
    return value, gradient
