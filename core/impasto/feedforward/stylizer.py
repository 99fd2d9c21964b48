"""Pictures painted by a net, in one pass, with what a painting by steps has besides: alpha, colors, masks, what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from .._version import __version__
from ..errors import OptionError, OutOfMemoryError
from ..formatting import format_bytes
from ..images.color import color_statistics, match_colors, to_gray
from ..images.composite import Snapshot
from ..images.mask import read_mask, resize_mask
from ..images.picture import Picture, read_picture
from ..images.resize import fit_size
from ..images.tileable import NOT_TILEABLE
from ..optimization.recipe import NOT_RECORDED
from ..options import FEEDFORWARD_OPTIONS, Options
from ..runtime.device import choose_device
from ..runtime.memory import out_of_memory_error, retain_freed_memory, used_memory
from ..runtime.memory_budget import memory_budget
from .bands import SIDE_MULTIPLE, Offset
from .network import WIDTH, Modulation, TransformNet

#: Pixels in a band
_BAND_PIXELS = 1_000_000
#: Bytes that a pixel of the picture takes, what masks and other colors take of it besides, and what there is in any case.
_BYTES_PER_PIXEL, _MASK_BYTES_PER_PIXEL, _COLOR_BYTES_PER_PIXEL, _FIXED_BYTES = 65, 40, 120, 250_000_000


class StatisticsFilter(Protocol):
    """What of a picture's statistics is taken"""

    def of(self, way: int) -> Callable[[str, Tensor, Tensor], tuple[Tensor, Tensor]]:
        """For one of the ways that a picture is painted in: given a layer, its mean and variance, what to take"""


class TemporalSmoothing:
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


class _StylePass(NamedTuple):
    """How a part of the picture is painted"""

    shares: list[float]
    stroke: float
    mask: Tensor | None = None  # (H, W); None: everywhere


class FeedforwardStylizer:
    """A net with its settings, for one picture after the other."""

    def __init__(
        self, net: TransformNet, options: Options | None = None, *, steady: StatisticsFilter | None = None, name: str = ""
    ) -> None:
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

    def paint(self, content: Any, check: Callable[[], None] = lambda: None, place: Offset = (0, 0)) -> Picture:
        """Paint a picture: a path, or whatever `images.read` takes.

        check: called often; what it raises ends it; place: as in `Net.paint`
        Raises ImageError, OutOfMemoryError.
        """
        options, most = self.options, self.options.max_megapixels
        whole = read_picture(content, max_megapixels=most)
        masks = [
            read_mask(read_picture(each, max_megapixels=most), whole, f"mask {n}")
            for n, each in enumerate(options.masks or (), 1)
        ]
        stays = None if options.keep is None else read_picture(options.keep, max_megapixels=most)
        kept = None if stays is None else read_mask(stays, whole, "the mask of what is kept")
        width, height = fit_size(whole.size, options.size) if options.size else whole.size
        needed = self._needed(width, height)
        picture = whole.resize(width, height)
        gray = options.colors == "content"
        sentence = f"{width} x {height} pixels do not fit into the memory of {self.device}: give a smaller size"
        with out_of_memory_error(sentence), retain_freed_memory(self.device, used_memory(self.device) + needed):
            shown = to_gray(picture.pixels) if gray else picture.pixels
            found = self._painted(shown.to(self.device), masks, check, place).cpu()
            if options.colors == "match":
                seen = torch.ones(height, width) if picture.alpha is None else picture.alpha
                found = match_colors(found, seen, color_statistics(picture.pixels, seen), options.color_match)
            return Snapshot(found, whole, NOT_TILEABLE, kept, gray).render()

    @property
    def recipe(self) -> str:
        """JSON: which net it was, and what it was told, other pictures aside"""
        told = {
            name: getattr(self.options, name) for name in FEEDFORWARD_OPTIONS if name not in NOT_RECORDED and name != "device"
        }
        about = {"name": self._name, "sha256": self._net.digest, "styles": [style.name for style in self._net.styles]}
        return json.dumps({"impasto": __version__, "net": about, "options": told})

    def modulation(self) -> Modulation:
        """What the settings make of the net, masks aside"""
        return self._modulation(self._shares(), self._scales[0])

    def _painted(self, shown: Tensor, masks: list[Tensor], check: Callable[[], None], place: Offset) -> Tensor:
        height, width = shown.shape[:2]
        count = len(self._net.styles)
        ways = [_StylePass(self._shares(), self._scales[0])]
        if masks:
            scales = self._scales * count if len(self._scales) == 1 else self._scales
            units = torch.eye(count).tolist()
            ways = [
                _StylePass(unit, scale, resize_mask(each, width, height))
                for unit, scale, each in zip(units, scales, masks, strict=True)
            ]
        found, covered = torch.zeros_like(shown), shown.new_zeros(height, width, 1)
        for n, way in enumerate(ways):
            painted = self._net.paint(
                shown,
                self._modulation(way.shares, way.stroke),
                place=place,
                band=max(SIDE_MULTIPLE, _BAND_PIXELS // width),
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
        room = memory_budget(self.device, options)
        pixel = _BYTES_PER_PIXEL * len(self._net.state["stem.weight"]) / WIDTH
        pixel += (_MASK_BYTES_PER_PIXEL if options.masks or options.keep is not None else 0) + (
            _COLOR_BYTES_PER_PIXEL if options.colors != "style" else 0
        )
        needed = width * height * pixel + _FIXED_BYTES
        if needed <= room:
            return needed
        largest = int(max(width, height) * (max(0.0, room - _FIXED_BYTES) / (pixel * width * height)) ** 0.5)
        there = f"the largest size that does is {largest}" if largest >= 32 else "give it more memory"
        raise OutOfMemoryError(
            f"{width} x {height} pixels do not fit into {format_bytes(max(0.0, room))} of memory on {self.device}: {there}"
        )
