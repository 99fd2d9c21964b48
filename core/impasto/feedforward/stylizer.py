"""Stylize a picture with a trained network, with the same alpha, color, mask and keep options as the optimizer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from .._version import __version__
from ..errors import OptionError, OutOfMemoryError
from ..formatting import format_bytes
from ..images.color import color_statistics, match_colors, to_gray
from ..images.composite import Snapshot
from ..images.faces import read_protection
from ..images.mask import mix_regions, read_mask, resize_mask
from ..images.picture import Picture, read_picture
from ..images.resize import fit_size
from ..images.tileable import NOT_TILEABLE
from ..optimization.recipe import NOT_RECORDED
from ..optimization.self_check import choose_working_device
from ..option_values import FACES, NOTHING
from ..options import FEEDFORWARD_OPTIONS, Options
from ..runtime.freed_memory import retain_freed_memory
from ..runtime.memory import device_errors, used_memory
from ..runtime.memory_budget import memory_budget
from ..runtime.torch_state import plain_torch
from .bands import SIDE_MULTIPLE, Offset
from .network import WIDTH, Modulation, TransformNet

#: Pixels per band
_BAND_PIXELS = 1_000_000
#: Strength of the style where the picture is protected, relative to that of the options. Chosen by eye.
_PROTECTED_STRENGTH = 0.2
#: Peak memory in bytes: per pixel, at the default width; more per pixel for masks, and for other colors; and a constant
_BYTES_PER_PIXEL, _MASK_BYTES_PER_PIXEL, _COLOR_BYTES_PER_PIXEL, _FIXED_BYTES = 65, 40, 120, 250_000_000


class StatisticsFilter(Protocol):
    """Replaces the normalization statistics of a picture, such as by those of earlier video frames."""

    def for_pass(self, index: int) -> Callable[[str, Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return the `statistics_hook` of `TransformNet.stylize` for a pass. With masks, each style has a pass."""


