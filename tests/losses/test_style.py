"""The style losses against a plain transcription of their equations in NumPy, and their derivatives against autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from impasto.losses.moments import Moments, compute_moments, feature_gradient
from impasto.losses.style import STYLE_LOSSES, covariance_loss, gram_loss, moments_loss, wasserstein_loss
from impasto.options import STYLE_LOSS_NAMES, option_schema
from tests.losses.helpers import STYLE, F, M, N, transpose


def test_every_style_loss_can_be_chosen_by_its_name() -> None:
    (field,) = [field for field in option_schema() if field["name"] == "style_loss"]
    assert set(STYLE_LOSSES) == set(STYLE_LOSS_NAMES) == {value for _, value in field["offers"]} - {None}


def test_gram_loss_is_equation_4_and_its_gradient_equation_6() -> None:
    g, a = F @ F.T, STYLE @ STYLE.T
    equation_4 = sum((g[i, j] - a[i, j]) ** 2 for i in range(N) for j in range(N)) / (4 * N**2 * M**2)
    equation_6 = (F.T @ (g - a)).T / (N**2 * M**2)
    loss = gram_loss(compute_moments(transpose(STYLE)))(compute_moments(transpose(F)))
    assert float(loss.value) == pytest.approx(equation_4, rel=1e-12)
    np.testing.assert_allclose(feature_gradient(transpose(F), loss, 1.0).T, equation_6, rtol=1e-10)


def test_covariance_loss_equals_numpys() -> None:
    covariance, target_covariance = np.cov(F, bias=True), np.cov(STYLE, bias=True)
    mean, target_mean = F.mean(1), STYLE.mean(1)
    covariance_norm = (target_covariance**2).sum() + 1e-4 * ((STYLE @ STYLE.T / M) ** 2).sum()
    expected = ((covariance - target_covariance) ** 2).sum() / covariance_norm
    expected += ((mean - target_mean) ** 2).sum() / (target_mean**2).sum()
    loss = covariance_loss(compute_moments(transpose(STYLE)))(compute_moments(transpose(F)))
    assert float(loss.value) == pytest.approx(expected, rel=1e-9)


def test_moments_loss_equals_numpys() -> None:
    def relative_error(current: np.ndarray, target: np.ndarray) -> float:
        return float(((current - target) ** 2).sum() / (target**2).sum())

    expected = relative_error(F @ F.T / M, STYLE @ STYLE.T / M) + relative_error(F.mean(1), STYLE.mean(1))
    mean_norm = (STYLE.mean(1) ** 2).sum()
    expected += ((F.std(1) - STYLE.std(1)) ** 2).sum() / (STYLE.var(1).sum() + 1e-4 * mean_norm)
    loss = moments_loss(compute_moments(transpose(STYLE)))(compute_moments(transpose(F)))
    assert float(loss.value) == pytest.approx(expected, rel=1e-6)


def test_wasserstein_loss_is_the_distance_of_two_normal_distributions() -> None:
    covariance, target_covariance = np.cov(F, bias=True), np.cov(STYLE, bias=True)
    mean, target_mean = F.mean(1), STYLE.mean(1)
    # The eigenvalues of C* C are those of C*^1/2 C C*^1/2.
    cross_trace = np.sqrt(np.linalg.eigvals(target_covariance @ covariance).real).sum()
    distance = ((mean - target_mean) ** 2).sum() + np.trace(covariance + target_covariance) - 2 * cross_trace
    expected = distance / ((target_mean**2).sum() + np.trace(target_covariance))
    loss = wasserstein_loss(compute_moments(transpose(STYLE)))(compute_moments(transpose(F)))
    assert float(loss.value) == pytest.approx(expected, rel=2e-2)


@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_style_loss_has_its_minimum_at_its_own_style(style_loss: str) -> None:
    target = compute_moments(transpose(STYLE))
    loss = STYLE_LOSSES[style_loss](target)
    at_target, elsewhere = loss(target), loss(compute_moments(transpose(F)))
    assert abs(float(at_target.value)) < 1e-2
    assert float(at_target.second_gradient.abs().max()) < 1e-2 * float(elsewhere.second_gradient.abs().max())


@pytest.mark.parametrize("style_loss", STYLE_LOSSES)
def test_derivatives_of_style_losses_equal_autograds(style_loss: str) -> None:
    current, loss = compute_moments(transpose(F)), STYLE_LOSSES[style_loss](compute_moments(transpose(STYLE)))
    mean, second = current.mean.clone().requires_grad_(), current.second.clone().requires_grad_()
    expected = torch.autograd.grad(loss(Moments(mean, second)).value, (mean, second), allow_unused=True)
    result = loss(current)
    torch.testing.assert_close(result.mean_gradient, expected[0], rtol=1e-9, atol=1e-12)  # both None if unused
    torch.testing.assert_close(result.second_gradient, expected[1], rtol=1e-9, atol=1e-12)


def test_wasserstein_gradient_vanishes_at_a_style_of_low_rank() -> None:
    """Rank 3 of 40, as in deep layers of a smooth painting: the gradient is 0 in the directions without variance, too."""
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(40, 3)))[0]
    style = torch.from_numpy((basis @ np.random.default_rng(2).random((3, 500))).T.copy()).float()
    target = compute_moments(style)
    loss = wasserstein_loss(target)(target)
    assert abs(float(loss.value)) < 1e-4
    at_target = feature_gradient(style, loss, 1.0)
    elsewhere = feature_gradient(style * 1.1, wasserstein_loss(target)(compute_moments(style * 1.1)), 1.0)
    assert float(at_target.norm()) < 1e-2 * float(elsewhere.norm())
