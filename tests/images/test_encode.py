"""Saving of pictures. Pillow and tifffile are the oracles."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from impasto.errors import ImageError
from impasto.images.encode import ensure_writable_image, save_picture
from impasto.images.picture import read_picture
from impasto.images.profile import SRGB_PROFILE
from tests.conftest import scene


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_survive_saving_and_reading(tmp_path: Path, name: str, channels: int) -> None:
    values = np.random.default_rng(0).integers(1, 65536, (21, 33, channels), dtype=np.uint16)
    picture = read_picture(values)
    assert picture.depth == 16
    save_picture(tmp_path / name, picture)
    saved = read_picture(tmp_path / name)
    assert saved.depth == 16
    planes = [saved.pixels] if saved.alpha is None else [saved.pixels, saved.alpha[..., None]]
    np.testing.assert_array_equal((torch.cat(planes, 2).numpy() * 65535).round(), values)


def test_16_bit_files_are_read_by_other_programs(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", read_picture(np.full((20, 20, 3), 0x8001, np.uint16)))
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert (image.mode, image.tile or image.getpixel((3, 3))) == ("RGB", (128, 128, 128))
        assert image.info["icc_profile"] == SRGB_PROFILE
    save_picture(tmp_path / "a.tif", read_picture(np.full((20, 20, 3), 0x8001, np.uint16)))
    assert (tifffile.imread(tmp_path / "a.tif") == 0x8001).all()


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_saved_files_have_an_srgb_profile(tmp_path: Path, name: str, kind: type) -> None:
    save_picture(tmp_path / name, read_picture(np.full((20, 20, 3), 99, kind)))
    with Image.open(tmp_path / name) as image:
        assert image.info["icc_profile"] == SRGB_PROFILE


def test_formats_without_alpha_get_a_white_background(tmp_path: Path) -> None:
    values = np.zeros((20, 20, 4), np.uint8)
    values[:10, :, 3] = 255
    save_picture(tmp_path / "a.jpg", read_picture(values))
    with Image.open(io.BytesIO((tmp_path / "a.jpg").read_bytes())) as image:
        assert image.mode == "RGB"
        transparent, opaque = image.getpixel((5, 18)), image.getpixel((5, 1))
        assert isinstance(transparent, tuple)
        assert isinstance(opaque, tuple)
        assert min(transparent) >= 250
        assert max(opaque) < 10


def test_unwritable_paths_are_rejected_in_advance(tmp_path: Path) -> None:
    for name, message in {"a.xyz": "cannot tell the format", "none/a.png": "cannot be written", "a": "cannot tell"}.items():
        with pytest.raises(ImageError, match=message):
            ensure_writable_image(tmp_path / name)
    ensure_writable_image(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_formats_that_cannot_be_written_are_rejected_in_advance(tmp_path: Path) -> None:
    for name in ("a.h5", "a.xbm", "a.eps"):
        with pytest.raises(ImageError, match="cannot tell the format"):
            ensure_writable_image(tmp_path / name)
    with pytest.raises(ImageError, match="WebP ends at 16383"):
        ensure_writable_image(tmp_path / "a.webp", (16384, 20))


def test_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("impasto.runtime.files.os.replace", fail)
    with pytest.raises(ImageError, match="No space left"):
        save_picture(tmp_path / "a.png", read_picture(scene(20, 20)))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.png", b"old")]
