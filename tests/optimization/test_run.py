"""The run, mostly on a network with made-up weights: what is painted does not matter here, how it is run does."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from impasto.errors import DeviceError, ImageError, OptionError, OutOfMemoryError
from impasto.images.color import to_oklab
from impasto.images.picture import read_picture
from impasto.optimization.cache import ModelCache
from impasto.optimization.objective import Objective
from impasto.optimization.pyramid import pyramid_levels
from impasto.optimization.run import Run
from impasto.optimization.targets import TargetBuilder
from impasto.options import Options, resolve_options
from impasto.vgg.network import VGG
from tests.conftest import pixels, scene

Maker = Callable[..., Path]


@pytest.mark.parametrize("preset", ["impasto", "paper"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_picture(quick: dict[str, object], preset: str, precision: str) -> None:
    quick |= {"preset": preset, "init": "noise", "precision": precision}
    first, second = (impasto.stylize(scene(48, 40), scene(40, 48, 1), **quick, seed=3) for _ in range(2))
    other = impasto.stylize(scene(48, 40), scene(40, 48, 1), **quick, seed=4)
    np.testing.assert_array_equal(pixels(first.image), pixels(second.image))
    assert (pixels(first.image) != pixels(other.image)).any()


def test_steps_tell_where_the_run_stands(quick: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.optimization.pyramid._SMALLEST_LEVEL", 32)
    monkeypatch.setattr("impasto.optimization.pyramid._level_steps", lambda *_: 3)
    options = Options(**quick | {"preset": "paper", "ladder": True})
    run = Run(scene(48, 36), scene(40, 48, 1), options)
    seen = list(run.steps())
    assert [(step.size, step.scale, step.iteration) for step in (seen[2], seen[-1])] == [((45, 34), 0, 3), ((64, 48), 1, 2)]
    assert [step.fraction for step in seen] == sorted(step.fraction for step in seen)
    assert seen[-1].fraction == 1
    assert seen[-1].eta == 0
    assert sum(rung.steps for rung in run.levels) == len(seen)
    assert all(step.loss == pytest.approx(1e-3 * step.content_loss + step.style_loss, rel=1e-6) for step in seen[-2:])
    assert {step.image.size for step in seen} == {(45, 34), (64, 48)}


def test_the_loss_goes_down(quick: dict[str, object]) -> None:
    for optimizer in ("lbfgs", "adam"):
        settings = quick | {"preset": "paper", "iterations": 30, "optimizer": optimizer, "tv": 0}
        losses = [step.loss for step in impasto.stream(scene(48, 40), scene(40, 48, 1), **settings)]
        assert losses[-1] < 0.3 * losses[0]


def test_a_step_that_was_kept_keeps_its_picture(quick: dict[str, object]) -> None:
    steps = impasto.stream(scene(48, 40), scene(40, 48, 1), **quick | {"iterations": 4})
    first = next(steps)
    before = pixels(first.image)
    for _ in steps:
        pass
    np.testing.assert_array_equal(pixels(first.image), before)


def test_the_reported_loss_is_that_of_the_saved_file(quick: dict[str, object], tmp_path: Path) -> None:
    """Painted again for no step but one that cannot move: starting from the saved file, the loss is the one reported."""
    quick |= {"preset": "paper", "iterations": 3}
    result = impasto.stylize(scene(64, 52), scene(40, 48, 1), **quick)
    result.save(tmp_path / "a.png")
    again = next(impasto.stream(scene(64, 52), scene(40, 48, 1), **quick, init_image=tmp_path / "a.png"))
    assert again.loss == pytest.approx(result.loss, rel=1e-4)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_png_carries_its_recipe(quick: dict[str, object], tmp_path: Path, depth: int) -> None:
    content = scene(40, 32).astype(np.uint16) * 257 if depth == 16 else scene(40, 32)
    impasto.stylize(content, Image.fromarray(scene(40, 40, 1)), seed=5, **quick).save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        recipe = json.loads(image.text["impasto"])
    assert recipe["impasto"] == impasto.__version__
    assert recipe["options"]["seed"] == 5
    assert recipe["options"]["network"] == "vgg16"
    assert recipe["content"] == read_picture(scene(40, 32)).digest  # whatever its depth
    assert recipe["styles"] == [read_picture(scene(40, 40, 1)).digest]
    assert str(quick["weights"]) not in json.dumps(recipe)


def test_the_callers_gradients_stay_on(quick: dict[str, object]) -> None:
    for _ in impasto.stream(scene(48, 40), scene(40, 48, 1), **quick):
        assert torch.is_grad_enabled()


def test_close_ends_the_run(quick: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    evaluations = []
    evaluate = Objective.__call__
    monkeypatch.setattr(Objective, "__call__", lambda self, image: (evaluations.append(1), evaluate(self, image))[1])
    steps = impasto.stream(scene(48, 40), scene(40, 48, 1), **quick | {"iterations": 1000})
    next(steps)
    next(steps)
    steps.close()
    assert len(evaluations) == 2
    assert list(steps) == []


@pytest.mark.parametrize(
    ("size", "content", "expected"), [(0, (75, 50), (75, 50)), (64, (75, 50), (64, 43)), (96, (50, 75), (64, 96))]
)
def test_the_size_is_exact(quick: dict[str, object], size: int, content: tuple[int, int], expected: tuple[int, int]) -> None:
    result = impasto.stylize(scene(*content), scene(40, 48, 1), **quick | {"size": size, "iterations": 1})
    assert result.image.size == expected


def test_alpha_and_depth_are_the_contents(quick: dict[str, object], tmp_path: Path) -> None:
    content = np.dstack([scene(48, 40).astype(np.uint16) * 257, np.full((40, 48), 65535, np.uint16)])
    content[:, :20, 3] = 0
    result = impasto.stylize(content, scene(40, 48, 1), **quick | {"size": 0})
    assert result.image.mode == "RGBA"
    np.testing.assert_array_equal(pixels(result.image)[..., 3], content[..., 3] // 257)
    result.save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").depth == 16


def test_the_contents_colors_stay_where_they_are_asked_to(quick: dict[str, object]) -> None:
    content = scene(64, 52)
    result = impasto.stylize(content, scene(40, 48, 1), **quick | {"colors": "content", "iterations": 5})
    chroma = [to_oklab(torch.from_numpy(x / 255.0))[..., 1:] for x in (pixels(result.image), content)]
    difference = (chroma[0] - chroma[1]).abs()
    assert float(difference.mean()) < 0.01  # only where a color cannot be shown so light or dark is it any different
    assert (pixels(result.image) != content).any()


def test_bad_input_is_refused_before_the_first_step(quick: dict[str, object], picture: Maker) -> None:
    good = picture("a.png")
    with pytest.raises(ImageError, match="there is no file"):
        impasto.stream("missing.jpg", good, **quick)
    with pytest.raises(OptionError, match="no style given"):
        impasto.stream(good, [], **quick)
    with pytest.raises(OptionError, match="give one for each"):
        impasto.stream(good, good, **quick, style_weights=(1, 2))
    with pytest.raises(OptionError, match="make new Options"):
        impasto.stream(good, good, Options(), preset="paper")
    with pytest.raises(OptionError, match="did you mean 'strength'"):
        impasto.stream(good, good, **quick, strenght=1)
    with pytest.raises(OptionError, match=r"no layer in vgg16 'conv3_4'"):
        impasto.stylize(good, good, **quick, style_layers="conv3_4")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="no cuda device"):
            impasto.stream(good, good, **quick, device="cuda")


def test_running_out_of_memory_is_said_in_words(quick: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes")

    monkeypatch.setattr(Objective, "__call__", full)
    with pytest.raises(OutOfMemoryError, match="64 x 53 pixels do not fit into the memory of cpu"):
        impasto.stylize(scene(48, 40), scene(40, 48, 1), **quick)


def test_when_memory_runs_out_tiles_get_smaller_and_the_run_goes_on(
    quick: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the second step on there is room for 18000 pixels at a time: no step is lost, and the picture is the same."""
    settings = quick | {"size": 200, "style_layers": "conv1_1,conv2_1", "content_layers": "conv2_2"}
    settings |= {"iterations": 4, "ladder": False}
    whole = deque(impasto.stream(scene(48, 40), scene(40, 48, 1), **settings), maxlen=1)[0]
    shown: list[int] = []
    room = [10**9]
    forward = VGG.forward

    def crowded(self: VGG, image: torch.Tensor, *more: object, **about: object) -> object:
        if image[..., 0].numel() > room[0]:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes")
        shown.append(image[..., 0].numel())
        return forward(self, image, *more, **about)

    monkeypatch.setattr(VGG, "forward", crowded)
    steps = []
    for step in impasto.stream(scene(48, 40), scene(40, 48, 1), **settings):
        steps.append(step)
        room[0] = 18000
    assert [step.iteration for step in steps] == [1, 2, 3, 4]
    assert max(shown[:3]) == 200 * 167
    assert len(shown) > 40
    assert max(shown[3:]) <= 18000
    torch.testing.assert_close(steps[-1].snapshot.pixels, whole.snapshot.pixels, rtol=0, atol=1e-3)


