"""What a picture of one size is to become: its loss there, and the gradient of that loss in its pixels.

loss = alpha L_content + sum_l w_l phi(mu_l, S_l) + tv                  (eq. 7, with beta = 1)

With regions, the style's sum runs over them too, each with the moments of its own positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from .borders import Wraps
from .losses import (
    STYLE_LOSSES,
    Moments,
    Phi,
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
    style_loss: Tensor  # sum_l w_l |S - S*|^2 / 4 N^2, over the regions


class Region(NamedTuple):
    """Where of the picture which style applies"""

    style: Mapping[str, tuple[float, Moments]]  # layer -> weight w_l and moments to reach
    guides: Mapping[str, Tensor] | None = None  # layer -> weight of each position (M,); None: everywhere alike
    share: float = 1.0  # of the whole style loss


class Objective:
    """alpha L_content + sum_r share_r sum_l w_l phi_l + tv, for pictures of one size, over regions r."""

    def __init__(
        self,
        network: Network,
        content: Mapping[str, tuple[float, Tensor]],
        regions: Sequence[Region],
        *,
        style_loss: str = "gram",
        alpha: float = 1e-3,
        relative: bool = False,
        tv: float = 0.0,
    ) -> None:
        """content: layer -> weight and features (M, N) to keep
        alpha: content to style, in the paper's units; or relative, as the weight of |F - P|^2 / |P|^2 against a style loss
        that is as relative as that. The losses other than the Gram loss always are, and take it so.
        """
        self.network, self.content, self.tv = network, content, tv
        self._paper = style_loss == "gram"
        self._terms = [
            _Term(
                name,
                region.share * weight,
                STYLE_LOSSES[style_loss](wanted),
                None if self._paper else gram_loss(wanted),
                None if region.guides is None else region.guides[name],
            )
            for region in regions
            for name, (weight, wanted) in region.style.items()
            if region.guides is None or name in region.guides
        ]
        self._sizes = {name: float(features.square().sum()) + 1e-12 for name, (_, features) in content.items()}
        kept = sum(weight * self._sizes[name] for name, (weight, _) in content.items()) * PAPER_UNIT**2 / 2
        energy = sum(
            region.share * weight * PAPER_UNIT**4 * float(wanted.second.square().sum()) / (4 * len(wanted.mean) ** 2)
            for region in regions
            for weight, wanted in region.style.values()
        )
        #: alpha over beta in the paper's units, and the weight that the content has in this objective
        self.ratio = alpha * (energy or 1.0) / (kept or 1.0) if relative else alpha
        self._alpha = self.ratio if self._paper else alpha

    def __call__(self, image: Tensor) -> Evaluation:
        """image: (H, W, 3), RGB in [0, 1]"""
        maps = self.network.forward(image)
        pulls: dict[str, Pull] = {}
        value = style_total = content_total = image.new_zeros(())
        for name, weight, phi, energy, guide in self._terms:
            found = moments(maps[name].flatten(0, 1), guide)
            loss = phi(found)
            style_total = style_total + weight * PAPER_UNIT**4 * (loss if energy is None else energy(found)).value
            scale = weight * (PAPER_UNIT**4 if self._paper else 1.0)
            value = value + scale * loss.value
            pulls[name] = _style_pull(maps[name], loss, scale, guide, pulls.get(name))
        for name, (weight, wanted) in self.content.items():
            loss_value, difference = content_loss(maps[name].flatten(0, 1), wanted)
            content_total = content_total + weight * PAPER_UNIT**2 * loss_value
            scale = weight * self._alpha * (PAPER_UNIT**2 if self._paper else 2 / self._sizes[name])
            value = value + scale * loss_value
            pulls[name] = _content_pull(difference.view_as(maps[name]), scale, pulls.get(name))
        slope = self.network.backward(maps, pulls)
        if self.tv:
            roughness, pull = total_variation(image, Wraps.of(self.network.padding))
            value = value + self.tv * roughness
            slope = slope.add_(pull, alpha=self.tv)
        return Evaluation(slope, value, content_total, style_total)


class _Term(NamedTuple):
    """A layer's style loss in a region"""

    layer: str
    weight: float
    phi: Phi
    energy: Phi | None  # the paper's, where phi is another
    guide: Tensor | None


def _style_pull(features: Tensor, loss: StyleLoss, scale: float, guide: Tensor | None, after: Pull | None) -> Pull:
    def pull(flowing: Tensor | None) -> Tensor:
        if after is not None:
            flowing = after(flowing)
        onto = None if flowing is None else flowing.flatten(0, 1)
        return moments_gradient(features.flatten(0, 1), loss, scale, guide, onto=onto).view_as(features)

    return pull


def _content_pull(difference: Tensor, scale: float, after: Pull | None) -> Pull:
    def pull(flowing: Tensor | None) -> Tensor:
        if after is not None:
            flowing = after(flowing)
        return difference * scale if flowing is None else flowing.add_(difference, alpha=scale)

    return pull
