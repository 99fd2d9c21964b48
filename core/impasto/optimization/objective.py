"""What a picture of one size is to become: its loss there, and the gradient of that loss in its pixels.

loss = alpha L_content + sum_l w_l phi(mu_l, S_l) + tv                  (eq. 7, with beta = 1)

With regions, the style's sum runs over them too, each with the moments of its own positions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ..images.tileable import Tileable
from ..layers import receptive_radius
from ..losses.content import content_loss
from ..losses.moments import LossAndGradient, MomentLoss, Moments, moments_gradient
from ..losses.style import STYLE_LOSSES, gram_loss
from ..losses.total_variation import total_variation
from ..numerics import at_least_float32
from ..runtime.distributed import ProcessGroup
from ..vgg.network import VGG, GradientHook
from ..vgg.weight_files import CAFFE_SCALE
from .disk_cache import DiskCache
from .tiling import Tile, accumulate_moments, iterate_tiles, make_tiles


class Evaluation(NamedTuple):
    """The objective at a picture. The two losses are in the paper's units, whatever the objective is made of."""

    gradient: Tensor  # of the objective, (H, W, 3)
    value: Tensor  # the objective itself
    content_loss: Tensor  # 1/2 sum (F - P)^2, averaged over the content layers
    style_loss: Tensor  # sum_l w_l |S - S*|^2 / 4 N^2, over the regions

    def is_finite(self) -> bool:
        """Whether all of it is numbers"""
        return all(math.isfinite(number) for number in (float(self.value), *map(float, self.gradient.aminmax())))

    def losses(self) -> tuple[float, float]:
        """Of content and style"""
        return float(self.content_loss), float(self.style_loss)


class Region(NamedTuple):
    """Where of the picture which style applies"""

    style: Mapping[str, tuple[float, Moments]]  # layer -> weight w_l and moments to reach
    guides: Mapping[str, Tensor] | None = None  # layer -> weight of each position (h, w); None: everywhere alike
    weight: float = 1.0  # of the whole style loss


