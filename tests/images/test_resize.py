from __future__ import annotations

import pytest
import torch

from impasto.errors import ImageError
from impasto.images.resize import fit_size, resize, restore_forms, scale_size, shrink_size
from impasto.images.tileable import Tileable


@pytest.mark.parametrize(("width", "height"), [(192, 96), (96, 128), (16, 16)])
def test_resizing_a_tileable_image_commutes_with_rolling_it(width: int, height: int) -> None:
    values = torch.rand(64, 128, 3)
    resized = resize(values, width, height, Tileable(True, True))
    rolled = resize(torch.roll(values, (32, 64), (0, 1)), width, height, Tileable(True, True))
    torch.testing.assert_close(torch.roll(resized, (height // 2, width // 2), (0, 1)), rolled, rtol=0, atol=1e-5)
    assert resized.shape == (height, width, 3)
    # far from every edge, tileable makes no difference
    not_tileable = resize(values, width, height)
    torch.testing.assert_close(resized[height // 2, width // 2], not_tileable[height // 2, width // 2], rtol=0, atol=1e-4)


def test_coprime_sizes_are_resized_across_edges() -> None:
    """61 and 48 have no common divisor: the step across the edge is still like the others."""
    x = torch.arange(61) / 61
    wave = torch.sin(2 * torch.pi * x)[None, :, None].expand(20, -1, 3) / 2 + 0.5
    resized = resize(wave, 48, 20, Tileable(x=True))
    steps = torch.cat([resized, resized[:, :1]], dim=1).diff(dim=1).abs()
    assert float(steps[:, -1].max()) < 1.1 * float(steps[:, :-1].max())
    assert float(steps[:, -1].min()) > 0.8 * float(steps.max())


@pytest.mark.parametrize(
    ("size", "longest_side", "expected"),
    [
        ((1024, 768), 512, (512, 384)),
        ((3, 2), 512, (512, 341)),
        ((768, 1024), 512, (384, 512)),
        ((100, 100), 64, (64, 64)),
        ((30, 20), 0, (30, 20)),
    ],
)
def test_fitted_size_keeps_the_aspect_ratio(size: tuple[int, int], longest_side: int, expected: tuple[int, int]) -> None:
    assert fit_size(size, longest_side) == expected


def test_size_that_gets_too_thin_is_rejected() -> None:
    with pytest.raises(ImageError, match="512 x 5 pixels the picture is too thin"):
        fit_size((1000, 10), 512)


def test_shrinking_never_enlarges_except_to_the_minimum() -> None:
    assert shrink_size((1024, 768), 512) == (512, 384)
    assert shrink_size((300, 200), 512) == (300, 200)
    assert shrink_size((2000, 2), 100) == (100, 1)
    assert shrink_size((300, 20), 512, 32) == (300, 32)
    assert scale_size((30, 20), 1.5) == (45, 30)


def test_restored_forms_keep_finer_detail() -> None:
    generator = torch.Generator().manual_seed(0)
    image = 0.5 + 0.1 * (torch.rand(64, 96, 3, generator=generator) - 0.5)
    smaller = 0.3 + 0.4 * resize(torch.rand(3, 4, 3, generator=generator), 12, 8)
    restored = restore_forms(image, smaller, 1.0)
    assert (resize(restored, 12, 8) - smaller).abs().mean() < 0.2 * (resize(image, 12, 8) - smaller).abs().mean()
    torch.testing.assert_close(restored - image, resize(smaller - resize(image, 12, 8) + 0.5, 96, 64) - 0.5, atol=1e-5, rtol=0)
    assert torch.equal(restore_forms(image, smaller, 0.0), image)
