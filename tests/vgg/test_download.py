"""Downloads from sources that answer, lie, stop halfway or do not exist, all of them on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from impasto.errors import WeightsError
from impasto.vgg.download import SOURCES, download_url, fetch_weights
from tests.conftest import Serve, replace_source, write_torchvision_file


def test_vgg19_is_downloaded_from_torchvisions_url() -> None:
    from torchvision.models import VGG19_Weights

    source = SOURCES["vgg19"]
    url = VGG19_Weights.IMAGENET1K_V1.url
    assert source.torchvision_name == str(VGG19_Weights.IMAGENET1K_V1)
    assert download_url(source) == source.location == url
    assert url.endswith(f"/vgg19-{source.sha256[:8]}.pth")


def test_file_that_torchvision_has_replaced_is_refused() -> None:
    source = dataclasses.replace(SOURCES["vgg19"], sha256="0" * 64)
    with pytest.raises(
        WeightsError, match=r"vgg19 is now https://.*\.pth in torchvision, without the expected SHA-256 00000000"
    ):
        download_url(source)


@pytest.mark.slow
def test_sources_are_listed_without_loading_torchvision(cache: Path) -> None:
    code = 'import sys; from impasto.cli.main import main; main(["weights"]); sys.exit("torchvision" in sys.modules)'
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    source = SOURCES["vgg19"]
    assert f"from {source.location}, SHA-256 {source.sha256}\n" in process.stdout


def test_silent_source_times_out(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts the connection and sends nothing."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        replace_source(monkeypatch, f"http://127.0.0.1:{server.getsockname()[1]}/", b"")
        monkeypatch.setattr("impasto.vgg.download._CONNECT_SECONDS", 0.2)
        monkeypatch.setattr("impasto.vgg.download._STALL_SECONDS", 3600)
        with pytest.raises(WeightsError, match="timed out"):
            fetch_weights("vgg19")


@pytest.mark.parametrize("cut", [0, 1, 100_000, -1])
def test_interrupted_download_leaves_no_file(
    tmp_path: Path, cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    content = write_torchvision_file(tmp_path / "vgg19.pth")
    replace_source(monkeypatch, serve(content, cut=lambda: cut), content)
    with pytest.raises(WeightsError, match=r"wrong SHA-256|cannot be fetched"):
        fetch_weights("vgg19")
    assert list(cache.iterdir()) == []


def test_download_with_a_wrong_hash_is_refused(
    tmp_path: Path, cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write_torchvision_file(tmp_path / "vgg19.pth")
    replace_source(monkeypatch, serve(content[:-1] + b"!"), content)
    with pytest.raises(WeightsError, match="wrong SHA-256"):
        fetch_weights("vgg19")
    assert list(cache.iterdir()) == []


def test_unwritable_cache_names_the_environment_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="IMPASTO_CACHE"):
        fetch_weights("vgg19")


@pytest.mark.slow
def test_two_processes_can_download_at_once(tmp_path: Path, cache: Path, serve: Serve) -> None:
    content = write_torchvision_file(tmp_path / "vgg19.pth")
    code = f"""
import dataclasses
from impasto.vgg.download import SOURCES, fetch_weights
from impasto.vgg.weights import load_weights
url, sha256 = {serve(content)!r}, {hashlib.sha256(content).hexdigest()!r}
SOURCES["vgg19"] = dataclasses.replace(SOURCES["vgg19"], location=url, torchvision_name="", sha256=sha256)
fetch_weights("vgg19")
print(load_weights("vgg19").network)
"""
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in processes] == ["vgg19", "vgg19"]
    assert [path.name for path in cache.iterdir()] == ["vgg19.safetensors"]
