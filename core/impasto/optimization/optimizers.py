"""Box-constrained optimizers: L-BFGS, which the paper used, and Adam with averaged iterates.

Every iterate is a valid image in [0, 1], so the reported loss is that of an image that can be saved. Both take one gradient
per step and do no line search: `step(image, evaluation)` returns the next image and leaves its arguments as they are.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

import torch
import torch.nn.functional as functional
from torch import Tensor

from ..errors import WeightsError

if TYPE_CHECKING:
    from .objective import Evaluation, Losses

logger = logging.getLogger("impasto")

#: A step may increase the loss, but not above the maximum of this many last losses.
_LOSS_WINDOW = 4
#: Elements processed at a time, to bound the memory of temporaries
_BAND_ELEMENTS = 4_000_000
#: Attempts at a step whose loss or gradient is not finite
_MAX_RETRIES = 3


class Optimizer(Protocol):
    """Turns gradients into steps"""

    def step(self, image: Tensor, evaluation: Evaluation) -> Tensor:
        """Return the next image, given an image (H, W, 3) and the objective there."""

    def current_image(self, image: Tensor) -> Tensor:
        """Return the image to show at this point of the run."""

    def final_image(self, image: Tensor) -> Tensor:
        """Return the image that a run ends with, if `accepts_loss` its loss."""

    def drop_history(self) -> None:
        """Free everything but the current image."""

    def accepts_loss(self, loss: float) -> bool:
        """Return whether a step with this loss would be accepted."""

    def state(self) -> dict[str, Tensor]:
        """Return the state as tensors, for a checkpoint."""

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Restore what `state` returned, on a device."""

    def reset(self) -> None:
        """Forget the gradients so far."""

    def for_level(self, width: int, height: int, steps: int) -> Optimizer:
        """Return an optimizer for the next level of the pyramid."""


