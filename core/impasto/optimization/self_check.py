"""A check of a device before its first run: a small gradient, compared with that of the CPU.

Some versions of macOS and torch return wrong values on MPS without an error (pytorch issues 175188 and 193385).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ..errors import DeviceError
from ..layers import layers_through
from ..losses.moments import compute_moments, feature_gradient
from ..losses.style import covariance_loss
from ..runtime.device import choose_device, warn_once
from ..runtime.torch_state import plain_torch
from ..vgg.network import VGG
from ..vgg.weight_files import Weights

#: Network of the check, its deepest layer, and its number of channels
_NETWORK, _DEEPEST, _CHANNELS = "vgg16", "conv2_2", 16
#: Largest error of a correct gradient, relative to its norm: TensorFloat-32 rounds to 1e-3
_TOLERANCE = 0.02


@plain_torch()
def choose_working_device(name: str = "auto") -> torch.device:
    """Return the named device, or with "auto" the fastest; not MPS if it computes wrong values.

    Raises DeviceError: the device is not available, or it is MPS and computes wrong values.
    """
    device = choose_device(name)
    if device.type != "mps" or computes_correctly(device):
        return device
    message = "this version of macOS and torch computes wrong values on the GPU (mps)"
    if name != "auto":
        raise DeviceError(f"{message}: choose cpu or auto, or update torch")
    warn_once(f"{message}: computing on the CPU")
    return torch.device("cpu")


@lru_cache
def computes_correctly(device: torch.device) -> bool:
    """Compare a small gradient of a style loss with that of the CPU, once per process."""
    try:
        expected, actual = (_gradient(place) for place in (torch.device("cpu"), device))
    except RuntimeError:  # an operation does not exist there
        return False
    return bool((actual - expected).norm() <= _TOLERANCE * expected.norm())


def _gradient(device: torch.device) -> Tensor:
    """Return a gradient with respect to an image, through both kinds of pooling.  -> (H, W, 3)"""
    generator = torch.Generator().manual_seed(0)
    layers, channels = {}, 3
    for name in layers_through(_NETWORK, [_DEEPEST]):
        kernel = torch.randn(_CHANNELS, channels, 3, 3, generator=generator) * (2 / (9 * channels)) ** 0.5
        layers[name] = kernel, torch.zeros(_CHANNELS)
        channels = _CHANNELS
    weights = Weights(_NETWORK, torch.full((3,), 0.5), torch.full((3,), 0.25), layers)
    image, style = (torch.rand(33, 46, 3, generator=generator).to(device) for _ in range(2))
    total = torch.zeros(33, 46, 3)
    for pooling in ("average", "max"):
        network = VGG(weights, [_DEEPEST], pooling=pooling, device=device)
        loss = covariance_loss(compute_moments(network.forward(style)[_DEEPEST]))
        maps = network.forward(image)
        features = maps[_DEEPEST]
        gradient = feature_gradient(features, loss(compute_moments(features)), 1.0)
        total += network.backward(maps, {_DEEPEST: lambda _, result=gradient: result}).cpu()  # type: ignore[misc]
    return total
