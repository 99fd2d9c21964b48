"""Runs, mostly on a network with random weights: how they proceed matters here, not how the result looks."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import impasto
from impasto.errors import DeviceError, ImageError, OptionError, OutOfMemoryError
from impasto.images.color import to_oklab
from impasto.images.picture import read_picture
from impasto.optimization.cache import ModelCache
from impasto.optimization.objective import Objective
from impasto.optimization.run import Run
from impasto.optimization.targets import TargetBuilder
from impasto.options import Options, resolve_options
from impasto.vgg.network import VGG
from tests.conftest import FEW_LAYERS, pixels, png_text, scene

Maker = Callable[..., Path]


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["impasto", "paper"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_same_seed_gives_the_same_image(fast_settings: dict[str, Any], preset: str, precision: str) -> None:
    fast_settings |= {"preset": preset, "init": "noise", "precision": precision, **FEW_LAYERS}
    first, second = (impasto.stylize(scene(48, 40), scene(40, 48, 1), **fast_settings, seed=3) for _ in range(2))
    different = impasto.stylize(scene(48, 40), scene(40, 48, 1), **fast_settings, seed=4)
    np.testing.assert_array_equal(pixels(first.image), pixels(second.image))
    assert (pixels(first.image) != pixels(different.image)).any()


def test_steps_report_progress(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.optimization.pyramid._SMALLEST_LEVEL", 32)
    monkeypatch.setattr("impasto.optimization.pyramid._level_steps", lambda *_: 3)
    options = Options(**fast_settings | {"preset": "paper", "ladder": True})
    run = Run(scene(48, 36), scene(40, 48, 1), options)
    steps = list(run.steps())
    assert [(step.size, step.scale, step.iteration) for step in (steps[2], steps[-1])] == [((45, 34), 0, 3), ((64, 48), 1, 2)]
    assert [step.fraction for step in steps] == sorted(step.fraction for step in steps)
    assert steps[-1].fraction == 1
    assert steps[-1].eta == 0
    assert sum(level.steps for level in run.levels) == len(steps)
    assert all(step.loss == pytest.approx(1e-3 * step.content_loss + step.style_loss, rel=1e-6) for step in steps[-2:])
    assert {step.image.size for step in steps} == {(45, 34), (64, 48)}


@pytest.mark.slow
def test_loss_decreases(fast_settings: dict[str, Any]) -> None:
    for optimizer in ("lbfgs", "adam"):
        settings = fast_settings | {"preset": "paper", "init": "noise", "iterations": 30, "optimizer": optimizer, "tv": 0}
        losses = [step.loss for step in impasto.stream(scene(48, 40), scene(40, 48, 1), **settings)]
        assert losses[-1] < 0.3 * losses[0]


@pytest.mark.usefixtures("vgg16")
def test_a_run_begins_with_the_instant_result_and_keeps_its_strokes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.optimization.pyramid._SMALLEST_LEVEL", 32)
    pictures = scene(64, 48), scene(48, 48, 1)
    settings: dict[str, Any] = {"size": 64, "precision": "float32"}
    instant = impasto.stylize(*pictures, **settings, quality="instant").image
    run = Run(*pictures, **settings, quality="draft")
    first, *steps = (step for step in run.steps() if not run.is_rough(step))
    np.testing.assert_array_equal(np.asarray(first.image), np.asarray(instant))
    assert {step.size for step in steps} == {(64, 48)}
    small = [step for step in run.steps() if step.scale == 2][-1].image
    assert small.size == (45, 34)

    def distance(image: Image.Image, other: Image.Image) -> float:
        return float(np.abs(np.asarray(image, float) - np.asarray(other.resize(image.size), float)).mean())

    with_its_forms = steps[0].image
    assert distance(small, with_its_forms) < 0.9 * distance(small, instant)
    assert distance(with_its_forms, instant) < 0.9 * distance(with_its_forms, small)


def test_earlier_steps_keep_their_image(fast_settings: dict[str, Any]) -> None:
    steps = impasto.stream(scene(48, 40), scene(40, 48, 1), **fast_settings | {"iterations": 4})
    first = next(steps)
    before = pixels(first.image)
    for _ in steps:
        pass
    np.testing.assert_array_equal(pixels(first.image), before)


def test_reported_loss_is_that_of_the_saved_file(fast_settings: dict[str, Any], tmp_path: Path) -> None:
    """A run that starts from the saved file begins with the reported loss."""
    fast_settings |= {"preset": "paper", "iterations": 3}
    result = impasto.stylize(scene(64, 52), scene(40, 48, 1), **fast_settings)
    result.save(tmp_path / "a.png")
    again = next(impasto.stream(scene(64, 52), scene(40, 48, 1), **fast_settings, init_image=tmp_path / "a.png"))
    assert again.loss == pytest.approx(result.loss, rel=1e-4)


@pytest.mark.parametrize("depth", [8, 16])
def test_png_carries_its_recipe(fast_settings: dict[str, Any], tmp_path: Path, depth: int) -> None:
    content = scene(40, 32).astype(np.uint16) * 257 if depth == 16 else scene(40, 32)
    impasto.stylize(content, Image.fromarray(scene(40, 40, 1)), seed=5, **fast_settings).save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        recipe = json.loads(png_text(image)["impasto"])
    assert recipe["impasto"] == impasto.__version__
    assert recipe["options"]["seed"] == 5
    assert recipe["options"]["network"] == "vgg16"
    assert recipe["content"] == read_picture(scene(40, 32)).digest  # the digest ignores the depth
    assert recipe["styles"] == [read_picture(scene(40, 40, 1)).digest]
    assert str(fast_settings["weights"]) not in json.dumps(recipe)


def test_gradients_stay_enabled_for_the_caller(fast_settings: dict[str, Any]) -> None:
    for _ in impasto.stream(scene(48, 40), scene(40, 48, 1), **fast_settings):
        assert torch.is_grad_enabled()


def test_close_ends_the_run(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    evaluations = []
    evaluate = Objective.__call__
    monkeypatch.setattr(Objective, "__call__", lambda self, image: (evaluations.append(1), evaluate(self, image))[1])
    steps = impasto.stream(scene(48, 40), scene(40, 48, 1), **fast_settings | {"iterations": 1000})
    next(steps)
    next(steps)
    steps.close()
    assert len(evaluations) == 2
    assert list(steps) == []


@pytest.mark.parametrize(
    ("size", "content", "expected"), [(0, (75, 50), (75, 50)), (64, (75, 50), (64, 43)), (96, (50, 75), (64, 96))]
)
def test_result_size_is_exact(
    fast_settings: dict[str, Any], size: int, content: tuple[int, int], expected: tuple[int, int]
) -> None:
    result = impasto.stylize(scene(*content), scene(40, 48, 1), **fast_settings | {"size": size, "iterations": 1})
    assert result.image.size == expected


def test_alpha_and_depth_are_those_of_the_content(fast_settings: dict[str, Any], tmp_path: Path) -> None:
    content = np.dstack([scene(48, 40).astype(np.uint16) * 257, np.full((40, 48), 65535, np.uint16)])
    content[:, :20, 3] = 0
    result = impasto.stylize(content, scene(40, 48, 1), **fast_settings | {"size": 0})
    assert result.image.mode == "RGBA"
    np.testing.assert_array_equal(pixels(result.image)[..., 3], content[..., 3] // 257)
    result.save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").depth == 16


def test_colors_content_keeps_the_hues(fast_settings: dict[str, Any]) -> None:
    content = scene(64, 52)
    result = impasto.stylize(content, scene(40, 48, 1), **fast_settings | {"colors": "content", "iterations": 5})
    chroma = [to_oklab(torch.from_numpy(x / 255.0))[..., 1:] for x in (pixels(result.image), content)]
    difference = (chroma[0] - chroma[1]).abs()
    assert float(difference.mean()) < 0.01  # only where a color cannot be shown so light or dark is it any different
    assert (pixels(result.image) != content).any()


def test_bad_input_is_refused_before_the_first_step(fast_settings: dict[str, Any], picture: Maker) -> None:
    good = picture("a.png")
    with pytest.raises(ImageError, match="there is no file"):
        impasto.stream("missing.jpg", good, **fast_settings)
    with pytest.raises(OptionError, match="no style given"):
        impasto.stream(good, [], **fast_settings)
    with pytest.raises(OptionError, match="give one for each"):
        impasto.stream(good, good, **fast_settings, style_weights=(1, 2))
    with pytest.raises(OptionError, match="create new Options"):
        impasto.stream(good, good, Options(), preset="paper")
    with pytest.raises(OptionError, match="did you mean 'strength'"):
        impasto.stream(good, good, **fast_settings, strenght=1)
    with pytest.raises(OptionError, match=r"no layer in vgg16 'conv3_4'"):
        impasto.stylize(good, good, **fast_settings | {"style_layers": "conv3_4"})
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="no cuda device"):
            impasto.stream(good, good, **fast_settings, device="cuda")


def test_out_of_memory_names_the_size(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes")

    monkeypatch.setattr(Objective, "__call__", full)
    with pytest.raises(OutOfMemoryError, match="64 x 53 pixels do not fit into the memory of cpu"):
        impasto.stylize(scene(48, 40), scene(40, 48, 1), **fast_settings, device="cpu")


@pytest.mark.slow
def test_out_of_memory_halves_tiles_and_the_run_goes_on(
    fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the second step on, memory suffices for 18000 pixels at a time: no step is lost, and the result is the same."""
    settings = fast_settings | {"size": 200, "iterations": 4, "ladder": False, "device": "cpu"}
    untiled = deque(impasto.stream(scene(48, 40), scene(40, 48, 1), **settings), maxlen=1)[0]
    block_pixels: list[int] = []
    max_pixels = [10**9]
    forward = VGG.forward

    def limited_forward(self: VGG, image: torch.Tensor, *args: Any, **kwargs: Any) -> object:
        if image[..., 0].numel() > max_pixels[0]:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes")
        block_pixels.append(image[..., 0].numel())
        return forward(self, image, *args, **kwargs)

    monkeypatch.setattr(VGG, "forward", limited_forward)
    steps = []
    for step in impasto.stream(scene(48, 40), scene(40, 48, 1), **settings):
        steps.append(step)
        max_pixels[0] = 18000
    assert [step.iteration for step in steps] == [1, 2, 3, 4]
    assert max(block_pixels[:3]) == 200 * 167
    assert len(block_pixels) > 40
    assert max(block_pixels[3:]) <= 18000
    torch.testing.assert_close(steps[-1].snapshot.pixels, untiled.snapshot.pixels, rtol=0, atol=1e-3)


