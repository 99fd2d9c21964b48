"""The losses against a plain transcription of the paper's equations, in NumPy and in the paper's layout: F is (N, M)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from impasto.losses import Moments, blend, content_loss, covariance_loss, gram_loss, moments, moments_gradient, total_variation

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
    np.testing.assert_allclose(moments(rows(F)).second * M, equation_3, rtol=1e-12)


def test_gram_loss_is_equation_4_and_its_gradient_equation_6() -> None:
    g, a = F @ F.T, STYLE @ STYLE.T
    equation_4 = sum((g[i, j] - a[i, j]) ** 2 for i in range(N) for j in range(N)) / (4 * N**2 * M**2)
    equation_6 = (F.T @ (g - a)).T / (N**2 * M**2)
    loss = gram_loss(moments(rows(F)), moments(rows(STYLE)))
    assert float(loss.value) == pytest.approx(equation_4, rel=1e-12)
    np.testing.assert_allclose(moments_gradient(rows(F), loss, 1.0).T, equation_6, rtol=1e-10)


def test_equations_5_and_7_weigh_layers_and_sum() -> None:
    from impasto.objective import Objective
    from impasto.options import parse_layers
    from impasto.vgg import Network
    from impasto.weights import PAPER_UNIT
    from tests.conftest import made_up_weights

    layers = parse_layers("conv1_1,conv2_1:3")
    assert layers == {"conv1_1": 0.25, "conv2_1": 0.75}
    net = Network(made_up_weights("vgg16", torch.float64, divide=8), ["conv1_1", "conv2_1"], dtype=torch.float64)
    image, other = torch.rand(2, 20, 24, 3, dtype=torch.float64)
    maps, goals = net.forward(image), net.forward(other)
    features = {name: maps[name].flatten(0, 1).T.numpy() for name in layers}
    style = {name: goals[name].flatten(0, 1).T.numpy() for name in layers}
    energies = {}
    for name in layers:
        f, s = features[name] * PAPER_UNIT, style[name] * PAPER_UNIT
        energies[name] = ((f @ f.T - s @ s.T) ** 2).sum() / (4 * f.shape[0] ** 2 * f.shape[1] ** 2)
    equation_5 = 0.25 * energies["conv1_1"] + 0.75 * energies["conv2_1"]
    squares = ((features["conv2_1"] - style["conv2_1"]) * PAPER_UNIT) ** 2
    objective = Objective(
        net,
        {"conv2_1": (1.0, goals["conv2_1"].flatten(0, 1))},
        {name: (weight, moments(goals[name].flatten(0, 1))) for name, weight in layers.items()},
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
    assert float(covariance_loss(moments(rows(F)), moments(rows(STYLE))).value) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("phi", [gram_loss, covariance_loss])
def test_every_style_loss_has_autograds_derivatives(phi) -> None:
    found, wanted = moments(rows(F)), moments(rows(STYLE))
    mean, second = found.mean.clone().requires_grad_(), found.second.clone().requires_grad_()
    expected = torch.autograd.grad(phi(Moments(mean, second), wanted).value, (mean, second), allow_unused=True)
    loss = phi(found, wanted)
    torch.testing.assert_close(loss.mean, expected[0], rtol=1e-9, atol=1e-12)  # None for None: it plays no part
    torch.testing.assert_close(loss.second, expected[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("phi", [gram_loss, covariance_loss])
@pytest.mark.parametrize("holes", [False, True])
def test_a_gradient_lands_on_top_of_another(phi, holes: bool) -> None:
    weights = torch.linspace(0, 1, M, dtype=torch.float64) if holes else None
    loss = phi(moments(rows(F), weights), moments(rows(STYLE)))
    alone, other = moments_gradient(rows(F), loss, 0.3, weights), torch.randn(M, len(F), dtype=torch.float64)
    expected = alone + other
    assert moments_gradient(rows(F), loss, 0.3, weights, onto=other) is other
    torch.testing.assert_close(other, expected, rtol=1e-12, atol=1e-14)


def test_moments_of_two_styles_blend_into_those_of_both_together() -> None:
    one, two = rows(F), rows(STYLE)
    together = moments(torch.cat([one, two, two]))
    for blended, whole in zip(blend([moments(one), moments(two)], [1, 2]), together, strict=True):
        torch.testing.assert_close(blended, whole, rtol=1e-12, atol=0)


def test_total_variation_of_a_ramp() -> None:
    ramp = torch.arange(5.0, dtype=torch.float64).repeat(4, 1)[..., None].expand(4, 5, 3).contiguous()
    sides, corners = 4 * 4 * 3 * 1 / 3, 2 * 3 * 4 * 3 * 1 / 12
    assert float(total_variation(ramp)[0]) == pytest.approx(2 * (sides + corners) / ramp.numel())
