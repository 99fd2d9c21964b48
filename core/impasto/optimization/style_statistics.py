"""Feature moments of the styles at a given image size, cached.

With `colors="content"` a style is shown to the network in gray, with the content's mean lightness and deviation; with
`colors="match"` its colors are first mapped to those of the content (Gatys et al., arXiv 1606.05897).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import ImageError
from ..images.color import ColorStatistics, color_statistics, lightness_statistics, match_colors, match_luminance
from ..images.color_transfer import sample_colors
from ..images.mask import resize_mask
from ..images.picture import Picture
from ..images.resize import scale_size
from ..images.tileable import Tileable
from ..layers import SMALLEST_SIDE, receptive_radius
from ..losses.moments import Moments
from ..options import Options
from ..vgg.network import VGG
from .inputs import Inputs
from .spatial_guidance import propagate_mask
from .tiling import accumulate_moments, make_tiles

#: Moments of styles per layer, keyed by everything they depend on
StyleCache = dict[tuple[Any, ...], dict[str, Moments]]
#: Maximum number of cached styles, 2.4 MB each
_CACHE_SIZE = 64


class StyleColors(NamedTuple):
    """The colors of a style"""

    statistics: ColorStatistics
    sample: Tensor  # drawn from it, (SAMPLES, 3)


class StyleStatistics:
    """Moments of a run's styles at any size."""

    def __init__(self, inputs: Inputs, options: Options, device: torch.device, cache: StyleCache) -> None:
        """cache: shared by all runs on the same network"""
        self._inputs, self._options, self._device, self._cache = inputs, options, device, cache
        self._gray = options.colors == "content"
        self._tileable = any(Tileable.from_padding(options.padding))
        content, opacity = inputs.content, inputs.content.opacity
        self._luminance = lightness_statistics(content.pixels, opacity) if self._gray else (0.0, 1.0)
        self._target_colors = [
            color_statistics(content.pixels, opacity if mask is None else opacity * mask)
            for mask in (inputs.masks or (None,) * len(inputs.styles))
            if options.colors == "match"
        ]
        self._colors: dict[tuple[int, int], StyleColors] = {}
        scales = options.style_scale or (1.0,)
        self._scales = scales * len(inputs.styles) if len(scales) == 1 else scales

    def at(self, network: VGG, index: int, size: int, max_tile: int, layers: list[str]) -> dict[str, Moments]:
        """Return the moments of style `index` for an image whose longest side is `size` pixels.  -> layer -> moments

        max_tile: maximum side of a tile, in pixels
        Raises ImageError: the style's mask vanishes at this size.
        """
        inputs, options = self._inputs, self._options
        style = inputs.styles[index]
        width, height = self._style_size(index, size)
        mask = inputs.style_masks[index] if inputs.style_masks else None
        colors = self._target_colors[index] if self._target_colors else None
        key = (
            style.digest,
            inputs.named_pictures["style_masks"][index][1].digest if inputs.style_masks else None,
            (width, height),
            tuple(layers),
            (self._luminance if self._gray else None, options.guides),
            f"{options.color_match} {[tensor.tolist() for tensor in colors]}" if colors else None,
        )
        if key in self._cache:
            self._cache[key] = self._cache.pop(key)  # most recently used: evicted last
            return self._cache[key]
        resized = style.resize(width, height)
        guides: dict[str, Tensor] = {}
        if mask is not None or style.alpha is not None:
            weight = self._weights(index, resized)
            mode = options.guides if mask is not None else "plain"
            propagated = propagate_mask(weight, layers, network.name, mode, min_coverage=0)
            if len(propagated) < len(layers):
                raise ImageError(f"style mask {index + 1} is too small: at {width} x {height} pixels nothing is left of it")
            guides = {name: guide.to(self._device) for name, guide in propagated.items()}
        tiles = make_tiles(width, height, max_tile, receptive_radius(network.name, layers))
        guided_layers = [(name, guides.get(name)) for name in layers]
        padding = "replicate" if self._tileable else None
        sums, _ = accumulate_moments(network, self.network_input(index, resized), guided_layers, tiles, padding)
        self._cache[key] = {name: accumulator.moments() for name, accumulator in zip(layers, sums, strict=True)}
        while len(self._cache) > _CACHE_SIZE:
            del self._cache[next(iter(self._cache))]
        return self._cache[key]

    def network_input(self, index: int, style: Picture) -> Tensor:
        """Return style `index`, at any size, as the network sees it: in gray or with matched colors.  -> (H, W, 3)"""
        pixels = style.filled
        if self._gray:
            pixels = match_luminance(pixels, style.opacity, self._luminance)
        elif self._target_colors:
            pixels = match_colors(pixels, self._weights(index, style), self._target_colors[index], self._options.color_match)
        return pixels.to(self._device)

    def colors(self, index: int, size: int) -> StyleColors:
        """Return the colors of style `index`, within its mask, for an image whose longest side is `size` pixels."""
        if (index, size) not in self._colors:
            resized = self._inputs.styles[index].resize(*self._style_size(index, size))
            weights = self._weights(index, resized)
            sample = sample_colors(resized.filled, weights)
            self._colors[index, size] = StyleColors(color_statistics(resized.filled, weights), sample)
        return self._colors[index, size]

    def _weights(self, index: int, style: Picture) -> Tensor:
        """Return the weight of each pixel of style `index`, at any size: its opacity, within its mask.  -> (H, W)"""
        masks = self._inputs.style_masks
        return style.opacity * resize_mask(masks[index], *style.size) if masks else style.opacity

    def _style_size(self, index: int, size: int) -> tuple[int, int]:
        """Width and height of a style for an image of that size: never enlarged unless its scale is above 1"""
        style, scale = self._inputs.styles[index], self._scales[index]
        target = size * scale
        if scale <= 1:
            target = min(target, max(style.size))
        factor = max(target / max(style.size), SMALLEST_SIDE / min(style.size))
        return scale_size(style.size, factor, SMALLEST_SIDE)
