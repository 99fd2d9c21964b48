"""What a run will take, known before it starts: its memory, which decides how large its tiles are, and its time.

The picture and the optimizer's state have to be there whole, so they bound the size of a picture; the network's maps do not,
for they are those of one tile at a time. So a plan first counts what has to be there, and gives the rest to the tile.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch

from .borders import STRIDE, Wraps
from .convolution import Convolution
from .devices import choose_device, choose_precision, memory_free, memory_kept, memory_taken
from .errors import OutOfMemoryError
from .ladder import Rung, ladder
from .networks import NORMALISED, up_to_deepest
from .options import Options
from .ranks import Ranks
from .tiles import SMALLEST_TILE, Cover, reach, stride_of
from .weights import likely, shapes

#: Pictures of 12 bytes a pixel that are there at once in a step, with each optimizer: the last ones, what the optimizer
#: knows, the gradient, and room to work in. Measured; L-BFGS has its history besides.
_IMAGES = {"adam": 7.5, "lbfgs": 10.0}
#: Bytes a pixel of masks on their way to the layers: for each region, and where some of the picture is kept or not seen.
_MASK = 12.0
#: Channels of the first layers, which have the largest maps
_WIDEST = 64
#: What is worked on beside the maps of a block, in maps like conv1_1's. Measured.
_WORK = 4.0
#: Bytes that a block takes however small it is: the bands that layers and losses are worked on in, and holes. Measured.
_BANDS = 250_000_000
#: A tile of this side is worth some of L-BFGS's history, which is not cut below so many pairs.
_GOOD_TILE = 512
_HISTORY = (5, 50)
#: Bytes that a pair takes a pixel, in float32 and in bfloat16
_PAIR, _ROUNDED_PAIR = 24, 12

#: How long the probe tries, in seconds, for the first trials are slow; and how much of what it finds a step does. Measured.
_PROBE, _SHARE = 0.3, 0.75

#: The share of the free memory that is taken where nothing is said.
_OF_FREE = 0.75


class Forecast(NamedTuple):
    """What is known of a painting before it starts"""

    width: int
    height: int
    seconds: float
    memory: int  # bytes of the device's at the most, with what is there already
    tile: int | None  # the longest side of a tile at this size, in pixels


class Plan(NamedTuple):
    """How a run goes about it, and what that takes"""

    tiles: tuple[int | None, ...]  # for each rung, the longest side of a tile in pixels; None: the picture is one
    history: int  # of L-BFGS, in pairs
    rounded: bool  # whether these are kept in bfloat16
    on_host: bool  # whether they are kept in the host's memory
    memory: int  # bytes of the device's at the most
    work: float  # floating-point operations of all convolutions

    def written(self) -> dict[str, Any]:
        """What the last bits of a painting depend on"""
        return {"tiles": self.tiles, "history": self.history, "rounded": self.rounded, "on_host": self.on_host}

    def again(self, written: Mapping[str, Any]) -> Plan:
        """The same with what was written of another"""
        if not written:
            return self
        kept = {name: written.get(name, False) for name in ("rounded", "on_host")}
        return self._replace(tiles=tuple(written["tiles"]), history=written["history"], **kept)


def forecast(size: tuple[int, int], options: Options, *, network_there: bool = False) -> Forecast:
    """What a painting of a content of some size will take, without a look at any picture.

    network_there: whether the network is in memory already
    Raises OutOfMemoryError: it does not fit; DeviceError, ImageError.
    """
    device = choose_device(options.device)
    precision = choose_precision(options.precision, device)
    rungs = ladder(size, options)
    content = 12 * size[0] * size[1]
    found = plan(options, rungs, device, precision, network_there=network_there, coming=content)
    return foreseen(found, rungs[-1], device, precision)


def foreseen(plan: Plan, top: Rung, device: torch.device, precision: torch.dtype) -> Forecast:
    """What a plan comes to"""
    seconds = plan.work / speed(device, precision)
    return Forecast(top.width, top.height, seconds, plan.memory, plan.tiles[-1])


def plan(
    options: Options,
    rungs: Sequence[Rung],
    device: torch.device,
    precision: torch.dtype,
    *,
    network_there: bool,
    coming: int = 0,
) -> Plan:
    """The plan for what there is of memory now, with so many bytes to come, and the network where there is none.

    Raises OutOfMemoryError: the largest size that fits is in its text.
    """
    ranks = Ranks()
    network = likely(options.network, options.weights)
    if not network_there:
        coming += network_memory(network, options.layers(network), device, precision)
    room = ranks.least(room_on(device, options) - coming, device)
    host = 0.0
    if device.type == "cuda":  # MPS has the host's own memory; and to write a checkpoint takes twice as much again
        host = ranks.least(_free(torch.device("cpu")), device) / 3
    found = make(options, network, rungs, precision, room, host=host, any_size=device.type == "cpu", ranks=ranks.count)
    return ranks.agree(found._replace(memory=found.memory + memory_taken(device) + coming))


def room_on(device: torch.device, options: Options) -> float:
    """Bytes that may be taken now, of what the options allow or of what is free"""
    most = options.most_memory()
    if most is not None:
        return most - memory_taken(device)
    return _free(device)


def make(
    options: Options,
    network: str,
    rungs: Sequence[Rung],
    precision: torch.dtype,
    room: float,
    *,
    host: float = 0,
    any_size: bool = True,
    ranks: int = 1,
) -> Plan:
    """The plan of a run on a network, for a device with room for so many bytes more, or as many of them as there are ranks.

    host: bytes of room beside it, in the host's memory
    any_size: whether its convolutions can be asked for maps with more than 2^31 numbers
    Raises OutOfMemoryError: the largest size that fits is in its text.
    """
    around = reach(network, options.layers(network))
    fitting = partial(_fitting, options, network, precision, room, host, around, any_size, ranks)
    plan = fitting(rungs)
    if plan is None:
        width, height, _ = rungs[-1]
        said = f"{width} x {height} pixels do not fit into the {size_of(max(0, room))} of memory that are left for them: "
        fits, too_large = 0, max(width, height) // STRIDE  # in strides
        while too_large - fits > 1:
            side = STRIDE * (middle := (fits + too_large) // 2)
            scale = side / max(width, height)
            smaller = [Rung(max(STRIDE, round(width * scale)), max(STRIDE, round(height * scale)), 1)]
            if fitting(smaller):
                fits = middle
            else:
                too_large = middle
        raise OutOfMemoryError(f"{said}give size {fits * STRIDE}, or more memory" if fits > 1 else f"{said}none does")
    return plan


def operations(network: str, looked_at: Iterable[str], cover: Cover) -> float:
    """Floating-point operations of the convolutions in a step: forward for the moments, and forward and back for the gradient;
    of a picture that is one part, forward once."""
    one_way = sum(2 * 9 * inputs * outputs / stride_of(name) ** 2 for name, inputs, outputs in _shapes(network, looked_at))
    return cover.total * one_way * (2 if cover.number == 1 else 3)


def size_of(count: float) -> str:
    """A number of bytes, for people"""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


@lru_cache
def speed(device: torch.device, precision: torch.dtype) -> float:
    """Floating-point operations of convolutions that steps do in a second on a device, by a moment's trial"""
    channels, side = (128, 128) if device.type == "cpu" else (256, 512)
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(channels, channels, 3, 3, generator=generator)
    filtering = Convolution(kernel, torch.zeros(channels), device=device, dtype=precision)
    features = torch.ones(side, side, channels, device=device, dtype=precision)
    best, begun = math.inf, time.perf_counter()
    with memory_kept(device):  # as in a run
        while (started := time.perf_counter()) - begun < _PROBE:
            features = filtering(features).clamp_(max=1)
            float(features[0, 0, 0])  # until it is done
            best = min(best, time.perf_counter() - started)
    return _SHARE * 2 * 9 * channels**2 * side**2 / best


