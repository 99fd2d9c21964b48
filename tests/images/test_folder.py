"""Image files in folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import ImageError
from impasto.images.folder import find_images


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
