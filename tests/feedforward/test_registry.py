"""Style networks by name: the bundled ones and the user's own."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from impasto import ImageError, NetError
from impasto.cli.main import main
from impasto.feedforward.network import TransformNet
from impasto.feedforward.registry import (
    available_networks,
    bundled_networks,
    delete_network,
    describe_networks,
    display_name,
    rename_network,
    resolve_network,
)
from impasto.worker import network_library
from impasto.worker.channel import Connection
from impasto.worker.protocol import FrameReader
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


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's networks, with one named waves"""
    monkeypatch.setenv("IMPASTO_NETS", str(tmp_path))
    random_net(1).save(tmp_path / "waves.safetensors")
    return tmp_path


def description(name: str) -> dict[str, object]:
    return next(network for network in describe_networks() if network["name"] == name)


def test_renamed_network_keeps_its_name_and_its_values(own_folder: Path) -> None:
    before = TransformNet.load(own_folder / "waves.safetensors")
    assert (description("waves")["title"], description("waves")["own"]) == ("Waves", True)
    rename_network("waves", "  Die große Welle  ")
    assert description("waves")["title"] == "Die große Welle"
    after = TransformNet.load(resolve_network("waves"))
    assert after.state.keys() == before.state.keys()
    assert all(after.state[key].equal(before.state[key]) for key in before.state)
    assert after.styles == before.styles


@pytest.mark.parametrize("title", ["", "  ", "a\nb", "\x1b[31m"])
def test_title_must_be_printable(own_folder: Path, title: str) -> None:
    with pytest.raises(NetError, match="printable"):
        rename_network("waves", title)
    assert description("waves")["title"] == "Waves"


@pytest.mark.parametrize("title", [7, "", "\x1b[31m"])
def test_unusable_title_in_a_file_is_ignored(own_folder: Path, title: object) -> None:
    network = random_net(1)
    network.training_info = {"title": title}
    network.save(own_folder / "waves.safetensors")
    assert description("waves")["title"] == "Waves"


def test_only_own_networks_are_renamed_and_deleted(own_folder: Path) -> None:
    random_net(1).save(own_folder / "harvest.safetensors")  # overrides the bundled one
    assert not description("alpenglow")["own"]
    for name in ("alpenglow", "../waves", "storm"):
        with pytest.raises(NetError, match=r"comes with Impasto|may have been deleted"):
            rename_network(name, "Mine")
        with pytest.raises(NetError, match=r"comes with Impasto|may have been deleted"):
            delete_network(name)
    delete_network("waves")
    delete_network("harvest")
    assert not list(own_folder.glob("*.safetensors"))
    assert available_networks() == bundled_networks()
    assert all(path.exists() for path in bundled_networks().values())


def test_network_that_cannot_be_deleted_is_reported(own_folder: Path) -> None:
    (own_folder / "folder.safetensors").mkdir()
    with pytest.raises(ImageError, match="cannot be deleted"):
        delete_network("folder")


def test_worker_renames_and_deletes_networks(own_folder: Path) -> None:
    output = io.BytesIO()
    connection = Connection(io.BytesIO(), output, on_disconnect=lambda: None)
    network_library.handle({"op": "rename_net", "name": "waves", "title": "Sea"}, connection)
    network_library.handle({"op": "delete_net", "name": "waves"}, connection)
    frames = [header for header, _ in FrameReader().feed(output.getvalue())]
    titles = [{network["name"]: network["title"] for network in frame["nets"]} for frame in frames]
    assert [frame["op"] for frame in frames] == ["nets", "nets"]
    assert titles[0]["waves"] == "Sea"
    assert "waves" not in titles[1]
    with pytest.raises(NetError):
        network_library.handle({"op": "delete_net"}, connection)
