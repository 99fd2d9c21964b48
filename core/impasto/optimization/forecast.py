"""Forecast of a run before it starts: size, seconds and bytes.

The bytes and the floating-point operations come from the run plan; this module measures how fast the machine does them.
"""

from __future__ import annotations

import math
import time
from functools import lru_cache
from typing import NamedTuple

import torch

from ..options import Options
from ..runtime.device import choose_device, choose_precision
from ..runtime.memory import retain_freed_memory
from ..runtime.torch_state import plain_torch
from ..vgg.convolution import Convolution
from .pyramid import Level
from .run_plan import RunPlan, plan_levels

#: Duration of the speed probe in seconds. Its first trials are slow, so the fastest counts.
_PROBE_SECONDS = 0.3
#: Speed of a step relative to that of the probe. Measured.
_PROBE_EFFICIENCY = 0.75


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
    device = choose_device(options.device)
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
    seconds = plan.flops / measure_flops_per_second(device, precision)
    return Forecast(final.width, final.height, seconds, plan.memory, plan.tiles[-1])


@lru_cache
def measure_flops_per_second(device: torch.device, precision: torch.dtype) -> float:
    """Measure the floating-point operations per second of the convolutions in a step, with a short probe."""
    channels, side = (128, 128) if device.type == "cpu" else (256, 512)
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(channels, channels, 3, 3, generator=generator)
    convolution = Convolution(kernel, torch.zeros(channels), device=device, dtype=precision)
    features = torch.ones(side, side, channels, device=device, dtype=precision)
    best, probe_start = math.inf, time.perf_counter()
    with retain_freed_memory(device):  # as in a run
        while (trial_start := time.perf_counter()) - probe_start < _PROBE_SECONDS:
            features = convolution(features).clamp_(max=1)
            float(features[0, 0, 0])  # wait for the device
            best = min(best, time.perf_counter() - trial_start)
    return _PROBE_EFFICIENCY * 2 * 9 * channels**2 * side**2 / best
