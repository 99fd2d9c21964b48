"""The network that turns the gradient of the stylization loss into a large step: a learned optimizer.

Principle: learned optimizers (Andrychowicz et al., arXiv 1606.04474; Putzky and Welling, arXiv 1706.04008). The style reaches
the network only through the exact gradient and through the closed-form transport of the image's features to the style's, so
one network serves any style, at every level of the pyramid.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from ..layers import layer_stride
from .transport import COMPONENTS, TRANSPORT_LAYERS, FeatureMoments, Transport

#: Channels of the layers in TRANSPORT_LAYERS, in VGG and in this network
FEATURE_CHANNELS = (64, 128, 256, 512)
WIDTHS = (24, 48, 80, 112)
#: Residual blocks per layer: the coarse ones cost little
_BLOCKS = (1, 1, 1, 2)
#: Image, content, squashed gradient and Adam's direction, three channels each, and the conditions
CONDITIONS = 3
_PIXEL_CHANNELS = 12 + CONDITIONS
#: Modes of the padding of convolutions, vertical and horizontal: "replicate", or "circular" for a seamless image
Padding = tuple[str, str]
#: Greatest correction, and maximum of the normalized gradient
_MAX_CORRECTION, _MAX_GRADIENT = 0.5, 3.0
#: Powers of ten of the content weight, relative to that at strength 0.5, that the network is trained with
MIN_DECADES, MAX_DECADES = -1.25, 2.0


class StyleRegion(NamedTuple):
    """The transport to a style, and where the style applies"""

    transport: Transport  # over the layers that the loss uses, in the order of TRANSPORT_LAYERS
    guides: Mapping[str, Tensor] | None = None  # layer -> weight of each position, (B, h, w); None: 1 everywhere


class Observation(NamedTuple):
    """What the network sees of an image: a batch of images of one size"""

    image: Tensor  # (B, 3, H, W) in [0, 1]
    content: Tensor  # (B, 3, H, W) in [0, 1]
    gradient: Tensor  # of the loss, divided by its root mean square, (B, 3, H, W)
    direction: Tensor  # Adam's, (B, 3, H, W)
    features: Mapping[str, Tensor]  # layer -> (B, C, h, w)
    regions: Sequence[StyleRegion]
    conditions: Tensor  # (B, CONDITIONS): see `conditions`
    padding: Padding = ("replicate", "replicate")
    #: What is added to the last condition, the decades of the content weight, at each pixel, (B, 1, H, W); None: nothing
    more_decades: Tensor | None = None


def receptive_radius(layers: Collection[str]) -> int:
    """Return how many pixels the network sees beyond a position's own, besides what the features of these layers see."""
    radius = 1  # of the last convolution
    for layer, blocks in zip(TRANSPORT_LAYERS, _BLOCKS, strict=True):
        if layer in layers:  # the blocks, the convolution of the pixels, and the one that carries to the next finer layer
            radius += (2 * blocks + 2) * layer_stride(layer)
    return radius


def conditions(side: float, step: int, decades: Tensor) -> Tensor:
    """Return the conditions of a step.  -> (B, CONDITIONS)

    side: longest side of the image in pixels; step: at this level of the pyramid, from 0
    decades: powers of ten by which the weight of the content differs from that at strength 0.5, (B,)
    """
    values = (math.log2(side / 128), min(step, 5) / 2)
    return torch.stack([*(torch.full_like(decades, value) for value in values), decades], 1)


class _Convolution(nn.Conv2d):
    """A 3 x 3 convolution, padded as the image is"""

    def __init__(self, channels: int, filters: int, gain: float = 1.0) -> None:
        """gain: deviation of the initial weights relative to the one that keeps variances through a ReLU"""
        super().__init__(channels, filters, 3)
        nn.init.normal_(self.weight, 0, gain * math.sqrt(2 / self.weight[0].numel()))
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def padded(self, values: Tensor, padding: Padding) -> Tensor:
        """Return the convolution of values (B, C, H, W), of the same size."""
        convolved: Tensor = self(_pad(values, padding))
        return convolved


def _pad(values: Tensor, padding: Padding) -> Tensor:
    """Add a row and a column at each end.  (B, C, H, W) -> (B, C, H + 2, W + 2)"""
    vertical, horizontal = padding
    if vertical == horizontal:
        return functional.pad(values, (1, 1, 1, 1), mode=vertical)
    return functional.pad(functional.pad(values, (1, 1, 0, 0), mode=horizontal), (0, 0, 1, 1), mode=vertical)