class TemporalSmoothing:
    """Smooths the statistics over the frames of a video with an exponential moving average, against flicker."""

    def __init__(self, decay: float) -> None:
        """decay: weight of the earlier frames, 0 <= decay < 1.  Raises OptionError."""
        if not 0 <= decay < 1:
            raise OptionError(f"steady is {decay!r}: give a number from 0 up to, but not including, 1")
        self.decay = decay
        self._statistics: dict[tuple[int, str], tuple[Tensor, Tensor]] = {}

    def for_pass(self, index: int) -> Callable[[str, Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return a hook that updates and returns the averages of this pass."""

        def smooth(layer: str, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
            average = self._statistics.get((index, layer), (mean, variance))
            average = mean.lerp(average[0], self.decay), variance.lerp(average[1], self.decay)
            self._statistics[index, layer] = average
            return average

        return smooth

    def reset(self) -> None:
        """Start again, as if there were no earlier frames."""
        self._statistics.clear()

    def state(self) -> dict[str, Tensor]:
        """Return the averages as tensors, for a file."""
        return {
            f"{index}/{layer}/{kind}": tensor
            for (index, layer), average in self._statistics.items()
            for kind, tensor in zip("mv", average, strict=True)
        }

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Restore what `state` returned, on a device.  Raises KeyError, ValueError: it is something else."""
        self.reset()
        for name in state:
            index, layer, kind = name.split("/")
            if kind == "m":
                mean, variance = state[name].to(device), state[f"{index}/{layer}/v"].to(device)
                self._statistics[int(index), layer] = mean, variance


class _StylePass(NamedTuple):
    """One forward pass: its mix of styles"""

    style_weights: list[float]
    stroke_size: float


class FeedforwardStylizer:
    """A network with its settings, ready for any number of pictures"""

    @plain_torch()
    def __init__(
        self,
        net: TransformNet,
        options: Options | None = None,
        *,
        statistics_filter: StatisticsFilter | None = None,
        network_name: str = "",
    ) -> None:
        """options: FEEDFORWARD_OPTIONS apply; masks and style_weights are in the order of the network's styles

        statistics_filter: None normalizes each picture with its own statistics; network_name: for the recipe
        Raises OptionError, DeviceError.
        """
        self.options = options or Options(size=0)
        self.device = choose_working_device(self.options.device)
        self._net, self._name = net.copy(self.device), network_name
        self._statistics_filter = statistics_filter
        count = len(net.styles)
        for field, values in (("style_weights", self.options.style_weights), ("masks", self.options.masks)):
            if values is not None and len(values) != count:
                raise OptionError(f"{field}: {len(values)} for {count} style(s) of this network: give one for each style")
        if self.options.masks and self.options.style_weights:
            raise OptionError("masks place each style, style_weights mix them everywhere: give one of the two")
        self._style_scales = self.options.style_scale or (1.0,)
        if len(self._style_scales) not in (1, count) or (len(self._style_scales) > 1 and not self.options.masks):
            raise OptionError("style_scale: give one number, or with masks one for each style")

    @plain_torch()
    def stylize(self, content: Any, check_cancelled: Callable[[], None] = lambda: None, offset: Offset = (0, 0)) -> Picture:
        """Stylize a picture: a path, or anything else that `read_picture` takes.

        check_cancelled: called often; an exception that it raises ends the pass; offset: as in `TransformNet.stylize`
        Raises ImageError, OutOfMemoryError.
        """
        options, max_megapixels = self.options, self.options.max_megapixels
        original = read_picture(content, max_megapixels=max_megapixels)
        masks = [
            read_mask(read_picture(mask, max_megapixels=max_megapixels), original, f"mask {n}")
            for n, mask in enumerate(options.masks or (), 1)
        ]
        keep_mask = None
        if options.keep is not None:
            keep_picture = read_picture(options.keep, max_megapixels=max_megapixels)
            keep_mask = read_mask(keep_picture, original, "the keep mask")
        protect_masks = [read_picture(mask, max_megapixels=max_megapixels) for mask in options.protect_masks]
        protected, _ = read_protection(original, protect_masks, options)
        width, height = fit_size(original.size, options.size)
        required = self._required_memory(
            width, height, has_masks=bool(masks) or keep_mask is not None or protected is not None
        )
        picture = original.resize(width, height)
        gray = options.colors == "content"
        message = f"{width} x {height} pixels do not fit into the memory of {self.device}: give a smaller size"
        with device_errors(self.device, message), retain_freed_memory(self.device, used_memory(self.device) + required):
            image = to_gray(picture.filled) if gray else picture.filled
            opacity = None if picture.alpha is None else picture.alpha.to(self.device)
            result = self._apply_network(image.to(self.device), opacity, masks, protected, check_cancelled, offset).cpu()
            if options.colors == "match":
                colors = color_statistics(picture.pixels, picture.opacity)
                result = match_colors(result, picture.opacity, colors, options.color_match)
            return Snapshot(result, original, NOT_TILEABLE, keep_mask, gray).render()

    @property
    def recipe(self) -> str:
        """JSON record of the network and the settings. Options that are pictures are left out."""
        options = {
            name: getattr(self.options, name) for name in FEEDFORWARD_OPTIONS if name not in NOT_RECORDED and name != "device"
        }
        options["protect"] = FACES if self.options.protects_faces else NOTHING
        net = {"name": self._name, "sha256": self._net.digest, "styles": [style.name for style in self._net.styles]}
        return json.dumps({"impasto": __version__, "net": net, "options": options})

    @plain_torch()
    def style_modulation(self) -> Modulation:
        """Return gain and shift of each layer for these settings, without masks."""
        return self._net.style_modulation(self._style_weights(), self.options.strength, self._style_scales[0])

    def _apply_network(
        self,
        image: Tensor,
        opacity: Tensor | None,
        masks: list[Tensor],
        protected: Tensor | None,
        check_cancelled: Callable[[], None],
        offset: Offset,
    ) -> Tensor:
        """Stylize an image in one pass, or in one for each mask; where something is protected, in as many weaker ones.

        (H, W, 3) and (H, W), on the device -> (H, W, 3)
        """
        height, width = image.shape[:2]
        count = len(self._net.styles)
        passes = [_StylePass(self._style_weights(), self._style_scales[0])]
        if masks:
            scales = self._style_scales * count if len(self._style_scales) == 1 else self._style_scales
            passes = [_StylePass(*settings) for settings in zip(torch.eye(count).tolist(), scales, strict=True)]
        resized_masks = [resize_mask(mask, width, height) for mask in masks]

        def paint(strength: float | None, first: int) -> Tensor:
            """first: number of the first pass, for the filter of statistics"""
            images = (
                self._net.stylize(
                    image,
                    self._net.style_modulation(style_pass.style_weights, strength, style_pass.stroke_size),
                    opacity=opacity,
                    offset=offset,
                    band_rows=max(SIDE_MULTIPLE, _BAND_PIXELS // width),
                    statistics_hook=None if self._statistics_filter is None else self._statistics_filter.for_pass(index),
                    check_cancelled=check_cancelled,
                )
                for index, style_pass in enumerate(passes, first)
            )
            return mix_regions(zip(images, resized_masks, strict=True), image) if masks else next(images)

        strength = self.options.strength
        painting = paint(strength, 0)
        if protected is None:
            return painting
        weaker = paint(_PROTECTED_STRENGTH * (0.5 if strength is None else strength), len(passes))
        return painting.lerp(weaker, resize_mask(protected, width, height).to(painting.device)[..., None])

    def _style_weights(self) -> list[float]:
        return self._net.normalized_weights(self.options.style_weights)

    def _required_memory(self, width: int, height: int, *, has_masks: bool) -> float:
        """Return the bytes needed for an image of this size.  Raises OutOfMemoryError: they exceed the memory budget."""
        options = self.options
        budget = memory_budget(self.device, options)
        bytes_per_pixel = _BYTES_PER_PIXEL * len(self._net.state["stem.weight"]) / WIDTH
        bytes_per_pixel += _MASK_BYTES_PER_PIXEL if has_masks else 0
        bytes_per_pixel += _COLOR_BYTES_PER_PIXEL if options.colors != "style" else 0
        required = width * height * bytes_per_pixel + _FIXED_BYTES
        if required <= budget:
            return required
        available = max(0.0, budget - _FIXED_BYTES)
        max_side = int(max(width, height) * (available / (bytes_per_pixel * width * height)) ** 0.5)
        advice = f"the largest size that fits is {max_side}" if max_side >= 32 else "raise the memory limit"
        raise OutOfMemoryError(
            f"{width} x {height} pixels do not fit into {format_bytes(max(0.0, budget))} of memory on {self.device}: {advice}"
        )