def test_a_tiny_style_does_not_outweigh_everything(quick: dict[str, object]) -> None:
    """At 16 pixels conv5_1 is a single position, and has no covariance to be measured against."""
    steps = list(impasto.stream(scene(48, 40), scene(16, 16, 1), **quick | {"iterations": 5}))
    assert np.isfinite(steps[-1].loss)
    assert steps[-1].style_loss < 10 * steps[0].style_loss


def test_the_ladder_climbs_by_the_square_root_of_two() -> None:
    rungs = pyramid_levels((1024, 768), Options(size=512))
    assert [(rung.width, rung.height) for rung in rungs] == [(128, 96), (181, 136), (256, 192), (362, 272), (512, 384)]
    assert [rung.steps for rung in rungs] == sorted((rung.steps for rung in rungs), reverse=True)
    assert len(pyramid_levels((1024, 768), Options(preset="paper"))) == 1
    assert pyramid_levels((1024, 768), Options(size=1024, iterations=7))[-1] == (1024, 768, 7)
    assert min(rung.height for rung in pyramid_levels((1600, 100), Options(size=1600))) >= 16


def test_a_painting_is_closer_to_the_style_and_still_the_photograph(vgg16: object) -> None:
    """On the real network: nearer to the style than the photograph is, and nearer to the photograph than the style is."""
    content, style = scene(96, 72), scene(90, 80, 3)
    settings = {"network": "vgg16", "size": 96, "preset": "paper", "init": "content", "iterations": 20}
    steps = list(impasto.stream(content, style, **settings))
    assert steps[-1].style_loss < 0.2 * steps[0].style_loss
    from_style = next(impasto.stream(content, style, **settings | {"init": "style"}))
    assert steps[-1].content_loss < from_style.content_loss


