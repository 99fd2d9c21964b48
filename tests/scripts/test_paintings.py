"""The project's own paintings: reproducible, shipped as they are, and different from each other."""

from __future__ import annotations

import json
import sys
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from paintings import brushwork, canvas, collection, cubism, dots, drawing, fresco, ink, landscapes, pieced, prints
from paintings.canvas import Canvas, Field

pytestmark = [
    pytest.mark.slow,
    pytest.mark.unmeasured,  # scripts are not measured, and tracing them takes as long as running them
    pytest.mark.xdist_group("paintings"),  # one process makes each painting once
]

ASSETS = Path(__file__).parents[2] / "gradio_app" / "assets"


@cache
def painting(name: str) -> Image.Image:
    """Harvest's brush strokes without rounded corners, which take three quarters of its half minute: a pixel or two each"""
    draw_line = ImageDraw.ImageDraw.line
    with pytest.MonkeyPatch.context() as patch:
        if name == "harvest":
            patch.setattr(
                ImageDraw.ImageDraw, "line", lambda self, xy, fill, width, joint: draw_line(self, xy, fill=fill, width=width)
            )
        return collection.paint(name)


@pytest.mark.parametrize("name", list(collection.PAINTINGS))
def test_the_same_seed_makes_the_same_painting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small canvas, with a twentieth of the brush strokes"""
    for module in (brushwork, canvas, cubism, dots, drawing, fresco, ink, landscapes, pieced, prints):
        monkeypatch.setattr(module, "WIDTH", 320)
        monkeypatch.setattr(module, "HEIGHT", 240)
    strokes = Canvas.strokes

    def fewer(canvas: Canvas, starts: int | np.ndarray, *fields: Field, **brush: Any) -> None:
        strokes(canvas, starts // 20 if isinstance(starts, int) else starts[::20], *fields, **brush)

    monkeypatch.setattr(Canvas, "strokes", fewer)
    np.testing.assert_array_equal(collection.paint(name), collection.paint(name))


@pytest.mark.parametrize("name", list(collection.PAINTINGS))
def test_a_painting_fills_its_canvas(name: str) -> None:
    assert np.asarray(painting(name)).shape == (768, 1024, 3)
    assert np.asarray(painting(name)).std() > 40  # it is not a uniform color


@pytest.mark.parametrize("name", list(collection.PAINTINGS))
def test_the_page_ships_what_the_code_paints(name: str) -> None:
    with Image.open(ASSETS / f"{name}.jpg") as shipped:  # compared at a low resolution, since JPEG loses fine detail
        made, stored = (
            np.asarray(image.resize((256, 192), Image.Resampling.BOX), dtype=float) for image in (painting(name), shipped)
        )
    assert np.abs(made - stored).mean() < 5


@pytest.mark.parametrize("name", list(collection.PAINTINGS))
def test_no_large_part_of_a_painting_is_empty(name: str) -> None:
    blocks = np.asarray(painting(name).convert("L"), dtype=float).reshape(8, 96, 8, 128).swapaxes(1, 2)
    assert blocks.std(axis=(2, 3)).min() > 6


def test_the_page_lists_the_paintings_with_kinds_and_descriptions() -> None:
    listed = json.loads((ASSETS / "paintings.json").read_text(encoding="utf-8"))
    assert [Path(entry["file"]).stem for entry in listed] == list(collection.PAINTINGS)
    assert len({entry["kind"] for entry in listed}) <= 5
    assert len({entry["description"] for entry in listed}) == len(listed)
    for entry in listed:
        painting = collection.PAINTINGS[Path(entry["file"]).stem]
        assert (entry["kind"], entry["description"]) == (painting.kind, painting.description)


@pytest.mark.parametrize("name", list(collection.PAINTINGS))
def test_thumbnails_are_small(name: str) -> None:
    path = ASSETS / f"{name}_small.jpg"
    assert path.stat().st_size <= 12_000
    with Image.open(path) as thumbnail:
        assert thumbnail.size == (240, 180)


def test_no_two_paintings_look_alike() -> None:
    small = [np.asarray(painting(name).resize((8, 6), Image.Resampling.BOX), dtype=float) for name in collection.PAINTINGS]
    for a, b in combinations(small, 2):
        assert np.abs(a - b).mean() > 25


def test_another_seed_makes_another_painting() -> None:
    assert painting("koi").tobytes() != collection.paint("koi", seed=3).tobytes()


def test_the_command_writes_a_painting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["collection.py", "koi", "-o", str(tmp_path / "a.png")])
    assert collection.main() == 0
    assert (tmp_path / "a.png").stat().st_size > 100_000
