"""Photographs to train on, and random crops of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto import ImageError
from impasto.feedforward.photos import photos_from_folders, random_crop, read_photos, sample_photos
from tests.conftest import scene


def test_random_crops_have_the_right_shape_and_differ() -> None:
    photos = read_photos([scene(200, 120), scene(40, 60, 1)])
    generator = torch.Generator().manual_seed(0)
    crops = [random_crop(photos, 48, generator) for _ in range(20)]
    assert all(crop.shape == (48, 48, 3) and float(crop.min()) >= 0 and float(crop.max()) <= 1 for crop in crops)
    assert len({float(crop.mean()) for crop in crops}) == 20
    with pytest.raises(ImageError, match="no photographs to train on"):
        read_photos([])


def test_unreadable_photographs_are_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray(scene(1600, 20)).save(tmp_path / "a.png")  # too thin once it is shrunk
    (tmp_path / "b.png").write_bytes(b"no picture")
    Image.fromarray(scene(1600, 900)).save(tmp_path / "c.png")
    (photo,) = photos_from_folders([tmp_path])
    assert (photo.shape, photo.dtype) == ((432, 768, 3), torch.uint8)
    assert caplog.text.count("photograph skipped") == 2


def test_sample_photos_are_available() -> None:
    pytest.importorskip("skimage")
    assert len(sample_photos()) == 10
