"""Reruns: results made again from the recipes in their files."""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import impasto
from impasto.api import create_reconstruction_run, create_texture_run
from impasto.cli.main import main
from impasto.errors import ImageError, WeightsError
from impasto.experiments.rerun import read_recipe, recreate_run
from impasto.images.encode import save_picture
from impasto.images.picture import read_picture
from tests.conftest import scene


@pytest.fixture(scope="module")
def original_folder(tmp_path_factory: pytest.TempPathFactory, random_weights_file: Path) -> Path:
    """A folder with one result in each format and all of its inputs: content, styles, masks and initial image"""
    folder = tmp_path_factory.mktemp("originals")
    content, style, left, right = (folder / f"{name}.png" for name in ("photo", "style", "left", "right"))
    Image.fromarray(scene(48, 40)).save(content)
    Image.fromarray(scene(40, 48)).save(style)
    white = np.zeros((40, 48), np.uint8)
    white[:, :24] = 255
    Image.fromarray(white).save(left)
    Image.fromarray(255 - white).save(right)
    settings: dict[str, Any] = {"weights": str(random_weights_file), "size": 48, "iterations": 2, "precision": "float32"}
    settings |= {"masks": [str(left), str(right)], "init_image": str(left), "keep": str(right)}
    result = impasto.stylize(content, [style, style], **settings, style_weights=(1, 3), seed=4)
    for suffix in ("png", "jpg", "webp", "tif"):
        result.save(folder / f"out.{suffix}")
    return folder


