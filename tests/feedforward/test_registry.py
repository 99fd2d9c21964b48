"""Style networks by name: the bundled ones and the user's own."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from impasto import NetError
from impasto.cli.main import main
from impasto.feedforward.network import TransformNet
from impasto.feedforward.registry import available_networks, bundled_networks, display_name, resolve_network
from tests.feedforward.helpers import random_net


def test_bundled_networks_are_complete_and_small() -> None:
    assert set(bundled_networks()) == {"harvest", "rose_window", "alpenglow"}
    for path in bundled_networks().values():
        net = TransformNet.load(path)
        assert path.stat().st_size < 1_500_000
        assert [style.license for style in net.styles] == ["CC0-1.0"]
        assert Image.open(io.BytesIO(base64.b64decode(net.styles[0].thumbnail))).size == (96, 72)
        assert net.training_info["steps"] == 4000
        assert net.training_info["options"]["network"] == "vgg16"


def test_user_networks_are_found_by_name_and_override_bundled_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_NETS", str(tmp_path / "nets"))
    assert available_networks() == bundled_networks()
    (tmp_path / "nets").mkdir()
    for name in ("waves", "harvest"):
        random_net(1).save(tmp_path / "nets" / f"{name}.safetensors")
    assert resolve_network("waves") == available_networks()["waves"] == tmp_path / "nets" / "waves.safetensors"
    assert resolve_network("harvest").parent == tmp_path / "nets"
    assert resolve_network(tmp_path / "nets" / "waves.safetensors") == resolve_network("waves")
    with pytest.raises(
        NetError, match="no style network 'storm': check its name; available: alpenglow, harvest, rose_window, waves"
    ):
        resolve_network("storm")
    assert display_name("rose_window") == "Rose window"


def test_nets_command_lists_bundled_and_user_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_NETS", str(tmp_path))
    random_net(1).save(tmp_path / "waves.safetensors")
    assert main(["nets"]) == 0
    output = capsys.readouterr()
    assert "rose_window  0." in output.out
    assert "waves  0." in output.out
    assert "  harvest  (CC0-1.0)" in output.out
    assert f"your own networks are in {tmp_path}" in output.err
