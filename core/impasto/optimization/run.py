"""A run: optimize the image over the pyramid levels, one Step at a time."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from torch import Tensor

from ..images.composite import Snapshot
from ..images.encode import encode_picture, save_picture
from ..images.picture import Picture
from ..images.resize import resize
from ..images.tileable import Tileable
from ..layers import SHALLOW_LAYER
from ..options import LOSS_BALANCE, Options, resolve_options
from ..presets import PAPER_RATIO
from ..runtime.device import choose_precision
from ..runtime.distributed import ProcessGroup
from ..runtime.freed_memory import release_excess_memory, retain_freed_memory
from ..runtime.memory import device_errors
from ..runtime.torch_state import plain_torch, plain_torch_steps
from ..vgg.download import ProgressCallback
from ..vgg.network import VGG
from ..vgg.weight_files import Weights
from .cache import ModelCache
from .checkpoint import CheckpointWriter, RunState, ensure_writable_checkpoint, read_checkpoint
from .forecast import TYPICAL_GPU, Forecast, forecast_plan
from .initialization import Initializer
from .inputs import Inputs
from .learned import LearnedOptimizer, content_decades, load_update_network
from .objective import Evaluation
from .optimizers import LBFGS, Adam, Optimizer, take_step
from .progress import Progress
from .pyramid import Level
from .recipe import make_recipe
from .run_plan import plan_levels
from .self_check import choose_working_device
from .targets import LevelTargets, TargetBuilder

#: Settings of Adam after the learned optimizer: less of its noise is left to remove. Measured.
_REFINING: dict[str, Any] = {"rates": (0.04, 0.008), "decay": 0.7}


#: Steps of the first level after which the time left is known
_FIRST_STEPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One optimization step. The losses are in the paper's units: loss = alpha content_loss + style_loss, with beta = 1.

    They are those of the image before the step; in the last step, unless the learned optimizer takes it, those of the finished
    image in 8 bits.
    """

    fraction: float  # of the run's whole work that is done, from 0 to 1
    size: tuple[int, int]  # current width and height, in pixels
    scale: int  # pyramid level, from 0
    iteration: int  # step at this level, from 1
    loss: float
    content_loss: float
    style_loss: float
    seconds: float  # since the start
    eta: float  # seconds left
    snapshot: Snapshot = field(repr=False)

    @property
    def time_left(self) -> float | None:
        """`eta`, once it can be trusted; None at the first steps, which load and measure"""
        return self.eta if self.scale or self.iteration > _FIRST_STEPS or self.fraction == 1 else None

    @property
    def image(self) -> Image.Image:
        """The current image, rendered on demand"""
        return self.snapshot.render().image


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished image and how it was made. The losses are those of its last step: of the image in 8 bits.

    With kept colors or a keep mask, they are those of the optimized image before compositing.
    """

    picture: Picture = field(repr=False)
    options: Options  # as used: `network` is the one that `auto` resolved to
    loss: float
    content_loss: float
    style_loss: float
    steps: int
    seconds: float
    #: How to make it again: version, options, and names and digests of the pictures
    recipe: dict[str, Any] = field(repr=False)

    @property
    def image(self) -> Image.Image:
        """RGB, or RGBA where the content has transparent pixels; 8 bits"""
        return self.picture.image

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the image; the suffix gives the format. PNG and TIFF keep 16 bits where the content has them.

        PNG, TIFF, JPEG and WebP files carry the recipe, as JSON.
        Raises ImageError: the file cannot be written.
        """
        save_picture(path, self.picture, json.dumps(self.recipe))

    def encode(self, suffix: str = ".png") -> bytes:
        """Return the content of the file that `save` writes to a path with this suffix.  Raises ImageError."""
        return encode_picture(self.picture, suffix, json.dumps(self.recipe))