class Objective:
    """alpha L_content + sum_r share_r sum_l w_l phi_l + tv, for pictures of one size, over regions r, tile by tile."""

    def __init__(
        self,
        network: VGG,
        content: Tensor | None,
        content_layers: Mapping[str, float],
        regions: Sequence[Region],
        *,
        style_loss: str = "gram",
        alpha: float = 1e-3,
        relative: bool = False,
        tv: float = 0.0,
        tile: int | None = None,
    ) -> None:
        """content: the picture (H, W, 3) whose features are kept in some layers, each with its weight
        alpha: content to style, in the paper's units; or relative, as the weight of |F - P|^2 / |P|^2 against a style loss
        that is as relative as that. The losses other than the Gram loss always are, and take it so.
        tile: the longest side of a tile, in pixels; None: the picture is one
        """
        self.network, self.tv, self._tile = network, tv, tile
        self._processes = ProcessGroup()
        self._is_gram = style_loss == "gram"
        self._terms = [
            _StyleTerm(
                name,
                region.weight * weight,
                STYLE_LOSSES[style_loss](wanted),
                None if self._is_gram else gram_loss(wanted),
                None if region.guides is None else region.guides[name],
            )
            for region in regions
            for name, (weight, wanted) in region.style.items()
            if region.guides is None or name in region.guides
        ]
        self._content_layers = content_layers if content is not None else {}
        self._content_norms = dict.fromkeys(self._content_layers, 1e-12)
        #: What each tile keeps of the content: layer -> what gets its features
        self._content_features = [] if content is None else self._store_content_features(content)
        kept = sum(weight * self._content_norms[name] for name, weight in self._content_layers.items()) * CAFFE_SCALE**2 / 2
        energy = sum(
            region.weight * weight * CAFFE_SCALE**4 * float(wanted.second.square().sum()) / (4 * len(wanted.mean) ** 2)
            for region in regions
            for weight, wanted in region.style.values()
        )
        #: alpha over beta in the paper's units, and the weight that the content has in this objective
        self.ratio = alpha * (energy or 1.0) / (kept or 1.0) if relative else alpha
        self._alpha = self.ratio if self._is_gram else alpha

    def __call__(self, image: Tensor) -> Evaluation:
        """image: (H, W, 3), RGB in [0, 1]"""
        parts = self._tiles(image)
        sums, maps = accumulate_moments(
            self.network, image, [(term.layer, term.guide) for term in self._terms], parts, keep=len(parts) == 1
        )
        value = style_total = image.new_zeros(())
        pulling = []
        for term, each in zip(self._terms, sums, strict=True):
            found = each.moments()
            loss = term.loss(found)
            energy = loss if term.paper_loss is None else term.paper_loss(found)
            style_total = style_total + term.weight * CAFFE_SCALE**4 * energy.value
            scale = term.weight * (CAFFE_SCALE**4 if self._is_gram else 1.0)
            value = value + scale * loss.value
            pulling.append((term, loss, scale, each.total))
        slope = torch.zeros_like(image)
        content = image.new_zeros(2)  # as it counts here, and in the paper's units
        with self._processes.together(image.device):
            for n, tile in enumerate(iterate_tiles(self._processes.shard(parts), image.device)):
                maps = maps or self.network.forward(tile.block(image))
                pulls: dict[str, GradientHook] = {}
                for term, loss, scale, total in pulling:
                    name = term.layer
                    pulls[name] = _style_gradient_hook(tile, name, maps[name], loss, scale, total, term.guide, pulls.get(name))
                for name, weight in self._content_layers.items():
                    loss_value, difference = content_loss(
                        tile.crop_features(maps[name], name), self._content_features[n][name]()
                    )
                    scale = weight * self._alpha * (CAFFE_SCALE**2 if self._is_gram else 2 / self._content_norms[name])
                    content[0] += scale * loss_value
                    content[1] += weight * CAFFE_SCALE**2 * loss_value
                    pulls[name] = _content_gradient_hook(tile, name, maps[name], difference, scale, pulls.get(name))
                tile.add_gradient(self.network.backward(maps, pulls), slope)
        self._processes.sum(slope)
        value = self._processes.broadcast(value + self._processes.sum(content)[0])
        if self.tv:
            roughness, _ = total_variation(image, Tileable.of(self.network.padding), scale=self.tv, onto=slope)
            value = value + roughness
        return Evaluation(slope, value, content[1], style_total)

    def _tiles(self, picture: Tensor) -> list[Tile]:
        layers = {*self._content_layers, *(term.layer for term in self._terms)}
        height, width = picture.shape[:2]
        return make_tiles(
            width, height, self._tile, receptive_radius(self.network.name, layers), Tileable.of(self.network.padding)
        )

    def _store_content_features(self, content: Tensor) -> list[Mapping[str, Callable[[], Tensor]]]:
        if not self._content_layers:
            return []
        parts = self._tiles(content)
        shelf = DiskCache() if len(parts) > 1 else None
        found: list[Mapping[str, Callable[[], Tensor]]] = []
        sizes = torch.zeros(len(self._content_layers), device=content.device, dtype=at_least_float32(content).dtype)
        with self._processes.together(content.device):
            for tile in iterate_tiles(self._processes.shard(parts), content.device):
                maps = self.network.forward(tile.block(content), only=self._content_layers)
                kept: dict[str, Callable[[], Tensor]] = {}
                for n, name in enumerate(self._content_layers):
                    features = tile.crop_features(maps[name], name)
                    sizes[n] += at_least_float32(features).square().sum()
                    kept[name] = shelf.store(features) if shelf else partial(Tensor.detach, features.clone())
                found.append(kept)
        for name, size in zip(self._content_layers, self._processes.sum(sizes).tolist(), strict=True):
            self._content_norms[name] += size
        return found


class _StyleTerm(NamedTuple):
    """A layer's style loss in a region"""

    layer: str
    weight: float
    loss: MomentLoss
    paper_loss: MomentLoss | None  # the paper's, where phi is another
    guide: Tensor | None  # (h, w)


def _style_gradient_hook(
    tile: Tile,
    layer: str,
    features: Tensor,
    loss: LossAndGradient,
    scale: float,
    total: float,
    guide: Tensor | None,
    after: GradientHook | None,
) -> GradientHook:
    def pull(flowing: Tensor | None) -> Tensor:
        flowing = _accumulated(flowing, features, after)
        weights = None if guide is None else tile.crop_map(guide, layer)
        onto = tile.crop_features(flowing, layer)
        moments_gradient(tile.crop_features(features, layer), loss, scale, weights, total=total, onto=onto)
        return flowing

    return pull


def _content_gradient_hook(
    tile: Tile, layer: str, features: Tensor, difference: Tensor, scale: float, after: GradientHook | None
) -> GradientHook:
    def pull(flowing: Tensor | None) -> Tensor:
        flowing = _accumulated(flowing, features, after)
        tile.crop_features(flowing, layer).add_(difference, alpha=scale)
        return flowing

    return pull


def _accumulated(flowing: Tensor | None, features: Tensor, after: GradientHook | None) -> Tensor:
    """What a layer's losses are added to: what flows in from deeper layers and from the losses before, or nothing"""
    if after is not None:
        flowing = after(flowing)
    return torch.zeros_like(at_least_float32(features)) if flowing is None else flowing
