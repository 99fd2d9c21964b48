"""The objective and its analytic gradient against the paper's equations and autograd, in float64, on both networks.

The reference runs torchvision's network and computes the losses in the paper's layout, channels by positions.
"""

from __future__ import annotations

import statistics

import pytest
import torch
from torch import Tensor

from impasto.layers import parse_layers
from impasto.losses.moments import Moments, compute_moments
from impasto.optimization.objective import Objective, Region
from impasto.options import PADDING_MODES
from impasto.vgg.network import VGG
from impasto.vgg.weight_files import CAFFE_SCALE, Weights
from tests.conftest import random_weights
from tests.vgg.helpers import reference_forward

STYLE_LAYERS = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]


def reference_style_loss(kind: str, features: Tensor, target: Moments) -> Tensor:
    """Return a style loss for features (N, h, w)."""
    features = features.flatten(1)
    channels, positions = features.shape
    second, mean = features @ features.T / positions, features.mean(1)
    if kind == "gram":
        return CAFFE_SCALE**4 * (second - target.second).square().sum() / (4 * channels**2)
    covariance = second - mean.outer(mean)
    target_covariance = target.second - target.mean.outer(target.mean)
    covariance_norm = target_covariance.square().sum() + 1e-4 * target.second.square().sum() + 1e-12
    covariance_loss = (covariance - target_covariance).square().sum() / covariance_norm
    return covariance_loss + (mean - target.mean).square().sum() / (target.mean.square().sum())


def reference_variation(image: Tensor, padding: str) -> Tensor:
    """Return the total variation from shifted images. Pairs across an edge count where opposite edges are neighbors."""
    rows = torch.arange(image.shape[0])[:, None, None].expand_as(image)
    columns = torch.arange(image.shape[1])[None, :, None].expand_as(image)
    total = image.new_zeros(())
    for shift, weight in (((0, -1), 1 / 3), ((-1, 0), 1 / 3), ((-1, -1), 1 / 12), ((-1, 1), 1 / 12)):
        neighbors = torch.roll(image, shift, (0, 1))
        across_edge = [(torch.roll(index, shift, (0, 1)) - index).abs() > 1 for index in (rows, columns)]
        counts = torch.ones_like(image, dtype=torch.bool)
        for is_across, mode in zip(across_edge, PADDING_MODES[padding], strict=True):
            counts &= ~is_across | (mode == "circular")
        total = total + weight * ((neighbors - image).square() * counts).sum()
    return 2 * total / image.numel()


def relative_error(gradient: Tensor, expected: Tensor) -> float:
    return float((gradient - expected).norm() / expected.norm())