class Run:
    """A style transfer by optimization: inputs, complete options and a plan. Iterate over `steps()`."""

    @plain_torch()
    def __init__(
        self,
        content: Any,
        styles: Any,
        options: Options | None = None,
        /,
        *,
        initializer: Initializer | None = None,
        cache: ModelCache | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> None:
        """content, styles, options, settings, checkpoint, resume: as in `impasto.stylize`
        initializer: computes the initial image, with init "net:NAME"; cache: shared with other runs
        """
        self.options = resolve_options(settings, options)
        self._cache = cache or ModelCache()
        self.inputs = Inputs.read(content, styles, self.options, initializer)
        self.device = choose_working_device(self.options.device)
        self._dtype = choose_precision(self.options.precision, self.device)
        self._checkpoint_path = None if checkpoint is None else ensure_writable_checkpoint(checkpoint)
        self._resumed = None if resume is None else read_checkpoint(resume)
        self._weights: Weights | None = None
        self._recipe: tuple[Options, dict[str, Any]] | None = None
        loaded = self._cache.is_loaded(self.options)
        #: Tile sizes, optimizer memory and cost of the levels
        self.options, self.levels, self.plan = plan_levels(
            self.inputs.content.size,
            self.options,
            self.device,
            self._dtype,
            network_loaded=loaded,
            painting_side=max(self.inputs.init_image.size) if self.inputs.init_image else 0,
            protected=self.inputs.protected is not None,
        )

    @plain_torch()
    def load_weights(self, progress: ProgressCallback | None = None) -> None:
        """Load the network's weights, downloading them where needed. The first step does it if this is not called."""
        processes = ProcessGroup()
        if processes.rank:  # the first process has found and downloaded it
            self.options = dataclasses.replace(self.options, network=processes.broadcast_object(self.options.network))
        self._weights = self._cache.weights(self.options, progress)
        self.options = dataclasses.replace(self.options, network=self._weights.network)
        if not processes.rank:
            processes.broadcast_object(self.options.network)

    @property
    def recipe(self) -> dict[str, Any]:
        """How to make the result again: version, options, and names and digests of the pictures"""
        if self._recipe is None or self._recipe[0] is not self.options:
            self._recipe = self.options, make_recipe(self.options, self.inputs)
        return self._recipe[1]

    @property
    @plain_torch()
    def forecast(self) -> Forecast:
        """Size, seconds and bytes, before the start"""
        return forecast_plan(self.plan, self.levels[-1], self.device, self._dtype)

    def result(self, last: Step) -> Result:
        """Return the result of a run that ended with this step."""
        return Result(
            picture=last.snapshot.render(),
            options=self.options,
            loss=last.loss,
            content_loss=last.content_loss,
            style_loss=last.style_loss,
            steps=self.total_steps_at(last),
            seconds=last.seconds,
            recipe=self.recipe,
        )

    def is_rough(self, step: Step) -> bool:
        """Return whether the instant result, from which the run starts, is not finished at this step, or shows more detail."""
        scale, iteration = self._instant_result_at
        return (step.scale, step.iteration) < (scale, iteration) or step.size < self.levels[max(scale, 0)][:2]

    @property
    def _instant_result_at(self) -> tuple[int, int]:
        """Level and iteration at which the learned optimizer has painted what the other one refines; (-1, 0) if it does not

        Of a run with the learned optimizer only, it is the end; but nothing is rough where a painting gets more detail.
        """
        levels = self.levels
        count = next((index for index, level in enumerate(levels) if not level.learned), len(levels))
        return (-1, 0) if self.options.init == "painting" or not count else (count - 1, levels[count - 1].steps)

    def total_steps_at(self, step: Step) -> int:
        """Return the number of steps up to this one, over all levels."""
        return sum(level.steps for level in self.levels[: step.scale]) + step.iteration

    @plain_torch()
    def measure_styles(self) -> None:
        """Measure the styles at the sizes of all levels: later runs with them at these sizes, with this cache, take less."""
        network, targets = self._network(), self._targets()
        for level in self.levels:
            targets.measure_styles(network, level)

    @plain_torch_steps
    def steps(self) -> Generator[Step]:
        """Run, yielding a Step after each step. `close()` ends the run.  Raises ImpastoError."""
        width, height, *_ = self.levels[-1]
        message = f"{width} x {height} pixels do not fit into the memory of {self.device}: give a smaller size"
        with device_errors(self.device, message), retain_freed_memory(self.device, self.plan.budget):
            yield from self._steps()

    def _steps(self) -> Generator[Step]:
        progress = Progress(self.levels, self._step_costs())
        network = self._network()
        resumed = self._resumed.for_run(self.recipe, self.levels).to(self.device) if self._resumed else None
        if resumed:  # tile sizes and the history affect the last bits: resume with the checkpoint's
            self.plan = self.plan.with_saved(resumed.plan)
        targets = self._targets()
        writer = None
        if self._checkpoint_path:
            writer = CheckpointWriter(self._checkpoint_path, self.recipe, self.plan.to_dict())
        state = RunState(None, self._make_optimizer(self.levels[0]))
        level: LevelTargets | None = None
        for index, pyramid_level in enumerate(self.levels):
            if resumed and index < resumed.scale:
                progress.skip(index, pyramid_level.steps)
                continue
            if pyramid_level.is_tiled:  # memory is short: use none for layers that no level needs any more
                network.forget_transforms_beyond(self.options.all_layers(network.name, deepest=SHALLOW_LAYER))
            level = None  # with its targets, and what was recorded
            release_excess_memory(self.device)  # what the level below has left
            targets.tile_limit.lower(self.plan.tiles[index])
            level = targets.at(network, pyramid_level)
            start = 0
            if resumed:  # what stays has been put back already
                state = RunState(resumed.image, self._make_optimizer(pyramid_level), resumed.larger)
                targets.forms = resumed.forms if targets.forms is None else targets.forms
                resumed.restore(state.optimizer)
                start = resumed.iteration
                progress.resume(index, start, resumed.seconds)
                resumed = self._resumed = None  # free its tensors as soon as the optimizer does
            elif state.image is None:
                state.image = level.restore_kept(level.initial_image())
            else:
                self._change_level(state, level, targets, index)
            assert state.image is not None
            if writer and start == 0:
                writer.maybe_write(index, start, state, progress.seconds(), targets.forms)
            yield from self._optimize(state, level, targets, index, start, progress, writer)

    def _change_level(self, state: RunState, level: LevelTargets, targets: TargetBuilder, index: int) -> None:
        """Turn the image of the level before into that from which this level starts, and the optimizer into this level's."""
        previous, pyramid_level = self.levels[index - 1], self.levels[index]
        width, height, steps, *_ = pyramid_level
        assert state.image is not None
        image = state.optimizer.current_image(state.image)
        if pyramid_level.keeps_forms and targets.forms is None:  # those of a run that ended at the level below
            targets.forms = targets.transfer_style_colors(image) if previous.learned else image
        shrinks, larger = max(width, height) < max(previous[:2]), state.larger
        if shrinks:
            image = state.larger = targets.transfer_style_colors(image)
        elif larger is not None and larger.shape != image.shape:
            image = targets.with_forms(larger.cpu(), image.cpu())
        image = resize(image.cpu(), width, height, targets.tileable).to(self.device)
        if pyramid_level.learned or (previous.learned and not shrinks):
            image = level.transfer_style_colors(image)
        if larger is not None and not pyramid_level.learned:
            image, state.larger = targets.with_protected(image, larger), None
        state.image = level.restore_kept(image)
        if pyramid_level.learned == previous.learned:
            state.optimizer = state.optimizer.for_level(width, height, steps)
        else:
            state.optimizer = self._make_optimizer(pyramid_level)

    def _optimize(
        self,
        state: RunState,
        level: LevelTargets,
        targets: TargetBuilder,
        index: int,
        start: int,
        progress: Progress,
        writer: CheckpointWriter | None,
    ) -> Generator[Step]:
        """Take the steps of one pyramid level, after the first `start` of them."""
        width, height, steps, *_ = self.levels[index]
        optimizer = state.optimizer
        for iteration in range(start + 1, steps + 1):
            assert state.image is not None
            state.image, losses = take_step(state.image, level.objective, optimizer, level.restore_kept)
            seconds = progress.advance(index)
            is_last = index == len(self.levels) - 1 and iteration == steps
            is_instant_result = (index, iteration) == self._instant_result_at
            if is_instant_result or (is_last and self.levels[index].learned):
                # without an evaluation at the end, which would take a tenth of the time
                if self.plan.tiles[index]:
                    release_excess_memory(self.device)  # of the tiles: the colors are those of the whole image
                candidate = level.restore_kept(level.transfer_style_colors(state.image))
            elif is_last:
                candidate, evaluation = _finish(state.image, optimizer, level)
                losses = evaluation.losses if evaluation.losses.is_finite else losses
                del evaluation  # its gradient is as large as the image
            else:
                candidate = level.restore_kept(optimizer.current_image(state.image))
                if writer:
                    writer.maybe_write(index, iteration, state, seconds, targets.forms)
            yield Step(
                fraction=progress.fraction,
                size=(width, height),
                scale=index,
                iteration=iteration,
                loss=level.objective.ratio * losses.content_loss + losses.style_loss,
                content_loss=losses.content_loss,
                style_loss=losses.style_loss,
                seconds=seconds,
                eta=progress.eta(seconds),
                snapshot=Snapshot(candidate, targets.content, targets.tileable, self.inputs.keep, targets.gray),
            )

    def _step_costs(self) -> list[float]:
        """Return the costs of a step, per level: by size, or on a GPU, which small levels leave idle, by a typical one."""
        if self.device.type == "cpu":
            return [level.step_cost for level in self.levels]
        return [TYPICAL_GPU.seconds(work) / level.steps for work, level in zip(self.plan.level_work, self.levels, strict=True)]

    def _make_optimizer(self, level: Level) -> Optimizer:
        options = self.options
        if level.learned:
            weight, in_paper_units = options.content_weight(*self.levels[-1][:2])
            decades = content_decades(weight, PAPER_RATIO if in_paper_units else LOSS_BALANCE[options.style_loss])
            network = load_update_network(self.device, self._dtype)
            return LearnedOptimizer(network, decades, Tileable.from_padding(options.padding))
        if options.optimizer == "adam":
            return Adam(level.steps, **(_REFINING if options.init == "instant" else {}))
        plan = self.plan
        return LBFGS(plan.history, bfloat16_history=plan.bfloat16_history, offload_history=plan.offload_history)

    def _targets(self) -> TargetBuilder:
        statistics = self._cache.statistics(self.options, self.device, self._dtype)
        return TargetBuilder(self.inputs, self.options, self.levels[-1][:2], self.device, statistics)

    def _network(self) -> VGG:
        if self._weights is None:
            self.load_weights()
        assert self._weights is not None
        return self._cache.network(self.options, self._weights, self.device, self._dtype)


def _finish(image: Tensor, optimizer: Optimizer, level: LevelTargets) -> tuple[Tensor, Evaluation]:
    """Return the final image and its evaluation in 8 bits, which is what is saved."""
    optimizer.drop_history()
    final = level.restore_kept(optimizer.final_image(image))
    evaluation = level.objective(_quantize_8_bit(final))
    if not optimizer.accepts_loss(evaluation.losses.value):
        final = level.restore_kept(optimizer.current_image(image))
        evaluation = level.objective(_quantize_8_bit(final))
    return final, evaluation


def _quantize_8_bit(image: Tensor) -> Tensor:
    return (image * 255).round_().div_(255)
