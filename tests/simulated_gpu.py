"""A simulated GPU: the engine runs unchanged on tensors that claim to be on `cuda:0` while their values are in host memory.

So a test can compare a result with the CPU's to the last bit, and count what a GPU would have to wait for. An operation that
mixes tensors of the host and of the device raises an error, as CUDA would. Kernels themselves are not tested: they need a GPU.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

import impasto

_ENGINE = Path(impasto.__file__).parent
DEVICE = torch.device("cuda", 0)
#: Operations whose result the host needs, or whose size depends on values: the host waits for the device
_WAITING = {
    *("nonzero", "masked_select", "equal", "is_nonzero", "_unique2", "unique_dim", "unique_consecutive", "bincount"),
    *("repeat_interleave", "_linalg_eigh", "_linalg_svd", "linalg_cholesky_ex", "linalg_inv_ex", "_linalg_solve_ex"),
}
#: Operations other than views that start no kernel
_WITHOUT_KERNEL = {
    *("detach", "alias", "empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "lift_fresh"),
    *("_unsafe_view", "_reshape_alias"),
}


class SimulatedTensor(torch.Tensor):
    """A tensor that claims to be on the simulated device"""

    content: torch.Tensor
    gpu: SimulatedGpu

    @staticmethod
    def __new__(cls, values: torch.Tensor, gpu: SimulatedGpu) -> SimulatedTensor:
        strides, offset = values.stride(), values.storage_offset()
        return torch.Tensor._make_wrapper_subclass(
            cls, values.shape, strides=strides, storage_offset=offset, dtype=values.dtype, device=DEVICE
        )

    def __init__(self, values: torch.Tensor, gpu: SimulatedGpu) -> None:
        self.content, self.gpu = values, gpu
        gpu.count_memory(self)

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        flat, _ = tree_flatten((args, kwargs or {}))
        gpu = next(value.gpu for value in flat if isinstance(value, SimulatedTensor))
        return gpu.run(func, args, kwargs or {})

    def tolist(self) -> Any:
        self.gpu._synchronize(f"{caller()} (tolist)")
        return self.content.tolist()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"SimulatedTensor({tuple(self.shape)}, {self.dtype})"


class SimulatedGpu(TorchDispatchMode):
    """The device. Counters name the lines of the engine that caused an event."""

    def __init__(self) -> None:
        super().__init__()
        self._storages: dict[int, list[int]] = {}  # storage -> bytes, and the number of tensors that share it
        self.allocated = self.peak = 0  # bytes
        self.released = 0  # how often the allocator's cache was emptied
        self.pinned = 0  # tensors in pinned host memory
        self.synchronizations: Counter[str] = Counter()
        self.uploads: Counter[str] = Counter()
        self.launches: Counter[str] = Counter()
        self.recording: list[Callable[[], object]] | None = None  # operations of a graph that is being recorded
        self.replays = 0

    def reset(self) -> None:
        """Forget what was counted."""
        for counter in (self.synchronizations, self.uploads, self.launches):
            counter.clear()
        self.peak = self.allocated

    def count_memory(self, tensor: SimulatedTensor) -> None:
        """Count the memory of a new tensor until it is freed."""
        storage = tensor.content.untyped_storage()
        entry = self._storages.setdefault(key := storage._cdata, [storage.nbytes(), 0])
        if not entry[1]:
            self.allocated += entry[0]
            self.peak = max(self.peak, self.allocated)
        entry[1] += 1
        weakref.finalize(tensor, self._free, key)

    def _free(self, key: int) -> None:
        entry = self._storages[key]
        entry[1] -= 1
        if not entry[1]:
            self.allocated -= self._storages.pop(key)[0]

    def __torch_dispatch__(self, operation: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        return self.run(operation, arguments, keywords or {})

    def run(self, operation: Any, arguments: Any, keywords: dict[str, Any]) -> Any:
        """Run an operation of the dispatcher, on the device if one of its tensors or its `device` argument is there."""
        tensors = [value for value in tree_flatten((arguments, keywords))[0] if isinstance(value, torch.Tensor)]
        on_device = [tensor for tensor in tensors if isinstance(tensor, SimulatedTensor)]
        device = keywords.get("device")
        creates_on_device = device is not None and torch.device(device).type == DEVICE.type
        if not on_device and not creates_on_device:
            if keywords.pop("pin_memory", False):
                self.pinned += 1
            return operation(*arguments, **keywords)
        name = operation._schema.name.split("::")[1]
        if name == "_local_scalar_dense":
            self._synchronize(caller())
            return arguments[0].content.item()
        if name == "_to_copy":
            return self._to_copy(operation, arguments[0], keywords)
        if name == "copy_":
            return self._copy(*arguments[:2])
        if on_device and any(tensor.dim() for tensor in tensors if not isinstance(tensor, SimulatedTensor)):
            raise RuntimeError(f"{name} at {caller()}: expected all tensors to be on the same device")
        is_boolean_index = name == "index" and any(index is not None and index.dtype == torch.bool for index in arguments[1])
        if name in _WAITING or is_boolean_index:
            self._synchronize(f"{caller()} ({name})")
        inner_arguments, inner_keywords = tree_map(_values, (arguments, keywords))
        if "device" in inner_keywords and (creates_on_device or on_device):
            inner_keywords |= {"device": torch.device("cpu"), "pin_memory": None}
            if "pin_memory" not in keywords:
                del inner_keywords["pin_memory"]
        result = operation(*inner_arguments, **inner_keywords)
        wrapped = {id(tensor.content): tensor for tensor in on_device}  # results in place
        result = tree_map(lambda value: wrapped[id(value)] if id(value) in wrapped else self._wrap(value), result)
        if not operation.is_view and name not in _WITHOUT_KERNEL:
            self._launch(lambda: operation(*inner_arguments, **inner_keywords), result)
        return result

    def _launch(self, operation: Callable[[], Any], result: Any) -> None:
        """Count a kernel. In a graph it is started again by each replay, and writes to the same memory."""
        if self.recording is None:
            self.launches[caller()] += 1
            return
        targets = [value.content for value in tree_flatten(result)[0] if isinstance(value, SimulatedTensor)]

        def replay() -> None:
            for target, value in zip(targets, tree_flatten(operation())[0], strict=True):
                if target is not value:
                    target.copy_(value)

        self.recording.append(replay)

    def _synchronize(self, line: str) -> None:
        if self.recording is not None:
            raise RuntimeError(f"CUDA error: operation not permitted when stream is capturing, at {line}")
        self.synchronizations[line] += 1

    def _upload(self) -> None:
        if self.recording is not None:
            raise RuntimeError(f"CUDA error: operation not permitted when stream is capturing, at {caller()}")
        self.uploads[caller()] += 1

    def _wrap(self, value: Any) -> Any:
        return SimulatedTensor(value, self) if isinstance(value, torch.Tensor) else value

    def _to_copy(self, operation: Any, source: torch.Tensor, keywords: dict[str, Any]) -> torch.Tensor:
        """Convert a tensor to another type, and copy it between host and device."""
        others = {key: value for key, value in keywords.items() if key not in ("device", "non_blocking", "pin_memory")}
        values = operation(_values(source), **others)
        values = values.clone() if values is _values(source) else values
        device = torch.device(keywords["device"]) if keywords.get("device") is not None else source.device
        if device.type == "cpu":
            self._synchronize(f"{caller()} (copy to the host)")
            return values
        result = SimulatedTensor(values, self)
        if isinstance(source, SimulatedTensor):
            self._launch(lambda: operation(source.content, **others), result)
        else:
            self._upload()
        return result

    def _copy(self, target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """Copy values into a tensor."""
        if not isinstance(target, SimulatedTensor):
            self._synchronize(f"{caller()} (copy to the host)")
        elif isinstance(source, SimulatedTensor) or not source.dim():
            self._launch(lambda: _values(target).copy_(_values(source)), target)
        else:
            self._upload()
        _values(target).copy_(_values(source))
        return target


class SimulatedGraph:
    """A CUDA graph: the operations of a recording, on the tensors of the recording"""

    def __init__(self, gpu: SimulatedGpu) -> None:
        self._gpu = gpu
        self._operations: list[Callable[[], object]] = []

    @contextmanager
    def record(self) -> Iterator[None]:
        self._gpu.recording = self._operations
        try:
            yield
        finally:
            self._gpu.recording = None

    def replay(self) -> None:
        self._gpu.replays += 1
        self._gpu.launches["replay"] += 1
        for operation in self._operations:
            operation()

    def reset(self) -> None:
        self._operations.clear()


def _values(value: Any) -> Any:
    return value.content if isinstance(value, SimulatedTensor) else value


def caller() -> str:
    """Return the innermost line of the engine that is running, such as "adam.py:12 step"."""
    frame = sys._getframe(1)
    while frame is not None:
        if "/impasto/" in frame.f_code.co_filename.replace("\\", "/"):
            return (
                f"{frame.f_code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{frame.f_lineno} {frame.f_code.co_name}"
            )
        frame = frame.f_back  # type: ignore[assignment]
    return "outside of the engine"


@contextmanager
def simulated_gpu(*, memory: int = 10 << 30, capability: tuple[int, int] = (8, 9)) -> Iterator[SimulatedGpu]:
    """Give this machine a simulated GPU with so many bytes of memory."""
    torch._C._ensureCUDADeviceGuardSet()
    gpu = SimulatedGpu()

    def empty_cache() -> None:
        gpu.released += 1

    replacements: dict[str, Any] = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_capability": lambda device=None: capability,
        "get_device_name": lambda device=None: "a simulated GPU",
        "get_arch_list": lambda: ["sm_75", "sm_80", "sm_90"],
        "mem_get_info": lambda device=None: (memory - gpu.allocated, memory),
        "memory_allocated": lambda device=None: gpu.allocated,
        "memory_reserved": lambda device=None: gpu.allocated,
        "empty_cache": empty_cache,
        "synchronize": lambda device=None: None,
        "is_bf16_supported": lambda including_emulation=True: True,
        "_lazy_init": lambda: None,
        "CUDAGraph": lambda: SimulatedGraph(gpu),
        "graph": lambda graph, stream: graph.record(),
        "device": lambda device: contextlib.nullcontext(),
        "Stream": lambda device=None: None,
        "current_stream": lambda device=None: None,
        "set_stream": lambda stream: None,
    }
    lifts_only_cpu = torch._C._only_lift_cpu_tensors()
    overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # a parameter of the host cannot become one of the device
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device="cuda") asks the mode, too
    try:
        with mock.patch.multiple(torch.cuda, **replacements), gpu:
            yield gpu
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(overwrites)
        torch._C._set_only_lift_cpu_tensors(lifts_only_cpu)
