"""Content and style targets for any image size."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..images.color import ColorStatistics, color_statistics, map_colors, mix_color_statistics, to_gray
from ..images.color_transfer import MAX_COLOR_STRETCH, SAMPLES, is_gray, tint, transfer_colors
from ..images.mask import mix_regions, resize_mask
from ..images.picture import Picture
from ..images.resize import restore_forms
from ..images.tileable import Tileable, blend_opposite_edges
from ..learned_optimizer.network import receptive_radius
from ..losses.moments import Moments, mix_moments
from ..options import Options
from ..vgg.network import VGG
from .adaptive_tiling import AdaptiveTilingObjective, TileLimit
from .initialization import initial_image
from .inputs import Inputs
from .objective import Objective, Region
from .protection import Protection, style_share
from .pyramid import Level
from .spatial_guidance import propagate_mask
from .style_statistics import StyleCache, StyleColors, StyleStatistics

#: How much of the change of the large forms is taken back, after each step and in the result: at levels that keep them, and
#: for a finished painting. The rest lets strokes settle: with all of it, the smaller image's pixels stay visible. Measured.
_FORMS_SHARE, _PAINTING_SHARE = 0.5, 0.6
#: Where a gray photo is protected, it is tinted: times the protection, up to 1
_TINTED = 4.0


class TargetBuilder:
    """Builds the objective and the initial image for each pyramid level."""

    def __init__(
        self, inputs: Inputs, options: Options, final: tuple[int, int], device: torch.device, cache: StyleCache
    ) -> None:
        """final: width and height of the result; cache: style statistics of earlier runs on the same network"""
        self.inputs, self.options, self.device = inputs, options, device
        self.tile_limit = TileLimit()
        self._final = final
        self.tileable = Tileable.from_padding(options.padding)
        self.content = inputs.content
        if any(self.tileable):
            self.content = replace(inputs.content, pixels=blend_opposite_edges(inputs.content.pixels, self.tileable))
        self.gray = options.colors == "content"
        self.styles = StyleStatistics(inputs, options, device, cache)
        count = len(inputs.styles)
        total = sum(options.style_weights or ()) or 1.0
        #: The smaller image (h, w, 3) whose forms the levels that come now keep
        self.forms: Tensor | None = None
        if options.init == "painting":
            assert inputs.init_image is not None
            self.forms = self.network_input(inputs.init_image)
        self._style_weights = [weight / total for weight in options.style_weights or (1 / max(1, count),) * count]

    def at(self, network: VGG, level: Level) -> LevelTargets:
        """Return the targets of a pyramid level."""
        return LevelTargets(self, self._through_deepest(network, level), level)

    def measure_styles(self, network: VGG, level: Level) -> None:
        """Measure the styles at the size of a level."""
        self._regions(self._through_deepest(network, level), level)

    def _through_deepest(self, network: VGG, level: Level) -> VGG:
        """Return the part of the network that a level uses."""
        if not level.deepest:
            return network
        return network.through(self.options.all_layers(network.name, deepest=level.deepest))

    def objective(self, network: VGG, level: Level) -> Objective:
        """Build the objective of a pyramid level, with tiles within the current limit."""
        options, width, height = self.options, level.width, level.height
        content = self.content.resize(width, height, self.tileable)
        layers = options.all_layers(network.name, deepest=level.deepest)
        alpha, in_paper_units = options.content_weight(*self._final)
        if in_paper_units:  # L_c is a sum over positions, E_l a mean. L_c shrinks with the image, so alpha grows.
            alpha *= self._final[0] * self._final[1] / (width * height)
        return Objective(
            network,
            self.network_input(content),
            options.content_layer_weights(deepest=level.deepest),
            self._regions(network, level),
            style_loss=options.style_loss,
            alpha=alpha,
            relative=not in_paper_units,
            tv=options.tv,
            tile=self.tile_limit.side,
            observed_halo=receptive_radius(layers) if level.learned else None,
            protection=self._protection(network, level),
        )

    def initial_image(self, width: int, height: int) -> Tensor:
        """Return the image that a run starts from at this size.  -> (H, W, 3)"""

        def content() -> tuple[Tensor, Tensor | None]:
            picture = self.content.resize(width, height, self.tileable)
            return self.network_input(picture), None if picture.alpha is None else picture.alpha.to(self.device)

        def init_image() -> Tensor:
            assert self.inputs.init_image is not None
            return self.network_input(self.inputs.init_image.resize(width, height, self.tileable))

        return initial_image(
            self.options,
            width,
            height,
            self.device,
            content=content,
            recolored=lambda: self._recolored(self.content.resize(width, height, self.tileable)),
            style=lambda: self.styles.network_input(0, self.inputs.styles[0].resize(width, height)),
            picture=init_image,
            initializer=self.inputs.initializer,
        )

    def network_input(self, picture: Picture) -> Tensor:
        """Return a picture as the network sees it: in gray where the content's colors are kept.  -> (H, W, 3)"""
        return (to_gray(picture.filled) if self.gray else picture.filled).to(self.device)

    def _recolored(self, content: Picture) -> Tensor:
        """Return the content in the colors of the styles, each in its region, if the result is to have these.  -> (H, W, 3)

        Starting there, a run takes half the steps. Pale styles need it: for their loss, the color is a small part.
        """
        (width, height), pixels = content.size, content.filled
        if not self._has_style_colors:
            return self.network_input(content)

        protected = self._protected(width, height)
        tinted = None if protected is None or not is_gray(pixels) else (_TINTED * protected).clamp(max=1)[..., None]

        def match(target: ColorStatistics, sample: Tensor, weights: Tensor) -> Tensor:
            if not weights.any():
                return pixels
            current, lowest = color_statistics(pixels, weights), target.deviation / MAX_COLOR_STRETCH
            matched = map_colors(pixels, current.with_noise(lowest), target)  # so that a flat image's own noise stays small
            matched = torch.add(matched, noise, alpha=max(0.0, lowest - current.deviation)).clamp_(0, 1)
            # What is protected would stay gray, since little of the style reaches it.
            return matched if tinted is None else torch.lerp(matched, tint(pixels, sample), tinted)

        # A flat content gives strokes nothing to start from: noise does.
        noise = torch.randn(height, width, 3, generator=torch.Generator().manual_seed(self.options.seed))
        colors = self._style_colors()
        paintable = self._paintable(width, height)
        if not self.inputs.masks:
            paintable = torch.ones(height, width) if paintable is None else paintable
            mixed = mix_color_statistics([style.statistics for style in colors], self._style_weights)
            return match(mixed, self._mixed_sample(colors), paintable).to(self.device)
        masks = self._masks(width, height, paintable)
        regions = ((match(*style, weights), mask) for style, (mask, weights) in zip(colors, masks, strict=True))
        return mix_regions(regions, pixels).to(self.device)

    def _mixed_sample(self, colors: Sequence[StyleColors]) -> Tensor:
        """Return colors drawn from all styles, in proportion to their weights."""
        shares = (round(SAMPLES * weight) for weight in self._style_weights)
        return torch.cat([style.sample[:share] for style, share in zip(colors, shares, strict=True)])

    def transfer_style_colors(self, image: Tensor) -> Tensor:
        """Give an image the distribution of the styles' colors, each in its region, if the result is to have these.

        A painting that is refined has them already.
        (H, W, 3) -> (H, W, 3)
        """
        if not self._has_style_colors or self.options.init == "painting":
            return image
        (height, width), pixels = image.shape[:2], image.cpu()  # some devices have no double precision
        colors = self._style_colors()
        paintable = self._paintable(width, height)
        if not self.inputs.masks:
            return transfer_colors(pixels, paintable, self._mixed_sample(colors)).to(self.device)
        masks = self._masks(width, height, paintable)
        regions = (
            (transfer_colors(pixels, weights, style.sample), mask)
            for (mask, weights), style in zip(masks, colors, strict=True)
        )
        return mix_regions(regions, pixels).to(self.device)

    def with_forms(self, image: Tensor, smaller: Tensor) -> Tensor:
        """Give an image the large forms of a smaller one, except where it is protected: eyes have few pixels there.

        image: (H, W, 3), smaller: (h, w, 3), both on the CPU  -> (H, W, 3)
        """
        return self.with_protected(restore_forms(image, smaller, 1.0, self.tileable), image)

    def with_protected(self, image: Tensor, earlier: Tensor) -> Tensor:
        """Put back what an earlier image shows where it is protected.  (H, W, 3), (H, W, 3) -> (H, W, 3)"""
        protected = self._protected(image.shape[1], image.shape[0])
        return image if protected is None else torch.lerp(image, earlier, protected[..., None].to(image.device))

    @property
    def _has_style_colors(self) -> bool:
        """Whether the result is to have the colors of the styles"""
        has_styles = bool(self.inputs.styles) and any(self.options.style_layer_weights())
        return self.options.colors == "style" and has_styles

    def _style_colors(self) -> list[StyleColors]:
        return [self.styles.colors(index, max(self._final)) for index in range(len(self.inputs.styles))]

    def _masks(self, width: int, height: int, paintable: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """Return the mask of each style's region, and its paintable part, (H, W) each."""
        masks = [resize_mask(mask, width, height) for mask in self.inputs.masks]
        return [(mask, mask if paintable is None else mask * paintable) for mask in masks]

    def _regions(self, network: VGG, level: Level) -> list[Region]:
        """Return which styles apply where: each within its mask, or all of them, mixed, everywhere."""
        width, height = level.width, level.height
        layers = self.options.style_layer_weights(network.name, deepest=level.deepest)
        if not self.inputs.styles or not any(layers):
            return []
        layers = layers * len(self.inputs.styles) if len(layers) == 1 else layers
        size = max(width, height)
        # A style takes no more memory than the image, except at the small levels of the learned optimizer.
        max_tile = self.tile_limit.side or (size if level.learned else math.isqrt(width * height))
        statistics = [self.styles.at(network, index, size, max_tile, list(weights)) for index, weights in enumerate(layers)]
        paintable = self._paintable(width, height)
        paintable_area = 1.0 if paintable is None else max(float(paintable.mean()), 1e-6)
        if (protected := self._protected(width, height)) is not None:
            share = style_share(protected)
            paintable = share if paintable is None else paintable * share
        names = {name for weights in layers for name in weights}
        if not self.inputs.masks:
            mixed: dict[str, tuple[float, Moments]] = {}
            for name in sorted(names):
                parts = [
                    (style_weight * weights[name], moments[name])
                    for style_weight, weights, moments in zip(self._style_weights, layers, statistics, strict=True)
                    if style_weight * weights.get(name, 0) > 0
                ]
                if parts:
                    mixed[name] = (
                        sum(weight for weight, _ in parts),
                        mix_moments([moments for _, moments in parts], [weight for weight, _ in parts]),
                    )
            guides = None if paintable is None else self._guides(paintable, names, network)
            # What is protected has less of the style; the rest of the picture has no more of it for that.
            weight = 1.0 if paintable is None or protected is None else float(paintable.mean()) / paintable_area
            return [Region(mixed, guides, weight)]
        regions = []
        masks = [mask for _, mask in self._masks(width, height, paintable)]
        for weight, layer_weights, moments, mask in zip(self._style_weights, layers, statistics, masks, strict=True):
            # Weight a region by its area, so that a style is as strong in a small region as in a large one.
            weight *= len(layers) * float(mask.mean()) / paintable_area
            style = {name: (layer_weight, moments[name]) for name, layer_weight in layer_weights.items()}
            regions.append(Region(style, self._guides(mask, names, network), weight))
        return regions

    def _paintable(self, width: int, height: int) -> Tensor | None:
        """Return how much of each pixel is visible and may change, (H, W) in [0, 1]; None: everything."""
        if self.inputs.content.alpha is None and self.inputs.keep is None:
            return None
        opacity = self.inputs.content.resize(width, height).opacity
        return opacity if self.inputs.keep is None else opacity * (1 - resize_mask(self.inputs.keep, width, height))

    def _protection(self, network: VGG, level: Level) -> Protection | None:
        """Return what is protected at a level, if anything is."""
        width, height = level.width, level.height
        mask = self._protected(width, height)
        if mask is None:
            return None
        content_layers = self.options.content_layer_weights(deepest=level.deepest)
        target = self._recolored(self.content.resize(width, height, self.tileable))
        deepest = max(self.options.all_layers(network.name, deepest=level.deepest))  # names sort by depth
        return Protection.of(mask, target, content_layers, deepest, network.name, self.tileable)

    def _protected(self, width: int, height: int) -> Tensor | None:
        """Return how much each pixel is protected, (H, W) in [0, 1]; None: nothing is."""
        mask = self.inputs.protected
        return None if mask is None else resize_mask(mask, width, height)

    def _guides(self, mask: Tensor, layers: Collection[str], network: VGG) -> dict[str, Tensor]:
        guides = propagate_mask(mask, layers, network.name, self.options.guides, self.tileable)
        return {name: guide.to(self.device) for name, guide in guides.items()}


class LevelTargets:
    """What one pyramid level is optimized towards, and what it starts from."""

    def __init__(self, builder: TargetBuilder, network: VGG, level: Level) -> None:
        width, height = level.width, level.height
        self._builder, self._size = builder, (width, height)
        self.objective = AdaptiveTilingObjective(
            lambda: builder.objective(network, level), self._size, builder.tile_limit, level.steps
        )
        #: Where the content stays (H, W, 1), and the content (H, W, 3)
        self._kept_mask_and_content: tuple[Tensor, Tensor] | None = None
        if builder.inputs.keep is not None:
            content = builder.network_input(builder.content.resize(width, height, builder.tileable))
            mask = (resize_mask(builder.inputs.keep, width, height) > 1 - 1 / 255).to(builder.device)[..., None]
            self._kept_mask_and_content = mask, content

    def initial_image(self) -> Tensor:
        """Return the image that a run starts from at this level.  -> (H, W, 3)"""
        return self._builder.initial_image(*self._size)

    def transfer_style_colors(self, image: Tensor) -> Tensor:
        """Give an image of this level the distribution of the styles' colors.  (H, W, 3) -> (H, W, 3)"""
        return self._builder.transfer_style_colors(image)

    def restore_kept(self, image: Tensor) -> Tensor:
        """Put back what stays: the forms, if there are any yet, and the content where the keep mask is white.

        (H, W, 3) -> (H, W, 3)
        """
        if self._builder.forms is not None:
            share = _PAINTING_SHARE if self._builder.options.init == "painting" else _FORMS_SHARE
            image = restore_forms(image, self._builder.forms, share, self._builder.tileable)
        if self._kept_mask_and_content is None:
            return image
        mask, content = self._kept_mask_and_content
        return torch.where(mask, content, image)