class LBFGS:
    """Limited-memory BFGS (Nocedal and Wright, algorithm 7.4), projected on [0, 1].

    Pixels at a bound whose gradient points outward are in the active set and do not move. The first step moves pixels by
    `initial_step` on average; the next two are damped, until the history has three pairs. Only pairs with s'y > 0 enter the
    history. A step whose loss exceeds the last few losses is undone: its pair is kept, and the next step, from the same
    image, may be a quarter as long.

    The history needs most of the memory: it can be stored in bfloat16 (`bfloat16_history`) or in host memory
    (`offload_history`). Inner products are computed from the stored (rounded) pairs, which keeps the inverse Hessian
    positive definite.
    """

    def __init__(
        self, history: int = 50, initial_step: float = 0.03, *, bfloat16_history: bool = False, offload_history: bool = False
    ) -> None:
        self._initial_step, self.bfloat16_history, self.offload_history = initial_step, bfloat16_history, offload_history
        self._pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=history)
        self._last: tuple[Tensor, Tensor] | None = None  # current image and its gradient
        self._losses: deque[float] = deque(maxlen=_LOSS_WINDOW)
        self._max_step = math.inf

    def step(self, image: Tensor, evaluation: Evaluation) -> Tensor:
        """Return the next image, given an image (H, W, 3) and the objective there."""
        gradient, loss = evaluation.gradient, evaluation.losses.value
        if self._last is not None:
            length = self._update_history(image - self._last[0], gradient - self._last[1])
            accepted = self.accepts_loss(loss)
            self._max_step = max(self._max_step, 2 * length) if accepted else length / 4
            if not accepted:
                image, gradient = self._last
        if self._last is None or image is not self._last[0]:
            self._last = image, gradient
            self._losses.append(loss)
        active = ((image <= 0) & (gradient > 0)) | ((image >= 1) & (gradient < 0))
        direction = self._direction(gradient.masked_fill(active, 0)).masked_fill_(active, 0)
        if self._pairs:
            direction *= min(1.0, len(self._pairs) / 3)
        else:
            direction *= self._initial_step / (direction.abs().mean() + 1e-30)
        if self._max_step < math.inf:
            direction *= (self._max_step / _dot(direction, direction).sqrt()).clamp(max=1)
        return (image + direction).clamp_(0, 1)

    def _update_history(self, s: Tensor, y: Tensor) -> float:
        """Add a step's pair to the history if its curvature is positive, and return the length of the step."""
        if self.bfloat16_history:
            s, y = s.bfloat16(), y.bfloat16()
        length, norm, curvature = torch.stack([_dot(s, s).sqrt(), _dot(y, y).sqrt(), _dot(s, y)]).tolist()
        if curvature > 1e-10 * norm * length:
            device = self._history_device(s.device)
            self._pairs.append((s.to(device), y.to(device), curvature))
        return float(length)

    def _history_device(self, device: torch.device) -> torch.device:
        return torch.device("cpu") if self.offload_history else device

    def _direction(self, gradient: Tensor) -> Tensor:
        """Return -H g by the two-loop recursion."""
        q = -gradient
        alphas = []
        for s, y, curvature in reversed(self._pairs):
            alpha = _dot(s, q) / curvature
            alphas.append(alpha)
            _add_scaled(q, y, -alpha)
        if self._pairs:
            _, y, curvature = self._pairs[-1]
            q.mul_(curvature / _dot(y, y))
        for (s, y, curvature), alpha in zip(self._pairs, reversed(alphas), strict=True):
            _add_scaled(q, s, alpha - _dot(y, q) / curvature)
        return q

    def current_image(self, image: Tensor) -> Tensor:
        """Return the last accepted image; `image` may yet be undone."""
        return image if self._last is None else self._last[0]

    def final_image(self, image: Tensor) -> Tensor:
        """Return the image that a run ends with, if `accepts_loss` its loss."""
        return image

    def drop_history(self) -> None:
        """Free everything but the current image."""
        self._pairs.clear()

    def accepts_loss(self, loss: float) -> bool:
        """Return whether a step with this loss would be accepted."""
        return not self._losses or loss <= max(self._losses)

    def state(self) -> dict[str, Tensor]:
        """Return the state as tensors, for a checkpoint."""
        state: dict[str, Tensor] = {}
        for n, (s, y, curvature) in enumerate(self._pairs):
            state |= {f"s{n:03}": s, f"y{n:03}": y, f"c{n:03}": torch.tensor(curvature, dtype=torch.float64)}
        if self._last is not None:
            numbers = torch.tensor([self._max_step, *self._losses], dtype=torch.float64)
            state |= {"last": self._last[0], "gradient": self._last[1], "numbers": numbers}
        return state

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Restore what `state` returned, on a device."""
        for n in range(sum(name.startswith("c0") for name in state)):
            s, y = (state[f"{letter}{n:03}"].to(self._history_device(device)) for letter in "sy")
            self._pairs.append((s, y, float(state[f"c{n:03}"])))
        if "last" in state:
            self._last = state["last"].to(device), state["gradient"].to(device)
            self._max_step, *losses = state["numbers"].tolist()
            self._losses.extend(losses)

    def reset(self) -> None:
        """Forget everything; the next step is a first step."""
        self._pairs.clear()
        self._losses.clear()
        self._last, self._max_step = None, math.inf

    def for_level(self, width: int, height: int, steps: int) -> LBFGS:
        """Return a new optimizer for the next level: curvature at one size says little about another."""
        return LBFGS(
            self._pairs.maxlen or 1,
            self._initial_step,
            bfloat16_history=self.bfloat16_history,
            offload_history=self.offload_history,
        )


class Adam:
    """Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1), clamped to [0, 1], with an average of the iterates.

    The learning rate falls geometrically between the two `rates` over the `steps` of a level, which reduces noise; the
    exponential average of the iterates, with `decay`, removes the rest and is what the next level starts from. The moments
    decay fast: while strokes are still forming, old gradients say little about the current one.
    """

    def __init__(
        self,
        steps: int,
        rates: tuple[float, float] = (0.06, 0.01),
        betas: tuple[float, float] = (0.8, 0.85),
        decay: float = 0.85,
    ) -> None:
        self.rates, self.betas, self.decay = rates, betas, decay
        self._level_progress = steps, 0  # steps at this level, and how many are done
        self._steps = 0  # at all levels
        self._exp_avg: Tensor | None = None
        self._exp_avg_sq: Tensor | None = None
        self._average: Tensor | None = None

    def step(self, image: Tensor, evaluation: Evaluation) -> Tensor:
        """Return the next image, given an image (H, W, 3) and the objective there."""
        gradient = evaluation.gradient
        if self._exp_avg is None or self._exp_avg_sq is None:
            self._exp_avg, self._exp_avg_sq = torch.zeros_like(gradient), torch.zeros_like(gradient)
        steps, done = self._level_progress
        rate = self.rates[0] * (self.rates[1] / self.rates[0]) ** (done / max(1, steps - 1))
        self._level_progress = steps, done + 1
        self._steps += 1
        result = torch.empty_like(image)
        for old, new, g, exp_avg, exp_avg_sq in _iterate_bands(image, result, gradient, self._exp_avg, self._exp_avg_sq):
            exp_avg.lerp_(g, 1 - self.betas[0])
            exp_avg_sq.mul_(self.betas[1]).addcmul_(g, g, value=1 - self.betas[1])
            mean = exp_avg / (1 - self.betas[0] ** self._steps)
            denominator = (exp_avg_sq / (1 - self.betas[1] ** self._steps)).sqrt_().add_(1e-12)
            torch.addcdiv(old, mean, denominator, value=-rate, out=new).clamp_(0, 1)
        image = result
        weight = (1 - self.decay) / (1 - self.decay ** (done + 1))  # 1 for the first iterate: no bias to correct
        self._average = image if self._average is None else torch.lerp(self._average, image, weight)
        return image

    def current_image(self, image: Tensor) -> Tensor:
        """Return the average of the iterates at this level."""
        return image if self._average is None else self._average

    def final_image(self, image: Tensor) -> Tensor:
        """Return the image that a run ends with: the average."""
        return self.current_image(image)

    def drop_history(self) -> None:
        """Free everything but the current image."""
        self._exp_avg = self._exp_avg_sq = None

    def accepts_loss(self, loss: float) -> bool:
        """Return True: Adam undoes no step."""
        return True

    def state(self) -> dict[str, Tensor]:
        """Return the state as tensors, for a checkpoint."""
        state = {"taken": torch.tensor([self._level_progress[1], self._steps])}
        tensors = {"first": self._exp_avg, "second": self._exp_avg_sq, "average": self._average}
        return state | {name: tensor for name, tensor in tensors.items() if tensor is not None}

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Restore what `state` returned, on a device."""
        self._level_progress, self._steps = (self._level_progress[0], int(state["taken"][0])), int(state["taken"][1])
        tensors = (state.get(name) for name in ("first", "second", "average"))
        self._exp_avg, self._exp_avg_sq, self._average = (None if tensor is None else tensor.to(device) for tensor in tensors)

    def reset(self) -> None:
        """Forget moments and average; the learning rate goes on where it is."""
        self._steps = 0
        self._exp_avg = self._exp_avg_sq = self._average = None

    def for_level(self, width: int, height: int, steps: int) -> Adam:
        """Return an optimizer for the next level, with the moments resized and a new average."""
        other = Adam(steps, self.rates, self.betas, self.decay)
        if self._exp_avg is not None and self._exp_avg_sq is not None:
            other._steps = self._steps
            other._exp_avg = _resize(self._exp_avg, width, height, "bicubic")
            other._exp_avg_sq = _resize(self._exp_avg_sq, width, height, "bilinear").clamp_(min=0)
        return other


