"""What a run will take, known before it starts: its memory, which decides how large its tiles are, and its time.

The picture and the optimizer's state have to be there whole, so they bound the size of a picture; the network's maps do not,
for they are those of one tile at a time. So a plan first counts what has to be there, and gives the rest to the tile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch

from ..errors import OutOfMemoryError
from ..formatting import format_bytes
from ..images.tileable import Tileable
from ..layers import NORMALIZED_SUFFIX, TOTAL_STRIDE, layer_stride, layers_through, receptive_radius
from ..options import Options
from ..runtime.distributed import ProcessGroup
from ..runtime.memory import used_memory
from ..runtime.memory_budget import available_memory, memory_budget
from ..vgg.convolution import Convolution
from ..vgg.weight_files import kernel_shapes
from ..vgg.weights import expected_network
from .pyramid import Level
from .tiling import SMALLEST_TILE, TilingCost

#: Pictures of 12 bytes a pixel that are there at once in a step, with each optimizer: the last ones, what the optimizer
#: knows, the gradient, and room to work in. Measured; L-BFGS has its history besides.
_IMAGES_PER_OPTIMIZER = {"adam": 7.5, "lbfgs": 10.0}
#: Bytes a pixel of masks on their way to the layers: for each region, and where some of the picture is kept or not seen.
_MASK_BYTES = 12.0
#: Channels of the first layers, which have the largest maps
_FIRST_CHANNELS = 64
#: What is worked on beside the maps of a block, in maps like conv1_1's. Measured.
_WORKSPACE_MAPS = 4.0
#: Bytes that a block takes however small it is: the bands that layers and losses are worked on in, and holes. Measured.
_FIXED_BYTES = 250_000_000
#: A tile of this side is worth some of L-BFGS's history, which is not cut below so many pairs.
_PREFERRED_TILE = 512
_HISTORY_RANGE = (5, 50)
#: Bytes that a pair takes a pixel, in float32 and in bfloat16
_PAIR_BYTES, _BFLOAT16_PAIR_BYTES = 24, 12


class MemoryPlan(NamedTuple):
    """How a run goes about it, and what that takes"""

    tiles: tuple[int | None, ...]  # for each rung, the longest side of a tile in pixels; None: the picture is one
    history: int  # of L-BFGS, in pairs
    rounded: bool  # whether these are kept in bfloat16
    on_host: bool  # whether they are kept in the host's memory
    memory: int  # bytes of the device's at the most
    flops: float  # floating-point operations of all convolutions

    def to_dict(self) -> dict[str, Any]:
        """What the last bits of a painting depend on"""
        return {"tiles": self.tiles, "history": self.history, "rounded": self.rounded, "on_host": self.on_host}

    def with_saved(self, written: Mapping[str, Any]) -> MemoryPlan:
        """The same with what was written of another"""
        if not written:
            return self
        kept = {name: written.get(name, False) for name in ("rounded", "on_host")}
        return self._replace(tiles=tuple(written["tiles"]), history=written["history"], **kept)


def plan_memory(
    options: Options,
    levels: Sequence[Level],
    device: torch.device,
    precision: torch.dtype,
    *,
    network_loaded: bool,
    reserved_bytes: int = 0,
) -> MemoryPlan:
    """The plan for what there is of memory now, with so many bytes to come, and the network where there is none.

    Raises OutOfMemoryError: the largest size that fits is in its text.
    """
    ranks = ProcessGroup()
    network = expected_network(options.network, options.weights)
    if not network_loaded:
        reserved_bytes += network_bytes(network, options.all_layers(network), device, precision)
    room = ranks.min(memory_budget(device, options) - reserved_bytes, device)
    host = 0.0
    if device.type == "cuda":  # MPS has the host's own memory; and to write a checkpoint takes twice as much again
        host = ranks.min(available_memory(torch.device("cpu")), device) / 3
    found = fit_plan(
        options, network, levels, precision, room, host_memory=host, large_maps=device.type == "cpu", processes=ranks.count
    )
    return ranks.broadcast_object(found._replace(memory=found.memory + used_memory(device) + reserved_bytes))


def fit_plan(
    options: Options,
    network: str,
    levels: Sequence[Level],
    precision: torch.dtype,
    memory: float,
    *,
    host_memory: float = 0,
    large_maps: bool = True,
    processes: int = 1,
) -> MemoryPlan:
    """The plan of a run on a network, for a device with room for so many bytes more, or as many of them as there are ranks.

    host: bytes of room beside it, in the host's memory
    any_size: whether its convolutions can be asked for maps with more than 2^31 numbers
    Raises OutOfMemoryError: the largest size that fits is in its text.
    """
    around = receptive_radius(network, options.all_layers(network))
    fitting = partial(_try_plan, options, network, precision, memory, host_memory, around, large_maps, processes)
    plan = fitting(levels)
    if plan is None:
        width, height, _ = levels[-1]
        said = (
            f"{width} x {height} pixels do not fit into the {format_bytes(max(0, memory))} of memory that are left for them: "
        )
        fits, too_large = 0, max(width, height) // TOTAL_STRIDE  # in strides
        while too_large - fits > 1:
            side = TOTAL_STRIDE * (middle := (fits + too_large) // 2)
            scale = side / max(width, height)
            smaller = [Level(max(TOTAL_STRIDE, round(width * scale)), max(TOTAL_STRIDE, round(height * scale)), 1)]
            if fitting(smaller):
                fits = middle
            else:
                too_large = middle
        raise OutOfMemoryError(f"{said}give size {fits * TOTAL_STRIDE}, or more memory" if fits > 1 else f"{said}none does")
    return plan


def count_flops(network: str, layers: Iterable[str], cost: TilingCost) -> float:
    """Floating-point operations of the convolutions in a step: forward for the moments, and forward and back for the gradient;
    of a picture that is one part, forward once."""
    one_way = sum(
        2 * 9 * inputs * outputs / layer_stride(name) ** 2 for name, inputs, outputs in _conv_shapes(network, layers)
    )
    return cost.total_pixels * one_way * (2 if cost.tiles == 1 else 3)


def network_bytes(network: str, layers: Iterable[str], device: torch.device, precision: torch.dtype) -> int:
    """Bytes of a network that is yet to be loaded"""
    return sum(
        4 * 9 * inputs * outputs + Convolution.memory(inputs, outputs, device, precision)
        for _, inputs, outputs in _conv_shapes(network, layers)
    )


def _try_plan(
    options: Options,
    network: str,
    precision: torch.dtype,
    memory: float,
    host_memory: float,
    halo: int,
    large_maps: bool,
    processes: int,
    levels: Sequence[Level],
) -> MemoryPlan | None:
    """The plan, if there is one."""
    layers = options.all_layers(network)
    maps = sum(outputs / layer_stride(name) ** 2 for name, _, outputs in _conv_shapes(network, layers))
    bytes_per_block_pixel = (maps + _WORKSPACE_MAPS * _FIRST_CHANNELS) * precision.itemsize  # bytes of a block's pixel
    per_pixel, history, rounded, on_host = _bytes_per_pixel(options), _HISTORY_RANGE[1], False, False
    if options.optimizer == "lbfgs":
        pixels = levels[-1].width * levels[-1].height
        left = memory - per_pixel * pixels - _FIXED_BYTES - bytes_per_block_pixel * min(_PREFERRED_TILE**2, pixels)
        history, rounded, on_host = _history_that_fits(left / pixels, host_memory / pixels)
        per_pixel += 0 if on_host else history * (_BFLOAT16_PAIR_BYTES if rounded else _PAIR_BYTES)
    sides, peak, flops = [], 0.0, 0.0
    for width, height, steps in levels:
        fixed = per_pixel * width * height
        found = None
        for side in _candidate_tile_sides(max(width, height)):
            cover = TilingCost.of_tiling(width, height, side, halo, Tileable.of(options.padding))
            needed = fixed + bytes_per_block_pixel * cover.largest_block + _FIXED_BYTES
            fits = needed <= memory and (large_maps or cover.largest_block * _FIRST_CHANNELS < 2**31)
            if fits and (cover.tiles >= processes or max(width, height) < 2 * SMALLEST_TILE * processes):
                found = side, cover, needed
                break
        if found is None:
            return None
        side, cover, needed = found
        sides.append(side)
        peak = max(peak, needed)
        flops += steps * count_flops(network, layers, cover) * math.ceil(cover.tiles / processes) / cover.tiles
    return MemoryPlan(tuple(sides), history, rounded, on_host, round(peak), flops)


def _history_that_fits(room: float, host: float) -> tuple[int, bool, bool]:
    """How many pairs L-BFGS keeps, whether in bfloat16, and whether in the host's memory, for so many bytes a pixel in both.

    In bfloat16 they tell as much. Measured.
    """
    fewest, most = _HISTORY_RANGE
    if room >= most * _PAIR_BYTES:
        return most, False, False
    here, there = (min(most, int(bytes_ // _BFLOAT16_PAIR_BYTES)) for bytes_ in (room, host))
    on_host = here < fewest <= there
    return there if on_host else max(fewest, here), True, on_host


def _candidate_tile_sides(longest: int) -> Iterable[int | None]:
    """The sides that tiles can have, from large to small"""
    yield None
    side = longest
    while (side := min(side - 1, round(side / 1.1)) // TOTAL_STRIDE * TOTAL_STRIDE) >= SMALLEST_TILE:
        yield side


def _bytes_per_pixel(options: Options) -> float:
    """Bytes of a picture's pixel that have to be there, L-BFGS's history aside"""
    return 12 * _IMAGES_PER_OPTIMIZER[options.optimizer] + _MASK_BYTES * (
        len(options.masks or ()) + (options.keep is not None)
    )


def _conv_shapes(network: str, layers: Iterable[str]) -> list[tuple[str, int, int]]:
    """Name, channels in and channels out of the convolutions up to the deepest layer"""
    kernels = kernel_shapes(network.removesuffix(NORMALIZED_SUFFIX))
    return [(name, kernels[name][1], kernels[name][0]) for name in layers_through(network, layers)]
