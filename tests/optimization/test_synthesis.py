"""Feature reconstruction and texture synthesis."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

import impasto
from impasto.api import create_reconstruction_run, create_texture_run
from impasto.errors import OptionError
from impasto.images.picture import read_picture
from impasto.losses.moments import compute_moments
from impasto.optimization.run import Run
from impasto.vgg.network import VGG
from impasto.vgg.weight_files import Weights
from tests.conftest import scene


def last_image(run: Run) -> np.ndarray:
    (last,) = deque(run.steps(), maxlen=1)
    return np.asarray(last.image)


def features_of(weights: Weights, layers: list[str], picture: np.ndarray) -> dict[str, Tensor]:
    """layer -> features (positions, channels)"""
    maps = VGG(weights, layers).forward(read_picture(picture).pixels)
    return {name: maps[name].flatten(0, 1) for name in layers}


def relative_error(values: Tensor, target: Tensor) -> float:
    return float((values - target).square().sum() / target.square().sum())


@pytest.mark.slow
def test_low_layers_reconstruct_pixels_and_high_layers_only_features(vgg16: Weights) -> None:
    photo = scene(64, 48)
    low, high = (
        last_image(
            create_reconstruction_run(photo, layer, network="vgg16", size=64, iterations=120, seed=1, precision="float32")
        )
        for layer in ("conv1_1", "conv4_1")
    )
    assert np.abs(low.astype(float) - photo).mean() < 12  # of 255
    assert np.abs(high.astype(float) - photo).mean() > 2 * np.abs(low.astype(float) - photo).mean()
    noise = np.random.default_rng(0).integers(0, 256, photo.shape, dtype=np.uint8)
    target, reconstructed, random = (features_of(vgg16, ["conv4_1"], picture)["conv4_1"] for picture in (photo, high, noise))
    assert relative_error(reconstructed, target) < 0.2 * relative_error(random, target)


def test_reconstructions_and_textures_start_from_noise_unless_told_otherwise() -> None:
    picture = scene(48, 36)
    started: list[tuple[dict[str, Any], str]] = [
        ({}, "noise"),
        ({"init": None}, "noise"),
        ({"init": "gray"}, "gray"),
        ({"init_image": picture}, "image"),
    ]
    for start, init in started:
        settings = {**start, "network": "vgg16", "size": 48}
        assert create_reconstruction_run(picture, "conv1_1", **settings).options.init == init
        assert create_texture_run(picture, (48, 48), **settings).options.init == init


@pytest.mark.slow
def test_texture_has_the_style_and_its_size(vgg16: Weights) -> None:
    style = scene(80, 80, seed=3)
    layers = ["conv1_1", "conv2_1", "conv3_1"]
    texture = last_image(create_texture_run(style, (96, 64), network="vgg16", iterations=80, style_layers=",".join(layers)))
    assert texture.shape == (64, 96, 3)
    target, gram = (
        {name: compute_moments(features).second for name, features in features_of(vgg16, layers, picture).items()}
        for picture in (style, texture)
    )
    assert all(relative_error(gram[name], target[name]) < 0.1 for name in layers)


def test_run_needs_content_or_style_layers(random_weights_file: Path) -> None:
    with pytest.raises(OptionError, match="content_layers and style_layers are both none"):
        impasto.Options(content_layers="none", style_layers="none")
    with pytest.raises(OptionError, match="no style given"):
        impasto.stylize(scene(48, 40), [], weights=str(random_weights_file))
    with pytest.raises(OptionError, match="init 'style' needs a style"):
        create_reconstruction_run(scene(48, 40), "conv1_1", init="style")
    with pytest.raises(OptionError, match="a texture of 8 x 99 pixels"):
        create_texture_run(scene(48, 40), (8, 99))
    with pytest.raises(OptionError, match="conv9_9"):
        create_reconstruction_run(scene(48, 40), "conv9_9")