def take_step(
    image: Tensor,
    objective: Callable[[Tensor], Evaluation],
    optimizer: Optimizer,
    restore_kept: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Losses]:
    """Return the next image, and the losses of this one.

    restore_kept: applied to each iterate, to put back what must not change
    If the loss or the gradient is not finite, retry from the current image with a reset optimizer.
    Raises WeightsError: it is not finite in every attempt.
    """
    for _ in range(_MAX_RETRIES):
        with contextlib.suppress(torch.linalg.LinAlgError):  # type: ignore[attr-defined]  # some losses raise it
            evaluation = objective(image)
            if evaluation.losses.is_finite:
                next_image, losses = optimizer.step(image, evaluation), evaluation.losses
                del evaluation  # its gradient is as large as the image
                return restore_kept(next_image), losses
            del evaluation
        logger.warning("loss or gradient is not finite: retrying from the previous image")
        image = restore_kept(optimizer.current_image(image))
        optimizer.reset()
    raise WeightsError(
        "loss or gradient is not finite (NaN or infinite): the network's weights are damaged, or do not suit this precision; "
        "try --precision float32"
    )


def _iterate_bands(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Iterate over bands of rows of several tensors, so that temporaries need less memory than an image."""
    rows = max(1, _BAND_ELEMENTS // max(1, tensors[0][0].numel()))
    return zip(*(torch.split(tensor, rows) for tensor in tensors), strict=True)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return a'b, a scalar on the device of b, in float32 or wider."""
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    bands = ((band_a.to(band_b.device).to(dtype), band_b.to(dtype)) for band_a, band_b in _iterate_bands(a, b))
    return torch.stack([torch.dot(band_a.flatten(), band_b.flatten()) for band_a, band_b in bands]).sum()


def _add_scaled(a: Tensor, b: Tensor, factor: Tensor) -> None:
    """Compute a += factor b in place, on the device of a. The factor is a scalar there."""
    for band_a, band_b in _iterate_bands(a, b):
        band_a.addcmul_(band_b.to(band_a), factor.to(a.dtype))


def _resize(values: Tensor, width: int, height: int, mode: str) -> Tensor:
    planes = values.permute(2, 0, 1)[None]
    return functional.interpolate(planes, (height, width), mode=mode)[0].permute(1, 2, 0).contiguous()
