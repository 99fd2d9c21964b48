"""The worker as its users see it: a process with a pipe at either end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto import __version__
from impasto.images.picture import to_uint
from impasto.options import Options
from impasto.worker.protocol import PIXEL_BYTES, PROTOCOL, Header
from tests.clients import Client
from tests.conftest import scene

WIDTH, HEIGHT = 61, 47


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    client = Client()
    client.greeting = client.until("ready")
    yield client
    client.close()


@pytest.fixture(scope="module")
def settings(made_up_file: Path) -> dict[str, Any]:
    return {"weights": str(made_up_file), "size": 48, "iterations": 2, "quality": "draft"}


def bgra(seed: int = 0, deep: bool = False, alpha: np.ndarray | None = None) -> np.ndarray:
    colors = scene(WIDTH, HEIGHT, seed)[..., ::-1]
    values = np.dstack([colors, np.full((HEIGHT, WIDTH), 255, np.uint8) if alpha is None else alpha])
    return values.astype("<u2") * 257 if deep else values


def result(frames: list[tuple[Header, bytes]], deep: bool = False) -> np.ndarray:
    rows = [(header, blob) for header, blob in frames if header["op"] == "rows"]
    assert [header["y"] for header, _ in rows] == list(range(0, HEIGHT, 256))
    return np.frombuffer(b"".join(blob for _, blob in rows), "<u2" if deep else "u1").reshape(HEIGHT, WIDTH, 4)


def test_hello_comes_first_and_describes_every_option(client: Client) -> None:
    frames = client.greeting
    hello = frames[0][0]
    assert (hello["op"], hello["protocol"], hello["version"]) == ("hello", PROTOCOL, __version__)
    described = {option["name"]: option for option in hello["options"]}
    assert set(described) == {about.name for about in dataclasses.fields(Options) if not about.metadata["kind"]}
    assert described["strength"]["kind"] == "float"
    assert (described["strength"]["low"], described["strength"]["high"], described["strength"]["default"]) == (0, 1, 0.5)
    assert described["colors"]["choices"] == ["style", "content", "match"]
    assert all(option["help"] for option in described.values())
    assert frames[-1][0]["device"] in ("cpu", "cuda", "mps")


def test_an_estimate_is_given_before_and_between_jobs(client: Client, settings) -> None:
    def asked(width: object, height: object, **options: object) -> Header:
        client.send({"op": "estimate", "width": width, "height": height, "options": {**settings, **options}})
        return client.until("estimate")[-1][0]

    client.image(30, "content", bgra())  # a job that is on its way is not disturbed
    small, large = asked(800, 600), asked(800, 600, size=1024)
    assert (large["width"], large["height"]) == (1024, 768)
    assert 0 < small["seconds"] < large["seconds"]
    assert 0 < small["memory"] < large["memory"]
    assert "do not fit" in asked(8000, 6000, size=0, memory="2GB")["text"]
    assert "did you mean 'strength'" in asked(800, 600, strenth=0.3)["text"]
    for width, height in ((0, 600), ("800", 600), (None, None)):
        assert "a content of" in asked(width, height)["text"]
    client.image(30, "style", bgra(5))
    assert client.job(30, settings)[-1][0]["op"] == "done"


@pytest.mark.parametrize("deep", [False, True])
def test_a_job_gives_progress_a_preview_and_the_result_in_the_contents_format(client: Client, settings, deep: bool) -> None:
    kind = "bgra16" if deep else "bgra8"
    client.image(1, "content", bgra(deep=deep), kind)
    client.image(1, "style", bgra(5))
    frames = client.job(1, settings)
    ops = [header["op"] for header, _ in frames]
    assert ops[-1] == "done"
    assert "preview" in ops
    fractions = [header["fraction"] for header, _ in frames if header["op"] == "progress" and header["phase"] == "painting"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    shown, pixels = next((header, blob) for header, blob in frames if header["op"] == "preview")
    assert len(pixels) == shown["width"] * shown["height"] * 4
    painted = result(frames, deep)
    assert (painted[..., 3] == (65535 if deep else 255)).all()
    assert painted[..., :3].std() > 0
    if deep:
        assert (painted[..., :3] % 257).any()  # more than 8 bits of it


def test_the_result_is_the_scripting_faces(client: Client, settings) -> None:
    from impasto import stylize

    client.image(2, "content", bgra())
    client.image(2, "style", bgra(5))
    painted = result(client.job(2, settings))
    expected = stylize(scene(WIDTH, HEIGHT), scene(WIDTH, HEIGHT, 5), **settings).picture.resize(WIDTH, HEIGHT)
    assert np.abs(painted[..., 2::-1].astype(int) - to_uint(expected, 8)).max() <= 1


def test_alpha_is_kept_and_a_mask_multiplies_it(client: Client, settings) -> None:
    alpha = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    mask = np.tile(np.linspace(0, 255, HEIGHT).astype(np.uint8)[:, None], (1, WIDTH))
    client.image(3, "content", bgra(alpha=alpha))
    client.image(3, "mask", mask, "gray8")
    client.image(3, "style", bgra(5))
    painted = result(client.job(3, settings))
    assert np.abs(painted[..., 3] - alpha / 255 * mask).max() <= 0.5 + 1e-3


def test_styles_may_be_several_and_files(client: Client, settings, picture: Callable[..., Path]) -> None:
    client.image(4, "content", bgra())
    client.send({"op": "image", "job": 4, "role": "style", "path": str(picture("style.png"))})
    client.image(4, "style", bgra(9), index=1)
    frames = client.job(4, {**settings, "style_weights": [0.25, 0.75]})
    assert frames[-1][0]["op"] == "done"


def test_cancel_is_heard_within_a_step_and_the_next_job_is_done(client: Client, settings) -> None:
    client.image(5, "content", bgra())
    client.image(5, "style", bgra(5))
    client.send({"op": "start", "job": 5, "options": {**settings, "iterations": 5000}})
    client.until("preview")
    client.send({"op": "cancel", "job": 5})
    after = client.until("cancelled")
    assert not [header for header, _ in after if header["op"] in ("rows", "done")]
    client.image(6, "content", bgra())
    client.image(6, "style", bgra(5))
    assert client.job(6, settings)[-1][0]["op"] == "done"


def test_what_is_wrong_with_a_job_is_one_error_and_the_next_is_done(client: Client, settings) -> None:
    def refused(number: int, code: str, sentence: str, options: dict[str, Any] | None = None) -> None:
        header = client.job(number, settings if options is None else options)[-1][0]
        assert header["op"] == "error"
        assert header["job"] == number
        assert header["code"] == code
        assert sentence in header["text"]

    refused(10, "ImageError", "without a content")
    client.image(11, "content", bgra())
    refused(11, "ImageError", "without a style")
    client.image(12, "content", bgra())
    client.send({"op": "image", "job": 12, "role": "style", "path": "/nowhere/gone.png"})
    refused(12, "ImageError", "/nowhere/gone.png")
    client.image(13, "content", bgra())
    client.image(13, "style", bgra(5))
    refused(13, "OptionError", "did you mean 'strength'", {**settings, "strenth": 0.4})
    client.image(14, "content", bgra())
    client.image(14, "style", bgra(5))
    refused(14, "OptionError", "strength is 2", {**settings, "strength": 2})
    client.image(15, "content", bgra())
    client.send({"op": "image", "job": 15, "role": "style", "width": 40, "height": 40, "format": "bgra8"})
    refused(15, "ImageError", "0 of a picture's 40 rows")
    client.image(16, "content", bgra()[:8, :8].copy())
    client.image(16, "style", bgra(5))
    refused(16, "ImageError", "the content layer is too small")
    client.image(17, "content", bgra(alpha=np.zeros((HEIGHT, WIDTH), np.uint8)))
    client.image(17, "style", bgra(5))
    refused(17, "ImageError", "fully transparent")
    client.image(18, "content", bgra())
    client.image(18, "style", bgra(5))
    assert client.job(18, settings)[-1][0]["op"] == "done"


@pytest.mark.parametrize(
    "header",
    [
        {"role": "king", "width": 40, "height": 40, "format": "bgra8"},
        {"role": "content", "width": 40, "height": 40, "format": "jpeg"},
        {"role": "content", "width": -4, "height": 40, "format": "bgra8"},
        {"role": "content", "width": "40", "height": 40, "format": "bgra8"},
        {"role": "content", "width": 10**6, "height": 10**6, "format": "bgra8"},
        {"role": "mask", "width": 40, "height": 40, "format": "bgra8"},
    ],
)
def test_a_picture_that_cannot_be_is_refused_once(client: Client, settings, header: Header) -> None:
    number = hash(str(header)) % 10**6 + 100
    client.send({"op": "image", "job": number, **header})
    for _ in range(3):  # what follows of the job is not answered
        client.send({"op": "rows", "job": number, "role": "content", "index": 0, "y": 0, "rows": 1}, b"")
    assert client.until("error")[-1][0]["code"] == "ImageError"
    client.image(number + 1, "content", bgra())
    client.image(number + 1, "style", bgra(5))
    frames = client.job(number + 1, settings)
    assert not [header for header, _ in frames if header["op"] == "error"]


@pytest.mark.parametrize("y", [-1, 1, 40])
def test_rows_out_of_place_are_refused(client: Client, y: int) -> None:
    number = 5000 + y
    client.send({"op": "image", "job": number, "role": "content", "width": 20, "height": 40, "format": "bgra8"})
    about = {"op": "rows", "job": number, "role": "content", "index": 0, "y": y, "rows": 1}
    client.send(about, bytes(20 * PIXEL_BYTES["bgra8"]))
    assert "do not fit" in client.until("error")[-1][0]["text"]


def test_the_process_ends_with_its_input_in_the_middle_of_a_job(settings) -> None:
    client = Client(silent=True)
    client.until("ready")
    client.image(1, "content", bgra())
    client.image(1, "style", bgra(5))
    client.send({"op": "start", "job": 1, "options": {**settings, "iterations": 100_000}})
    client.until("preview")
    assert "Traceback" not in client.close()


def test_a_stream_of_something_else_ends_it() -> None:
    client = Client(silent=True)
    assert client.process.stdin is not None
    client.process.stdin.write(b"GET / HTTP/1.1\r\n\r\n")
    assert client.until("error")[-1][0]["code"] == "FrameError"
    client.close()


def test_prints_go_to_standard_error() -> None:
    client = Client()
    client.until("ready")
    assert "noise" in client.close()


def test_the_second_style_goes_where_the_region_is_painted(client: Client, settings: dict[str, Any]) -> None:
    """Told by alpha, by light where all of it is opaque, or by a mask; without any of them the painting is another."""
    painted = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    painted[:, : WIDTH // 2] = (0, 0, 0, 255)  # a black stroke counts
    light = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    light[:, WIDTH // 2 :, :3] = 0
    results = []
    for number, region in enumerate((painted, light, light[..., :1].copy(), None), 300):
        client.image(number, "content", bgra())
        client.image(number, "style", bgra(1))
        client.image(number, "style", bgra(2), index=1)
        if region is not None:
            client.image(number, "region", region, "bgra8" if region.shape[2] == 4 else "gray8")
        results.append(result(client.job(number, settings)))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert (results[0] != results[3]).any()


def test_an_empty_region_and_files_in_the_settings_are_refused(client: Client, settings: dict[str, Any]) -> None:
    client.image(310, "content", bgra())
    client.image(310, "style", bgra(1))
    client.image(310, "style", bgra(2), index=1)
    client.image(310, "region", np.zeros((HEIGHT, WIDTH, 4), np.uint8))
    header, _ = client.job(310, settings)[-1]
    assert (header["op"], header["code"]) == ("error", "ImageError")
    assert "region of the second style is empty" in header["text"]
    for name in ("init_image", "masks", "style_masks", "keep"):
        client.image(311, "content", bgra())
        client.image(311, "style", bgra(1))
        header, _ = client.job(311, {**settings, name: "/etc/passwd"})[-1]
        assert header["code"] == "OptionError"


def test_a_seamless_painting_is_seamless_at_the_layers_size(client: Client, settings: dict[str, Any]) -> None:
    client.image(320, "content", bgra())
    client.image(320, "style", bgra(1))
    painted = result(client.job(320, {**settings, "padding": "circular", "iterations": 20}))[..., :3].astype(int)
    plain = bgra()[..., :3].astype(int)
    for axis in (0, 1):
        across, before = (np.abs(each.take(0, axis) - each.take(-1, axis)).mean() for each in (painted, plain))
        assert across < 0.6 * before
