"""A painting that follows its picture: a part of it comes out as in the whole, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from impasto import ImageError
from impasto.feedforward.live import LivePainting
from impasto.feedforward.network import receptive_radius
from impasto.images.picture import Picture
from impasto.options import Options
from tests.conftest import scene
from tests.unit.test_nets import made


def picture(width: int, height: int, alpha: bool = False) -> np.ndarray:
    values = np.dstack([scene(width, height), np.full((height, width), 255, np.uint8)])
    if alpha:
        values[: height // 3, :, 3] = 0
        values[height // 3 : height // 2, :, 3] = 130
    return values


def stroke(values: np.ndarray, x: int, y: int, width: int, height: int, erases: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The part after a brush stroke, and the whole with it"""
    part = values[y : y + height, x : x + width].copy()
    part[..., :3] = 255 - part[..., :3]
    part[..., 3] = 0 if erases else 255
    after = values.copy()
    after[y : y + height, x : x + width] = part
    return part, after


@pytest.mark.parametrize("place", [(150, 120, 21, 13), (0, 0, 5, 5), (235, 197, 18, 14), (3, 100, 1, 60)])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("colors", ["style", "content"])
@pytest.mark.parametrize("erases", [False, True])
def test_a_part_is_painted_as_in_the_whole(place: tuple[int, int, int, int], alpha: bool, colors: str, erases: bool) -> None:
    values = picture(253, 211, alpha)
    net, options = made(1, blocks=1), Options(colors=colors)
    live = LivePainting(net, options, values)
    painted = live.whole().values.copy()
    part, after = stroke(values, *place, erases)
    found = live.change(*place[:2], part)
    assert found.values.size < 0.5 * painted.size
    # What it has to be: the whole, painted by the statistics from before the stroke.
    other = LivePainting(net, options, values)
    other.whole()
    shown = Picture(torch.from_numpy(after[..., :3]).float() / 255, torch.from_numpy(after[..., 3]).float() / 255)
    seen = torch.from_numpy(values[..., 3:]).float() / 255
    mean = (torch.from_numpy(values[..., :3]) / 255 * seen).sum((0, 1)) / seen.sum()  # where nothing is, that is shown
    wanted = other._painter.paint(replace(shown, pixels=torch.where(shown.alpha[..., None] > 0, shown.pixels, mean)))
    height, width = found.values.shape[:2]
    painted[found.y : found.y + height, found.x : found.x + width] = found.values
    pixels = (wanted.pixels * 255).round().numpy()
    assert np.abs(painted[..., :3].astype(float) - pixels).max() <= 1  # a rounding to 8 bits
    assert (painted[..., 3] == after[..., 3]).all()


def test_a_net_looks_no_farther_than_its_reach() -> None:
    values, net = picture(401, 205), made(1)
    live = LivePainting(net, Options(), values)
    before = live.whole().values
    _, after = stroke(values, 200, 100, 1, 1)
    live._values = after
    changed = live._painter.paint(live._picture((0, 0, 401, 205)))
    different = np.abs((changed.pixels * 255).numpy() - before[..., :3]).max(-1) > 0.75
    rows, columns = different.nonzero()
    assert rows.size
    assert max(200 - columns.min(), columns.max() - 200, 100 - rows.min(), rows.max() - 100) <= receptive_radius(net.layers)


def test_a_large_change_is_the_whole_anew_and_so_is_the_first_one() -> None:
    values = picture(120, 90)
    live = LivePainting(made(1), Options(), np.zeros_like(values))
    assert not live.whole().values.any()  # nothing to see
    first = live.change(0, 0, values)
    assert first.values.shape == values.shape
    assert (first.values == LivePainting(made(1), Options(), values).whole().values).all()
    with pytest.raises(ImageError, match="5 x 4 pixels from 118, 0 on are not in a picture of 120 x 90"):
        live.change(118, 0, np.zeros((4, 5, 4), np.uint8))


def test_a_whole_that_is_ended_early_leaves_the_parts_as_they_were() -> None:
    class Ended(Exception):
        pass

    def ended() -> None:
        raise Ended

    values = picture(253, 211)
    lives = [LivePainting(made(1, blocks=1), Options(), values) for _ in range(2)]
    for live in lives:
        live.whole()
    with pytest.raises(Ended):
        lives[0].whole(ended)
    part, _ = stroke(values, 20, 20, 5, 5)
    one, other = (live.change(20, 20, part) for live in lives)
    assert one[:2] == other[:2]
    assert (one.values == other.values).all()
