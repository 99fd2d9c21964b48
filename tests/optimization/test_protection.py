"""Protection: its gradient, tiles, resuming, and what it does to a painting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from impasto.experiments.rerun import rerun
from impasto.images.tileable import Tileable
from impasto.losses.moments import compute_moments
from impasto.optimization.objective import Objective, Region
from impasto.optimization.protection import Protection, style_share
from impasto.optimization.pyramid import pyramid_levels
from impasto.optimization.run import Run
from impasto.optimization.run_plan import fit_plan
from impasto.optimization.spatial_guidance import propagate_mask
from impasto.optimization.synthesis import reconstruction_options
from impasto.optimization.targets import TargetBuilder
from impasto.vgg.network import VGG
from impasto.vgg.weight_files import CAFFE_SCALE
from tests.conftest import pixels, random_weights, scene
from tests.vgg.helpers import reference_forward

ASSETS = Path(__file__).parents[2] / "gradio_app" / "assets"
LAYERS = ["conv1_1", "conv2_1", "conv3_1"]


def corner_mask(width: int, height: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2, : width // 2] = 255
    return mask


@pytest.mark.parametrize("kind", ["gram", "covariance"])
def test_gradient_equals_autograds(kind: str) -> None:
    torch.manual_seed(0)
    weights = random_weights("vgg16", torch.float64, divide=4)
    image, content, colored, style = torch.rand(4, 48, 64, 3, dtype=torch.float64)
    mask = torch.rand(48, 64, dtype=torch.float64)
    net = VGG(weights, [*LAYERS, "conv4_2"], pooling="max", padding="replicate", dtype=torch.float64)
    protection = Protection.of(mask, colored, {"conv4_2": 1.0}, "conv4_2", "vgg16", Tileable())
    style_maps = net.forward(style)
    guides = propagate_mask(style_share(0.5 * mask), LAYERS, "vgg16")
    region = Region({name: (0.2, compute_moments(style_maps[name])) for name in LAYERS}, guides)
    settings: dict[str, Any] = {"style_loss": kind, "alpha": 0.3}
    plain, protected = (
        Objective(net, content, {"conv4_2": 1.0}, [region], protection=each, **settings)(image) for each in (None, protection)
    )

    x = image.clone().requires_grad_()
    maps, content_maps, colored_maps = (reference_forward(each, weights, "max", "replicate") for each in (x, content, colored))
    alpha = 0.3 if kind != "gram" else 0.3 * CAFFE_SCALE**2 / 2 * float(content_maps["conv4_2"].square().sum())
    squares = (maps["conv4_2"] - content_maps["conv4_2"]).square() * (protection.content_factors["conv4_2"] - 1)
    loss = alpha * squares.sum() / content_maps["conv4_2"].square().sum()
    for name, weight in protection.layers.items():
        squares = (maps[name] - colored_maps[name]).square() * protection.guides[name]
        loss = loss + alpha * weight * squares.sum() / colored_maps[name].square().sum()
    (expected,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(protected.value - plain.value, loss.detach(), rtol=1e-9, atol=0)
    torch.testing.assert_close(
        protected.gradient - plain.gradient, expected, rtol=1e-7, atol=1e-9 * float(expected.abs().max())
    )
    torch.testing.assert_close(protected.content_loss, plain.content_loss)  # in the paper's units


@pytest.mark.parametrize("content_layer", ["conv4_2", "conv3_1"])  # the second is that of shallow levels
def test_gradient_in_tiles_equals_that_of_the_whole_image(content_layer: str) -> None:
    torch.manual_seed(0)
    image, content, colored, style = torch.rand(4, 200, 300, 3, dtype=torch.float64)
    mask = torch.zeros(200, 300, dtype=torch.float64)
    mask[20:70, 30:90] = torch.rand(50, 60, dtype=torch.float64)  # most tiles have nothing of it
    weights = random_weights("vgg16", torch.float64, divide=4)
    net = VGG(weights, [*LAYERS, content_layer], padding="replicate", dtype=torch.float64)
    protection = Protection.of(mask, colored, {content_layer: 1.0}, content_layer, "vgg16", Tileable())
    style_maps = net.forward(style)
    region = Region({name: (0.2, compute_moments(style_maps[name])) for name in LAYERS})
    settings: dict[str, Any] = {"style_loss": "covariance", "relative": True, "protection": protection}
    whole, tiled = (
        Objective(net, content, {content_layer: 1.0}, [region], tile=tile, **settings)(image) for tile in (None, 96)
    )
    torch.testing.assert_close(tiled.value, whole.value, rtol=1e-11, atol=0)
    torch.testing.assert_close(tiled.gradient, whole.gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.usefixtures("vgg16")
@pytest.mark.parametrize("settings", [{"quality": "instant"}, {"quality": "draft", "init": "content"}, {"colors": "content"}])
def test_protected_face_keeps_its_shapes(settings: dict[str, Any]) -> None:
    with Image.open(ASSETS / "astronaut.jpg") as image:
        side = image.width
        head = image.convert("RGB").crop((round(0.28 * side), 0, round(0.6 * side), round(0.4 * side)))
    content = np.asarray(head.resize((102, 128), Image.Resampling.LANCZOS))
    settings = {"quality": "draft", "size": 128, "protect_strength": 1, "precision": "float32", **settings}
    plain, protected = (
        pixels(impasto.stylize(content, ASSETS / "koi_small.jpg", protect=each, **settings).image)
        for each in ("none", "faces")
    )

    def similarity(painting: np.ndarray, rows: slice, columns: slice) -> float:
        """Correlation of the changes of lightness"""
        edges = [np.diff(each.astype(float).mean(2), axis=0)[rows, columns].ravel() for each in (painting, content)]
        return float(np.corrcoef(edges)[0, 1])

    face, shoulders = (slice(54, 96), slice(36, 66)), (slice(108, 126), slice(4, 98))
    assert similarity(protected, *face) > similarity(plain, *face) + 0.03
    assert abs(similarity(protected, *shoulders) - similarity(plain, *shoulders)) < 0.1


def test_without_faces_nothing_changes(fast_settings: dict[str, Any]) -> None:
    paintings = [
        impasto.stylize(scene(64, 48), scene(48, 48, 1), **fast_settings, preset=preset, protect=protect).encode()
        for preset, protect in (("impasto", "faces"), ("impasto", "none"), ("impasto", None))
    ]
    assert paintings[0] == paintings[1] == paintings[2]


def test_strength_of_the_protection_is_monotone(all_layers_settings: dict[str, Any]) -> None:
    content = scene(64, 48)
    settings = all_layers_settings | {"iterations": 30, "ladder": False, "protect": np.full((48, 64), 255, np.uint8)}
    losses = [
        impasto.stylize(content, scene(48, 48, 1), **settings, protect_strength=strength).content_loss
        for strength in (0, 0.5, 1)
    ]
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize("settings", [{}, {"padding": "circular"}, {"colors": "match"}, {"preset": "paper"}])
def test_protection_in_regions_of_several_styles(fast_settings: dict[str, Any], settings: dict[str, Any]) -> None:
    left = np.zeros((48, 64), np.uint8)
    left[:, :32] = 255
    masked = fast_settings | {"masks": [left, 255 - left]} | settings
    styles = [scene(48, 48, 1), scene(48, 48, 2)]
    plain, protected = (
        pixels(impasto.stylize(scene(64, 48), styles, **masked, protect=each).image) for each in ("none", corner_mask(64, 48))
    )
    assert np.abs(plain.astype(int) - protected).mean() > 0.05


def test_resumed_run_equals_an_uninterrupted_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, all_layers_settings: dict[str, Any]
) -> None:
    monkeypatch.setattr("impasto.optimization.checkpoint._MAX_TIME_FRACTION", 1e9)
    pictures = ASSETS / "astronaut.jpg", scene(48, 48, 1)
    settings = all_layers_settings | {"iterations": 4, "ladder": False}
    whole = impasto.stylize(*pictures, **settings)
    assert whole.recipe["faces"] == 1
    steps = impasto.stream(*pictures, **settings, checkpoint=tmp_path / "run")
    for _ in range(2):
        next(steps)
    steps.close()
    *_, last = impasto.stream(*pictures, **settings, resume=tmp_path / "run")
    assert np.array_equal(pixels(last.image), pixels(whole.image))
    with pytest.raises(impasto.CheckpointError, match=r"another painting.*faces"):
        impasto.stylize(*pictures, **settings, protect="none", resume=tmp_path / "run")


@pytest.mark.usefixtures("vgg16")
def test_protected_colors_are_the_styles_also_in_a_refinement(tmp_path: Path) -> None:
    content = np.full((64, 64, 3), (40, 60, 200), np.uint8) + (scene(64, 64) // 8)
    style = np.full((64, 64, 3), (210, 80, 20), np.uint8) + (scene(64, 64, 3) // 8)
    options = impasto.Options(size=256, protect=np.full((64, 64), 255, np.uint8))
    painting = np.asarray(Image.fromarray(style).resize((128, 128)))
    for each in (options, options.refinement(painting)):
        run = Run(content, style, each)
        run.load_weights()
        targets = TargetBuilder(run.inputs, run.options, (256, 256), run.device, {})
        protection = targets._protection(run._network(), run.levels[-1])
        assert protection is not None
        red, _, blue = protection.target.mean((0, 1)).tolist()
        assert red > blue + 0.3


@pytest.mark.parametrize("regions", [False, True])
def test_protected_gray_photos_are_tinted(all_layers_settings: dict[str, Any], regions: bool) -> None:
    gray = np.repeat(scene(64, 48)[..., :1], 3, axis=2)
    left = np.zeros((48, 64), np.uint8)
    left[:, :32] = 255
    masks: dict[str, Any] = {"masks": [left, 255 - left]} if regions else {}
    styles = [scene(48, 48, 1)] * (2 if regions else 1)
    chroma = []
    for protect in ("none", np.full((48, 64), 255, np.uint8)):
        run = Run(gray, styles, **all_layers_settings, **masks, protect=protect)
        run.load_weights()
        targets = TargetBuilder(run.inputs, run.options, (64, 48), run.device, {})
        start = targets._recolored(run.inputs.content)
        chroma.append(float((start - start.mean(2, keepdim=True)).std((0, 1)).mean()))
    assert chroma[1] > 1.2 * chroma[0]


def test_plan_counts_what_is_protected() -> None:
    options = impasto.Options(size=2048, network="vgg16")
    levels = pyramid_levels((2048, 1536), options)
    plain, protected = (
        fit_plan(options, "vgg16", levels, torch.float32, 1e11, protected=protected) for protected in (False, True)
    )
    assert 20 * 2048 * 1536 < protected.memory - plain.memory < 400 * 2048 * 1536


def test_rest_of_the_picture_has_no_more_of_the_style(all_layers_settings: dict[str, Any]) -> None:
    large = np.zeros((48, 64), np.uint8)
    large[:, :56] = 255
    content, style = scene(64, 48), scene(48, 48, 1)
    run = Run(content, style, **all_layers_settings, protect=large, protect_strength=1)
    run.load_weights()
    targets = TargetBuilder(run.inputs, run.options, (64, 48), run.device, {})
    (region,) = targets._regions(run._network(), run.levels[-1])
    assert region.weight == pytest.approx(0.05 * 7 / 8 + 1 / 8, abs=0.03)


def test_large_forms_change_only_where_nothing_is_protected(all_layers_settings: dict[str, Any]) -> None:
    left = np.zeros((48, 64), np.uint8)
    left[:, :32] = 255
    image, smaller = torch.full((48, 64, 3), 0.2), torch.full((12, 16, 3), 0.7)
    for protect, share in (("none", 1.0), (left, 0.0)):
        run = Run(scene(64, 48), scene(48, 48, 1), **all_layers_settings, protect=protect, protect_strength=1)
        targets = TargetBuilder(run.inputs, run.options, (64, 48), run.device, {})
        changed = targets.with_forms(image, smaller)
        torch.testing.assert_close(changed[:, :30], torch.full((48, 30, 3), 0.2 + 0.5 * share))
        torch.testing.assert_close(changed[:, 34:], torch.full((48, 30, 3), 0.7))


def test_two_faces_are_recorded(all_layers_settings: dict[str, Any]) -> None:
    with Image.open(ASSETS / "astronaut.jpg") as image:
        person = image.convert("RGB").resize((256, 256))
    pair = Image.new("RGB", (512, 256))
    pair.paste(person, (0, 0))
    pair.paste(person, (256, 0))
    assert impasto.stylize(pair, scene(48, 48, 1), **all_layers_settings).recipe["faces"] == 2


def test_reconstruction_protects_nothing() -> None:
    assert reconstruction_options("conv4_2", None, {"preset": "impasto"}).protect == ()
    assert reconstruction_options("conv4_2", impasto.Options(size=256), {}).protect == ()


def test_rerun_without_a_detector_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, all_layers_settings: dict[str, Any]
) -> None:
    Image.fromarray(scene(48, 48, 1)).save(tmp_path / "style.png")
    result = impasto.stylize(ASSETS / "astronaut.jpg", tmp_path / "style.png", **all_layers_settings)
    result.save(tmp_path / "out.png")
    for module in ("options", "option_values"):
        monkeypatch.setattr(f"impasto.{module}.finds_faces", lambda: False)
    again = {"inputs": [ASSETS], "weights": all_layers_settings["weights"]}
    with pytest.raises(impasto.OptionError, match="or give protect none"):
        rerun(tmp_path / "out.png", **again)
    assert "faces" not in rerun(tmp_path / "out.png", protect="none", **again).recipe


def test_rerun_protects_the_same(tmp_path: Path, all_layers_settings: dict[str, Any]) -> None:
    mask = tmp_path / "region.png"
    Image.fromarray(corner_mask(64, 64)).save(mask)
    Image.fromarray(scene(48, 48, 1)).save(tmp_path / "style.png")
    pictures = ASSETS / "astronaut.jpg", tmp_path / "style.png"
    weights = all_layers_settings["weights"]
    for name, protect in (("faces", ["faces"]), ("both", ["faces", mask]), ("mask", [mask]), ("none", ["none"])):
        result = impasto.stylize(*pictures, **all_layers_settings, protect=protect)
        result.save(tmp_path / f"{name}.png")
        again = rerun(tmp_path / f"{name}.png", inputs=[ASSETS], weights=weights)
        assert again.recipe == result.recipe
        assert np.array_equal(pixels(again.image), pixels(result.image)), name