def network_memory(network: str, looked_at: Iterable[str], device: torch.device, precision: torch.dtype) -> int:
    """Bytes of a network that is yet to be loaded"""
    return sum(
        4 * 9 * inputs * outputs + Convolution.memory(inputs, outputs, device, precision)
        for _, inputs, outputs in _shapes(network, looked_at)
    )


def _free(device: torch.device) -> float:
    """Bytes of what is free that a process may take"""
    return _OF_FREE * memory_free(device) / (Ranks().here if device.type == "cpu" else 1)


def _fitting(
    options: Options,
    network: str,
    precision: torch.dtype,
    room: float,
    host: float,
    around: int,
    any_size: bool,
    ranks: int,
    rungs: Sequence[Rung],
) -> Plan | None:
    """The plan, if there is one."""
    looked_at = options.layers(network)
    maps = sum(outputs / stride_of(name) ** 2 for name, _, outputs in _shapes(network, looked_at))
    one = (maps + _WORK * _WIDEST) * precision.itemsize  # bytes of a block's pixel
    per_pixel, history, rounded, on_host = _per_pixel(options), _HISTORY[1], False, False
    if options.optimizer == "lbfgs":
        pixels = rungs[-1].width * rungs[-1].height
        left = room - per_pixel * pixels - _BANDS - one * min(_GOOD_TILE**2, pixels)
        history, rounded, on_host = _pairs(left / pixels, host / pixels)
        per_pixel += 0 if on_host else history * (_ROUNDED_PAIR if rounded else _PAIR)
    sides, most, work = [], 0.0, 0.0
    for width, height, steps in rungs:
        fixed = per_pixel * width * height
        found = None
        for side in _sides(max(width, height)):
            cover = Cover.of(width, height, side, around, Wraps.of(options.padding))
            needed = fixed + one * cover.largest + _BANDS
            fits = needed <= room and (any_size or cover.largest * _WIDEST < 2**31)
            if fits and (cover.number >= ranks or max(width, height) < 2 * SMALLEST_TILE * ranks):
                found = side, cover, needed
                break
        if found is None:
            return None
        side, cover, needed = found
        sides.append(side)
        most = max(most, needed)
        work += steps * operations(network, looked_at, cover) * math.ceil(cover.number / ranks) / cover.number
    return Plan(tuple(sides), history, rounded, on_host, round(most), work)


