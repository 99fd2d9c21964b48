"""Transfer of color distributions."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.images.color import color_statistics, map_colors
from impasto.images.color_transfer import is_gray, sample_colors, tint, transfer_colors


def two_colors(height: int, width: int) -> Tensor:
    """An image of two colors with some noise: mean and covariance do not describe them"""
    generator = torch.Generator().manual_seed(0)
    is_first = torch.rand(height, width, 1, generator=generator) < 0.3
    colors = torch.where(is_first, torch.tensor([0.9, 0.7, 0.1]), torch.tensor([0.1, 0.2, 0.6]))
    return (colors + 0.03 * torch.randn(height, width, 3, generator=generator)).clamp(0, 1)


def smooth(height: int, width: int) -> Tensor:
    """A gradient between many colors"""
    rows, columns = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)
    return torch.stack([rows.expand(height, width), columns.expand(height, width), rows * columns], -1)


def distance(a: Tensor, b: Tensor) -> float:
    """Largest distance of the distribution functions of the colors, along many axes"""
    axes = torch.nn.functional.normalize(torch.randn(3, 24, generator=torch.Generator().manual_seed(5)), dim=0)
    levels = torch.linspace(-1.8, 1.8, 200)
    first, second = ((image.reshape(-1, 3) @ axes).T.contiguous().sort(1).values for image in (a, b))
    shares = [torch.searchsorted(values, levels.expand(24, -1).contiguous()) / values.shape[1] for values in (first, second)]
    return float((shares[0] - shares[1]).abs().mean(1).max())


def test_image_takes_the_distribution_of_the_target() -> None:
    image, style = smooth(60, 80), two_colors(50, 70)
    current, goal = (color_statistics(each, torch.ones(each.shape[:2])) for each in (image, style))
    result = transfer_colors(image, None, sample_colors(style))
    assert result.shape == image.shape
    assert 0 <= float(result.min()) <= float(result.max()) <= 1
    assert distance(result, style) < 0.4 * distance(map_colors(image, current, goal), style)


def test_image_with_the_distribution_already_hardly_changes() -> None:
    image = two_colors(60, 80)
    assert float((transfer_colors(image, None, sample_colors(image)) - image).abs().mean()) < 0.01


def test_weights_choose_the_pixels_that_count() -> None:
    style = two_colors(50, 70)
    image, weights = smooth(60, 80), torch.zeros(60, 80)
    weights[:, :40] = 1
    result = transfer_colors(image, weights, sample_colors(style))
    assert distance(result[:, :40], style) < 0.05
    assert torch.equal(transfer_colors(image, torch.zeros(60, 80), sample_colors(style)), image)


def test_nearly_flat_image_stays() -> None:
    image = 0.5 + 0.001 * torch.randn(40, 50, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(transfer_colors(image, None, sample_colors(two_colors(50, 70))), image)
    broken = torch.full((40, 50, 3), torch.nan)
    assert transfer_colors(broken, None, sample_colors(two_colors(50, 70))) is broken


def test_samples_are_drawn_in_proportion_to_the_weights() -> None:
    image = torch.zeros(10, 10, 3)
    image[:, 5:] = 1
    weights = torch.full((10, 10), 0.25)
    weights[:, 5:] = 0.75
    assert abs(float(sample_colors(image, weights).mean()) - 0.75) < 0.02
    assert abs(float(sample_colors(image).mean()) - 0.5) < 0.02
    weights[:, :5] = 0
    assert float(sample_colors(image, weights).min()) == 1
    assert torch.equal(sample_colors(image, weights), sample_colors(image, weights))


def test_tint_takes_the_targets_colors_by_lightness() -> None:
    target = torch.stack(
        [torch.linspace(0, 1, 1000), torch.linspace(0, 0.6, 1000), torch.full((1000,), 0.3)], 1
    )  # blue to orange
    gray = torch.rand(24, 32, 1, generator=torch.Generator().manual_seed(0)).expand(24, 32, 3).contiguous()
    assert is_gray(gray)
    tinted = tint(gray, target[torch.randperm(1000, generator=torch.Generator().manual_seed(1))])
    assert not is_gray(tinted)
    order = gray[..., 0].flatten().argsort()
    assert (tinted[..., 0].flatten()[order].diff() >= -1e-6).all()  # darker stays darker
    dark, light = tinted[gray[..., 0] < 0.2], tinted[gray[..., 0] > 0.8]
    assert (dark[:, 2] > dark[:, 0]).float().mean() > 0.9
    assert (light[:, 0] > light[:, 2]).all()
    assert not is_gray(torch.rand(8, 8, 3))


def test_tint_by_a_target_of_many_hues_is_not_gray() -> None:
    lightness = torch.linspace(0.1, 0.9, 400)[:, None]
    hues = torch.tensor([[0.3, -0.15, -0.15], [-0.15, 0.3, -0.15], [-0.15, -0.15, 0.3]])  # their average is gray
    target = (lightness[:, None] + 0.5 * hues).clamp(0, 1).flatten(0, 1)
    gray = torch.linspace(0.2, 0.8, 96)[:, None, None].expand(96, 4, 3).contiguous()
    tinted = tint(gray, target)
    assert (tinted.amax(2) - tinted.amin(2)).mean() > 0.15
