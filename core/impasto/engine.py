"""The run: from pictures and options to a painting, step by step, up a ladder of sizes."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import time
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import torch.nn.functional as functional
from PIL import Image
from torch import Tensor

from . import __version__, colors, images, optimize, weights
from .devices import choose_device, choose_precision, memory_kept
from .errors import OptionError, OutOfMemoryError, choose
from .images import Picture
from .losses import Moments, blend, moments
from .objective import Objective
from .options import OWN_BALANCE, Options, parse_layers
from .vgg import Network
from .weights import Progress, Weights

#: The smallest rung of the ladder, by its longest side: what the network sees there in one look is most of the picture.
_BOTTOM = 128


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

    Where the content's colors are kept, they are those of the grays that were painted.
    """

    picture: Picture = field(repr=False)
    options: Options  # as they were used: `network` is the one that `auto` found
    loss: float
    content_loss: float
    style_loss: float
    steps: int
    seconds: float
    made_of: tuple[Picture, ...] = field(repr=False)  # the content and the styles

    @property
    def recipe(self) -> dict[str, Any]:
        """What it was made of and how, to be written down: version, options, the pictures' hashes; no file's name."""
        private = ("init_image", "weights")
        names = [about.name for about in dataclasses.fields(Options) if about.name not in private]
        content, *styles = map(images.digest, self.made_of)
        options = {name: getattr(self.options, name) for name in names}
        return {"impasto": __version__, "options": options, "content": content, "styles": styles}

    @property
    def image(self) -> Image.Image:
        """RGB, or RGBA where the content has transparent pixels; 8 bits."""
        return self.picture.image

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture; its name's ending gives the format. PNG and TIFF keep 16 bits where the content has them.

        A PNG file carries the recipe, as JSON in a text chunk called `impasto`.
        """
        images.save(path, self.picture, json.dumps(self.recipe))


class Rung(NamedTuple):
    """One size on the ladder, with its number of steps."""

    width: int
    height: int
    steps: int


class Painted(NamedTuple):
    """A picture in the making, with what its finishing takes from the content."""

    pixels: Tensor
    content: Picture
    keep_hues: bool

    def finished(self) -> Picture:
        """With the content's alpha and depth, and its hues where they are kept"""
        pixels = self.pixels.float().cpu()
        if not self.keep_hues and self.content.alpha is None:
            return Picture(pixels, None, self.content.depth)
        content = self.content.resized(pixels.shape[1], pixels.shape[0])
        if self.keep_hues:
            pixels = colors.with_hues(pixels, content.pixels)
        return Picture(pixels, content.alpha, content.depth)


def stylize(content: Any, styles: Any, options: Options | None = None, /, **settings: Any) -> Result:
    """Paint `content` in the style of `styles`, and return when it is done.

    content: a path, a PIL image, an H x W x C uint8, uint16 or float array, or a C x H x W float tensor
    styles: one such picture, or a list of them
    options: an Options; or single settings by name, as in stylize("photo.jpg", "painting.jpg", size=1024)
    Raises ImpastoError, of the kind that tells what is wrong.
    """
    run = Run(content, styles, options, **settings)
    (last,) = deque(run.steps(), maxlen=1)
    return run.result(last)


def stream(content: Any, styles: Any, options: Options | None = None, /, **settings: Any) -> Generator[Step]:
    """The same, one Step at a time. Bad input is reported at once; `close()` ends the run within a step.

    The last step has fraction 1 and is the finished picture.
    """
    return Run(content, styles, options, **settings).steps()


class Warm:
    """What one run can leave to the next, given to both: the weights in memory, and the network on its device."""

    def __init__(self) -> None:
        self._weights: tuple[tuple[Any, ...], Weights] | None = None
        self._network: tuple[Weights, tuple[Any, ...], Network] | None = None

    def weights(self, options: Options, progress: Progress | None = None) -> Weights:
        """The weights that the options name, fetched where needed.  Raises WeightsError."""
        key = options.network, options.weights
        if self._weights is None or self._weights[0] != key:
            self._weights = self._network = None  # never two in memory
            self._weights = key, weights.load(*key, progress)
        return self._weights[1]

    def network(self, options: Options, loaded: Weights, device: torch.device, dtype: torch.dtype) -> Network:
        """The network up to the deepest layer that the options name."""
        layers = {*parse_layers(options.content_layers, loaded.network), *parse_layers(options.style_layers, loaded.network)}
        made: dict[str, Any] = {"pooling": options.pooling, "padding": options.padding, "device": device, "dtype": dtype}
        key = layers, made
        if self._network is None or self._network[0] is not loaded or self._network[1] != key:
            self._network = None
            self._network = loaded, key, Network(loaded, layers, **made)
        return self._network[2]