def _pairs(room: float, host: float) -> tuple[int, bool, bool]:
    """How many pairs L-BFGS keeps, whether in bfloat16, and whether in the host's memory, for so many bytes a pixel in both.

    In bfloat16 they tell as much. Measured.
    """
    fewest, most = _HISTORY
    if room >= most * _PAIR:
        return most, False, False
    here, there = (min(most, int(bytes_ // _ROUNDED_PAIR)) for bytes_ in (room, host))
    on_host = here < fewest <= there
    return there if on_host else max(fewest, here), True, on_host


def _sides(longest: int) -> Iterable[int | None]:
    """The sides that tiles can have, from large to small"""
    yield None
    side = longest
    while (side := min(side - 1, round(side / 1.1)) // STRIDE * STRIDE) >= SMALLEST_TILE:
        yield side


def _per_pixel(options: Options) -> float:
    """Bytes of a picture's pixel that have to be there, L-BFGS's history aside"""
    return 12 * _IMAGES[options.optimizer] + _MASK * (len(options.masks or ()) + (options.keep is not None))


def _shapes(network: str, looked_at: Iterable[str]) -> list[tuple[str, int, int]]:
    """Name, channels in and channels out of the convolutions up to the deepest layer"""
    kernels = shapes(network.removesuffix(NORMALISED))
    return [(name, kernels[name][1], kernels[name][0]) for name in up_to_deepest(network, looked_at)]