def test_tiny_style_gives_finite_losses(fast_settings: dict[str, Any]) -> None:
    """At 16 pixels conv5_1 is a single position, and has no covariance to be measured against."""
    steps = list(impasto.stream(scene(48, 40), scene(16, 16, 1), **fast_settings | {"iterations": 5}))
    assert np.isfinite(steps[-1].loss)
    assert steps[-1].style_loss < 10 * steps[0].style_loss


@pytest.mark.slow
def test_result_is_closer_to_the_style_and_keeps_the_content(vgg16: object) -> None:
    """On the real network: nearer to the style than the photograph is, and nearer to the photograph than the style is."""
    content, style = scene(96, 72), scene(90, 80, 3)
    settings: dict[str, Any] = {"network": "vgg16", "size": 96, "preset": "paper", "init": "content", "iterations": 20}
    steps = list(impasto.stream(content, style, **settings))
    assert steps[-1].style_loss < 0.2 * steps[0].style_loss
    from_style = next(impasto.stream(content, style, **settings | {"init": "style"}))
    assert steps[-1].content_loss < from_style.content_loss


def test_runs_with_a_cache_share_the_network(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    poolings = []
    network = VGG
    monkeypatch.setattr(
        "impasto.optimization.cache.VGG",
        lambda *args, **kwargs: poolings.append(kwargs["pooling"]) or network(*args, **kwargs),
    )
    cache, results = ModelCache(), []
    for pooling in ("max", "max", "average", "max"):
        run = Run(scene(40, 40), scene(40, 40, 5), cache=cache, **fast_settings, pooling=pooling)
        results.append(np.asarray(run.result(list(run.steps())[-1]).image))
    assert poolings == ["max", "average", "max"]
    assert (results[0] == results[1]).all()
    assert (results[0] == results[3]).all()
    assert (results[0] != results[2]).any()


@pytest.mark.slow
def test_color_match_brings_the_mean_to_the_content(fast_settings: dict[str, Any], vgg16: object) -> None:
    blue, red = scene(48, 40), scene(48, 40, 1)
    blue[..., 0] //= 3
    red[..., 2] //= 3
    settings = {**fast_settings, "weights": None, "network": "vgg16", "iterations": 8, "strength": 0.9}
    plain, matched = (pixels(impasto.stylize(blue, red, **settings, colors=how).image) for how in ("style", "match"))

    def distance(picture: np.ndarray) -> float:
        return float(np.abs(picture.mean((0, 1)) - blue.mean((0, 1))).sum())

    assert distance(matched) < 0.6 * distance(plain)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["gram", "moments", "covariance", "wasserstein"])
