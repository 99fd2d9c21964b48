"""Nets: small feed-forward networks that have learned to paint, and do it in one pass (Johnson et al., arXiv 1603.08155).

A net takes a picture two by two pixels at a time down to a quarter of its size, works on it in residual blocks there, and
brings it back. Each convolution but the last is followed by instance normalisation (Ulyanov et al., 1607.08022), whose gain
and shift say which style it is (Dumoulin et al., 1610.07629); here they say how strong it is and how large its strokes are,
too. So one net has many styles, and they can be mixed.

What a net makes of an even sky would be even: it has nothing to go by. So a faint grain, always the same, is laid over the
picture that it reads, and grows into strokes (the noise that Ulyanov et al. begin with, 1603.03417, at a picture's size).

Instance normalisation needs the mean and variance of a map over the whole picture. `paint` goes through a picture in bands of
rows all the same: it takes down a convolution's raw results and what their mean and variance are made of, and normalises
them when the next convolution reads them. What comes out is that of the whole picture, but for rounding, whatever the bands.
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
import torch.nn.functional as functional
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import NetError, OptionError
from ..runtime.files import write_atomic
from ..runtime.memory import release_memory_if_low
from .bands import SIDE_MULTIPLE, ChannelStatistics, ImageSource, LazyFeatureMap, Offset, tiled_noise

#: Channels at half the size; there are twice as many at a quarter of it. And residual blocks.
WIDTH, RESIDUAL_BLOCKS = 32, 5
#: Side of the square that the grain repeats, and its standard deviation, in a picture from 0 to 1
_NOISE_SIDE, _NOISE_DEVIATION = 96, 0.05
#: Rows of the picture in a band, and what keeps a variance from zero
_BAND_ROWS, VARIANCE_FLOOR = 512, 1e-5
#: What gain and shift depend on: a constant, the strength, and the size of the strokes
_NUM_CONDITIONS = 3
#: The longest side of a thumbnail, the longest name, and the most of all that a net may have
_THUMBNAIL_SIDE, _MAX_NAME = 96, 120
MAX_STYLES, _MAX_WIDTH, _MAX_BLOCKS = 20, 256, 64
_METADATA_KEY = "impasto-net"


class Layer(NamedTuple):
    """A convolution, and what comes before and after it"""

    name: str
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    enlarges: bool = False  # it reads its map at twice the size
    normalised: bool = True
    rectified: bool = True
    adds: bool = False  # its result is added to what the layer before has read

    @property
    def margin(self) -> int:
        """Rows that it reads beyond its own"""
        return self.kernel // 2


def make_layers(width: int = WIDTH, blocks: int = RESIDUAL_BLOCKS) -> tuple[Layer, ...]:
    """A net's layers in their order; the first reads, and the last gives, four pixels of three channels at a time"""
    wide = 2 * width
    inner = [
        layer
        for n in range(1, blocks + 1)
        for layer in (
            Layer(f"residual{n}_1", wide, wide, 3),
            Layer(f"residual{n}_2", wide, wide, 3, rectified=False, adds=True),
        )
    ]
    return (
        Layer("stem", 12, width, 5),
        Layer("down", width, wide, 3, stride=2),
        *inner,
        Layer("up", wide, width, 3, enlarges=True),
        Layer("last", width, 12, 5, normalised=False, rectified=False),
    )


def receptive_radius(layers: Sequence[Layer]) -> int:
    """How far away, in pixels, what a net paints at a place depends on what it reads, statistics aside; at most"""
    pixels, found = 2, 0
    for layer in layers:
        pixels = pixels // 2 if layer.enlarges else pixels
        found += layer.margin * pixels
        pixels *= layer.stride
    return found + 2 * SIDE_MULTIPLE  # what of it is more than a pixel at a time


def state_shapes(styles: int, width: int, blocks: int) -> dict[str, tuple[int, ...]]:
    """What a net is made of: name -> shape"""
    found: dict[str, tuple[int, ...]] = {"grain": (_NOISE_SIDE, _NOISE_SIDE, 3)}
    for layer in make_layers(width, blocks):
        found[f"{layer.name}.weight"] = layer.outputs, layer.inputs, layer.kernel, layer.kernel
        if layer.normalised:
            found |= {f"{layer.name}.{table}": (styles, _NUM_CONDITIONS, layer.outputs) for table in ("gain", "shift")}
        else:
            found[f"{layer.name}.bias"] = (layer.outputs,)
    return found


class Style(NamedTuple):
    """A style that a net has learned"""

    name: str
    thumbnail: str = ""  # a JPEG file in base64
    licence: str = ""

    @classmethod
    def of(cls, name: str, image: Image.Image, licence: str = "") -> Style:
        small = image.convert("RGB")
        small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=80)
        said = ("".join(letter if letter.isprintable() else "_" for letter in text)[:_MAX_NAME] for text in (name, licence))
        name, licence = said
        return cls(name, base64.b64encode(buffer.getvalue()).decode(), licence)


