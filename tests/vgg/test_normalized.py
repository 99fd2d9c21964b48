"""The normalised network: each filter's mean activation is 1, and the function is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from impasto.cli.main import main
from impasto.errors import WeightsError
from impasto.images.picture import read_picture
from impasto.vgg.network import VGG
from impasto.vgg.normalized import load_named_weights, measure_mean_activations, normalize_weights, user_means_path
from impasto.vgg.weight_files import CAFFE_SCALE, Weights
from tests.conftest import made_up_weights, scene


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_filters_are_divided_and_nothing_else_changes(network: str, pooling: str) -> None:
    plain = made_up_weights(network, torch.float64, divide=8)
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
    net = VGG(normalize_weights(vgg16, means), ["conv5_3"], pooling="max")
    total = {name: torch.zeros(len(mean)) for name, mean in means.items()}
    for picture in pictures:
        for name, layer in net.forward(picture.pixels).items():
            total[name] += layer.flatten(0, 1).mean(0) * CAFFE_SCALE / len(pictures)
    for name, mean in means.items():
        fires = mean > 1e-3
        assert int(fires.sum()) > 40
        torch.testing.assert_close(total[name][fires], torch.ones(int(fires.sum())), rtol=1e-3, atol=0)


def test_the_shipped_means_are_those_of_the_demo_photographs(vgg16: Weights) -> None:
    from skimage import data

    photographs = [read_picture(getattr(data, name)()) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    shipped = load_file(Path(__file__).with_name("vgg16_means.safetensors"))
    for name, mean in measure_mean_activations(vgg16, photographs).items():
        assert float((mean - shipped[name]).norm() / mean.norm()) < 1e-3


def test_a_network_without_means_says_how_to_measure_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="impasto weights normalise"):
        load_named_weights("vgg19-normalised")


def test_the_command_measures_and_the_cache_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    made_up = made_up_weights("vgg19")
    monkeypatch.setattr("impasto.vgg.normalized.load_weights", lambda *_, **__: made_up)
    (tmp_path / "photos").mkdir()
    picture("photos/a.png")
    picture("photos/b.jpg")
    assert main(["weights", "normalise", str(tmp_path / "photos"), "--network", "vgg19"]) == 0
    out, error = capsys.readouterr()
    assert Path(out.strip()) == user_means_path("vgg19")
    assert "by 2 picture(s)" in error
    assert load_named_weights("vgg19-normalised").network == "vgg19-normalised"
    assert main(["weights", "normalise", str(tmp_path / "none")]) == 2
