"""TODO-DOC losses.moments"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..numerics import at_least_float32


class Moments(NamedTuple):
    """The statistics of a feature map that styles are made of. Blending several styles is averaging these."""

    mean: Tensor  # mu, (N,)
    second: Tensor  # S, (N, N): the Gram matrix over M


class LossAndGradient(NamedTuple):
    value: Tensor  # phi, a scalar
    mean: Tensor | None  # dphi/dmu, (N,); None for 0
    second: Tensor  # dphi/dS, (N, N), symmetric


#: A style loss towards the moments of one style: made once for a size, it is asked in each step.
MomentLoss = Callable[[Moments], LossAndGradient]


class MomentAccumulator:
    """Moments in the making, from a map that comes in pieces"""

    def __init__(self, like: Tensor) -> None:
        """like: features of as many channels, (..., N)"""
        channels = like.shape[-1]
        self.total = 0.0  # the weight of all positions
        self.mean = at_least_float32(like.new_zeros(channels))
        self.second = at_least_float32(like.new_zeros(channels, channels))

    def add(self, features: Tensor, weights: Tensor | None = None) -> None:
        """features: (..., N); weights: (...), of each position"""
        for part, weight, _ in _iterate_bands(features, weights):
            weighted = part if weight is None else part * weight[:, None]
            self.total += len(part) if weight is None else float(weight.sum())
            self.mean += weighted.sum(0)
            self.second.addmm_(weighted.T, part)

    def moments(self) -> Moments:
        """The moments of all that was added, in float32 at least (eq. 3, per position)"""
        return Moments(self.mean / self.total, self.second / self.total)


def compute_moments(features: Tensor, weights: Tensor | None = None) -> Moments:
    """The moments of a whole map: features (..., N), each position with its weight (...)"""
    sums = MomentAccumulator(features)
    sums.add(features, weights)
    return sums.moments()


def moments_gradient(
    features: Tensor,
    loss: LossAndGradient,
    scale: float,
    weights: Tensor | None = None,
    *,
    total: float | None = None,
    onto: Tensor | None = None,
) -> Tensor:
    """scale dphi/dF for features (..., N) -> (..., N); eq. 6 for the Gram loss, but for [F > 0], which is the network's.

    total: the weight of all positions that the moments are of, if these features are but a part of them
    onto: another gradient in the same features, to which this one is added in place
    """
    if total is None:
        total = features[..., 0].numel() if weights is None else float(weights.sum())
    if onto is None:
        onto = torch.zeros_like(at_least_float32(features))
    second = loss.second * (2 * scale / total)
    for part, weight, rows in _iterate_bands(features, weights):
        place = onto[rows]
        if weight is None and place.is_contiguous() and place.dtype == part.dtype:
            place.view_as(part).addmm_(part, second)  # the product lands where it belongs
            gradient = None
        else:
            gradient = part @ second
        if loss.mean is not None:
            (place if gradient is None else gradient).add_(loss.mean, alpha=scale / total)
        if gradient is not None:
            gradient = gradient if weight is None else gradient.mul_(weight[:, None])
            place.add_(gradient.view(place.shape))
    return onto


def mix_moments(styles: Sequence[Moments], shares: Sequence[float]) -> Moments:
    """The moments of several styles mixed; both moments are means, so their mixture is the moments of the mixture."""
    total = sum(shares)
    weights = [share / total for share in shares]
    mean = torch.stack([style.mean * weight for style, weight in zip(styles, weights, strict=True)]).sum(0)
    second = torch.stack([style.second * weight for style, weight in zip(styles, weights, strict=True)]).sum(0)
    return Moments(mean, second)


#: Elements of a map that are copied at a time where they have to be.
_BAND_ELEMENTS = 4_000_000


def _iterate_bands(features: Tensor, weights: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None, slice]]:
    """Features (h, ..., N) as matrices (M, N) in float32 at least, with the positions' weights (M,), and of which rows.

    All at once; or, where that takes a copy, in bands.
    """
    ready = features.is_contiguous() and features.dtype in (torch.float32, torch.float64)
    count = max(1, len(features) if ready else _BAND_ELEMENTS // max(1, features.shape[1:].numel()))
    for start in range(0, len(features), count):
        rows = slice(start, start + count)
        part = at_least_float32(features[rows].flatten(0, -2))
        yield part, None if weights is None else weights[rows].flatten(), rows
