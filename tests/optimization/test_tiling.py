"""Tiles against the whole picture: the same loss, and the same gradient, to rounding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto import OutOfMemoryError
from impasto.images.tileable import Tileable
from impasto.layers import receptive_radius
from impasto.losses.moments import Moments
from impasto.optimization.feature_cache import FeatureCache
from impasto.optimization.objective import Evaluation, Objective, Region
from impasto.optimization.tiling import TilingCost, make_tiles
from impasto.vgg.network import VGG
from impasto.vgg.weight_files import Weights
from tests.conftest import random_weights

STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT = {"conv4_2": 0.7, "conv2_2": 0.3}


def random(*shape: int) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64)


def evaluate(
    net: VGG, image: Tensor, content: Tensor, regions: Sequence[Region], tile: int | None, **kwargs: object
) -> Evaluation:
    return Objective(net, content, CONTENT, regions, alpha=0.3, tv=0.5, tile=tile, **kwargs)(image)  # type: ignore[arg-type]


def style_of(net: VGG, picture: Tensor) -> dict[str, tuple[float, Moments]]:
    maps = {name: features.flatten(0, 1) for name, features in net.forward(picture).items()}
    return {name: (0.2, Moments(maps[name].mean(0), maps[name].T @ maps[name] / len(maps[name]))) for name in STYLE}


def assert_same(tiled: Evaluation, whole: Evaluation, within: float = 1e-9) -> None:
    for name in ("value", "content_loss", "style_loss"):
        torch.testing.assert_close(getattr(tiled, name), getattr(whole, name), rtol=within, atol=0)
    assert float((tiled.gradient - whole.gradient).norm() / whole.gradient.norm()) < within


@pytest.mark.parametrize("network", ["vgg16", pytest.param("vgg19", marks=pytest.mark.slow)])
@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize(
    ("padding", "size", "tile"),
    [
        ("zero", (211, 173), 64),  # odd at every pooling
        ("zero", (160, 176), 80),
        ("replicate", (211, 173), 48),
        ("circular", (208, 160), 96),
        ("circular-x", (199, 176), 96),
        ("circular-y", (208, 173), 96),
        ("circular", (48, 64), 32),  # blocks that go around the picture more than once
    ],
)
def test_tiled_gradient_equals_untiled(network: str, pooling: str, padding: str, size: tuple[int, int], tile: int) -> None:
    torch.manual_seed(1)
    net = VGG(
        random_weights(network, torch.float64, divide=16),
        [*STYLE, *CONTENT],
        pooling=pooling,
        padding=padding,
        dtype=torch.float64,
    )
    image, content = random(*size, 3), random(*size, 3)
    regions = [Region(style_of(net, random(96, 80, 3)))]
    whole = evaluate(net, image, content, regions, None, style_loss="covariance")
    assert_same(evaluate(net, image, content, regions, tile, style_loss="covariance"), whole)


@pytest.mark.parametrize("kind", ["gram", "moments", "covariance", "wasserstein"])
@pytest.mark.parametrize("relative", [False, True])
def test_tiled_gradient_equals_untiled_with_regions(kind: str, relative: bool) -> None:
    torch.manual_seed(2)
    net = VGG(random_weights("vgg16", torch.float64, divide=16), [*STYLE, *CONTENT], padding="replicate", dtype=torch.float64)
    image, content = random(150, 133, 3), random(150, 133, 3)
    sizes = {name: features.shape[:2] for name, features in net.forward(image).items()}
    regions = [
        Region(style_of(net, random(96, 80, 3)), {name: random(*sizes[name]) for name in STYLE}, share) for share in (0.3, 0.7)
    ]
    # 1e-7 of Wasserstein: its roots are as exact as eigenvalues that nearly vanish.
    within = 1e-7 if kind == "wasserstein" else 1e-9
    whole = evaluate(net, image, content, regions, None, style_loss=kind, relative=relative)
    assert_same(evaluate(net, image, content, regions, 48, style_loss=kind, relative=relative), whole, within)


@pytest.mark.parametrize("padding", ["replicate", "circular"])
def test_banded_moments_equal_whole_moments(monkeypatch: pytest.MonkeyPatch, padding: str) -> None:
    """Features that have to be copied are processed in bands of rows: here, one row at a time."""
    torch.manual_seed(4)
    net = VGG(random_weights("vgg16", torch.float64, divide=16), [*STYLE, *CONTENT], padding=padding, dtype=torch.float64)
    image, content = random(96, 112, 3), random(96, 112, 3)
    regions = [Region(style_of(net, random(96, 80, 3)))]
    whole = evaluate(net, image, content, regions, None)
    monkeypatch.setattr("impasto.losses.moments.BAND_ELEMENTS", 1)
    assert_same(evaluate(net, image, content, regions, None), whole)
    assert_same(evaluate(net, image, content, regions, 48), whole)


@pytest.mark.parametrize("deepest", ["conv1_1", "conv1_2", "conv2_1", "conv3_1", "conv4_2", "conv5_1"])
@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_halo_covers_the_receptive_field(network: str, deepest: str) -> None:
    """A pixel outside the halo does not change a position; the last one inside does."""
    net = VGG(random_weights(network, torch.float64, divide=16), [deepest], dtype=torch.float64)
    stride = 2 ** (int(deepest[4]) - 1)
    far = receptive_radius(network, [deepest])
    at = 96 // stride
    image = random(192, 16, 3)
    before = net.forward(image)[deepest][at]
    for distance, changes in ((far, True), (far + 1, False)):
        for pixel in (96 - distance, 96 + stride - 1 + distance):
            changed = image.clone()
            changed[pixel] += 1e6
            assert bool((net.forward(changed)[deepest][at] != before).any()) == changes


@pytest.mark.parametrize("wraps", [Tileable(), Tileable(y=True, x=True)])
@pytest.mark.parametrize("size", [(512, 400), (33, 17), (1023, 95), (640, 16), (244, 290), (420, 65)])
def test_every_pixel_is_owned_once(size: tuple[int, int], wraps: Tileable) -> None:
    height, width = size
    owners = torch.zeros(height, width)
    for tile in make_tiles(width, height, 64, 70, wraps):
        for span in tile:
            assert 0 < span.stop - span.start <= 64
            assert span.start % 16 == span.block_start % 16 == 0
        owners[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop] += 1
    assert (owners == 1).all()
    blocks = [
        (rows.block_stop - rows.block_start) * (columns.block_stop - columns.block_start)
        for rows, columns in make_tiles(width, height, 64, 70, wraps)
    ]
    assert TilingCost.of_tiling(width, height, 64, 70, wraps) == (len(blocks), max(blocks), sum(blocks))
    (whole,) = make_tiles(width, height, None, 70, wraps)
    assert whole.rows == (0, height, 0, height)


@pytest.mark.slow
def test_tiled_gradient_equals_untiled_on_the_real_network(vgg16: Weights) -> None:
    torch.manual_seed(3)
    net = VGG(vgg16, [*STYLE, *CONTENT], pooling="max", padding="replicate")
    image, content, style = (torch.rand(176, 160, 3) for _ in range(3))
    regions = [Region(style_of(net, style))]
    assert_same(
        evaluate(net, image, content, regions, 96, style_loss="covariance"),
        evaluate(net, image, content, regions, None, style_loss="covariance"),
        1e-4,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_feature_cache_returns_stored_tensors(dtype: torch.dtype) -> None:
    cache = FeatureCache()
    tensors = [torch.randn(3, n, 5).to(dtype) for n in (4, 7, 2)]
    for get, tensor in reversed([(cache.store(tensor), tensor) for tensor in tensors]):
        assert torch.equal(get(), tensor)
        assert torch.equal(get(), tensor)


def test_full_disk_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutOfMemoryError, match="IMPASTO_CACHE"):
        FeatureCache()
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path))
    cache = FeatureCache()
    cache._file.close()
    cache._file = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115
    with cache._file, pytest.raises(OutOfMemoryError, match="No space left"):
        cache.store(torch.ones(3, 3))
