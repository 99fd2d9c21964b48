"""The total variation loss, which smooths the image, and its gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from ..images.tileable import NOT_TILEABLE, Tileable
from .moments import BAND_ELEMENTS

#: (rows down, columns right, weight) from a pixel to the neighbors that it forms pairs with
NEIGHBORS = ((0, 1, 1 / 3), (1, 0, 1 / 3), (1, 1, 1 / 12), (1, -1, 1 / 12))


def total_variation(
    image: Tensor, tileable: Tileable = NOT_TILEABLE, *, scale: float = 1.0, add_to: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return scale times the total variation, a scalar, and its gradient, (H, W, C), for an image (H, W, C).

    Here it is twice the sum of squared differences (not absolute ones) of neighbors, divided by H W C: horizontal and vertical
    pairs weigh 1/3, diagonal pairs 1/12. Its gradient is the nine-point Laplacian, which smooths equally in all directions.

    tileable: directions in which opposite edges are neighbors
    add_to: a gradient of the same shape; this gradient is added to it in place, and it is returned
    """
    height, width, channels = image.shape
    gradient = torch.zeros_like(image) if add_to is None else add_to
    value = image.new_zeros(())
    count = max(1, BAND_ELEMENTS // (width * channels))
    for start in range(0, height, count):
        stop = min(start + count, height)
        band = image[start : stop + 1]  # with the row below
        if tileable.y and stop == height:
            band = torch.cat([band, image[:1]])
        if tileable.x:
            band = torch.cat([band, band[:, :1]], dim=1)
        band_gradient = torch.zeros_like(band)
        for down, right, weight in NEIGHBORS:
            left = max(0, -right)
            # The row below and the column that was appended form no pairs of their own.
            bottom = min(stop - start, len(band) - down)
            end = band.shape[1] - abs(right) if right else width
            pixels = (slice(0, bottom), slice(left, left + end))
            neighbors = (slice(down, down + bottom), slice(left + right, left + right + end))
            difference = band[neighbors] - band[pixels]
            factor = 2 * weight * scale / (height * width * channels)
            value = value + difference.square().sum() * factor
            difference *= 2 * factor
            band_gradient[neighbors] += difference
            band_gradient[pixels] -= difference
        if tileable.x:
            band_gradient[:, 0] += band_gradient[:, width]
        gradient[start:stop] += band_gradient[: stop - start, :width]
        if len(band_gradient) > stop - start:
            gradient[stop % height] += band_gradient[-1, :width]
    return value, gradient
