"""The stylization loss for a batch of images, each with its own content and style, by autograd: for training only.

It is the loss of `optimization.objective` with the covariance loss; a test compares the two. Training needs it for many small
images at a time, which keeps a GPU busy; the engine evaluates one large image tile by tile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from ..layers import SHALLOW_LAYER, layers_through, limit_depth, parse_layers
from ..losses.content import FULL_STRUCTURE
from ..losses.style import RELATIVE_FLOOR
from ..losses.total_variation import NEIGHBORS
from ..presets import PRESETS
from ..vgg.weight_files import Weights
from .transport import TRANSPORT_LAYERS, FeatureMoments

_PRESET = PRESETS["impasto"].values


class LossLayers(NamedTuple):
    """The layers of a loss and their weights"""

    style: Mapping[str, float]
    content: str


#: The whole loss of the preset, and that of the shallow levels of the pyramid
WHOLE = LossLayers(parse_layers(_PRESET["style_layers"]), _PRESET["content_layers"])
SHALLOW = LossLayers(limit_depth(WHOLE.style, SHALLOW_LAYER), min(WHOLE.content, SHALLOW_LAYER))


class BatchVGG:
    """VGG with max pooling and replicated borders, for batches of images"""

    def __init__(self, weights: Weights, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype, self.name = device, dtype, weights.network
        self._mean, self._std = (values.to(device)[:, None, None] for values in (weights.mean, weights.std))
        self._layers = {
            name: tuple(tensor.to(device, dtype).contiguous(memory_format=_format(tensor)) for tensor in weights.layers[name])
            for name in layers_through(weights.network, ["conv5_1"])
        }

    def __call__(self, image: Tensor, layers: LossLayers) -> dict[str, Tensor]:
        """Return the feature maps of the layers of a loss, (B, C, h, w).  image: (B, 3, H, W) in [0, 1]"""
        wanted = {*layers.style, layers.content}
        features = ((image - self._mean) / self._std).to(self.dtype).contiguous(memory_format=torch.channels_last)
        maps, block = {}, "1"
        for name in layers_through(self.name, wanted):
            if name[4] != block:
                block, features = name[4], functional.max_pool2d(features, 2)
            kernel, bias = self._layers[name]
            features = functional.conv2d(functional.pad(features, (1, 1, 1, 1), mode="replicate"), kernel, bias).relu()
            if name in wanted:
                maps[name] = features
        return maps


class BatchEvaluation(NamedTuple):
    """The loss at a batch of images"""

    value: Tensor  # (B,)
    content_distance: Tensor  # |F - P| / |P| at the content layer, (B,)
    gradient: Tensor  # of each image's value, (B, 3, H, W)
    features: dict[str, Tensor]  # of the layers in TRANSPORT_LAYERS that the loss uses, (B, C, h, w)
    moments: dict[str, FeatureMoments]  # of the same


class BatchObjective:
    """alpha L_content + sum_l w_l L_style + tv, relative to the content's and the style's own features"""

    def __init__(
        self, vgg: BatchVGG, content: Tensor, style: Mapping[str, FeatureMoments], layers: LossLayers, alpha: Tensor
    ) -> None:
        """content: (B, 3, H, W); style: layer -> moments of each image's style; alpha: weight of the content, (B,)"""
        self._vgg, self._style, self._layers = vgg, style, layers
        with torch.no_grad():
            self._target = vgg(content, layers)[layers.content].float()
        self._norm = self._target.square().sum((1, 2, 3)) + 1e-12
        positions = self._target[0, 0].numel()
        structure = 1 - self._target.mean((2, 3)).square().sum(1) * positions / self._norm
        self._alpha = alpha * (structure / FULL_STRUCTURE).clamp(max=1)

    @torch.enable_grad()
    def __call__(self, image: Tensor) -> BatchEvaluation:
        """Evaluate at images (B, 3, H, W) in [0, 1]."""
        image = image.detach().requires_grad_()
        maps = self._vgg(image, self._layers)
        moments = {layer: feature_moments(maps[layer]) for layer in self._layers.style}
        value = _total_variation(image)
        for layer, weight in self._layers.style.items():
            value = value + weight * _covariance_loss(moments[layer], self._style[layer])
        difference = (maps[self._layers.content].float() - self._target).square().sum((1, 2, 3)) / self._norm
        value = value + self._alpha * difference
        (gradient,) = torch.autograd.grad(value.sum(), image)
        kept = [layer for layer in TRANSPORT_LAYERS if layer in self._layers.style]
        return BatchEvaluation(
            value.detach(),
            difference.detach().sqrt(),
            gradient,
            {layer: maps[layer].detach() for layer in kept},
            {layer: FeatureMoments(*(tensor.detach() for tensor in moments[layer])) for layer in kept},
        )


def feature_moments(features: Tensor) -> FeatureMoments:
    """Return mean and covariance of feature maps.  (B, C, h, w) -> (B, C), (B, C, C)"""
    positions = features.permute(0, 2, 3, 1).flatten(1, 2).float()
    mean = positions.mean(1)
    centered = positions - mean[:, None]
    return FeatureMoments(mean, centered.transpose(1, 2) @ centered / positions.shape[1])


def _covariance_loss(current: FeatureMoments, target: FeatureMoments) -> Tensor:
    """Return the covariance loss of losses/style.py for each image.  -> (B,)"""
    second = target.covariance + target.mean[:, :, None] * target.mean[:, None]
    covariance_norm = target.covariance.square().sum((1, 2)) + 1e-12 + RELATIVE_FLOOR * (second.square().sum((1, 2)) + 1e-12)
    mean_norm = target.mean.square().sum(1) + 1e-12
    covariance_distance = (current.covariance - target.covariance).square().sum((1, 2))
    return covariance_distance / covariance_norm + (current.mean - target.mean).square().sum(1) / mean_norm


def _total_variation(image: Tensor) -> Tensor:
    """Return the preset's weight times the total variation of losses/total_variation.py.  (B, 3, H, W) -> (B,)"""
    height, width = image.shape[2:]
    total = image.new_zeros(len(image))
    for down, right, weight in NEIGHBORS:
        left = max(0, -right)
        columns = width - abs(right)
        neighbor = image[:, :, down:, left + right : left + right + columns]
        difference = neighbor - image[:, :, : height - down, left : left + columns]
        total = total + 2 * weight * difference.square().sum((1, 2, 3))
    return total * (float(_PRESET["tv"]) / image[0].numel())


def _format(tensor: Tensor) -> torch.memory_format:
    return torch.channels_last if tensor.dim() == 4 else torch.contiguous_format
