"""VGG as it is usually written, with torch's own layers, for autograd to find its gradients: what others are compared with."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as functional
from torch import Tensor


def features(
    image: Tensor,
    layers: Mapping[str, tuple[Tensor, Tensor]],
    last: str,
    *,
    pooling: str = "average",
    unit: float = 1.0,
) -> dict[str, Tensor]:
    """image: (1, 3, H, W), as the network wants it -> layer -> `unit` times its map, (1, N, h, w), up to the last"""
    pool = functional.max_pool2d if pooling == "max" else functional.avg_pool2d
    maps, block = {}, "1"
    for name, (kernel, bias) in layers.items():
        if name[4] != block:
            block, image = name[4], pool(image, 2)
        image = functional.relu(functional.conv2d(image, kernel, bias, padding=1))
        maps[name] = image * unit if unit != 1 else image
        if name == last:
            break
    return maps
