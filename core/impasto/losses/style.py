"""Style losses: that of Gatys, Ecker and Bethge (arXiv 1508.06576, eq. 3 to 6) and three others, with analytic gradients.

A style loss is a function phi of a feature map's moments, so its gradient with respect to the features is a matrix product:

    mean mu = F 1 / M     second moment S = F F^T / M     dphi/dF = ((dphi/dS + dphi/dS^T) F + dphi/dmu 1^T) / M

The features here are (M, N), positions by channels: the transpose of the paper's F. This module does not depend on the
network. To add a loss, write a function from target moments to a MomentLoss, list it in STYLE_LOSSES, and add it to
LOSS_BALANCE and to the field `style_loss` in options.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..numerics import matrix_sqrt, to_float64
from .moments import LossAndGradient, MomentLoss, Moments

#: Regularizer of the relative losses, relative to the target's scale: it keeps denominators and deviations above 0.
RELATIVE_FLOOR = 1e-4


def gram_loss(target: Moments) -> MomentLoss:
    """Return the loss E = |S - S*|^2 / 4 N^2 (eq. 4, with S = G / M, so that the two images may differ in size)."""
    channels = len(target.mean)

    def loss(current: Moments) -> LossAndGradient:
        difference = current.second - target.second
        return LossAndGradient(difference.square().sum() / (4 * channels**2), None, difference / (2 * channels**2))

    return loss


def moments_loss(target: Moments) -> MomentLoss:
    """Return the loss |S - S*|^2 / |S*|^2 + |mu - mu*|^2 / |mu*|^2 + |sigma - sigma*|^2 / |sigma*|^2.

    sigma: the standard deviation of each channel. Not in the paper: a Gram matrix alone can trade the mean of a channel for
    its standard deviation (Risser et al., arXiv 1701.08893).
    """
    second_norm, mean_norm = _squared_norm(target.second), _squared_norm(target.mean)
    target_std = _standard_deviation(target)
    std_norm = _squared_norm(target_std) + RELATIVE_FLOOR * mean_norm  # a picture of one color has a deviation of 0

    def loss(current: Moments) -> LossAndGradient:
        second_difference, mean_difference = current.second - target.second, current.mean - target.mean
        std = _standard_deviation(current)
        std_difference = std - target_std
        # sigma^2 = (1 + e) S_ii - mu_i^2 with e = RELATIVE_FLOOR^2,
        # so dsigma/dS_ii = (1 + e) / 2 sigma and dsigma/dmu_i = -mu_i / sigma.
        std_gradient = std_difference * (2 / std_norm) / std
        second_gradient = second_difference * (2 / second_norm)
        second_gradient.diagonal().add_(std_gradient, alpha=(1 + RELATIVE_FLOOR**2) / 2)
        mean_gradient = mean_difference * (2 / mean_norm) - std_gradient * current.mean
        value = (
            second_difference.square().sum() / second_norm
            + mean_difference.square().sum() / mean_norm
            + std_difference.square().sum() / std_norm
        )
        return LossAndGradient(value, mean_gradient, second_gradient)

    return loss


def covariance_loss(target: Moments) -> MomentLoss:
    """Return the loss |C - C*|^2 / |C*|^2 + |mu - mu*|^2 / |mu*|^2 with the covariance C = S - mu mu^T.

    Not in the paper: a Gram matrix mixes mean and covariance, and its loss depends on the magnitude of a layer's features.
    Relative to the style's own moments, each layer has the same weight on every picture.
    """
    target_covariance = _covariance(target)
    # The covariance of a few positions, or of one color, is close to 0. The second moment keeps the quotient bounded.
    covariance_norm = _squared_norm(target_covariance) + RELATIVE_FLOOR * _squared_norm(target.second)
    mean_norm = _squared_norm(target.mean)

    def loss(current: Moments) -> LossAndGradient:
        difference, mean_difference = _covariance(current) - target_covariance, current.mean - target.mean
        second_gradient = difference * (2 / covariance_norm)
        mean_gradient = mean_difference * (2 / mean_norm) - 2 * (second_gradient @ current.mean)
        value = difference.square().sum() / covariance_norm + mean_difference.square().sum() / mean_norm
        return LossAndGradient(value, mean_gradient, second_gradient)

    return loss


def wasserstein_loss(target: Moments) -> MomentLoss:
    """Return the loss W^2 / (|mu*|^2 + tr C*) with W^2 = |mu - mu*|^2 + tr C + tr C* - 2 tr (C*^1/2 C C*^1/2)^1/2.

    Not in the paper: W is the 2-Wasserstein distance of the normal distributions with these moments; the part of W^2 that
    depends on the covariances is the squared Bures distance (Olkin and Pukelsheim, 1982). dW^2/dC = 1 - T, where
    T = C*^1/2 (C*^1/2 C C*^1/2)^-1/2 C*^1/2 is the optimal transport map from C to C*.
    """
    target_covariance, target_mean = to_float64(_covariance(target)), to_float64(target.mean)
    target_trace = target_covariance.diagonal().sum()
    scale = target_mean.square().sum() + target_trace + 1e-30
    root = matrix_sqrt(target_covariance)
    # The square root has no derivative at 0, which directions without common variance reach. Eigenvalues are therefore raised
    # by the square of this fraction of the largest variance.
    floor = (1e-5 * target_covariance.diagonal().max()) ** 2 + 1e-30
    identity = torch.eye(len(target_covariance), dtype=target_covariance.dtype, device=target_covariance.device)

    def loss(current: Moments) -> LossAndGradient:
        covariance, mean = to_float64(_covariance(current)), to_float64(current.mean)
        eigenvalues, eigenvectors = torch.linalg.eigh(root @ covariance @ root)
        eigenvalue_roots = (eigenvalues.clamp(min=0) + floor).sqrt()
        basis = root @ eigenvectors
        mean_difference = mean - target_mean
        distance = mean_difference.square().sum() + covariance.diagonal().sum() + target_trace - 2 * eigenvalue_roots.sum()
        second_gradient = (identity - (basis / eigenvalue_roots) @ basis.T) / scale
        mean_gradient = mean_difference * (2 / scale) - 2 * (second_gradient @ mean)
        return LossAndGradient(*(values.to(current.mean) for values in (distance / scale, mean_gradient, second_gradient)))

    return loss


STYLE_LOSSES: dict[str, Callable[[Moments], MomentLoss]] = {
    "gram": gram_loss,
    "moments": moments_loss,
    "covariance": covariance_loss,
    "wasserstein": wasserstein_loss,
}


def _covariance(moments: Moments) -> Tensor:
    return moments.second - torch.outer(moments.mean, moments.mean)


def _standard_deviation(moments: Moments) -> Tensor:
    """Return the standard deviation of each channel, (N,), kept above 0, where it has no derivative."""
    second = moments.second.diagonal()
    return ((second - moments.mean.square()).clamp(min=0) + RELATIVE_FLOOR**2 * second + 1e-30).sqrt()


def _squared_norm(tensor: Tensor) -> Tensor:
    """Return the sum of squares plus 1e-12, so that it can divide."""
    return tensor.square().sum() + 1e-12
