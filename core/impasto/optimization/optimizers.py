"""Two optimizers in the box [0, 1]: L-BFGS, which the paper used, and Adam with averaged iterates.

Both stay inside the box at every step, so that the loss they report is the loss of a picture that can be saved. Both take
one gradient a step and search no line: `step(image, gradient, loss)` returns the next picture and leaves the last as it was.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as functional
from torch import Tensor

from ..errors import WeightsError

if TYPE_CHECKING:
    from .objective import Evaluation

logger = logging.getLogger("impasto")

#: A step may end above the last loss, but not above all of so many.
_LOSS_WINDOW = 4
#: Numbers that are worked on at a time.
_BAND_ELEMENTS = 4_000_000
#: How often in a row a step may come to no number.
_MAX_RETRIES = 3


class LBFGS:
    """Limited-memory BFGS (Nocedal and Wright, algorithm 7.4), projected on [0, 1].

    Pixels that the gradient holds against a wall are left out. The first step moves the pixels by `first` on average; the
    next two are damped, until there are three pairs to know the curvature by. Only pairs with s'y > 0 are kept. A step that
    ends above all of the last few losses is taken back: what it has told of the curvature is kept, and the next one, from
    where it began, may be a quarter as long.

    What there is little memory for is the pairs: `rounded`, they are kept in bfloat16; `on_host`, in the host's memory. What
    is told of a pair (s's, s'y, y'y) is told of it as it is kept, so that the inverse Hessian stays positive definite.
    """

    def __init__(
        self, history: int = 50, initial_step: float = 0.03, *, bfloat16_history: bool = False, offload_history: bool = False
    ) -> None:
        self.first, self.rounded, self.on_host = initial_step, bfloat16_history, offload_history
        self._pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=history)
        self._last: tuple[Tensor, Tensor] | None = None  # where it stands, and the gradient there
        self._losses: deque[float] = deque(maxlen=_LOSS_WINDOW)
        self._longest = math.inf

    def step(self, image: Tensor, gradient: Tensor, loss: float) -> Tensor:
        """The next picture, from a picture, the gradient and the loss there"""
        if self._last is not None:
            length = self._update_history(image - self._last[0], gradient - self._last[1])
            taken = self.accepts_loss(loss)
            self._longest = max(self._longest, 2 * length) if taken else length / 4
            if not taken:
                image, gradient = self._last
        if self._last is None or image is not self._last[0]:
            self._last = image, gradient
            self._losses.append(loss)
        held = ((image <= 0) & (gradient > 0)) | ((image >= 1) & (gradient < 0))
        direction = self._direction(gradient.masked_fill(held, 0)).masked_fill_(held, 0)
        if self._pairs:
            direction *= min(1.0, len(self._pairs) / 3)
        else:
            direction *= self.first / (float(direction.abs().mean()) + 1e-30)
        length = _dot(direction, direction) ** 0.5
        if length > self._longest:
            direction *= self._longest / length
        return (image + direction).clamp_(0, 1)

    def _update_history(self, s: Tensor, y: Tensor) -> float:
        """Keep the pair of a step, if it is one to keep. The step's length"""
        if self.rounded:
            s, y = s.bfloat16(), y.bfloat16()
        length, curvature = math.sqrt(_dot(s, s)), _dot(s, y)
        if curvature > 1e-10 * _dot(y, y) ** 0.5 * length:
            home = self._history_device(s.device)
            self._pairs.append((s.to(home), y.to(home), curvature))
        return length

    def _history_device(self, device: torch.device) -> torch.device:
        """Where pairs are kept"""
        return torch.device("cpu") if self.on_host else device

    def _direction(self, gradient: Tensor) -> Tensor:
        """-H g by the two-loop recursion"""
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

    def current_estimate(self, image: Tensor) -> Tensor:
        """The picture to show: the last one that was not taken back. The next one may be yet."""
        return image if self._last is None else self._last[0]

    def final_estimate(self, image: Tensor) -> Tensor:
        """What a run ends with, if its loss is accepted: the last picture."""
        return image

    def drop_history(self) -> None:
        """Keep nothing but what a run may end with."""
        self._pairs.clear()

    def accepts_loss(self, loss: float) -> bool:
        """Whether a step that ended with this loss would not be taken back"""
        return not self._losses or loss <= max(self._losses)

    def state(self) -> dict[str, Tensor]:
        """All that it knows"""
        state: dict[str, Tensor] = {}
        for at, (s, y, curvature) in enumerate(self._pairs):
            state |= {f"s{at:03}": s, f"y{at:03}": y, f"c{at:03}": torch.tensor(curvature, dtype=torch.float64)}
        if self._last is not None:
            numbers = torch.tensor([self._longest, *self._losses], dtype=torch.float64)
            state |= {"last": self._last[0], "gradient": self._last[1], "numbers": numbers}
        return state

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Go on from what `state` returned, on a device."""
        for at in range(sum(name.startswith("c0") for name in state)):
            s, y = (state[f"{letter}{at:03}"].to(self._history_device(device)) for letter in "sy")
            self._pairs.append((s, y, float(state[f"c{at:03}"])))
        if "last" in state:
            self._last = state["last"].to(device), state["gradient"].to(device)
            self._longest, *losses = state["numbers"].tolist()
            self._losses.extend(losses)

    def reset(self) -> None:
        """Start anew from the next picture."""
        self._pairs.clear()
        self._losses.clear()
        self._last, self._longest = None, math.inf

    def for_level(self, width: int, height: int, steps: int) -> LBFGS:
        """A fresh one for another rung: curvature at one size says little about another."""
        return LBFGS(self._pairs.maxlen or 1, self.first, bfloat16_history=self.rounded, offload_history=self.on_host)


class Adam:
    """Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1), clamped to [0, 1], with an average of the iterates.

    The rate falls geometrically from the first to the second of `rates` over the `steps` of a rung, and with it the noise;
    the average, which forgets by `decay` a step, takes out the rest. It is also what the next rung starts from. Memories are
    short: a picture that is still finding its strokes has a gradient that old ones say little about.
    """

    def __init__(
        self,
        steps: int,
        rates: tuple[float, float] = (0.06, 0.01),
        betas: tuple[float, float] = (0.8, 0.85),
        decay: float = 0.85,
    ) -> None:
        self.rates, self.betas, self.decay = rates, betas, decay
        self._level_progress = steps, 0  # steps on this rung, and how many are taken
        self._steps = 0  # on all rungs
        self._exp_avg: Tensor | None = None
        self._exp_avg_sq: Tensor | None = None
        self._average: Tensor | None = None

    def step(self, image: Tensor, gradient: Tensor, loss: float) -> Tensor:
        """The next picture, from a picture and the gradient there; it asks for no loss"""
        if self._exp_avg is None or self._exp_avg_sq is None:
            self._exp_avg, self._exp_avg_sq = torch.zeros_like(gradient), torch.zeros_like(gradient)
        steps, taken = self._level_progress
        rate = self.rates[0] * (self.rates[1] / self.rates[0]) ** (taken / max(1, steps - 1))
        self._level_progress = steps, taken + 1
        self._steps += 1
        result = torch.empty_like(image)
        for old, new, g, first, second in _iterate_bands(image, result, gradient, self._exp_avg, self._exp_avg_sq):
            first.lerp_(g, 1 - self.betas[0])
            second.mul_(self.betas[1]).addcmul_(g, g, value=1 - self.betas[1])
            mean = first / (1 - self.betas[0] ** self._steps)
            spread = (second / (1 - self.betas[1] ** self._steps)).sqrt_().add_(1e-12)
            torch.addcdiv(old, mean, spread, value=-rate, out=new).clamp_(0, 1)
        image = result
        fresh = (1 - self.decay) / (1 - self.decay ** (taken + 1))  # the first iterate's weight is 1: no bias to correct
        self._average = image if self._average is None else torch.lerp(self._average, image, fresh)
        return image

    def current_estimate(self, image: Tensor) -> Tensor:
        """The picture to show: the average of the iterates on this rung."""
        return image if self._average is None else self._average

    def final_estimate(self, image: Tensor) -> Tensor:
        """What a run ends with: the average."""
        return self.current_estimate(image)

    def drop_history(self) -> None:
        """Keep nothing but what a run may end with."""
        self._exp_avg = self._exp_avg_sq = None

    def accepts_loss(self, loss: float) -> bool:
        """It takes nothing back."""
        return True

    def state(self) -> dict[str, Tensor]:
        """All that it knows"""
        state = {"taken": torch.tensor([self._level_progress[1], self._steps])}
        tensors = {"first": self._exp_avg, "second": self._exp_avg_sq, "average": self._average}
        return state | {name: tensor for name, tensor in tensors.items() if tensor is not None}

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Go on from what `state` returned, on a device."""
        self._level_progress, self._steps = (self._level_progress[0], int(state["taken"][0])), int(state["taken"][1])
        kept = (state.get(name) for name in ("first", "second", "average"))
        self._exp_avg, self._exp_avg_sq, self._average = (None if each is None else each.to(device) for each in kept)

    def reset(self) -> None:
        """Start anew from the next picture, at the rate of this place on the rung."""
        self._steps = 0
        self._exp_avg = self._exp_avg_sq = self._average = None

    def for_level(self, width: int, height: int, steps: int) -> Adam:
        """The same one on another rung: the moments come along, the average starts anew."""
        other = Adam(steps, self.rates, self.betas, self.decay)
        if self._exp_avg is not None and self._exp_avg_sq is not None:
            other._steps = self._steps
            other._exp_avg = _resize(self._exp_avg, width, height, "bicubic")
            other._exp_avg_sq = _resize(self._exp_avg_sq, width, height, "bilinear").clamp_(min=0)
        return other


