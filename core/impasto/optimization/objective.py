"""The stylization loss at one pyramid level and its gradient with respect to the image.

loss = alpha L_content + sum_l w_l phi(mu_l, S_l) + tv

phi is the style loss of a layer, a function of its mean mu and second moment S (losses/style.py); the first two terms are the
paper's eq. 7 with beta = 1, and tv is the total variation.

With regions, the style term also sums over these, each with the moments of its own positions. Where a region is protected, the
content term has weights that depend on the position, and a second one in finer layers (protection.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import torch
from torch import Tensor

from ..images.tileable import Tileable
from ..layers import layer_stride, receptive_radius
from ..losses.content import FULL_STRUCTURE, content_loss
from ..losses.moments import LossAndGradient, MomentLoss, Moments, feature_gradient
from ..losses.style import STYLE_LOSSES, gram_loss
from ..losses.total_variation import total_variation
from ..numerics import at_least_float32
from ..runtime.distributed import ProcessGroup
from ..vgg.network import VGG, GradientHook
from ..vgg.weight_files import CAFFE_SCALE
from .feature_cache import FeatureCache
from .protection import Protection
from .tiling import Tile, accumulate_moments, make_tiles, release_between_tiles


class TermMoments(NamedTuple):
    """The moments that a style loss compares, in one layer of one region"""

    layer: str
    guide: Tensor | None  # weight of each position (h, w); None: 1 everywhere
    current: Moments
    target: Moments


class Observed(NamedTuple):
    """What a learned optimizer sees besides the gradient"""

    content: Tensor  # (H, W, 3)
    blocks: Iterable[tuple[Tile, Mapping[str, Tensor]]]  # each tile, with style layer -> features of its block (h, w, N)
    terms: Sequence[TermMoments]
    protection: Tensor | None = None  # how much each pixel is protected, (H, W) in [0, 1]; None: not at all


class Losses(NamedTuple):
    """The losses of an evaluation, in host memory"""

    value: float
    content_loss: float
    style_loss: float
    is_finite: bool  # whether the value and the whole gradient are finite


@dataclass(frozen=True)
class Evaluation:
    """The objective at an image. The content and style losses are in the paper's units, whatever the style loss."""

    gradient: Tensor  # of the objective, (H, W, 3)
    value: Tensor  # the objective itself
    content_loss: Tensor  # 1/2 sum (F - P)^2, averaged over the content layers
    style_loss: Tensor  # sum_l w_l |S - S*|^2 / 4 N^2, over the regions
    observed: Observed | None = None  # if the objective has an `observed_halo`

    @cached_property
    def losses(self) -> Losses:
        """The losses. The first access waits for the device, once."""
        numbers = [self.value, self.content_loss, self.style_loss, *self.gradient.aminmax()]
        value, content_loss, style_loss, *range_ = torch.stack([number.to(self.value) for number in numbers]).tolist()
        return Losses(value, content_loss, style_loss, all(map(math.isfinite, (value, *range_))))


class Region(NamedTuple):
    """A part of the image, and the style that applies there"""

    style: Mapping[str, tuple[float, Moments]]  # layer -> weight w_l and target moments
    guides: Mapping[str, Tensor] | None = None  # layer -> weight of each position (h, w); None: 1 everywhere
    weight: float = 1.0  # of the region in the style loss


class _ContentTarget(NamedTuple):
    """The features of an image that a content loss compares with"""

    layers: Mapping[str, float]  # layer -> weight
    guides: Mapping[str, Tensor] | None  # layer -> weight of each position (h, w); None: 1 everywhere
    norms: Mapping[str, float]  # layer -> sum of the squared features
    structure: float  # share of the squared norms that is not the mean over positions
    #: For each tile of this process, in the order of `_tiles`: layer -> function that loads its features
    features: Sequence[Mapping[str, Callable[[], Tensor]]]
    is_detail: bool  # whether it is that of the finer layers of what is protected

    @property
    def norm(self) -> float:
        """Weighted sum of the norms"""
        return sum(weight * self.norms[name] for name, weight in self.layers.items())


