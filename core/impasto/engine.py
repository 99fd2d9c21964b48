"""The run: from pictures and options to a painting, step by step, up a ladder of sizes."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from . import borders, checkpoints, colors, images, optimize, plans, recipes, scales
from .borders import Wraps
from .devices import choose_device, choose_precision, give_back, memory_kept, memory_or
from .errors import OptionError, choose
from .guides import resized as resized_mask
from .images import Picture
from .ladder import ladder
from .options import Options
from .plans import Forecast, Plan
from .ranks import Ranks
from .targets import Cache, Given, HalvingObjective, Targets
from .vgg import Network
from .weights import Progress, Weights


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
    painted: Painted = field(repr=False)

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
        images.save(path, self.picture, json.dumps(self.recipe))


class Painted(NamedTuple):
    """A picture in the making, with what its finishing takes from the content."""

    pixels: Tensor
    content: Picture  # with edges that meet, where they are to
    wraps: Wraps
    keep: Tensor | None
    keep_hues: bool

    def finished(self) -> Picture:
        """With the content's alpha and depth, its hues where they are kept, and itself where it stays"""
        pixels, content = self.pixels.float().cpu(), self.content
        if self.keep_hues or content.alpha is not None or self.keep is not None:
            content = content.resized(pixels.shape[1], pixels.shape[0], self.wraps)
        if self.keep_hues:
            pixels = colors.with_hues(pixels, content.pixels)
        if self.keep is not None:
            pixels = torch.lerp(pixels, content.pixels, resized_mask(self.keep, *content.size)[..., None])
        return Picture(pixels, content.alpha, content.depth)


