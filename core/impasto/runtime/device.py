"""Choice of the compute device and of the number format of its convolutions."""

from __future__ import annotations

import torch

from ..errors import DeviceError


def choose_device(name: str = "auto") -> torch.device:
    """Return the named device; "auto" is the first of CUDA, MPS and CPU that is available.

    Raises DeviceError: the device is not available.
    """
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if has_cuda else "mps" if has_mps else "cpu")
    device = torch.device(name)
    if (device.type == "cuda" and not has_cuda) or (device.type == "mps" and not has_mps):
        raise DeviceError(f"this machine has no {device.type} device that torch can use: choose cpu or auto")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"there is no {name}: this machine has {torch.cuda.device_count()} CUDA device(s), counted from 0")
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number format of the convolutions; "auto" is bfloat16 where the hardware supports it, else float32.

    CUDA devices support it from compute capability 8.0 (Ampere), CPUs with AMX. Elsewhere bfloat16 is emulated and slower than
    float32. AVX512-BF16 without AMX is not enough: steps take twice as long as in float32 (measured).
    """
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float32
    return torch.bfloat16 if device.type == "cpu" and torch.cpu._is_amx_tile_supported() else torch.float32