class Objective:
    """alpha L_content + sum_r weight_r sum_l w_l phi_l + tv over regions r, for images of one size, tile by tile."""

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
        observed_halo: int | None = None,
        protection: Protection | None = None,
    ) -> None:
        """content: image (H, W, 3) whose features are the content target; content_layers: layer -> weight
        style_loss: a key of STYLE_LOSSES
        alpha: weight of the content loss against the style loss. In the paper's units if not `relative`; otherwise the weight
        of |F - P|^2 / |P|^2 against a loss relative to the style, such as |S - S*|^2 / |S*|^2
        relative: must be True for losses other than the Gram loss, which are always relative to the style
        tv: weight of the total variation
        tile: maximum side of a tile, in pixels; None: the image is a single tile
        observed_halo: return what a learned optimizer sees, too, in blocks whose halo is larger by this many pixels; needs a
        content
        protection: a region that stays recognizable; needs a content
        """
        self._observed_content = None if observed_halo is None else content
        self._observed_halo = observed_halo or 0
        self.network, self.tv, self._tile = network, tv, tile
        self._processes = ProcessGroup()
        self._is_gram = style_loss == "gram"
        self._waits = style_loss == "wasserstein"  # for eigenvalues
        self._terms = [
            _StyleTerm(
                name,
                region.weight * weight,
                target,
                STYLE_LOSSES[style_loss](target),
                None if self._is_gram else gram_loss(target),
                None if region.guides is None else region.guides[name],
            )
            for region in regions
            for name, (weight, target) in region.style.items()
            if region.guides is None or name in region.guides
        ]
        self._protected = None if protection is None else protection.mask
        self._layers = {*content_layers, *(protection.layers if protection else ())} if content is not None else set()
        self._targets: list[_ContentTarget] = []
        if content is not None and content_layers:
            self._targets.append(self._content_target(content, content_layers, protection and protection.content_factors))
        if relative:
            alpha *= min(1.0, self._targets[0].structure / FULL_STRUCTURE if self._targets else 0.0)
        content_norm = sum(target.norm for target in self._targets) * CAFFE_SCALE**2 / 2
        if protection is not None and self._targets:
            details = self._content_target(protection.target, protection.layers, protection.guides, is_detail=True)
            self._targets.append(details)
        style_norm = float(
            sum(
                region.weight * weight * CAFFE_SCALE**4 * target.second.square().sum() / (4 * len(target.mean) ** 2)
                for region in regions
                for weight, target in region.style.values()
            )
        )
        #: alpha/beta in the paper's units
        self.ratio = alpha * (style_norm or 1.0) / (content_norm or 1.0) if relative else alpha
        self._alpha = self.ratio if self._is_gram else alpha

    def __call__(self, image: Tensor) -> Evaluation:
        """Evaluate at an image (H, W, 3), RGB in [0, 1].  Raises MemoryError, torch.OutOfMemoryError."""
        tiles = self._tiles(image)
        sums, maps = accumulate_moments(
            self.network, image, [(term.layer, term.guide) for term in self._terms], tiles, return_maps=len(tiles) == 1
        )
        value = style_total = image.new_zeros(())
        style_losses, term_moments = [], []
        for term, accumulator in zip(self._terms, sums, strict=True):
            moments = accumulator.moments()
            term_moments.append(TermMoments(term.layer, term.guide, moments, term.target))
            loss = term.loss(moments)
            paper_loss = loss if term.paper_loss is None else term.paper_loss(moments)
            style_total = style_total + term.weight * CAFFE_SCALE**4 * paper_loss.value
            scale = term.weight * (CAFFE_SCALE**4 if self._is_gram else 1.0)
            value = value + scale * loss.value
            style_losses.append((term, loss, scale, accumulator.total_weight))
        observed = None
        if self._observed_content is not None:
            blocks = self._observed_blocks(image, tiles, maps)
            observed = Observed(self._observed_content, blocks, term_moments, self._protected)
        gradient = torch.zeros_like(image)
        content = image.new_zeros(2)  # the content term of this objective, and the content loss in the paper's units
        with self._processes.fail_together(image.device):
            for n, tile in enumerate(release_between_tiles(self._processes.shard(tiles), image.device)):
                # A single tile has its maps from the first pass; `backward` empties them.
                maps = maps or self.network.forward(tile.block(image))
                hooks: dict[str, GradientHook] = {}
                for term, loss, scale, total in style_losses:
                    name = term.layer
                    hooks[name] = _style_gradient_hook(tile, name, maps[name], loss, scale, total, term.guide, hooks.get(name))
                for target in self._targets:
                    for name, weight in target.layers.items():
                        load = target.features[n].get(name)
                        if load is None:  # nothing of the region is in this tile
                            continue
                        weights = None if target.guides is None else tile.crop_guide(target.guides[name], name)
                        features, goal = tile.crop_features(maps[name], name), load()
                        loss_value, difference = content_loss(features, goal, weights)
                        scale = weight * self._content_scale(target, name)
                        content[0] += scale * loss_value
                        if not target.is_detail:
                            loss_value = loss_value if weights is None else (features - goal).square().sum() / 2
                            content[1] += weight * CAFFE_SCALE**2 * loss_value
                        hooks[name] = _content_gradient_hook(tile, name, maps[name], difference, scale, hooks.get(name))
                tile.add_gradient(self.network.backward(maps, hooks), gradient)
        self._processes.sum(gradient)
        value = self._processes.broadcast(value + self._processes.sum(content)[0])
        if self.tv:
            variation, _ = total_variation(image, Tileable.from_padding(self.network.padding), scale=self.tv, add_to=gradient)
            value = value + variation
        return Evaluation(gradient, value, content[1], style_total, observed)

    @property
    def is_recordable(self) -> bool:
        """Whether an evaluation could be recorded as a CUDA graph: a single tile, in one process, and no loss that waits"""
        return self._tile is None and self._processes.size == 1 and not self._waits

    def _tiles(self, image: Tensor, extra_halo: int = 0) -> list[Tile]:
        """Split the image into tiles. Their order must be the same each time: `_ContentTarget.features` follows it."""
        layers = {*self._layers, *(term.layer for term in self._terms)}
        height, width = image.shape[:2]
        halo = receptive_radius(self.network.name, layers) + extra_halo
        return make_tiles(width, height, self._tile, halo, Tileable.from_padding(self.network.padding))

    def _observed_blocks(
        self, image: Tensor, tiles: Sequence[Tile], maps: Mapping[str, Tensor]
    ) -> Iterable[tuple[Tile, Mapping[str, Tensor]]]:
        """Return the blocks that a learned optimizer sees. Those of several tiles are computed as they are asked for.

        maps: those of an image that is a single tile
        """
        layers = {term.layer for term in self._terms}
        if len(tiles) == 1:
            return [(tiles[0], {layer: maps[layer] for layer in layers})]  # `backward` empties `maps`
        blocks = release_between_tiles(self._tiles(image, self._observed_halo), image.device)
        return ((tile, self.network.forward(tile.block(image), keep_layers=layers)) for tile in blocks)

    def _content_scale(self, target: _ContentTarget, layer: str) -> float:
        """Return the factor of a layer's content loss, apart from the layer's weight."""
        if not self._is_gram:
            return self._alpha * 2 / target.norms[layer]
        # A finer layer has the weight that the content has, relative to the norms.
        factor = self._targets[0].norm / target.norms[layer] if target.is_detail else 1.0
        return self._alpha * CAFFE_SCALE**2 * factor

    def _content_target(
        self, image: Tensor, layers: Mapping[str, float], guides: Mapping[str, Tensor] | None, *, is_detail: bool = False
    ) -> _ContentTarget:
        """Compute the features of each tile, outside of the device if there are several, and their norms and structure.

        guides: layer -> weight of each position (h, w); None: 1 everywhere
        structure: 1 - M |mean P|^2 / |P|^2, 0 for a flat image
        """
        tiles = self._tiles(image)
        cache = FeatureCache() if len(tiles) > 1 else None
        loaders: list[Mapping[str, Callable[[], Tensor]]] = []
        norms = torch.zeros(len(layers), device=image.device, dtype=at_least_float32(image).dtype)
        sums = [at_least_float32(self.network.empty_features(name)).sum(0) for name in layers]
        with self._processes.fail_together(image.device):
            for tile in release_between_tiles(self._processes.shard(tiles), image.device):
                maps = self.network.forward(tile.block(image), keep_layers=layers)
                load: dict[str, Callable[[], Tensor]] = {}
                for n, name in enumerate(layers):
                    features = tile.crop_features(maps[name], name)
                    norms[n] += at_least_float32(features).square().sum()
                    sums[n] += at_least_float32(features).sum((0, 1))
                    if not is_detail or (guides is not None and tile.crop_guide(guides[name], name).any()):
                        load[name] = cache.store(features) if cache else partial(Tensor.detach, features.clone())
                loaders.append(load)
        height, width = image.shape[:2]
        positions = [(height // stride) * (width // stride) for stride in map(layer_stride, layers)]
        means = torch.stack(
            [self._processes.sum(total).square().sum() / count for total, count in zip(sums, positions, strict=True)]
        )
        norms = self._processes.sum(norms)
        shares = means / norms.clamp(min=1e-12)
        norm_values, share_values = torch.stack([norms, shares]).tolist()
        totals = {name: 1e-12 + norm for name, norm in zip(layers, norm_values, strict=True)}
        structure = sum(weight * (1 - share) for weight, share in zip(layers.values(), share_values, strict=True))
        return _ContentTarget(layers, guides, totals, structure / sum(layers.values()), loaders, is_detail)


class _StyleTerm(NamedTuple):
    """The style loss of one layer in one region"""

    layer: str
    weight: float
    target: Moments
    loss: MomentLoss
    paper_loss: MomentLoss | None  # the paper's, if `loss` is another
    guide: Tensor | None  # (h, w)


def _style_gradient_hook(
    tile: Tile,
    layer: str,
    features: Tensor,
    loss: LossAndGradient,
    scale: float,
    total: float | Tensor,
    guide: Tensor | None,
    previous: GradientHook | None,
) -> GradientHook:
    def hook(gradient: Tensor | None) -> Tensor:
        gradient = _accumulated(gradient, features, previous)
        weights = None if guide is None else tile.crop_guide(guide, layer)
        owned_gradient = tile.crop_features(gradient, layer)
        feature_gradient(tile.crop_features(features, layer), loss, scale, weights, total_weight=total, add_to=owned_gradient)
        return gradient

    return hook


def _content_gradient_hook(
    tile: Tile, layer: str, features: Tensor, difference: Tensor, scale: float, previous: GradientHook | None
) -> GradientHook:
    def hook(gradient: Tensor | None) -> Tensor:
        gradient = _accumulated(gradient, features, previous)
        tile.crop_features(gradient, layer).add_(difference, alpha=scale)
        return gradient

    return hook


def _accumulated(gradient: Tensor | None, features: Tensor, previous: GradientHook | None) -> Tensor:
    """Return the gradient from deeper layers plus that of the layer's previous losses; zeros if there is none."""
    if previous is not None:
        gradient = previous(gradient)
    return torch.zeros_like(at_least_float32(features)) if gradient is None else gradient