def test_a_warm_run_uses_the_network_of_the_one_before(quick: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    network = VGG
    monkeypatch.setattr(
        "impasto.optimization.cache.VGG", lambda *layers, **about: made.append(about["pooling"]) or network(*layers, **about)
    )
    warm, results = ModelCache(), []
    for pooling in ("max", "max", "average", "max"):
        run = Run(scene(40, 40), scene(40, 40, 5), cache=warm, **quick, pooling=pooling)
        results.append(np.asarray(run.result(list(run.steps())[-1]).image))
    assert made == ["max", "average", "max"]
    assert (results[0] == results[1]).all()
    assert (results[0] == results[3]).all()
    assert (results[0] != results[2]).any()


def test_matched_colors_are_the_contents(quick: dict[str, object], vgg16: object) -> None:
    blue, red = scene(48, 40), scene(48, 40, 1)
    blue[..., 0] //= 3
    red[..., 2] //= 3
    settings = {**quick, "weights": None, "network": "vgg16", "iterations": 8, "strength": 0.9}
    plain, matched = (pixels(impasto.stylize(blue, red, **settings, colors=how).image) for how in ("style", "match"))

    def away(picture: np.ndarray) -> float:
        return float(np.abs(picture.mean((0, 1)) - blue.mean((0, 1))).sum())

    assert away(matched) < 0.6 * away(plain)


@pytest.mark.parametrize("loss", ["gram", "moments", "covariance", "wasserstein"])
def test_every_style_loss_brings_the_picture_nearer_to_the_style(quick: dict[str, object], vgg16: object, loss: str) -> None:
    settings = {**quick, "weights": None, "network": "vgg16", "style_loss": loss, "strength": 0.8, "iterations": 12}
    losses = [step.style_loss for step in impasto.stream(scene(48, 40), 255 - scene(48, 40, 1) // 3, **settings)]
    assert losses[-1] < 0.7 * losses[0]


def test_what_is_kept_is_the_content_to_the_last_bit(quick: dict[str, object]) -> None:
    content = scene(64, 48)
    keep = np.zeros((48, 64), np.uint8)
    keep[:, :20] = 255
    settings = quick | {"iterations": 6, "size": 0, "init": "noise"}
    for optimizer in ("adam", "lbfgs"):
        painted = pixels(impasto.stylize(content, scene(48, 48, 1), **settings, keep=keep, optimizer=optimizer).image)
        np.testing.assert_array_equal(painted[:, :20], content[:, :20])
        assert (painted[:, 24:] != content[:, 24:]).mean() > 0.5


def test_what_is_kept_is_what_the_network_sees_there_on_every_rung(
    quick: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adam divides a gradient by its size: however small it is made, pixels would go where they like."""
    monkeypatch.setattr("impasto.optimization.pyramid._SMALLEST_LEVEL", 32)
    monkeypatch.setattr("impasto.optimization.pyramid._level_steps", lambda *_: 3)
    keep = np.zeros((48, 64), np.uint8)
    keep[10:40, 13:45] = 255
    run = Run(scene(64, 48), scene(48, 48, 1), **quick | {"ladder": True, "size": 90}, keep=keep)
    for step in run.steps():
        width, height = step.size
        content = run.inputs.content.resize(width, height).pixels
        inside = (slice(int(height * 0.3), int(height * 0.7)), slice(int(width * 0.3), int(width * 0.6)))
        torch.testing.assert_close(step.snapshot.pixels[inside], content[inside], rtol=0, atol=1e-6)
    assert step.scale == 2


@pytest.mark.parametrize(("padding", "size"), [("circular", (64, 48)), ("circular-x", (64, 50)), ("circular-y", (60, 48))])
def test_edges_meet(quick: dict[str, object], vgg16: object, padding: str, size: tuple[int, int]) -> None:
    """The step from one edge to the other is no larger than those within; sides that meet are multiples of 16."""
    settings = quick | {"weights": None, "network": "vgg16", "size": size[0] + 2, "iterations": 40, "strength": 0.98}
    y, x = np.mgrid[0:50, 0 : size[0] + 2]
    ramp = np.stack([x * 3, y * 4, x + y], axis=-1).clip(0, 255).astype(np.uint8)  # edges as different as can be
    painted = pixels(impasto.stylize(ramp, scene(64, 64, 1), **settings, padding=padding).image).astype(float)
    wraps = {"circular": (True, True), "circular-x": (False, True), "circular-y": (True, False)}[padding]
    for axis, wrap in enumerate(wraps):
        if wrap:
            assert painted.shape[axis] % 16 == 0
            within = np.abs(np.diff(painted, axis=axis)).mean()
            across = np.abs(painted.take(0, axis) - painted.take(-1, axis)).mean()
            assert across < 1.6 * within


@pytest.mark.parametrize("case", ["hues", "keep", "alpha"])
def test_edges_meet_in_what_comes_from_the_content_too(quick: dict[str, object], case: str) -> None:
    _, x = np.mgrid[0:48, 0:64]
    ramp = np.stack([x * 4, 128 + 0 * x, 255 - x * 4], axis=-1).clip(0, 255).astype(np.uint8)
    settings = quick | {"size": 64, "iterations": 3, "padding": "circular-x"}
    if case == "hues":
        settings["colors"] = "content"
    if case == "keep":
        settings["keep"] = np.full((48, 64), 255, np.uint8)
    if case == "alpha":
        ramp = np.dstack([ramp, np.full((48, 64), 255, np.uint8)])
        ramp[20:28, 28:36, 3] = 0
    painted = pixels(impasto.stylize(ramp, scene(64, 64, 1), **settings).image).astype(float)[..., :3]
    across, before = (np.abs(each[:, 0] - each[:, -1]).mean() for each in (painted, ramp.astype(float)[..., :3]))
    assert across < 0.3 * before


def test_strength_orders_content_and_style(quick: dict[str, object], vgg16: object) -> None:
    """From 0.1 to 0.7 the content is farther and the style nearer, with the Gram loss too."""
    settings = {**quick, "weights": None, "network": "vgg16", "size": 64, "iterations": 40}
    for extra in ({}, {"style_loss": "gram"}):
        ends = [
            deque(impasto.stream(scene(64, 48), 255 - scene(64, 64, 1) // 2, **settings | extra, strength=strength), maxlen=1)[
                0
            ]
            for strength in (0.1, 0.4, 0.7)
        ]
        assert [end.content_loss for end in ends] == sorted(end.content_loss for end in ends)
        assert [end.style_loss for end in ends] == sorted((end.style_loss for end in ends), reverse=True)


def test_the_last_step_counts(quick: dict[str, object]) -> None:
    """One step of L-BFGS is one step; one that ends far above is not what a run ends with."""
    settings = quick | {"preset": "paper", "iterations": 1}
    run = Run(scene(48, 40), scene(40, 40, 1), **settings)
    (step,) = run.steps()
    beginning = TargetBuilder(run.inputs, run.options, (64, 53), run.device, {}).initial_image(64, 53)
    assert not torch.equal(step.snapshot.pixels, beginning)
    for iterations in range(2, 9):
        losses = [
            step.loss for step in impasto.stream(scene(48, 40), scene(40, 40, 1), **settings | {"iterations": iterations})
        ]
        assert losses[-1] <= max(losses[:-1]) * 1.01


def test_of_two_names_for_one_thing_the_last_counts() -> None:
    options = resolve_options({"init_image": "a.png"}, Options())
    assert (options.init, options.init_image) == ("image", "a.png")
    assert resolve_options({"init": "noise"}, options).init_image is None
    assert resolve_options({"ratio": 1e-4}, Options()).strength is None
    assert resolve_options({"strength": 0.7}, Options(preset="paper")).ratio is None
