"""Live painting: an update equals the same area of the whole, and changes nothing else."""

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
from tests.feedforward.helpers import random_net


def rgba_scene(width: int, height: int, alpha: bool = False) -> np.ndarray:
    values = np.dstack([scene(width, height), np.full((height, width), 255, np.uint8)])
    if alpha:
        values[: height // 3, :, 3] = 0
        values[height // 3 : height // 2, :, 3] = 130
    return values


def draw_stroke(
    values: np.ndarray, x: int, y: int, width: int, height: int, erases: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Invert or erase a rectangle. Returns the rectangle and the whole picture, both after the stroke."""
    patch = values[y : y + height, x : x + width].copy()
    patch[..., :3] = 255 - patch[..., :3]
    patch[..., 3] = 0 if erases else 255
    after = values.copy()
    after[y : y + height, x : x + width] = patch
    return patch, after


@pytest.mark.parametrize("box", [(150, 120, 21, 13), (0, 0, 5, 5), (235, 197, 18, 14), (3, 100, 1, 60)])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("colors", ["style", "content"])
@pytest.mark.parametrize("erases", [False, True])
def test_update_equals_the_whole_with_frozen_statistics(
    box: tuple[int, int, int, int], alpha: bool, colors: str, erases: bool
) -> None:
    values = rgba_scene(253, 211, alpha)
    net, options = random_net(1, blocks=1), Options(colors=colors, device="cpu")
    live = LivePainting(net, options, values)
    painted = live.repaint().pixels.copy()
    edited, after = draw_stroke(values, *box, erases)
    patch = live.update(*box[:2], edited)
    assert patch.pixels.size < 0.5 * painted.size
    # Expected: the whole picture, stylized with the statistics from before the stroke.
    reference = LivePainting(net, options, values)
    reference.repaint()
    content = Picture(torch.from_numpy(after[..., :3]).float() / 255, torch.from_numpy(after[..., 3]).float() / 255)
    visible_after = torch.from_numpy(after[..., 3:])
    visible = torch.from_numpy(values[..., 3:]).float() / 255
    mean = (torch.from_numpy(values[..., :3]) / 255 * visible).sum((0, 1)) / visible.sum()  # transparent pixels fade to it
    content = replace(content, pixels=torch.where(visible_after > 0, content.pixels, mean), fill=mean)
    expected = reference._stylizer.stylize(content)
    height, width = patch.pixels.shape[:2]
    painted[patch.y : patch.y + height, patch.x : patch.x + width] = patch.pixels
    pixels = (expected.pixels * 255).round().numpy()
    assert np.abs(painted[..., :3].astype(float) - pixels).max() <= 1  # rounding to 8 bits
    assert (painted[..., 3] == after[..., 3]).all()


def test_receptive_radius_bounds_the_influence_of_a_pixel() -> None:
    values, net = rgba_scene(401, 205), random_net(1)
    live = LivePainting(net, Options(), values)
    before = live.repaint().pixels
    _, after = draw_stroke(values, 200, 100, 1, 1)
    live._pixels = after
    changed = live._stylizer.stylize(live._crop((0, 0, 401, 205)))
    differs = np.abs((changed.pixels * 255).numpy() - before[..., :3]).max(-1) > 0.75
    rows, columns = differs.nonzero()
    assert rows.size
    assert max(200 - columns.min(), columns.max() - 200, 100 - rows.min(), rows.max() - 100) <= receptive_radius(net.layers)


def test_large_and_first_updates_repaint_the_whole() -> None:
    values = rgba_scene(120, 90)
    live = LivePainting(random_net(1), Options(), np.zeros_like(values))
    assert not live.repaint().pixels.any()  # fully transparent
    first = live.update(0, 0, values)
    assert first.pixels.shape == values.shape
    assert (first.pixels == LivePainting(random_net(1), Options(), values).repaint().pixels).all()
    with pytest.raises(ImageError, match="5 x 4 pixels at 118, 0 are not inside the picture of 120 x 90"):
        live.update(118, 0, np.zeros((4, 5, 4), np.uint8))


def test_cancelled_repaint_keeps_the_recorded_statistics() -> None:
    class Cancelled(Exception):
        pass

    def cancel() -> None:
        raise Cancelled

    values = rgba_scene(253, 211)
    lives = [LivePainting(random_net(1, blocks=1), Options(), values) for _ in range(2)]
    for live in lives:
        live.repaint()
    with pytest.raises(Cancelled):
        lives[0].repaint(cancel)
    edited, _ = draw_stroke(values, 20, 20, 5, 5)
    a, b = (live.update(20, 20, edited) for live in lives)
    assert a[:2] == b[:2]
    assert (a.pixels == b.pixels).all()
