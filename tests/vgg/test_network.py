"""The forward pass and the pooling against torchvision and torch. Gradients: optimization/test_objective_gradients.py."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from impasto.options import PADDING_MODES
from impasto.vgg.network import VGG, pool, pool_gradient
from impasto.vgg.weight_files import Weights
from tests.conftest import random_weights
from tests.vgg.helpers import reference_forward


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("padding", PADDING_MODES)
def test_features_equal_torchvisions(network: str, pooling: str, padding: str) -> None:
    weights = random_weights(network, torch.float64, divide=8)
    image = torch.rand(33, 40, 3, dtype=torch.float64)
    vgg = VGG(weights, weights.layers, pooling=pooling, padding=padding, dtype=torch.float64)
    maps, expected = vgg.forward(image), reference_forward(image, weights, pooling, padding)
    assert list(maps) == list(expected) == list(weights.layers)
    for name, features in maps.items():
        torch.testing.assert_close(features.permute(2, 0, 1), expected[name], rtol=1e-11, atol=1e-13)


def test_features_are_oxfords_divided_by_58(vgg16: Weights) -> None:
    """The scaled network against the published recipe: BGR in [0, 255] minus the mean, with the original biases"""
    image = torch.rand(24, 20, 3)
    features = VGG(vgg16, ["conv2_1"]).forward(image)["conv2_1"]
    layers = {name: (kernel, bias * 58) for name, (kernel, bias) in vgg16.layers.items()}
    layers["conv1_1"] = layers["conv1_1"][0].flip(1), layers["conv1_1"][1]
    oxford = Weights("vgg16", torch.tensor([103.939, 116.779, 123.68]), torch.ones(3), layers)
    expected = reference_forward(image.flip(2) * 255, oxford, "average", "zero")["conv2_1"]
    torch.testing.assert_close(features.permute(2, 0, 1) * 58, expected, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("kind", ["average", "max"])
def test_pooling_and_its_gradient_equal_torchs_with_ties(kind: str) -> None:
    features = torch.randint(0, 3, (9, 11, 4), generator=torch.Generator().manual_seed(0)).double()
    output_gradient = torch.randn(4, 5, 4, dtype=torch.float64)
    x = features.permute(2, 0, 1)[None].clone().requires_grad_()
    expected = functional.avg_pool2d(x, 2) if kind == "average" else functional.max_pool2d(x, 2)
    (input_gradient,) = torch.autograd.grad(expected, x, output_gradient.permute(2, 0, 1)[None])
    torch.testing.assert_close(pool(features, kind).permute(2, 0, 1), expected[0].detach())
    torch.testing.assert_close(pool_gradient(features, output_gradient, kind).permute(2, 0, 1), input_gradient[0])


def test_transforms_of_deeper_layers_can_be_freed() -> None:
    network = VGG(random_weights("vgg16"), ["conv3_2"])
    before = network.forward(torch.full((64, 64, 3), 0.4))["conv3_2"]
    network.forget_transforms_beyond(["conv3_1"])
    transformed = {name for name, layer in network._convolutions.items() if layer._forward.transformed is not None}
    assert transformed == {"conv3_1"}  # the narrower layers have none
    torch.testing.assert_close(network.forward(torch.full((64, 64, 3), 0.4))["conv3_2"], before)


@pytest.mark.parametrize("kind", ["average", "max"])
def test_pooling_without_writing_in_place_is_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on MPS, where operations that write to strided results have got them wrong"""
    features, gradient = torch.rand(9, 12, 5), torch.rand(4, 6, 5)
    expected = pool_gradient(features, gradient, kind)
    monkeypatch.setattr("impasto.vgg.network._writes_in_place", lambda out: False)
    torch.testing.assert_close(pool_gradient(features, gradient, kind), expected, rtol=0, atol=0)
