"""Reading of paths, Pillow images, arrays and tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import ImageError
from impasto.images.color import color_statistics
from impasto.images.mask import read_mask
from impasto.images.picture import read_picture
from impasto.images.resize import halve
from tests.conftest import scene


def test_every_kind_of_source_gives_the_same_picture(picture: Callable[..., Path]) -> None:
    path = picture("a.png")
    values = np.asarray(Image.open(path))
    sources = [
        path,
        str(path),
        Image.open(path),
        values,
        values.astype(np.uint16) * 257,
        values.astype(np.float64) / 255,
        torch.from_numpy(values / np.float32(255)).permute(2, 0, 1),
    ]
    for source in sources:
        np.testing.assert_array_equal((read_picture(source).pixels.numpy() * 255).round(), values)


def test_transparent_pixels_do_not_bleed_when_resized() -> None:
    values = np.zeros((40, 40, 4), np.uint8)
    values[:, 20:] = (255, 0, 0, 255)  # the right half is red
    values[:, :20] = (0, 255, 0, 0)  # and the left is a transparent green
    small = read_picture(values).resize(20, 20)
    assert small.alpha is not None
    visible = small.alpha > 0.01
    assert float(small.pixels[visible][:, 1].max()) < 0.01
    assert float(small.filled[~visible][:, 0].min()) > 0.99  # the network sees the mean visible color there


@pytest.mark.parametrize("size", [(512, 384), (509, 383)])
def test_a_large_picture_is_halved_once_for_all_sizes(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Which changes next to nothing, and keeps transparent pixels out"""
    values = np.dstack([scene(*size), np.full(size[::-1], 255, np.uint8)])
    values[:, : size[0] // 3, :] = 0
    picture, sizes = read_picture(values), [(90, 60), (64, 48), (50, 40)]
    with monkeypatch.context() as patch:
        patch.setattr("impasto.images.picture._HALVED_FROM", 1e9)
        expected = [picture.resize(*small) for small in sizes]
    halved = []
    patched = "impasto.images.picture.halve"
    monkeypatch.setattr(patched, lambda tensor: halved.append(tensor.shape) or halve(tensor))
    for small, other in zip(sizes, expected, strict=True):
        resized = picture.resize(*small)
        assert resized.alpha is not None
        assert other.alpha is not None
        assert (resized.alpha - other.alpha).abs().max() < 0.03
        visible = other.alpha > 0.5
        assert (resized.pixels - other.pixels)[visible].abs().mean() < 0.004
        assert (resized.pixels - other.pixels)[visible].abs().max() < 0.05
    # Pixels and alpha, once from the picture and once from its half. Halves of odd sides would be shifted.
    assert len(halved) == (4 if size[0] % 2 == 0 else 0)


@pytest.mark.parametrize(
    "source",
    [np.zeros((20, 20, 5), np.uint8), np.full((20, 20, 3), 256, np.int64), np.full((20, 20, 3), np.nan), 7, np.zeros(5)],
)
def test_invalid_arrays_are_rejected(source: object) -> None:
    with pytest.raises(ImageError):
        read_picture(source)


def test_floats_from_0_to_255_are_rejected() -> None:
    with pytest.raises(ImageError, match="floats must be from 0 to 1"):
        read_picture(scene(20, 20).astype(np.float32))


def test_bfloat16_tensor_is_read() -> None:
    assert read_picture(torch.rand(3, 20, 30).bfloat16()).size == (30, 20)


def test_little_opacity_counts_little() -> None:
    """What is hidden at an opacity of 1/255 hardly changes what the network sees and any statistics; opacity 0 does not."""
    disc = np.zeros((40, 40, 4), np.uint8)
    disc[10:30, 10:30] = (200, 60, 40, 255)
    pictures = {}
    for opacity in (0, 1):
        values = disc.copy()
        values[values[..., 3] == 0] = (0, 255, 0, opacity)
        pictures[opacity] = read_picture(values)
    np.testing.assert_allclose(pictures[1].filled, pictures[0].filled, atol=0.03)
    statistics = [color_statistics(picture.pixels, picture.opacity).mean for picture in pictures.values()]
    np.testing.assert_allclose(statistics[1], statistics[0], atol=0.02)
    np.testing.assert_allclose(statistics[0] * 255, (200, 60, 40), atol=0.1)


def test_pixels_of_a_quarter_of_the_opacity_or_more_are_seen_as_they_are() -> None:
    values = scene(40, 40).astype(np.float32) / 255
    picture = read_picture(np.dstack([values, np.linspace(0.25, 1, 40, dtype=np.float32) * np.ones((40, 1), np.float32)]))
    torch.testing.assert_close(picture.filled, picture.pixels)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.uint16, ">u2", np.int32, np.int64, np.float16, np.float64])
def test_masks_of_zeros_and_ones(dtype: Any) -> None:
    values = np.zeros((40, 40), dtype)
    values[10:] = 1
    mask = read_mask(read_picture(values), read_picture(scene(40, 40)), "the mask")
    assert set(mask.flatten().tolist()) == {0.0, 1.0}
    assert float(mask.mean()) == 0.75


def test_a_mask_file_of_zeros_and_ones(tmp_path: Path) -> None:
    values = np.zeros((40, 40), np.uint8)
    values[10:] = 1
    Image.fromarray(values).save(tmp_path / "mask.png")
    assert float(read_mask(read_picture(tmp_path / "mask.png"), read_picture(scene(40, 40)), "the mask").mean()) == 0.75


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint32])
def test_integers_are_from_0_to_255(dtype: Any) -> None:
    picture = read_picture(scene(40, 40).astype(dtype))
    assert (picture.digest, picture.depth) == (read_picture(scene(40, 40)).digest, 8)
    if dtype != np.uint8:
        with pytest.raises(ImageError, match="values from 256 to 256: integers must be from 0 to 255"):
            read_picture(np.full((40, 40), 256, dtype))


@pytest.mark.parametrize("order", ["<", ">"])
def test_byte_order_does_not_matter(order: str) -> None:
    values = scene(40, 40).astype(np.uint16) * 257
    assert read_picture(values.astype(f"{order}u2")).digest == read_picture(values).digest
    floats = scene(40, 40) / 255
    assert read_picture(floats.astype(f"{order}f4")).digest == read_picture(floats.astype(np.float32)).digest


@pytest.mark.parametrize(
    "source", [torch.linspace(-1, 1, 4800).reshape(3, 40, 40), np.full((40, 40), 1.2), -np.ones((40, 40), int)]
)
def test_values_out_of_range_are_refused_with_the_range(source: Any) -> None:
    with pytest.raises(ImageError, match=r"has values from -?[\d.]+ to -?[\d.]+: (floats|integers) must be from 0 to"):
        read_picture(source)
    assert read_picture(np.full((40, 40), 1.0001)).depth == 16  # rounding is none
