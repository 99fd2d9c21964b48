"""Quality "instant": the learned optimizer in a run."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage import data

import impasto
from impasto.images.picture import read_picture
from impasto.images.tileable import Tileable
from impasto.layers import layer_stride
from impasto.learned_optimizer.batch_objective import WHOLE, BatchObjective, BatchVGG, feature_moments
from impasto.learned_optimizer.direction import AdamDirection
from impasto.learned_optimizer.network import Observation, StyleRegion, UpdateNetwork, conditions, receptive_radius
from impasto.learned_optimizer.transport import Transport, project, style_root, transport
from impasto.losses.moments import compute_moments
from impasto.optimization.learned import LearnedOptimizer
from impasto.optimization.objective import Objective, Region
from impasto.optimization.protection import Protection
from impasto.vgg.network import VGG
from tests.conftest import pixels, random_weights, scene

ASSETS = Path(__file__).parents[2] / "gradio_app" / "assets"
INSTANT: dict[str, Any] = {"quality": "instant", "size": 75, "precision": "float32", "device": "cpu"}


def make_network() -> UpdateNetwork:
    torch.manual_seed(0)
    network = UpdateNetwork().requires_grad_(False)
    with torch.no_grad():
        network.output.weight.mul_(10)
    return network


def observe(height: int, width: int, regions: list[StyleRegion], padding: tuple[str, str]) -> Observation:
    """An observation at random, but for its regions"""
    generator = torch.Generator().manual_seed(1)
    image, content, gradient, adam = torch.rand(4, 1, 3, height, width, generator=generator)
    features = {
        f"conv{n}_1": torch.rand(1, 32 * 2**n, height // 2 ** (n - 1), width // 2 ** (n - 1), generator=generator)
        for n in range(1, 5)
    }
    return Observation(image, content, gradient, adam, features, regions, conditions(64, 1, torch.zeros(1)), padding)


def random_transport(seed: int) -> Transport:
    generator = torch.Generator().manual_seed(seed)
    return Transport(torch.randn(1, 4, 64, 64, generator=generator) / 8, torch.randn(1, 4, 64, generator=generator))


def constant_guides(height: int, width: int, value: float) -> dict[str, torch.Tensor]:
    return {f"conv{n}_1": torch.full((1, height // 2 ** (n - 1), width // 2 ** (n - 1)), value) for n in range(1, 5)}


def test_step_in_a_run_equals_that_in_training() -> None:
    weights, network = random_weights("vgg16"), make_network()
    content, style, image = torch.rand(3, 48, 64, 3, generator=torch.Generator().manual_seed(0))
    batch_vgg = BatchVGG(weights, torch.device("cpu"), torch.float32)

    def batch(values: torch.Tensor) -> torch.Tensor:
        return values.permute(2, 0, 1)[None].contiguous()

    moments = {name: feature_moments(batch_vgg(batch(style), WHOLE)[name]) for name in WHOLE.style}
    evaluation = BatchObjective(batch_vgg, batch(content), moments, WHOLE, torch.tensor([0.3]))(batch(image))
    gradient = evaluation.gradient / evaluation.gradient.square().mean().sqrt()
    maps = transport(project(evaluation.moments, network.bases), style_root(project(moments, network.bases)))
    adam = AdamDirection().update(gradient)
    decades = torch.tensor([0.3])
    seen = Observation(
        batch(image),
        batch(content),
        gradient,
        adam,
        evaluation.features,
        [StyleRegion(maps)],
        conditions(64, 0, decades),
    )
    expected = network(seen).clamp(0, 1)[0].permute(1, 2, 0)

    vgg = VGG(weights, [*WHOLE.style, WHOLE.content], pooling="max", padding="replicate")
    style_maps = vgg.forward(style)
    region = Region({name: (weight, compute_moments(style_maps[name])) for name, weight in WHOLE.style.items()})
    settings: dict[str, Any] = {"style_loss": "covariance", "alpha": 0.3, "relative": True, "tv": 2.0, "observed_halo": 0}
    objective = Objective(vgg, content, {WHOLE.content: 1.0}, [region], **settings)
    stepped = LearnedOptimizer(network, 0.3, Tileable(False, False)).step(image, objective(image))
    assert float((expected - image).abs().mean()) > 0.01
    torch.testing.assert_close(stepped, expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize("is_protected", [False, True])
@pytest.mark.parametrize("padding", ["replicate", "circular-x"])
def test_step_in_tiles_equals_that_on_the_whole_image(padding: str, is_protected: bool) -> None:
    layers = ["conv1_1", "conv2_1", "conv3_1"]
    network = make_network()
    content, style, image = torch.rand(3, 128, 192, 3, generator=torch.Generator().manual_seed(0))
    vgg = VGG(random_weights("vgg16"), layers, pooling="max", padding=padding)
    style_maps = vgg.forward(style)
    guide = torch.linspace(0, 1, 192).expand(128, 192)
    regions = []
    for weights in (guide, 1 - guide):
        guides = {name: weights[:: layer_stride(name), :: layer_stride(name)].contiguous() for name in layers}
        regions.append(Region({name: (1.0, compute_moments(style_maps[name])) for name in layers}, guides))
    settings: dict[str, Any] = {"style_loss": "covariance", "relative": True, "observed_halo": receptive_radius(layers)}
    if is_protected:
        mask = torch.zeros(128, 192)
        mask[20:60, 90:150] = 0.8
        tileable = Tileable.from_padding(padding)
        settings["protection"] = Protection.of(mask, content.flip(2), {"conv3_1": 1.0}, "conv3_1", "vgg16", tileable)
    whole, tiled = (Objective(vgg, content, {"conv3_1": 1.0}, regions, tile=tile, **settings)(image) for tile in (None, 64))
    # The first direction of Adam is the sign of the gradient, which rounding may change.
    expected, in_tiles = (
        LearnedOptimizer(network, 0.3, Tileable.from_padding(padding)).step(
            image, replace(evaluation, gradient=whole.gradient)
        )
        for evaluation in (whole, tiled)
    )
    assert float((expected - image).abs().mean()) > 0.01
    torch.testing.assert_close(in_tiles, expected, rtol=0, atol=1e-4)
    if is_protected:  # the network sees where
        assert whole.observed is not None
        hidden = replace(whole, observed=whole.observed._replace(protection=None))
        other = LearnedOptimizer(network, 0.3, Tileable.from_padding(padding)).step(image, hidden)
        assert not torch.allclose(other[20:60, 90:150], expected[20:60, 90:150], atol=1e-3)


def test_regions_that_cover_everything_equal_no_regions() -> None:
    network, padding = make_network(), ("replicate", "replicate")
    first, second = random_transport(0), random_transport(1)
    whole = network(observe(32, 48, [StyleRegion(first)], padding))
    guided = network(observe(32, 48, [StyleRegion(first, constant_guides(32, 48, 1.0))], padding))
    torch.testing.assert_close(guided, whole)
    none = [StyleRegion(first, constant_guides(32, 48, 1.0)), StyleRegion(second, constant_guides(32, 48, 0.0))]
    torch.testing.assert_close(network(observe(32, 48, none, padding)), whole)
    half = [StyleRegion(first, constant_guides(32, 48, 0.5)), StyleRegion(second, constant_guides(32, 48, 0.5))]
    assert not torch.allclose(network(observe(32, 48, half, padding)), whole, atol=1e-3)


def test_circular_padding_commutes_with_shifts() -> None:
    network, regions = make_network(), [StyleRegion(random_transport(0))]
    for padding, dimension, strict in ((("circular", "circular"), 3, True), (("circular", "replicate"), 2, True)):
        seen = observe(32, 48, regions, padding)
        shifted = seen._replace(
            image=seen.image.roll(16, dimension),
            content=seen.content.roll(16, dimension),
            gradient=seen.gradient.roll(16, dimension),
            direction=seen.direction.roll(16, dimension),
            features={name: values.roll(16 // 2 ** (int(name[4]) - 1), dimension) for name, values in seen.features.items()},
        )
        torch.testing.assert_close(network(shifted), network(seen).roll(16, dimension), rtol=0, atol=1e-5)
        assert strict


@pytest.mark.slow
@pytest.mark.usefixtures("vgg16")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"colors": "content"},
        {"padding": "circular-x"},
        {"strength": 1.0},
        {"masks": [np.eye(50, 75), 1 - np.eye(50, 75)]},
        {"style_weights": (1, 1), "masks": [np.pad(np.ones((3, 3)), ((0, 47), (0, 72))), np.ones((50, 75))]},
        {"keep": np.pad(np.ones((20, 20)), ((0, 30), (0, 55)))},
        {"style_weights": (3, 1), "size": 400},
    ],
    ids=lambda settings: next(iter(settings), "plain"),
)
def test_instant_comes_closer_to_the_style_in_few_steps(settings: dict[str, Any]) -> None:
    content = data.coffee()[:400:8, :600:8]
    styles = [read_picture(ASSETS / f"{name}.jpg").resize(128, 96) for name in ("harvest", "koi")]
    several = "masks" in settings or "style_weights" in settings
    steps = list(impasto.stream(content, styles if several else styles[0], **INSTANT | settings))
    assert len(steps) <= 20
    assert steps[-1].fraction == 1
    whole_levels = [step for step in steps if max(step.size) <= 200]
    assert whole_levels[-1].style_loss < 0.5 * whole_levels[0].style_loss
    if "keep" in settings:
        np.testing.assert_array_equal(pixels(steps[-1].image)[:18, :18], content[:18, :18])


@pytest.mark.slow
@pytest.mark.usefixtures("vgg16")
def test_resumed_instant_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    pictures, settings = (scene(200, 150), scene(120, 120, 3)), {**INSTANT, "size": 200}
    (expected,) = deque(impasto.stream(*pictures, **settings), maxlen=1)
    steps = impasto.stream(*pictures, checkpoint=tmp_path / "run", **settings)
    for _ in range(10):
        next(steps)
    steps.close()
    (resumed,) = deque(impasto.stream(*pictures, resume=tmp_path / "run", **settings), maxlen=1)
    np.testing.assert_array_equal(pixels(resumed.image), pixels(expected.image))
