"""Choice of the compute device and of the number format of its convolutions."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as functional

from ..errors import DeviceError

logger = logging.getLogger("impasto")

#: Speedup from which bfloat16 is worth its rounding, and measurements of it, of which the fastest count
_MIN_SPEEDUP, _TRIALS = 1.3, 12


def choose_device(name: str = "auto") -> torch.device:
    """Return the named device; "auto" is the first of CUDA, MPS and CPU that is available.

    "auto" leaves out a card that is too old for this build of torch, with a warning.
    Raises DeviceError: the device is not available, or too old.
    """
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        if has_cuda and (reason := _missing_kernels(torch.device("cuda", 0))):
            warn_once(f"{reason}: computing on the CPU")
            has_cuda = False
        return torch.device("cuda" if has_cuda else "mps" if has_mps else "cpu")
    device = torch.device(name)
    if (device.type == "cuda" and not has_cuda) or (device.type == "mps" and not has_mps):
        raise DeviceError(f"this machine has no {device.type} device that torch can use: choose cpu or auto")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"there is no {name}: this machine has {torch.cuda.device_count()} CUDA device(s), counted from 0")
    if device.type == "cuda" and (reason := _missing_kernels(device)):
        raise DeviceError(f"{reason}: choose cpu or auto, or install torch for an older CUDA")
    return device


@lru_cache
def warn_once(message: str) -> None:
    """Log a warning, unless this process has done so before."""
    logger.warning(message)


def _missing_kernels(device: torch.device) -> str:
    """Return why torch cannot compute on a CUDA device, or ''."""
    try:
        capability, architectures = torch.cuda.get_device_capability(device), torch.cuda.get_arch_list()
    except RuntimeError as error:
        return f"CUDA does not start ({str(error).splitlines()[0]})"
    if has_kernels(capability, architectures):
        return ""
    name, (major, minor) = torch.cuda.get_device_name(device), capability
    return f"{name} has compute capability {major}.{minor}, but this build of torch is for {', '.join(architectures)}"


def has_kernels(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Return whether a build of torch for these architectures has kernels for a CUDA device.

    architectures: as `torch.cuda.get_arch_list` returns them. Code for sm_XY runs on devices of the same major version, from
    XY on; compute_XY is compiled for any device from XY on. Those of ROCm, gfx..., are not judged.
    """
    for architecture in architectures:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", architecture)
        if match is None:
            return True
        kind, version = match[1], (int(match[2]), int(match[3]))
        if version <= capability and (kind == "compute" or version[0] == capability[0]):
            return True
    return not architectures


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number format of the convolutions; "auto" is bfloat16 where the hardware is faster in it, else float32.

    CUDA devices are from compute capability 8.0 (Ampere) on, and CPUs with AMX. With AVX512-BF16 alone, some CPUs take half
    of the time and some twice as long, so they are measured.
    """
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float32
    if device.type != "cpu":
        return torch.float32
    is_fast = torch.cpu._is_amx_tile_supported() or (
        torch.cpu._is_avx512_bf16_supported() and _bfloat16_speedup() > _MIN_SPEEDUP
    )
    return torch.bfloat16 if is_fast else torch.float32


@lru_cache
def _bfloat16_speedup() -> float:
    """Measure how many times as fast as in float32 a convolution is in bfloat16 on this CPU, within a tenth of a second."""
    seconds: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several would wait for one another on a busy machine
    try:
        with torch.inference_mode():
            for _ in range(_TRIALS):
                for dtype, times in seconds.items():
                    image = torch.ones(1, 128, 32, 32, dtype=dtype).contiguous(memory_format=torch.channels_last)
                    kernel = torch.ones(128, 128, 3, 3, dtype=dtype).contiguous(memory_format=torch.channels_last)
                    start = time.perf_counter()
                    functional.conv2d(image, kernel, padding=1)
                    times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return min(seconds[torch.float32]) / min(seconds[torch.bfloat16])
