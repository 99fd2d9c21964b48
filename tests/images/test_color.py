from __future__ import annotations

import pytest
import torch

from impasto.images.color import (
    color_statistics,
    from_oklab,
    lightness_statistics,
    match_colors,
    match_luminance,
    to_gray,
    to_oklab,
    transfer_luminance,
)


def test_oklab_of_known_colors() -> None:
    """White, and the values of red and blue published by the author of Oklab"""
    known = torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 0, 1]])
    expected = torch.tensor([[1.0, 0, 0], [0.62796, 0.22486, 0.12585], [0.45201, -0.03246, -0.31153]])
    torch.testing.assert_close(to_oklab(known), expected, rtol=0, atol=1e-4)


def test_oklab_round_trip() -> None:
    rgb = torch.rand(30, 40, 3)
    torch.testing.assert_close(from_oklab(to_oklab(rgb)), rgb, rtol=0, atol=1e-4)


def test_gray_keeps_the_lightness_only() -> None:
    rgb = torch.rand(10, 12, 3)
    lab = to_oklab(to_gray(rgb))
    torch.testing.assert_close(lab[..., 0], to_oklab(rgb)[..., 0], rtol=0, atol=1e-3)
    assert float(lab[..., 1:].abs().max()) < 1e-3


def test_gray_style_takes_the_lightness_statistics_of_the_content() -> None:
    style, content = torch.rand(40, 40, 3), torch.rand(30, 30, 3) * 0.3 + 0.3
    everywhere, half = torch.ones(30, 30, dtype=torch.bool), torch.zeros(40, 40, dtype=torch.bool)
    half[:20] = True  # the other half is transparent and must not count
    style[20:] = 1
    target = lightness_statistics(content, everywhere)
    lightness = to_oklab(match_luminance(style, half, target))[:20, :, 0]
    assert float(lightness.mean()) == pytest.approx(target[0], abs=0.01)
    assert float(lightness.std()) == pytest.approx(target[1], abs=0.01)


def test_luminance_transfer_takes_hues_from_the_content_and_lightness_from_the_painting() -> None:
    painting, content = torch.rand(20, 20, 3) * 0.4 + 0.3, torch.rand(20, 20, 3) * 0.2 + 0.4
    mixed = to_oklab(transfer_luminance(painting, content))
    torch.testing.assert_close(mixed[..., 0], to_oklab(painting)[..., 0], rtol=0, atol=0.01)
    torch.testing.assert_close(mixed[..., 1:], to_oklab(content)[..., 1:], rtol=0, atol=0.01)


def test_out_of_gamut_color_keeps_its_hue() -> None:
    painting, content = torch.full((1, 1, 3), 0.95), torch.tensor([[[0.0, 0.0, 1.0]]])
    mixed = transfer_luminance(painting, content)
    assert float(mixed.max()) <= 1
    result, blue = to_oklab(mixed)[0, 0], to_oklab(content)[0, 0]
    assert abs(float(torch.atan2(result[2], result[1]) - torch.atan2(blue[2], blue[1]))) < 0.1


@pytest.mark.parametrize("method", ["monge", "pca", "cholesky"])
def test_matched_colors_have_the_target_mean_and_covariance(method: str) -> None:
    mixing = torch.tensor([[0.3, 0.1, 0.0], [0.05, 0.2, 0.1], [0.0, 0.1, 0.25]])
    style = torch.rand(60, 60, 3) * 0.5 + 0.2
    target = color_statistics((torch.rand(50, 50, 3) - 0.5) @ mixing + 0.5, torch.ones(50, 50, dtype=torch.bool))
    half = torch.zeros(60, 60, dtype=torch.bool)
    half[:30] = True  # the other half is transparent and must not count
    style[30:] = 1
    matched = color_statistics(match_colors(style, half, target, method), half)
    torch.testing.assert_close(matched.mean, target.mean, rtol=0, atol=1e-3)
    torch.testing.assert_close(matched.covariance, target.covariance, rtol=0, atol=1e-3)


def test_monge_changes_colors_least() -> None:
    style = torch.rand(60, 60, 3) @ torch.tensor([[0.4, 0.2, 0], [0.1, 0.3, 0], [0, 0.1, 0.5]])
    visible = torch.ones(60, 60) > 0
    target = color_statistics(torch.rand(50, 50, 3) * torch.tensor([0.4, 0.3, 0.2]) + 0.3, torch.ones(50, 50) > 0)
    change = {
        method: float((match_colors(style, visible, target, method) - style).square().mean())
        for method in ("monge", "pca", "cholesky")
    }
    assert change["monge"] == min(change.values())
    assert change["monge"] < change["cholesky"]


def test_gray_and_single_color_pictures_can_be_matched() -> None:
    everywhere = torch.ones(20, 20) > 0
    gray = torch.rand(20, 20, 1).expand(20, 20, 3).contiguous()
    red = torch.tensor([0.8, 0.1, 0.1]).expand(20, 20, 3).contiguous()
    for style, target in ((gray, red), (red, gray), (red, red)):
        for method in ("monge", "pca", "cholesky"):
            matched = match_colors(style, everywhere, color_statistics(target, everywhere), method)
            assert bool(matched.isfinite().all())
            torch.testing.assert_close(matched.mean((0, 1)), target.mean((0, 1)), rtol=0, atol=0.02)
