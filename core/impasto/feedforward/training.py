"""Training a net: it paints pieces of photographs, and the hand-written gradient of Gatys' loss at what it has painted is
where autograd begins, which goes through the small net only (Johnson et al., arXiv 1603.08155).

Each step draws a style, and half of them a strength and a size of strokes too, so that the net learns all of them; the other
half are about what most paintings ask for. What is kept is the mean of the last few hundred nets, which paints best.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
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
from ..optimization.style_statistics import StyleStatistics
from ..options import Options
from ..runtime.device import choose_device, choose_precision
from ..runtime.memory import out_of_memory_error, retain_freed_memory
from ..vgg.download import ProgressCallback
from ..vgg.network import VGG
from .network import MAX_STYLES, Style, TransformNet
from .photos import Photo, random_crop


class Phase(NamedTuple):
    """A part of a training"""

    side: int  # of its pieces, in pixels
    share: float  # of the steps, or of the time
    rate: float  # Adam's at its beginning


#: Small pieces for most of the steps, then larger ones, whose moments are more like those of a whole picture
PHASES = (Phase(192, 0.7, 1.5e-3), Phase(320, 0.3, 1e-3))
#: Adam's rate at the end of a phase, and over how many steps the kept net is averaged
_FINAL_RATE, _EMA_STEPS = 1e-4, 300
#: How large the strokes of a piece may be, against those of the style at the size that is asked for
STROKE_SIZES = (0.7, 1.0, 1.4)
#: Between which strengths it learns; the rest is where a straight line leads.
_STRENGTH_RANGE = (0.25, 0.8)
#: How many of the steps are about what most paintings ask for, and which strength and stroke these are
_DEFAULT_SHARE, _DEFAULT_CONDITION = 0.5, (0.5, 1.0)
#: Styles are looked at in tiles of such a side.
_STYLE_TILE = 512
#: Gradients in the net's numbers are cut to such a length.
_MAX_GRADIENT_NORM = 10.0
#: Losses are averaged over so many steps.
_LOSS_WINDOW = 50


class TrainingStep(NamedTuple):
    """Where a training stands"""

    fraction: float  # of its time, or of the work of its steps
    steps: int
    seconds: float
    loss: float  # of the objective, the mean over the last steps; relative, but for the Gram loss
    net: TransformNet  # as it is now

    def preview(self, photo: Photo, side: int = 384) -> Image.Image:
        """The middle of a photograph, painted in each of the styles, side by side"""
        height, width = (min(side, length) for length in photo.shape[:2])
        top, left = (photo.shape[0] - height) // 2, (photo.shape[1] - width) // 2
        pixels = photo[top : top + height, left : left + width].float() / 255
        net = self.net.copy("cpu")
        half, one = torch.tensor(0.5), torch.tensor(1.0)
        painted = [net.paint(pixels, net.modulation(share, half, one)) for share in torch.eye(len(net.styles))]
        return Picture(torch.cat(painted, 1)).image


class _TrainingSample(NamedTuple):
    """A piece of a photograph, and how to paint it"""

    piece: Tensor  # (side, side, 3)
    style: int
    strength: float
    stroke: float
    styles: int  # how many there are
    place: tuple[int, int]  # of the piece in a picture

    @property
    def told(self) -> tuple[Tensor, Tensor, Tensor]:
        """Shares, strength and stroke, as a net takes them"""
        shares = torch.zeros(self.styles)
        shares[self.style] = 1
        return shares.to(self.piece), self.piece.new_tensor(self.strength), self.piece.new_tensor(self.stroke)


def _phase_at(part: float) -> tuple[Phase, float]:
    """The phase in which such a part of a training is done, and which part of that phase is"""
    for phase in PHASES:
        if part < phase.share:
            return phase, part / phase.share
        part -= phase.share
    return PHASES[-1], 1.0


def _work_fraction(part: float) -> float:
    """Which part of the work is done with such a part of the steps: a step takes as long as its piece is large."""
    whole = done = 0.0
    for phase in PHASES:
        whole += phase.share * phase.side**2
        done += min(part, phase.share) * phase.side**2
        part -= min(part, phase.share)
    return done / whole


class Trainer:
    """What a net is to learn: styles, photographs and settings. Iterate over `steps`."""

    def __init__(
        self,
        styles: Sequence[Any],
        photos: Sequence[Photo],
        options: Options,
        *,
        about: Sequence[Style] | None = None,
        resume: TransformNet | None = None,
    ) -> None:
        """options: `size` is the longest side of a picture in which strokes are as large as in the style

        about: what the styles are called; resume: a net of these styles to go on with
        Raises ImpastoError.
        """
        if not options.size:
            raise OptionError("size 0 says nothing to a net: give the one at which strokes are as large as in the style")
        if not all(options.style_layer_weights()):
            raise OptionError("style_layers is none: a net learns a style")
        self.options, self.photos = options, photos
        self.device = choose_device(options.device)
        self._precision = choose_precision(options.precision, self.device)
        self.given = Inputs.read(photos[0].numpy(), list(styles), options)
        known = list(about or (Style.of(f"style {n}", style.image) for n, style in enumerate(self.given.styles, 1)))
        names = [style.name for style in known]
        if len(names) > MAX_STYLES:
            raise OptionError(f"{len(names)} styles are too many for a net: give at most {MAX_STYLES}")
        if len(set(names)) < len(names):
            raise OptionError("two styles have one name: rename a file")
        if resume is not None:
            learned = {style.name: style for style in resume.styles}
            if list(learned) != names:
                raise OptionError(f"that net has learned {', '.join(learned)}: go on with the same styles, in this order")
            known = [style._replace(licence=style.licence or learned[style.name].licence) for style in known]
        self._warm = ModelCache()
        self._styles = StyleStatistics(self.given, options, self.device, {})
        self._network: VGG | None = None
        begun = resume or TransformNet.new(known, options.seed)
        self._begun = TransformNet(tuple(known), begun.state, begun.facts)
        self.before = dict(self._begun.facts)

    def load_weights(self, progress: ProgressCallback | None = None) -> None:
        """Load the weights of the network that looks at what is painted, and fetch them where needed."""
        if self._network is None:
            loaded = self._warm.weights(self.options, progress)
            self._network = self._warm.network(self.options, loaded, self.device, self._precision)
            self.options = dataclasses.replace(self.options, network=loaded.network)

    @torch.no_grad()
    def steps(self, seconds: float = math.inf, count: float = math.inf) -> Iterator[TrainingStep]:
        """Train for so long, or so many steps, whichever ends first. A Progress after each; the last one's net is the result.

        Where only the count is given, the same lesson on the same machine ends with the same net.
        """
        self.load_weights()
        started = time.perf_counter()
        generator = torch.Generator().manual_seed(self.options.seed + int(self.before.get("steps", 0)))
        net, kept = self._begun.copy(self.device), self._begun.copy(self.device)
        parameters = [tensor.requires_grad_() for tensor in net.learned.values()]
        optimizer = torch.optim.Adam(parameters, betas=(0.9, 0.99))
        losses: deque[float] = deque(maxlen=_LOSS_WINDOW)
        sentence = f"there is not enough memory on {self.device} to train with"
        with out_of_memory_error(sentence), retain_freed_memory(self.device):
            for step in itertools.count(1):
                phase, done = _phase_at(max((time.perf_counter() - started) / seconds, (step - 1) / count))
                optimizer.param_groups[0]["lr"] = _FINAL_RATE + (phase.rate - _FINAL_RATE) * math.cos(math.pi / 2 * done) ** 2
                task = self._task(phase.side, generator)
                with torch.enable_grad():
                    painted = net.forward(task.piece.permute(2, 0, 1)[None], net.modulation(*task.told), task.place)
                found = self._objective(task)(painted.detach()[0].permute(1, 2, 0).contiguous())
                if found.is_finite():
                    optimizer.zero_grad()
                    torch.autograd.backward(painted, found.gradient.permute(2, 0, 1)[None])
                    torch.nn.utils.clip_grad_norm_(parameters, _MAX_GRADIENT_NORM)
                    optimizer.step()
                    losses.append(float(found.value))
                    for mean, tensor in zip(kept.learned.values(), parameters, strict=True):
                        mean.lerp_(tensor, max(1 / step, 1 / _EMA_STEPS))
                taken = time.perf_counter() - started
                kept.facts = self._facts(step, taken, sum(losses) / max(1, len(losses)))
                ended = taken >= seconds or step >= count
                fraction = 1.0 if ended else max(taken / seconds, _work_fraction(step / count))
                yield TrainingStep(fraction, step, taken, kept.facts["loss"], kept)
                if ended:
                    return

    def _task(self, side: int, generator: torch.Generator) -> _TrainingSample:
        """What a step is about, drawn by lot"""
        count = len(self.given.styles)
        drawn = torch.rand(6, generator=generator).tolist()
        piece = random_crop(self.photos, side, generator).to(self.device)
        low, high = _STRENGTH_RANGE
        various = low + (high - low) * drawn[1], STROKE_SIZES[int(drawn[2] * len(STROKE_SIZES))]
        strength, stroke = _DEFAULT_CONDITION if drawn[5] < _DEFAULT_SHARE else various
        return _TrainingSample(
            piece, int(drawn[0] * count), strength, stroke, count, (int(1000 * drawn[3]), int(1000 * drawn[4]))
        )

    def _objective(self, task: _TrainingSample) -> Objective:
        """What a net's painting of a piece is to become"""
        options = self.options
        network = self._network
        assert network is not None
        lists = options.style_layer_weights(network.name)
        layers = lists[task.style if len(lists) > 1 else 0]
        moments = self._styles.at(network, task.style, round(options.size * task.stroke), _STYLE_TILE, list(layers))
        alpha, papers = dataclasses.replace(options, strength=task.strength, ratio=None).content_weight(*task.piece.shape[:2])
        return Objective(
            network,
            task.piece,
            parse_layers(options.content_layers, network.name),
            [Region({name: (weight, moments[name]) for name, weight in layers.items()})],
            style_loss=options.style_loss,
            alpha=alpha,
            relative=not papers,
            tv=options.tv,
        )

    def _facts(self, steps: int, seconds: float, loss: float) -> dict[str, Any]:
        """What is written into the net of how it was made"""
        names = ("network", "preset", "style_loss", "style_layers", "content_layers", "size", "seed")
        return {
            "impasto": __version__,
            "options": {name: getattr(self.options, name) for name in names},
            "photos": len(self.photos),
            "steps": int(self.before.get("steps", 0)) + steps,
            "minutes": round(float(self.before.get("minutes", 0)) + seconds / 60, 2),
            "loss": round(loss, 5),
        }