class _UpwardConvolution(_Convolution):
    """A convolution of a map whose positions are repeated, so that it is twice as high and wide"""

    def upsampled(self, values: Tensor, size: tuple[int, int], padding: Padding) -> Tensor:
        """Return the convolution of the repeated values.  (B, C, h, w) -> (B, K, H, W)

        size: H and W, each twice that of the values, or one more: the last row or column is then repeated once more

        Among the nine positions that a kernel sees, only four differ. So this convolves `values` with sums of the kernel's
        parts, 2 x 2 for each of the four positions of the result that repeat one: less than half of the work.
        """
        height, width = size
        if height % 2 or width % 2:
            values = functional.pad(values, (0, width % 2, 0, height % 2), mode="replicate")
        batch, channels, rows, columns = values.shape
        filters = self.out_channels
        kernels = _fold_repeated(_fold_repeated(self.weight, 2), 3)  # (K, C, 4, 4): twice 2 x 2 in each direction
        kernels = kernels.view(filters, channels, 2, 2, 2, 2).permute(2, 4, 0, 1, 3, 5).reshape(-1, channels, 2, 2)
        kernels = kernels.contiguous(memory_format=torch.channels_last)
        assert self.bias is not None
        convolved = functional.conv2d(_pad(values, padding), kernels, self.bias.repeat(4))
        result = convolved.new_empty(batch, rows, 2, columns, 2, filters)
        for y in range(2):
            for x in range(2):
                start = (2 * y + x) * filters
                part = convolved[:, start : start + filters, y : y + rows, x : x + columns]
                result[:, :, y, :, x] = part.permute(0, 2, 3, 1)
        return result.view(batch, 2 * rows, 2 * columns, filters)[:, :height, :width].permute(0, 3, 1, 2)


def _fold_repeated(kernel: Tensor, axis: int) -> Tensor:
    """Add the weights of a kernel that meet copies of one position: (a, b, c) -> (a, b + c), (a + b, c)."""
    first, middle, last = torch.split(kernel, 1, axis)
    return torch.cat([first, middle + last, first + middle, last], axis)


class _ResidualBlock(nn.Module):
    """Two convolutions whose result is added to their input"""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _Convolution(width, width), _Convolution(width, width, 0.3)

    def forward(self, values: Tensor, padding: Padding) -> Tensor:
        return self.second.padded(self.first.padded(values, padding).relu_(), padding).add_(values)