def test_every_style_loss_decreases_the_gram_loss(fast_settings: dict[str, Any], vgg16: object, loss: str) -> None:
    settings = {**fast_settings, "weights": None, "network": "vgg16", "style_loss": loss, "init": "noise", "iterations": 12}
    losses = [step.style_loss for step in impasto.stream(scene(48, 40), 255 - scene(48, 40, 1) // 3, **settings)]
    assert losses[-1] < 0.7 * losses[0]


def test_kept_area_equals_the_content(fast_settings: dict[str, Any]) -> None:
    content = scene(64, 48)
    keep = np.zeros((48, 64), np.uint8)
    keep[:, :20] = 255
    settings = fast_settings | {"iterations": 6, "size": 0, "init": "noise"}
    for optimizer in ("adam", "lbfgs"):
        painted = pixels(impasto.stylize(content, scene(48, 48, 1), **settings, keep=keep, optimizer=optimizer).image)
        np.testing.assert_array_equal(painted[:, :20], content[:, :20])
        assert (painted[:, 24:] != content[:, 24:]).mean() > 0.5


def test_kept_area_is_fixed_at_every_level(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam normalizes gradients, so a small gradient would not keep pixels in place."""
    monkeypatch.setattr("impasto.optimization.pyramid._SMALLEST_LEVEL", 32)
    monkeypatch.setattr("impasto.optimization.pyramid._level_steps", lambda *_: 3)
    keep = np.zeros((48, 64), np.uint8)
    keep[10:40, 13:45] = 255
    run = Run(scene(64, 48), scene(48, 48, 1), **fast_settings | {"ladder": True, "size": 90}, keep=keep)
    for step in run.steps():
        width, height = step.size
        content = run.inputs.content.resize(width, height).pixels
        inside = (slice(int(height * 0.3), int(height * 0.7)), slice(int(width * 0.3), int(width * 0.6)))
        torch.testing.assert_close(step.snapshot.pixels.cpu()[inside], content[inside], rtol=0, atol=1e-6)
    assert step.scale == 2


@pytest.mark.slow
@pytest.mark.parametrize(("padding", "size"), [("circular", (64, 48)), ("circular-x", (64, 50)), ("circular-y", (60, 48))])
def test_opposite_edges_join(fast_settings: dict[str, Any], vgg16: object, padding: str, size: tuple[int, int]) -> None:
    """The difference across opposite edges is no larger than inside; sides that join are multiples of 16."""
    settings = fast_settings | {"weights": None, "network": "vgg16", "size": size[0] + 2, "iterations": 40, "strength": 0.98}
    y, x = np.mgrid[0:50, 0 : size[0] + 2]
    ramp = np.stack([x * 3, y * 4, x + y], axis=-1).clip(0, 255).astype(np.uint8)  # edges as different as can be
    painted = pixels(impasto.stylize(ramp, scene(64, 64, 1), **settings, padding=padding).image).astype(float)
    tileable = {"circular": (True, True), "circular-x": (False, True), "circular-y": (True, False)}[padding]
    for axis, tiles in enumerate(tileable):
        if tiles:
            assert painted.shape[axis] % 16 == 0
            within = np.abs(np.diff(painted, axis=axis)).mean()
            across = np.abs(painted.take(0, axis) - painted.take(-1, axis)).mean()
            assert across < 1.6 * within


@pytest.mark.parametrize("case", ["hues", "keep", "alpha"])
def test_opposite_edges_join_in_composited_parts(fast_settings: dict[str, Any], case: str) -> None:
    _, x = np.mgrid[0:48, 0:64]
    ramp = np.stack([x * 4, 128 + 0 * x, 255 - x * 4], axis=-1).clip(0, 255).astype(np.uint8)
    settings = fast_settings | {"size": 64, "iterations": 3, "padding": "circular-x"}
    if case == "hues":
        settings["colors"] = "content"
    if case == "keep":
        settings["keep"] = np.full((48, 64), 255, np.uint8)
    if case == "alpha":
        ramp = np.dstack([ramp, np.full((48, 64), 255, np.uint8)])
        ramp[20:28, 28:36, 3] = 0
    painted = pixels(impasto.stylize(ramp, scene(64, 64, 1), **settings).image).astype(float)[..., :3]
    across, before = (np.abs(image[:, 0] - image[:, -1]).mean() for image in (painted, ramp.astype(float)[..., :3]))
    assert across < 0.3 * before


@pytest.mark.slow
@pytest.mark.xdist_group("long")
def test_strength_trades_content_for_style(fast_settings: dict[str, Any], vgg16: object) -> None:
    """From 0.1 to 0.7 the content loss rises and the style loss falls, with the Gram loss too, on a photograph."""
    settings = {**fast_settings, "weights": None, "network": "vgg16", "size": 48, "iterations": 40}
    photo, style = data.coffee()[60:360, 100:500], 255 - scene(64, 64, 1) // 2
    for extra in ({}, {"style_loss": "gram"}):
        runs = [impasto.stream(photo, style, **settings | extra, strength=strength) for strength in (0.1, 0.4, 0.7)]
        ends = [deque(steps, maxlen=1)[0] for steps in runs]
        assert [end.content_loss for end in ends] == sorted(end.content_loss for end in ends)
        assert [end.style_loss for end in ends] == sorted((end.style_loss for end in ends), reverse=True)


@pytest.mark.slow
def test_last_step_counts(fast_settings: dict[str, Any]) -> None:
    """A run of one step changes the image; a last step with a much larger loss is undone."""
    settings = fast_settings | {"preset": "paper", "iterations": 1, "init": "noise"}
    run = Run(scene(48, 40), scene(40, 40, 1), **settings)
    (step,) = run.steps()
    initial = TargetBuilder(run.inputs, run.options, (64, 53), run.device, {}).initial_image(64, 53)
    assert not torch.equal(step.snapshot.pixels, initial)
    for iterations in range(2, 9):
        losses = [
            step.loss for step in impasto.stream(scene(48, 40), scene(40, 40, 1), **settings | {"iterations": iterations})
        ]
        assert losses[-1] <= max(losses[:-1]) * 1.01


def test_later_of_two_exclusive_options_wins() -> None:
    options = resolve_options({"init_image": "a.png"}, Options())
    assert (options.init, options.init_image) == ("image", "a.png")
    assert resolve_options({"init": "noise"}, options).init_image is None
    assert resolve_options({"ratio": 1e-4}, Options()).strength is None
    assert resolve_options({"strength": 0.7}, Options(preset="paper")).ratio is None


def test_upper_levels_keep_half_of_the_forms(
    random_weights_file: Path, fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.optimization.pyramid._SMALLEST_LEVEL", 32)
    monkeypatch.setattr("impasto.optimization.pyramid._FULL_DEPTH_SIDE", 40)
    changes = []
    for share in (0.0, 0.5, 1.0):
        monkeypatch.setattr("impasto.optimization.targets._FORMS_SHARE", share)
        run = Run(scene(64, 48), scene(48, 48, 1), **{**fast_settings, "size": 64, "ladder": True, "init": "content"})
        steps = list(run.steps())
        last_deep = next(step for step in reversed(steps) if not run.levels[step.scale].keeps_forms)
        small, large = last_deep.image, steps[-1].image
        shrunk = np.asarray(large.resize(small.size, Image.Resampling.BICUBIC), float)
        changes.append(np.abs(shrunk - np.asarray(small)).mean())
    assert changes[0] > 1.2 * changes[1] > 1.2 * changes[2]
