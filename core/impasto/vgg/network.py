"""The network: VGG-16 and VGG-19 (Simonyan and Zisserman, arXiv 1409.1556) up to the deepest layer in use, both ways.

The network is frozen, so the gradient of a loss in the picture needs no autograd: it runs through the layers backwards, and
each of them is as simple as on the way forward. A layer keeps its activations, for their signs are the gradient of its ReLU.
Maps are (height, width, channels). Layers are named as in the paper: `conv4_2` is the map after that convolution's ReLU.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import torch
from torch import Tensor

from ..images.tileable import Tileable
from ..layers import layers_through
from ..options import PADDING_MODES
from .convolution import Convolution
from .padding import crop, pad, pad_gradient, pad_transpose
from .weight_files import Weights

#: The gradient (h, w, channels) that flows into a layer from deeper ones, or None -> the same with the layer's own added.
GradientHook = Callable[[Tensor | None], Tensor]


class VGG:
    """VGG's convolutions up to the deepest layer that is asked for, with their weights, on a device."""

    def __init__(
        self,
        weights: Weights,
        layers: Iterable[str],
        *,
        pooling: str = "average",
        padding: str = "zero",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """layers: the ones to look at; padding: a key of PADDINGS. `replicate` repeats the picture's edge at conv1_1 only,
        where the paper has zeros; edges that meet do so at every layer.
        """
        self.name = weights.network
        self.device, self.dtype = torch.device(device), dtype
        self.pooling, self.padding = pooling, padding
        self._convolutions = {
            name: Convolution(*weights.layers[name], device=self.device, dtype=dtype)
            for name in layers_through(weights.network, layers)
        }
        exact = torch.promote_types(dtype, torch.float32)
        self._mean, self._deviation = (t.to(self.device, exact) for t in (weights.mean, weights.deviation))

    def nothing(self, layer: str) -> Tensor:
        """An empty map of a layer, (0, channels)"""
        bias = self._convolutions[layer].bias
        return bias.new_empty(0, len(bias))

    def forward(self, image: Tensor, padding: str | None = None, *, only: Collection[str] | None = None) -> dict[str, Tensor]:
        """image: (H, W, 3), RGB in [0, 1] -> the map after every convolution's ReLU, (h, w, channels) each

        padding: around this picture, where it is another than the network's; only: the layers whose maps are wanted
        """
        features = ((image - self._mean) / self._deviation).to(self.dtype)
        maps: dict[str, Tensor] = {}
        block = 1
        for name, convolution in self._convolutions.items():
            if _block(name) != block:
                block += 1
                features = pool(features, self.pooling)
            ways = _padding_modes(name, padding or self.padding)
            features = crop(convolution(pad(features, ways)), ways)
            if only is None or name in only:
                maps[name] = features
        return maps

    def backward(self, maps: dict[str, Tensor], pulls: dict[str, GradientHook]) -> Tensor:
        """The gradient in the picture of a loss that looks at some layers' maps. Both are empty in the end: what has been
        used is given back.

        maps: what forward returned; pulls: layer -> what adds dL/dF, before the ReLU's [F > 0], to what comes from deeper
        returns (H, W, 3)
        """
        names = list(self._convolutions)
        flowing: Tensor | None = None  # dL/d(the current layer's output)
        for name, before in zip(reversed(names), [*reversed(names[:-1]), None], strict=True):
            features = maps.pop(name)
            if name in pulls:
                flowing = pulls.pop(name)(flowing).to(self.dtype)
            if flowing is None:
                continue
            _relu_gradient(flowing, features, out=flowing)  # dL/dF [F > 0], as in eq. 2 and 6
            del features
            ways = _padding_modes(name, self.padding)
            flowing = pad_transpose(self._convolutions[name].gradient(pad_gradient(flowing, ways)), ways)
            if before is not None and _block(before) != _block(name):
                flowing = pool_gradient(maps[before], flowing, self.pooling)
        assert flowing is not None, "no pulls given"
        return flowing.to(self._deviation.dtype) / self._deviation


def pool(features: Tensor, kind: str) -> Tensor:
    """Average or maximum of every 2 x 2 positions; an odd last row or column is left out.  (H, W, C) -> (H/2, W/2, C)"""
    height, width = features.shape[0] // 2 * 2, features.shape[1] // 2 * 2
    left, right = features[:height, 0:width:2], features[:height, 1:width:2]
    if kind == "max":
        pairs = torch.maximum(left, right)
        return torch.maximum(pairs[0::2], pairs[1::2])
    pairs = left + right
    return (pairs[0::2] + pairs[1::2]).mul_(0.25)


def pool_gradient(features: Tensor, gradient: Tensor, kind: str) -> Tensor:
    """dL/d(pool's input) from dL/d(its output): a quarter to each of four, or all to the first of the largest.

    features: (H, W, C), pool's input; gradient: (H/2, W/2, C) -> (H, W, C)
    """
    height, width = features.shape[0] // 2 * 2, features.shape[1] // 2 * 2
    result = torch.empty_like(features)
    result[height:] = 0
    result[:, width:] = 0
    even = result[:height, :width]
    if kind != "max":
        quarter = gradient * 0.25
        for row in (0, 1):
            for column in (0, 1):
                even[row::2, column::2] = quarter
        return result
    left, right = features[:height, 0:width:2], features[:height, 1:width:2]
    pairs = torch.maximum(left, right)
    # A tie goes to the first, as in torch: g where second > first, and what is left of g.
    rows = torch.empty_like(pairs)
    _relu_gradient(gradient, pairs[1::2] - pairs[0::2], out=rows[1::2])
    torch.sub(gradient, rows[1::2], out=rows[0::2])
    _relu_gradient(rows, right - left, out=even[:, 1::2])
    torch.sub(rows, even[:, 1::2], out=even[:, 0::2])
    return result


def _relu_gradient(gradient: Tensor, where: Tensor, *, out: Tensor) -> None:
    """out = gradient [where > 0]; one pass over memory, where a product with a mask takes three"""
    torch.ops.aten.threshold_backward.grad_input(gradient, where, 0, grad_input=out)


def _block(layer: str) -> int:
    return int(layer[4])


def _padding_modes(layer: str, padding: str) -> tuple[str, str]:
    """What lies beyond the border of a layer's input: above and below, left and right"""
    return PADDING_MODES[padding] if layer == "conv1_1" else Tileable.of(padding).ways