@pytest.fixture
def folder(original_folder: Path, tmp_path: Path) -> Path:
    """A copy of `original_folder`"""
    return shutil.copytree(original_folder, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_rerun_repeats_a_result_of_every_format(folder: Path, random_weights_file: Path, suffix: str) -> None:
    assert main(["rerun", str(folder / f"out.{suffix}"), "--weights", str(random_weights_file)]) == 0
    assert (folder / f"out_again.{suffix}").read_bytes() == (folder / f"out.{suffix}").read_bytes()


def test_16_bit_files_carry_their_recipe(folder: Path, random_weights_file: Path) -> None:
    for suffix in ("png", "tif"):
        content = scene(40, 32).astype(np.uint16) * 257
        result = impasto.stylize(content, scene(40, 40, 1), weights=str(random_weights_file), size=32, iterations=1)
        result.save(folder / f"deep.{suffix}")
        assert read_recipe(folder / f"deep.{suffix}") == result.recipe


def test_rerun_with_other_options(folder: Path, random_weights_file: Path) -> None:
    line = ["rerun", str(folder / "out.png"), "--weights", str(random_weights_file), "-o", str(folder / "large.png")]
    assert main([*line, "--size", "96", "--strength", "0.9"]) == 0
    with Image.open(folder / "large.png") as image:
        assert image.size == (96, 80)
    options = read_recipe(folder / "large.png")["options"]
    assert (options["size"], options["strength"], options["seed"]) == (96, 0.9, 4)


@pytest.mark.usefixtures("vgg16")
def test_rerun_at_a_larger_size_keeps_the_painting_and_adds_to_it(tmp_path: Path) -> None:
    for name, seed in (("photo", 0), ("style", 5)):
        Image.fromarray(scene(240, 180, seed)).save(tmp_path / f"{name}.png")
    small, large, again, stronger = (tmp_path / f"{name}.png" for name in ("small", "large", "again", "stronger"))
    impasto.stylize(tmp_path / "photo.png", tmp_path / "style.png", size=96, quality="draft").save(small)
    assert main(["rerun", str(small), "--size", "240", "-o", str(large)]) == 0
    recipe = read_recipe(large)
    assert (recipe["options"]["init"], recipe["names"]["init_image"]) == ("painting", ["small.png"])
    with Image.open(small) as painting, Image.open(large) as refined:
        assert refined.size == (240, 180)
        shrunk = refined.resize(painting.size, Image.Resampling.BICUBIC)
        enlarged = painting.resize(refined.size, Image.Resampling.BICUBIC)
        assert np.abs(np.asarray(shrunk, float) - np.asarray(painting)).mean() < 4
        detail = (np.abs(np.diff(np.asarray(image, float), axis=1)).mean() for image in (refined, enlarged))
        assert next(detail) > 1.2 * next(detail)
    assert main(["rerun", str(large), "-o", str(again)]) == 0
    assert again.read_bytes() == large.read_bytes()
    begins_again = ["--size", "240", "--strength", "0.8"], ["--size", "64"], ["--size", "240", "--init", "content"]
    for settings in begins_again:
        assert main(["rerun", str(small), *settings, "-o", str(stronger), "--force"]) == 0
        assert read_recipe(stronger)["options"]["init"] in ("instant", "content")
    partial = tmp_path / "partial.png"
    with Image.open(small) as painting:  # as it is saved when a run is stopped at a small level
        save_picture(partial, read_picture(painting.resize((48, 36))), json.dumps(read_recipe(small)))
    assert main(["rerun", str(partial), "--size", "240", "-o", str(stronger), "--force"]) == 0
    assert read_recipe(stronger)["options"]["init"] == "instant"
    small.unlink()  # what a painting began with is not needed to go on from it
    assert main(["rerun", str(large), "--size", "280", "-o", str(stronger), "--force"]) == 0
    assert read_recipe(stronger)["names"]["init_image"] == ["large.png"]


def test_inputs_are_found_by_digest(folder: Path, random_weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A picture is found if its file is renamed, moved and among others."""
    other = tmp_path_factory.mktemp("other")
    shutil.move(folder / "photo.png", other / "renamed.png")
    (other / "broken.png").write_bytes(b"not a picture")
    recipe = read_recipe(folder / "out.png")
    with pytest.raises(ImageError, match=r"the content 'photo.png' of the recipe is not in .*--inputs"):
        recreate_run(recipe, [folder], str(random_weights_file))
    run = recreate_run(recipe, [folder, other], str(random_weights_file))
    (last,) = deque(run.steps(), maxlen=1)
    with Image.open(folder / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(last.image), np.asarray(image))


def test_missing_inputs_are_reported(folder: Path, random_weights_file: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"the weights 'random.safetensors': name that file"):
        recreate_run(read_recipe(folder / "out.png"), [folder])
    with pytest.raises(ImageError, match="has no recipe"):
        read_recipe(folder / "photo.png")
    with pytest.raises(ImageError, match="there is no file"):
        read_recipe(folder / "none.png")
    (folder / "text.png").write_text("not a picture")
    with pytest.raises(ImageError, match="is not a picture"):
        read_recipe(folder / "text.png")


def test_recipe_contains_no_folder(folder: Path, random_weights_file: Path) -> None:
    text = json.dumps(read_recipe(folder / "out.png"))
    assert str(folder) not in text
    assert str(random_weights_file.parent) not in text
    assert "photo.png" in text


@pytest.mark.slow
def test_rerun_of_texture_and_reconstruction(tmp_path: Path, picture: Callable[..., Path], random_weights_file: Path) -> None:
    photo = str(picture("photo.png"))
    fast_settings: dict[str, Any] = {"weights": str(random_weights_file), "iterations": 2, "precision": "float32"}
    runs = {
        "texture": create_texture_run(photo, (64, 48), **fast_settings),
        "reconstruction": create_reconstruction_run(photo, "conv2_1", size=64, **fast_settings),
    }
    for name, run in runs.items():
        (last,) = deque(run.steps(), maxlen=1)
        result = run.result(last)
        result.save(tmp_path / f"{name}.png")
        again = recreate_run(read_recipe(tmp_path / f"{name}.png"), [tmp_path], str(random_weights_file))
        (last,) = deque(again.steps(), maxlen=1)
        np.testing.assert_array_equal(np.asarray(last.image), np.asarray(result.image))


def test_errors_are_one_line(folder: Path, random_weights_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["rerun", str(folder / "out.png")]
    (folder / "photo.png").rename(folder / "photo.gif")
    for flags, message in (
        (["--inputs", str(folder / "typo"), "--weights", str(random_weights_file)], "there is no folder"),
        (["--weights", str(folder / "missing.pth")], "name that file with --weights"),
    ):
        assert main([*line, *flags]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    # The recipe's initial image can be replaced, and a picture is found in any format.
    assert main([*line, "--weights", str(random_weights_file), "--init", "noise"]) == 0


def test_untrusted_recipe_names_no_file(folder: Path, random_weights_file: Path) -> None:
    recipe = read_recipe(folder / "out.png")
    secret = folder / "elsewhere" / "secret.png"
    secret.parent.mkdir()
    Image.fromarray(scene(48, 40, 9)).save(secret)
    recipe["options"] |= {"init_image": str(secret), "keep": str(secret), "masks": [str(secret)], "weights": str(secret)}
    recipe["names"]["content"] = [f"../{folder.name}/elsewhere/../photo.png"]
    run = recreate_run(recipe, [folder], str(random_weights_file))
    assert str(secret) not in str(run.options)
    assert run.recipe["content"] == recipe["content"]
    recipe["content"] = read_picture(secret).digest
    with pytest.raises(ImageError, match="is not in"):
        recreate_run(recipe, [folder], str(random_weights_file))


def test_content_without_content_layers_is_recorded(
    tmp_path: Path, picture: Callable[..., Path], random_weights_file: Path
) -> None:
    """Without content layers, the content is still the initial image, and the recipe names it."""
    settings: dict[str, Any] = {"weights": str(random_weights_file), "size": 32, "iterations": 1, "content_layers": "none"}
    result = impasto.stylize(str(picture("photo.png")), str(picture("style.png", 40, 40)), **settings)
    assert result.recipe["content"] == read_picture(tmp_path / "photo.png").digest
