"""What a run works towards: the pictures that are given, and what becomes of them and of the options at a size."""

from __future__ import annotations

from collections.abc import Callable

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
from impasto.optimization.run import Run
from impasto.optimization.targets import TargetBuilder
from impasto.optimization.tiling import accumulate_moments
from impasto.vgg.network import VGG
from impasto.vgg.weight_files import CAFFE_SCALE
from tests.conftest import pixels, scene

Made = Callable[..., tuple[TargetBuilder, VGG]]


@pytest.fixture
def made(quick: dict[str, object]) -> Made:
    """Makes the targets of a run on the photograph scene(48, 40) and the style scene(40, 40, 1), and its network"""

    def make(**settings: object) -> tuple[TargetBuilder, VGG]:
        run = Run(scene(48, 40), scene(40, 40, 1), **quick | settings)
        run.load_weights()
        return TargetBuilder(run.inputs, run.options, (64, 53), run.device, {}), run._network()

    return make


@pytest.mark.parametrize("kind", STYLE_LOSSES)
def test_the_style_loss_is_the_one_that_is_asked_for(made: Made, kind: str) -> None:
    found, network = made(style_loss=kind, content_layers="none", tv=0.0)
    image = torch.rand(53, 64, 3, generator=torch.Generator().manual_seed(0))
    expected = 0.0
    for name, weight in parse_layers(found.options.style_layers).items():
        wanted = compute_moments(network.forward(found.inputs.styles[0].pixels)[name].flatten(0, 1))  # a style is not enlarged
        seen = compute_moments(network.forward(image)[name].flatten(0, 1))
        unit = CAFFE_SCALE**4 if kind == "gram" else 1
        expected += weight * unit * float(STYLE_LOSSES[kind](wanted)(seen).value)
    assert float(found.objective(network, 64, 53)(image).value) == pytest.approx(expected, rel=1e-4)


def test_total_variation_weighs_what_is_asked_for(made: Made) -> None:
    image = torch.rand(53, 64, 3, generator=torch.Generator().manual_seed(0))
    without, with_it = (
        float(found.objective(network, 64, 53)(image).value) for found, network in (made(tv=0.0), made(tv=300.0))
    )
    assert with_it - without == pytest.approx(300 * float(total_variation(image)[0]), rel=1e-3)


def test_colors_are_matched_the_way_that_is_asked_for(made: Made) -> None:
    shown = []
    for how in ("monge", "pca", "cholesky"):
        found, _ = made(colors="match", color_match=how)
        shown.append(found.styles.network_input(0, found.inputs.styles[0]))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert float((shown[one] - shown[other]).abs().max()) > 0.01


def test_the_network_is_shown_grays_where_only_light_and_dark_are_painted(made: Made) -> None:
    """The photograph, the style and the beginning: edges that are only in the colors are not there to be matched."""
    found, network = made(colors="content")
    shown: list[torch.Tensor] = []
    forward = network.forward
    network.forward = lambda image, *more, **about: (shown.append(image), forward(image, *more, **about))[1]  # type: ignore[method-assign]
    found.objective(network, 64, 53)
    assert len(shown) == 2
    for image in (*shown, found.initial_image(64, 53)):
        assert float(image.std()) > 0.05
        torch.testing.assert_close(image, image[..., :1].expand_as(image))


def seen_by(network: VGG, picture: np.ndarray, layer: str) -> torch.Tensor:
    return compute_moments(network.forward(read_picture(picture).pixels)[layer].flatten(0, 1)).second


def test_fine_layers_of_one_style_go_with_coarse_ones_of_another(quick: dict[str, object]) -> None:
    """One list of layers for each style: what a style has no layers for has no say there, and the rest is as without it."""
    one, two = scene(48, 48, 1), scene(48, 48, 2)
    layers = "conv1_1,conv2_1/conv3_1,conv4_1"
    run = Run(scene(48, 40), [one, two], **quick, style_layers=layers)
    run.load_weights()
    network = run._network()
    (region,) = TargetBuilder(run.inputs, run.options, (64, 53), run.device, {})._regions(network, 64, 53)
    assert {name: round(weight, 6) for name, (weight, _) in region.style.items()} == {
        "conv1_1": 0.25,
        "conv2_1": 0.25,
        "conv3_1": 0.25,
        "conv4_1": 0.25,
    }
    for name, style in (("conv1_1", one), ("conv4_1", two)):
        torch.testing.assert_close(region.style[name][1].second, seen_by(network, style, name), rtol=1e-3, atol=1e-5)


