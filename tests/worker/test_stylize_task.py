"""Jobs painted by optimization, and estimates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.images.picture import Picture, to_uint
from impasto.worker.protocol import Header
from impasto.worker.stylize_task import Pace
from tests.conftest import scene
from tests.helpers import Client
from tests.worker.conftest import SIZE, bgra, received_image

WIDTH, HEIGHT = SIZE


def test_estimates_are_answered_before_and_between_jobs(client: Client, settings: dict[str, Any]) -> None:
    def estimate(width: object, height: object, **options: object) -> Header:
        client.send({"op": "estimate", "width": width, "height": height, "options": {**settings, **options}})
        return client.read_until("estimate")[-1][0]

    client.send_image(30, "content", bgra())  # a job whose images are arriving is not disturbed
    small, large = estimate(800, 600), estimate(800, 600, size=1024)
    assert (large["width"], large["height"]) == (1024, 768)
    assert 0 < small["seconds"] < large["seconds"]
    assert 0 < small["memory"] < large["memory"]
    assert "do not fit" in estimate(8000, 6000, size=0, memory="2GB")["text"]
    assert "did you mean 'strength'" in estimate(800, 600, strenth=0.3)["text"]
    for width, height in ((0, 600), ("800", 600), (None, None)):
        assert "a content of" in estimate(width, height)["text"]
    client.send_image(30, "style", bgra(5))
    assert client.run_job(30, settings)[-1][0]["op"] == "done"


@pytest.mark.usefixtures("vgg16")
def test_the_first_preview_is_the_instant_result(client: Client) -> None:
    painted = {}
    for job, quality in ((40, "instant"), (41, "draft")):
        client.send_image(job, "content", bgra())
        client.send_image(job, "style", bgra(5))
        painted[quality] = client.run_job(job, {"size": 128, "quality": quality})
    previews = [(header["width"], header["height"], blob) for header, blob in painted["draft"] if header["op"] == "preview"]
    width, height, first = previews[0]
    result = Image.fromarray(received_image(painted["instant"])).resize((width, height), Image.Resampling.BICUBIC)
    difference = np.abs(np.frombuffer(first, np.uint8).reshape(height, width, 4) - np.asarray(result, float))
    assert difference.mean() < 8
    assert {preview[:2] for preview in previews} == {(width, height)}  # smaller ones look worse


def test_estimates_learn_from_paintings(client: Client, settings: dict[str, Any]) -> None:
    pace = Pace()
    assert pace.factor == 1
    pace.learn(10, 20)
    assert pace.factor == 2
    pace.learn(10, 5)
    assert pace.factor == 1
    pace.learn(10, 1000)  # something else has had the processor
    assert pace.factor == 2

    def estimated() -> Header:
        client.send({"op": "estimate", "width": 800, "height": 600, "options": settings})
        return client.read_until("estimate")[-1][0]

    before = estimated()
    client.send_image(44, "content", bgra())
    client.send_image(44, "style", bgra(5))
    client.run_job(44, settings)
    after = estimated()
    assert after["seconds"] != before["seconds"]


@pytest.mark.usefixtures("vgg16")
def test_a_painting_is_refined(client: Client) -> None:
    smaller = Image.fromarray(scene(40, 31, 7))
    painting = np.asarray(smaller.resize(SIZE, Image.Resampling.BICUBIC))[..., ::-1]
    client.send_image(45, "content", bgra())
    client.send_image(45, "style", bgra(5))
    rows = np.dstack([painting, np.full((HEIGHT, WIDTH), 255, np.uint8)])
    client.send_image(45, "painting", rows, painted_width=40, painted_height=31)
    frames = client.run_job(45, {"size": 61})
    assert (frames[-1][0]["op"], frames[-1][0]["width"]) == ("done", WIDTH)
    refined = Image.fromarray(received_image(frames)[..., 2::-1].copy())
    shrunk = np.asarray(refined.resize((40, 31), Image.Resampling.BICUBIC), float)
    assert np.abs(shrunk - np.asarray(smaller)).mean() < 6
    assert np.abs(np.asarray(refined, float) - painting[..., ::-1]).mean() > 1


@pytest.mark.parametrize("depth", [8, 16])
def test_a_job_sends_progress_a_preview_and_the_result_in_the_contents_format(
    client: Client, settings: dict[str, Any], depth: int
) -> None:
    client.send_image(1, "content", bgra(depth=depth), f"bgra{depth}")
    client.send_image(1, "style", bgra(5))
    frames = client.run_job(1, settings)
    ops = [header["op"] for header, _ in frames]
    assert ops[-1] == "done"
    assert "preview" in ops
    fractions = [header["fraction"] for header, _ in frames if header["op"] == "progress" and header["phase"] == "painting"]
    assert fractions == sorted(fractions)
    etas = [header["eta"] for header, _ in frames if header["op"] == "progress" and header["phase"] == "painting"]
    assert etas[0] is None  # the first step also loads and measures
    assert etas[-1] == 0
    assert fractions[-1] == 1
    preview, pixels = next((header, blob) for header, blob in frames if header["op"] == "preview")
    assert len(pixels) == preview["width"] * preview["height"] * 4
    painting = received_image(frames, depth)
    assert (painting[..., 3] == (2**depth - 1)).all()
    assert painting[..., :3].std() > 0
    if depth == 16:
        assert (painting[..., :3] % 257).any()  # more than 8 bits


def test_the_result_equals_that_of_the_python_function(client: Client, settings: dict[str, Any]) -> None:
    from impasto import stylize

    client.send_image(2, "content", bgra())
    client.send_image(2, "style", bgra(5))
    painting = received_image(client.run_job(2, settings))
    expected = stylize(scene(WIDTH, HEIGHT), scene(WIDTH, HEIGHT, 5), **settings).picture.resize(WIDTH, HEIGHT)
    assert np.abs(painting[..., 2::-1].astype(int) - to_uint(expected, 8)).max() <= 1


def test_alpha_is_kept_and_multiplied_by_the_mask(client: Client, settings: dict[str, Any]) -> None:
    alpha = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    mask = np.tile(np.linspace(0, 255, HEIGHT).astype(np.uint8)[:, None], (1, WIDTH))
    client.send_image(3, "content", bgra(alpha=alpha))
    client.send_image(3, "mask", mask, "gray8")
    client.send_image(3, "style", bgra(5))
    painting = received_image(client.run_job(3, settings))
    assert np.abs(painting[..., 3] - alpha / 255 * mask).max() <= 0.5 + 1e-3


def test_a_job_takes_several_styles_and_files(client: Client, settings: dict[str, Any], picture: Callable[..., Path]) -> None:
    client.send_image(4, "content", bgra())
    client.send({"op": "image", "job": 4, "role": "style", "path": str(picture("style.png"))})
    client.send_image(4, "style", bgra(9), index=1)
    frames = client.run_job(4, {**settings, "style_weights": [0.25, 0.75]})
    assert frames[-1][0]["op"] == "done"


def test_the_region_selects_the_area_of_the_second_style(client: Client, settings: dict[str, Any]) -> None:
    """A region by alpha, by brightness (where opaque) or by a mask gives one result; without a region it differs."""
    by_alpha = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    by_alpha[:, : WIDTH // 2] = (0, 0, 0, 255)  # black strokes count
    by_brightness = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    by_brightness[:, WIDTH // 2 :, :3] = 0
    paintings = []
    for number, region in enumerate((by_alpha, by_brightness, by_brightness[..., :1].copy(), None), 300):
        client.send_image(number, "content", bgra())
        client.send_image(number, "style", bgra(1))
        client.send_image(number, "style", bgra(2), index=1)
        if region is not None:
            client.send_image(number, "region", region, "bgra8" if region.shape[2] == 4 else "gray8")
        paintings.append(received_image(client.run_job(number, settings)))
    np.testing.assert_array_equal(paintings[0], paintings[1])
    np.testing.assert_array_equal(paintings[0], paintings[2])
    assert (paintings[0] != paintings[3]).any()


def test_what_is_protected_is_marked_by_a_layer_or_found(client: Client, settings: dict[str, Any]) -> None:
    from impasto import stylize

    strokes = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    strokes[:, : WIDTH // 2] = (0, 0, 0, 255)
    for number, protect in enumerate(("none", "faces"), 330):
        client.send_image(number, "content", bgra())
        client.send_image(number, "style", bgra(5))
        client.send_image(number, "protect", strokes)
        painting = received_image(client.run_job(number, {**settings, "protect": protect}))
        styled = stylize(scene(WIDTH, HEIGHT), scene(WIDTH, HEIGHT, 5), **settings, protect=strokes[..., 3])
        expected = styled.picture.resize(WIDTH, HEIGHT)
        assert np.abs(painting[..., 2::-1].astype(int) - to_uint(expected, 8)).max() <= 1
    client.send_image(332, "content", bgra())
    client.send_image(332, "style", bgra(5))
    client.send_image(332, "protect", np.zeros_like(strokes))
    empty = received_image(client.run_job(332, {**settings, "protect": "none"}))  # as in a selection without strokes
    client.send_image(334, "content", bgra())
    client.send_image(334, "style", bgra(5))
    np.testing.assert_array_equal(empty, received_image(client.run_job(334, {**settings, "protect": "none"})))
    client.send_image(333, "content", bgra())
    client.send_image(333, "style", bgra(5))
    error = client.run_job(333, {**settings, "protect": "/etc/passwd"})[-1][0]
    assert "without pictures" in error["text"]


def test_faces_are_shown_before_they_are_painted(client: Client) -> None:
    with Image.open(Path(__file__).parents[2] / "gradio_app" / "assets" / "astronaut.jpg") as image:
        person = image.convert("RGB").resize((320, 320))
    rows = np.dstack([np.asarray(person)[..., ::-1], np.full((320, 320), 255, np.uint8)])
    assert client.greeting[0][0]["finds_faces"]
    client.send_image(340, "content", rows)
    client.send({"op": "faces", "job": 340})
    (x, y, radius_x, radius_y, angle), *others = client.read_until("faces")[-1][0]["faces"]
    assert not others
    assert (x, y) == pytest.approx((0.435, 0.22), abs=0.04)
    assert 0.05 < radius_x < radius_y < 0.15
    assert abs(angle) < 0.2
    client.send_image(341, "content", bgra())
    client.send({"op": "faces", "job": 341})
    assert client.read_until("faces")[-1][0]["faces"] == []


@pytest.mark.slow
def test_a_tileable_painting_is_tileable_at_the_layers_size(client: Client, settings: dict[str, Any]) -> None:
    client.send_image(320, "content", bgra())
    client.send_image(320, "style", bgra(1))
    painting = received_image(client.run_job(320, {**settings, "padding": "circular", "iterations": 20}))[..., :3].astype(int)
    content = bgra()[..., :3].astype(int)
    for axis in (0, 1):
        painting_seam, content_seam = (
            np.abs(values.take(0, axis) - values.take(-1, axis)).mean() for values in (painting, content)
        )
        assert painting_seam < 0.6 * content_seam


def test_a_part_of_a_picture_gets_strokes_as_large_as_the_whole(client: Client, settings: dict[str, Any]) -> None:
    """A style of 160 x 120 pixels is not shrunk to a part of 40 x 30 pixels of a picture of 120."""

    def paint(job: int, options: dict[str, Any], **fields: Any) -> np.ndarray:
        client.send_image(job, "content", bgra(size=(40, 30)))
        client.send_image(job, "style", bgra(5, size=(160, 120)))
        client.send({"op": "start", "job": job, "options": {**settings, **options}, **fields})
        return received_image(client.read_until("done"), size=(40, 30))

    alone = paint(60, {})
    np.testing.assert_array_equal(paint(61, {"style_scale": 3.0}), paint(62, {}, whole_side=120))
    np.testing.assert_array_equal(paint(63, {}, whole_side=40), alone)  # it is the whole
    assert (paint(64, {}, whole_side=120) != alone).any()


@pytest.mark.parametrize(
    ("scale", "style", "part", "whole", "expected"),
    [
        (1.0, 1000, 500, 3000, 2.0),  # the style is not enlarged beyond its own pixels, as for the whole
        (0.5, 1000, 500, 1600, 1.6),
        (1.0, 200, 500, 3000, 1.0),
        (2.0, 400, 500, 750, 3.0),
        (1.0, 9000, 100, 9000, 4.0),  # the largest scale
    ],
)
def test_stroke_scale(scale: float, style: int, part: int, whole: int, expected: float) -> None:
    from impasto.worker.stylize_task import stroke_scale

    style_picture, part_picture = (Picture(torch.zeros(1, side, 3)) for side in (style, part))
    assert stroke_scale(scale, style_picture, part_picture, whole) == pytest.approx(expected)
