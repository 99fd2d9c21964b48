"""The parts of the network of the learned optimizer that take short cuts"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from impasto.learned_optimizer.network import Observation, StyleRegion, UpdateNetwork, _UpwardConvolution, conditions
from impasto.learned_optimizer.transport import COMPONENTS, TRANSPORT_LAYERS, Transport


@pytest.mark.parametrize(
    ("size", "padding"),
    [
        ((8, 10), ("replicate", "replicate")),
        ((9, 10), ("replicate", "replicate")),
        ((9, 11), ("replicate", "replicate")),
        ((8, 10), ("circular", "circular")),  # seamless sides are even
        ((8, 10), ("replicate", "circular")),
        ((9, 10), ("replicate", "circular")),
    ],
)
def test_convolution_of_repeated_positions(size: tuple[int, int], padding: tuple[str, str]) -> None:
    torch.manual_seed(0)
    layer = _UpwardConvolution(7, 5).double()
    assert layer.bias is not None
    torch.nn.init.normal_(layer.bias)
    values = torch.randn(2, 7, 4, 5, dtype=torch.float64, requires_grad=True)
    repeated = values.repeat_interleave(2, 2).repeat_interleave(2, 3)
    repeated = functional.pad(repeated, (0, size[1] - 10, 0, size[0] - 8), mode="replicate")
    expected, result = layer.padded(repeated, padding), layer.upsampled(values, size, padding)
    torch.testing.assert_close(result, expected)
    weights = torch.randn_like(result)
    gradients = [torch.autograd.grad((each * weights).sum(), [values, *layer.parameters()]) for each in (result, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("is_guided", [False, True])
def test_convolutions_in_bfloat16_change_little(is_guided: bool) -> None:
    torch.manual_seed(0)
    network = UpdateNetwork().eval().requires_grad_(False)
    channels = {layer: network._scale(layer).own.shape[1] for layer in TRANSPORT_LAYERS}
    sizes = {layer: 64 // 2**index for index, layer in enumerate(TRANSPORT_LAYERS)}
    guides = {layer: torch.full((1, side, side), 0.7) for layer, side in sizes.items()} if is_guided else None
    identity = torch.eye(COMPONENTS).expand(1, len(TRANSPORT_LAYERS), -1, -1)
    image, content, gradient, direction = torch.rand(4, 1, 3, 64, 64)
    seen = Observation(
        image,
        content,
        gradient,
        direction,
        {layer: torch.rand(1, channels[layer], side, side) for layer, side in sizes.items()},
        [StyleRegion(Transport(identity, torch.zeros(1, len(TRANSPORT_LAYERS), COMPONENTS)), guides)],
        conditions(64, 0, torch.zeros(1)),
    )
    expected = network(seen)
    rounded = {layer: features.bfloat16() for layer, features in seen.features.items()}
    result = network.convolve_in(torch.bfloat16)(seen._replace(features=rounded))
    assert result.dtype == torch.float32
    assert float((expected - seen.image).abs().mean()) > 0.05
    torch.testing.assert_close(result, expected, rtol=0, atol=0.02)
