"""What the network keeps of a picture: content from a layer, style as a texture."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
import pytest
import torch

import impasto
from impasto.api import create_reconstruction_run, create_texture_run
from impasto.errors import OptionError
from impasto.images.picture import read_picture
from impasto.losses.moments import compute_moments
from impasto.vgg.network import VGG
from impasto.vgg.weight_files import Weights
from tests.conftest import scene


def painted(run: object) -> np.ndarray:
    (last,) = deque(run.steps(), maxlen=1)
    return np.asarray(last.image)


def seen(weights: Weights, layers: list[str], picture: np.ndarray) -> dict[str, torch.Tensor]:
    maps = VGG(weights, layers).forward(read_picture(picture).pixels)
    return {name: maps[name].flatten(0, 1) for name in layers}


def off(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).square().sum() / wanted.square().sum())


def test_low_layers_reconstruct_pixels_and_high_layers_do_not(vgg16: Weights) -> None:
    photo = scene(96, 64)
    low, high = (
        painted(create_reconstruction_run(photo, layer, network="vgg16", size=96, iterations=150, seed=1))
        for layer in ("conv1_1", "conv4_1")
    )
    assert np.abs(low.astype(float) - photo).mean() < 12  # of 255: nearly the picture
    assert np.abs(high.astype(float) - photo).mean() > 2 * np.abs(low.astype(float) - photo).mean()
    noise = np.random.default_rng(0).integers(0, 256, photo.shape, dtype=np.uint8)
    wanted = seen(vgg16, ["conv4_1"], photo)["conv4_1"]
    assert off(seen(vgg16, ["conv4_1"], high)["conv4_1"], wanted) < 0.2 * off(
        seen(vgg16, ["conv4_1"], noise)["conv4_1"], wanted
    )


def test_texture_has_the_style_and_its_size(vgg16: Weights) -> None:
    style = scene(80, 80, seed=3)
    made = painted(create_texture_run(style, (128, 72), network="vgg16", iterations=40))
    assert made.shape == (72, 128, 3)
    layers = ["conv1_1", "conv2_1", "conv3_1"]
    wanted = {name: compute_moments(features).second for name, features in seen(vgg16, layers, style).items()}
    found = {name: compute_moments(features).second for name, features in seen(vgg16, layers, made).items()}
    assert all(off(found[name], wanted[name]) < 0.1 for name in layers)


def test_run_needs_content_or_style_layers(random_weights_file: Path) -> None:
    with pytest.raises(OptionError, match="nothing to paint by"):
        impasto.Options(content_layers="none", style_layers="none")
    with pytest.raises(OptionError, match="no style given"):
        impasto.stylize(scene(48, 40), [], weights=str(random_weights_file))
    with pytest.raises(OptionError, match="init 'style' needs a style"):
        create_reconstruction_run(scene(48, 40), "conv1_1", init="style")
    with pytest.raises(OptionError, match="a texture of 8 x 99 pixels"):
        create_texture_run(scene(48, 40), (8, 99))
    with pytest.raises(OptionError, match="conv9_9"):
        create_reconstruction_run(scene(48, 40), "conv9_9")
