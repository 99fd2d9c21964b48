"""Adam's direction, of the gradients so far (Kingma and Ba, arXiv 1412.6980)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

#: Decay of the moments: a few large steps are taken, so the averages are short.
_BETAS = (0.8, 0.85)


class AdamDirection:
    """The moving averages of the gradients, and their quotient"""

    def __init__(self) -> None:
        self._first: Tensor | None = None
        self._second: Tensor | None = None
        self._steps = 0

    def update(self, gradient: Tensor) -> Tensor:
        """Add a gradient, and return the direction."""
        self.add(gradient)
        return self.direction()

    def add(self, gradient: Tensor) -> None:
        """Add a gradient to the averages."""
        if self._first is None or self._second is None:
            self._first, self._second = torch.zeros_like(gradient), torch.zeros_like(gradient)
        self._steps += 1
        first, second = _BETAS
        self._first.mul_(first).add_(gradient, alpha=1 - first)
        self._second.mul_(second).addcmul_(gradient, gradient, value=1 - second)

    def direction(self, crop: Callable[[Tensor], Tensor] = Tensor.detach) -> Tensor:
        """Return the mean gradient divided by its root mean square, of the part that `crop` returns."""
        assert self._first is not None
        assert self._second is not None
        first, second = (1 - beta**self._steps for beta in _BETAS)
        deviation = (crop(self._second) / second).clamp_(min=0).sqrt_().add_(1e-12)
        return (crop(self._first) / first).div_(deviation)

    def state(self) -> dict[str, Tensor]:
        """Return the state as tensors, (H, W, 3) each, of a single image."""
        if self._first is None or self._second is None:
            return {}
        averages = {"first": self._first, "second": self._second}
        return {name: values[0].permute(1, 2, 0) for name, values in averages.items()} | {"count": torch.tensor([self._steps])}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned."""
        if state:
            self._first, self._second = (state[name].permute(2, 0, 1)[None] for name in ("first", "second"))
            self._steps = int(state["count"][0])

    def transform(self, resize: Callable[[Tensor], Tensor]) -> None:
        """Resize the moving averages along with the image."""
        if self._first is not None and self._second is not None:
            self._first, self._second = resize(self._first), resize(self._second).clamp_(min=1e-6)
