"""Train the network on random crops of photographs (Johnson et al., arXiv 1603.08155).

The analytic gradient of the style loss at the network's output seeds autograd, which runs through the small network only.
Each step draws a style. Half of the steps also draw a strength and a stroke size, so that the network learns all of them; the
other half use the defaults, which most pictures are stylized with. The result is an exponential moving average of the
parameters over the last few hundred steps, which gives the best pictures.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections import deque
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from .._version import __version__
from ..errors import OptionError
from ..images.picture import Picture
from ..layers import parse_layers
from ..optimization.cache import ModelCache
from ..optimization.inputs import Inputs
from ..optimization.objective import Objective, Region
from ..optimization.self_check import choose_working_device
from ..optimization.style_statistics import StyleStatistics
from ..options import Options
from ..runtime.device import choose_precision
from ..runtime.freed_memory import retain_freed_memory
from ..runtime.memory import device_errors
from ..runtime.torch_state import plain_torch, plain_torch_steps
from ..vgg.download import ProgressCallback
from ..vgg.network import VGG
from .network import MAX_STYLES, Style, TransformNet
from .photos import Photo, random_crop
from .style_network import StyleNetwork


class Phase(NamedTuple):
    """A part of the training with its own crop size and learning rate"""

    side: int  # of the crops, in pixels
    share: float  # of the steps, or of the time
    learning_rate: float  # at the beginning


#: Minutes of training where neither minutes nor steps are given
DEFAULT_MINUTES = 20.0
#: Small crops for most of the steps, then larger ones, whose moments are closer to those of a whole picture
PHASES = (Phase(192, 0.7, 1.5e-3), Phase(320, 0.3, 1e-3))
#: Learning rate at the end of a phase, and number of steps in the moving average of the parameters
_FINAL_RATE, _EMA_STEPS = 1e-4, 300
#: Stroke sizes in training, relative to the strokes of the style at the size in the options
STROKE_SIZES = (0.7, 1.0, 1.4)
#: Strengths in training. Beyond them, gain and shift are extrapolated linearly.
_STRENGTH_RANGE = (0.25, 0.8)
#: Fraction of the steps with the default strength and stroke size, and these defaults
_DEFAULT_SHARE, _DEFAULT_CONDITION = 0.5, (0.5, 1.0)
#: Maximum side of the tiles in which style statistics are computed, in pixels
_STYLE_TILE = 512
#: Gradient clipping: maximum norm over all parameters
_MAX_GRADIENT_NORM = 10.0
#: Number of steps over which the reported loss is averaged
_LOSS_WINDOW = 50


class TrainingStep(NamedTuple):
    """Progress of a training after a step"""

    fraction: float  # of the time, or of the work
    steps: int
    seconds: float
    loss: float  # mean over the last steps; relative, except for the Gram loss
    net: TransformNet  # averaged parameters; the next step changes them in place

    @property
    def network(self) -> StyleNetwork:
        """The network so far. The next step changes its parameters in place: save it or apply it before."""
        return StyleNetwork(self.net.styles[0].name, self.net)

    @plain_torch()
    def preview(self, photo: Photo, side: int = 384) -> Image.Image:
        """Stylize the center of a photograph in each style, side by side."""
        height, width = (min(side, length) for length in photo.shape[:2])
        top, left = (photo.shape[0] - height) // 2, (photo.shape[1] - width) // 2
        pixels = photo[top : top + height, left : left + width].float() / 255
        net = self.net.copy("cpu")
        strength, stroke_size = torch.tensor(0.5), torch.tensor(1.0)
        stylized = [
            net.stylize(pixels, net.modulation_tensors(one_hot, strength, stroke_size))
            for one_hot in torch.eye(len(net.styles))
        ]
        return Picture(torch.cat(stylized, 1)).image


class _TrainingSample(NamedTuple):
    """A crop of a photograph and the settings to stylize it with"""

    crop: Tensor  # (side, side, 3)
    style: int
    strength: float
    stroke_size: float
    style_count: int
    offset: tuple[int, int]  # of the crop in the noise

    @property
    def conditions(self) -> tuple[Tensor, Tensor, Tensor]:
        """The arguments of `TransformNet.modulation_tensors`"""
        one_hot = torch.zeros(self.style_count)
        one_hot[self.style] = 1
        return one_hot.to(self.crop), self.crop.new_tensor(self.strength), self.crop.new_tensor(self.stroke_size)


def _phase_at(fraction: float) -> tuple[Phase, float]:
    """Return the phase at this fraction of the training, and the fraction of that phase that is over."""
    for phase in PHASES:
        if fraction < phase.share:
            return phase, fraction / phase.share
        fraction -= phase.share
    return PHASES[-1], 1.0


def _work_fraction(fraction: float) -> float:
    """Convert a fraction of the steps to a fraction of the work, which is proportional to the area of the crops."""
    total = done = 0.0
    for phase in PHASES:
        total += phase.share * phase.side**2
        done += min(fraction, phase.share) * phase.side**2
        fraction -= min(fraction, phase.share)
    return done / total


class Trainer:
    """Trains a network on styles, photographs and settings: iterate over `steps`."""

    @plain_torch()
    def __init__(
        self,
        styles: Sequence[Any],
        photos: Sequence[Photo],
        options: Options,
        *,
        style_info: Sequence[Style] | None = None,
        resume: TransformNet | None = None,
    ) -> None:
        """styles: pictures, as `read_picture` takes them

        options: `size` is the longest side of a picture whose strokes have the size of the style's
        style_info: names, thumbnails and licenses of the styles, in the same order; resume: a network to train further
        Raises ImpastoError.
        """
        if not options.size:
            raise OptionError("size 0 sets no stroke size for a network: give the size at which strokes match the style's")
        if not all(options.style_layer_weights()):
            raise OptionError("style_layers is none, but training needs a style: name at least one layer")
        self.options, self.photos = options, photos
        self.device = choose_working_device(options.device)
        self._precision = choose_precision(options.precision, self.device)
        self.inputs = Inputs.read(photos[0].numpy(), list(styles), options)
        if style_info is None:
            style_info = [Style.from_image(f"style {n}", style.image) for n, style in enumerate(self.inputs.styles, 1)]
        names = [style.name for style in style_info]
        if len(names) > MAX_STYLES:
            raise OptionError(f"{len(names)} styles are too many for one network: give at most {MAX_STYLES}")
        if len(set(names)) < len(names):
            raise OptionError("two styles have the same name: rename a file")
        if resume is not None:
            earlier = {style.name: style for style in resume.styles}
            if list(earlier) != names:
                raise OptionError(f"the network to resume has the styles {', '.join(earlier)}: give the same, in this order")
            style_info = [style._replace(license=style.license or earlier[style.name].license) for style in style_info]
        self._cache = ModelCache()
        self._style_statistics = StyleStatistics(self.inputs, options, self.device, {})
        self._vgg: VGG | None = None
        initial = resume or TransformNet.initialize(style_info, options.seed)
        self._initial_net = TransformNet(tuple(style_info), initial.state, initial.training_info)
        self.earlier_training = dict(self._initial_net.training_info)

    @plain_torch()
    def load_weights(self, progress: ProgressCallback | None = None) -> None:
        """Load the weights of the VGG network that the loss is computed with, and download them if needed."""
        if self._vgg is None:
            weights = self._cache.weights(self.options, progress)
            self._vgg = self._cache.network(self.options, weights, self.device, self._precision)
            self.options = dataclasses.replace(self.options, network=weights.network)

    @plain_torch_steps
    def steps(self, seconds: float = math.inf, count: float = math.inf) -> Generator[TrainingStep]:
        """Train for `seconds` or `count` steps, whichever ends first. The network of the last step yielded is the result.

        With `count` alone, the same training gives the same network on the same machine.
        Raises OutOfMemoryError, WeightsError.
        """
        self.load_weights()
        started = time.perf_counter()
        generator = torch.Generator().manual_seed(self.options.seed + int(self.earlier_training.get("steps", 0)))
        net, averaged_net = self._initial_net.copy(self.device), self._initial_net.copy(self.device)
        parameters = [tensor.requires_grad_() for tensor in net.parameters.values()]
        optimizer = torch.optim.Adam(parameters, betas=(0.9, 0.99))
        losses: deque[float] = deque(maxlen=_LOSS_WINDOW)
        message = f"there is not enough memory on {self.device} to train with"
        with device_errors(self.device, message), retain_freed_memory(self.device):
            for step in itertools.count(1):
                phase, phase_fraction = _phase_at(max((time.perf_counter() - started) / seconds, (step - 1) / count))
                decay = math.cos(math.pi / 2 * phase_fraction) ** 2
                optimizer.param_groups[0]["lr"] = _FINAL_RATE + (phase.learning_rate - _FINAL_RATE) * decay
                sample = self._draw_sample(phase.side, generator)
                with torch.enable_grad():
                    modulation = net.modulation_tensors(*sample.conditions)
                    stylized = net.forward(sample.crop.permute(2, 0, 1)[None], modulation, sample.offset)
                evaluation = self._build_objective(sample)(stylized.detach()[0].permute(1, 2, 0).contiguous())
                if evaluation.losses.is_finite:
                    optimizer.zero_grad()
                    torch.autograd.backward(stylized, evaluation.gradient.permute(2, 0, 1)[None])
                    torch.nn.utils.clip_grad_norm_(parameters, _MAX_GRADIENT_NORM)
                    optimizer.step()
                    losses.append(evaluation.losses.value)
                    for average, tensor in zip(averaged_net.parameters.values(), parameters, strict=True):
                        average.lerp_(tensor, max(1 / step, 1 / _EMA_STEPS))
                elapsed = time.perf_counter() - started
                averaged_net.training_info = self._training_info(step, elapsed, sum(losses) / max(1, len(losses)))
                finished = elapsed >= seconds or step >= count
                fraction = 1.0 if finished else max(elapsed / seconds, _work_fraction(step / count))
                yield TrainingStep(fraction, step, elapsed, averaged_net.training_info["loss"], averaged_net)
                if finished:
                    return

    def _draw_sample(self, side: int, generator: torch.Generator) -> _TrainingSample:
        """Draw a crop, a style, a strength, a stroke size and an offset of the noise at random."""
        count = len(self.inputs.styles)
        uniform = torch.rand(6, generator=generator).tolist()
        crop = random_crop(self.photos, side, generator).to(self.device)
        low, high = _STRENGTH_RANGE
        drawn_condition = low + (high - low) * uniform[1], STROKE_SIZES[int(uniform[2] * len(STROKE_SIZES))]
        strength, stroke_size = _DEFAULT_CONDITION if uniform[5] < _DEFAULT_SHARE else drawn_condition
        offset = int(1000 * uniform[3]), int(1000 * uniform[4])
        return _TrainingSample(crop, int(uniform[0] * count), strength, stroke_size, count, offset)

    def _build_objective(self, sample: _TrainingSample) -> Objective:
        """Return the loss of Gatys et al. for a stylized crop."""
        options, vgg = self.options, self._vgg
        assert vgg is not None
        style_layers = options.style_layer_weights(vgg.name)
        layers = style_layers[sample.style if len(style_layers) > 1 else 0]
        size = round(options.size * sample.stroke_size)
        moments = self._style_statistics.at(vgg, sample.style, size, _STYLE_TILE, list(layers))
        sample_options = dataclasses.replace(options, strength=sample.strength, ratio=None)
        alpha, in_paper_units = sample_options.content_weight(*sample.crop.shape[:2])
        return Objective(
            vgg,
            sample.crop,
            parse_layers(options.content_layers, vgg.name),
            [Region({name: (weight, moments[name]) for name, weight in layers.items()})],
            style_loss=options.style_loss,
            alpha=alpha,
            relative=not in_paper_units,
            tv=options.tv,
        )

    def _training_info(self, steps: int, seconds: float, loss: float) -> dict[str, Any]:
        """Return the facts about the training that are saved with the network. Earlier trainings count too."""
        names = ("network", "preset", "style_loss", "style_layers", "content_layers", "size", "seed")
        return {
            "impasto": __version__,
            "options": {name: getattr(self.options, name) for name in names},
            "photos": len(self.photos),
            "steps": int(self.earlier_training.get("steps", 0)) + steps,
            "minutes": round(float(self.earlier_training.get("minutes", 0)) + seconds / 60, 2),
            "loss": round(loss, 5),
        }