#: Per layer: gain and shift, (C,) each, or (B, C) for a batch
Modulation = Mapping[str, tuple[Tensor, Tensor]]
#: Per layer: mean and variance of its channels, (C,) each
Statistics = dict[str, tuple[Tensor, Tensor]]


@dataclass
class TransformNet:
    """A net with its styles, and what is known of its training."""

    styles: tuple[Style, ...]
    state: dict[str, Tensor]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def new(cls, styles: Sequence[Style], seed: int = 0, width: int = WIDTH, blocks: int = RESIDUAL_BLOCKS) -> TransformNet:
        """An untrained one: kernels by He et al. (arXiv 1502.01852), gains 1, shifts 0"""
        generator = torch.Generator().manual_seed(seed)
        state = {name: torch.zeros(shape) for name, shape in state_shapes(len(styles), width, blocks).items()}
        state["grain"].normal_(0, _NOISE_DEVIATION, generator=generator)
        for layer in make_layers(width, blocks):
            weight = state[f"{layer.name}.weight"]
            scale = math.sqrt((2 if layer.rectified else 1) / weight[0].numel())
            weight += torch.randn(weight.shape, generator=generator) * scale
            if layer.normalised:
                state[f"{layer.name}.gain"][:, 0] = 1
        return cls(tuple(styles), state)

    @property
    def learned(self) -> dict[str, Tensor]:
        """What of its state is learned"""
        return {name: tensor for name, tensor in self.state.items() if name != "grain"}

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Its layers"""
        return make_layers(len(self.state["stem.weight"]), sum(name.endswith("_1.weight") for name in self.state))

    @property
    def digest(self) -> str:
        """What it is known again by"""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state.items()):
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

    def copy(self, device: torch.device | str) -> TransformNet:
        """Another of the same, on a device"""
        return TransformNet(
            self.styles, {name: tensor.detach().to(device, copy=True) for name, tensor in self.state.items()}, self.facts
        )

    def shares(self, weights: Sequence[float] | None = None) -> list[float]:
        """Of each style its share, which add up to 1; by their weights, 0 or more, or equal ones.  Raises OptionError."""
        weights = weights or [1.0] * len(self.styles)
        total = sum(weights)
        if total <= 0:
            raise OptionError("all styles have a weight of 0: give at least one of them more")
        return [weight / total for weight in weights]

    def modulation(self, shares: Tensor, strength: Tensor, stroke: Tensor) -> Modulation:
        """Gain and shift of each layer.  shares: (..., styles); strength, from 0 to 1, and stroke, 1 as in the style: (...)"""
        conditions = torch.stack([torch.ones_like(strength), 2 * strength - 1, stroke.log2()], -1)
        weights = shares[..., :, None] * conditions[..., None, :]

        def at(table: Tensor) -> Tensor:
            mixed: Tensor = torch.tensordot(weights.to(table), table, 2)
            return mixed

        normalised = [layer.name for layer in self.layers if layer.normalised]
        return {name: (at(self.state[f"{name}.gain"]), at(self.state[f"{name}.shift"])) for name in normalised}

    def told(self, shares: Sequence[float], strength: float | None, stroke: float) -> Modulation:
        """The same, of settings as people give them; strength None: the middle"""
        numbers = (shares, 0.5 if strength is None else strength, stroke)
        return self.modulation(*(torch.tensor(each, device=self.state["grain"].device) for each in numbers))

    def forward(self, images: Tensor, modulation: Modulation, place: Offset = (0, 0)) -> Tensor:
        """A batch of pictures whose sides are multiples of STRIDE, at once, for autograd.  (B, 3, H, W) -> (B, 3, H, W)

        place: as in `paint`
        """
        read = images + tiled_noise(self.state["grain"], place, *images.shape[2:]).permute(2, 0, 1)
        features = before = functional.pixel_unshuffle(2 * read - 1, 2)
        for layer in self.layers:
            read, before = before, features
            if layer.enlarges:
                features = functional.interpolate(features, scale_factor=2.0)
            features = self._convolve(layer, features, (layer.margin,) * 4)
            if layer.normalised:
                variance, mean = torch.var_mean(features, (2, 3), correction=0, keepdim=True)
                gain, shift = (each.expand(len(images), -1)[..., None, None] for each in modulation[layer.name])
                features = (features - mean) * (gain / (variance + VARIANCE_FLOOR).sqrt()) + shift
            if layer.rectified:
                features = features.relu()
            if layer.adds:
                features = features + read
        return functional.pixel_shuffle(features.sigmoid(), 2)

    @torch.no_grad()
    def paint(
        self,
        picture: Tensor,
        modulation: Modulation,
        *,
        place: Offset = (0, 0),
        band: int | None = _BAND_ROWS,
        steady: Callable[[str, Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> Tensor:
        """A whole picture, band by band.  (H, W, 3) in [0, 1] -> (H, W, 3)

        place: x and y of the picture's first pixel in the whole of which it is a part; multiples of STRIDE
        band: rows of the picture at a time; None: all
        steady: given a layer, its mean and its variance, (C,) each, what to take in their place; for films
        check: called before each band; what it raises ends the painting
        """
        height, width = picture.shape[:2]
        tall = -(-height // SIDE_MULTIPLE) * SIDE_MULTIPLE
        band = tall if band is None else band
        source: ImageSource | LazyFeatureMap = ImageSource(picture, self.state["grain"], place)
        read: ImageSource | LazyFeatureMap | None = None  # what a residual block begins with
        for layer, following in itertools.zip_longest(self.layers, self.layers[1:]):
            release_memory_if_low(picture.device)
            if following is not None and following.adds:
                read = source
            pieces = self._pieces(layer, source, band / tall, check)
            if not layer.normalised:
                break
            raw, sums = None, ChannelStatistics()
            for start, piece in pieces:
                if raw is None:
                    size = source.height * (2 if layer.enlarges else 1) // layer.stride
                    raw = piece.new_empty(1, size, piece.shape[3], layer.outputs).permute(0, 3, 1, 2)
                raw[:, :, start : start + piece.shape[2]] = piece
                sums.add(piece)
            assert raw is not None
            mean, variance = sums.found() if steady is None else steady(layer.name, *sums.found())
            gain, shift = modulation[layer.name]
            scale = gain / (variance + VARIANCE_FLOOR).sqrt()
            source = LazyFeatureMap(raw, scale, shift - mean * scale, layer.rectified)
            if layer.adds and read is not None:
                source, read = source.plus(read, band / tall), None
        found = torch.empty_like(picture)
        for start, piece in pieces:
            pixels = functional.pixel_shuffle(piece.sigmoid_(), 2)[0].permute(1, 2, 0)
            rows = found[2 * start : 2 * start + len(pixels)]
            rows.copy_(pixels[: len(rows), :width])
        return found

    def _pieces(
        self, layer: Layer, source: ImageSource | LazyFeatureMap, share: float, check: Callable[[], None]
    ) -> Iterator[tuple[int, Tensor]]:
        """A layer's raw results, with their first rows, for so large a share of the picture at a time"""
        times = 2 if layer.enlarges else 1
        height = source.height * times
        size = height // layer.stride
        count = max(1, round(share * size))
        for start in range(0, size, count):
            check()
            stop = min(size, start + count)
            first, last = start * layer.stride - layer.margin, (stop - 1) * layer.stride + layer.margin + 1
            part = source.rows(max(0, first) // times, -(-min(height, last) // times))
            if layer.enlarges:
                part = functional.interpolate(part, scale_factor=2.0)
                skipped = max(0, first) % 2
                part = part[:, :, skipped : skipped + min(height, last) - max(0, first)]
            margins = layer.margin, layer.margin, max(0, -first), max(0, last - height)
            yield start, self._convolve(layer, part, margins)

    def _convolve(self, layer: Layer, features: Tensor, margins: tuple[int, int, int, int]) -> Tensor:
        """margins: left, right, top and bottom, filled with what is nearest to them"""
        padded = functional.pad(features, margins, mode="replicate")
        return functional.conv2d(
            padded, self.state[f"{layer.name}.weight"], self.state.get(f"{layer.name}.bias"), layer.stride
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it, its numbers in half precision.  Raises ImageError: the file cannot be written."""
        about = {"styles": [style._asdict() for style in self.styles], "facts": self.facts}
        half = {name: tensor.detach().cpu().half().contiguous() for name, tensor in self.state.items()}
        write_atomic(Path(path), safetensors.torch.save(half, {_METADATA_KEY: json.dumps(about)}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TransformNet:
        """From its file, whoever made it.  Raises NetError."""
        name = str(path)
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})[_METADATA_KEY])
                state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
            styles = tuple(Style(**style) for style in about["styles"])
            found = cls(styles, state, dict(about["facts"]))
            if not found._sound():
                raise ValueError
            return found
        except FileNotFoundError:
            raise NetError(f"there is no net {name!r}: check its name") from None
        except (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise NetError(f"{name!r} is not a net, or is damaged: train one with `impasto train`") from error

    def _sound(self) -> bool:
        """Whether all of it is as it is in a net that was made here"""
        width, blocks, count = len(self.state["stem.weight"]), len(self.layers[2:-2]) // 2, len(self.styles)
        if not (1 <= width <= _MAX_WIDTH and blocks <= _MAX_BLOCKS and 1 <= count <= MAX_STYLES):
            return False
        said = [text for style in self.styles for text in style]  # on a terminal, too
        if not all(isinstance(text, str) and text.isprintable() for text in said):
            return False
        if max(len(style.name) for style in self.styles) > _MAX_NAME or len({style.name for style in self.styles}) < count:
            return False
        numbers = [self.facts.get(name, 0) for name in ("steps", "minutes", "photos", "loss")]
        if not all(type(number) in (int, float) and 0 <= number < math.inf for number in numbers):
            return False
        alike = {name: tuple(tensor.shape) for name, tensor in self.state.items()} == state_shapes(count, width, blocks)
        return alike and all(bool(tensor.isfinite().all()) for tensor in self.state.values())
