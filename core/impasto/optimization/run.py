"""The run: from pictures and options to a painting, step by step, up a ladder of sizes."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..images.composite import Snapshot
from ..images.encode import save_picture
from ..images.picture import Picture
from ..images.resize import resize
from ..options import Options, resolve_options
from ..runtime.device import choose_device, choose_precision
from ..runtime.distributed import ProcessGroup
from ..runtime.memory import out_of_memory_error, release_memory, retain_freed_memory
from ..vgg.download import ProgressCallback
from ..vgg.network import VGG
from ..vgg.weight_files import Weights
from .adaptive_tiling import AdaptiveTilingObjective
from .cache import ModelCache
from .checkpoint import CheckpointWriter, ensure_writable_checkpoint, read_checkpoint
from .forecast import Forecast, forecast_plan
from .inputs import Inputs
from .memory_plan import MemoryPlan, plan_memory
from .optimizers import LBFGS, Adam, take_step
from .pyramid import pyramid_levels
from .recipe import make_recipe
from .targets import TargetBuilder


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where a run stands. The losses are in the paper's units: loss = alpha content_loss + style_loss, with beta = 1.

    They are those of the picture that the step began with; in the last step, of the finished picture in 8 bits.
    """

    fraction: float  # of the whole run's work that is done, from 0 to 1
    size: tuple[int, int]  # width and height of the picture now
    scale: int  # rung of the ladder, from 0
    iteration: int  # step on this rung, from 1
    loss: float
    content_loss: float
    style_loss: float
    seconds: float  # since the start
    eta: float  # seconds left
    painted: Snapshot = field(repr=False)

    @property
    def image(self) -> Image.Image:
        """The picture as it is now, made when asked for."""
        return self.painted.finished().image


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished painting, and how it came about. The losses are its last step's: those of the picture in 8 bits.

    Where the content's colors are kept, or the content itself, they are those of what was painted below them.
    """

    picture: Picture = field(repr=False)
    options: Options  # as they were used: `network` is the one that `auto` found
    loss: float
    content_loss: float
    style_loss: float
    steps: int
    seconds: float
    run: Run = field(repr=False)

    @property
    def recipe(self) -> dict[str, Any]:
        """How it can be painted again: version, options, and what the pictures are known again by"""
        return self.run.recipe

    @property
    def image(self) -> Image.Image:
        """RGB, or RGBA where the content has transparent pixels; 8 bits."""
        return self.picture.image

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture; its name's ending gives the format. PNG and TIFF keep 16 bits where the content has them.

        PNG, TIFF, JPEG and WebP files carry the recipe, as JSON.
        """
        save_picture(path, self.picture, json.dumps(self.recipe))


