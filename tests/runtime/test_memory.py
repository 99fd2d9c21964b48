"""Errors and memory of devices that this machine need not have."""

from __future__ import annotations

import pytest
import torch

from impasto.errors import BrokenDeviceError, OutOfMemoryError
from impasto.runtime.freed_memory import release_memory
from impasto.runtime.memory import device_errors, free_memory, is_out_of_memory, used_memory

MPS = torch.device("mps")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"),
        RuntimeError("Invalid buffer size: 24.00 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.94 GiB, max allowed: 9.07 GiB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
        torch.AcceleratorError("CUDA error: out of memory"),
    ],
)
def test_out_of_memory_is_recognized_in_all_its_forms(error: Exception) -> None:
    assert is_out_of_memory(error)
    with pytest.raises(OutOfMemoryError, match="too large"), device_errors(MPS, "too large"):
        raise error


def test_other_errors_pass() -> None:
    for error in (RuntimeError("size mismatch"), ValueError("out of memory")):
        assert not is_out_of_memory(error)
        with pytest.raises(type(error), match=str(error)), device_errors(MPS, "too large"):
            raise error


def test_broken_device_is_named() -> None:
    with (
        pytest.raises(BrokenDeviceError, match=r"^cuda:0 has stopped working \(CUDA error: an illegal .* was encountered\)"),
        device_errors(torch.device("cuda:0"), ""),
    ):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be ...")


def test_memory_of_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    released = []
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 3 << 20)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 11 << 20)
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: released.append(1))
    assert used_memory(MPS) == 3 << 20
    assert free_memory(MPS) == 8 << 20
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 1 << 20)
    assert free_memory(MPS) == 0
    release_memory(MPS)
    assert released
