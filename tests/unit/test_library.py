"""The nets that there are: those that came with Impasto, and the user's own."""

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
from tests.unit.test_nets import made


def test_three_nets_come_with_impasto() -> None:
    assert set(bundled_networks()) == {"harvest", "rose_window", "alpenglow"}
    for path in bundled_networks().values():
        net = TransformNet.load(path)
        assert path.stat().st_size < 1_500_000
        assert [style.licence for style in net.styles] == ["CC0-1.0"]
        assert Image.open(io.BytesIO(base64.b64decode(net.styles[0].thumbnail))).size == (96, 72)
        assert net.facts["steps"] == 4000
        assert net.facts["options"]["network"] == "vgg16"


def test_the_users_own_are_known_by_name_and_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_NETS", str(tmp_path / "nets"))
    assert available_networks() == bundled_networks()
    (tmp_path / "nets").mkdir()
    for name in ("waves", "harvest"):
        made(1).save(tmp_path / "nets" / f"{name}.safetensors")
    assert resolve_network("waves") == available_networks()["waves"] == tmp_path / "nets" / "waves.safetensors"
    assert resolve_network("harvest").parent == tmp_path / "nets"
    assert resolve_network(tmp_path / "nets" / "waves.safetensors") == resolve_network("waves")
    with pytest.raises(
        NetError, match="there is no net 'storm': check its name; there are: alpenglow, harvest, rose_window, waves"
    ):
        resolve_network("storm")
    assert display_name("rose_window") == "Rose window"


def test_nets_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("IMPASTO_NETS", str(tmp_path))
    made(1).save(tmp_path / "waves.safetensors")
    assert main(["nets"]) == 0
    said = capsys.readouterr()
    assert "rose_window  0." in said.out
    assert "waves  0." in said.out
    assert "  harvest  (CC0-1.0)" in said.out
    assert f"your own lie in {tmp_path}" in said.err
