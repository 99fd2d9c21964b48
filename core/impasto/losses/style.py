"""The losses of Gatys, Ecker and Bethge (arXiv 1508.06576, eq. 1 to 7), with their gradients by hand.

A style loss is a function phi of a feature map's moments only, so that its gradient in the features is one matrix product:

    mean mu = F 1 / M     second moment S = F F^T / M     dphi/dF = ((dphi/dS + dphi/dS^T) F + dphi/dmu 1^T) / M

Here features are (M, N), positions by channels: the transpose of the paper's F. Nothing else in this module knows about the
network; a loss takes moments and gives its value and its two derivatives, and that is all there is to a new one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..numerics import matrix_sqrt
from .moments import LossAndGradient, MomentLoss, Moments


def gram_loss(wanted: Moments) -> MomentLoss:
    """E = |S - S*|^2 / 4 N^2 (eq. 4, with S = G / M, so that the two pictures may differ in size)"""
    channels = len(wanted.mean)

    def phi(found: Moments) -> LossAndGradient:
        difference = found.second - wanted.second
        return LossAndGradient(difference.square().sum() / (4 * channels**2), None, difference / (2 * channels**2))

    return phi


def moments_loss(wanted: Moments) -> MomentLoss:
    """|S - S*|^2 / |S*|^2 + |mu - mu*|^2 / |mu*|^2 + |sigma - sigma*|^2 / |sigma*|^2, sigma the channels' deviations.

    Not in the paper: a Gram matrix alone can trade a channel's mean for its deviation (Risser et al., arXiv 1701.08893).
    """
    size, level = _squared_norm(wanted.second), _squared_norm(wanted.mean)
    goal = _standard_deviation(wanted)
    spread = _squared_norm(goal) + _RELATIVE_FLOOR * level  # of a picture of one color there is none

    def phi(found: Moments) -> LossAndGradient:
        difference, shift = found.second - wanted.second, found.mean - wanted.mean
        deviation = _standard_deviation(found)
        excess = deviation - goal
        # sigma^2 = (1 + a little) S_ii - mu_i^2, so dsigma/dS_ii = (1 + a little) / 2 sigma and dsigma/dmu_i = -mu_i / sigma
        slope = excess * (2 / spread) / deviation
        second = difference * (2 / size)
        second.diagonal().add_(slope, alpha=(1 + _RELATIVE_FLOOR**2) / 2)
        mean = shift * (2 / level) - slope * found.mean
        value = difference.square().sum() / size + shift.square().sum() / level + excess.square().sum() / spread
        return LossAndGradient(value, mean, second)

    return phi


def covariance_loss(wanted: Moments) -> MomentLoss:
    """|C - C*|^2 / |C*|^2 + |mu - mu*|^2 / |mu*|^2 with the covariance C = S - mu mu^T.

    Not in the paper: a Gram matrix mixes mean and covariance, and pays no heed to how large a layer's features are.
    Relative to the style's own, each layer counts the same on every picture.
    """
    goal = _covariance(wanted)
    # A map of a few positions, or of one color, has next to no covariance: its second moment keeps the quotient in bounds.
    spread, level = _squared_norm(goal) + _RELATIVE_FLOOR * _squared_norm(wanted.second), _squared_norm(wanted.mean)

    def phi(found: Moments) -> LossAndGradient:
        difference, shift = _covariance(found) - goal, found.mean - wanted.mean
        second = difference * (2 / spread)
        mean = shift * (2 / level) - 2 * (second @ found.mean)
        return LossAndGradient(difference.square().sum() / spread + shift.square().sum() / level, mean, second)

    return phi


def wasserstein_loss(wanted: Moments) -> MomentLoss:
    """W^2 / (|mu*|^2 + tr C*) with W^2 = |mu - mu*|^2 + tr C + tr C* - 2 tr (C*^1/2 C C*^1/2)^1/2.

    Not in the paper: the squared 2-Wasserstein distance of the two normal distributions with these moments, whose second
    part is Bures' (Olkin and Pukelsheim, 1982). dW^2/dC = 1 - T, where T = C*^1/2 (C*^1/2 C C*^1/2)^-1/2 C*^1/2 carries
    the one covariance to the other.
    """
    goal, level = _to_float64(_covariance(wanted)), _to_float64(wanted.mean)
    trace = goal.diagonal().sum()
    scale = level.square().sum() + trace + 1e-30
    half = matrix_sqrt(goal)
    # Where the two have nothing in common, a root has no derivative: what varies less than this share of the most is nothing.
    least = (1e-5 * goal.diagonal().max()) ** 2 + 1e-30
    unit = torch.eye(len(goal), dtype=goal.dtype, device=goal.device)

    def phi(found: Moments) -> LossAndGradient:
        covariance, mean = _to_float64(_covariance(found)), _to_float64(found.mean)
        values, vectors = torch.linalg.eigh(half @ covariance @ half)
        roots = (values.clamp(min=0) + least).sqrt()
        turned = half @ vectors
        distance = (mean - level).square().sum() + covariance.diagonal().sum() + trace - 2 * roots.sum()
        second = (unit - (turned / roots) @ turned.T) / scale
        slope = (mean - level) * (2 / scale) - 2 * (second @ mean)
        value, slope, second = (each.to(found.mean) for each in (distance / scale, slope, second))
        return LossAndGradient(value, slope, second)

    return phi


#: What a relative loss takes for nothing.
_RELATIVE_FLOOR = 1e-4
STYLE_LOSSES: dict[str, Callable[[Moments], MomentLoss]] = {
    "gram": gram_loss,
    "moments": moments_loss,
    "covariance": covariance_loss,
    "wasserstein": wasserstein_loss,
}


def _to_float64(values: Tensor) -> Tensor:
    """In double precision, on a device that has it: eigenvalues that nearly vanish are lost in single precision."""
    return values.to("cpu" if values.device.type == "mps" else values.device).double()


def _covariance(moments: Moments) -> Tensor:
    return moments.second - torch.outer(moments.mean, moments.mean)


def _standard_deviation(moments: Moments) -> Tensor:
    """The deviation of each channel, kept from zero, where it has no derivative"""
    level = moments.second.diagonal()
    return ((level - moments.mean.square()).clamp(min=0) + _RELATIVE_FLOOR**2 * level + 1e-30).sqrt()


def _squared_norm(tensor: Tensor) -> Tensor:
    """The sum of the squares, not quite zero"""
    return tensor.square().sum() + 1e-12
