"""A painting again, by the recipe in its file."""

from __future__ import annotations

import json
import shutil
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import impasto
from impasto.api import create_reconstruction_run, create_texture_run
from impasto.cli.main import main
from impasto.errors import ImageError, WeightsError
from impasto.experiments.rerun import read_recipe, recreate_run
from impasto.images.picture import read_picture
from tests.conftest import scene


@pytest.fixture
def made(tmp_path: Path, picture, random_weights_file: Path) -> Path:
    """A folder with a painting in every format and all that it was made of, masks and a start among them"""
    content, style = picture("photo.png"), picture("style.png", 40, 48)
    white = np.zeros((40, 48), np.uint8)
    white[:, :24] = 255
    Image.fromarray(white).save(tmp_path / "left.png")
    Image.fromarray(255 - white).save(tmp_path / "right.png")
    masks = [str(tmp_path / "left.png"), str(tmp_path / "right.png")]
    settings = {"weights": str(random_weights_file), "size": 48, "iterations": 2, "precision": "float32"}
    settings |= {"masks": masks, "init_image": masks[0], "keep": masks[1], "style_weights": (1, 3), "seed": 4}
    result = impasto.stylize(content, [style, style], **settings)
    for ending in ("png", "jpg", "webp", "tif"):
        result.save(tmp_path / f"out.{ending}")
    return tmp_path


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_every_format_carries_its_recipe(made: Path, random_weights_file: Path, ending: str) -> None:
    assert main(["rerun", str(made / f"out.{ending}"), "--weights", str(random_weights_file)]) == 0
    assert (made / f"out_again.{ending}").read_bytes() == (made / f"out.{ending}").read_bytes()


def test_16_bit_files_carry_their_recipe(made: Path, random_weights_file: Path) -> None:
    for ending in ("png", "tif"):
        deep = scene(40, 32).astype(np.uint16) * 257
        result = impasto.stylize(deep, scene(40, 40, 1), weights=str(random_weights_file), size=32, iterations=1)
        result.save(made / f"deep.{ending}")
        assert read_recipe(made / f"deep.{ending}") == result.recipe


def test_rerun_with_other_options(made: Path, random_weights_file: Path) -> None:
    line = ["rerun", str(made / "out.png"), "--weights", str(random_weights_file), "-o", str(made / "large.png")]
    assert main([*line, "--size", "96", "--strength", "0.9"]) == 0
    with Image.open(made / "large.png") as image:
        assert image.size == (96, 80)
    options = read_recipe(made / "large.png")["options"]
    assert (options["size"], options["strength"], options["seed"]) == (96, 0.9, 4)


def test_inputs_are_found_by_digest(made: Path, random_weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Renamed, in another folder, beside others: found; changed: not."""
    other = tmp_path_factory.mktemp("other")
    shutil.move(made / "photo.png", other / "renamed.png")
    (other / "broken.png").write_bytes(b"no picture")
    recipe = read_recipe(made / "out.png")
    with pytest.raises(ImageError, match=r"the content 'photo.png' that it was made of is not in .*--inputs"):
        recreate_run(recipe, [made], str(random_weights_file))
    run = recreate_run(recipe, [made, other], str(random_weights_file))
    (last,) = deque(run.steps(), maxlen=1)
    with Image.open(made / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(last.image), np.asarray(image))


def test_missing_inputs_are_reported(made: Path, random_weights_file: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"the weights 'made-up.safetensors': name that file"):
        recreate_run(read_recipe(made / "out.png"), [made])
    with pytest.raises(ImageError, match="has no recipe"):
        read_recipe(made / "photo.png")
    with pytest.raises(ImageError, match="there is no file"):
        read_recipe(made / "none.png")
    (made / "text.png").write_text("no picture")
    with pytest.raises(ImageError, match="is not a picture"):
        read_recipe(made / "text.png")


def test_recipe_contains_no_folder(made: Path, random_weights_file: Path) -> None:
    text = json.dumps(read_recipe(made / "out.png"))
    assert str(made) not in text
    assert str(random_weights_file.parent) not in text
    assert "photo.png" in text


def test_rerun_of_texture_and_reconstruction(tmp_path: Path, picture, random_weights_file: Path) -> None:
    photo = str(picture("photo.png"))
    fast_settings = {"weights": str(random_weights_file), "iterations": 2, "precision": "float32"}
    runs = {
        "texture": create_texture_run(photo, (64, 48), **fast_settings),
        "kept": create_reconstruction_run(photo, "conv2_1", **fast_settings),
    }
    for name, run in runs.items():
        (last,) = deque(run.steps(), maxlen=1)
        result = run.result(last)
        result.save(tmp_path / f"{name}.png")
        again = recreate_run(read_recipe(tmp_path / f"{name}.png"), [tmp_path], str(random_weights_file))
        (last,) = deque(again.steps(), maxlen=1)
        np.testing.assert_array_equal(np.asarray(last.image), np.asarray(result.image))


def test_errors_are_one_line(made: Path, random_weights_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["rerun", str(made / "out.png")]
    (made / "photo.png").rename(made / "photo.gif")
    for more, message in (
        (["--inputs", str(made / "typo"), "--weights", str(random_weights_file)], "there is no folder"),
        (["--weights", str(made / "missing.pth")], "name that file with --weights"),
    ):
        assert main([*line, *more]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    # Another start than the recipe's picture; and a picture in any format is found.
    assert main([*line, "--weights", str(random_weights_file), "--init", "noise"]) == 0


def test_untrusted_recipe_names_no_file(made: Path, random_weights_file: Path) -> None:
    recipe = read_recipe(made / "out.png")
    secret = made / "elsewhere" / "secret.png"
    secret.parent.mkdir()
    Image.fromarray(scene(48, 40, 9)).save(secret)
    recipe["options"] |= {"init_image": str(secret), "keep": str(secret), "masks": [str(secret)], "weights": str(secret)}
    recipe["names"]["content"] = [f"../{made.name}/elsewhere/../photo.png"]
    run = recreate_run(recipe, [made], str(random_weights_file))
    assert str(secret) not in str(run.options)
    assert run.recipe["content"] == recipe["content"]
    recipe["content"] = read_picture(secret).digest
    with pytest.raises(ImageError, match="is not in"):
        recreate_run(recipe, [made], str(random_weights_file))


def test_gray_content_is_not_taken_for_blank_content(tmp_path: Path, picture, random_weights_file: Path) -> None:
    """A photograph as the start of a texture is an ingredient like any other."""
    fast_settings = {"weights": str(random_weights_file), "size": 32, "iterations": 1, "content_layers": "none"}
    result = impasto.stylize(str(picture("photo.png")), str(picture("style.png", 40, 40)), **fast_settings)
    assert result.recipe["content"] == read_picture(tmp_path / "photo.png").digest
