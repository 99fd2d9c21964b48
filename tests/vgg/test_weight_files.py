"""Files of weights: published, of the user's own, damaged and malicious."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import pytest
import torch
from torch.nn import Conv2d

from impasto.errors import WeightsError
from impasto.vgg.download import fetch_weights
from impasto.vgg.weight_files import _INPUT_CONVENTIONS, CAFFE_SCALE, Weights, kernel_shapes, torchvision_indices
from impasto.vgg.weights import load_weights
from tests.conftest import Serve, random_weights, replace_source, write_torchvision_file
from tests.vgg.helpers import torchvision_features


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_layer_indices_and_shapes_equal_torchvisions(network: str) -> None:
    features = torchvision_features(network)
    convolutions = {i: layer for i, layer in enumerate(features) if isinstance(layer, Conv2d)}
    assert torchvision_indices(network) == list(convolutions)
    assert [layer.weight.shape for layer in convolutions.values()] == list(kernel_shapes(network).values())


def test_oxfords_network_is_the_published_one(vgg16: Weights) -> None:
    """The first kernel of conv1_1, as Keras distributes it; stored blue first, used red first"""
    kernel, _ = vgg16.layers["conv1_1"]
    assert float(kernel[0, 2, 0, 0]) == pytest.approx(0.42947057)
    assert float(vgg16.std[0] * 255) == pytest.approx(58)


@pytest.mark.parametrize("convention", ["torchvision", "caffe"])
def test_published_file_is_recognized_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, convention: str) -> None:
    """Files of one network and shape take RGB around 0 or BGR up to 255, and only their hash tells which."""
    path = tmp_path / "published.pth"
    sha256 = hashlib.sha256(write_torchvision_file(path, "vgg16")).hexdigest()
    assert sha256[:8] not in _INPUT_CONVENTIONS
    monkeypatch.setitem(_INPUT_CONVENTIONS, sha256[:8], convention)
    loaded, (kernel, bias) = load_weights("vgg16", str(path)), random_weights("vgg16").layers["conv1_1"]
    is_caffe = convention == "caffe"
    assert torch.equal(loaded.layers["conv1_1"][0], kernel.flip(1) if is_caffe else kernel)
    assert torch.equal(loaded.layers["conv1_1"][1], bias / CAFFE_SCALE if is_caffe else bias)
    assert float(loaded.mean[0]) == pytest.approx(123.68 / 255 if is_caffe else 0.485)


def test_damaged_file_in_the_cache_is_refused(
    tmp_path: Path, cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write_torchvision_file(tmp_path / "vgg19.pth")
    replace_source(monkeypatch, serve(content), content)
    path = fetch_weights("vgg19")
    damaged = bytearray(path.read_bytes())
    damaged[-5] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(WeightsError, match="is damaged"):
        load_weights("vgg19")


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_network_of_the_users_own_file_is_recognized(tmp_path: Path, network: str) -> None:
    write_torchvision_file(tmp_path / f"{network}.pth", network)
    assert load_weights("auto", str(tmp_path / f"{network}.pth")).network == network


class _Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch executed",)


def test_invalid_weight_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_torchvision_file(Path("vgg16.pth"), "vgg16")
    write_torchvision_file(Path("vgg19-00000000.pth"))
    state = torch.load("vgg16.pth", weights_only=True)
    torch.save({**state, "features.5.weight": torch.zeros(128, 64, 5, 5)}, "shapes.pth")
    torch.save({"anything": torch.zeros(3)}, "other.pth")
    torch.save([1, 2], "list.pth")
    Path("malicious.pth").write_bytes(pickle.dumps(_Malicious()))
    Path("text.safetensors").write_text("no tensors")
    Path("cut.pth").write_bytes(Path("vgg16.pth").read_bytes()[:5000])
    expected = {
        "missing.pth": "there is no weights file",
        "missing.safetensors": "there is no weights file",
        "vgg19-00000000.pth": "not what its name says",
        "shapes.pth": r"conv2_1 is \(128, 64, 5, 5\) where \(128, 64, 3, 3\)",
        "other.pth": "has no conv1_1",
        "list.pth": "not a state dictionary",
        "malicious.pth": "holds no weights",
        "text.safetensors": "holds no weights",
        "cut.pth": "holds no weights",
    }
    for name, message in expected.items():
        with pytest.raises(WeightsError, match=message) as raised:
            load_weights("auto", name)
        assert name in str(raised.value)
        assert "\n" not in str(raised.value)
    with pytest.raises(WeightsError, match="not a file of vgg19"):
        load_weights("vgg19", "vgg16.pth")
    assert not Path("executed").exists()
