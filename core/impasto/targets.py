"""What a run works towards: the pictures that it is given, and what they make of a picture of any size."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import borders, colors, images, library
from .borders import Wraps
from .devices import give_back, ran_out_of_memory
from .errors import ImageError, OptionError
from .guides import guides, mask
from .guides import resized as resized_mask
from .images import Picture
from .losses import Moments, blend
from .nets import Net
from .networks import parse_layers
from .objective import Evaluation, Objective, Region
from .options import FROM_NET, Options
from .ranks import Ranks
from .tiles import SMALLEST_TILE, reach, survey, tiles
from .vgg import Network

#: Statistics of styles, by all that they depend on
Cache = dict[tuple[Any, ...], dict[str, Moments]]
#: How many of them are kept: 2.4 MB each.
_MOST_KEPT = 64
#: What the pictures of a run are there for
ROLES = ("content", "styles", "masks", "style_masks", "keep", "init_image")


@dataclass(frozen=True, kw_only=True)
class Given:
    """The pictures of a run, read. With masks, there is one for each style."""

    content: Picture
    styles: tuple[Picture, ...]
    masks: tuple[Tensor, ...] = ()  # (H, W) each, of the content
    style_masks: tuple[Tensor, ...] = ()  # (H, W) each, of its style
    keep: Tensor | None = None  # (H, W), of the content
    start: Picture | None = None
    net: Net | None = None  # whose painting of the content is the start
    sources: Mapping[str, Sequence[tuple[str | None, Picture]]]  # role -> what each file is called, and what was in it

    @classmethod
    def read(cls, content: Any, styles: Any, options: Options) -> Given:
        """Read everything, and see that it belongs together.  Raises ImageError, NetError, OptionError."""
        listed = list(styles) if isinstance(styles, list | tuple) else [styles]
        if len(listed) == 1 and len(options.masks or ()) > 1:
            listed *= len(options.masks)  # one painting, with a region of it for each of the content's
        _check_counts(len(listed), options)
        read: dict[int, Picture] = {}
        sources: dict[str, list[tuple[str | None, Picture]]] = {}
        wanted = (content, listed, options.masks, options.style_masks, options.keep, options.init_image)
        for role, given in zip(ROLES, wanted, strict=True):
            sources[role] = []
            for source in given if isinstance(given, list | tuple) else [] if given is None else [given]:
                if id(source) not in read:
                    read[id(source)] = images.read(source, max_megapixels=options.max_megapixels)
                # Nobody needs to know in which folder it was.
                name = Path(source).name if isinstance(source, str | os.PathLike) else None
                sources[role].append((name, read[id(source)]))
        pictures = {role: [picture for _, picture in found] for role, found in sources.items()}
        picture, painted = pictures["content"][0], tuple(pictures["styles"])
        return cls(
            content=picture,
            styles=painted,
            masks=tuple(mask(each, picture, f"mask {n}") for n, each in enumerate(pictures["masks"], 1)),
            style_masks=tuple(
                mask(each, style, f"style mask {n}")
                for n, (each, style) in enumerate(zip(pictures["style_masks"], painted, strict=False), 1)
            ),
            keep=mask(pictures["keep"][0], picture, "the mask of what is kept") if pictures["keep"] else None,
            start=pictures["init_image"][0] if pictures["init_image"] else None,
            net=Net.load(library.find(options.init[len(FROM_NET) :])) if options.init.startswith(FROM_NET) else None,
            sources=sources,
        )


class Targets:
    """Makes, for a picture of any size, what it is to become and what it begins as."""

    def __init__(
        self,
        given: Given,
        options: Options,
        final: tuple[int, int],
        device: torch.device,
        cache: Cache,
        tile: int | None = None,
    ) -> None:
        """final: width and height of the finished picture; cache: what earlier runs on the same network have found"""
        self.given, self.options, self.device = given, options, device
        #: The longest side of a tile, in pixels; None: any. It may change while a run lasts.
        self.tile = tile
        self._final, self._cache = final, cache
        self.wraps = Wraps.of(options.padding)
        self.content = given.content
        if any(self.wraps):
            self.content = replace(given.content, pixels=borders.meeting(given.content.pixels, self.wraps))
        self.gray = options.colors == "content"
        seen = _seen(given.content)
        self._light = colors.lightness(given.content.pixels, seen) if self.gray else (0.0, 1.0)
        self._palettes = [
            colors.palette(given.content.pixels, seen if place is None else seen * place)
            for place in (given.masks or (None,) * len(given.styles))
            if options.colors == "match"
        ]
        count = len(given.styles)
        total = sum(options.style_weights or ()) or 1.0
        self._shares = [share / total for share in options.style_weights or (1 / max(1, count),) * count]
        scales = options.style_scale or (1.0,)
        self._scales = scales * count if len(scales) == 1 else scales

    def objective(self, network: Network, width: int, height: int) -> Objective:
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

    def _painted_at_once(self, net: Net, content: Picture) -> Tensor:
        """What a net makes of the content, in all of its styles, with this strength and size of strokes"""
        here = net.copy(self.device)
        modulation = here.told(net.shares(), self.options.strength, (self.options.style_scale or (1.0,))[0])
        image = here.paint(self._shown(content.pixels), modulation)
        return colors.gray(image) if self.gray else image

    def held(self, width: int, height: int) -> Callable[[Tensor], Tensor]:
        """What puts the content, as it is shown at this size, back where all of it is to stay"""
        if self.given.keep is None:
            return lambda image: image
        content = self._shown(self.content.resized(width, height, self.wraps).pixels)
        stays = (resized_mask(self.given.keep, width, height) > 1 - 1 / 255).to(self.device)[..., None]
        return lambda image: torch.where(stays, content, image)

    def _regions(self, network: Network, width: int, height: int) -> list[Region]:
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
                        blend([found for _, found in parts], [w for w, _ in parts]),
                    )
            return [Region(mixed, None if painted is None else self._guides(painted, names, network))]
        regions = []
        whole = 1.0 if painted is None else float(painted.mean())
        for share, each, found, region in zip(self._shares, layers, statistics, self.given.masks, strict=True):
            place = resized_mask(region, width, height)
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
        seen = _seen(self.given.content.resized(width, height)).float()
        return seen if self.given.keep is None else seen * (1 - resized_mask(self.given.keep, width, height))

    def _guides(self, place: Tensor, names: Sequence[str] | set[str], network: Network) -> dict[str, Tensor]:
        found = guides(place, names, network.name, self.options.guides, self.wraps)
        return {name: guide.to(self.device) for name, guide in found.items()}

    def statistics(self, network: Network, index: int, longest: int, largest: int, layers: list[str]) -> dict[str, Moments]:
        """The moments of a style at the size that belongs to a picture of `longest` pixels, in tiles of at most `largest`."""
        style, scale = self.given.styles[index], self._scales[index]
        target = longest * scale
        if scale <= 1:
            target = min(target, max(style.size))
        factor = max(target / max(style.size), images.SMALLEST_SIDE / min(style.size))
        width, height = (max(images.SMALLEST_SIDE, round(side * factor)) for side in style.size)
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
            seen = _seen(resized).float()
            seen = seen if place is None else seen * resized_mask(place, width, height)
            how = self.options.guides if place is not None else "plain"
            found = guides(seen, layers, network.name, how, least=0)
            if len(found) < len(layers):
                raise ImageError(f"style mask {index + 1} is too small: at {width} x {height} pixels nothing is left of it")
            weights = {name: guide.to(self.device) for name, guide in found.items()}
        parts = tiles(width, height, self.tile or largest, reach(network.name, layers))
        taps = [(name, weights.get(name)) for name in layers]
        sums, _ = survey(network, self._style_shown(index, resized), taps, parts, "replicate" if any(self.wraps) else None)
        self._cache[key] = {name: each.moments() for name, each in zip(layers, sums, strict=True)}
        while len(self._cache) > _MOST_KEPT:
            del self._cache[next(iter(self._cache))]
        return self._cache[key]

    def _shown(self, pixels: Tensor) -> Tensor:
        """A picture as the network is shown it"""
        return (colors.gray(pixels) if self.gray else pixels).to(self.device)

    def _style_shown(self, index: int, style: Picture) -> Tensor:
        """A style as the network is shown it"""
        pixels = style.pixels
        if self.gray:
            pixels = colors.gray_like(pixels, _seen(style), self._light)
        elif self._palettes:
            seen = _seen(style).float()
            if self.given.style_masks:
                seen = seen * resized_mask(self.given.style_masks[index], *style.size)
            pixels = colors.matched(pixels, seen, self._palettes[index], self.options.color_match)
        return pixels.to(self.device)


class HalvingObjective:
    """The objective of a rung, in tiles of half the size when memory runs out: the run goes on from the same picture."""

    def __init__(self, targets: Targets, network: Network, width: int, height: int) -> None:
        self._targets, self._network, self._size = targets, network, (width, height)
        self._objective: Objective | None = None

    @property
    def ratio(self) -> float:
        """alpha over beta in the paper's units"""
        assert self._objective is not None
        return self._objective.ratio

    def __call__(self, image: Tensor) -> Evaluation:
        """The objective at a picture.  Raises MemoryError: not even the smallest tiles fit."""
        while (found := self._tried(image)) is None:
            smaller = min(self._targets.tile or max(self._size), max(self._size)) // 2
            if smaller < SMALLEST_TILE:
                raise MemoryError
            self._objective = None
            give_back(image.device)  # in pieces that are too small
            self._targets.tile = smaller
        return found

    def _tried(self, image: Tensor) -> Evaluation | None:
        """The same, or None if memory runs out; without the error, whose frames hold what is to be given back"""
        try:
            if self._objective is None:
                self._tidy(image.device)
                self._objective = self._targets.objective(self._network, *self._size)
            self._tidy(image.device)
            found = self._objective(image)
            self._tidy(image.device)  # the optimizer works on whole pictures
            return found
        except (MemoryError, RuntimeError) as error:
            # One of several processes may only go back together with the others, who have then been told (Ranks.together).
            if not ran_out_of_memory(error) or (Ranks().count > 1 and not isinstance(error, MemoryError)):
                raise
            return None

    def _tidy(self, device: torch.device) -> None:
        """Leave no holes in memory where there is little of it: next to the work of many tiles that is nothing."""
        if self._targets.tile and device.type == "cpu":
            give_back(device)


def _check_counts(count: int, options: Options) -> None:
    """That there are as many of everything as there are styles.  Raises OptionError."""
    if not count and any(options.layers_of_styles()):
        raise OptionError("no style given: name at least one picture")
    if not count and options.init == "style":
        raise OptionError("init 'style' needs a style: name at least one picture")
    weights = options.style_weights
    if weights is not None and (len(weights) != count or sum(weights) <= 0):
        raise OptionError(f"{count} style(s) with style_weights {weights}: give one for each, not all 0, such as 2,1 for two")
    several = {"style_scale": options.style_scale or (1.0,), "style_layers": options.layers_of_styles()}
    for name, values in several.items():
        if len(values) not in (1, count):
            raise OptionError(f"{count} style(s) with {len(values)} of {name}: give one for all, or one for each")
    for name, pictures in {"masks": options.masks or (), "style_masks": options.style_masks or ()}.items():
        if len(pictures) not in (0, count):
            raise OptionError(f"{count} style(s) with {len(pictures)} of {name}: give one for each")


def _seen(picture: Picture) -> Tensor:
    """Where a picture is not fully transparent, (H, W)"""
    return torch.ones(picture.pixels.shape[:2], dtype=torch.bool) if picture.alpha is None else picture.alpha > 0
