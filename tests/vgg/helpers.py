"""torchvision's VGG as an independent implementation."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from impasto.layers import LAYERS
from impasto.options import PADDING_MODES
from impasto.vgg.weight_files import Weights


def torchvision_features(network: str) -> nn.Sequential:
    """Return the convolutional part of torchvision's network, on the meta device, so without values."""
    from torchvision.models import get_model  # slow to import

    with torch.device("meta"):
        features = get_model(network, weights=None, init_weights=False).features
    assert isinstance(features, nn.Sequential)
    return features


def reference_forward(image: Tensor, weights: Weights, pooling: str, padding: str) -> dict[str, Tensor]:
    """Run torchvision's network with these weights, differentiably.  image (H, W, 3) -> layer -> (N, h, w)"""
    x = ((image - weights.mean) / weights.std).permute(2, 0, 1)[None]
    maps = {}
    names = iter(LAYERS[weights.network])
    for module in torchvision_features(weights.network)[:-1]:  # without the last pooling
        if isinstance(module, nn.Conv2d):
            name = next(names)
            for sides, mode in zip(((0, 0, 1, 1), (1, 1, 0, 0)), PADDING_MODES[padding], strict=True):
                mode = "zero" if padding == "replicate-first" and name != "conv1_1" else mode
                x = functional.pad(x, sides, mode={"zero": "constant"}.get(mode, mode))
            # The weights may have fewer filters than torchvision's.
            module.weight, module.bias = (nn.Parameter(values, requires_grad=False) for values in weights.layers[name])
            module.padding = (0, 0)
        elif isinstance(module, nn.ReLU):
            module.inplace = False
        elif pooling == "average":
            assert isinstance(module, nn.MaxPool2d)
            module = nn.AvgPool2d(module.kernel_size, module.stride)
        x = module(x)
        if isinstance(module, nn.ReLU):
            maps[name] = x
    return {name: features[0] for name, features in maps.items()}