class Run:
    """A painting to be made: the pictures, read, and the options, complete. Iterate over `steps()`."""

    def __init__(
        self, content: Any, styles: Any, options: Options | None = None, /, *, warm: Warm | None = None, **settings: Any
    ) -> None:
        self.options = options_from(settings, options)
        self._warm = warm or Warm()
        limit = self.options.max_megapixels
        listed = styles if isinstance(styles, list | tuple) else [styles]
        if not listed:
            raise OptionError("no style given: name at least one picture")
        self._shares = self.options.style_weights or (1.0,) * len(listed)
        if len(self._shares) != len(listed) or sum(self._shares) <= 0:
            raise OptionError(f"{len(listed)} style(s) with style_weights {self._shares}: give one for each, not all 0")
        self.content = images.read(content, max_megapixels=limit)
        self._styles = [images.read(style, max_megapixels=limit) for style in listed]
        start = self.options.init_image
        self._start = None if start is None else images.read(start, max_megapixels=limit)
        self.device = choose_device(self.options.device)
        self._dtype = choose_precision(self.options.precision, self.device)
        longest = self.options.size or max(self.content.size)
        self.rungs = ladder(self.content.size, longest, self.options)
        self._gray = self.options.colors == "content"
        self._light = colors.lightness(self.content.pixels, _seen(self.content)) if self._gray else (0.0, 1.0)
        self._weights: Weights | None = None

    def load_weights(self, progress: Progress | None = None) -> None:
        """Load the network's weights, and fetch them where needed. The first step does it if this is not called."""
        self._weights = self._warm.weights(self.options, progress)
        self.options = dataclasses.replace(self.options, network=self._weights.network)

    def result(self, last: Step) -> Result:
        """What a run has come to, from its last step."""
        return Result(
            picture=last.painted.finished(),
            options=self.options,
            loss=last.loss,
            content_loss=last.content_loss,
            style_loss=last.style_loss,
            steps=sum(rung.steps for rung in self.rungs[: last.scale]) + last.iteration,
            seconds=last.seconds,
            made_of=(self.content, *self._styles),
        )

    def steps(self) -> Generator[Step]:
        """The run itself, a Step after each step."""
        try:
            with memory_kept(self.device):
                yield from self._steps()
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not re.search("out of memory|(can't|not enough).* memory", str(error)):
                raise
            width, height, _ = self.rungs[-1]
            raise OutOfMemoryError(
                f"{width} x {height} pixels do not fit into the memory of {self.device}: give a smaller size"
            ) from error

    @torch.no_grad()  # on a generator this holds while it runs, not while its caller does
    def _steps(self) -> Generator[Step]:
        started = time.perf_counter()
        network = self._network()
        optimizer = _optimizer(self.options, self.rungs[0].steps)
        work = sum(width * height * steps for width, height, steps in self.rungs)
        done = 0
        image = first = None
        for scale, (width, height, steps) in enumerate(self.rungs):
            objective = self._objective(network, width, height)
            if image is None:
                image = self._beginning(width, height)
            else:
                image = Picture(optimizer.average(image).cpu()).resized(width, height).pixels.to(self.device)
                optimizer = optimizer.at(width, height, steps)
            for iteration in range(1, steps + 1):
                found = objective(image)
                image = optimizer.step(image, found.gradient)
                done += width * height
                seconds = time.perf_counter() - started
                # The first step pays for what the others find ready: the pace is that of the steps after it.
                first = first or (done, seconds)
                pace = (seconds - first[1]) / (done - first[0]) if done > first[0] else seconds / done
                shown = optimizer.average(image)
                last = scale == len(self.rungs) - 1 and iteration == steps
                if last:  # what counts is the picture in 8 bits
                    found = objective((shown * 255).round() / 255)
                content_loss, style_loss = float(found.content_loss), float(found.style_loss)
                yield Step(
                    fraction=done / work,
                    size=(width, height),
                    scale=scale,
                    iteration=iteration,
                    loss=self._ratio * content_loss + style_loss,
                    content_loss=content_loss,
                    style_loss=style_loss,
                    seconds=seconds,
                    eta=pace * (work - done),
                    painted=Painted(shown, self.content, self._gray),
                )

    @property
    def _ratio(self) -> float:
        """alpha/beta in the paper's units"""
        options = self.options
        return options.alpha / OWN_BALANCE[options.style_loss] * OWN_BALANCE["gram"]

    def _network(self) -> Network:
        if self._weights is None:
            self.load_weights()
        assert self._weights is not None
        return self._warm.network(self.options, self._weights, self.device, self._dtype)

    def _objective(self, network: Network, width: int, height: int) -> Objective:
        """What the picture of this size is to become."""
        content = self.content.resized(width, height)
        content_layers = parse_layers(self.options.content_layers)
        style_layers = parse_layers(self.options.style_layers)
        maps = network.forward(self._shown(content.pixels))
        wanted = {name: (weight, maps[name].flatten(0, 1).float().clone()) for name, weight in content_layers.items()}
        visible = _visible(content, {name: maps[name] for name in style_layers})
        del maps
        longest = max(width, height)
        statistics = [self._statistics(network, style, longest, list(style_layers)) for style in self._styles]
        blended = {
            name: (weight, blend([each[name] for each in statistics], self._shares)) for name, weight in style_layers.items()
        }
        alpha = self.options.alpha
        if self.options.style_loss == "gram":
            # L_c is a sum over positions, E_l a mean: on a smaller rung the same balance takes a larger alpha.
            alpha *= self.rungs[-1].width * self.rungs[-1].height / (width * height)
        return Objective(
            network,
            wanted,
            blended,
            style_loss=self.options.style_loss,
            alpha=alpha,
            tv=self.options.tv,
            visible=visible,
        )

    def _statistics(self, network: Network, style: Picture, longest: int, layers: Sequence[str]) -> dict[str, Moments]:
        """The moments of a style at the size that belongs to a picture of `longest` pixels."""
        target = longest * self.options.style_scale
        if self.options.style_scale <= 1:
            target = min(target, max(style.size))
        scale = max(target / max(style.size), images.SMALLEST_SIDE / min(style.size))
        resized = style.resized(*(max(images.SMALLEST_SIDE, round(side * scale)) for side in style.size))
        pixels = resized.pixels
        if self._gray:
            pixels = colors.gray_like(pixels, _seen(resized), self._light)
        maps = network.forward(pixels.to(self.device))
        visible = _visible(resized, {name: maps[name] for name in layers})
        return {name: moments(maps[name].flatten(0, 1), visible.get(name)) for name in layers}

    def _shown(self, pixels: Tensor) -> Tensor:
        """A picture as the network is shown it"""
        return (colors.gray(pixels) if self._gray else pixels).to(self.device)

    def _beginning(self, width: int, height: int) -> Tensor:
        if self.options.init == "noise":
            generator = torch.Generator().manual_seed(self.options.seed)
            return torch.rand(height, width, 3, generator=generator).to(self.device)
        start = {"content": self.content, "style": self._styles[0], "image": self._start}[self.options.init]
        assert start is not None
        return self._shown(start.resized(width, height).pixels)


