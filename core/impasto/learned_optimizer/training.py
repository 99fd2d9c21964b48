"""Train the learned optimizer on photographs and paintings.

A chain stylizes a batch of photographs, each in a style of its own, coarse to fine as in use. After every step the network is
updated by the exact gradient of the stylization loss at the new images, relative to the loss at the start of the level. There
is no unrolling: gradient, features and Adam's direction are constants.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from ..images.color_transfer import SAMPLES, sample_colors, transfer_colors
from ..options import LOSS_BALANCE
from .batch_objective import SHALLOW, WHOLE, BatchEvaluation, BatchObjective, BatchVGG, LossLayers, feature_moments
from .direction import AdamDirection
from .network import MAX_DECADES, MIN_DECADES, Observation, StyleRegion, UpdateNetwork, conditions
from .transport import TRANSPORT_LAYERS, FeatureMoments, color_transport, project, style_root, transport


class TrainingLevel(NamedTuple):
    """A level of the pyramid in training"""

    side: int  # of the whole image, in pixels
    crop: int  # side of the part that is stylized
    steps: tuple[int, int]  # fewest and most
    loss: LossLayers | None  # None: at random


#: The canvas is this many pixels wide and high; levels show it smaller.
CANVAS = 512
LEVELS = (
    TrainingLevel(128, 128, (5, 10), WHOLE),
    TrainingLevel(256, 192, (3, 5), WHOLE),
    TrainingLevel(368, 192, (1, 3), None),
    TrainingLevel(512, 192, (2, 4), None),
)
#: Content weight at strength 0.5; half of the images have another
_ALPHA = LOSS_BALANCE["covariance"]
#: Learning rates at the start and at the end, steps over which the first is reached, and steps of the moving average
_RATE, _FINAL_RATE, _WARM_UP, _EMA_STEPS = 1e-3, 5e-5, 100, 500
#: Gradients are clipped to this factor times a moving average of their norms, over as many steps: a single image whose loss
#: explodes would otherwise ruin the optimizer's averages. Measured: without it, training diverges.
_CLIP_FACTOR, _CLIP_STEPS = 1.5, 100
#: A step may not raise the loss above this factor times that at the start of the level.
_MAX_RISE = 1.5
#: Smallest start loss that losses are divided by, and weight of values outside [0, 1]
_MIN_LOSS, _OUTSIDE_WEIGHT = 0.1, 6.0
#: Chains in a row without a finite loss after which a training has failed
_MAX_BAD_CHAINS = 3
#: Largest side of the middle of a style that is measured, in pixels: at the upper levels the whole takes several seconds
_STYLE_CROP = 256
#: Share of the styles that are an even mix of two
_MIX_SHARE = 0.2


class MeasuredStyle(NamedTuple):
    """A batch of styles at a level"""

    moments: dict[str, FeatureMoments]  # of the colors ("rgb") and of the features of each layer
    colors: Tensor  # drawn from each style, (B, SAMPLES, 3)


class StylePool:
    """Statistics of the training styles at each level, measured when they are first needed, on the device"""

    def __init__(self, styles: Sequence[Tensor], vgg: BatchVGG) -> None:
        """styles: (H, W, 3) uint8, about 512 pixels long"""
        self._styles, self._vgg = styles, vgg
        self._measured: dict[tuple[int, int], MeasuredStyle] = {}

    def _measured_at(self, level: int, style: int) -> MeasuredStyle:
        key = level, style
        if key not in self._measured:
            self._measured[key] = self._measure(self._styles[style], LEVELS[level].side)
        return self._measured[key]

    @torch.no_grad()
    def _measure(self, style: Tensor, side: int) -> MeasuredStyle:
        image = (style.to(self._vgg.device).permute(2, 0, 1)[None].float() / 255).contiguous()
        factor = side / max(image.shape[2:])
        size = [max(32, round(length * factor)) for length in image.shape[2:]]
        image = functional.interpolate(image, size, mode="bicubic", antialias=True).clamp(0, 1)
        top, left = (max(0, (length - _STYLE_CROP) // 2) for length in size)
        image = image[:, :, top : top + _STYLE_CROP, left : left + _STYLE_CROP].contiguous()
        maps = self._vgg(image, WHOLE)
        moments = {layer: feature_moments(maps[layer]) for layer in WHOLE.style} | {"rgb": feature_moments(image)}
        return MeasuredStyle(moments, sample_colors(image[0].permute(1, 2, 0))[None])

    def draw(self, count: int, generator: torch.Generator) -> list[tuple[int, int]]:
        """Draw styles at random, some of them a mix of two.  -> pairs of indices, equal where the style is not mixed"""
        pairs = torch.randint(len(self._styles), (count, 2), generator=generator).tolist()
        mixed = (torch.rand(count, generator=generator) < _MIX_SHARE).tolist()
        return [(a, b if is_mixed else a) for (a, b), is_mixed in zip(pairs, mixed, strict=True)]

    def at(self, level: int, pairs: Sequence[tuple[int, int]]) -> MeasuredStyle:
        """Return the statistics of styles at a level, stacked."""
        moments, colors = [], []
        for a, b in pairs:
            first, second = self._measured_at(level, a), self._measured_at(level, b)
            moments.append({layer: _mix(first.moments[layer], second.moments[layer]) for layer in first.moments})
            half = SAMPLES // 2
            colors.append(torch.cat([first.colors[:, :half], second.colors[:, half:]], 1))
        stacked = {
            layer: FeatureMoments(*map(torch.cat, zip(*(style[layer] for style in moments), strict=True)))
            for layer in moments[0]
        }
        return MeasuredStyle(stacked, torch.cat(colors))


def _mix(a: FeatureMoments, b: FeatureMoments) -> FeatureMoments:
    """Return the moments of a mix of two styles in equal parts."""
    if a is b:
        return a
    mean, half = (a.mean + b.mean) / 2, (a.mean - b.mean) / 2
    return FeatureMoments(mean, (a.covariance + b.covariance) / 2 + half[:, :, None] * half[:, None])


def feature_statistics(pictures: Sequence[Tensor], vgg: BatchVGG) -> dict[str, FeatureMoments]:
    """Return the moments of VGG's features over pictures, (H, W, 3) uint8 each.  -> layer -> (C,), (C, C)"""
    means: dict[str, list[Tensor]] = {layer: [] for layer in TRANSPORT_LAYERS}
    seconds: dict[str, Tensor] = {}
    for picture in pictures:
        image = (picture.to(vgg.device).permute(2, 0, 1)[None].float() / 255).contiguous()
        image = functional.interpolate(image, (192, 192), mode="bicubic", antialias=True).clamp(0, 1)
        with torch.no_grad():
            maps = vgg(image, WHOLE)
        for layer in TRANSPORT_LAYERS:
            mean, covariance = (tensor[0] for tensor in feature_moments(maps[layer]))
            means[layer].append(mean)
            seconds[layer] = seconds.get(layer, 0) + (covariance + torch.outer(mean, mean)) / len(pictures)
    overall = {layer: torch.stack(parts).mean(0) for layer, parts in means.items()}
    return {layer: FeatureMoments(mean, seconds[layer] - torch.outer(mean, mean)) for layer, mean in overall.items()}


