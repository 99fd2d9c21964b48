"""What there is to compute with: the device, the precision that it is fast at, and its memory."""

from __future__ import annotations

import torch

from ..errors import DeviceError


def choose_device(name: str = "auto") -> torch.device:
    """`auto` is the first of CUDA, MPS and the CPU that is there.  Raises DeviceError for a device that is not."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    device = torch.device(name)
    if (device.type == "cuda" and not cuda) or (device.type == "mps" and not mps):
        raise DeviceError(f"this machine has no {device.type} device that torch can use: choose cpu, or auto")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"there is no {name}: this machine has {torch.cuda.device_count()} CUDA device(s), counted from 0")
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """What the convolutions compute in: bfloat16 where the device has units for it, else float32.

    CUDA has them from Ampere on, CPUs with AMX. Elsewhere bfloat16 is emulated, and slower than float32; so it is with
    AVX512-BF16 alone, whose steps take twice the time of float32's. Measured.
    """
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float32
    return torch.bfloat16 if device.type == "cpu" and torch.cpu._is_amx_tile_supported() else torch.float32
