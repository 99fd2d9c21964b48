"""Moments of feature maps, and gradients through them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from impasto.losses.moments import compute_moments, feature_gradient, mix_moments
from impasto.losses.style import STYLE_LOSSES
from tests.losses.helpers import STYLE, F, M, N, transpose


def test_second_moment_is_equation_3_per_position() -> None:
    equation_3 = np.array([[sum(F[i, k] * F[j, k] for k in range(M)) for j in range(N)] for i in range(N)])
    np.testing.assert_allclose(compute_moments(transpose(F)).second * M, equation_3, rtol=1e-12)


@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_added_in_place(style_loss: str, weighted: bool) -> None:
    weights = torch.linspace(0, 1, M, dtype=torch.float64) if weighted else None
    loss = STYLE_LOSSES[style_loss](compute_moments(transpose(STYLE)))(compute_moments(transpose(F), weights))
    gradient, sum_ = feature_gradient(transpose(F), loss, 0.3, weights), torch.randn(M, len(F), dtype=torch.float64)
    expected = gradient + sum_
    assert feature_gradient(transpose(F), loss, 0.3, weights, add_to=sum_) is sum_
    torch.testing.assert_close(sum_, expected, rtol=1e-12, atol=1e-14)


def test_mixed_moments_are_those_of_the_mixture() -> None:
    a, b = transpose(F), transpose(STYLE)
    expected = compute_moments(torch.cat([a, b, b]))
    for actual, moment in zip(mix_moments([compute_moments(a), compute_moments(b)], [1, 2]), expected, strict=True):
        torch.testing.assert_close(actual, moment, rtol=1e-12, atol=0)
