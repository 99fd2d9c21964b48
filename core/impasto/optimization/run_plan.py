"""The plan of a run: tile sizes and optimizer history that fit into memory, and the floating-point operations it takes.

The image and the optimizer's state are needed as a whole, so they bound the size of an image; the network's features do not,
since they are those of one tile at a time. A plan reserves memory for the former, and gives the rest to the tile.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch

from ..errors import OptionError, OutOfMemoryError
from ..formatting import format_bytes
from ..images.resize import scale_size
from ..images.tileable import Tileable
from ..layers import NORMALIZED_SUFFIX, TOTAL_STRIDE, layer_stride, layers_through, receptive_radius
from ..learned_optimizer.network import receptive_radius as learned_radius
from ..options import Options
from ..runtime.distributed import ProcessGroup
from ..runtime.memory import used_memory
from ..runtime.memory_budget import available_memory, memory_budget
from ..vgg.convolution import Convolution
from ..vgg.weight_files import kernel_shapes
from ..vgg.weights import expected_network
from .protection import protected_features
from .pyramid import LEARNED_COST, Level, pyramid_levels
from .tiling import SMALLEST_TILE, TilingCost

#: Images (12 bytes per pixel) in memory during a step: iterates, optimizer state, gradient, temporaries. Measured; the
#: history of L-BFGS comes on top.
_IMAGES_PER_OPTIMIZER = {"adam": 7.5, "lbfgs": 10.0}
#: The same at a level that the learned optimizer paints, with the color transfer. Measured.
_LEARNED_IMAGES = 10.0
#: Bytes per pixel of each mask while it is propagated to the layers
_MASK_BYTES = 12.0
#: Bytes per pixel of the mask of what is protected, and of its target
_PROTECTION_BYTES = _MASK_BYTES + 12.0
#: Channels of the first layers, which have the largest feature maps
_FIRST_CHANNELS = 64
#: Numbers that a feature map may have: indices of cuDNN have 32 bits, and buffers of MPS 2^32 bytes
_LARGEST_MAP = {"cuda": 2.0**31, "mps": 2.0**30}
#: Temporaries of a block besides its features, in feature maps of conv1_1. Measured.
_WORKSPACE_MAPS = 4.0
#: Bytes of a block of any size: temporaries of layers and losses, and fragmentation. Measured.
_FIXED_BYTES = 250_000_000
#: How often a step reads or writes each feature, and the kernels that it starts: on its own, for each convolution of a tile,
#: and for the learned optimizer of a tile. Counted on the tests' simulated GPU.
_PASSES, _STEP_LAUNCHES, _CONVOLUTION_LAUNCHES, _LEARNED_LAUNCHES = 29.0, 100.0, 35.0, 330.0
#: Maximum side of the tiles of levels that are always tiled, in pixels
_SHALLOW_TILE = 448
#: The L-BFGS history is shortened, within this range of pairs, to make room for tiles of this side in pixels.
_PREFERRED_TILE = 512
_HISTORY_RANGE = (5, 50)
#: Bytes per pixel of one pair of the history, in float32 and in bfloat16
_PAIR_BYTES, _BFLOAT16_PAIR_BYTES = 24, 12


class Work(NamedTuple):
    """The work of a run on a device"""

    flops: float = 0.0  # floating-point operations of the convolutions
    traffic: float = 0.0  # bytes read and written
    launches: float = 0.0  # kernels started

    def times(self, factor: float) -> Work:
        """Return this work, `factor` times."""
        return Work(*(factor * value for value in self))


class RunPlan(NamedTuple):
    """How a run uses memory, and what it costs"""

    tiles: tuple[int | None, ...]  # maximum side of a tile in pixels, per level; None: a single tile
    history: int  # of L-BFGS, in pairs
    bfloat16_history: bool
    offload_history: bool  # to host memory
    memory: int  # peak, in bytes of the device
    level_work: tuple[Work, ...]  # of all steps of each level
    budget: float = math.inf  # bytes that the process may use: freed memory is kept up to this

    @property
    def flops(self) -> float:
        """Floating-point operations of all convolutions"""
        return sum(work.flops for work in self.level_work)

    def to_dict(self) -> dict[str, Any]:
        """Return what a checkpoint stores: everything that affects the last bits of the result."""
        return {  # the names in files of version 1
            "tiles": self.tiles,
            "history": self.history,
            "rounded": self.bfloat16_history,
            "on_host": self.offload_history,
        }

    def with_saved(self, saved: Mapping[str, Any]) -> RunPlan:
        """Return this plan with what `to_dict` of another returned, if it is not empty."""
        if not saved:
            return self
        return self._replace(
            tiles=tuple(saved["tiles"]),
            history=saved["history"],
            bfloat16_history=saved.get("rounded", False),
            offload_history=saved.get("on_host", False),
        )


def plan_levels(
    size: tuple[int, int],
    options: Options,
    device: torch.device,
    precision: torch.dtype,
    *,
    network_loaded: bool,
    reserved_bytes: int = 0,
    painting_side: int = 0,
    protected: bool = False,
) -> tuple[Options, list[Level], RunPlan]:
    """Return the levels for a content of this size (width, height) and their plan, for the memory available now.

    The learned optimizer needs the whole image in one process. Elsewhere, a run starts from the content instead of the instant
    result: the options that are returned say so.

    network_loaded, reserved_bytes, protected: as in `plan_run`; painting_side: as in `pyramid_levels`
    Raises OutOfMemoryError, OptionError.
    """
    one_process = ProcessGroup().size == 1
    if not one_process and (options.quality == "instant" or options.init == "painting"):
        setting = "quality instant" if options.quality == "instant" else "init painting"
        raise OptionError(f"{setting} runs in one process: start it without torchrun")
    if options.init == "instant" and not one_process:
        options = dataclasses.replace(options, init="content", network=options.network_to_load)
    levels = pyramid_levels(size, options, painting_side)
    plan = plan_run(
        options,
        levels,
        device,
        precision,
        network_loaded=network_loaded,
        reserved_bytes=reserved_bytes,
        protected=protected,
    )
    return options, levels, plan


def plan_run(
    options: Options,
    levels: Sequence[Level],
    device: torch.device,
    precision: torch.dtype,
    *,
    network_loaded: bool,
    reserved_bytes: int = 0,
    protected: bool = False,
) -> RunPlan:
    """Return the plan for the memory available now.

    network_loaded: whether the network is in memory already
    reserved_bytes: memory that the run needs for other things than the plan, such as pictures that are not read yet
    protected: whether a region is protected
    Raises OutOfMemoryError: the image does not fit; the message names the largest size that does.
    """
    processes = ProcessGroup()
    network = expected_network(options.network_to_load, options.weights)
    if not network_loaded:
        reserved_bytes += network_bytes(network, options.all_layers(network), device, precision)
    memory = processes.min(memory_budget(device, options) - reserved_bytes, device)
    host_memory = 0.0
    if device.type == "cuda":  # MPS shares the host's memory. Writing a checkpoint takes twice the history again.
        host_memory = processes.min(available_memory(torch.device("cpu")), device) / 3
    plan = fit_plan(
        options,
        network,
        levels,
        precision,
        memory,
        host_memory=host_memory,
        largest_map=_LARGEST_MAP.get(device.type, math.inf),
        processes=processes.size,
        protected=protected,
    )
    used = used_memory(device) + reserved_bytes
    return processes.broadcast_object(plan._replace(memory=plan.memory + used, budget=memory + used))


def fit_plan(
    options: Options,
    network: str,
    levels: Sequence[Level],
    precision: torch.dtype,
    memory: float,
    *,
    host_memory: float = 0,
    largest_map: float = math.inf,
    processes: int = 1,
    protected: bool = False,
) -> RunPlan:
    """Return the plan of a run that fits into `memory` bytes of the device, or of each of several devices.

    host_memory: bytes of host memory for the history
    largest_map: numbers that a feature map may have
    processes: number of processes that share the tiles
    protected: whether a region is protected
    Raises OutOfMemoryError: the image does not fit; the message names the largest size that does.
    """
    try_levels = partial(_try_plan, options, network, precision, memory, host_memory, largest_map, processes, protected)
    plan = try_levels(levels)
    if plan is None:
        width, height, *_ = levels[-1]
        message = f"{width} x {height} pixels do not fit into the {format_bytes(max(0, memory))} of memory that are left: "
        fits, too_large = 0, max(width, height) // TOTAL_STRIDE  # in multiples of the stride
        while too_large - fits > 1:
            side = TOTAL_STRIDE * (middle := (fits + too_large) // 2)
            smaller_width, smaller_height = scale_size((width, height), side / max(width, height), TOTAL_STRIDE)
            if try_levels([levels[-1]._replace(width=smaller_width, height=smaller_height, steps=1)]):
                fits = middle
            else:
                too_large = middle
        hint = f"give size {fits * TOTAL_STRIDE}, or more memory" if fits > 1 else "no size does"
        raise OutOfMemoryError(message + hint)
    return plan


def count_flops(network: str, layers: Iterable[str], cost: TilingCost) -> float:
    """Return the floating-point operations of the convolutions in one step: forward for the moments, then forward and
    backward for the gradient. A single tile runs forward once.
    """
    return forward_flops(network, layers, cost) * (2 if cost.tiles == 1 else 3)


def forward_flops(network: str, layers: Iterable[str], cost: TilingCost) -> float:
    """Return the floating-point operations of the convolutions of a forward pass."""
    shapes = _conv_shapes(network, layers)
    return cost.total_pixels * sum(2 * 9 * inputs * outputs / layer_stride(name) ** 2 for name, inputs, outputs in shapes)


def network_bytes(network: str, layers: Iterable[str], device: torch.device, precision: torch.dtype) -> int:
    """Return the bytes that a network will need once loaded."""
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
    largest_map: float,
    processes: int,
    protected: bool,
    levels: Sequence[Level],
) -> RunPlan | None:
    """Return the plan, or None if the levels do not fit."""
    block_bytes = {
        deepest: _bytes_per_block_pixel(options, network, precision, deepest)
        for deepest in {None, *(level.deepest for level in levels)}
    }
    per_pixel, learned_per_pixel = (_bytes_per_pixel(options, learned=learned) for learned in (False, True))
    history, bfloat16, offload = _HISTORY_RANGE[1], False, False
    if protected:
        per_pixel, learned_per_pixel = per_pixel + _PROTECTION_BYTES, learned_per_pixel + _PROTECTION_BYTES
        features = protected_features() * precision.itemsize
        block_bytes = {deepest: count + features for deepest, count in block_bytes.items()}
    if options.optimizer == "lbfgs":
        pixels = levels[-1].width * levels[-1].height
        remaining = memory - per_pixel * pixels - _FIXED_BYTES - block_bytes[None] * min(_PREFERRED_TILE**2, pixels)
        history, bfloat16, offload = _history_that_fits(remaining / pixels, host_memory / pixels)
        per_pixel += 0 if offload else history * (_BFLOAT16_PAIR_BYTES if bfloat16 else _PAIR_BYTES)
    sides, peak, level_work = [], 0.0, []
    for level in levels:
        width, height, steps, deepest, learned = level
        fixed = (learned_per_pixel if learned else per_pixel) * width * height
        layers = options.all_layers(network, deepest=deepest)
        network_halo = learned_radius(layers) if learned else 0
        halo = receptive_radius(network, layers)
        choice = None
        longest = max(width, height)
        limit = _SHALLOW_TILE if level.is_tiled else longest
        for side in _candidate_tile_sides(longest, limit):
            cost, observed = (
                TilingCost.of_tiling(width, height, side, radius, Tileable.from_padding(options.padding))
                for radius in (halo, halo + network_halo)
            )
            needed = fixed + block_bytes[deepest] * observed.largest_block + _FIXED_BYTES
            fits = needed <= memory and observed.largest_block * _FIRST_CHANNELS < largest_map
            if fits and (cost.tiles >= processes or longest < 2 * SMALLEST_TILE * processes):
                choice = side, cost, observed, needed
                break
        if choice is None:
            return None
        side, cost, observed, needed = choice
        sides.append(side)
        peak = max(peak, needed)
        step_flops = count_flops(network, layers, cost)
        if learned:
            step_flops *= LEARNED_COST
            if cost.tiles > 1:  # another forward pass
                step_flops += forward_flops(network, layers, observed)
        tile_launches = _CONVOLUTION_LAUNCHES * len(_conv_shapes(network, layers)) + (_LEARNED_LAUNCHES if learned else 0)
        passes = _PASSES * (LEARNED_COST if learned else 1)
        traffic = passes * _features_per_pixel(network, layers) * precision.itemsize * cost.total_pixels
        step = Work(step_flops, traffic, _STEP_LAUNCHES + tile_launches * cost.tiles)
        level_work.append(step.times(steps * math.ceil(cost.tiles / processes) / cost.tiles))
    return RunPlan(tuple(sides), history, bfloat16, offload, round(peak), tuple(level_work))


def _bytes_per_block_pixel(options: Options, network: str, precision: torch.dtype, deepest: str | None) -> float:
    """Return the bytes per pixel of the block of a tile: features and temporaries."""
    layers = options.all_layers(network, deepest=deepest)
    return (_features_per_pixel(network, layers) + _WORKSPACE_MAPS * _FIRST_CHANNELS) * precision.itemsize


def _features_per_pixel(network: str, layers: Iterable[str]) -> float:
    """Return the number of features of all convolutions per pixel of the image."""
    return sum(outputs / layer_stride(name) ** 2 for name, _, outputs in _conv_shapes(network, layers))


def _history_that_fits(device_bytes: float, host_bytes: float) -> tuple[int, bool, bool]:
    """Return the length of the L-BFGS history, whether it is in bfloat16, and whether it is in host memory.

    device_bytes, host_bytes: memory per pixel of the image
    A history in bfloat16 is as good as one in float32. Measured.
    """
    shortest, longest = _HISTORY_RANGE
    if device_bytes >= longest * _PAIR_BYTES:
        return longest, False, False
    on_device, on_host = (min(longest, int(size // _BFLOAT16_PAIR_BYTES)) for size in (device_bytes, host_bytes))
    offload = on_device < shortest <= on_host
    return on_host if offload else max(shortest, on_device), True, offload


def _candidate_tile_sides(size: int, limit: int) -> Iterable[int | None]:
    """Yield the maximum sides of tiles to try, at most `limit`, in descending order; None: a single tile."""
    yield None if size <= limit else limit
    side = min(size, limit)
    while (side := min(side - 1, round(side / 1.1)) // TOTAL_STRIDE * TOTAL_STRIDE) >= SMALLEST_TILE:
        yield side


def _bytes_per_pixel(options: Options, *, learned: bool = False) -> float:
    """Return the bytes per pixel of the image that are needed throughout, without the L-BFGS history.

    learned: at levels that the learned optimizer paints
    """
    masks = len(options.masks or ()) + (options.keep is not None)
    return 12 * (_LEARNED_IMAGES if learned else _IMAGES_PER_OPTIMIZER[options.optimizer]) + _MASK_BYTES * masks


def _conv_shapes(network: str, layers: Iterable[str]) -> list[tuple[str, int, int]]:
    """Return name, input and output channels of the convolutions up to the deepest layer."""
    kernels = kernel_shapes(network.removesuffix(NORMALIZED_SUFFIX))
    return [(name, kernels[name][1], kernels[name][0]) for name in layers_through(network, layers)]
