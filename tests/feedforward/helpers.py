"""Small untrained networks and inputs for the tests of feed-forward networks."""

from __future__ import annotations

import torch

from impasto.feedforward.network import Modulation, Style, TransformNet
from impasto.feedforward.training import Phase
from tests.conftest import scene

#: Phases of a training with small crops, in place of `training.PHASES`
SMALL_PHASES = (Phase(32, 0.7, 3e-3), Phase(48, 0.3, 2e-3))


def random_net(styles: int = 2, *, width: int = 8, blocks: int = 2) -> TransformNet:
    """An untrained network with random gains and shifts"""
    net = TransformNet.initialize([Style(f"style {n}") for n in range(1, styles + 1)], width=width, blocks=blocks)
    generator = torch.Generator().manual_seed(1)
    for name, tensor in net.state.items():
        if name.endswith(("gain", "shift")):
            tensor += torch.randn(tensor.shape, generator=generator) * 0.3
    return net


def scene_tensor(width: int, height: int) -> torch.Tensor:
    """`scene` as floats, (height, width, 3) in [0, 1]"""
    return torch.from_numpy(scene(width, height)).float() / 255


def modulation_for(net: TransformNet, *style_weights: float, strength: float = 0.5, stroke_size: float = 1.0) -> Modulation:
    return net.modulation_tensors(torch.tensor(style_weights), torch.tensor(strength), torch.tensor(stroke_size))
