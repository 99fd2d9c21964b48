"""Optimal transport of feature moments."""

from __future__ import annotations

import pytest
import torch

from impasto.images.color import color_statistics, map_colors
from impasto.learned_optimizer.batch_objective import feature_moments
from impasto.learned_optimizer.transport import (
    FeatureMoments,
    color_transport,
    matrix_roots,
    project,
    style_root,
    transport,
)


def random_moments(seed: int, count: int = 64) -> FeatureMoments:
    generator = torch.Generator().manual_seed(seed)
    samples = torch.randn(2, count, 400, generator=generator, dtype=torch.float64)
    samples *= torch.linspace(0.5, 2, count, dtype=torch.float64)[:, None]
    return FeatureMoments(torch.randn(2, count, generator=generator).double(), samples @ samples.transpose(1, 2) / 400)


@pytest.mark.parametrize("floor", [1e-2, 1e-3])
@pytest.mark.parametrize("rank", [64, 3, 0])
def test_roots_of_matrices(floor: float, rank: int) -> None:
    basis = torch.randn(2, 64, rank, generator=torch.Generator().manual_seed(rank), dtype=torch.float64)
    covariance = basis @ basis.transpose(1, 2)
    identity = torch.eye(64, dtype=torch.float64)
    raised = covariance + (floor * covariance.diagonal(dim1=1, dim2=2).mean(1)[:, None, None] + 1e-12) * identity
    root, inverse_root = matrix_roots(covariance, floor)
    torch.testing.assert_close(root @ root, raised, rtol=0, atol=1e-7 * float(raised.max()))
    torch.testing.assert_close(inverse_root @ root, identity.expand(2, -1, -1), rtol=0, atol=1e-4)


def test_roots_of_a_well_conditioned_matrix() -> None:
    covariance = random_moments(0).covariance
    root, inverse_root = matrix_roots(covariance, 1e-9)
    torch.testing.assert_close(root @ root, covariance)
    torch.testing.assert_close(inverse_root @ root, torch.eye(64, dtype=torch.float64).expand(2, -1, -1))


def test_transported_features_have_the_moments_of_the_style() -> None:
    current, style = random_moments(1), random_moments(2)
    matrix, shift = transport(current, style_root(style), floor=1e-9)
    torch.testing.assert_close((matrix.double() @ current.mean[..., None])[..., 0] + shift, style.mean, rtol=1e-4, atol=1e-4)
    carried = matrix.double() @ current.covariance @ matrix.double().transpose(1, 2)
    torch.testing.assert_close(carried, style.covariance, rtol=0.01, atol=0.01)  # the style's root has a floor of its own
    torch.testing.assert_close(matrix, matrix.transpose(1, 2), rtol=1e-3, atol=1e-4)  # the optimal map is symmetric


def test_moments_of_projected_features() -> None:
    features = torch.rand(2, 5, 6, 7, generator=torch.Generator().manual_seed(3))
    basis = torch.linalg.qr(torch.randn(5, 3, generator=torch.Generator().manual_seed(4)))[0].T
    projected = project({"conv1_1": feature_moments(features)}, {"conv1_1": basis})
    expected = feature_moments(torch.einsum("kc,bchw->bkhw", basis, features))
    torch.testing.assert_close(projected.mean[:, 0].float(), expected.mean)
    torch.testing.assert_close(projected.covariance[:, 0].float(), expected.covariance)


def test_color_transport_is_the_engines_color_match() -> None:
    image, style = torch.rand(2, 40, 50, 3, generator=torch.Generator().manual_seed(5))
    style = style * torch.tensor([0.2, 0.3, 0.1]) + 0.3
    ones = torch.ones(40, 50)
    expected = map_colors(image, color_statistics(image, ones), color_statistics(style, ones))
    moments = feature_moments(style.permute(2, 0, 1)[None])
    matched = color_transport(image.permute(2, 0, 1)[None], style_root(moments))
    torch.testing.assert_close(matched[0].permute(1, 2, 0), expected, rtol=0, atol=0.01)
