"""What a picture of one size is to become: its loss there, and the gradient of that loss in its pixels.

loss = alpha L_content + sum_l w_l phi(mu_l, S_l) + tv                  (eq. 7, with beta = 1)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from .losses import (
    STYLE_LOSSES,
    Moments,
    StyleLoss,
    content_loss,
    gram_loss,
    moments,
    moments_gradient,
    total_variation,
)
from .vgg import Network, Pull
from .weights import PAPER_UNIT


class Evaluation(NamedTuple):
    """The objective at a picture. The two losses are in the paper's units, whatever the objective is made of."""

    gradient: Tensor  # of the objective, (H, W, 3)
    value: Tensor  # the objective itself
    content_loss: Tensor  # 1/2 sum (F - P)^2, averaged over the content layers
    style_loss: Tensor  # sum_l w_l |S - S*|^2 / 4 N^2


class Objective:
    """alpha L_content + sum_l w_l phi_l + tv, for pictures of one size."""

    def __init__(
        self,
        network: Network,
        content: Mapping[str, tuple[float, Tensor]],
        style: Mapping[str, tuple[float, Moments]],
        *,
        style_loss: str = "gram",
        alpha: float = 1e-3,
        tv: float = 0.0,
        visible: Mapping[str, Tensor] | None = None,
    ) -> None:
        """content: layer -> weight and features (M, N) to keep; style: layer -> weight w_l and moments to reach
        alpha: content to style. With the Gram loss in the paper's units; with the relative losses as a weight of the
        mean squared difference of features.  visible: layer -> weight of each position (M,), for pictures with holes
        """
        self.network, self.content, self.style = network, content, style
        self.alpha, self.tv = alpha, tv
        self.visible = visible or {}
        self._phi = STYLE_LOSSES[style_loss]
        self._paper = style_loss == "gram"

    def __call__(self, image: Tensor) -> Evaluation:
        """image: (H, W, 3), RGB in [0, 1]"""
        maps = self.network.forward(image)
        pulls: dict[str, Pull] = {}
        value = style_total = content_total = image.new_zeros(())
        for name, (weight, wanted) in self.style.items():
            features = maps[name].flatten(0, 1)
            visible = self.visible.get(name)
            found = moments(features, visible)
            loss = self._phi(found, wanted)
            energy = loss.value if self._paper else gram_loss(found, wanted).value
            style_total = style_total + weight * PAPER_UNIT**4 * energy
            scale = weight * (PAPER_UNIT**4 if self._paper else 1.0)
            value = value + scale * loss.value
            pulls[name] = _style_pull(maps[name], loss, scale, visible)
        for name, (weight, wanted_features) in self.content.items():
            loss_value, difference = content_loss(maps[name].flatten(0, 1), wanted_features)
            content_total = content_total + weight * PAPER_UNIT**2 * loss_value
            scale = weight * self.alpha * (PAPER_UNIT**2 if self._paper else 2 / wanted_features.numel())
            value = value + scale * loss_value
            pulls[name] = _content_pull(difference.view_as(maps[name]), scale, pulls.get(name))
        slope = self.network.backward(maps, pulls)
        if self.tv:
            roughness, pull = total_variation(image)
            value = value + self.tv * roughness
            slope = slope.add_(pull, alpha=self.tv)
        return Evaluation(slope, value, content_total, style_total)


def _style_pull(features: Tensor, loss: StyleLoss, scale: float, visible: Tensor | None) -> Pull:
    def pull(flowing: Tensor | None) -> Tensor:
        onto = None if flowing is None else flowing.flatten(0, 1)
        return moments_gradient(features.flatten(0, 1), loss, scale, visible, onto=onto).view_as(features)

    return pull


def _content_pull(difference: Tensor, scale: float, style: Pull | None) -> Pull:
    def pull(flowing: Tensor | None) -> Tensor:
        if style is not None:
            flowing = style(flowing)
        return difference * scale if flowing is None else flowing.add_(difference, alpha=scale)

    return pull
