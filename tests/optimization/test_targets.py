"""Objectives, style statistics and initial images, as built from pictures and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import impasto
from impasto.errors import ImageError
from impasto.images.picture import Picture, read_picture
from impasto.layers import parse_layers
from impasto.losses.moments import compute_moments
from impasto.losses.style import STYLE_LOSSES
from impasto.losses.total_variation import total_variation
from impasto.optimization.pyramid import Level
from impasto.optimization.run import Run
from impasto.optimization.targets import TargetBuilder
from impasto.optimization.tiling import accumulate_moments
from impasto.vgg.network import VGG
from impasto.vgg.weight_files import CAFFE_SCALE
from tests.conftest import pixels, scene

MakeTargets = Callable[..., tuple[TargetBuilder, VGG]]


@pytest.fixture
def make_targets(all_layers_settings: dict[str, Any]) -> MakeTargets:
    """Make the targets of a run with the content scene(48, 40) and the style scene(40, 40, 1), and its network."""

    def make(content: object = None, styles: object = None, **settings: object) -> tuple[TargetBuilder, VGG]:
        pictures = scene(48, 40) if content is None else content, scene(40, 40, 1) if styles is None else styles
        run = Run(*pictures, **all_layers_settings | {"device": "cpu"} | settings)
        run.load_weights()
        return TargetBuilder(run.inputs, run.options, (64, 53), run.device, {}), run._network()

    return make


@pytest.mark.parametrize("kind", STYLE_LOSSES)
def test_objective_uses_the_requested_style_loss(make_targets: MakeTargets, kind: str) -> None:
    targets, network = make_targets(style_loss=kind, content_layers="none", tv=0.0)
    image = torch.rand(53, 64, 3, generator=torch.Generator().manual_seed(0))
    expected = 0.0
    for name, weight in parse_layers(targets.options.style_layers).items():
        target_moments = compute_moments(
            network.forward(targets.inputs.styles[0].pixels)[name].flatten(0, 1)
        )  # a style is not enlarged
        image_moments = compute_moments(network.forward(image)[name].flatten(0, 1))
        unit = CAFFE_SCALE**4 if kind == "gram" else 1
        expected += weight * unit * float(STYLE_LOSSES[kind](target_moments)(image_moments).value)
    assert float(targets.objective(network, Level(64, 53, 1))(image).value) == pytest.approx(expected, rel=1e-4)


def test_total_variation_has_its_weight(make_targets: MakeTargets) -> None:
    image = torch.rand(53, 64, 3, generator=torch.Generator().manual_seed(0))
    without, with_it = (
        float(targets.objective(network, Level(64, 53, 1))(image).value)
        for targets, network in (make_targets(tv=0.0), make_targets(tv=300.0))
    )
    assert with_it - without == pytest.approx(300 * float(total_variation(image)[0]), rel=1e-3)


def test_color_match_modes_differ(make_targets: MakeTargets) -> None:
    inputs = []
    for mode in ("monge", "pca", "cholesky"):
        targets, _ = make_targets(colors="match", color_match=mode)
        inputs.append(targets.styles.network_input(0, targets.inputs.styles[0]))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert float((inputs[a] - inputs[b]).abs().max()) > 0.01


def test_network_sees_gray_when_colors_are_kept(make_targets: MakeTargets) -> None:
    """Content, style and initial image: edges that exist only in color must not be matched."""
    targets, network = make_targets(colors="content")
    network_inputs: list[torch.Tensor] = []
    forward = network.forward
    network.forward = lambda image, *args, **kwargs: (network_inputs.append(image), forward(image, *args, **kwargs))[1]  # type: ignore[method-assign]
    targets.objective(network, Level(64, 53, 1))
    assert len(network_inputs) == 2
    for image in (*network_inputs, targets.initial_image(64, 53)):
        assert float(image.std()) > 0.05
        torch.testing.assert_close(image, image[..., :1].expand_as(image))


def second_moment(network: VGG, picture: np.ndarray, layer: str) -> torch.Tensor:
    return compute_moments(network.forward(read_picture(picture).pixels)[layer].flatten(0, 1)).second


def test_styles_can_have_layers_of_their_own(all_layers_settings: dict[str, Any]) -> None:
    """With one list of layers per style, each layer matches only the styles that list it."""
    first, second = scene(48, 48, 1), scene(48, 48, 2)
    layers = "conv1_1,conv2_1/conv3_1,conv4_1"
    run = Run(scene(48, 40), [first, second], **all_layers_settings, style_layers=layers)
    run.load_weights()
    network = run._network()
    (region,) = TargetBuilder(run.inputs, run.options, (64, 53), run.device, {})._regions(network, Level(64, 53, 1))
    assert {name: round(weight, 6) for name, (weight, _) in region.style.items()} == {
        "conv1_1": 0.25,
        "conv2_1": 0.25,
        "conv3_1": 0.25,
        "conv4_1": 0.25,
    }
    for name, style in (("conv1_1", first), ("conv4_1", second)):
        torch.testing.assert_close(region.style[name][1].second, second_moment(network, style, name), rtol=1e-3, atol=1e-5)


def test_each_style_has_its_scale(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    resize = Picture.resize
    monkeypatch.setattr(
        Picture, "resize", lambda self, w, h, *more: (sizes.append((self.size, (w, h))), resize(self, w, h, *more))[1]
    )
    impasto.stylize(scene(48, 40), [scene(40, 32, 1), scene(44, 44, 1)], **fast_settings, style_scale=(0.5, 2))
    assert {new for old, new in sizes if old == (40, 32)} == {(32, 26)}
    assert {new for old, new in sizes if old == (44, 44)} == {(128, 128)}


def test_style_is_enlarged_only_above_scale_one(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    resize = Picture.resize
    monkeypatch.setattr(
        Picture, "resize", lambda self, w, h, *more: (sizes.append((self.size, (w, h))), resize(self, w, h, *more))[1]
    )
    for scale in (1, 0.5, 2):
        impasto.stylize(scene(48, 40), scene(40, 32, 1), **fast_settings, style_scale=scale)
    assert {new for old, new in sizes if old == (40, 32)} == {(40, 32), (32, 26), (128, 102)}


def halves(width: int, height: int) -> list[np.ndarray]:
    left = np.zeros((height, width), np.uint8)
    left[:, : width // 2] = 255
    return [left, 255 - left]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["plain", "inside", "all"])
def test_each_region_has_its_own_style(fast_settings: dict[str, Any], vgg16: object, mode: str) -> None:
    """Red on the left, blue on the right: each half of the result is closer in color to its own style."""
    red, blue = scene(64, 64, 1), scene(64, 64, 1)
    red[..., 1:] //= 4
    blue[..., :2] //= 4
    settings = {**fast_settings, "weights": None, "network": "vgg16", "iterations": 25, "strength": 0.9, "guides": mode}
    painted = pixels(impasto.stylize(scene(64, 48), [red, blue], masks=halves(64, 48), **settings).image).astype(float)
    left, right = painted[:, :24].mean((0, 1)), painted[:, 40:].mean((0, 1))
    assert left[0] - left[2] > 20
    assert right[2] - right[0] > 20


@pytest.mark.slow
def test_style_mask_limits_the_style_statistics(fast_settings: dict[str, Any]) -> None:
    """Pixels outside the style mask do not change the result, except through receptive fields that cross its edge."""
    masks = halves(64, 48)[:1]
    losses = []
    for fill in (0, 90):
        style = scene(64, 48, 1)
        style[:, 32:] = fill
        run = Run(scene(48, 40), style, **fast_settings, style_masks=masks, guides="inside")
        losses.append(next(run.steps()).style_loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert next(Run(scene(48, 40), style, **fast_settings).steps()).style_loss != pytest.approx(losses[0], rel=1e-2)


def test_one_style_serves_several_regions(fast_settings: dict[str, Any]) -> None:
    run = Run(scene(64, 48), scene(64, 48, 1), **fast_settings, masks=halves(64, 48), style_masks=halves(64, 48)[::-1])
    assert len(run.inputs.styles) == 2
    assert run.inputs.styles[0] is run.inputs.styles[1]
    assert np.isfinite(list(run.steps())[-1].loss)


def test_transparent_style_pixels_do_not_count(all_layers_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The color of transparent style pixels does not change the result."""
    all_layers_settings |= {"size": 48}
    styles = []
    for hidden in (0, 255):
        style = np.dstack([scene(64, 48, 1), np.full((48, 64), 255, np.uint8)])
        style[:, 32:] = (hidden, 255 - hidden, hidden, 0)
        styles.append(style)
    weights: list[torch.Tensor] = []
    accumulate = accumulate_moments

    def record_weights(network: VGG, image: torch.Tensor, guided_layers: list, *args: Any) -> object:
        weights.extend(guide for _, guide in guided_layers)
        return accumulate(network, image, guided_layers, *args)

    monkeypatch.setattr("impasto.optimization.style_statistics.accumulate_moments", record_weights)
    first, second = (impasto.stylize(scene(48, 40), style, **all_layers_settings) for style in styles)
    np.testing.assert_array_equal(pixels(first.image), pixels(second.image))
    assert len(weights) == 10
    assert all(0 < float(guide.mean()) < 0.6 and float(guide.min()) == 0 for guide in weights)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"style_scale": (1, 2)}, "2 of style_scale"),
        ({"style_layers": "conv1_1/conv2_1"}, "2 of style_layers"),
        ({"style_masks": [np.zeros((40, 48), np.uint8), np.zeros((40, 48), np.uint8)]}, "2 of style_masks"),
        ({"masks": [np.zeros((40, 48), np.uint8)]}, "mask 1 is black all over"),
        ({"masks": [np.full((40, 40), 255, np.uint8)]}, "mask 1 is 40 x 40 pixels, its picture 48 x 40"),
        ({"keep": np.zeros((40, 48), np.uint8)}, "the keep mask is black"),
        ({"masks": "missing.png"}, "there is no file 'missing.png'"),
    ],
)
def test_mismatched_inputs_are_refused(all_layers_settings: dict[str, Any], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(impasto.ImpastoError, match=message) as caught:
        impasto.stream(scene(48, 40), scene(48, 40, 1), **all_layers_settings, **settings)
    assert str(caught.value).count("\n") == 0


def test_initial_images(make_targets: MakeTargets) -> None:
    """Gray is 0.5, the style is the resized picture, content is that in the style's colors, and init_noise mixes in noise."""

    def start(**settings: object) -> torch.Tensor:
        return make_targets(**settings)[0].initial_image(64, 53)

    assert (start(init="gray") == 0.5).all()
    noise, content, style = start(init="noise"), start(init="content"), start(init="style")
    assert torch.equal(start(init="content", colors="match"), read_picture(scene(48, 40)).resize(64, 53).pixels)
    mean, covariance = scene(40, 40, 1).reshape(-1, 3).mean(0) / 255, np.cov(scene(40, 40, 1).reshape(-1, 3).T / 255)
    np.testing.assert_allclose(content.flatten(0, 1).mean(0), mean, atol=0.01)
    np.testing.assert_allclose(np.cov(content.flatten(0, 1).T), covariance, atol=0.1 * covariance.max())
    assert torch.equal(style, read_picture(scene(40, 40, 1)).resize(64, 53).pixels)
    torch.testing.assert_close(start(init="content", init_noise=0.25), content * 0.75 + noise * 0.25)
    assert not torch.equal(noise, start(init="noise", seed=1))


def test_strength_makes_the_gram_loss_relative(make_targets: MakeTargets) -> None:
    """alpha balances content and style, each relative to its own norm, as strength says."""
    targets, network = make_targets(style_loss="gram", strength=0.5)
    objective = targets.objective(network, Level(64, 53, 1))
    content = network.forward(targets.inputs.content.resize(64, 53).pixels)["conv4_2"] * CAFFE_SCALE
    layers = parse_layers(targets.options.style_layers)
    style = {name: second_moment(network, scene(40, 40, 1), name) * CAFFE_SCALE**2 for name in layers}
    style_norm = sum(weight * float(style[name].square().sum()) / 4 / len(style[name]) ** 2 for name, weight in layers.items())
    balance, in_paper_units = targets.options.content_weight(64, 53)
    assert not in_paper_units
    structure = 1 - float(content.mean((0, 1)).square().sum() / content.square().mean((0, 1)).sum())  # 0 for a flat image
    expected = balance * style_norm * min(1.0, structure / 0.2)
    assert objective.ratio * float(content.square().sum()) / 2 == pytest.approx(expected, rel=1e-3)


def test_mask_over_transparent_pixels_is_refused(fast_settings: dict[str, Any]) -> None:
    content = np.dstack([scene(48, 40), np.full((40, 48), 255, np.uint8)])
    content[:, :24, 3] = 0
    mask = np.zeros((40, 48), np.uint8)
    mask[:, :20] = 255
    with pytest.raises(ImageError, match="mask 1 is white only where its picture is transparent"):
        impasto.stream(content, scene(40, 40, 1), **fast_settings, masks=mask, colors="match")


@pytest.mark.slow
def test_small_style_mask_excludes_the_rest(all_layers_settings: dict[str, Any]) -> None:
    """However small the masked part is, the rest of the style does not count."""
    mask = np.zeros((300, 400), np.uint8)
    mask[:12, :12] = 255
    style = scene(400, 300, 1)
    style[:40, :40] = (250, 20, 20)
    run = Run(scene(48, 40), style, **all_layers_settings, style_masks=mask, style_layers="conv1_1", style_scale=4)
    plain = Run(scene(48, 40), np.full((40, 40, 3), (250, 20, 20), np.uint8), **all_layers_settings, style_layers="conv1_1")
    masked_loss, plain_loss = next(run.steps()).style_loss, next(plain.steps()).style_loss
    whole_loss = next(Run(scene(48, 40), style, **all_layers_settings, style_layers="conv1_1").steps()).style_loss
    assert abs(masked_loss - plain_loss) < 0.2 * abs(whole_loss - plain_loss)


def test_styles_are_mixed_by_their_weights(fast_settings: dict[str, Any]) -> None:
    first, second = scene(48, 48, 1), scene(48, 48, 2)
    both = pixels(impasto.stylize(scene(48, 40), [first, second], **fast_settings, style_weights=(1, 0)).image)
    np.testing.assert_array_equal(both, pixels(impasto.stylize(scene(48, 40), first, **fast_settings).image))
    assert (both != pixels(impasto.stylize(scene(48, 40), [first, second], **fast_settings).image)).any()


def test_each_region_starts_in_the_colors_of_its_style(make_targets: MakeTargets) -> None:
    """The mean color of either half is that of the half's style. Without masks it is that of the mixture."""
    left = np.zeros((40, 48), np.uint8)
    left[:, :24] = 255
    red, blue = (np.full((40, 40, 3), color, np.uint8) for color in ((200, 60, 50), (40, 70, 180)))
    red[::2], blue[::2] = red[::2] + 20, blue[::2] + 20
    regions = make_targets(styles=[red, blue], masks=[left, 255 - left])[0].initial_image(48, 40)
    np.testing.assert_allclose(regions[:, :24].flatten(0, 1).mean(0) * 255, (210, 70, 60), atol=2)
    np.testing.assert_allclose(regions[:, 24:].flatten(0, 1).mean(0) * 255, (50, 80, 190), atol=2)
    mixed = make_targets(styles=[red, blue], style_weights=(3, 1))[0].initial_image(48, 40)
    np.testing.assert_allclose(mixed.flatten(0, 1).mean(0) * 255, np.array([210, 70, 60]) * 0.75 + [12.5, 20, 47.5], atol=4)


def test_an_image_takes_the_colors_of_each_regions_style(make_targets: MakeTargets) -> None:
    """Each region takes the distribution of its style's channels; what is in no region, and kept colors, stay."""
    styles = [scene(40, 40, 1), 255 - scene(40, 40, 2)]
    image = torch.rand(80, 96, 3, generator=torch.Generator().manual_seed(0)) ** 2
    left, right = halves(48, 40)

    def transferred(**settings: Any) -> torch.Tensor:
        return make_targets(styles=styles, **settings)[0].transfer_style_colors(image)

    def distance(part: torch.Tensor, *pictures: np.ndarray) -> float:
        """Mean difference of the quantiles of each channel"""
        shares = np.linspace(0.02, 0.98, 49)
        colors = np.concatenate([picture.reshape(-1, 3) for picture in pictures]) / 255
        return float(np.abs(np.quantile(part.reshape(-1, 3), shares, 0) - np.quantile(colors, shares, 0)).mean())

    in_regions, mixed = transferred(masks=[left, right]), transferred()
    for style, other, half in zip(styles, styles[::-1], (in_regions[:, :48], in_regions[:, 48:]), strict=True):
        assert distance(half, style) < 0.04 < distance(half, other)
    assert distance(mixed, *styles) < 0.04
    assert torch.equal(transferred(masks=[left, left])[:, 50:], image[:, 50:])
    assert torch.equal(transferred(colors="content"), image)


def test_content_without_structure_has_no_weight(make_targets: MakeTargets) -> None:
    """A flat picture has nothing to keep: it is painted without a content loss, from the colors of the style and noise."""
    run_targets, network = make_targets(content=np.full((40, 48, 3), 128, np.uint8))
    image = torch.rand(40, 48, 3, generator=torch.Generator().manual_seed(1))
    with_content = run_targets.objective(network, Level(48, 40, 1))(image)
    without_targets, *_ = make_targets(content=np.full((40, 48, 3), 128, np.uint8), content_layers="none")
    without = without_targets.objective(network, Level(48, 40, 1))(image)
    torch.testing.assert_close(
        with_content.gradient, without.gradient, rtol=0, atol=1e-3 * float(without.gradient.abs().max())
    )
    start = run_targets.initial_image(48, 40)
    assert float(start.flatten(0, 1).std(0).mean()) > 0.02
    np.testing.assert_allclose(start.flatten(0, 1).mean(0), scene(40, 40, 1).reshape(-1, 3).mean(0) / 255, atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["content", "style"])
def test_almost_transparent_pixels_count_almost_nothing(all_layers_settings: dict[str, Any], role: str) -> None:
    """A green background at an opacity of 1/255 changes the painting as little as one that is not there at all."""
    disc = np.dstack([scene(48, 40, 2), np.zeros((40, 48), np.uint8)])
    disc[8:32, 10:38, 3] = 255
    painted = []
    for opacity in (0, 1):
        values = disc.copy()
        values[values[..., 3] == 0] = (0, 255, 0, opacity)
        pictures = (values, scene(48, 40)) if role == "content" else (scene(48, 40), values)
        result = impasto.stylize(*pictures, **all_layers_settings | {"iterations": 8})
        painted.append(pixels(result.image)[8:32, 10:38, :3].astype(float))
    assert np.abs(painted[0].mean((0, 1)) - painted[1].mean((0, 1))).max() < 3
