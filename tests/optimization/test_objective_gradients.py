"""The gradients by hand against autograd, in float64, on both networks: the core of the program."""

from __future__ import annotations

import statistics

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from impasto.layers import CONVS_PER_BLOCK
from impasto.losses.moments import Moments
from impasto.optimization.objective import Objective, Region
from impasto.options import PADDING_MODES
from impasto.vgg.network import VGG, pool, pool_gradient
from impasto.vgg.weight_files import CAFFE_SCALE, Weights
from tests.conftest import made_up_weights

STYLE = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]


def reference_forward(image: Tensor, weights: Weights, pooling: str, padding: str) -> dict[str, Tensor]:
    """VGG as anybody would write it with torch's own layers: image (H, W, 3) -> layer -> (N, h, w)"""
    x = ((image - weights.mean) / weights.deviation).permute(2, 0, 1)[None]
    maps = {}
    for block, count in enumerate(CONVS_PER_BLOCK[weights.network], 1):
        if block > 1:
            x = functional.avg_pool2d(x, 2) if pooling == "average" else functional.max_pool2d(x, 2)
        for i in range(1, count + 1):
            name = f"conv{block}_{i}"
            for pad, how in zip(((0, 0, 1, 1), (1, 1, 0, 0)), PADDING_MODES[padding], strict=True):
                how = "zero" if how == "replicate" and name != "conv1_1" else how
                x = functional.pad(x, pad, mode={"zero": "constant"}.get(how, how))
            x = functional.conv2d(x, *weights.layers[name])
            x = maps[name] = functional.relu(x)
    return {name: layer[0] for name, layer in maps.items()}


def reference_phi(kind: str, found: Tensor, wanted: Moments) -> Tensor:
    """A style loss from a map (N, h, w), in the paper's layout"""
    features = found.flatten(1)
    channels, positions = features.shape
    second, mean = features @ features.T / positions, features.mean(1)
    if kind == "gram":
        return CAFFE_SCALE**4 * (second - wanted.second).square().sum() / (4 * channels**2)
    covariance = second - mean.outer(mean)
    goal = wanted.second - wanted.mean.outer(wanted.mean)
    spread = goal.square().sum() + 1e-4 * wanted.second.square().sum() + 1e-12
    return (covariance - goal).square().sum() / spread + (mean - wanted.mean).square().sum() / (wanted.mean.square().sum())


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
def test_the_gradient_by_hand_is_autograds(network: str, pooling: str, kind: str, padding: str) -> None:
    torch.manual_seed(1)
    weights = made_up_weights(network, torch.float64, divide=4)
    image = torch.rand(45, 51, 3, dtype=torch.float64)  # odd at every pooling
    other = torch.rand(38, 47, 3, dtype=torch.float64)
    kept = {name: layer.flatten(1).T for name, layer in reference_forward(other[:, :45], weights, pooling, padding).items()}
    content = torch.rand_like(image)
    layers = {"conv2_2": 0.3, "conv4_2": 0.7}
    wanted = {name: reference_forward(content, weights, pooling, padding)[name] for name in layers}
    net = VGG(weights, [*STYLE, "conv4_2"], pooling=pooling, padding=padding, dtype=torch.float64)
    style = {name: (0.2, Moments(kept[name].mean(0), kept[name].T @ kept[name] / len(kept[name]))) for name in STYLE}
    found = Objective(net, content, layers, [Region(style)], style_loss=kind, alpha=0.3, tv=0.5)(image)

    x = image.clone().requires_grad_()
    maps = reference_forward(x, weights, pooling, padding)
    loss = x.new_zeros(())
    for name, weight in layers.items():
        square = (maps[name] - wanted[name]).square().sum()
        loss = loss + 0.3 * weight * (CAFFE_SCALE**2 * square / 2 if kind == "gram" else square / wanted[name].square().sum())
    loss = loss + sum(0.2 * reference_phi(kind, maps[name], style[name][1]) for name in STYLE)
    loss = loss + 0.5 * reference_variation(x, padding)
    (expected,) = torch.autograd.grad(loss, x)

    torch.testing.assert_close(found.value, loss.detach(), rtol=1e-11, atol=0)
    assert float((found.gradient - expected).norm() / expected.norm()) < 1e-9


