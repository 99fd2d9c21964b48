"""VGG with torch's own layers, differentiated by autograd: the reference implementation for the other benchmarks."""

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
    scale: float = 1.0,
) -> dict[str, Tensor]:
    """Feature maps by layer name, (1, N, h, w) each, through layer `last`.

    image: (1, 3, H, W), normalized as the network expects
    layers: kernel and bias by layer name
    scale: factor of the returned maps
    """
    pool = functional.max_pool2d if pooling == "max" else functional.avg_pool2d
    maps, block = {}, "1"
    for name, (kernel, bias) in layers.items():
        if name[4] != block:
            block, image = name[4], pool(image, 2)
        image = functional.relu(functional.conv2d(image, kernel, bias, padding=1))
        maps[name] = image * scale if scale != 1 else image
        if name == last:
            break
    return maps
