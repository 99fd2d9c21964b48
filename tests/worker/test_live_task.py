"""The worker with nets: painting at once, following a picture that changes, and training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.registry import describe_networks, new_network_file
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.images.picture import to_uint
from impasto.options import Options
from impasto.worker.protocol import Header
from tests.clients import Client
from tests.conftest import scene
from tests.unit.test_nets import random_net

WIDTH, HEIGHT = 240, 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nets")
    net = random_net(1, blocks=1)
    net.styles = (Style.from_image("waves", Image.fromarray(scene(64, 48))),)
    net.save(folder / "green_waves.safetensors")
    (folder / "broken.safetensors").write_bytes(b"no net")
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    client = Client(IMPASTO_NETS=str(folder))
    client.greeting = client.until("nets")
    yield client
    client.close()


def bgra(seed: int = 0) -> np.ndarray:
    return np.dstack([scene(WIDTH, HEIGHT, seed)[..., ::-1], np.full((HEIGHT, WIDTH), 255, np.uint8)])


def assembled(frames: list[tuple[Header, bytes]], op: str, width: int = WIDTH) -> np.ndarray:
    rows = [(header, blob) for header, blob in frames if header["op"] == op]
    width = rows[0][0].get("width", width)
    return np.concatenate([np.frombuffer(blob, np.uint8).reshape(-1, width, 4) for _, blob in rows])


def begin(client: Client, job: int, values: np.ndarray, **more: Any) -> None:
    client.image(job, "content", values)
    client.send({"op": "image", "job": job, "role": "style", "net": "green_waves"})
    client.send({"op": "start", "job": job, "options": {"strength": 0.7}, **more})


def begun(client: Client, job: int, values: np.ndarray, **more: Any) -> list[tuple[Header, bytes]]:
    begin(client, job, values, **more)
    return client.until("done", "error")


def test_the_nets_that_there_are_come_with_their_thumbnails(client: Client) -> None:
    (about,) = (about for about in client.greeting[-1][0]["nets"] if about["name"] == "green_waves")
    assert about["title"] == "Green waves"
    assert len(about["thumbnail"]) > 100
    assert not any(about["name"] == "broken" for about in client.greeting[-1][0]["nets"])


def test_a_net_paints_what_the_command_paints(client: Client, folder: Path) -> None:
    found = assembled(begun(client, 1, bgra()), "rows")
    painter = FeedforwardStylizer(TransformNet.load(folder / "green_waves.safetensors"), Options(size=0, strength=0.7))
    wanted = to_uint(painter.stylize(scene(WIDTH, HEIGHT)), 8)
    assert np.abs(found[..., 2::-1].astype(int) - wanted).max() <= 1
    assert (found[..., 3] == 255).all()
    client.image(2, "content", bgra())
    client.send({"op": "image", "job": 2, "role": "style", "net": "blue_waves"})
    client.send({"op": "start", "job": 2, "options": {}})
    assert "there is no net 'blue_waves'" in client.until("error")[-1][0]["text"]


def test_a_live_job_follows_its_content(client: Client) -> None:
    values = bgra()
    whole = assembled(begun(client, 3, values, live=True), "rows")
    values[100:110, 50:60, :3] = 0
    patch = {"op": "patch", "job": 3, "x": 50, "y": 100, "width": 10, "height": 10}
    client.send(patch, values[100:110, 50:60].tobytes())
    frames = client.until("patch")
    about, part = frames[-1][0], assembled(frames, "patch")
    assert about["last"]
    assert part.shape == (about["height"], about["width"], 4)
    assert about["x"] <= 40
    assert about["x"] + about["width"] >= 70
    there = whole[about["y"] : about["y"] + about["height"], about["x"] : about["x"] + about["width"]]
    assert np.abs(part.astype(int) - there)[..., :3].max() > 20
    corner = np.abs(part.astype(int) - there)[:2, :2]
    assert corner.max() <= 1  # as far from the change as that, nothing is different
    client.send({"op": "settle", "job": 3})
    settled = client.until("patch")
    while not settled[-1][0]["last"]:
        settled += client.until("patch")
    assert (assembled(settled, "patch") == assembled(begun(client, 4, values), "rows")).all()
    # Jobs in between leave it alone; nonsense and what has been ended are told.
    client.send(patch, values[100:110, 50:60].tobytes())
    assert client.until("patch")[-1][0]["job"] == 3
    for bent in ({**patch, "width": 9}, {**patch, "x": WIDTH}, {**patch, "height": "10"}):
        client.send(bent, bytes(400))
        assert client.until("error")[-1][0]["code"] == "ImageError"
    client.send({"op": "cancel", "job": 3})
    client.until("cancelled")
    client.send(patch, values[100:110, 50:60].tobytes())
    assert "nothing is live" in client.until("error")[-1][0]["text"]


def test_a_live_job_and_a_painting_may_arrive_at_once(client: Client) -> None:
    values = bgra()
    client.image(20, "content", values)
    begun(client, 21, values, live=True)  # between the frames of the other
    client.send({"op": "cancel", "job": 21})
    client.until("cancelled")
    client.send({"op": "image", "job": 20, "role": "style", "net": "green_waves"})
    client.send({"op": "start", "job": 20, "options": {}})
    assert client.until("done", "error")[-1][0]["op"] == "done"


def test_what_is_more_pressing_overtakes_what_settles(client: Client) -> None:
    begun(client, 22, bgra(), live=True)
    patch = {"op": "patch", "job": 22, "x": 5, "y": 5, "width": 1, "height": 1}
    client.send({"op": "settle", "job": 22})
    client.send({"op": "nets"})  # is not
    assert client.until("settled")[-1][0]["done"]
    client.until("nets")
    for _ in range(20):  # whichever of the two is the quicker, it is answered
        client.send({"op": "settle", "job": 22})
        client.send(patch, bytes(4))
        frames = client.until("settled")
        if not frames[-1][0]["done"]:
            break
        client.until("patch")
    assert [header["op"] for header, _ in frames] == ["settled"]
    client.until("patch")
    client.send({"op": "cancel", "job": 22})
    client.until("cancelled")


def test_what_is_more_pressing_overtakes_a_live_picture_that_takes_long(folder: Path) -> None:
    client = Client(first="worker._GIVES_WAY = 0", IMPASTO_NETS=str(folder))
    client.until("nets")
    large = np.tile(bgra(), (3, 3, 1))
    begin(client, 30, large, live=True)
    client.send({"op": "cancel", "job": 31})  # of another painting
    frames = client.until("cancelled")
    assert [header["op"] for header, _ in frames] == ["done", "cancelled"]  # without rows
    # All of it changes: what comes is a patch without pixels. Both are there once it settles.
    after = large[:, ::-1].copy()
    height, width = after.shape[:2]
    client.send({"op": "patch", "job": 30, "x": 0, "y": 0, "width": width, "height": height}, after.tobytes())
    client.send({"op": "cancel", "job": 31})
    frames = client.until("cancelled")
    assert [(header["op"], header.get("last"), len(blob)) for header, blob in frames[:-1]] == [("patch", True, 0)]
    client.send({"op": "settle", "job": 30})
    settled = assembled(client.until("settled"), "patch")
    assert (settled == assembled(begun(client, 32, after), "rows", width)).all()
    client.close()


def test_a_style_is_learned_and_kept_among_the_users_nets(client: Client, folder: Path, made_up_file: Path) -> None:
    options = {"weights": str(made_up_file), "network": "vgg16", "precision": "float32"}

    def train(job: int, minutes: float) -> None:
        client.image(job, "style", bgra(5))
        client.send({"op": "train", "job": job, "name": "My style!", "minutes": minutes, "options": options})

    train(7, 0.02)
    frames = client.until("nets", "error")
    done = frames[-2][0]
    assert (done["op"], done["net"]) == ("done", "My_style_")
    assert any(header["op"] == "preview" for header, _ in frames)
    assert [header for header, _ in frames if header["op"] == "progress"][-1]["phase"] == "training"
    assert "My_style_" in [about["name"] for about in frames[-1][0]["nets"]]
    assert TransformNet.load(folder / "My_style_.safetensors").training_info["steps"] == done["steps"]
    # It can be ended, and keeps what it has learned; or be given up.
    train(8, 60)
    client.until("preview")
    client.send({"op": "finish", "job": 8})
    assert client.until("done")[-1][0]["net"] == "My_style__2"
    train(9, 60)
    client.until("preview")
    client.send({"op": "cancel", "job": 9})
    client.until("cancelled")
    assert not (folder / "My_style__3.safetensors").exists()


def test_a_place_for_a_net_is_one_in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_NETS", str(tmp_path / "nets"))
    assert new_network_file("../../etc/passwd").parent == tmp_path / "nets"
    assert new_network_file("Grüße 1").name == "Grüße_1.safetensors"
    assert new_network_file("  ").name == "style.safetensors"
    assert json.dumps(describe_networks())  # there are no files in it as yet
