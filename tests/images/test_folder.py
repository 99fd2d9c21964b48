"""Image files in folders."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import ImageError
from impasto.images.folder import expand_frames, find_images
from impasto.images.picture import read_picture


def test_empty_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no picture in the folder"):
        find_images([tmp_path])


def test_other_files_in_a_folder_are_skipped(tmp_path: Path, picture: Callable[..., Path]) -> None:
    picture("a.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "more.png").mkdir()
    assert find_images([tmp_path]) == [tmp_path / "a.png"]
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (48, 40)


def test_folders_are_read_in_natural_order_with_every_ending_of_pillow(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["frame1.jfif", "Frame2.PNG", "frame10.ppm", "frame11.tga", "other.jp2"]
    for name in (*names, "._frame1.png", ".hidden.jpg"):
        Image.new("RGB", (20, 20)).save(tmp_path / name, {".jfif": "JPEG"}.get(Path(name).suffix))
    (tmp_path / "film.mp4").write_bytes(b"")
    (tmp_path / "LICENSE").write_text("")
    with caplog.at_level(logging.INFO, "impasto"):
        assert [path.name for path in find_images([tmp_path])] == names
    (record,) = caplog.records
    assert "4 file(s) left out that are hidden or no pictures (1 .mp4, 2 hidden, 1 no suffix)" in record.getMessage()


def test_frames_are_named_like_files(tmp_path: Path) -> None:
    images = [Image.new("RGB", (20, 20), (10 * n, 0, 0)) for n in range(11)]
    images[0].save(tmp_path / "moving.webp", save_all=True, append_images=images[1:], lossless=True)
    images[0].save(tmp_path / "still.png")
    expanded = expand_frames(find_images([tmp_path]))
    assert [path.name for path in expanded] == [*(f"moving_{n:02}.webp" for n in range(1, 12)), "still.png"]
    assert float(read_picture(expanded[7]).pixels[0, 0, 0]) * 255 == pytest.approx(70)
