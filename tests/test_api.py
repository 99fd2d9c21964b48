"""The public functions beyond `stylize` and `stream`, on a network with random weights."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import impasto
from impasto.errors import NetError, OptionError
from impasto.options import Options
from tests.conftest import FEW_LAYERS, pixels, png_text, scene

TRAINING = {**FEW_LAYERS, "size": 64, "precision": "float32"}


@pytest.fixture
def training(random_weights_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings of a training of two tiny steps"""
    monkeypatch.setattr("impasto.feedforward.training.PHASES", (impasto_phase(32),))
    Image.fromarray(scene(80, 64)).save(tmp_path / "photo.png")
    return {**TRAINING, "weights": str(random_weights_file), "photos": [tmp_path / "photo.png"], "steps": 2}


def impasto_phase(side: int) -> object:
    from impasto.feedforward.training import Phase

    return Phase(side, 1.0, 1e-3)


def test_texture_has_the_requested_size(fast_settings: dict[str, Any]) -> None:
    del fast_settings["size"]
    result = impasto.texture(scene(48, 40), (64, 32), **fast_settings)
    assert result.image.size == (64, 32)
    assert result.options.content_layers == "none"


def test_reconstruction_uses_the_paper_and_one_layer(fast_settings: dict[str, Any]) -> None:
    result = impasto.reconstruct(scene(48, 40), "conv2_1", **fast_settings)
    assert (result.options.preset, result.options.content_layers, result.options.style_layers) == ("paper", "conv2_1", "none")
    assert result.style_loss == 0


def test_rerun_makes_the_same_picture(fast_settings: dict[str, Any], tmp_path: Path) -> None:
    for name, seed in (("photo.png", 0), ("style.png", 1)):
        Image.fromarray(scene(48, 40, seed)).save(tmp_path / name)
    first = impasto.stylize(tmp_path / "photo.png", tmp_path / "style.png", **fast_settings)
    first.save(tmp_path / "out.png")
    again = impasto.rerun(tmp_path / "out.png", weights=fast_settings["weights"])
    np.testing.assert_array_equal(pixels(again.image), pixels(first.image))
    larger = impasto.rerun(tmp_path / "out.png", weights=fast_settings["weights"], size=80)
    assert larger.image.size == (80, 67)


def test_training_yields_steps_and_a_network(training: dict[str, Any], tmp_path: Path) -> None:
    steps = list(impasto.train([scene(64, 48, 1), scene(48, 64, 2)], **training, names=["one", "two"], license="CC0"))
    assert [step.steps for step in steps] == [1, 2]
    assert steps[-1].fraction == 1
    steps[-1].network.save(tmp_path / "two.safetensors")
    network = impasto.StyleNetwork.load(tmp_path / "two.safetensors")
    assert network.info.name == "two"
    assert network.info.styles == ("one", "two")
    assert network.info.licenses == ("CC0", "CC0")
    assert network.info.training["steps"] == 2


def test_training_reports_bad_input_at_once(training: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="1 names for 2 style"):
        impasto.train([scene(64, 48, 1), scene(48, 64, 2)], **training, names=["one"])
    with pytest.raises(OptionError, match="minutes is 0"):
        impasto.train(scene(64, 48, 1), **training, minutes=0)
    with pytest.raises(OptionError, match="size 0"):
        impasto.train(scene(64, 48, 1), **training | {"size": 0})


def test_close_ends_training(training: dict[str, Any]) -> None:
    steps = impasto.train(scene(64, 48, 1), **training | {"steps": 1000})
    assert isinstance(steps, Iterator)
    next(steps)
    steps.close()
    assert list(steps) == []


def test_a_network_is_loaded_by_name_and_applied(tmp_path: Path) -> None:
    assert {"alpenglow", "harvest", "rose_window"} <= set(impasto.networks())
    network = impasto.StyleNetwork.load("rose_window")
    assert network.info.title == "Rose window"
    photo = scene(70, 50)
    result = network.apply(photo)
    assert result.image.size == (70, 50)
    assert (pixels(result.image) != photo).any()
    assert network.apply(photo, size=40, strength=0.2).image.size == (40, 29)
    assert network.apply(photo, impasto.Options(size=40)).image.size == (40, 29)
    result.save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert json.loads(png_text(image)["impasto"]) == result.recipe
    network.save(tmp_path / "copy.safetensors")
    copy = impasto.StyleNetwork.load(tmp_path / "copy.safetensors")
    np.testing.assert_array_equal(pixels(copy.apply(photo).image), pixels(result.image))


def test_an_unknown_network_or_option_is_refused() -> None:
    with pytest.raises(NetError, match="nonesuch"):
        impasto.StyleNetwork.load("nonesuch")
    with pytest.raises(OptionError, match="did you mean 'strength'"):
        impasto.StyleNetwork.load("harvest").apply(scene(40, 40), strenght=1)


def test_every_public_name_is_there() -> None:
    for name in impasto.__all__:
        assert getattr(impasto, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'styleize'"):
        impasto.styleize  # noqa: B018


def test_a_result_is_small(fast_settings: dict[str, Any]) -> None:
    """A result that is kept or sent to another process holds no network."""
    result = impasto.stylize(scene(48, 40), scene(40, 40, 1), **fast_settings)
    size = len(pickle.dumps(result))
    assert size < result.picture.pixels.numel() * 4 + 100_000
    copied = pickle.loads(pickle.dumps(result))
    assert copied.recipe == result.recipe
    np.testing.assert_array_equal(np.asarray(copied.image), np.asarray(result.image))


def test_numbers_of_numpy_are_numbers() -> None:
    numbers: dict[str, Any] = {
        "style_weights": np.array([1.0, 3.0], np.float32),
        "strength": np.float32(0.25),
        "size": np.int64(64),
    }
    plain: dict[str, Any] = {"style_weights": (1.0, 3.0), "strength": 0.25, "size": 64}
    assert Options(**numbers) == Options(**plain)
    assert json.dumps(Options(**numbers).strength) == "0.25"
