from __future__ import annotations

import sys
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "gradio_app"))
import paintings

ASSETS = Path(paintings.__file__).parent / "assets"


@cache
def painted(name: str) -> Image.Image:
    return paintings.paint(name)


@pytest.mark.parametrize("name", list(paintings.PAINTINGS))
def test_a_painting_is_the_same_from_the_same_seed(name: str) -> None:
    first, second = np.asarray(painted(name)), np.asarray(paintings.paint(name))
    assert first.shape == (768, 1024, 3)
    np.testing.assert_array_equal(first, second)
    assert first.std() > 40  # and it is a picture


@pytest.mark.parametrize("name", list(paintings.PAINTINGS))
def test_the_page_ships_what_the_program_paints(name: str) -> None:
    made = painted(name)
    with Image.open(ASSETS / f"{name}.jpg") as shipped:  # smaller, for JPEG loses the finest
        one, other = (np.asarray(each.resize((256, 192), Image.Resampling.BOX), dtype=float) for each in (made, shipped))
    assert np.abs(one - other).mean() < 5


@pytest.mark.parametrize("name", list(paintings.PAINTINGS))
def test_no_large_part_of_a_painting_is_empty(name: str) -> None:
    blocks = np.asarray(painted(name).convert("L"), dtype=float).reshape(8, 96, 8, 128).swapaxes(1, 2)
    assert blocks.std(axis=(2, 3)).min() > 6


def test_no_two_paintings_look_alike() -> None:
    small = {name: np.asarray(painted(name).resize((8, 6), Image.Resampling.BOX), dtype=float) for name in paintings.PAINTINGS}
    for one, other in combinations(small.values(), 2):
        assert np.abs(one - other).mean() > 25


def test_another_seed_gives_another_painting() -> None:
    assert painted("koi").tobytes() != paintings.paint("koi", seed=3).tobytes()


def test_the_command_writes_a_painting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["paintings.py", "rose_window", "-o", str(tmp_path / "a.png")])
    assert paintings.main() == 0
    assert (tmp_path / "a.png").stat().st_size > 100_000
