"""The losses against a plain transcription of the paper's equations, in NumPy and in the paper's layout: F is (N, M)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from impasto.losses.content import content_loss
from impasto.losses.moments import Moments, compute_moments, mix_moments, moments_gradient
from impasto.losses.style import STYLE_LOSSES, covariance_loss, gram_loss, moments_loss, wasserstein_loss
from impasto.losses.total_variation import total_variation

rng = np.random.default_rng(0)
N, M = 7, 30
F, P = rng.random((N, M)), rng.random((N, M))  # the result's features and the content's
STYLE = rng.random((N, M))


def rows(features: np.ndarray) -> torch.Tensor:
    """The paper's (N, M) as (M, N), which is how the program has them"""
    return torch.from_numpy(features.T.copy())


def test_content_loss_is_equation_1_and_its_gradient_equation_2() -> None:
    equation_1 = sum((F[i, j] - P[i, j]) ** 2 for i in range(N) for j in range(M)) / 2
    value, gradient = content_loss(rows(F), rows(P))
    assert float(value) == pytest.approx(equation_1, rel=1e-12)
    np.testing.assert_allclose(gradient.T, F - P, rtol=1e-12)


def test_second_moment_is_equation_3_per_position() -> None:
    equation_3 = np.array([[sum(F[i, k] * F[j, k] for k in range(M)) for j in range(N)] for i in range(N)])
    np.testing.assert_allclose(compute_moments(rows(F)).second * M, equation_3, rtol=1e-12)


def test_gram_loss_is_equation_4_and_its_gradient_equation_6() -> None:
    g, a = F @ F.T, STYLE @ STYLE.T
    equation_4 = sum((g[i, j] - a[i, j]) ** 2 for i in range(N) for j in range(N)) / (4 * N**2 * M**2)
    equation_6 = (F.T @ (g - a)).T / (N**2 * M**2)
    loss = gram_loss(compute_moments(rows(STYLE)))(compute_moments(rows(F)))
    assert float(loss.value) == pytest.approx(equation_4, rel=1e-12)
    np.testing.assert_allclose(moments_gradient(rows(F), loss, 1.0).T, equation_6, rtol=1e-10)


def test_equations_5_and_7_weigh_layers_and_sum() -> None:
    from impasto.layers import parse_layers
    from impasto.optimization.objective import Objective, Region
    from impasto.vgg.network import VGG
    from impasto.vgg.weight_files import CAFFE_SCALE
    from tests.conftest import made_up_weights

    layers = parse_layers("conv1_1,conv2_1:3")
    assert layers == {"conv1_1": 0.25, "conv2_1": 0.75}
    net = VGG(made_up_weights("vgg16", torch.float64, divide=8), ["conv1_1", "conv2_1"], dtype=torch.float64)
    image, other = torch.rand(2, 20, 24, 3, dtype=torch.float64)
    maps, goals = net.forward(image), net.forward(other)
    features = {name: maps[name].flatten(0, 1).T.numpy() for name in layers}
    style = {name: goals[name].flatten(0, 1).T.numpy() for name in layers}
    energies = {}
    for name in layers:
        f, s = features[name] * CAFFE_SCALE, style[name] * CAFFE_SCALE
        energies[name] = ((f @ f.T - s @ s.T) ** 2).sum() / (4 * f.shape[0] ** 2 * f.shape[1] ** 2)
    equation_5 = 0.25 * energies["conv1_1"] + 0.75 * energies["conv2_1"]
    squares = ((features["conv2_1"] - style["conv2_1"]) * CAFFE_SCALE) ** 2
    objective = Objective(
        net,
        other,
        {"conv2_1": 1.0},
        [Region({name: (weight, compute_moments(goals[name].flatten(0, 1))) for name, weight in layers.items()})],
        alpha=2.0,
    )
    found = objective(image)
    assert float(found.style_loss) == pytest.approx(equation_5, rel=1e-10)
    assert float(found.content_loss) == pytest.approx(squares.sum() / 2, rel=1e-10)
    assert float(found.value) == pytest.approx(2.0 * squares.sum() / 2 + equation_5, rel=1e-10)


def test_covariance_loss_is_numpys() -> None:
    c, goal = np.cov(F, bias=True), np.cov(STYLE, bias=True)
    mean, level = F.mean(1), STYLE.mean(1)
    floor = 1e-4 * ((STYLE @ STYLE.T / M) ** 2).sum()
    expected = ((c - goal) ** 2).sum() / ((goal**2).sum() + floor) + ((mean - level) ** 2).sum() / (level**2).sum()
    assert float(covariance_loss(compute_moments(rows(STYLE)))(compute_moments(rows(F))).value) == pytest.approx(
        expected, rel=1e-9
    )