class Run:
    """A painting to be made: the pictures, read, and the options, complete. Iterate over `steps()`."""

    def __init__(
        self,
        content: Any,
        styles: Any,
        options: Options | None = None,
        /,
        *,
        warm: ModelCache | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> None:
        """warm: shared with other runs; checkpoint, resume: as in `stream`"""
        self.options = resolve_options(settings, options)
        self._warm = warm or ModelCache()
        self.given = Inputs.read(content, styles, self.options)
        self.device = choose_device(self.options.device)
        self._dtype = choose_precision(self.options.precision, self.device)
        self.rungs = pyramid_levels(self.given.content.size, self.options)
        self._checkpoint = None if checkpoint is None else ensure_writable_checkpoint(checkpoint)
        self._resumed = None if resume is None else read_checkpoint(resume)
        self._weights: Weights | None = None
        self._recipe: tuple[Options, dict[str, Any]] | None = None
        #: How it is going to be painted, and what that takes
        there = self._warm.has_network(self.options)
        self.plan = plan_memory(self.options, self.rungs, self.device, self._dtype, network_there=there)

    def load_weights(self, progress: ProgressCallback | None = None) -> None:
        """Load the network's weights, and fetch them where needed. The first step does it if this is not called."""
        ranks = ProcessGroup()
        if ranks.rank:  # the first has looked for it, and fetched it
            self.options = dataclasses.replace(self.options, network=ranks.agree(self.options.network))
        self._weights = self._warm.weights(self.options, progress)
        self.options = dataclasses.replace(self.options, network=self._weights.network)
        if not ranks.rank:
            ranks.agree(self.options.network)

    @property
    def recipe(self) -> dict[str, Any]:
        """How to paint it again; of the pictures, their names and by what they are known again"""
        if self._recipe is None or self._recipe[0] is not self.options:
            self._recipe = self.options, make_recipe(self.options, self.given)
        return self._recipe[1]

    @property
    def forecast(self) -> Forecast:
        """What it will take"""
        return forecast_plan(self.plan, self.rungs[-1], self.device, self._dtype)

    def result(self, last: Step) -> Result:
        """What a run has come to, from its last step."""
        return Result(
            picture=last.painted.finished(),
            options=self.options,
            loss=last.loss,
            content_loss=last.content_loss,
            style_loss=last.style_loss,
            steps=self.steps_before(last),
            seconds=last.seconds,
            run=self,
        )

    def steps_before(self, step: Step) -> int:
        """How many steps there were up to this one, on all rungs"""
        return sum(rung.steps for rung in self.rungs[: step.scale]) + step.iteration

    def steps(self) -> Generator[Step]:
        """The run itself, a Step after each step."""
        width, height, _ = self.rungs[-1]
        sentence = f"{width} x {height} pixels do not fit into the memory of {self.device}: give a smaller size"
        with out_of_memory_error(sentence), retain_freed_memory(self.device, self.plan.memory):
            yield from self._steps()

    @torch.no_grad()  # on a generator this holds while it runs, not while its caller does
    def _steps(self) -> Generator[Step]:
        started = time.perf_counter()
        network = self._network()
        taken = self._resumed.of(self.recipe, self.rungs).on(self.device) if self._resumed else None
        if taken:  # as it was begun, whatever memory there is now
            self.plan = self.plan.again(taken.plan)
        plan = self.plan
        statistics = self._warm.statistics(self.options, self.device, self._dtype)
        targets = TargetBuilder(self.given, self.options, self.rungs[-1][:2], self.device, statistics)
        optimizer = _make_optimizer(self.options, self.rungs[0].steps, plan)
        work = sum(width * height * steps for width, height, steps in self.rungs)
        done = 0
        image = first = None
        keeper = CheckpointWriter(self._checkpoint, self.recipe, plan.written()) if self._checkpoint else None
        for scale, (width, height, steps) in enumerate(self.rungs):
            if taken and scale < taken.scale:
                done += width * height * steps
                continue
            release_memory(self.device)  # what the rung below has left
            if plan.tiles[scale] is not None:
                targets.tile = min(filter(None, (targets.tile, plan.tiles[scale])))
            objective = AdaptiveTilingObjective(targets, network, width, height)
            held = targets.held(width, height)
            begun = 0
            if taken and scale == taken.scale:
                optimizer = _make_optimizer(self.options, steps, plan)
                taken.restore(optimizer)
                image, begun, started = taken.image, taken.iteration, started - taken.seconds
                done += width * height * begun
                taken = self._resumed = None  # what the optimizer has of it goes when the optimizer lets it go
            elif image is None:
                image = targets.beginning(width, height)
            else:
                image = resize(optimizer.average(image).cpu(), width, height, targets.wraps).to(self.device)
                optimizer = optimizer.at(width, height, steps)
            image = held(image)
            if keeper and begun == 0:
                keeper.offer(scale, begun, image, optimizer, time.perf_counter() - started)
            for iteration in range(begun + 1, steps + 1):
                image, losses = take_step(image, objective, optimizer, held)
                done += width * height
                seconds = time.perf_counter() - started
                # The first step pays for what the others find ready: the pace is that of the steps after it.
                first = first or (done, seconds)
                pace = (seconds - first[1]) / (done - first[0]) if done > first[0] else seconds / done
                shown = held(optimizer.average(image))
                last = scale == len(self.rungs) - 1 and iteration == steps
                if last:  # what counts is the picture in 8 bits
                    optimizer.rest()
                    shown = held(optimizer.last(image))
                    found = objective(_quantize_8_bit(shown))
                    if not optimizer.accepts(float(found.value)):
                        shown = held(optimizer.average(image))
                        found = objective(_quantize_8_bit(shown))
                    losses = found.losses() if found.is_finite() else losses
                    del found  # its gradient is as large as the picture
                elif keeper:
                    keeper.offer(scale, iteration, image, optimizer, seconds)
                content_loss, style_loss = losses
                yield Step(
                    fraction=done / work,
                    size=(width, height),
                    scale=scale,
                    iteration=iteration,
                    loss=objective.ratio * content_loss + style_loss,
                    content_loss=content_loss,
                    style_loss=style_loss,
                    seconds=seconds,
                    eta=pace * (work - done),
                    painted=Snapshot(shown, targets.content, targets.wraps, self.given.keep, targets.gray),
                )

    def _network(self) -> VGG:
        if self._weights is None:
            self.load_weights()
        assert self._weights is not None
        return self._warm.network(self.options, self._weights, self.device, self._dtype)


def _quantize_8_bit(image: Tensor) -> Tensor:
    return (image * 255).round_().div_(255)


def _make_optimizer(options: Options, steps: int, plan: MemoryPlan) -> Adam | LBFGS:
    if options.optimizer == "adam":
        return Adam(steps)
    return LBFGS(plan.history, rounded=plan.rounded, on_host=plan.on_host)
