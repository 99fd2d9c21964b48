"""The losses of Gatys, Ecker and Bethge (arXiv 1508.06576, eq. 1 to 7), with their gradients by hand.

A style loss is a function phi of a feature map's moments only, so that its gradient in the features is one matrix product:

    mean mu = F 1 / M     second moment S = F F^T / M     dphi/dF = ((dphi/dS + dphi/dS^T) F + dphi/dmu 1^T) / M

Here features are (M, N), positions by channels: the transpose of the paper's F. Nothing else in this module knows about the
network; a loss takes moments and gives its value and its two derivatives, and that is all there is to a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def moments(features: Tensor, weights: Tensor | None = None) -> Moments:
    """The moments of features (M, N), each position with its weight (M,), in float32 at least (eq. 3, per position)."""
    features = at_least_float32(features)
    if weights is None:
        return Moments(features.mean(0), features.T @ features / len(features))
    weighted = features * weights[:, None]
    total = weights.sum()
    return Moments(weighted.sum(0) / total, weighted.T @ features / total)


def moments_gradient(
    features: Tensor, loss: StyleLoss, scale: float, weights: Tensor | None = None, *, onto: Tensor | None = None
) -> Tensor:
    """scale dphi/dF for features (M, N) -> (M, N); eq. 6 for the Gram loss, but for [F > 0], which is the network's.

    onto: another gradient in the same features, to which this one is added in place
    """
    features = at_least_float32(features)
    total = len(features) if weights is None else float(weights.sum())
    second = loss.second * (2 * scale / total)
    if onto is not None and weights is None and onto.dtype == features.dtype:
        gradient = onto.addmm_(features, second)  # the product lands where it belongs
        return gradient if loss.mean is None else gradient.add_(loss.mean, alpha=scale / total)
    gradient = features @ second
    if loss.mean is not None:
        gradient.add_(loss.mean, alpha=scale / total)
    if weights is not None:
        gradient.mul_(weights[:, None])
    return gradient if onto is None else onto.add_(gradient)


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


def total_variation(image: Tensor, wraps: Wraps = APART) -> tuple[Tensor, Tensor]:
    """Mean squared difference of neighbors, 1/3 of each pair side by side and 1/12 of each across a corner, times two.

    Its gradient is the nine-point Laplacian, which smooths alike in all directions.  image: (H, W, C) -> value, (H, W, C)
    """
    height, width, _ = image.shape
    if wraps.y:
        image = torch.cat([image, image[:1]])
    if wraps.x:
        image = torch.cat([image, image[:, :1]], dim=1)
    tall, wide, _ = image.shape
    gradient = torch.zeros_like(image)
    value = image.new_zeros(())
    for down, right, weight in ((0, 1, 1 / 3), (1, 0, 1 / 3), (1, 1, 1 / 12), (1, -1, 1 / 12)):
        left = max(0, -right)
        bottom, end = (
            tall - down if down else height,
            wide - abs(right) if right else width,
        )  # a row added has no row of its own
        here = (slice(0, bottom), slice(left, left + end))
        there = (slice(down, down + bottom), slice(left + right, left + right + end))
        difference = image[there] - image[here]
        scale = 2 * weight / (height * width * image.shape[2])
        value = value + difference.square().sum() * scale
        gradient[there] += difference * (2 * scale)
        gradient[here] -= difference * (2 * scale)
    if wraps.x:
        gradient[:, 0] += gradient[:, width]
    if wraps.y:
        gradient[0] += gradient[height]
    return value, gradient[:height, :width]


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