def test_each_style_has_its_scale(quick: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    resized = Picture.resize
    monkeypatch.setattr(
        Picture, "resized", lambda self, w, h, *more: (sizes.append((self.size, (w, h))), resized(self, w, h, *more))[1]
    )
    impasto.stylize(scene(48, 40), [scene(40, 32, 1), scene(44, 44, 1)], **quick, style_scale=(0.5, 2))
    assert {new for old, new in sizes if old == (40, 32)} == {(32, 26)}
    assert {new for old, new in sizes if old == (44, 44)} == {(128, 128)}


def test_a_style_is_not_enlarged_unless_asked(quick: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    resized = Picture.resize
    monkeypatch.setattr(
        Picture, "resized", lambda self, w, h, *more: (sizes.append((self.size, (w, h))), resized(self, w, h, *more))[1]
    )
    for scale in (1, 0.5, 2):
        impasto.stylize(scene(48, 40), scene(40, 32, 1), **quick, style_scale=scale)
    assert {new for old, new in sizes if old == (40, 32)} == {(40, 32), (32, 26), (128, 102)}


def halves(width: int, height: int) -> list[np.ndarray]:
    left = np.zeros((height, width), np.uint8)
    left[:, : width // 2] = 255
    return [left, 255 - left]


@pytest.mark.parametrize("how", ["plain", "inside", "all"])
def test_each_region_has_its_own_style(quick: dict[str, object], vgg16: object, how: str) -> None:
    """Red to the left, blue to the right: each half of the painting is nearer in color to its own style."""
    red, blue = scene(64, 64, 1), scene(64, 64, 1)
    red[..., 1:] //= 4
    blue[..., :2] //= 4
    settings = {**quick, "weights": None, "network": "vgg16", "iterations": 25, "strength": 0.9, "guides": how}
    painted = pixels(impasto.stylize(scene(64, 48), [red, blue], masks=halves(64, 48), **settings).image).astype(float)
    left, right = painted[:, :24].mean((0, 1)), painted[:, 40:].mean((0, 1))
    assert left[0] - left[2] > 20
    assert right[2] - right[0] > 20


def test_a_region_of_a_style_is_all_that_counts_of_it(quick: dict[str, object]) -> None:
    """Whatever is outside of the style's mask, the painting is the same, but for what the network sees across its edge."""
    masks = halves(64, 48)[:1]
    losses = []
    for fill in (0, 90):
        style = scene(64, 48, 1)
        style[:, 32:] = fill
        run = Run(scene(48, 40), style, **quick, style_masks=masks, guides="inside", style_layers="conv1_1,conv2_1")
        losses.append(next(run.steps()).style_loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert next(Run(scene(48, 40), style, **quick).steps()).style_loss != pytest.approx(losses[0], rel=1e-2)


def test_one_painting_serves_several_regions(quick: dict[str, object]) -> None:
    run = Run(scene(64, 48), scene(64, 48, 1), **quick, masks=halves(64, 48), style_masks=halves(64, 48)[::-1])
    assert len(run.inputs.styles) == 2
    assert run.inputs.styles[0] is run.inputs.styles[1]
    assert np.isfinite(list(run.steps())[-1].loss)


def test_what_is_transparent_has_no_say_in_the_style(quick: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever color hides under a style's transparent half, the painting is the same."""
    quick |= {"size": 48}
    styles = []
    for hidden in (0, 255):
        style = np.dstack([scene(64, 48, 1), np.full((48, 64), 255, np.uint8)])
        style[:, 32:] = (hidden, 255 - hidden, hidden, 0)
        styles.append(style)
    weights = []
    found = accumulate_moments

    def survey(network: VGG, picture: torch.Tensor, taps: list, *more: object) -> object:
        weights.extend(seen for _, seen in taps)
        return found(network, picture, taps, *more)

    monkeypatch.setattr("impasto.optimization.style_statistics.accumulate_moments", survey)
    one, two = (impasto.stylize(scene(48, 40), style, **quick) for style in styles)
    np.testing.assert_array_equal(pixels(one.image), pixels(two.image))
    assert len(weights) == 10
    assert all(0 < float(seen.mean()) < 0.6 and float(seen.min()) == 0 for seen in weights)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"style_scale": (1, 2)}, "2 of style_scale"),
        ({"style_layers": "conv1_1/conv2_1"}, "2 of style_layers"),
        ({"style_masks": [np.zeros((40, 48), np.uint8), np.zeros((40, 48), np.uint8)]}, "2 of style_masks"),
        ({"masks": [np.zeros((40, 48), np.uint8)]}, "mask 1 is black all over"),
        ({"masks": [np.full((40, 40), 255, np.uint8)]}, "mask 1 is 40 x 40 pixels, its picture 48 x 40"),
        ({"keep": np.zeros((40, 48), np.uint8)}, "the mask of what is kept is black"),
        ({"masks": "missing.png"}, "there is no file 'missing.png'"),
    ],
)
def test_what_does_not_belong_together_is_refused(quick: dict[str, object], settings: dict[str, object], message: str) -> None:
    with pytest.raises(impasto.ImpastoError, match=message) as caught:
        impasto.stream(scene(48, 40), scene(48, 40, 1), **quick, **settings)
    assert str(caught.value).count("\n") == 0


def test_starts(made: Made) -> None:
    """gray is gray, content and style are themselves; a share of noise is that share of it"""

    def start(**settings: object) -> torch.Tensor:
        return made(**settings)[0].initial_image(64, 53)

    assert (start(init="gray") == 0.5).all()
    noise, content, style = start(init="noise"), start(init="content"), start(init="style")
    assert torch.equal(content, read_picture(scene(48, 40)).resize(64, 53).pixels)
    assert torch.equal(style, read_picture(scene(40, 40, 1)).resize(64, 53).pixels)
    torch.testing.assert_close(start(init="content", init_noise=0.25), content * 0.75 + noise * 0.25)
    assert not torch.equal(noise, start(init="noise", seed=1))


def test_the_gram_loss_with_strength_is_relative_to_both_pictures(made: Made) -> None:
    """alpha is such that content and style, each over the energy of its own, are in the balance that strength names."""
    found, network = made(style_loss="gram", strength=0.5)
    objective = found.objective(network, 64, 53)
    content = network.forward(found.inputs.content.resized(64, 53).pixels)["conv4_2"] * CAFFE_SCALE
    layers = parse_layers(found.options.style_layers)
    style = {name: seen_by(network, scene(40, 40, 1), name) * CAFFE_SCALE**2 for name in layers}
    energy = sum(weight * float(style[name].square().sum()) / 4 / len(style[name]) ** 2 for name, weight in layers.items())
    balance, papers = found.options.content_weight(64, 53)
    assert not papers
    assert objective.ratio * float(content.square().sum()) / 2 == pytest.approx(balance * energy, rel=1e-3)


def test_a_mask_over_nothing_that_is_seen_is_refused(quick: dict[str, object]) -> None:
    content = np.dstack([scene(48, 40), np.full((40, 48), 255, np.uint8)])
    content[:, :24, 3] = 0
    where = np.zeros((40, 48), np.uint8)
    where[:, :20] = 255
    with pytest.raises(ImageError, match="mask 1 is white only where its picture is transparent"):
        impasto.stream(content, scene(40, 40, 1), **quick, masks=where, colors="match")


def test_a_small_part_of_a_style_counts_alone(quick: dict[str, object]) -> None:
    """However little of the painting it is: the rest has no say."""
    where = np.zeros((300, 400), np.uint8)
    where[:12, :12] = 255
    style = scene(400, 300, 1)
    style[:40, :40] = (250, 20, 20)
    run = Run(scene(48, 40), style, **quick, style_masks=where, style_layers="conv1_1", style_scale=4)
    plain = Run(scene(48, 40), np.full((40, 40, 3), (250, 20, 20), np.uint8), **quick, style_layers="conv1_1")
    one, other = next(run.steps()).style_loss, next(plain.steps()).style_loss
    whole = next(Run(scene(48, 40), style, **quick, style_layers="conv1_1").steps()).style_loss
    assert abs(one - other) < 0.2 * abs(whole - other)


def test_several_styles_have_their_shares(quick: dict[str, object]) -> None:
    one, two = scene(48, 48, 1), scene(48, 48, 2)
    both = pixels(impasto.stylize(scene(48, 40), [one, two], **quick, style_weights=(1, 0)).image)
    np.testing.assert_array_equal(both, pixels(impasto.stylize(scene(48, 40), one, **quick).image))
    assert (both != pixels(impasto.stylize(scene(48, 40), [one, two], **quick).image)).any()