def take_step(
    image: Tensor,
    objective: Callable[[Tensor], Evaluation],
    optimizer: Adam | LBFGS,
    held: Callable[[Tensor], Tensor],
) -> tuple[Tensor, tuple[float, float]]:
    """The next picture, and the losses of content and style at this one.

    Where gradient or loss come to no number, the step is refused: it goes on from the picture that was shown last, with an
    optimizer that knows nothing.  Raises WeightsError: so they do every time.
    """
    for _ in range(_MAX_RETRIES):
        with contextlib.suppress(torch.linalg.LinAlgError):  # type: ignore[attr-defined]  # so some losses call it
            found = objective(image)
            if found.is_finite():
                return held(optimizer.step(image, found.gradient, float(found.value))), found.losses()
            del found
        logger.warning("a step came to no number and is refused; it goes on from the picture before it")
        image = held(optimizer.current_estimate(image))
        optimizer.reset()
    raise WeightsError(
        "what the network finds in this picture is no number (NaN or infinite): its weights are damaged, or do not suit "
        "this precision; try --precision float32"
    )


def _iterate_bands(*fields: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same rows of each, a few at a time: what is worked on would take as much memory as a picture otherwise"""
    rows = max(1, _BAND_ELEMENTS // max(1, fields[0][0].numel()))
    return zip(*(torch.split(field, rows) for field in fields), strict=True)


def _dot(a: Tensor, b: Tensor) -> float:
    """a'b, on the device of b, and at least in float32"""
    wide = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    parts = ((one.to(other.device).to(wide), other.to(wide)) for one, other in _iterate_bands(a, b))
    return float(sum(torch.dot(one.flatten(), other.flatten()) for one, other in parts))


def _add_scaled(a: Tensor, b: Tensor, factor: float) -> None:
    """a += factor b, on the device of a"""
    for one, other in _iterate_bands(a, b):
        one.add_(other.to(one.device), alpha=factor)


def _resize(field: Tensor, width: int, height: int, mode: str) -> Tensor:
    planes = field.permute(2, 0, 1)[None]
    return functional.interpolate(planes, (height, width), mode=mode)[0].permute(1, 2, 0).contiguous()
