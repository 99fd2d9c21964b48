"""Reading of paths, Pillow images, arrays and tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import ImageError
from impasto.images.picture import read_picture
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