def test_equations_5_and_7_weight_layers_and_sum() -> None:
    layers = parse_layers("conv1_1,conv2_1:3")
    assert layers == {"conv1_1": 0.25, "conv2_1": 0.75}
    net = VGG(random_weights("vgg16", torch.float64, divide=8), ["conv1_1", "conv2_1"], dtype=torch.float64)
    image, other = torch.rand(2, 20, 24, 3, dtype=torch.float64)
    maps, other_maps = net.forward(image), net.forward(other)
    features = {name: maps[name].flatten(0, 1).T.numpy() for name in layers}
    style = {name: other_maps[name].flatten(0, 1).T.numpy() for name in layers}
    energies = {}
    for name in layers:
        f, s = features[name] * CAFFE_SCALE, style[name] * CAFFE_SCALE
        energies[name] = ((f @ f.T - s @ s.T) ** 2).sum() / (4 * f.shape[0] ** 2 * f.shape[1] ** 2)
    equation_5 = 0.25 * energies["conv1_1"] + 0.75 * energies["conv2_1"]
    squares = ((features["conv2_1"] - style["conv2_1"]) * CAFFE_SCALE) ** 2
    region = Region({name: (weight, compute_moments(other_maps[name].flatten(0, 1))) for name, weight in layers.items()})
    evaluation = Objective(net, other, {"conv2_1": 1.0}, [region], alpha=2.0)(image)
    assert float(evaluation.style_loss) == pytest.approx(equation_5, rel=1e-10)
    assert float(evaluation.content_loss) == pytest.approx(squares.sum() / 2, rel=1e-10)
    assert float(evaluation.value) == pytest.approx(2.0 * squares.sum() / 2 + equation_5, rel=1e-10)


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize(
    ("kind", "padding"),
    [
        ("gram", "zero"),
        ("covariance", "replicate"),
        ("covariance", "circular"),
        ("gram", "circular-x"),
        ("gram", "circular-y"),
    ],
)
def test_analytic_gradient_equals_autograds(network: str, pooling: str, kind: str, padding: str) -> None:
    torch.manual_seed(1)
    weights = random_weights(network, torch.float64, divide=4)
    image = torch.rand(45, 51, 3, dtype=torch.float64)  # odd at every pooling
    other = torch.rand(38, 47, 3, dtype=torch.float64)
    style_maps = reference_forward(other[:, :45], weights, pooling, padding)
    style_features = {name: features.flatten(1).T for name, features in style_maps.items()}
    content = torch.rand_like(image)
    layers = {"conv2_2": 0.3, "conv4_2": 0.7}
    content_maps = reference_forward(content, weights, pooling, padding)
    net = VGG(weights, [*STYLE_LAYERS, "conv4_2"], pooling=pooling, padding=padding, dtype=torch.float64)
    style = {}
    for name in STYLE_LAYERS:
        features = style_features[name]
        style[name] = (0.2, Moments(features.mean(0), features.T @ features / len(features)))
    evaluation = Objective(net, content, layers, [Region(style)], style_loss=kind, alpha=0.3, tv=0.5)(image)

    x = image.clone().requires_grad_()
    maps = reference_forward(x, weights, pooling, padding)
    loss = x.new_zeros(())
    for name, weight in layers.items():
        square, content_square = (maps[name] - content_maps[name]).square().sum(), content_maps[name].square().sum()
        loss = loss + 0.3 * weight * (CAFFE_SCALE**2 * square / 2 if kind == "gram" else square / content_square)
    loss = loss + sum(0.2 * reference_style_loss(kind, maps[name], style[name][1]) for name in STYLE_LAYERS)
    loss = loss + 0.5 * reference_variation(x, padding)
    (expected,) = torch.autograd.grad(loss, x)

    torch.testing.assert_close(evaluation.value, loss.detach(), rtol=1e-11, atol=0)
    assert relative_error(evaluation.gradient, expected) < 1e-9


