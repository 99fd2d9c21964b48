"""Pictures painted by a net, in one pass, with what a painting by steps has besides: alpha, colors, masks, what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from . import __version__, colors, images
from .bands import STRIDE, Place
from .borders import APART
from .devices import choose_device, memory_kept, memory_or, memory_taken
from .engine import Painted
from .errors import OptionError, OutOfMemoryError
from .guides import mask
from .guides import resized as resized_mask
from .images import Picture
from .nets import WIDTH, Modulation, Net
from .options import OF_NETS, Options
from .plans import room_on, size_of
from .recipes import ASIDE

#: Pixels in a band
_BAND = 1_000_000
#: Bytes that a pixel of the picture takes, what masks and other colors take of it besides, and what there is in any case.
_PIXEL, _MASKED, _MATCHED, _BESIDES = 65, 40, 120, 250_000_000


class Statistics(Protocol):
    """What of a picture's statistics is taken"""

    def of(self, way: int) -> Callable[[str, Tensor, Tensor], tuple[Tensor, Tensor]]:
        """For one of the ways that a picture is painted in: given a layer, its mean and variance, what to take"""


class Steady:
    """For films: the statistics of a frame are mixed with those of the frames before, so that nothing flickers."""

    def __init__(self, share: float) -> None:
        """share: of the frames before, from 0 up to 1"""
        if not 0 <= share < 1:
            raise OptionError(f"steady is {share!r}: give a share from 0 up to, but not, 1")
        self._share = share
        self._kept: dict[tuple[int, str], tuple[Tensor, Tensor]] = {}

    def of(self, way: int) -> Callable[[str, Tensor, Tensor], tuple[Tensor, Tensor]]:
        def mixed(layer: str, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
            before = self._kept.get((way, layer), (mean, variance))
            found = mean.lerp(before[0], self._share), variance.lerp(before[1], self._share)
            self._kept[way, layer] = found
            return found

        return mixed


class _Way(NamedTuple):
    """How a part of the picture is painted"""

    shares: list[float]
    stroke: float
    mask: Tensor | None = None  # (H, W); None: everywhere


class Painter:
    """A net with its settings, for one picture after the other."""

    def __init__(self, net: Net, options: Options | None = None, *, steady: Statistics | None = None, name: str = "") -> None:
        """options: those of OF_NETS count; masks and style_weights are for the net's styles in their order

        steady: where the statistics are not to be each picture's own; name: what the recipe calls the net
        Raises OptionError, DeviceError.
        """
        self.options = options or Options(size=0)
        self.device = choose_device(self.options.device)
        self._net, self._name = net.copy(self.device), name
        self._steady = steady
        count = len(net.styles)
        for field, values in (("style_weights", self.options.style_weights), ("masks", self.options.masks)):
            if values is not None and len(values) != count:
                raise OptionError(f"{field}: {len(values)} for {count} style(s) of this net: give one for each")
        if self.options.masks and self.options.style_weights:
            raise OptionError("masks say where each style goes, and style_weights mix them everywhere: give one of the two")
        self._scales = self.options.style_scale or (1.0,)
        if len(self._scales) not in (1, count) or (len(self._scales) > 1 and not self.options.masks):
            raise OptionError("style_scale: give one number; with masks, one for each style too")

    def paint(self, content: Any, check: Callable[[], None] = lambda: None, place: Place = (0, 0)) -> Picture:
        """Paint a picture: a path, or whatever `images.read` takes.

        check: called often; what it raises ends it; place: as in `Net.paint`
        Raises ImageError, OutOfMemoryError.
        """
        options, most = self.options, self.options.max_megapixels
        whole = images.read(content, max_megapixels=most)
        masks = [
            mask(images.read(each, max_megapixels=most), whole, f"mask {n}") for n, each in enumerate(options.masks or (), 1)
        ]
        stays = None if options.keep is None else images.read(options.keep, max_megapixels=most)
        kept = None if stays is None else mask(stays, whole, "the mask of what is kept")
        width, height = images.fit(whole.size, options.size) if options.size else whole.size
        needed = self._needed(width, height)
        picture = whole.resized(width, height)
        gray = options.colors == "content"
        sentence = f"{width} x {height} pixels do not fit into the memory of {self.device}: give a smaller size"
        with memory_or(sentence), memory_kept(self.device, memory_taken(self.device) + needed):
            shown = colors.gray(picture.pixels) if gray else picture.pixels
            found = self._painted(shown.to(self.device), masks, check, place).cpu()
            if options.colors == "match":
                seen = torch.ones(height, width) if picture.alpha is None else picture.alpha
                found = colors.matched(found, seen, colors.palette(picture.pixels, seen), options.color_match)
            return Painted(found, whole, APART, kept, gray).finished()

    @property
    def recipe(self) -> str:
        """JSON: which net it was, and what it was told, other pictures aside"""
        told = {name: getattr(self.options, name) for name in OF_NETS if name not in ASIDE and name != "device"}
        about = {"name": self._name, "sha256": self._net.digest, "styles": [style.name for style in self._net.styles]}
        return json.dumps({"impasto": __version__, "net": about, "options": told})

    def modulation(self) -> Modulation:
        """What the settings make of the net, masks aside"""
        return self._modulation(self._shares(), self._scales[0])

    def _painted(self, shown: Tensor, masks: list[Tensor], check: Callable[[], None], place: Place) -> Tensor:
        height, width = shown.shape[:2]
        count = len(self._net.styles)
        ways = [_Way(self._shares(), self._scales[0])]
        if masks:
            scales = self._scales * count if len(self._scales) == 1 else self._scales
            units = torch.eye(count).tolist()
            ways = [
                _Way(unit, scale, resized_mask(each, width, height))
                for unit, scale, each in zip(units, scales, masks, strict=True)
            ]
        found, covered = torch.zeros_like(shown), shown.new_zeros(height, width, 1)
        for n, way in enumerate(ways):
            painted = self._net.paint(
                shown,
                self._modulation(way.shares, way.stroke),
                place=place,
                band=max(STRIDE, _BAND // width),
                steady=None if self._steady is None else self._steady.of(n),
                check=check,
            )
            if way.mask is None:
                return painted
            where = way.mask.to(self.device)[..., None]
            found, covered = found + where * painted, covered + where
        # Where masks meet, their paintings are mixed; where there is none, the picture stays.
        return torch.where(covered > 1, found / covered, found + (1 - covered).clamp(min=0) * shown)

    def _modulation(self, shares: list[float], stroke: float) -> Modulation:
        return self._net.told(shares, self.options.strength, stroke)

    def _shares(self) -> list[float]:
        return self._net.shares(self.options.style_weights)

    def _needed(self, width: int, height: int) -> float:
        """Bytes that a painting of that size takes.  Raises OutOfMemoryError: they are not there."""
        options = self.options
        room = room_on(self.device, options)
        pixel = _PIXEL * len(self._net.state["stem.weight"]) / WIDTH
        pixel += (_MASKED if options.masks or options.keep is not None else 0) + (_MATCHED if options.colors != "style" else 0)
        needed = width * height * pixel + _BESIDES
        if needed <= room:
            return needed
        largest = int(max(width, height) * (max(0.0, room - _BESIDES) / (pixel * width * height)) ** 0.5)
        there = f"the largest size that does is {largest}" if largest >= 32 else "give it more memory"
        raise OutOfMemoryError(
            f"{width} x {height} pixels do not fit into {size_of(max(0.0, room))} of memory on {self.device}: {there}"
        )