class _Scale(nn.Module):
    """The part of the network at the resolution of one layer of VGG"""

    basis: Tensor  # principal components of the layer's features over many pictures, (COMPONENTS, C)
    mean: Tensor  # of the features, (C,)
    deviation: Tensor  # root of their mean variance

    def __init__(self, channels: int, width: int, above: int | None, blocks: int) -> None:
        """channels: of VGG's layer; width: of this network; above: width at the next coarser layer, if any"""
        super().__init__()
        self.own = nn.Parameter(torch.randn(width, channels) * (0.5 / math.sqrt(channels)))
        self.carried = nn.Parameter(torch.randn(width, COMPONENTS) * (0.7 / math.sqrt(COMPONENTS)))
        self.pixels = _Convolution(_PIXEL_CHANNELS, width, 0.5)
        self.upward = None if above is None else _UpwardConvolution(above, width)
        self.blocks = nn.ModuleList(_ResidualBlock(width) for _ in range(blocks))
        self.register_buffer("basis", torch.eye(COMPONENTS, channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(()))

    def forward(
        self,
        features: Tensor,
        regions: Sequence[tuple[Tensor, Tensor, Tensor | None]],
        pixels: Tensor,
        above: Tensor | None,
        padding: Padding,
    ) -> Tensor:
        """features: (B, C, h, w); regions: matrix and shift of the layer's transport, and guide; pixels: (B, C, H, W)

        above: result of the next coarser layer, if any
        -> (B, width, h, w)
        """
        height, width = features.shape[2:]
        hidden = self._mix(features.to(pixels.dtype), regions)
        if pixels.shape[2:] != features.shape[2:]:
            pixels = functional.adaptive_avg_pool2d(pixels, (height, width))
        hidden = self.pixels.padded(pixels, padding).add_(hidden)
        if above is not None and self.upward is not None:
            hidden = hidden.add_(self.upward.upsampled(above, (height, width), padding))
        hidden = hidden.relu_()
        for block in self.blocks:
            hidden = block(hidden, padding)
        return hidden

    def _mix(self, features: Tensor, regions: Sequence[tuple[Tensor, Tensor, Tensor | None]]) -> Tensor:
        """Return the mixes of the regions, each by its guide; where there is no region, features stay as they are."""
        matrix, shift, guide = regions[0]
        if guide is None:
            return self._transport_and_mix(features, matrix, shift)
        mixed = torch.zeros(())
        outside = torch.ones_like(guide)
        for matrix, shift, guide in regions:
            assert guide is not None
            guide = guide.to(features.dtype)
            mixed = mixed + guide[:, None] * self._transport_and_mix(features, matrix, shift)
            outside = outside - guide
        identity = torch.eye(COMPONENTS, dtype=matrix.dtype, device=matrix.device).expand_as(matrix)
        unchanged = self._transport_and_mix(features, identity, torch.zeros_like(shift))
        return mixed + outside.clamp(min=0)[:, None] * unchanged

    def _transport_and_mix(self, features: Tensor, matrix: Tensor, shift: Tensor) -> Tensor:
        """Return W_1 (f - m) + W_2 (T P f + t - P m) for features f, whose mean over many pictures is m."""
        own, carried = self.own / self.deviation, self.carried / self.deviation
        weight = own + carried @ matrix @ self.basis  # (B, width, C)
        bias = (shift - self.basis @ self.mean) @ carried.T - own @ self.mean  # (B, width)
        batch, channels, height, width = features.shape
        positions = features.permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        mixed = torch.baddbmm(bias[:, None].to(features.dtype), positions, weight.transpose(1, 2).to(features.dtype))
        return mixed.view(batch, height, width, -1).permute(0, 3, 1, 2)


class UpdateNetwork(nn.Module):
    """A U-Net from the features of four layers to a correction of the image, coarse to fine, beside Adam's step"""

    def __init__(self) -> None:
        super().__init__()
        above = (*WIDTHS[1:], None)
        sizes = zip(FEATURE_CHANNELS, WIDTHS, above, _BLOCKS, strict=True)
        self.scales = nn.ModuleDict(dict(zip(TRANSPORT_LAYERS, (_Scale(*size) for size in sizes), strict=True)))
        self.output = _Convolution(WIDTHS[0], 3, 0.1)
        #: Logarithms of the rates of Adam's direction and of the gradient, and the change of the first per unit of `step`
        self.rates = nn.Parameter(torch.tensor([-3.2, -0.25, -5.0]))

    def _scale(self, layer: str) -> _Scale:
        scale = self.scales[layer]
        assert isinstance(scale, _Scale)
        return scale

    def convolve_in(self, dtype: torch.dtype) -> UpdateNetwork:
        """Convolve in another type, and mix features in it. What is small stays in float32.  -> this network"""
        for module in self.modules():
            if isinstance(module, _Convolution):
                module.to(dtype)
        return self

    @property
    def bases(self) -> dict[str, Tensor]:
        """Layer -> principal components of VGG's features, (COMPONENTS, C)"""
        return {layer: self._scale(layer).basis for layer in TRANSPORT_LAYERS}

    @torch.no_grad()
    def set_statistics(self, statistics: Mapping[str, FeatureMoments]) -> None:
        """Set the principal components, means and deviations of VGG's features from their moments over many pictures."""
        for layer, (mean, covariance) in statistics.items():
            scale = self._scale(layer)
            scale.mean.copy_(mean)
            scale.deviation.copy_(covariance.diagonal().mean().sqrt())
            scale.basis.copy_(torch.linalg.eigh(covariance.cpu().double())[1][:, -COMPONENTS:].T)

    def forward(self, seen: Observation) -> Tensor:
        """Return the next images, which may leave [0, 1].  -> (B, 3, H, W)"""
        constants = seen.conditions[:, :, None, None].expand(-1, -1, *seen.image.shape[2:])
        if seen.more_decades is not None:
            decades = (constants[:, -1:] + seen.more_decades).clamp(MIN_DECADES, MAX_DECADES)
            constants = torch.cat([constants[:, :-1], decades], 1)
        squashed = seen.gradient / (seen.gradient.abs() + 0.5)
        pixels = torch.cat([2 * seen.image - 1, 2 * seen.content - 1, squashed, seen.direction, constants], 1)
        pixels = pixels.to(self.output.weight.dtype, memory_format=torch.channels_last)
        hidden: Tensor | None = None
        layers = [layer for layer in TRANSPORT_LAYERS if layer in seen.features]
        for index, layer in reversed(list(enumerate(layers))):
            regions = [
                (
                    region.transport.matrix[:, index],
                    region.transport.shift[:, index],
                    None if region.guides is None else region.guides[layer],
                )
                for region in seen.regions
            ]
            hidden = self._scale(layer)(seen.features[layer], regions, pixels, hidden, seen.padding)
        assert hidden is not None, "the loss has no style layers that the network knows"
        correction = self.output.padded(hidden.relu(), seen.padding).tanh()
        adam_rate = (self.rates[0] + self.rates[1] * seen.conditions[:, 1]).exp()[:, None, None, None]
        gradient = seen.gradient.clamp(-_MAX_GRADIENT, _MAX_GRADIENT)
        step: Tensor = _MAX_CORRECTION * correction - adam_rate * seen.direction - self.rates[2].exp() * gradient
        return seen.image + step