def test_moments_loss_is_numpys() -> None:
    def off(found: np.ndarray, wanted: np.ndarray) -> float:
        return float(((found - wanted) ** 2).sum() / (wanted**2).sum())

    expected = off(F @ F.T / M, STYLE @ STYLE.T / M) + off(F.mean(1), STYLE.mean(1))
    level = (STYLE.mean(1) ** 2).sum()
    expected += ((F.std(1) - STYLE.std(1)) ** 2).sum() / (STYLE.var(1).sum() + 1e-4 * level)
    assert float(moments_loss(compute_moments(rows(STYLE)))(compute_moments(rows(F))).value) == pytest.approx(
        expected, rel=1e-6
    )


def test_wasserstein_loss_is_the_distance_of_two_normal_distributions() -> None:
    c, goal = np.cov(F, bias=True), np.cov(STYLE, bias=True)
    mean, level = F.mean(1), STYLE.mean(1)
    shared = np.sqrt(np.linalg.eigvals(goal @ c).real).sum()  # those of goal^1/2 c goal^1/2
    distance = ((mean - level) ** 2).sum() + np.trace(c + goal) - 2 * shared
    expected = distance / ((level**2).sum() + np.trace(goal))
    assert float(wasserstein_loss(compute_moments(rows(STYLE)))(compute_moments(rows(F))).value) == pytest.approx(
        expected, rel=2e-2
    )


@pytest.mark.parametrize("make", STYLE_LOSSES.values(), ids=STYLE_LOSSES)
def test_a_style_loss_is_least_at_its_own_style(make) -> None:
    wanted = compute_moments(rows(STYLE))
    loss = make(wanted)(wanted)
    assert abs(float(loss.value)) < 1e-2
    assert float(loss.second.abs().max()) < 1e-2 * float(make(wanted)(compute_moments(rows(F))).second.abs().max())


@pytest.mark.parametrize("make", STYLE_LOSSES.values(), ids=STYLE_LOSSES)
def test_every_style_loss_has_autograds_derivatives(make) -> None:
    found, phi = compute_moments(rows(F)), make(compute_moments(rows(STYLE)))
    mean, second = found.mean.clone().requires_grad_(), found.second.clone().requires_grad_()
    expected = torch.autograd.grad(phi(Moments(mean, second)).value, (mean, second), allow_unused=True)
    loss = phi(found)
    torch.testing.assert_close(loss.mean, expected[0], rtol=1e-9, atol=1e-12)  # None for None: it plays no part
    torch.testing.assert_close(loss.second, expected[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", STYLE_LOSSES.values(), ids=STYLE_LOSSES)
@pytest.mark.parametrize("holes", [False, True])
def test_a_gradient_lands_on_top_of_another(make, holes: bool) -> None:
    weights = torch.linspace(0, 1, M, dtype=torch.float64) if holes else None
    loss = make(compute_moments(rows(STYLE)))(compute_moments(rows(F), weights))
    alone, other = moments_gradient(rows(F), loss, 0.3, weights), torch.randn(M, len(F), dtype=torch.float64)
    expected = alone + other
    assert moments_gradient(rows(F), loss, 0.3, weights, onto=other) is other
    torch.testing.assert_close(other, expected, rtol=1e-12, atol=1e-14)


def test_moments_of_two_styles_blend_into_those_of_both_together() -> None:
    one, two = rows(F), rows(STYLE)
    together = compute_moments(torch.cat([one, two, two]))
    for blended, whole in zip(mix_moments([compute_moments(one), compute_moments(two)], [1, 2]), together, strict=True):
        torch.testing.assert_close(blended, whole, rtol=1e-12, atol=0)


def test_total_variation_of_a_ramp() -> None:
    ramp = torch.arange(5.0, dtype=torch.float64).repeat(4, 1)[..., None].expand(4, 5, 3).contiguous()
    sides, corners = 4 * 4 * 3 * 1 / 3, 2 * 3 * 4 * 3 * 1 / 12
    assert float(total_variation(ramp)[0]) == pytest.approx(2 * (sides + corners) / ramp.numel())


def test_wasserstein_is_least_at_the_style_where_the_style_has_directions_without_variance() -> None:
    """Rank 3 of 40, as deep layers of a smooth painting have: the gradient vanishes at the style, in every direction."""
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(40, 3)))[0]
    style = torch.from_numpy((basis @ np.random.default_rng(2).random((3, 500))).T.copy()).float()
    wanted = compute_moments(style)
    loss = wasserstein_loss(wanted)(wanted)
    assert abs(float(loss.value)) < 1e-4
    pull = moments_gradient(style, loss, 1.0)
    away = moments_gradient(style * 1.1, wasserstein_loss(wanted)(compute_moments(style * 1.1)), 1.0)
    assert float(pull.norm()) < 1e-2 * float(away.norm())
