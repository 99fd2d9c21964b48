"""The learned optimizer in a run: a few large steps, each from the exact gradient (see learned_optimizer/network.py)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
import torch.nn.functional as functional
from torch import Tensor

from ..images.tileable import Tileable
from ..layers import layer_stride
from ..learned_optimizer.direction import AdamDirection
from ..learned_optimizer.network import MAX_DECADES, MIN_DECADES, Observation, StyleRegion, UpdateNetwork, conditions
from ..learned_optimizer.transport import (
    TRANSPORT_LAYERS,
    FeatureMoments,
    Transport,
    project,
    style_root,
    transport,
)
from ..losses.moments import Moments
from .objective import Evaluation, TermMoments
from .protection import PROTECTED_DECADES
from .tiling import Tile

#: The trained network
WEIGHTS = Path(__file__).parents[1] / "learned_optimizer" / "update_network.safetensors"


@lru_cache
def load_update_network(device: torch.device, dtype: torch.dtype) -> UpdateNetwork:
    """Return the trained network on a device. It convolves in this type."""
    network = UpdateNetwork()
    network.load_state_dict({name: tensor.float() for name, tensor in safetensors.torch.load_file(WEIGHTS).items()})
    network.eval().requires_grad_(False)
    return network.to(device).to(memory_format=torch.channels_last).convolve_in(dtype)


class LearnedOptimizer:
    """Takes large steps with a trained network. Its objective must have an `observed_halo`."""

    def __init__(self, network: UpdateNetwork, decades: float, tileable: Tileable) -> None:
        """decades: powers of ten by which the weight of the content differs from that at strength 0.5"""
        self._network, self._tileable = network, tileable
        self._decades = max(MIN_DECADES, min(MAX_DECADES, decades))
        self._direction = AdamDirection()
        self._step = 0  # at this level
        #: Target moments -> square root of their covariance; those of one level
        self._roots: dict[int, FeatureMoments] = {}

    @torch.no_grad()
    def step(self, image: Tensor, evaluation: Evaluation) -> Tensor:
        """Return the next image, given an image (H, W, 3) and the objective there."""
        observed = evaluation.observed
        assert observed is not None, "the objective has no observed_halo"
        gradient = evaluation.gradient
        scale = 1 / (torch.linalg.vector_norm(gradient) / math.sqrt(gradient.numel()) + 1e-12)
        self._direction.add(_to_batch(gradient) * scale)
        used = {term.layer for term in observed.terms}
        layers = [layer for layer in TRANSPORT_LAYERS if layer in used]
        regions = self._regions(observed.terms, layers)
        step = conditions(max(image.shape[:2]), self._step, image.new_full((1,), self._decades))
        padding = ("circular" if self._tileable.y else "replicate", "circular" if self._tileable.x else "replicate")
        protection = None if observed.protection is None else observed.protection[..., None]
        proposed = torch.empty_like(image)
        for tile, features in observed.blocks:
            seen = Observation(
                _to_batch(tile.block(image)),
                _to_batch(tile.block(observed.content)),
                _to_batch(tile.block(gradient)) * scale,
                self._direction.direction(partial(_block_of_batch, tile)),
                {layer: _to_batch(features[layer]) for layer in layers},
                [region.of_block(tile) for region in regions],
                step,
                padding,
                None if protection is None else PROTECTED_DECADES * _to_batch(tile.block(protection)),
            )
            block: Tensor = self._network(seen)
            owned = tile.rows.in_block(1), tile.columns.in_block(1)
            proposed[tile.rows.in_image(1), tile.columns.in_image(1)] = block[0].permute(1, 2, 0)[owned]
            del features, seen, block  # before those of the next tile are computed
        self._step += 1
        return proposed.clamp_(0, 1)

    def _regions(self, terms: Sequence[TermMoments], layers: Sequence[str]) -> list[_Region]:
        """Return the transports to the styles: the terms are those of one region after another."""
        regions = []
        by_layer = {layer: [term for term in terms if term.layer == layer] for layer in layers}
        for region in zip(*by_layer.values(), strict=True):
            current = project({term.layer: _covariance(term.current) for term in region}, self._network.bases)
            target = [self._root(term) for term in region]
            root = FeatureMoments(
                torch.stack([moments.mean for moments in target], -2),
                torch.stack([moments.covariance for moments in target], -3),
            )
            guides = {term.layer: term.guide for term in region if term.guide is not None}
            maps = transport(_to_batch_of_one(current), _to_batch_of_one(root))
            device = region[0].current.mean.device
            regions.append(_Region(Transport(*(tensor.to(device) for tensor in maps)), guides))
        return regions

    def _root(self, term: TermMoments) -> FeatureMoments:
        key = id(term.target)
        if key not in self._roots:
            projected = project({term.layer: _covariance(term.target)}, self._network.bases)
            root = style_root(projected)
            self._roots[key] = FeatureMoments(root.mean[0], root.covariance[0])
        return self._roots[key]

    def current_image(self, image: Tensor) -> Tensor:
        """Return the image: there is no average."""
        return image

    def final_image(self, image: Tensor) -> Tensor:
        """Return the image that a run ends with."""
        return image

    def drop_history(self) -> None:
        """Free everything but the current image."""
        self._direction = AdamDirection()

    def accepts_loss(self, loss: float) -> bool:
        """Return True: no step is undone."""
        return True

    def state(self) -> dict[str, Tensor]:
        """Return the state as tensors, for a checkpoint."""
        return {"taken": torch.tensor([self._step]), **self._direction.state()}

    def restore(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Restore what `state` returned, on a device."""
        self._step = int(state["taken"][0])
        self._direction.restore({name: tensor.to(device) for name, tensor in state.items() if name != "taken"})

    def reset(self) -> None:
        """Forget the gradients so far."""
        self._direction = AdamDirection()

    def for_level(self, width: int, height: int, steps: int) -> LearnedOptimizer:
        """Return an optimizer for the next level, which remembers the gradients."""
        other = LearnedOptimizer(self._network, self._decades, self._tileable)
        other._direction = self._direction
        other._direction.transform(
            lambda values: functional.interpolate(values, (height, width), mode="bicubic", align_corners=False)
        )
        return other


class _Region(NamedTuple):
    """A transport, and where in the whole image it applies"""

    transport: Transport
    guides: Mapping[str, Tensor]  # layer -> weight of each position, (h, w); empty: 1 everywhere

    def of_block(self, tile: Tile) -> StyleRegion:
        """Return the region within the block of a tile."""
        guides = {layer: tile.block(guide, layer_stride(layer))[None] for layer, guide in self.guides.items()}
        return StyleRegion(self.transport, guides or None)


def content_decades(weight: float, default: float) -> float:
    """Return the powers of ten by which a content weight differs from the default one."""
    return math.log10(max(weight, 1e-12) / default)


def _covariance(moments: Moments) -> FeatureMoments:
    return FeatureMoments(moments.mean, moments.second - torch.outer(moments.mean, moments.mean))


def _to_batch(values: Tensor) -> Tensor:
    """(H, W, C) -> (1, C, H, W), channels last"""
    return values.permute(2, 0, 1)[None]


def _block_of_batch(tile: Tile, values: Tensor) -> Tensor:
    """(1, C, H, W) -> (1, C, h, w)"""
    return _to_batch(tile.block(values[0].permute(1, 2, 0)))


def _to_batch_of_one(moments: FeatureMoments) -> FeatureMoments:
    return FeatureMoments(moments.mean[None], moments.covariance[None])