def test_regions_and_several_losses_at_one_layer_add_up() -> None:
    """Two overlapping regions with soft guides, at a layer that has a content loss as well"""
    torch.manual_seed(4)
    weights = random_weights("vgg16", torch.float64, divide=8)
    image = torch.rand(33, 40, 3, dtype=torch.float64)
    names = ["conv1_1", "conv3_1"]
    net = VGG(weights, names, dtype=torch.float64)
    sizes = {name: features.shape for name, features in net.forward(image).items()}
    style_maps = [net.forward(torch.rand(20, 24, 3, dtype=torch.float64)) for _ in range(2)]
    guides = [{name: torch.rand(sizes[name][:2], dtype=torch.float64) for name in names} for _ in range(2)]
    styles = []
    for maps in style_maps:
        features = {name: maps[name].flatten(0, 1) for name in names}
        styles.append({name: (0.5, Moments(f.mean(0), f.T @ f / len(f))) for name, f in features.items()})
    content = torch.rand_like(image)
    regions = [Region(style, guide, share) for style, guide, share in zip(styles, guides, (0.3, 0.7), strict=True)]
    evaluation = Objective(net, content, {"conv3_1": 1.0}, regions, alpha=0.4)(image)

    x = image.clone().requires_grad_()
    maps = reference_forward(x, weights, "average", "zero")
    target = reference_forward(content, weights, "average", "zero")["conv3_1"]
    loss = 0.4 * CAFFE_SCALE**2 * (maps["conv3_1"] - target).square().sum() / 2
    for style, guide, share in zip(styles, guides, (0.3, 0.7), strict=True):
        for name in names:
            f, weight = maps[name].flatten(1), guide[name].flatten()
            second = (f * weight) @ f.T / weight.sum()
            energy = (second - style[name][1].second).square().sum() / (4 * len(f) ** 2)
            loss = loss + share * 0.5 * CAFFE_SCALE**4 * energy
    (expected,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(evaluation.value, loss.detach(), rtol=1e-11, atol=0)
    assert relative_error(evaluation.gradient, expected) < 1e-9


@pytest.mark.parametrize("padding", ["circular", "circular-x", "circular-y"])
def test_rolling_a_tileable_image_rolls_its_gradient(padding: str) -> None:
    """An image rolled by the stride of the network has the same loss."""
    torch.manual_seed(5)
    weights = random_weights("vgg16", torch.float64, divide=8)
    image, other = torch.rand(48, 64, 3, dtype=torch.float64), torch.rand(32, 32, 3, dtype=torch.float64)
    net = VGG(weights, STYLE_LAYERS, padding=padding, dtype=torch.float64)
    style = {}
    for name, features in net.forward(other, "replicate").items():
        if name in STYLE_LAYERS:
            features = features.flatten(0, 1)
            style[name] = (0.2, Moments(features.mean(0), features.T @ features / len(features)))
    objective = Objective(net, None, {}, [Region(style)], style_loss="covariance", tv=1.0)
    shifts = [16 if mode == "circular" else 0 for mode in PADDING_MODES[padding]]
    plain, rolled = objective(image), objective(torch.roll(image, shifts, (0, 1)))
    torch.testing.assert_close(plain.value, rolled.value, rtol=1e-12, atol=0)
    torch.testing.assert_close(torch.roll(plain.gradient, shifts, (0, 1)), rolled.gradient, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("kind", ["gram", "covariance"])
def test_positions_with_weight_0_do_not_count(kind: str) -> None:
    """With a weight of 0 on the lower half, the loss is that of the upper half of each map."""
    torch.manual_seed(2)
    weights = random_weights("vgg16", torch.float64, divide=8)
    image = torch.rand(32, 32, 3, dtype=torch.float64)
    net = VGG(weights, ["conv1_1", "conv2_1"], dtype=torch.float64)
    targets = {}
    for name, channels in (("conv1_1", 8), ("conv2_1", 16)):
        mean, root = torch.rand(channels, dtype=torch.float64), torch.rand(channels, channels, dtype=torch.float64)
        targets[name] = Moments(mean, root @ root.T)
    guides = {"conv1_1": torch.ones(32, 32, dtype=torch.float64), "conv2_1": torch.ones(16, 16, dtype=torch.float64)}
    for guide in guides.values():
        guide[len(guide) // 2 :] = 0
    style = {name: (1.0, moments) for name, moments in targets.items()}
    evaluation = Objective(net, None, {}, [Region(style, guides)], style_loss=kind)(image)

    x = image.clone().requires_grad_()
    maps = reference_forward(x, weights, "average", "zero")
    loss = sum(reference_style_loss(kind, maps[name][:, : len(guides[name]) // 2], targets[name]) for name in targets)
    assert isinstance(loss, Tensor)
    (expected,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(evaluation.value, loss.detach(), rtol=1e-11, atol=0)
    assert relative_error(evaluation.gradient, expected) < 1e-9


def vgg16_gradients(weights: Weights, dtype: torch.dtype) -> list[Tensor]:
    """Gradients at five random images with the real network, (64, 96, 3) float64 each"""
    image_dtype = torch.promote_types(dtype, torch.float32)
    net = VGG(weights, [*STYLE_LAYERS, "conv4_2"], dtype=dtype)
    gradients = []
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        image, other = (torch.rand(64, 96, 3, generator=generator).to(image_dtype) for _ in range(2))
        maps = net.forward(other)
        style = {}
        for name in STYLE_LAYERS:
            features = maps[name].flatten(0, 1).to(image_dtype)
            style[name] = (0.2, Moments(features.mean(0), features.T @ features / len(features)))
        objective = Objective(net, other, {"conv4_2": 1.0}, [Region(style)])
        gradients.append(objective(image).gradient.double())
    return gradients


@pytest.fixture(scope="module")
def float64_gradients(vgg16: Weights) -> list[Tensor]:
    layers = {name: (kernel.double(), bias.double()) for name, (kernel, bias) in vgg16.layers.items()}
    weights = Weights(vgg16.network, vgg16.mean.double(), vgg16.std.double(), layers)
    return vgg16_gradients(weights, torch.float64)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_is_close_to_float64(dtype: torch.dtype, vgg16: Weights, float64_gradients: list[Tensor]) -> None:
    """On the real network: float32 uses Winograd here, bfloat16 whatever the processor has.

    The median of five images: where the input of a ReLU is close to 0, rounding decides whether its gradient is 0.
    """
    pairs = zip(vgg16_gradients(vgg16, dtype), float64_gradients, strict=True)
    errors = [relative_error(gradient, expected) for gradient, expected in pairs]
    assert statistics.median(errors) < (1e-5 if dtype == torch.float32 else 0.05)
