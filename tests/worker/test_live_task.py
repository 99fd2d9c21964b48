"""Jobs painted by a trained network: in one pass, as pictures of a film, and live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto.feedforward.network import TransformNet
from impasto.feedforward.stylizer import FeedforwardStylizer, TemporalSmoothing
from impasto.images.picture import to_uint
from impasto.options import Options
from impasto.worker.protocol import Header
from tests.conftest import scene
from tests.helpers import Client
from tests.worker.conftest import bgra

SIZE = WIDTH, HEIGHT = 240, 300


def assemble(frames: list[tuple[Header, bytes]], op: str, width: int = WIDTH) -> np.ndarray:
    """Join the pixels of the frames with this op, (H, W, 4) uint8."""
    rows = [(header, blob) for header, blob in frames if header["op"] == op]
    width = rows[0][0].get("width", width)
    return np.concatenate([np.frombuffer(blob, np.uint8).reshape(-1, width, 4) for _, blob in rows])


def start_job(client: Client, job: int, values: np.ndarray, **fields: Any) -> None:
    client.send_image(job, "content", values)
    client.send({"op": "image", "job": job, "role": "style", "net": "green_waves"})
    client.send({"op": "start", "job": job, "options": {"strength": 0.7}, **fields})


def run_job(client: Client, job: int, values: np.ndarray, **fields: Any) -> list[tuple[Header, bytes]]:
    start_job(client, job, values, **fields)
    return client.read_until("done", "error")


def cancel_job(client: Client, job: int) -> list[tuple[Header, bytes]]:
    client.send({"op": "cancel", "job": job})
    return client.read_until("cancelled")


def test_available_networks_are_sent_with_thumbnails(client: Client) -> None:
    networks = client.greeting[-1][0]["nets"]
    (network,) = (network for network in networks if network["name"] == "green_waves")
    assert network["title"] == "Green waves"
    assert len(network["thumbnail"]) > 100
    assert not any(network["name"] == "broken" for network in networks)


def test_a_network_job_equals_the_stylizer(client: Client, networks_folder: Path) -> None:
    painting = assemble(run_job(client, 1, bgra(size=SIZE)), "rows")
    network = TransformNet.load(networks_folder / "green_waves.safetensors")
    expected = to_uint(FeedforwardStylizer(network, Options(size=0, strength=0.7)).stylize(scene(WIDTH, HEIGHT)), 8)
    assert np.abs(painting[..., 2::-1].astype(int) - expected).max() <= 1
    assert (painting[..., 3] == 255).all()


def test_an_unknown_network_is_refused(client: Client) -> None:
    client.send_image(2, "content", bgra(size=SIZE))
    client.send({"op": "image", "job": 2, "role": "style", "net": "blue_waves"})
    client.send({"op": "start", "job": 2, "options": {}})
    header = client.read_until("error")[-1][0]
    assert header["code"] == "NetError"
    assert "'blue_waves'" in header["text"]


def paint_film_picture(
    client: Client, job: int, values: np.ndarray, state: bytes, steady: float = 0.8, **options: Any
) -> tuple[np.ndarray, bytes]:
    """Paint one picture of a film. Returns the painting and the new state."""
    client.send_image(job, "content", values)
    client.send({"op": "image", "job": job, "role": "style", "net": "green_waves"})
    header = {"op": "start", "job": job, "options": {"strength": 0.7, **options}, "sequence": {"steady": steady}}
    client.send(header, state)
    frames = client.read_until("done", "error")
    assert frames[-1][0]["op"] == "done", frames[-1][0]
    return assemble(frames, "rows"), frames[-1][1]


def test_the_pictures_of_a_film_are_smoothed_over_time(client: Client, networks_folder: Path) -> None:
    network = TransformNet.load(networks_folder / "green_waves.safetensors")
    stylizer = FeedforwardStylizer(network, Options(size=0, strength=0.7), statistics_filter=TemporalSmoothing(0.8))
    state, paintings, alone = b"", [], []
    for number, seed in enumerate((0, 3, 5)):
        painting, state = paint_film_picture(client, 40 + number, bgra(seed, size=SIZE), state)
        expected = to_uint(stylizer.stylize(scene(WIDTH, HEIGHT, seed)), 8)
        assert np.abs(painting[..., 2::-1].astype(int) - expected).max() <= 1
        alone.append(assemble(run_job(client, 50, bgra(seed, size=SIZE)), "rows"))  # leaves the film as it is
        paintings.append(painting)
    assert (paintings[0] == alone[0]).all()
    assert np.abs(paintings[2].astype(int) - alone[2]).max() > 2


def test_a_still_film_stands_still_and_another_film_starts_afresh(client: Client) -> None:
    still, other = bgra(1, size=SIZE), bgra(4, size=SIZE)
    first, state = paint_film_picture(client, 60, still, b"")
    second, state = paint_film_picture(client, 61, still, state)
    assert np.abs(first.astype(int) - second).max() <= 1
    smoothed, _ = paint_film_picture(client, 62, other, state)
    fresh, _ = paint_film_picture(client, 63, other, b"")
    assert (fresh == assemble(run_job(client, 64, other), "rows")).all()
    assert np.abs(smoothed.astype(int) - fresh).max() > 2


def test_a_film_goes_on_after_a_canceled_picture_and_in_another_process(client: Client, networks_folder: Path) -> None:
    _, state = paint_film_picture(client, 70, bgra(1, size=SIZE), b"")
    expected, _ = paint_film_picture(client, 71, bgra(2, size=SIZE), state)
    start_job(client, 72, bgra(5, size=SIZE), sequence={"steady": 0.8})
    cancel_job(client, 72)
    assert (paint_film_picture(client, 73, bgra(2, size=SIZE), state)[0] == expected).all()
    other = Client(IMPASTO_NETS=str(networks_folder))
    other.read_until("nets")
    painting, _ = paint_film_picture(other, 1, bgra(2, size=SIZE), state)
    other.close()
    assert np.abs(painting.astype(int) - expected).max() <= 1


def test_malformed_films_are_refused_in_one_line(client: Client) -> None:
    _, state = paint_film_picture(client, 80, bgra(size=SIZE), b"")

    def assert_refused(code: str, text: str, sequence: Any, state: bytes = b"", net: bool = True, **fields: Any) -> None:
        client.send_image(81, "content", bgra(size=SIZE))
        if net:
            client.send({"op": "image", "job": 81, "role": "style", "net": "green_waves"})
        else:
            client.send_image(81, "style", bgra(2, size=SIZE))
        header = {"op": "start", "job": 81, "options": {"strength": 0.7}, "sequence": sequence}
        client.send({**header, **fields}, state)
        header = client.read_until("done", "error")[-1][0]
        assert (header["op"], header.get("code")) == ("error", code)
        assert text in header["text"]
        assert "\n" not in header["text"]

    for sequence in (0.8, {}, {"steady": "0.8"}, {"steady": True}, {"steady": None}):
        assert_refused("OptionError", "a number `steady`", sequence)
    for steady in (-0.1, 1, 17):
        assert_refused("OptionError", "up to, but not including, 1", {"steady": steady})
    assert_refused("OptionError", "without `live`", {"steady": 0.8}, live=True)
    assert_refused("OptionError", "only a trained network", {"steady": 0.8}, net=False)
    assert_refused("SequenceError", "other settings", {"steady": 0.7}, state)
    assert_refused("SequenceError", "other settings", {"steady": 0.8}, state, options={"strength": 0.6})
    assert_refused("SequenceError", "damaged", {"steady": 0.8}, state[:-7])
    assert_refused("SequenceError", "damaged", {"steady": 0.8}, state[:32])


def test_a_live_job_repaints_what_a_patch_changes(client: Client) -> None:
    values = bgra(size=SIZE)
    before = assemble(run_job(client, 3, values, live=True), "rows")
    values[100:110, 50:60, :3] = 0
    patch = {"op": "patch", "job": 3, "x": 50, "y": 100, "width": 10, "height": 10}
    client.send(patch, values[100:110, 50:60].tobytes())
    frames = client.read_until("patch")
    header, repainted = frames[-1][0], assemble(frames, "patch")
    assert header["last"]
    assert repainted.shape == (header["height"], header["width"], 4)
    assert header["x"] <= 40
    assert header["x"] + header["width"] >= 70
    same_area = before[header["y"] : header["y"] + header["height"], header["x"] : header["x"] + header["width"]]
    difference = np.abs(repainted.astype(int) - same_area)
    assert difference[..., :3].max() > 20
    assert difference[:2, :2].max() <= 1  # the corner is outside the receptive field of the change
    client.send({"op": "settle", "job": 3})
    settled = client.read_until("patch")
    while not settled[-1][0]["last"]:
        settled += client.read_until("patch")
    assert (assemble(settled, "patch") == assemble(run_job(client, 4, values), "rows")).all()
    # Another job in between does not end it; malformed patches, and patches after its end, are errors.
    client.send(patch, values[100:110, 50:60].tobytes())
    assert client.read_until("patch")[-1][0]["job"] == 3
    for malformed in ({**patch, "width": 9}, {**patch, "x": WIDTH}, {**patch, "height": "10"}):
        client.send(malformed, bytes(400))
        assert client.read_until("error")[-1][0]["code"] == "ImageError"
    cancel_job(client, 3)
    client.send(patch, values[100:110, 50:60].tobytes())
    assert "job 3 is not live" in client.read_until("error")[-1][0]["text"]


def test_a_live_job_may_start_while_the_images_of_another_job_arrive(client: Client) -> None:
    values = bgra(size=SIZE)
    client.send_image(20, "content", values)
    run_job(client, 21, values, live=True)
    cancel_job(client, 21)
    client.send({"op": "image", "job": 20, "role": "style", "net": "green_waves"})
    client.send({"op": "start", "job": 20, "options": {}})
    assert client.read_until("done", "error")[-1][0]["op"] == "done"


def test_urgent_frames_preempt_settle(client: Client) -> None:
    run_job(client, 22, bgra(size=SIZE), live=True)
    patch = {"op": "patch", "job": 22, "x": 5, "y": 5, "width": 1, "height": 1}
    client.send({"op": "settle", "job": 22})
    client.send({"op": "nets"})  # not urgent
    assert client.read_until("settled")[-1][0]["done"]
    client.read_until("nets")
    for _ in range(20):  # whether settle or the patch comes first, both are answered
        client.send({"op": "settle", "job": 22})
        client.send(patch, bytes(4))
        frames = client.read_until("settled")
        if not frames[-1][0]["done"]:
            break
        client.read_until("patch")
    assert [header["op"] for header, _ in frames] == ["settled"]
    client.read_until("patch")
    cancel_job(client, 22)


@pytest.mark.slow
def test_urgent_frames_preempt_a_long_live_update(networks_folder: Path) -> None:
    client = Client(setup_code="live_task._PREEMPT_SECONDS = 0", IMPASTO_NETS=str(networks_folder))
    client.read_until("nets")
    content = np.tile(bgra(size=SIZE), (3, 3, 1))
    start_job(client, 30, content, live=True)
    frames = cancel_job(client, 31)  # another job
    assert [header["op"] for header, _ in frames] == ["done", "cancelled"]  # without rows
    # A patch of the whole content comes back without pixels. The settled painting has both.
    changed = content[:, ::-1].copy()
    height, width = changed.shape[:2]
    client.send({"op": "patch", "job": 30, "x": 0, "y": 0, "width": width, "height": height}, changed.tobytes())
    frames = cancel_job(client, 31)
    assert [(header["op"], header.get("last"), len(blob)) for header, blob in frames[:-1]] == [("patch", True, 0)]
    client.send({"op": "settle", "job": 30})
    settled = assemble(client.read_until("settled"), "patch")
    assert (settled == assemble(run_job(client, 32, changed), "rows", width)).all()
    client.close()
