"""Stored pictures: any change of the results is noticed, whether it was meant or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.optimization.run import Run
from tests.conftest import scene
from tests.fork_server import ForkServer
from tests.regression.pictures import CASES, FOLDER, paint

#: Mean difference, of 255, that another order of sums may make on other processors
TOLERANCE = 0.25

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("vgg16")]


def mean_difference(a: Image.Image, b: Image.Image) -> float:
    """Mean absolute difference over pixels and channels, of 255"""
    return float(np.abs(np.asarray(a, dtype=float) - np.asarray(b)).mean())


def stored_picture(name: str) -> Image.Image:
    with Image.open(FOLDER / f"{name}.png") as image:
        image.load()
    return image


@pytest.mark.parametrize("name", CASES)
def test_result_equals_the_stored_picture(name: str) -> None:
    assert mean_difference(paint(name), stored_picture(name)) <= TOLERANCE


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
def test_small_change_of_an_option_exceeds_the_tolerance(changes: dict[str, Any]) -> None:
    assert mean_difference(paint("impasto", **changes), stored_picture("impasto")) > TOLERANCE


@pytest.mark.parametrize("name", ["impasto", "paper", "seamless"])
def test_another_order_of_sums_stays_within_the_tolerance(name: str) -> None:
    assert mean_difference(paint(name, threads=3), stored_picture(name)) <= TOLERANCE


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--preset", "paper", "--seed", "4"),
        ("--precision", "bfloat16", "--size", "48"),
        ("--colors", "match", "--padding", "circular"),
        ("--style-loss", "wasserstein", "--init", "noise"),
    ],
    ids=" ".join,
)
def test_two_processes_make_the_same_bytes(
    options: tuple[str, ...], tmp_path: Path, fork_server: ForkServer, random_weights_file: Path
) -> None:
    Image.fromarray(scene(360, 280)).save(tmp_path / "photo.png")
    Image.fromarray(scene(64, 80, 3)).save(tmp_path / "style.png")
    inputs = ("photo.png", "style.png", "--weights", str(random_weights_file))
    for name in ("a.png", "b.png"):
        command = ("stylize", *inputs, "--size", "72", "--iterations", "4", *options, "-o", name)
        exited = fork_server.run(*command, folder=tmp_path)
        assert exited.status == 0, exited.stderr
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_two_tiled_runs_make_the_same_bytes(optimizer: str, fast_settings: dict[str, Any]) -> None:
    pictures = []
    for _ in range(2):  # four tiles
        run = Run(scene(96, 80), scene(64, 64, 3), **fast_settings | {"size": 96, "ladder": False, "optimizer": optimizer})
        run.plan = run.plan._replace(tiles=(64,))
        (*_, last) = run.steps()
        pictures.append(np.asarray(last.image))
    np.testing.assert_array_equal(pictures[0], pictures[1])
