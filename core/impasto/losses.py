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


class Moments(NamedTuple):
    """The statistics of a feature map that styles are made of. Blending several styles is averaging these."""

    mean: Tensor  # mu, (N,)
    second: Tensor  # S, (N, N): the Gram matrix over M


class StyleLoss(NamedTuple):
    value: Tensor  # phi, a scalar
    mean: Tensor | None  # dphi/dmu, (N,); None for 0
    second: Tensor  # dphi/dS, (N, N), symmetric


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


def gram_loss(found: Moments, wanted: Moments) -> StyleLoss:
    """E = |S - S*|^2 / 4 N^2 (eq. 4, with S = G / M, so that the two pictures may differ in size)"""
    difference = found.second - wanted.second
    channels = len(found.mean)
    return StyleLoss(difference.square().sum() / (4 * channels**2), None, difference / (2 * channels**2))


def covariance_loss(found: Moments, wanted: Moments) -> StyleLoss:
    """|C - C*|^2 / |C*|^2 + |mu - mu*|^2 / |mu*|^2 with the covariance C = S - mu mu^T.

    Not in the paper: a Gram matrix mixes mean and covariance, and pays no heed to how large a layer's features are.
    Relative to the style's own, each layer counts the same on every picture.
    """
    goal = _covariance(wanted)
    difference, shift = _covariance(found) - goal, found.mean - wanted.mean
    # A map of a few positions, or of one color, has next to no covariance: its second moment keeps the quotient in bounds.
    spread = goal.square().sum() + 1e-4 * wanted.second.square().sum() + 1e-12
    level = wanted.mean.square().sum() + 1e-12
    second = difference * (2 / spread)
    mean = shift * (2 / level) - 2 * (second @ found.mean)
    return StyleLoss(difference.square().sum() / spread + shift.square().sum() / level, mean, second)


STYLE_LOSSES: dict[str, Callable[[Moments, Moments], StyleLoss]] = {"gram": gram_loss, "covariance": covariance_loss}


def content_loss(features: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """L_c = 1/2 sum (F - P)^2 and dL_c/dF = F - P (eq. 1 and 2, but for [F > 0], which is the network's)"""
    difference = at_least_float32(features) - wanted
    return difference.square().sum() / 2, difference


def total_variation(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared difference of neighbors, 1/3 of each pair side by side and 1/12 of each across a corner, times two.

    Its gradient is the nine-point Laplacian, which smooths alike in all directions.  image: (H, W, C) -> value, (H, W, C)
    """
    gradient = torch.zeros_like(image)
    value = image.new_zeros(())
    height, width, _ = image.shape
    for down, right, weight in ((0, 1, 1 / 3), (1, 0, 1 / 3), (1, 1, 1 / 12), (1, -1, 1 / 12)):
        left = max(0, -right)
        here = (slice(0, height - down), slice(left, width - max(0, right)))
        there = (slice(down, height), slice(left + right, width - max(0, right) + right))
        difference = image[there] - image[here]
        value = value + difference.square().sum() * (2 * weight / image.numel())
        gradient[there] += difference * (4 * weight / image.numel())
        gradient[here] -= difference * (4 * weight / image.numel())
    return value, gradient


def at_least_float32(features: Tensor) -> Tensor:
    """Half-precision features in float32: sums of their squares overflow or lose their last digits otherwise."""
    return features if features.dtype == torch.float64 else features.float()


def _covariance(moments: Moments) -> Tensor:
    return moments.second - torch.outer(moments.mean, moments.mean)
