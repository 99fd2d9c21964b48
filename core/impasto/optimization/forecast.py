"""Forecast of a run before it starts: size, seconds and bytes.

The work comes from the run plan; this module measures how fast the machine does it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from ..options import Options
from ..runtime.device import choose_precision
from ..runtime.freed_memory import retain_freed_memory
from ..runtime.torch_state import plain_torch
from ..vgg.convolution import Convolution
from .pyramid import Level
from .run_plan import RunPlan, Work, plan_levels
from .self_check import choose_working_device

#: Duration of a speed probe in seconds. Its first trials are slow, so the fastest counts.
_PROBE_SECONDS = 0.15
#: Speed of a step on a CPU relative to that of the probe. Measured.
_PROBE_EFFICIENCY = 0.75
#: Kernels that the probe of launches starts before it waits for them
_BATCH = 200


class Forecast(NamedTuple):
    """Cost of a run"""

    width: int
    height: int
    seconds: float
    memory: int  # peak memory of the device, in bytes, including memory already in use
    tile: int | None  # maximum side of a tile at the final size, in pixels; None: a single tile


@plain_torch()
def forecast(
    size: tuple[int, int], options: Options, *, first: Options | None = None, network_loaded: bool = False
) -> Forecast:
    """Forecast a run for a content of this size (width, height), in pixels, without reading any picture.

    first: options of a run before it, whose time is added; network_loaded: whether the network is in memory already
    Raises OutOfMemoryError: it does not fit; DeviceError, ImageError.
    """
    device = choose_working_device(options.device)
    precision = choose_precision(options.precision, device)
    content_bytes = 12 * size[0] * size[1]
    _, levels, plan = plan_levels(
        size,
        options,
        device,
        precision,
        network_loaded=network_loaded,
        reserved_bytes=content_bytes,
        protected=bool(options.protect) and options.protect_strength > 0,  # there may be faces
    )
    expected = forecast_plan(plan, levels[-1], device, precision)
    if first is not None:
        seconds = expected.seconds + forecast(size, first, network_loaded=network_loaded).seconds
        expected = expected._replace(seconds=seconds)
    return expected


def forecast_plan(plan: RunPlan, final: Level, device: torch.device, precision: torch.dtype) -> Forecast:
    """Return the forecast of a plan whose last level is `final`."""
    speed = measure_speed(device, precision)
    seconds = sum(map(speed.seconds, plan.level_work))
    return Forecast(final.width, final.height, seconds, plan.memory, plan.tiles[-1])


class Speed(NamedTuple):
    """The speed of a device, per second. For a CPU, launches cost nothing, and the traffic is part of its convolutions."""

    flops: float
    traffic: float = math.inf  # bytes read and written
    launches: float = math.inf

    def seconds(self, work: Work) -> float:
        """Return the time for some work: starting it, or doing it, whichever takes longer."""
        return max(work.launches / self.launches, work.flops / self.flops + work.traffic / self.traffic)


#: A card of the middle class, for how the work of a run is divided before the speed is known
TYPICAL_GPU = Speed(30e12, 4e11, 1e5)


@lru_cache
def measure_speed(device: torch.device, precision: torch.dtype) -> Speed:
    """Measure how fast a device works in a step, with short probes of half a second in all."""
    flops = _measure_flops(device, precision)
    if device.type == "cpu":
        return Speed(_PROBE_EFFICIENCY * flops)
    values, result = (torch.zeros(1 << 25, device=device) for _ in range(2))  # 128 MB each: more than caches hold
    traffic = _repetitions_per_second(lambda: result.copy_(values), values) * 2 * values.nbytes
    number = values[:1]
    launches = _BATCH * _repetitions_per_second(lambda: [number.add_(1) for _ in range(_BATCH)], number)
    return Speed(flops, traffic, launches)


def _measure_flops(device: torch.device, precision: torch.dtype) -> float:
    """Return the floating-point operations per second of a convolution."""
    channels, side = (128, 128) if device.type == "cpu" else (256, 512)
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(channels, channels, 3, 3, generator=generator)
    convolution = Convolution(kernel, torch.zeros(channels), device=device, dtype=precision)
    features = torch.ones(side, side, channels, device=device, dtype=precision)

    def convolve() -> None:
        nonlocal features
        features = convolution(features).clamp_(max=1)

    with retain_freed_memory(device):  # as in a run
        return _repetitions_per_second(convolve, features) * 2 * 9 * channels**2 * side**2


def _repetitions_per_second(function: Callable[[], object], result: Tensor) -> float:
    """Repeat a function for a short time, and return by the fastest trial how often a second has room for it.

    result: a tensor on the device, to wait for
    """
    function()  # the first time, libraries start and choose their kernels
    float(result.flatten()[0])
    best, start = math.inf, time.perf_counter()
    while (trial_start := time.perf_counter()) - start < _PROBE_SECONDS:
        function()
        float(result.flatten()[0])  # wait for the device
        best = min(best, time.perf_counter() - trial_start)
    return 1 / best
