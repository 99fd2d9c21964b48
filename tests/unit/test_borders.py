"""What lies beyond a picture's border."""

from __future__ import annotations

import pytest
import torch

from impasto.images.resize import resize
from impasto.images.tileable import Tileable, blend_opposite_edges
from impasto.options import PADDING_MODES
from impasto.vgg.padding import crop, pad, pad_gradient, pad_transpose


@pytest.mark.parametrize("ways", PADDING_MODES.values(), ids=PADDING_MODES)
def test_folded_is_the_transpose_of_padded_and_widened_of_trimmed(ways: tuple[str, str]) -> None:
    values = torch.rand(5, 7, 3, dtype=torch.float64)
    larger = torch.rand_like(pad(values, ways))
    torch.testing.assert_close((pad(values, ways) * larger).sum(), (values * pad_transpose(larger, ways)).sum())
    torch.testing.assert_close((crop(larger, ways) * values).sum(), (larger * pad_gradient(values, ways)).sum())
    assert torch.equal(crop(pad(values, ways), ways), values)


def test_padded_repeats_the_edge_or_the_other_side() -> None:
    values = torch.arange(6.0).view(2, 3, 1)
    assert pad(values, ("replicate", "circular"))[:, :, 0].tolist() == [
        [2, 0, 1, 2, 0],
        [2, 0, 1, 2, 0],
        [5, 3, 4, 5, 3],
        [5, 3, 4, 5, 3],
    ]


@pytest.mark.parametrize(("width", "height"), [(192, 96), (96, 128), (16, 16)])
def test_resizing_does_not_know_where_edges_that_meet_are(width: int, height: int) -> None:
    values = torch.rand(64, 128, 3)
    plain = resize(values, width, height, Tileable(True, True))
    rolled = resize(torch.roll(values, (32, 64), (0, 1)), width, height, Tileable(True, True))
    torch.testing.assert_close(torch.roll(plain, (height // 2, width // 2), (0, 1)), rolled, rtol=0, atol=1e-5)
    assert plain.shape == (height, width, 3)
    # in the middle, far from every edge, it makes no difference
    apart = resize(values, width, height)
    torch.testing.assert_close(plain[height // 2, width // 2], apart[height // 2, width // 2], rtol=0, atol=1e-4)


def test_odd_sizes_are_resized_across_edges_too() -> None:
    """61 and 48 have no divisor in common: the step over the edge is still like those within."""
    x = torch.arange(61) / 61
    wave = torch.sin(2 * torch.pi * x)[None, :, None].expand(20, -1, 3) / 2 + 0.5
    across = resize(wave, 48, 20, Tileable(x=True))
    steps = torch.cat([across, across[:, :1]], dim=1).diff(dim=1).abs()
    assert float(steps[:, -1].max()) < 1.1 * float(steps[:, :-1].max())
    assert float(steps[:, -1].min()) > 0.8 * float(steps.max())


@pytest.mark.parametrize("wraps", [Tileable(x=True), Tileable(y=True), Tileable(True, True)])
def test_a_picture_is_made_to_meet_itself(wraps: Tileable) -> None:
    y, x = torch.meshgrid(torch.linspace(0.2, 0.8, 64), torch.linspace(0.1, 0.9, 96), indexing="ij")
    picture = torch.stack([x, y, (x + y) / 2], dim=-1)
    made = blend_opposite_edges(picture, wraps)
    for axis, wrap in enumerate(wraps):
        before, after = ((each.select(axis, 0) - each.select(axis, -1)).abs().max() for each in (picture, made))
        assert float(after) < 0.15 * float(before) if wrap else float(after) > 0.9 * float(before)
    torch.testing.assert_close(made[30:34, 46:50], picture[30:34, 46:50])  # the middle stays
