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
    next ones are damped until there are `history` pairs, of which only those with s'y > 0 are kept.
    """

    def __init__(self, history: int = 10, first: float = 0.01) -> None:
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
        moved = float(direction.abs().mean())
        if not self._pairs:
            direction *= self.first / (moved + 1e-30)
        elif len(self._pairs) < (self._pairs.maxlen or 0):
            direction *= len(self._pairs) / (self._pairs.maxlen or 1)
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

    def resized(self, height: int, width: int) -> LBFGS:
        """A fresh one: curvature at one size says little about another."""
        return LBFGS(self._pairs.maxlen or 10, self.first)


class Adam:
    """Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1), clamped to [0, 1], with an average of the iterates.

    The average takes out the noise that a constant rate leaves; it is also what the next size starts from.
    """

    def __init__(self, rate: float = 0.02, betas: tuple[float, float] = (0.9, 0.99), decay: float = 0.99) -> None:
        self.rate, self.betas, self.decay = rate, betas, decay
        self._steps = 0
        self._first: Tensor | None = None
        self._second: Tensor | None = None
        self._average: Tensor | None = None
        self._averaged = 0

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        if self._first is None or self._second is None:
            self._first, self._second = torch.zeros_like(gradient), torch.zeros_like(gradient)
        if self._average is None:
            self._average = torch.zeros_like(image)
        self._steps += 1
        self._averaged += 1
        self._first.lerp_(gradient, 1 - self.betas[0])
        self._second.mul_(self.betas[1]).addcmul_(gradient, gradient, value=1 - self.betas[1])
        mean = self._first / (1 - self.betas[0] ** self._steps)
        spread = (self._second / (1 - self.betas[1] ** self._steps)).sqrt_().add_(1e-12)
        image = torch.addcdiv(image, mean, spread, value=-self.rate).clamp_(0, 1)
        self._average.lerp_(image, 1 - self.decay)
        return image

    def average(self, image: Tensor) -> Tensor:
        """The picture to show: the average of the iterates at this size."""
        if self._average is None:
            return image
        return (self._average / (1 - self.decay**self._averaged)).clamp_(0, 1)

    def resized(self, height: int, width: int) -> Adam:
        """The same one for another size: the moments come along, the average starts anew."""
        other = Adam(self.rate, self.betas, self.decay)
        if self._first is not None and self._second is not None:
            other._steps = self._steps
            other._first = _resize(self._first, height, width, "bicubic")
            other._second = _resize(self._second, height, width, "bilinear").clamp_(min=0)
        return other


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.flatten(), b.flatten()))


def _resize(field: Tensor, height: int, width: int, mode: str) -> Tensor:
    planes = field.permute(2, 0, 1)[None]
    return functional.interpolate(planes, (height, width), mode=mode)[0].permute(1, 2, 0).contiguous()
