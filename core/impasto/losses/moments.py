"""First and second moments of feature maps, which style losses compare, and the gradient of a loss through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..numerics import at_least_float32

#: Maximum number of elements of a map that are copied at a time, where a copy is needed
BAND_ELEMENTS = 4_000_000


class Moments(NamedTuple):
    """The statistics of a feature map that describe a style. Styles are blended by averaging them."""

    mean: Tensor  # mu, (N,)
    second: Tensor  # S, (N, N): the Gram matrix divided by the number of positions M


class LossAndGradient(NamedTuple):
    """The value of a style loss and its derivatives with respect to the moments"""

    value: Tensor  # phi, a scalar
    mean_gradient: Tensor | None  # dphi/dmu, (N,); None for 0
    second_gradient: Tensor  # dphi/dS, (N, N), symmetric


#: A style loss with fixed target moments: moments of the image -> value and derivatives
MomentLoss = Callable[[Moments], LossAndGradient]


class MomentAccumulator:
    """Accumulates the moments of a feature map that arrives in pieces."""

    def __init__(self, like: Tensor) -> None:
        """like: features with the same number of channels, device and type, (..., N)"""
        channels = like.shape[-1]
        self.total_weight: float | Tensor = 0.0  # of all positions; with weights a scalar on their device
        self.sum = at_least_float32(like.new_zeros(channels))
        self.second_sum = at_least_float32(like.new_zeros(channels, channels))

    def add(self, features: Tensor, weights: Tensor | None = None) -> None:
        """Add a piece of the map.  features: (..., N); weights: (...), one per position, or None for 1"""
        for band, weight, _ in _iterate_bands(features, weights):
            weighted = band if weight is None else band * weight[:, None]
            self.total_weight = self.total_weight + (len(band) if weight is None else weight.sum())
            self.sum += weighted.sum(0)
            self.second_sum.addmm_(weighted.T, band)

    def moments(self) -> Moments:
        """Return the moments of everything added, in float32 or float64 (eq. 3 divided by the number of positions)."""
        return Moments(self.sum / self.total_weight, self.second_sum / self.total_weight)


def compute_moments(features: Tensor, weights: Tensor | None = None) -> Moments:
    """Return the moments of a whole map.  features: (..., N); weights: (...), one per position, or None for 1"""
    accumulator = MomentAccumulator(features)
    accumulator.add(features, weights)
    return accumulator.moments()


def feature_gradient(
    features: Tensor,
    loss: LossAndGradient,
    scale: float,
    weights: Tensor | None = None,
    *,
    total_weight: float | Tensor | None = None,
    add_to: Tensor | None = None,
) -> Tensor:
    """Return scale dphi/dF for features F.  (..., N) -> (..., N)

    For the Gram loss this is eq. 6; the factor [F > 0] is applied by the network.

    weights: (...), one per position, or None for 1
    total_weight: of all positions that the moments come from, if `features` are only some of them
    add_to: a gradient of the same shape; this gradient is added to it in place, and it is returned
    """
    if total_weight is None:
        total_weight = features[..., 0].numel() if weights is None else weights.sum()
    if add_to is None:
        add_to = torch.zeros_like(at_least_float32(features))
    second = loss.second_gradient * (2 * scale / total_weight)
    mean = None if loss.mean_gradient is None else loss.mean_gradient * (scale / total_weight)
    for band, weight, rows in _iterate_bands(features, weights):
        target = add_to[rows]
        if weight is None and target.is_contiguous() and target.dtype == band.dtype and target.device.type != "mps":
            target.view_as(band).addmm_(band, second)  # no temporary for the product; wrong on MPS in some versions of macOS
            gradient = None
        else:
            gradient = band @ second
        if mean is not None:
            (target if gradient is None else gradient).add_(mean)
        if gradient is not None:
            gradient = gradient if weight is None else gradient.mul_(weight[:, None])
            target.add_(gradient.view(target.shape))
    return add_to


def mix_moments(styles: Sequence[Moments], weights: Sequence[float]) -> Moments:
    """Return the weighted average of the moments of several styles, which are the moments of their mixture."""
    total = sum(weights)
    shares = [weight / total for weight in weights]
    mean = torch.stack([style.mean * share for style, share in zip(styles, shares, strict=True)]).sum(0)
    second = torch.stack([style.second * share for style, share in zip(styles, shares, strict=True)]).sum(0)
    return Moments(mean, second)


def _iterate_bands(features: Tensor, weights: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None, slice]]:
    """Yield (features (M, N) in float32 or float64, weights (M,), slice of rows) for bands of a map (h, ..., N).

    A map that needs no copy is a single band.
    """
    needs_no_copy = features.is_contiguous() and features.dtype in (torch.float32, torch.float64)
    count = max(1, len(features) if needs_no_copy else BAND_ELEMENTS // max(1, features.shape[1:].numel()))
    for start in range(0, len(features), count):
        rows = slice(start, start + count)
        band = at_least_float32(features[rows].flatten(0, -2))
        yield band, None if weights is None else weights[rows].flatten(), rows