def ladder(size: tuple[int, int], longest: int, options: Options) -> list[Rung]:
    """The sizes to work at, each about sqrt 2 of the one below, and the steps at each."""
    width, height = images.fit(size, longest) if longest != max(size) else size
    top = _top_steps(longest, options)
    if not options.ladder:
        return [Rung(width, height, top)]
    short, long = min(width, height), max(width, height)
    bottom = max(_BOTTOM, math.ceil(long / short * 2 * images.SMALLEST_SIDE))
    count = max(0, round(2 * math.log2(long / bottom)))
    rungs = [Rung(width, height, top)]
    for below in range(1, count + 1):
        side = round(long / 2 ** (below / 2))
        rungs.append(Rung(*images.fit((width, height), side), _steps(side, options)))
    return rungs[::-1]


def _steps(side: int, options: Options) -> int:
    """Steps at a size: as many as make every rung cost the same, so that most are taken where the picture takes shape."""
    bottom, least = {"draft": (80, 8), "normal": (160, 12), "fine": (480, 36)}[options.quality]
    return max(least, round(bottom * (_BOTTOM / side) ** 2))


def _top_steps(side: int, options: Options) -> int:
    if options.iterations is not None:
        return options.iterations
    if not options.ladder:
        return {"draft": 150, "normal": 500, "fine": 1000}[options.quality]
    return _steps(side, options)


def _optimizer(options: Options, steps: int) -> optimize.Adam | optimize.LBFGS:
    return optimize.LBFGS() if options.optimizer == "lbfgs" else optimize.Adam(steps)


def options_from(settings: dict[str, Any], options: Options | None = None) -> Options:
    """Options with settings by name, from the defaults or from other Options.  Raises OptionError, for unknown names too."""
    for name in settings:
        choose("option", name, (about.name for about in dataclasses.fields(Options)))
    if options is None:
        return Options(**settings)
    if "preset" in settings:
        raise OptionError("a preset is what the other options start from: make new Options with it")
    return dataclasses.replace(options, **settings) if settings else options


def _seen(picture: Picture) -> Tensor:
    """Where a picture is not fully transparent, (H, W)"""
    return torch.ones(picture.pixels.shape[:2], dtype=torch.bool) if picture.alpha is None else picture.alpha > 0


def _visible(picture: Picture, maps: dict[str, Tensor]) -> dict[str, Tensor]:
    """How much of what each position of a layer looks at is seen, (M,); nothing for a picture without holes."""
    if picture.alpha is None:
        return {}
    seen = _seen(picture).float()[None, None]
    return {
        name: functional.adaptive_avg_pool2d(seen, (int(layer.shape[0]), int(layer.shape[1]))).flatten().to(layer.device)
        for name, layer in maps.items()
    }
