"""The images and options of a job: which frames are refused, and that the next job runs all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from impasto.images.tileable import Tileable
from impasto.worker.job import Job
from impasto.worker.protocol import PIXEL_BYTES, Header
from tests.helpers import Client
from tests.worker.conftest import SIZE, bgra


@pytest.mark.parametrize(
    "header",
    [
        {"role": "king", "width": 40, "height": 40, "format": "bgra8"},
        {"role": "content", "width": 40, "height": 40, "format": "jpeg"},
        {"role": "content", "width": -4, "height": 40, "format": "bgra8"},
        {"role": "content", "width": "40", "height": 40, "format": "bgra8"},
        {"role": "content", "width": 10**6, "height": 10**6, "format": "bgra8"},
        {"role": "mask", "width": 40, "height": 40, "format": "bgra8"},
        {"role": "painting", "width": 40, "height": 40, "format": "bgra8", "painted_width": 41, "painted_height": 40},
        {"role": "painting", "width": 40, "height": 40, "format": "bgra8", "painted_width": 20, "painted_height": 0},
    ],
)
def test_an_impossible_image_is_refused_once(client: Client, settings: dict[str, Any], header: Header) -> None:
    number = hash(str(header)) % 10**6 + 100
    client.send({"op": "image", "job": number, **header})
    for _ in range(3):  # later frames of a failed job are not answered
        client.send({"op": "rows", "job": number, "role": "content", "index": 0, "y": 0, "rows": 1}, b"")
    assert client.read_until("error")[-1][0]["code"] == "ImageError"
    client.send_image(number + 1, "content", bgra())
    client.send_image(number + 1, "style", bgra(5))
    frames = client.run_job(number + 1, settings)
    assert not [header for header, _ in frames if header["op"] == "error"]


@pytest.mark.parametrize("y", [-1, 1, 40])
def test_rows_out_of_order_are_refused(client: Client, y: int) -> None:
    number = 5000 + y
    client.send({"op": "image", "job": number, "role": "content", "width": 20, "height": 40, "format": "bgra8"})
    header = {"op": "rows", "job": number, "role": "content", "index": 0, "y": y, "rows": 1}
    client.send(header, bytes(20 * PIXEL_BYTES["bgra8"]))
    assert "do not fit" in client.read_until("error")[-1][0]["text"]


def test_an_empty_region_and_files_in_the_options_are_refused(client: Client, settings: dict[str, Any]) -> None:
    width, height = SIZE
    client.send_image(310, "content", bgra())
    client.send_image(310, "style", bgra(1))
    client.send_image(310, "style", bgra(2), index=1)
    client.send_image(310, "region", np.zeros((height, width, 4), np.uint8))
    header, _ = client.run_job(310, settings)[-1]
    assert (header["op"], header["code"]) == ("error", "ImageError")
    assert "region of the second style is empty" in header["text"]
    for name in ("init_image", "masks", "style_masks", "keep"):
        client.send_image(311, "content", bgra())
        client.send_image(311, "style", bgra(1))
        header, _ = client.run_job(311, {**settings, name: "/etc/passwd"})[-1]
        assert header["code"] == "OptionError"


def test_a_painting_shows_the_content_where_a_mask_has_made_it_transparent() -> None:
    job, (width, height) = Job(1), SIZE
    alpha = np.zeros((height, width), np.uint8)
    alpha[:, : width // 2] = 255
    for role, values in (("content", bgra()), ("painting", bgra(5, alpha=alpha))):
        job.announce({"role": role, "width": width, "height": height, "format": "bgra8"})
        job.add_rows({"role": role, "y": 0, "rows": height}, values.tobytes())
    content, plain = job.picture("content"), job.picture("painting")
    painting = job.painting(content, Tileable())
    assert painting is not None
    torch.testing.assert_close(painting.pixels[:, : width // 2], plain.pixels[:, : width // 2])
    torch.testing.assert_close(painting.pixels[:, width // 2 :], content.pixels[:, width // 2 :])
    assert painting.alpha is None or bool((painting.alpha == 1).all())
