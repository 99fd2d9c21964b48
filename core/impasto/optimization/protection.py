"""Protection: a region, such as a face, that is painted in the style, and keeps the shapes that make it recognizable.

Within it the content weighs more; finer layers keep the features of the content in the style's colors; and the style weighs
less, since its busiest texture settles where the content has most detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from ..images.tileable import Tileable
from ..layers import layer_stride, limit_depth
from .spatial_guidance import propagate_mask

#: Finer layers that keep their features, with their weights relative to that of the content. Measured, as are those below.
_LAYERS = {"conv2_2": 0.5, "conv3_2": 0.5}
#: Their channels
_CHANNELS = {"conv2_2": 128, "conv3_2": 256}
#: By how much the factor of the content grows, from no protection to full protection
_CONTENT_GAIN = 1.33
#: Least weight of the style: without any, there would be nothing to paint with
_LEAST_STYLE = 0.05
#: Powers of ten that full protection adds to the content weight in the eyes of the learned optimizer
PROTECTED_DECADES = 1.33


class Protection(NamedTuple):
    """A region of the image that is protected"""

    mask: Tensor  # how much each pixel is protected, (H, W) in [0, 1]
    content_factors: Mapping[str, Tensor]  # content layer -> factor of the content loss at each position (h, w)
    target: Tensor  # image (H, W, 3) whose finer features the region keeps
    layers: Mapping[str, float]  # finer layer -> weight, relative to that of the content
    guides: Mapping[str, Tensor]  # finer layer -> the mask at its positions (h, w)

    @classmethod
    def of(
        cls, mask: Tensor, target: Tensor, content_layers: Mapping[str, float], deepest: str, network: str, tileable: Tileable
    ) -> Protection:
        """Carry a mask (H, W) over to the layers, on the device of the target.

        deepest: the deepest layer of the losses, which the finer layers do not go beyond
        """
        layers = limit_depth(_LAYERS, deepest)
        guides = propagate_mask(mask, {*layers, *content_layers}, network, tileable=tileable, min_coverage=-1)
        guides = {name: guide.to(target.device) for name, guide in guides.items()}
        factors = {name: 1 + _CONTENT_GAIN * guides[name] for name in content_layers}
        return cls(mask.to(target.device), factors, target, layers, {name: guides[name] for name in layers})


def style_share(mask: Tensor) -> Tensor:
    """Return the weight of each pixel in the style loss, for a mask of what is protected.  (H, W) -> (H, W)"""
    return (1 - mask).clamp(min=_LEAST_STYLE)


def protected_features() -> float:
    """Return the number of features per pixel that the finer layers keep."""
    return sum(_CHANNELS[layer] / layer_stride(layer) ** 2 for layer in _LAYERS)
