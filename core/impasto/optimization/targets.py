"""What a run works towards: the pictures that it is given, and what they make of a picture of any size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import ImageError
from ..feedforward.network import TransformNet
from ..images.color import color_statistics, lightness_statistics, match_colors, match_luminance, to_gray
from ..images.mask import resize_mask
from ..images.picture import Picture
from ..images.tileable import Tileable, blend_opposite_edges
from ..layers import SMALLEST_SIDE, parse_layers, receptive_radius
from ..losses.moments import Moments, mix_moments
from ..options import Options
from ..vgg.network import VGG
from .guidance import propagate_mask
from .inputs import Inputs, visible
from .objective import Objective, Region
from .style_statistics import _CACHE_SIZE, StyleCache
from .tiling import accumulate_moments, make_tiles


class TargetBuilder:
    """Makes, for a picture of any size, what it is to become and what it begins as."""

    def __init__(
        self,
        given: Inputs,
        options: Options,
        final: tuple[int, int],
        device: torch.device,
        cache: StyleCache,
        tile: int | None = None,
    ) -> None:
        """final: width and height of the finished picture; cache: what earlier runs on the same network have found"""
        self.given, self.options, self.device = given, options, device
        #: The longest side of a tile, in pixels; None: any. It may change while a run lasts.
        self.tile = tile
        self._final, self._cache = final, cache
        self.wraps = Tileable.of(options.padding)
        self.content = given.content
        if any(self.wraps):
            self.content = replace(given.content, pixels=blend_opposite_edges(given.content.pixels, self.wraps))
        self.gray = options.colors == "content"
        seen = visible(given.content)
        self._light = lightness_statistics(given.content.pixels, seen) if self.gray else (0.0, 1.0)
        self._palettes = [
            color_statistics(given.content.pixels, seen if place is None else seen * place)
            for place in (given.masks or (None,) * len(given.styles))
            if options.colors == "match"
        ]
        count = len(given.styles)
        total = sum(options.style_weights or ()) or 1.0
        self._shares = [share / total for share in options.style_weights or (1 / max(1, count),) * count]
        scales = options.style_scale or (1.0,)
        self._scales = scales * count if len(scales) == 1 else scales

    def objective(self, network: VGG, width: int, height: int) -> Objective:
        """What the picture of this size is to become."""
        options = self.options
        content = self.content.resized(width, height, self.wraps)
        alpha, papers = options.balance(*self._final)
        if papers:  # L_c is a sum over positions, E_l a mean: on a smaller rung the same balance takes a larger alpha
            alpha *= self._final[0] * self._final[1] / (width * height)
        return Objective(
            network,
            self._shown(content.pixels),
            parse_layers(options.content_layers),
            self._regions(network, width, height),
            style_loss=options.style_loss,
            alpha=alpha,
            relative=not papers,
            tv=options.tv,
            tile=self.tile,
        )

    def beginning(self, width: int, height: int) -> Tensor:
        """What a run at this size starts from, (H, W, 3)"""
        generator = torch.Generator().manual_seed(self.options.seed)
        noise = torch.rand(height, width, 3, generator=generator)
        if self.options.init == "noise":
            image = noise.to(self.device)
        elif self.options.init == "gray":
            image = torch.full_like(noise, 0.5, device=self.device)
        elif self.options.init == "style":
            image = self._style_shown(0, self.given.styles[0].resized(width, height))
        elif self.given.net is not None:
            image = self._painted_at_once(self.given.net, self.content.resized(width, height, self.wraps))
        else:
            start = self.content if self.options.init == "content" else self.given.start
            assert start is not None
            image = self._shown(start.resized(width, height, self.wraps).pixels)
        if self.options.init_noise and self.options.init != "noise":
            image = torch.lerp(image, noise.to(self.device), self.options.init_noise)
        return image

    def _painted_at_once(self, net: TransformNet, content: Picture) -> Tensor:
        """What a net makes of the content, in all of its styles, with this strength and size of strokes"""
        here = net.copy(self.device)
        modulation = here.told(net.shares(), self.options.strength, (self.options.style_scale or (1.0,))[0])
        image = here.paint(self._shown(content.pixels), modulation)
        return to_gray(image) if self.gray else image

    def held(self, width: int, height: int) -> Callable[[Tensor], Tensor]:
        """What puts the content, as it is shown at this size, back where all of it is to stay"""
        if self.given.keep is None:
            return lambda image: image
        content = self._shown(self.content.resized(width, height, self.wraps).pixels)
        stays = (resize_mask(self.given.keep, width, height) > 1 - 1 / 255).to(self.device)[..., None]
        return lambda image: torch.where(stays, content, image)

    def _regions(self, network: VGG, width: int, height: int) -> list[Region]:
        """Which styles apply where: each under its mask, or all of them, mixed, everywhere."""
        layers = self.options.layers_of_styles(network.name)
        if not self.given.styles or not any(layers):
            return []
        layers = layers * len(self.given.styles) if len(layers) == 1 else layers
        longest = max(width, height)
        largest = math.isqrt(width * height)  # a style takes no more memory than the picture
        statistics = [self.statistics(network, index, longest, largest, list(each)) for index, each in enumerate(layers)]
        painted = self._painted(width, height)
        names = {name for each in layers for name in each}
        if not self.given.masks:
            mixed: dict[str, tuple[float, Moments]] = {}
            for name in sorted(names):
                parts = [
                    (share * each[name], found[name])
                    for share, each, found in zip(self._shares, layers, statistics, strict=True)
                    if share * each.get(name, 0) > 0
                ]
                if parts:
                    mixed[name] = (
                        sum(weight for weight, _ in parts),
                        mix_moments([found for _, found in parts], [w for w, _ in parts]),
                    )
            return [Region(mixed, None if painted is None else self._guides(painted, names, network))]
        regions = []
        whole = 1.0 if painted is None else float(painted.mean())
        for share, each, found, region in zip(self._shares, layers, statistics, self.given.masks, strict=True):
            place = resize_mask(region, width, height)
            place = place if painted is None else place * painted
            # A region has the share of its area, so that a style is as strong in a small one as in a large one.
            share *= len(layers) * float(place.mean()) / max(whole, 1e-6)
            style = {name: (weight, found[name]) for name, weight in each.items()}
            regions.append(Region(style, self._guides(place, names, network), share))
        return regions

    def _painted(self, width: int, height: int) -> Tensor | None:
        """How much of each pixel is seen and may change, (H, W); None: all of all"""
        if self.given.content.alpha is None and self.given.keep is None:
            return None
        seen = visible(self.given.content.resized(width, height)).float()
        return seen if self.given.keep is None else seen * (1 - resize_mask(self.given.keep, width, height))

    def _guides(self, place: Tensor, names: Sequence[str] | set[str], network: VGG) -> dict[str, Tensor]:
        found = propagate_mask(place, names, network.name, self.options.guides, self.wraps)
        return {name: guide.to(self.device) for name, guide in found.items()}

    def statistics(self, network: VGG, index: int, longest: int, largest: int, layers: list[str]) -> dict[str, Moments]:
        """The moments of a style at the size that belongs to a picture of `longest` pixels, in tiles of at most `largest`."""
        style, scale = self.given.styles[index], self._scales[index]
        target = longest * scale
        if scale <= 1:
            target = min(target, max(style.size))
        factor = max(target / max(style.size), SMALLEST_SIDE / min(style.size))
        width, height = (max(SMALLEST_SIDE, round(side * factor)) for side in style.size)
        place = self.given.style_masks[index] if self.given.style_masks else None
        key = (
            style.digest,
            self.given.sources["style_masks"][index][1].digest if self.given.style_masks else None,
            (width, height),
            tuple(layers),
            (self._light if self.gray else None, self.options.guides),
            f"{self.options.color_match} {[each.tolist() for each in self._palettes[index]]}" if self._palettes else None,
        )
        if key in self._cache:
            self._cache[key] = self._cache.pop(key)  # the last to be thrown out
            return self._cache[key]
        resized = style.resized(width, height)
        weights: dict[str, Tensor] = {}
        if place is not None or style.alpha is not None:
            seen = visible(resized).float()
            seen = seen if place is None else seen * resize_mask(place, width, height)
            how = self.options.guides if place is not None else "plain"
            found = propagate_mask(seen, layers, network.name, how, least=0)
            if len(found) < len(layers):
                raise ImageError(f"style mask {index + 1} is too small: at {width} x {height} pixels nothing is left of it")
            weights = {name: guide.to(self.device) for name, guide in found.items()}
        parts = make_tiles(width, height, self.tile or largest, receptive_radius(network.name, layers))
        taps = [(name, weights.get(name)) for name in layers]
        sums, _ = accumulate_moments(
            network, self._style_shown(index, resized), taps, parts, "replicate" if any(self.wraps) else None
        )
        self._cache[key] = {name: each.moments() for name, each in zip(layers, sums, strict=True)}
        while len(self._cache) > _CACHE_SIZE:
            del self._cache[next(iter(self._cache))]
        return self._cache[key]

    def _shown(self, pixels: Tensor) -> Tensor:
        """A picture as the network is shown it"""
        return (to_gray(pixels) if self.gray else pixels).to(self.device)

    def _style_shown(self, index: int, style: Picture) -> Tensor:
        """A style as the network is shown it"""
        pixels = style.pixels
        if self.gray:
            pixels = match_luminance(pixels, visible(style), self._light)
        elif self._palettes:
            seen = visible(style).float()
            if self.given.style_masks:
                seen = seen * resize_mask(self.given.style_masks[index], *style.size)
            pixels = match_colors(pixels, seen, self._palettes[index], self.options.color_match)
        return pixels.to(self.device)