class ChainProgress(NamedTuple):
    """Progress of a training after a chain"""

    fraction: float  # of the chains or of the time
    chains: int
    seconds: float
    #: Level -> relative loss after its last step, and content distance there
    losses: dict[int, tuple[float, float]]


class _Region(NamedTuple):
    """A square part of the canvas, in fractions of its side"""

    left: float
    top: float
    side: float


class Trainer:
    """Trains an UpdateNetwork: iterate over `chains`."""

    def __init__(
        self,
        network: UpdateNetwork,
        vgg: BatchVGG,
        photos: Sequence[Tensor],
        styles: StylePool,
        *,
        batch: int,
        crops: Sequence[int],
        seed: int = 0,
    ) -> None:
        """photos: (H, W, 3) uint8; batch: images per chain

        crops: largest sides of the parts that are stylized, in pixels, each for an equal share of the training: small ones
        first save time
        """
        self.network, self._vgg, self._styles, self._batch = network.to(vgg.device), vgg, styles, batch
        self._crops = crops
        self._photos = [photo.to(vgg.device) for photo in photos]
        self._generator = torch.Generator().manual_seed(seed)
        self._parameters = list(network.parameters())
        self._optimizer = torch.optim.Adam(self._parameters, betas=(0.9, 0.99))
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.steps = self.chains_done = 0
        self.fraction = 0.0
        self._typical_norm = 0.0
        self._bad_chains = 0

    def state(self) -> dict[str, Any]:
        """Return everything that training goes on from."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self.average,
            "steps": self.steps,
            "chains": self.chains_done,
            "fraction": self.fraction,
            "typical_norm": self._typical_norm,
            "generator": self._generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.average = {name: value.to(self._vgg.device) for name, value in state["average"].items()}
        self.steps, self.chains_done, self.fraction = state["steps"], state["chains"], state["fraction"]
        self._typical_norm = state["typical_norm"]
        self._generator.set_state(state["generator"].cpu())

    def chains(self, count: float = math.inf, seconds: float = math.inf) -> Generator[ChainProgress]:
        """Train until there are `count` chains in all, or for `seconds`, whichever ends first."""
        started, start_fraction = time.perf_counter(), self.fraction
        while self.fraction < 1:
            losses = self._run_chain()
            self._bad_chains = 0 if all(map(math.isfinite, (loss for loss, _ in losses.values()))) else self._bad_chains + 1
            if self._bad_chains > _MAX_BAD_CHAINS:
                raise ArithmeticError(f"{self._bad_chains} chains in a row have no finite loss: the training has diverged")
            self.chains_done += 1
            elapsed = time.perf_counter() - started
            share = start_fraction + (1 - start_fraction) * elapsed / seconds
            self.fraction = min(1.0, max(self.chains_done / count, share))
            yield ChainProgress(self.fraction, self.chains_done, elapsed, losses)

    def _uniform(self, *size: int) -> Tensor:
        return torch.rand(*size, generator=self._generator)

    def _integer(self, low: int, high: int) -> int:
        """Draw an integer from low to high, both inclusive."""
        return int(torch.randint(low, high + 1, (), generator=self._generator))

    def _run_chain(self) -> dict[int, tuple[float, float]]:
        """Stylize a batch at all levels, updating the network after each step."""
        canvas = torch.cat([self._draw_canvas() for _ in range(self._batch)])
        pairs = self._styles.draw(self._batch, self._generator)
        is_default = self._uniform(self._batch) < 0.5
        drawn = torch.lerp(torch.tensor(MIN_DECADES), torch.tensor(MAX_DECADES), self._uniform(self._batch))
        decades = torch.where(is_default, torch.zeros(()), drawn).to(canvas)
        max_crop = self._crops[min(int(self.fraction * len(self._crops)), len(self._crops) - 1)]
        levels = [level._replace(crop=min(level.crop, max_crop)) for level in LEVELS]
        region = self._draw_region(levels[0].crop / levels[0].side)
        image: Tensor | None = None
        direction = AdamDirection()
        losses = {}
        for index, level in enumerate(levels):
            style = self._styles.at(index, pairs)
            if image is None:
                image = color_transport(_view(canvas, region, level.crop), style_root(style.moments["rgb"]))
            else:
                image, region = self._enlarge(image, region, level, direction)
                image = _transfer_colors(image, style.colors)
            content = _view(canvas, region, level.crop)
            layers = level.loss or (WHOLE if self._uniform(1) < 0.5 else SHALLOW)
            objective = BatchObjective(self._vgg, content, style.moments, layers, _ALPHA * 10**decades)
            root = style_root(project(style.moments, self.network.bases))
            root = FeatureMoments(*(tensor[:, : sum(name in layers.style for name in TRANSPORT_LAYERS)] for tensor in root))
            evaluation = objective(image)
            start = evaluation.value.clamp(min=_MIN_LOSS)
            for step in range(self._integer(*level.steps)):
                condition = conditions(level.side, step, decades)
                stepped, after = self._step(image, content, evaluation, root, objective, direction, condition, start)
                if bool((after.value > _MAX_RISE * start).any()):
                    break  # go on from the image before the step: this one teaches nothing
                image, evaluation = stepped, after
            losses[index] = (float((evaluation.value / start).mean()), float(evaluation.content_distance.mean()))
        return losses

    def _step(
        self,
        image: Tensor,
        content: Tensor,
        evaluation: BatchEvaluation,
        style: FeatureMoments,
        objective: BatchObjective,
        direction: AdamDirection,
        condition: Tensor,
        start: Tensor,
    ) -> tuple[Tensor, BatchEvaluation]:
        """Take one step with the network, and update the network by the gradient at the new images."""
        gradient = normalize(evaluation.gradient)
        maps = transport(project(evaluation.moments, self.network.bases), style)
        adam = direction.update(gradient)
        observation = Observation(image, content, gradient, adam, evaluation.features, [StyleRegion(maps)], condition)
        with torch.enable_grad():
            proposed = self.network(observation)
        clamped = proposed.detach().clamp(0, 1)
        evaluation = objective(clamped)
        outside = (proposed.detach() - clamped) * (_OUTSIDE_WEIGHT / clamped[0].numel())
        seed = (evaluation.gradient / start[:, None, None, None] + outside) / self._batch
        self._optimizer.param_groups[0]["lr"] = self._learning_rate()
        self._optimizer.zero_grad()
        proposed.backward(seed)
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients))
        if math.isfinite(norm):
            limit = _CLIP_FACTOR * self._typical_norm if self.steps else norm
            torch.nn.utils.clip_grads_with_norm_(self._parameters, limit, torch.tensor(norm))
            self._typical_norm += (min(norm, limit) - self._typical_norm) / min(self.steps + 1, _CLIP_STEPS)
            self._optimizer.step()
        self.steps += 1
        share = max(1 / self.steps, 1 / _EMA_STEPS)
        with torch.no_grad():
            state = self.network.state_dict()
            torch._foreach_lerp_([self.average[name] for name in state], list(state.values()), share)
        return clamped, evaluation

    def _learning_rate(self) -> float:
        decay = math.cos(math.pi / 2 * self.fraction) ** 2
        return (_FINAL_RATE + (_RATE - _FINAL_RATE) * decay) * min(1, (self.steps + 1) / _WARM_UP)

    def _draw_canvas(self) -> Tensor:
        """Draw a square part of a photograph.  -> (1, 3, CANVAS, CANVAS)"""
        photo = self._photos[self._integer(0, len(self._photos) - 1)]
        height, width = photo.shape[:2]
        short = min(height, width)
        extent = round(short * (0.5 + 0.5 * float(self._uniform(1))))
        top, left = self._integer(0, height - extent), self._integer(0, width - extent)
        part = photo[top : top + extent, left : left + extent].permute(2, 0, 1)[None].float() / 255
        if self._uniform(1) < 0.5:
            part = part.flip(3)
        gamma = math.exp(0.4 * (2 * float(self._uniform(1)) - 1))
        antialias = extent > CANVAS
        return functional.interpolate(part, (CANVAS, CANVAS), mode="bicubic", antialias=antialias).clamp(0, 1) ** gamma

    def _draw_region(self, side: float) -> _Region:
        """Draw a part of the canvas of this side."""
        left, top = ((1 - side) * float(self._uniform(1)) for _ in range(2))
        return _Region(left, top, side)

    def _enlarge(
        self, image: Tensor, region: _Region, level: TrainingLevel, direction: AdamDirection
    ) -> tuple[Tensor, _Region]:
        """Enlarge the image to a level and take a random part of it."""
        side = round(region.side * level.side / 8) * 8
        left, top = (self._integer(0, (side - level.crop) // 8) * 8 for _ in range(2))

        def enlarge(values: Tensor) -> Tensor:
            values = functional.interpolate(values, (side, side), mode="bicubic", align_corners=False)
            return values[:, :, top : top + level.crop, left : left + level.crop].contiguous()

        direction.transform(enlarge)
        share = region.side / side
        return enlarge(image).clamp(0, 1), _Region(region.left + left * share, region.top + top * share, level.crop * share)


def _transfer_colors(images: Tensor, targets: Tensor) -> Tensor:
    """Give images, (B, 3, H, W), the distributions of colors that the targets were drawn from."""
    pairs = zip(images.permute(0, 2, 3, 1), targets, strict=True)
    return torch.stack([transfer_colors(image, None, target) for image, target in pairs]).permute(0, 3, 1, 2).contiguous()


def normalize(gradient: Tensor) -> Tensor:
    """Divide each image's gradient by its root mean square.  (B, 3, H, W)"""
    return gradient / (gradient.square().mean((1, 2, 3), keepdim=True).sqrt() + 1e-12)


def _view(canvas: Tensor, region: _Region, side: int) -> Tensor:
    """Return a part of the canvas, resized to side x side pixels."""
    left, top, extent = (round(value * CANVAS) for value in region)
    part = canvas[:, :, top : top + extent, left : left + extent]
    if part.shape[2:] == (side, side):
        return part.contiguous()
    return functional.interpolate(part, (side, side), mode="bicubic", antialias=True).clamp(0, 1).contiguous()
