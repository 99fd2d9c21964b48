"""Computing with torch in its plain state, independent of the modes and defaults that the caller has set."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Generator, Iterator
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: Functions that create tensors on the default device, of the default type for floats
_FLOAT_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.eye, torch.rand, torch.randn, torch.linspace, torch.full)
#: Those whose type follows from their arguments, where it is no float
_FACTORIES = (*_FLOAT_FACTORIES, torch.tensor, torch.as_tensor, torch.arange, torch.randint, torch.randperm)


class _PlainDefaults(TorchFunctionMode):
    """Creates tensors on the CPU and floats in float32, where no device or type is given. Applies to one thread."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func not in _FACTORIES:
            return func(*args, **kwargs)
        kwargs.setdefault("device", args[0].device if func is torch.as_tensor and isinstance(args[0], Tensor) else "cpu")
        if kwargs.get("dtype") is not None:
            return func(*args, **kwargs)
        if func in _FLOAT_FACTORIES:
            return func(*args, **kwargs | {"dtype": torch.float32})
        result = func(*args, **kwargs)
        is_new = not (func is torch.as_tensor and hasattr(args[0], "dtype"))
        if not is_new or not result.is_floating_point():
            return result
        return func(*args, **kwargs | {"dtype": torch.float32})  # converting the result would keep the rounding of its type


@contextlib.contextmanager
def plain_torch() -> Iterator[None]:
    """Compute without gradients, autocast, inference mode and other defaults than the CPU and float32, in this block.

    Nothing that is not of this thread changes. It can also be used as a decorator of functions.
    """
    _watch_forks()
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        for device in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu" or torch.get_default_dtype() != torch.float32:
            stack.enter_context(_PlainDefaults())
        yield


def plain_torch_steps(function: Callable[_P, Generator[_T]]) -> Callable[_P, Generator[_T]]:
    """Decorate a generator function: it computes in `plain_torch`, and its caller, between the steps, does not."""

    @functools.wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> Generator[_T]:
        steps = function(*args, **kwargs)
        try:
            while True:
                with plain_torch():
                    try:
                        step = next(steps)
                    except StopIteration:
                        return
                yield step
                del step  # it holds an image
        finally:
            with plain_torch():
                steps.close()

    return wrapper


@functools.cache
def _watch_forks() -> None:
    """Let child processes forked from now on compute in one thread: OpenMP's other threads are not in the child.

    Without this, the child waits for them forever.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=functools.partial(torch.set_num_threads, 1))