def reference_variation(image: Tensor, padding: str) -> Tensor:
    """Every pair of neighbors, found by shifting; those that only meet around an edge count where edges meet."""
    rows = torch.arange(image.shape[0])[:, None, None].expand_as(image)
    columns = torch.arange(image.shape[1])[None, :, None].expand_as(image)
    total = image.new_zeros(())
    for shift, weight in (((0, -1), 1 / 3), ((-1, 0), 1 / 3), ((-1, -1), 1 / 12), ((-1, 1), 1 / 12)):
        there = torch.roll(image, shift, (0, 1))
        apart = [(torch.roll(place, shift, (0, 1)) - place).abs() > 1 for place in (rows, columns)]
        counts = torch.ones_like(image, dtype=torch.bool)
        for far, way in zip(apart, PADDING_MODES[padding], strict=True):
            counts &= ~far | (way == "circular")
        total = total + weight * ((there - image).square() * counts).sum()
    return 2 * total / image.numel()


def test_regions_and_several_losses_at_one_layer_add_up() -> None:
    """Two overlapping regions with soft guides, on a layer that the content is kept at too."""
    torch.manual_seed(4)
    weights = made_up_weights("vgg16", torch.float64, divide=8)
    image = torch.rand(33, 40, 3, dtype=torch.float64)
    net = VGG(weights, ["conv1_1", "conv3_1"], dtype=torch.float64)
    sizes = {name: layer.shape for name, layer in net.forward(image).items()}
    goals = [net.forward(torch.rand(20, 24, 3, dtype=torch.float64)) for _ in range(2)]
    names = ["conv1_1", "conv3_1"]
    guides = [{name: torch.rand(sizes[name][:2], dtype=torch.float64) for name in names} for _ in range(2)]
    styles = []
    for goal in goals:
        features = {name: goal[name].flatten(0, 1) for name in names}
        styles.append({name: (0.5, Moments(f.mean(0), f.T @ f / len(f))) for name, f in features.items()})
    content = torch.rand_like(image)
    regions = [Region(style, guide, share) for style, guide, share in zip(styles, guides, (0.3, 0.7), strict=True)]
    found = Objective(net, content, {"conv3_1": 1.0}, regions, alpha=0.4)(image)

    x = image.clone().requires_grad_()
    maps = reference_forward(x, weights, "average", "zero")
    wanted = reference_forward(content, weights, "average", "zero")["conv3_1"]
    loss = 0.4 * CAFFE_SCALE**2 * (maps["conv3_1"] - wanted).square().sum() / 2
    for style, guide, share in zip(styles, guides, (0.3, 0.7), strict=True):
        for name in names:
            f, weight = maps[name].flatten(1), guide[name].flatten()
            second = (f * weight) @ f.T / weight.sum()
            energy = (second - style[name][1].second).square().sum() / (4 * len(f) ** 2)
            loss = loss + share * 0.5 * CAFFE_SCALE**4 * energy
    (expected,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(found.value, loss.detach(), rtol=1e-11, atol=0)
    assert float((found.gradient - expected).norm() / expected.norm()) < 1e-9


@pytest.mark.parametrize("padding", ["circular", "circular-x", "circular-y"])
def test_where_edges_meet_the_gradient_does_not_know_where_they_are(padding: str) -> None:
    """A picture rolled by the network's stride has the same loss, and its gradient is rolled."""
    torch.manual_seed(5)
    weights = made_up_weights("vgg16", torch.float64, divide=8)
    image, other = torch.rand(48, 64, 3, dtype=torch.float64), torch.rand(32, 32, 3, dtype=torch.float64)
    net = VGG(weights, STYLE, padding=padding, dtype=torch.float64)
    features = {name: layer.flatten(0, 1) for name, layer in net.forward(other, "replicate").items()}
    style = {
        name: (0.2, Moments(features[name].mean(0), features[name].T @ features[name] / len(features[name]))) for name in STYLE
    }
    objective = Objective(net, None, {}, [Region(style)], style_loss="covariance", tv=1.0)
    shifts = [16 if way == "circular" else 0 for way in PADDING_MODES[padding]]
    plain, rolled = objective(image), objective(torch.roll(image, shifts, (0, 1)))
    torch.testing.assert_close(plain.value, rolled.value, rtol=1e-12, atol=0)
    torch.testing.assert_close(torch.roll(plain.gradient, shifts, (0, 1)), rolled.gradient, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("kind", ["gram", "covariance"])
def test_positions_that_are_not_seen_do_not_count(kind: str) -> None:
    """A weight of 0 on the lower half is as if the style were computed on the upper half of each map."""
    torch.manual_seed(2)
    weights = made_up_weights("vgg16", torch.float64, divide=8)
    image = torch.rand(32, 32, 3, dtype=torch.float64)
    net = VGG(weights, ["conv1_1", "conv2_1"], dtype=torch.float64)
    goal = {name: Moments(torch.rand(n, dtype=torch.float64), torch.rand(n, n, dtype=torch.float64)) for name, n in
            [("conv1_1", 8), ("conv2_1", 16)]}  # fmt: skip
    goal = {name: Moments(m.mean, m.second @ m.second.T) for name, m in goal.items()}
    seen = {"conv1_1": torch.ones(32, 32, dtype=torch.float64), "conv2_1": torch.ones(16, 16, dtype=torch.float64)}
    for mask in seen.values():
        mask[len(mask) // 2 :] = 0
    style = {name: (1.0, moments) for name, moments in goal.items()}
    found = Objective(net, None, {}, [Region(style, seen)], style_loss=kind)(image)

    x = image.clone().requires_grad_()
    maps = reference_forward(x, weights, "average", "zero")
    loss = sum(reference_phi(kind, maps[name][:, : len(seen[name]) // 2], goal[name]) for name in goal)
    (expected,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(found.value, loss.detach(), rtol=1e-11, atol=0)
    assert float((found.gradient - expected).norm() / expected.norm()) < 1e-9


@pytest.mark.parametrize("kind", ["average", "max"])
def test_pooling_and_its_gradient_are_torchs_where_positions_tie(kind: str) -> None:
    features = torch.randint(0, 3, (9, 11, 4), generator=torch.Generator().manual_seed(0)).double()
    given = torch.randn(4, 5, 4, dtype=torch.float64)
    x = features.permute(2, 0, 1)[None].clone().requires_grad_()
    expected = functional.avg_pool2d(x, 2) if kind == "average" else functional.max_pool2d(x, 2)
    (slope,) = torch.autograd.grad(expected, x, given.permute(2, 0, 1)[None])
    torch.testing.assert_close(pool(features, kind).permute(2, 0, 1), expected[0].detach())
    torch.testing.assert_close(pool_gradient(features, given, kind).permute(2, 0, 1), slope[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_is_close(dtype: torch.dtype, vgg16: Weights) -> None:
    """On the real network: float32 goes through Winograd here, bfloat16 through whatever the processor has.

    Of five pictures the middle one, for where a ReLU stands next to zero, rounding decides whether it lets anything through.
    """
    exact = Weights(
        vgg16.network,
        vgg16.mean.double(),
        vgg16.deviation.double(),
        {name: (kernel.double(), bias.double()) for name, (kernel, bias) in vgg16.layers.items()},
    )
    errors = []
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        image, other = (torch.rand(96, 128, 3, generator=generator) for _ in range(2))
        slopes = []
        for weights, precision in ((exact, torch.float64), (vgg16, dtype)):
            wide = torch.promote_types(precision, torch.float32)
            net = VGG(weights, [*STYLE, "conv4_2"], dtype=precision)
            maps = net.forward(other.to(wide))
            style = {}
            for name in STYLE:
                features = maps[name].flatten(0, 1).to(wide)
                style[name] = (0.2, Moments(features.mean(0), features.T @ features / len(features)))
            found = Objective(net, other.to(wide), {"conv4_2": 1.0}, [Region(style)])(image.to(wide))
            slopes.append(found.gradient.double())
        errors.append(float((slopes[1] - slopes[0]).norm() / slopes[0].norm()))
    assert statistics.median(errors) < (1e-5 if dtype == torch.float32 else 0.05)
