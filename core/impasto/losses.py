"""The losses of Gatys, Ecker and Bethge (arXiv 1508.06576, eq. 1 to 7), with their gradients by hand.

A style loss is a function phi of a feature map's moments only, so that its gradient in the features is one matrix product:

    mean mu = F 1 / M     second moment S = F F^T / M     dphi/dF = ((dphi/dS + dphi/dS^T) F + dphi/dmu 1^T) / M

Here features are (M, N), positions by channels: the transpose of the paper's F. Nothing else in this module knows about the
network; a loss takes moments and gives its value and its two derivatives, and that is all there is to a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .borders import APART, Wraps


class Moments(NamedTuple):
    """The statistics of a feature map that styles are made of. Blending several styles is averaging these."""

    mean: Tensor  # mu, (N,)
    second: Tensor  # S, (N, N): the Gram matrix over M


class StyleLoss(NamedTuple):
    value: Tensor  # phi, a scalar
    mean: Tensor | None  # dphi/dmu, (N,); None for 0
    second: Tensor  # dphi/dS, (N, N), symmetric


#: A style loss towards the moments of one style: made once for a size, it is asked in each step.
Phi = Callable[[Moments], StyleLoss]


class Sums:
    """Moments in the making, from a map that comes in pieces"""

    def __init__(self, like: Tensor) -> None:
        """like: features of as many channels, (..., N)"""
        channels = like.shape[-1]
        self.total = 0.0  # the weight of all positions
        self.mean = at_least_float32(like.new_zeros(channels))
        self.second = at_least_float32(like.new_zeros(channels, channels))

    def add(self, features: Tensor, weights: Tensor | None = None) -> None:
        """features: (..., N); weights: (...), of each position"""
        for part, weight, _ in _bands(features, weights):
            weighted = part if weight is None else part * weight[:, None]
            self.total += len(part) if weight is None else float(weight.sum())
            self.mean += weighted.sum(0)
            self.second.addmm_(weighted.T, part)

    def moments(self) -> Moments:
        """The moments of all that was added, in float32 at least (eq. 3, per position)"""
        return Moments(self.mean / self.total, self.second / self.total)


def moments(features: Tensor, weights: Tensor | None = None) -> Moments:
    """The moments of a whole map: features (..., N), each position with its weight (...)"""
    sums = Sums(features)
    sums.add(features, weights)
    return sums.moments()


def moments_gradient(
    features: Tensor,
    loss: StyleLoss,
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
    for part, weight, rows in _bands(features, weights):
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


def blend(styles: Sequence[Moments], shares: Sequence[float]) -> Moments:
    """The moments of several styles mixed; both moments are means, so their mixture is the moments of the mixture."""
    total = sum(shares)
    weights = [share / total for share in shares]
    mean = torch.stack([style.mean * weight for style, weight in zip(styles, weights, strict=True)]).sum(0)
    second = torch.stack([style.second * weight for style, weight in zip(styles, weights, strict=True)]).sum(0)
    return Moments(mean, second)


def gram_loss(wanted: Moments) -> Phi:
    """E = |S - S*|^2 / 4 N^2 (eq. 4, with S = G / M, so that the two pictures may differ in size)"""
    channels = len(wanted.mean)

    def phi(found: Moments) -> StyleLoss:
        difference = found.second - wanted.second
        return StyleLoss(difference.square().sum() / (4 * channels**2), None, difference / (2 * channels**2))

    return phi


def moments_loss(wanted: Moments) -> Phi:
    """|S - S*|^2 / |S*|^2 + |mu - mu*|^2 / |mu*|^2 + |sigma - sigma*|^2 / |sigma*|^2, sigma the channels' deviations.

    Not in the paper: a Gram matrix alone can trade a channel's mean for its deviation (Risser et al., arXiv 1701.08893).
    """
    size, level = _square(wanted.second), _square(wanted.mean)
    goal = _deviation(wanted)
    spread = _square(goal) + _FLOOR * level  # of a picture of one color there is none

    def phi(found: Moments) -> StyleLoss:
        difference, shift = found.second - wanted.second, found.mean - wanted.mean
        deviation = _deviation(found)
        excess = deviation - goal
        # sigma^2 = (1 + a little) S_ii - mu_i^2, so dsigma/dS_ii = (1 + a little) / 2 sigma and dsigma/dmu_i = -mu_i / sigma
        slope = excess * (2 / spread) / deviation
        second = difference * (2 / size)
        second.diagonal().add_(slope, alpha=(1 + _FLOOR**2) / 2)
        mean = shift * (2 / level) - slope * found.mean
        value = difference.square().sum() / size + shift.square().sum() / level + excess.square().sum() / spread
        return StyleLoss(value, mean, second)

    return phi


def covariance_loss(wanted: Moments) -> Phi:
    """|C - C*|^2 / |C*|^2 + |mu - mu*|^2 / |mu*|^2 with the covariance C = S - mu mu^T.

    Not in the paper: a Gram matrix mixes mean and covariance, and pays no heed to how large a layer's features are.
    Relative to the style's own, each layer counts the same on every picture.
    """
    goal = _covariance(wanted)
    # A map of a few positions, or of one color, has next to no covariance: its second moment keeps the quotient in bounds.
    spread, level = _square(goal) + _FLOOR * _square(wanted.second), _square(wanted.mean)

    def phi(found: Moments) -> StyleLoss:
        difference, shift = _covariance(found) - goal, found.mean - wanted.mean
        second = difference * (2 / spread)
        mean = shift * (2 / level) - 2 * (second @ found.mean)
        return StyleLoss(difference.square().sum() / spread + shift.square().sum() / level, mean, second)

    return phi


def wasserstein_loss(wanted: Moments) -> Phi:
    """W^2 / (|mu*|^2 + tr C*) with W^2 = |mu - mu*|^2 + tr C + tr C* - 2 tr (C*^1/2 C C*^1/2)^1/2.

    Not in the paper: the squared 2-Wasserstein distance of the two normal distributions with these moments, whose second
    part is Bures' (Olkin and Pukelsheim, 1982). dW^2/dC = 1 - T, where T = C*^1/2 (C*^1/2 C C*^1/2)^-1/2 C*^1/2 carries
    the one covariance to the other.
    """
    goal, level = _exact(_covariance(wanted)), _exact(wanted.mean)
    trace = goal.diagonal().sum()
    scale = level.square().sum() + trace + 1e-30
    half = root(goal)
    # Where the two have nothing in common, a root has no derivative: what varies less than this share of the most is nothing.
    least = (1e-5 * goal.diagonal().max()) ** 2 + 1e-30
    unit = torch.eye(len(goal), dtype=goal.dtype, device=goal.device)

    def phi(found: Moments) -> StyleLoss:
        covariance, mean = _exact(_covariance(found)), _exact(found.mean)
        values, vectors = torch.linalg.eigh(half @ covariance @ half)
        roots = (values.clamp(min=0) + least).sqrt()
        turned = half @ vectors
        distance = (mean - level).square().sum() + covariance.diagonal().sum() + trace - 2 * roots.sum()
        second = (unit - (turned / roots) @ turned.T) / scale
        slope = (mean - level) * (2 / scale) - 2 * (second @ mean)
        value, slope, second = (each.to(found.mean) for each in (distance / scale, slope, second))
        return StyleLoss(value, slope, second)

    return phi


#: Elements of a map that are copied at a time where they have to be.
_BAND = 4_000_000
#: What a relative loss takes for nothing.
_FLOOR = 1e-4
STYLE_LOSSES: dict[str, Callable[[Moments], Phi]] = {
    "gram": gram_loss,
    "moments": moments_loss,
    "covariance": covariance_loss,
    "wasserstein": wasserstein_loss,
}


def content_loss(features: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """L_c = 1/2 sum (F - P)^2 and dL_c/dF = F - P (eq. 1 and 2, but for [F > 0], which is the network's)"""
    difference = at_least_float32(features) - wanted
    return difference.square().sum() / 2, difference


def total_variation(
    image: Tensor, wraps: Wraps = APART, *, scale: float = 1.0, onto: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Mean squared difference of neighbors, 1/3 of each pair side by side and 1/12 of each across a corner, times two.

    Its gradient is the nine-point Laplacian, which smooths alike in all directions.

    image: (H, W, C) -> scale times the value, and the gradient of that, (H, W, C), added in place to `onto` if there is one
    """
    height, width, channels = image.shape
    gradient = torch.zeros_like(image) if onto is None else onto
    value = image.new_zeros(())
    count = max(1, _BAND // (width * channels))
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


def _bands(features: Tensor, weights: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None, slice]]:
    """Features (h, ..., N) as matrices (M, N) in float32 at least, with the positions' weights (M,), and of which rows.

    All at once; or, where that takes a copy, in bands.
    """
    ready = features.is_contiguous() and features.dtype in (torch.float32, torch.float64)
    count = max(1, len(features) if ready else _BAND // max(1, features.shape[1:].numel()))
    for start in range(0, len(features), count):
        rows = slice(start, start + count)
        part = at_least_float32(features[rows].flatten(0, -2))
        yield part, None if weights is None else weights[rows].flatten(), rows


def at_least_float32(features: Tensor) -> Tensor:
    """Half-precision features in float32: sums of their squares overflow or lose their last digits otherwise."""
    return features if features.dtype == torch.float64 else features.float()


def _exact(values: Tensor) -> Tensor:
    """In double precision, on a device that has it: eigenvalues that nearly vanish are lost in single precision."""
    return values.to("cpu" if values.device.type == "mps" else values.device).double()


def _covariance(moments: Moments) -> Tensor:
    return moments.second - torch.outer(moments.mean, moments.mean)


def _deviation(moments: Moments) -> Tensor:
    """The deviation of each channel, kept from zero, where it has no derivative"""
    level = moments.second.diagonal()
    return ((level - moments.mean.square()).clamp(min=0) + _FLOOR**2 * level + 1e-30).sqrt()


def _square(tensor: Tensor) -> Tensor:
    """The sum of the squares, not quite zero"""
    return tensor.square().sum() + 1e-12


def root(covariance: Tensor) -> Tensor:
    """The symmetric square root of a covariance"""
    values, vectors = torch.linalg.eigh(covariance)
    square_root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return square_root
