"""The network that turns the gradient of the stylization loss into a large step: a learned optimizer.

Principle: learned optimizers (Andrychowicz et al., arXiv 1606.04474; Putzky and Welling, arXiv 1706.04008). The style reaches
the network only through the exact gradient and through the closed-form transport of the image's features to the style's, so
one network serves any style, at every level of the pyramid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from .transport import COMPONENTS, TRANSPORT_LAYERS, FeatureMoments, Transport

#: Channels of the layers in TRANSPORT_LAYERS, in VGG and in this network
FEATURE_CHANNELS = (64, 128, 256, 512)
WIDTHS = (24, 48, 80, 112)
#: Residual blocks per layer: the coarse ones cost little
_BLOCKS = (1, 1, 1, 2)
#: Image, content, squashed gradient and Adam's direction, three channels each, and the conditions
CONDITIONS = 3
_PIXEL_CHANNELS = 12 + CONDITIONS
#: Greatest correction, and maximum of the normalized gradient
_CORRECTION_SCALE, _MAX_GRADIENT = 0.5, 3.0


class Observation(NamedTuple):
    """What the network sees of an image: a batch of images of one size"""

    image: Tensor  # (B, 3, H, W) in [0, 1]
    content: Tensor  # (B, 3, H, W) in [0, 1]
    gradient: Tensor  # of the loss, divided by its root mean square, (B, 3, H, W)
    direction: Tensor  # Adam's, (B, 3, H, W)
    features: Mapping[str, Tensor]  # layer -> (B, C, h, w)
    transport: Transport  # over the layers in `features`, in the order of TRANSPORT_LAYERS
    conditions: Tensor  # (B, CONDITIONS): see `conditions`


def conditions(side: float, step: int, decades: Tensor) -> Tensor:
    """Return the conditions of a step.  -> (B, CONDITIONS)

    side: longest side of the image in pixels; step: at this level of the pyramid, from 0
    decades: powers of ten by which the weight of the content differs from that at strength 0.5, (B,)
    """
    values = decades.new_tensor([math.log2(side / 128), min(step, 5) / 2])
    return torch.cat([values.expand(len(decades), 2), decades[:, None]], 1)


class _ResidualBlock(nn.Module):
    """Two convolutions whose result is added to their input"""

    def __init__(self, first: nn.Conv2d, second: nn.Conv2d) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, values: Tensor) -> Tensor:
        residual: Tensor = self.second(self.first(values).relu())
        return values + residual


class UpdateNetwork(nn.Module):
    """A U-Net from the features of four layers to a correction of the image, coarse to fine, beside Adam's step"""

    def __init__(self) -> None:
        super().__init__()

        def convolution(channels: int, filters: int, size: int = 3) -> nn.Conv2d:
            return nn.Conv2d(channels, filters, size, padding=size // 2, padding_mode="replicate")

        self.features = nn.ModuleList(
            nn.Linear(channels, width) for channels, width in zip(FEATURE_CHANNELS, WIDTHS, strict=True)
        )
        self.transported = nn.ModuleList(nn.Linear(COMPONENTS, width, bias=False) for width in WIDTHS)
        self.pixels = nn.ModuleList(convolution(_PIXEL_CHANNELS, width) for width in WIDTHS)
        self.upward = nn.ModuleList(convolution(above, width) for above, width in zip(WIDTHS[1:], WIDTHS[:-1], strict=True))
        self.blocks = nn.ModuleList(
            nn.ModuleList(_ResidualBlock(convolution(width, width), convolution(width, width)) for _ in range(count))
            for width, count in zip(WIDTHS, _BLOCKS, strict=True)
        )
        self.output = convolution(WIDTHS[0], 3)
        #: Logarithms of the rates of Adam's direction and of the gradient, and the change of the first per unit of `step`
        self.rates = nn.Parameter(torch.tensor([-3.2, -0.25, -5.0]))
        for layer, channels in zip(TRANSPORT_LAYERS, FEATURE_CHANNELS, strict=True):
            self.register_buffer(f"basis_{layer}", torch.eye(COMPONENTS, channels))
            self.register_buffer(f"mean_{layer}", torch.zeros(channels))
            self.register_buffer(f"scale_{layer}", torch.ones(()))
        self._initialize()

    @torch.no_grad()
    def _initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0, math.sqrt(2 / module.weight[0].numel()))
                nn.init.zeros_(module.bias)
        for index, channels in enumerate(FEATURE_CHANNELS):
            nn.init.normal_(self.features[index].weight, 0, 0.5 / math.sqrt(channels))
            nn.init.zeros_(self.features[index].bias)
            nn.init.normal_(self.transported[index].weight, 0, 0.7 / math.sqrt(COMPONENTS))
            self.pixels[index].weight *= 0.5
            for block in self.blocks[index]:
                block.second.weight *= 0.3
        self.output.weight *= 0.1

    @property
    def bases(self) -> dict[str, Tensor]:
        """Layer -> principal components of VGG's features, (COMPONENTS, C)"""
        return {layer: getattr(self, f"basis_{layer}") for layer in TRANSPORT_LAYERS}

    @torch.no_grad()
    def set_statistics(self, statistics: Mapping[str, FeatureMoments]) -> None:
        """Set the principal components, means and scales of VGG's features from their moments over many pictures."""
        for layer, (mean, covariance) in statistics.items():
            self.get_buffer(f"mean_{layer}").copy_(mean)
            self.get_buffer(f"scale_{layer}").copy_(covariance.diagonal().mean().sqrt())
            self.bases[layer].copy_(torch.linalg.eigh(covariance.cpu().double())[1][:, -COMPONENTS:].T)

    def forward(self, seen: Observation) -> Tensor:
        """Return the next images, which may leave [0, 1].  -> (B, 3, H, W)"""
        height, width = seen.image.shape[2:]
        constants = seen.conditions[:, :, None, None].expand(-1, -1, height, width)
        squashed = seen.gradient / (seen.gradient.abs() + 0.5)
        pixels = torch.cat([2 * seen.image - 1, 2 * seen.content - 1, squashed, seen.direction, constants], 1)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        hidden: Tensor | None = None
        layers = [layer for layer in TRANSPORT_LAYERS if layer in seen.features]
        for index in reversed(range(len(layers))):
            mixed = self._mix_features(index, seen.features[layers[index]], seen.transport, pixels.dtype)
            size = mixed.shape[2:]
            mixed = mixed + self.pixels[index](
                pixels if size == (height, width) else functional.adaptive_avg_pool2d(pixels, size)
            )
            if hidden is not None:
                mixed = mixed + self.upward[index](functional.interpolate(hidden, size))
            hidden = mixed.relu()
            for block in self.blocks[index]:
                hidden = block(hidden)
        assert hidden is not None
        correction = self.output(hidden.relu())
        adam_rate = (self.rates[0] + self.rates[1] * seen.conditions[:, 1]).exp()[:, None, None, None]
        gradient = seen.gradient.clamp(-_MAX_GRADIENT, _MAX_GRADIENT)
        return seen.image + _CORRECTION_SCALE * correction.tanh() - adam_rate * seen.direction - self.rates[2].exp() * gradient

    def _mix_features(self, index: int, features: Tensor, maps: Transport, dtype: torch.dtype) -> Tensor:
        """Return W_1 (f - m) + W_2 (T P f + t - P m) for the features f of a layer, whose mean over pictures is m.

        (B, C, h, w) -> (B, WIDTHS[index], h, w)
        """
        layer = TRANSPORT_LAYERS[index]
        basis, mean, scale = self.bases[layer], self.get_buffer(f"mean_{layer}"), self.get_buffer(f"scale_{layer}")
        matrix, shift = maps.matrix[:, index], maps.shift[:, index]
        own, carried = self.features[index].weight / scale, self.transported[index].weight / scale
        weight = own + carried @ matrix @ basis  # (B, width, C)
        bias = self.features[index].bias - own @ mean + (shift - basis @ mean) @ carried.T  # (B, width)
        batch, channels, height, width = features.shape
        positions = features.permute(0, 2, 3, 1).reshape(batch, height * width, channels).to(dtype)
        mixed = torch.baddbmm(bias[:, None], positions, weight.transpose(1, 2))
        return mixed.view(batch, height, width, -1).permute(0, 3, 1, 2)
