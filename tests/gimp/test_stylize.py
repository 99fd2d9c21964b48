"""The procedure in a real GIMP: precisions, color models, selections, groups, masks, and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from tests.gimp.conftest import read_layer, read_mask
from tests.gimp.gimp_session import GimpSession

pytestmark = [pytest.mark.gimp, pytest.mark.slow, pytest.mark.xdist_group("gimp")]
FAST = {"size": 96, "quality": "draft", "keep_faces": False}
INSTANT = {**FAST, "quality": "instant"}
EXACT_PRECISIONS = ("U8_NON_LINEAR", "U16_NON_LINEAR", "U32_LINEAR", "FLOAT_NON_LINEAR", "DOUBLE_LINEAR")
LOSSY_PRECISIONS = ("U8_LINEAR", "HALF_LINEAR")  # which change the photo itself


@pytest.fixture(scope="module")
def from_the_library(pictures: tuple[str, str]) -> np.ndarray:
    """What the engine paints without an editor, with as many threads: another number rounds differently"""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    result = impasto.stylize(*pictures, size=96, quality="draft")
    torch.set_num_threads(threads)
    return np.asarray(result.image.convert("RGB")).astype(int)


@pytest.mark.parametrize("precision", [*EXACT_PRECISIONS, *LOSSY_PRECISIONS])
def test_every_precision_gives_the_painting_of_the_library(
    gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path, precision: str, from_the_library: np.ndarray
) -> None:
    answer = gimp.run(
        "stylize", picture=pictures[0], folder=str(tmp_path), precision=precision, style_file=pictures[1], **FAST
    )
    assert answer["problem"] == ""
    assert answer["layers"] == ["painting (50 %) on Photo", "Photo"]
    assert answer["selected"] == ["Photo"]
    assert answer["result"]["rect"] == [0, 0, 96, 64]
    painted = read_layer(tmp_path, answer["result"])
    assert painted[..., 3].min() == 255
    difference = np.abs(painted[..., :3] - from_the_library)
    assert difference.mean() < 20  # where rounding has other strokes come out
    assert difference.max() <= 1 or precision in LOSSY_PRECISIONS


def test_a_gray_image_gets_a_gray_painting(gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path) -> None:
    answer = gimp.run("stylize", picture=pictures[0], folder=str(tmp_path), base="GRAY", style_file=pictures[1], **FAST)
    painted = read_layer(tmp_path, answer["result"])
    assert np.ptp(painted[..., :3], axis=2).max() == 0
    assert painted[..., 0].std() > 10


def test_a_soft_selection_becomes_the_mask_of_the_result(gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path) -> None:
    with Image.open(pictures[0]) as photo:
        photo.resize((400, 300)).save(tmp_path / "photo.png")
    area = [150, 110, 60, 50, 10]
    answer = gimp.run(
        "stylize",
        picture=str(tmp_path / "photo.png"),
        folder=str(tmp_path),
        selection=area,
        style_file=pictures[1],
        offset=[5, 7],
        **FAST,
    )
    x, y, width, height = answer["result"]["rect"]
    assert answer["result"]["mask"]
    assert x < 150 - 32
    assert x + width > 210 + 32
    assert width < 300
    mask = read_mask(tmp_path / "result.mask", width, height)
    selection = read_mask(tmp_path / "selection.mask", 400, 300)
    assert np.array_equal(mask, selection[y : y + height, x : x + width])
    assert 0 < mask[:, width // 2][np.nonzero(mask[:, width // 2])].min() < 100  # its edge is soft


def test_a_group_is_painted_with_all_its_layers(gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path) -> None:
    answer = gimp.run("stylize", picture=pictures[0], folder=str(tmp_path), group=True, style_file=pictures[1], **FAST)
    assert answer["layers"] == ["painting (50 %) on Group", "Group"]
    assert read_layer(tmp_path, answer["result"])[..., :3].std() > 10


def test_what_a_mask_hides_is_not_painted(gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path) -> None:
    answer = gimp.run("paint_a_layer_with_a_mask", picture=pictures[0], folder=str(tmp_path), style_file=pictures[1], **FAST)
    assert answer["problem"] == ""
    alpha = read_layer(tmp_path, answer["result"])[..., 3]
    assert alpha[:, :46].max() == 0
    assert alpha[:, 50:].min() == 255


def test_another_layer_is_the_style(
    gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path, from_the_library: np.ndarray
) -> None:
    answer = gimp.run("use_a_layer_as_style", picture=pictures[0], style=pictures[1], folder=str(tmp_path), **FAST)
    assert answer["layers"] == ["Painting (50 %) on Photo", "Painting", "Photo"]
    assert np.abs(read_layer(tmp_path, answer["result"])[..., :3] - from_the_library).max() <= 1


def test_an_instant_style_paints_the_whole_layer(gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path) -> None:
    answer = gimp.run(
        "stylize",
        picture=pictures[0],
        folder=str(tmp_path),
        procedure="instant-style",
        style_network="rose_window",
        strength=0.8,
    )
    assert answer["layers"] == ["rose_window (80 %) on Photo", "Photo"]
    with Image.open(pictures[0]) as photo:
        expected = impasto.StyleNetwork.load("rose_window").apply(photo, strength=0.8).image
    painted = read_layer(tmp_path, answer["result"])[..., :3]
    assert np.abs(painted - np.asarray(expected.convert("RGB")).astype(int)).max() <= 1


def test_a_texture_repeats_without_seams(gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path) -> None:
    with Image.open(pictures[0]) as photo:
        photo.resize((250, 150)).save(tmp_path / "photo.png")
    answer = gimp.run(
        "stylize",
        picture=str(tmp_path / "photo.png"),
        folder=str(tmp_path),
        procedure="texture",
        style_file=pictures[1],
        tile_size=96,
        quality="draft",
    )
    assert answer["layers"] == ["painting, texture", "Photo"]
    painted = read_layer(tmp_path, answer["result"])
    assert painted.shape == (150, 250, 4)
    assert painted[..., 3].min() == 255
    tile = painted[:96, :96, :3]
    assert np.array_equal(painted[..., :3], np.tile(tile, (2, 3, 1))[:150, :250])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    expected = impasto.texture(pictures[1], (96, 96), padding="circular", quality="draft").image
    torch.set_num_threads(threads)
    assert np.abs(tile - np.asarray(expected.convert("RGB")).astype(int)).max() <= 1


def test_a_texture_fills_the_selection(gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path) -> None:
    texture = {"procedure": "texture", "style_file": pictures[1], "tile_size": 64, "quality": "draft"}
    answer = gimp.run("stylize", picture=pictures[0], folder=str(tmp_path), selection=[60, 10, 60, 30, 0], **texture)
    assert answer["result"]["rect"] == [60, 10, 36, 30]
    assert read_mask(tmp_path / "result.mask", 36, 30).min() == 255


def test_stylize_again_repeats_a_painting_also_after_the_image_was_saved(
    gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path
) -> None:
    settings = {**INSTANT, "strength": 0.7, "seed": 3, "style_file": pictures[1]}
    answer = gimp.run("stylize_again", picture=pictures[0], folder=str(tmp_path), **settings)
    assert answer["problem"] == answer["problem after saving"] == ""
    assert answer["layers"] == ["painting (70 %) on Photo #1", "painting (70 %) on Photo", "Photo"]
    assert (tmp_path / "first.rgba").read_bytes() == (tmp_path / "second.rgba").read_bytes()
    assert len(answer["layers after saving"]) == 4
    assert answer["problem without source"] == "The layer that this painting was made of is gone."


def test_the_plugins_paintings_are_styles(gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path) -> None:
    answer = gimp.run(
        "stylize", picture=pictures[0], folder=str(tmp_path), style_painting="koi", **{**FAST, "quality": "instant"}
    )
    assert answer["layers"][0] == "Koi (50 %) on Photo"


def test_the_engine_stays_warm(gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path) -> None:
    before = gimp.run("processes", part="impasto worker")
    answer = gimp.run(
        "stylize", picture=pictures[0], folder=str(tmp_path), style_painting="koi", **{**FAST, "quality": "instant"}
    )
    assert answer["problem"] == ""
    after = gimp.run("processes", part="impasto worker")
    assert len(after) == 1
    assert not before or after == before


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("indexed", "This image has a palette of colors. Choose Image > Mode > RGB first."),
        ("two layers", "Select one layer to paint."),
        ("itself", "Choose another layer as the style"),
        ("missing file", "This value is out of range"),  # GIMP itself
        ("no network", "no such network"),
        ("no instant style", "Choose a style first."),
        ("nothing to repeat", "There is no painting to repeat yet."),
        ("selection outside", "The selection does not overlap the layer"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(gimp: GimpSession, pictures: tuple[str, str], kind: str, message: str) -> None:
    problem, added = gimp.run("refuse", picture=pictures[0], kind=kind)
    assert message in problem
    assert "\n" not in problem
    assert added == 0


@pytest.mark.parametrize("part", ["impasto worker", "impasto_gimp.py -gimp"])
def test_a_painting_whose_engine_or_procedure_is_killed_fails_and_the_next_succeeds(
    gimp: GimpSession, pictures: tuple[str, str], tmp_path: Path, part: str
) -> None:
    long = {"size": 96, "quality": "fine", "keep_faces": False, "style_file": pictures[1]}
    problem, added = gimp.run("kill_during_a_painting", picture=pictures[0], part=part, after=3, **long)
    assert problem
    assert added == 0
    answer = gimp.run("stylize", picture=pictures[0], folder=str(tmp_path), style_file=pictures[1], **FAST)
    assert answer["problem"] == ""
