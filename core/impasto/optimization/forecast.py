"""TODO-DOC optimization.forecast"""

from __future__ import annotations

import math
import time
from functools import lru_cache
from typing import NamedTuple

import torch

from ..options import Options
from ..runtime.device import choose_device, choose_precision
from ..runtime.memory import retain_freed_memory
from ..vgg.convolution import Convolution
from .memory_plan import MemoryPlan, plan_memory
from .pyramid import Level, pyramid_levels

#: How long the probe tries, in seconds, for the first trials are slow; and how much of what it finds a step does. Measured.
_PROBE_SECONDS, _PROBE_EFFICIENCY = 0.3, 0.75


class Forecast(NamedTuple):
    """What is known of a painting before it starts"""

    width: int
    height: int
    seconds: float
    memory: int  # bytes of the device's at the most, with what is there already
    tile: int | None  # the longest side of a tile at this size, in pixels


def forecast(size: tuple[int, int], options: Options, *, network_loaded: bool = False) -> Forecast:
    """What a painting of a content of some size will take, without a look at any picture.

    network_there: whether the network is in memory already
    Raises OutOfMemoryError: it does not fit; DeviceError, ImageError.
    """
    device = choose_device(options.device)
    precision = choose_precision(options.precision, device)
    rungs = pyramid_levels(size, options)
    content = 12 * size[0] * size[1]
    found = plan_memory(options, rungs, device, precision, network_loaded=network_loaded, reserved_bytes=content)
    return forecast_plan(found, rungs[-1], device, precision)


def forecast_plan(plan: MemoryPlan, top: Level, device: torch.device, precision: torch.dtype) -> Forecast:
    """What a plan comes to"""
    seconds = plan.flops / measure_flops(device, precision)
    return Forecast(top.width, top.height, seconds, plan.memory, plan.tiles[-1])


@lru_cache
def measure_flops(device: torch.device, precision: torch.dtype) -> float:
    """Floating-point operations of convolutions that steps do in a second on a device, by a moment's trial"""
    channels, side = (128, 128) if device.type == "cpu" else (256, 512)
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(channels, channels, 3, 3, generator=generator)
    filtering = Convolution(kernel, torch.zeros(channels), device=device, dtype=precision)
    features = torch.ones(side, side, channels, device=device, dtype=precision)
    best, begun = math.inf, time.perf_counter()
    with retain_freed_memory(device):  # as in a run
        while (started := time.perf_counter()) - begun < _PROBE_SECONDS:
            features = filtering(features).clamp_(max=1)
            float(features[0, 0, 0])  # until it is done
            best = min(best, time.perf_counter() - started)
    return _PROBE_EFFICIENCY * 2 * 9 * channels**2 * side**2 / best
