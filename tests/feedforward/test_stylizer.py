"""Stylizing pictures with a network: alpha, colors, masks, video frames and memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from impasto import OptionError, OutOfMemoryError
from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.stylizer import FeedforwardStylizer, TemporalSmoothing
from impasto.images.picture import Picture, read_picture
from impasto.options import Options
from tests.conftest import scene
from tests.feedforward.helpers import random_net


def test_alpha_depth_and_colors_follow_the_content() -> None:
    net = random_net()
    content = scene(60, 48)
    plain = FeedforwardStylizer(net).stylize(content)
    assert plain.size == (60, 48)
    translucent = Picture(read_picture(content).pixels, torch.linspace(0, 1, 60).expand(48, 60), 16)
    stylized = FeedforwardStylizer(net).stylize(translucent)
    assert stylized.depth == 16
    assert stylized.alpha is not None
    assert torch.equal(stylized.alpha, torch.linspace(0, 1, 60).expand(48, 60))
    gray = FeedforwardStylizer(net, Options(size=0, colors="content")).stylize(content).pixels
    assert float((gray - plain.pixels).abs().mean()) > 0.01
    matched = FeedforwardStylizer(net, Options(size=0, colors="match")).stylize(content).pixels
    assert float((matched.mean((0, 1)) - read_picture(content).pixels.mean((0, 1))).abs().max()) < 0.05


def test_masks_place_the_styles_and_keep_the_content() -> None:
    net, content = random_net(), scene(60, 48)
    left = scene(60, 48) * 0
    left[:, :30] = 255
    kept = FeedforwardStylizer(net, Options(size=0, keep=left)).stylize(content)
    assert torch.equal(kept.pixels[:, :28], read_picture(content).pixels[:, :28])
    assert torch.equal(kept.pixels[:, 32:], FeedforwardStylizer(net).stylize(content).pixels[:, 32:])
    masked = FeedforwardStylizer(net, Options(size=0, masks=[left, 255 - left])).stylize(content).pixels
    first, second = (
        FeedforwardStylizer(net, Options(size=0, style_weights=weights)).stylize(content).pixels
        for weights in ((1, 0), (0, 1))
    )
    assert float((first - second).abs().mean()) > 0.01
    assert torch.allclose(masked[:, :28], first[:, :28], atol=1e-5)
    assert torch.allclose(masked[:, 32:], second[:, 32:], atol=1e-5)
    with pytest.raises(OptionError, match="give one of the two"):
        FeedforwardStylizer(net, Options(size=0, masks=[left, left], style_weights=(1, 1)))


def test_protected_areas_are_painted_with_a_weaker_style() -> None:
    net, content = random_net(), scene(60, 48)
    left = scene(60, 48) * 0
    left[:, :30] = 255
    plain, weaker = (
        FeedforwardStylizer(net, Options(size=0, strength=strength)).stylize(content).pixels for strength in (0.5, 0.1)
    )
    assert float((plain - weaker).abs().mean()) > 0.01
    settings: dict[str, Any] = {"size": 0, "protect": left, "protect_strength": 1}
    protected = FeedforwardStylizer(net, Options(**settings)).stylize(content).pixels
    assert torch.allclose(protected[:, :28], weaker[:, :28], atol=1e-5)
    assert torch.allclose(protected[:, 32:], plain[:, 32:], atol=1e-5)
    half = FeedforwardStylizer(net, Options(**{**settings, "protect_strength": 0.5})).stylize(content).pixels
    assert torch.allclose(half[:, :28], (plain + weaker)[:, :28] / 2, atol=1e-5)
    masks = [left, 255 - left]
    both = FeedforwardStylizer(net, Options(**settings, masks=masks)).stylize(content).pixels
    first = FeedforwardStylizer(net, Options(size=0, style_weights=(1, 0), strength=0.1)).stylize(content).pixels
    assert torch.allclose(both[:, :28], first[:, :28], atol=1e-5)


def test_temporal_smoothing_averages_over_frames() -> None:
    frames = [scene(48, 48), scene(48, 48, 5)]
    independent = [FeedforwardStylizer(random_net()).stylize(frame).pixels for frame in frames]
    stylizer = FeedforwardStylizer(random_net(), statistics_filter=TemporalSmoothing(0.9))
    smoothed = [stylizer.stylize(frame).pixels for frame in frames]
    assert torch.equal(smoothed[0], independent[0])
    assert not torch.equal(smoothed[1], independent[1])
    repeated = stylizer.stylize(frames[1]).pixels  # the average converges
    assert float((repeated - independent[1]).abs().mean()) < float((smoothed[1] - independent[1]).abs().mean())


def test_too_large_size_names_the_largest_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.runtime.memory_budget.used_memory", lambda _: 500_000_000)
    with pytest.raises(OutOfMemoryError, match=r"4000 x 4000 pixels do not fit into .*: the largest size that fits is \d+"):
        FeedforwardStylizer(TransformNet.initialize([Style("one")]), Options(size=4000, memory="1.5GB")).stylize(scene(64, 64))