def stylize(
    content: Any,
    styles: Any,
    options: Options | None = None,
    /,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Result:
    """Paint `content` in the style of `styles`, and return when it is done.

    content: a path, a PIL image, an H x W x C uint8, uint16 or float array, or a C x H x W float tensor
    styles: one such picture, or a list of them
    options: an Options; or single settings by name, as in stylize("photo.jpg", "painting.jpg", size=1024)
    checkpoint: a file that is kept up to date while the run lasts; resume: such a file, to go on from where it was
    Raises ImpastoError, of the kind that tells what is wrong.
    """
    run = Run(content, styles, options, checkpoint=checkpoint, resume=resume, **settings)
    (last,) = deque(run.steps(), maxlen=1)
    return run.result(last)


def stream(
    content: Any,
    styles: Any,
    options: Options | None = None,
    /,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Generator[Step]:
    """The same, one Step at a time. Bad input is reported at once; `close()` ends the run within a step.

    The last step has fraction 1 and is the finished picture.
    """
    return Run(content, styles, options, checkpoint=checkpoint, resume=resume, **settings).steps()


class Warm:
    """What one run can leave to the next, given to both: weights, the network on its device, and statistics of styles."""

    def __init__(self) -> None:
        self._weights: tuple[tuple[Any, ...], Weights] | None = None
        self._network: tuple[Weights, tuple[Any, ...], Network] | None = None
        self._statistics: tuple[tuple[Any, ...], Cache] | None = None

    def weights(self, options: Options, progress: Progress | None = None) -> Weights:
        """The weights that the options name, fetched where needed.  Raises WeightsError."""
        key = options.network, options.weights
        if self._weights is None or self._weights[0] != key:
            self._weights = self._network = self._statistics = None  # never two in memory
            self._weights = key, scales.load(*key, progress)
        return self._weights[1]

    def has_network(self, options: Options) -> bool:
        """Whether the network that the options name is in memory."""
        return (
            self._network is not None and self._weights is not None and self._weights[0] == (options.network, options.weights)
        )

    def network(self, options: Options, loaded: Weights, device: torch.device, dtype: torch.dtype) -> Network:
        """The network up to the deepest layer that the options name."""
        layers = options.layers(loaded.network)
        made: dict[str, Any] = {"pooling": options.pooling, "padding": options.padding, "device": device, "dtype": dtype}
        key = layers, made
        if self._network is None or self._network[0] is not loaded or self._network[1] != key:
            self._network = None
            self._network = loaded, key, Network(loaded, layers, **made)
        return self._network[2]

    def statistics(self, options: Options, device: torch.device, dtype: torch.dtype) -> Cache:
        """Where the statistics of styles are kept that were found on this network."""
        key = options.network, options.weights, options.pooling, options.padding, device, dtype
        if self._statistics is None or self._statistics[0] != key:
            self._statistics = key, {}
        return self._statistics[1]


class Run:
    """A painting to be made: the pictures, read, and the options, complete. Iterate over `steps()`."""

    def __init__(
        self,
        content: Any,
        styles: Any,
        options: Options | None = None,
        /,
        *,
        warm: Warm | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> None:
        """warm: shared with other runs; checkpoint, resume: as in `stream`"""
        self.options = options_from(settings, options)
        self._warm = warm or Warm()
        self.given = Given.read(content, styles, self.options)
        self.device = choose_device(self.options.device)
        self._dtype = choose_precision(self.options.precision, self.device)
        self.rungs = ladder(self.given.content.size, self.options)
        self._checkpoint = None if checkpoint is None else checkpoints.check(checkpoint)
        self._resumed = None if resume is None else checkpoints.read(resume)
        self._weights: Weights | None = None
        self._recipe: tuple[Options, dict[str, Any]] | None = None
        #: How it is going to be painted, and what that takes
        there = self._warm.has_network(self.options)
        self.plan = plans.plan(self.options, self.rungs, self.device, self._dtype, network_there=there)

    def load_weights(self, progress: Progress | None = None) -> None:
        """Load the network's weights, and fetch them where needed. The first step does it if this is not called."""
        ranks = Ranks()
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
            self._recipe = self.options, recipes.recipe(self.options, self.given)
        return self._recipe[1]

    @property
    def forecast(self) -> Forecast:
        """What it will take"""
        return plans.foreseen(self.plan, self.rungs[-1], self.device, self._dtype)

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
        with memory_or(sentence), memory_kept(self.device, self.plan.memory):
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
        targets = Targets(self.given, self.options, self.rungs[-1][:2], self.device, statistics)
        optimizer = _optimizer(self.options, self.rungs[0].steps, plan)
        work = sum(width * height * steps for width, height, steps in self.rungs)
        done = 0
        image = first = None
        keeper = checkpoints.Keeper(self._checkpoint, self.recipe, plan.written()) if self._checkpoint else None
        for scale, (width, height, steps) in enumerate(self.rungs):
            if taken and scale < taken.scale:
                done += width * height * steps
                continue
            give_back(self.device)  # what the rung below has left
            if plan.tiles[scale] is not None:
                targets.tile = min(filter(None, (targets.tile, plan.tiles[scale])))
            objective = HalvingObjective(targets, network, width, height)
            held = targets.held(width, height)
            begun = 0
            if taken and scale == taken.scale:
                optimizer = _optimizer(self.options, steps, plan)
                taken.restore(optimizer)
                image, begun, started = taken.image, taken.iteration, started - taken.seconds
                done += width * height * begun
                taken = self._resumed = None  # what the optimizer has of it goes when the optimizer lets it go
            elif image is None:
                image = targets.beginning(width, height)
            else:
                image = borders.resized(optimizer.average(image).cpu(), width, height, targets.wraps).to(self.device)
                optimizer = optimizer.at(width, height, steps)
            image = held(image)
            if keeper and begun == 0:
                keeper.offer(scale, begun, image, optimizer, time.perf_counter() - started)
            for iteration in range(begun + 1, steps + 1):
                image, losses = optimize.stepped(image, objective, optimizer, held)
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
                    found = objective(_in_8_bits(shown))
                    if not optimizer.accepts(float(found.value)):
                        shown = held(optimizer.average(image))
                        found = objective(_in_8_bits(shown))
                    losses = found.losses() if found.finite() else losses
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
                    painted=Painted(shown, targets.content, targets.wraps, self.given.keep, targets.gray),
                )

    def _network(self) -> Network:
        if self._weights is None:
            self.load_weights()
        assert self._weights is not None
        return self._warm.network(self.options, self._weights, self.device, self._dtype)


def _in_8_bits(image: Tensor) -> Tensor:
    return (image * 255).round_().div_(255)


def _optimizer(options: Options, steps: int, plan: Plan) -> optimize.Adam | optimize.LBFGS:
    if options.optimizer == "adam":
        return optimize.Adam(steps)
    return optimize.LBFGS(plan.history, rounded=plan.rounded, on_host=plan.on_host)


def options_from(settings: dict[str, Any], options: Options | None = None) -> Options:
    """Options with settings by name, from the defaults or from other Options.  Raises OptionError, for unknown names too."""
    for name in settings:
        choose("option", name, (about.name for about in dataclasses.fields(Options)))
    if options is None:
        return Options(**settings)
    if "preset" in settings:
        raise OptionError("a preset is what the other options start from: make new Options with it")
    for one, other in (("strength", "ratio"), ("init", "init_image")):  # two names for one thing: the last one said counts
        for said, before in ((one, other), (other, one)):
            if settings.get(said) is not None:
                settings = {before: None, **settings}
    return dataclasses.replace(options, **settings) if settings else options
