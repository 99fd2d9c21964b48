"""Two optimizers in the box [0, 1]: L-BFGS, which the paper used, and Adam with averaged iterates.

Both stay inside the box at every step, so that the loss they report is the loss of a picture that can be saved. Both take
one gradient a step and search no line: `step(image, gradient)` returns the next picture and leaves the last one as it was.
"""

from __future__ import annotations

from collections import deque

import torch
import torch.nn.functional as functional
from torch import Tensor


class LBFGS:
    """Limited-memory BFGS (Nocedal and Wright, algorithm 7.4), projected on [0, 1].

    Pixels that the gradient holds against a wall are left out. The first step moves the pixels by `first` on average; the
    next two are damped, until there are three pairs to know the curvature by. Only pairs with s'y > 0 are kept.
    """

    def __init__(self, history: int = 50, first: float = 0.03) -> None:
        self.first = first
        self._pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=history)
        self._last: tuple[Tensor, Tensor] | None = None

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        if self._last is not None:
            s, y = image - self._last[0], gradient - self._last[1]
            curvature = _dot(s, y)
            if curvature > 1e-10 * _dot(y, y) ** 0.5 * _dot(s, s) ** 0.5:
                self._pairs.append((s, y, curvature))
        self._last = image, gradient
        held = ((image <= 0) & (gradient > 0)) | ((image >= 1) & (gradient < 0))
        direction = self._direction(gradient.masked_fill(held, 0)).masked_fill_(held, 0)
        if self._pairs:
            direction *= min(1.0, len(self._pairs) / 3)
        else:
            direction *= self.first / (float(direction.abs().mean()) + 1e-30)
        return (image + direction).clamp_(0, 1)

    def _direction(self, gradient: Tensor) -> Tensor:
        """-H g by the two-loop recursion"""
        q = -gradient
        alphas = []
        for s, y, curvature in reversed(self._pairs):
            alpha = _dot(s, q) / curvature
            alphas.append(alpha)
            q.add_(y, alpha=-alpha)
        if self._pairs:
            _, y, curvature = self._pairs[-1]
            q.mul_(curvature / _dot(y, y))
        for (s, y, curvature), alpha in zip(self._pairs, reversed(alphas), strict=True):
            q.add_(s, alpha=alpha - _dot(y, q) / curvature)
        return q

    def average(self, image: Tensor) -> Tensor:
        """The picture to show: the last one."""
        return image

    def at(self, width: int, height: int, steps: int) -> LBFGS:
        """A fresh one for another rung: curvature at one size says little about another."""
        return LBFGS(self._pairs.maxlen or 1, self.first)


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
        self._rung = steps, 0  # steps on this rung, and how many are taken
        self._steps = 0  # on all rungs
        self._first: Tensor | None = None
        self._second: Tensor | None = None
        self._average: Tensor | None = None

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        if self._first is None or self._second is None:
            self._first, self._second = torch.zeros_like(gradient), torch.zeros_like(gradient)
        steps, taken = self._rung
        rate = self.rates[0] * (self.rates[1] / self.rates[0]) ** (taken / max(1, steps - 1))
        self._rung = steps, taken + 1
        self._steps += 1
        self._first.lerp_(gradient, 1 - self.betas[0])
        self._second.mul_(self.betas[1]).addcmul_(gradient, gradient, value=1 - self.betas[1])
        mean = self._first / (1 - self.betas[0] ** self._steps)
        spread = (self._second / (1 - self.betas[1] ** self._steps)).sqrt_().add_(1e-12)
        image = torch.addcdiv(image, mean, spread, value=-rate).clamp_(0, 1)
        fresh = (1 - self.decay) / (1 - self.decay ** (taken + 1))  # the first iterate's weight is 1: no bias to correct
        self._average = image if self._average is None else torch.lerp(self._average, image, fresh)
        return image

    def average(self, image: Tensor) -> Tensor:
        """The picture to show: the average of the iterates on this rung."""
        return image if self._average is None else self._average

    def at(self, width: int, height: int, steps: int) -> Adam:
        """The same one on another rung: the moments come along, the average starts anew."""
        other = Adam(steps, self.rates, self.betas, self.decay)
        if self._first is not None and self._second is not None:
            other._steps = self._steps
            other._first = _resize(self._first, width, height, "bicubic")
            other._second = _resize(self._second, width, height, "bilinear").clamp_(min=0)
        return other


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.flatten(), b.flatten()))


def _resize(field: Tensor, width: int, height: int, mode: str) -> Tensor:
    planes = field.permute(2, 0, 1)[None]
    return functional.interpolate(planes, (height, width), mode=mode)[0].permute(1, 2, 0).contiguous()
