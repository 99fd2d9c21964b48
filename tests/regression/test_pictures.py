"""Pictures that stay what they are: a change that alters them is seen here, whether it was meant or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.optimization.run import Run
from tests.conftest import scene
from tests.fork_server import ForkServer
from tests.regression.pictures import CASES, FOLDER, painted

#: The mean difference, of 255, that processors may make by adding in another order.
TOLERANCE = 0.25

pytestmark = pytest.mark.usefixtures("vgg16")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean over pixels and channels, of 255"""
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other)).mean())


def golden(name: str) -> Image.Image:
    with Image.open(FOLDER / f"{name}.png") as image:
        image.load()
    return image


@pytest.mark.parametrize("name", CASES)
def test_a_picture_is_what_it_was(name: str) -> None:
    assert difference(painted(name), golden(name)) <= TOLERANCE


@pytest.mark.parametrize(
    "changes",
    [
        {"strength": 0.52},
        {"pooling": "average"},
        {"padding": "zero"},
        {"iterations": 9},
        {"style_layers": "conv1_1,conv2_1,conv3_1,conv4_1:1.1,conv5_1"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_small_change_is_seen(changes: dict[str, Any]) -> None:
    assert difference(painted("impasto", **changes), golden("impasto")) > TOLERANCE


@pytest.mark.parametrize("name", ["impasto", "paper", "seamless"])
def test_adding_in_another_order_stays_within_the_tolerance(name: str) -> None:
    assert difference(painted(name, threads=3), golden(name)) <= TOLERANCE


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--preset", "paper", "--seed", "4"),
        ("--precision", "bfloat16", "--size", "48"),
        ("--colors", "match", "--padding", "circular"),
        ("--style-loss", "wasserstein", "--init", "noise"),
    ],
    ids=" ".join,
)
def test_two_processes_make_the_same_bytes(more: tuple[str, ...], tmp_path: Path, fork_server: ForkServer, random_weights_file: Path) -> None:
    Image.fromarray(scene(360, 280)).save(tmp_path / "photo.png")
    Image.fromarray(scene(64, 80, 3)).save(tmp_path / "style.png")
    line = ("stylize", "photo.png", "style.png", "--weights", str(random_weights_file), "--size", "72", "--iterations", "4", *more)
    for name in ("one.png", "two.png"):
        ended = fork_server.run(*line, "-o", name, folder=tmp_path)
        assert ended.status == 0, ended.said
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_tiles_make_the_same_bytes_twice(optimizer: str, fast_settings: dict[str, Any]) -> None:
    pictures = []
    for _ in range(2):
        run = Run(scene(144, 96), scene(64, 80, 3), **fast_settings | {"size": 144, "ladder": False, "optimizer": optimizer})
        run.plan = run.plan._replace(tiles=(64,))
        (*_, last) = run.steps()
        pictures.append(np.asarray(last.image))
    np.testing.assert_array_equal(*pictures)
