"""VGG-16 and VGG-19 (Simonyan and Zisserman, arXiv 1409.1556) up to the deepest layer in use, forward and backward.

The network is frozen, so the gradient of a loss with respect to the image needs no autograd: every layer's backward pass is
as simple as its forward pass. Activations are kept, because their signs are the gradient of the ReLU. Feature maps are
(height, width, channels). Layers are named as in the paper: `conv4_2` is the map after the ReLU of that convolution.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable

import torch
from torch import Tensor

from ..layers import layers_through
from ..options import PADDING_MODES
from .convolution import Convolution
from .padding import pad, pad_transpose, zeros
from .weight_files import Weights

#: Adds a layer's own loss gradient: gradient from deeper layers (h, w, channels), or None -> the sum of both
GradientHook = Callable[[Tensor | None], Tensor]


class VGG:
    """The convolutions of a VGG through the deepest requested layer, on a device"""

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
        """layers: layers that losses use
        padding: a key of PADDING_MODES
        """
        self.name = weights.network
        self.device, self.dtype = torch.device(device), dtype
        self.pooling, self.padding = pooling, padding
        self._convolutions = {
            name: Convolution(*weights.layers[name], device=self.device, dtype=dtype)
            for name in layers_through(weights.network, layers)
        }
        image_dtype = torch.promote_types(dtype, torch.float32)
        self._mean, self._std = (values.to(self.device, image_dtype) for values in (weights.mean, weights.std))

    def through(self, layers: Iterable[str]) -> VGG:
        """Return this network through the deepest of `layers`. It shares the convolutions."""
        shallower = copy.copy(self)
        names = layers_through(self.name, layers)
        shallower._convolutions = {name: self._convolutions[name] for name in names}
        return shallower

    def forget_transforms_beyond(self, layers: Iterable[str]) -> None:
        """Free what the convolutions deeper than `layers` can compute again: 0.6 GB on a CPU, in float32."""
        needed = layers_through(self.name, layers)
        for name, convolution in self._convolutions.items():
            if name not in needed:
                convolution.forget_transforms()

    def empty_features(self, layer: str) -> Tensor:
        """Return an empty feature map of a layer, (0, channels)."""
        bias = self._convolutions[layer].bias
        return bias.new_empty(0, len(bias))

    def forward(
        self, image: Tensor, padding: str | None = None, *, keep_layers: Collection[str] | None = None
    ) -> dict[str, Tensor]:
        """Return the feature map of each layer, (h, w, channels), after its ReLU.

        image: (H, W, 3), RGB in [0, 1]; padding: for this image, if other than the network's
        keep_layers: layers whose maps are returned; None: all
        """
        features = ((image - self._mean) / self._std).to(self.dtype)
        maps: dict[str, Tensor] = {}
        block = 1
        for name, convolution in self._convolutions.items():
            if _block(name) != block:
                block += 1
                features = pool(features, self.pooling)
            modes = _padding_modes(name, padding or self.padding)
            features = convolution(pad(features, modes), zeros(modes))
            if keep_layers is None or name in keep_layers:
                maps[name] = features
        return maps

    def backward(self, maps: dict[str, Tensor], hooks: dict[str, GradientHook]) -> Tensor:
        """Return the gradient of a loss with respect to the image, (H, W, 3). Empties both arguments, to free memory early.

        maps: the result of `forward` for all layers
        hooks: layer -> function that adds dL/dF, before the ReLU's factor [F > 0], to the gradient from deeper layers
        """
        names = list(self._convolutions)
        gradient: Tensor | None = None  # with respect to the current layer's output
        for name, previous in zip(reversed(names), [*reversed(names[:-1]), None], strict=True):
            features = maps.pop(name)
            if name in hooks:
                gradient = hooks.pop(name)(gradient).to(self.dtype)
            if gradient is None:
                continue
            _relu_gradient(gradient, features, out=gradient)  # dL/dF [F > 0], as in eq. 2 and 6
            del features
            modes = _padding_modes(name, self.padding)
            gradient = pad_transpose(self._convolutions[name].gradient(gradient, zeros(modes)), modes)
            if previous is not None and _block(previous) != _block(name):
                gradient = pool_gradient(maps[previous], gradient, self.pooling)
        assert gradient is not None, "hooks is empty"
        return gradient.to(self._std.dtype) / self._std


def pool(features: Tensor, kind: str) -> Tensor:
    """Return the average or maximum ("max") of each 2 x 2 positions, without an odd last row or column.

    (H, W, C) -> (H/2, W/2, C)
    """
    height, width = features.shape[0] // 2 * 2, features.shape[1] // 2 * 2
    left, right = features[:height, 0:width:2], features[:height, 1:width:2]
    if kind == "max":
        pairs = torch.maximum(left, right)
        return torch.maximum(pairs[0::2], pairs[1::2])
    pairs = left + right
    return (pairs[0::2] + pairs[1::2]).mul_(0.25)


def pool_gradient(features: Tensor, gradient: Tensor, kind: str) -> Tensor:
    """Return the gradient with respect to the input of `pool`: a quarter to each position, or all to the first maximum.

    features: (H, W, C), the input of `pool`; gradient: (H/2, W/2, C), with respect to its output -> (H, W, C)
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
    # The first of equal values gets the gradient, as in torch: the second gets it if second > first, the first the rest.
    rows = torch.empty_like(pairs)
    _relu_gradient(gradient, pairs[1::2] - pairs[0::2], out=rows[1::2])
    _subtract(gradient, rows[1::2], out=rows[0::2])
    _relu_gradient(rows, right - left, out=even[:, 1::2])
    _subtract(rows, even[:, 1::2], out=even[:, 0::2])
    return result


def _relu_gradient(gradient: Tensor, values: Tensor, *, out: Tensor) -> None:
    """Write gradient [values > 0] to `out`, in one pass over memory; a product with a mask takes three."""
    if _writes_in_place(out):
        torch.ops.aten.threshold_backward.grad_input(gradient, values, 0, grad_input=out)
    else:
        out.copy_(torch.ops.aten.threshold_backward(gradient, values, 0))


def _subtract(a: Tensor, b: Tensor, *, out: Tensor) -> None:
    """Write a - b to `out`."""
    if _writes_in_place(out):
        torch.sub(a, b, out=out)
    else:
        out.copy_(a - b)


def _writes_in_place(out: Tensor) -> bool:
    """Return whether operations may write their result to `out`: on MPS, strided ones have got wrong values."""
    return out.device.type != "mps" or out.is_contiguous()


def _block(layer: str) -> int:
    return int(layer[4])


def _padding_modes(layer: str, padding: str) -> tuple[str, str]:
    """Return the padding modes of a layer's input, (vertical, horizontal)."""
    return ("zero", "zero") if padding == "replicate-first" and layer != "conv1_1" else PADDING_MODES[padding]
