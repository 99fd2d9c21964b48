"""Normalized networks: each filter's mean activation is 1, and the network computes the same function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import impasto.vgg.normalized
from impasto.cli.main import main
from impasto.errors import WeightsError
from impasto.images.picture import read_picture
from impasto.vgg.network import VGG
from impasto.vgg.normalized import load_named_weights, measure_mean_activations, normalize_weights, user_means_path
from impasto.vgg.weight_files import CAFFE_SCALE, Weights
from tests.conftest import random_weights, scene


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_normalizing_divides_each_filter_and_changes_nothing_else(network: str, pooling: str) -> None:
    plain = random_weights(network, torch.float64, divide=8)
    means = {name: torch.rand(len(bias), dtype=torch.float64) + 0.5 for name, (_, bias) in plain.layers.items()}
    deepest = list(plain.layers)[-1]
    image = torch.rand(35, 41, 3, dtype=torch.float64)
    before = VGG(plain, [deepest], pooling=pooling, dtype=torch.float64).forward(image)
    after = VGG(normalize_weights(plain, means), [deepest], pooling=pooling, dtype=torch.float64).forward(image)
    for name, mean in means.items():
        torch.testing.assert_close(after[name] * mean, before[name], rtol=1e-9, atol=1e-12)


def test_mean_activations_become_1_in_the_papers_units(vgg16: Weights) -> None:
    pictures = [read_picture(scene(96, 64)), read_picture(scene(64, 96, 1))]
    means = measure_mean_activations(vgg16, pictures)
    vgg = VGG(normalize_weights(vgg16, means), ["conv5_3"], pooling="max")
    total = {name: torch.zeros(len(mean)) for name, mean in means.items()}
    for picture in pictures:
        for name, features in vgg.forward(picture.pixels).items():
            total[name] += features.flatten(0, 1).mean(0) * CAFFE_SCALE / len(pictures)
    for name, mean in means.items():
        active = mean > 1e-3
        assert int(active.sum()) > 40
        torch.testing.assert_close(total[name][active], torch.ones(int(active.sum())), rtol=1e-3, atol=0)


@pytest.mark.slow
def test_included_means_are_those_of_the_demo_photos(vgg16: Weights) -> None:
    from skimage import data

    photos = [read_picture(getattr(data, name)()) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    included = load_file(Path(impasto.vgg.normalized.__file__).with_name("vgg16_means.safetensors"))
    for name, mean in measure_mean_activations(vgg16, photos).items():
        assert float((mean - included[name]).norm() / mean.norm()) < 1e-3


@pytest.mark.parametrize("network", ["vgg19-normalised", "vgg19-normalized"])
def test_network_without_means_says_how_to_measure_them(cache: Path, network: str) -> None:
    with pytest.raises(WeightsError, match=r"`impasto weights normalize PHOTOS... --network vgg19`"):
        load_named_weights(network)


def test_damaged_means_are_refused(cache: Path) -> None:
    cache.mkdir()
    (cache / "vgg16_means.safetensors").write_text("no tensors")
    with pytest.raises(WeightsError, match=r"vgg16_means.safetensors' holds no mean activations: delete it"):
        load_named_weights("vgg16-normalised")


@pytest.mark.parametrize(("action", "spelling"), [("normalise", "vgg19-normalised"), ("normalize", "vgg19-normalized")])
def test_command_measures_means_and_they_are_used(
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    picture: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    action: str,
    spelling: str,
) -> None:
    weights = random_weights("vgg19")
    monkeypatch.setattr("impasto.vgg.normalized.load_weights", lambda *_, **__: weights)
    (tmp_path / "photos").mkdir()
    picture("photos/a.png")
    picture("photos/b.jpg")
    for network in ("vgg19", spelling):
        assert main(["weights", action, str(tmp_path / "photos"), "--network", network]) == 0
        out, error = capsys.readouterr()
        assert Path(out.strip()) == user_means_path("vgg19")
        assert "by 2 picture(s)" in error
    assert load_named_weights(spelling).network == "vgg19-normalised"
    assert main(["weights", action, str(tmp_path / "none")]) == 2
