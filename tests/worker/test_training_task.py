"""Jobs that train a style network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from impasto.feedforward.network import TransformNet
from impasto.feedforward.registry import describe_networks, new_network_file
from tests.helpers import Client
from tests.worker.conftest import bgra


@pytest.mark.slow
def test_training_adds_a_network_and_can_be_finished_or_cancelled(
    client: Client, networks_folder: Path, random_weights_file: Path
) -> None:
    options = {"weights": str(random_weights_file), "network": "vgg16", "precision": "float32"}

    def train(job: int, minutes: float) -> None:
        client.send_image(job, "style", bgra(5, size=(240, 300)))
        client.send({"op": "train", "job": job, "name": "My style!", "minutes": minutes, "options": options})

    train(7, 0.02)
    frames = client.read_until("nets", "error")
    done = frames[-2][0]
    assert (done["op"], done["net"]) == ("done", "My_style_")
    assert any(header["op"] == "preview" for header, _ in frames)
    assert [header for header, _ in frames if header["op"] == "progress"][-1]["phase"] == "training"
    assert "My_style_" in [network["name"] for network in frames[-1][0]["nets"]]
    network = TransformNet.load(networks_folder / "My_style_.safetensors")
    assert network.training_info["steps"] == done["steps"]
    train(8, 60)
    client.read_until("preview")
    client.send({"op": "finish", "job": 8})
    assert client.read_until("done")[-1][0]["net"] == "My_style__2"
    client.read_until("nets")
    train(9, 60)
    client.read_until("preview")
    client.send({"op": "cancel", "job": 9})
    client.read_until("cancelled")
    assert not (networks_folder / "My_style__3.safetensors").exists()


def test_a_new_network_file_is_in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_NETS", str(tmp_path / "nets"))
    assert new_network_file("../../etc/passwd").parent == tmp_path / "nets"
    assert new_network_file("Grüße 1").name == "Grüße_1.safetensors"
    assert new_network_file("  ").name == "style.safetensors"
    assert json.dumps(describe_networks())  # no files there yet
