"""The feed-forward style network: one forward pass per picture (Johnson et al., arXiv 1603.08155).

The input is packed two by two pixels (pixel unshuffle), downsampled to a quarter of its size, processed by residual blocks,
and upsampled again. Every convolution but the last is followed by instance normalization (Ulyanov et al., 1607.08022), whose
gain and shift select the style (conditional instance normalization: Dumoulin et al., 1610.07629). Here they also depend on the
strength and on the stroke size. So one network has several styles, and they can be mixed.

A uniform area, such as a clear sky, would stay uniform. Weak fixed noise is therefore added to the input, and grows into
strokes (Ulyanov et al., 1603.03417, start from noise as well, here at the size of the picture).

Instance normalization needs the mean and variance of each feature map over the whole picture. `stylize` still works in bands
of rows: it stores the raw output of a convolution, accumulates its statistics, and normalizes when the next convolution reads
it. The result equals that of the whole picture up to rounding, whatever the band height.
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
from torch import Tensor

from ..errors import NetError, OptionError
from ..runtime.files import write_atomic
from ..runtime.freed_memory import release_memory_if_low
from ..runtime.tensor_files import read_tensor_file, tensor_file_errors
from ..runtime.torch_state import plain_torch
from .bands import SIDE_MULTIPLE, ChannelStatistics, ImageSource, LazyFeatureMap, Offset, pool_opacity, tiled_noise

#: Channels at half the input size (twice as many at a quarter), and the number of residual blocks
WIDTH, RESIDUAL_BLOCKS = 32, 5
#: Side of the repeated noise tile in pixels, and the standard deviation of the noise, for images in [0, 1]
_NOISE_SIDE, _NOISE_DEVIATION = 96, 0.05
#: Image rows per band
_BAND_ROWS = 512
#: Added to the variance in instance normalization (epsilon)
VARIANCE_FLOOR = 1e-5
#: Gain and shift are linear in these: a constant, the strength and the stroke size.
_NUM_CONDITIONS = 3
#: Maximum side of a thumbnail in pixels, and maximum length of a style's name
_THUMBNAIL_SIDE, _MAX_NAME = 96, 120
#: Limits for networks from files
MAX_STYLES, _MAX_WIDTH, _MAX_BLOCKS = 20, 256, 64
_METADATA_KEY = "impasto-net"


class Layer(NamedTuple):
    """A convolution with the operations around it."""

    name: str
    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int = 1
    upsample: bool = False  # double the size of the input, nearest neighbor, before the convolution
    normalized: bool = True  # instance normalization
    relu: bool = True
    residual: bool = False  # add the input of the previous layer

    @property
    def margin(self) -> int:
        """Padding on each side, in rows or columns"""
        return self.kernel_size // 2


def make_layers(width: int = WIDTH, blocks: int = RESIDUAL_BLOCKS) -> tuple[Layer, ...]:
    """Return the layers in order. The first reads and the last writes 2 x 2 pixels of 3 channels per position."""
    wide = 2 * width
    residual_blocks = [
        layer
        for n in range(1, blocks + 1)
        for layer in (
            Layer(f"residual{n}_1", wide, wide, 3),
            Layer(f"residual{n}_2", wide, wide, 3, relu=False, residual=True),
        )
    ]
    return (
        Layer("stem", 12, width, 5),
        Layer("down", width, wide, 3, stride=2),
        *residual_blocks,
        Layer("up", wide, width, 3, upsample=True),
        Layer("last", width, 12, 5, normalized=False, relu=False),
    )


def receptive_radius(layers: Sequence[Layer]) -> int:
    """Return an upper bound of the receptive field's radius in pixels, for fixed normalization statistics."""
    pixels, radius = 2, 0  # pixels per position
    for layer in layers:
        pixels = pixels // 2 if layer.upsample else pixels
        radius += layer.margin * pixels
        pixels *= layer.stride
    return radius + 2 * SIDE_MULTIPLE  # positions cover several pixels


def state_shapes(styles: int, width: int, blocks: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of a network, by name."""
    shapes: dict[str, tuple[int, ...]] = {"grain": (_NOISE_SIDE, _NOISE_SIDE, 3)}
    for layer in make_layers(width, blocks):
        shapes[f"{layer.name}.weight"] = layer.out_channels, layer.in_channels, layer.kernel_size, layer.kernel_size
        if layer.normalized:
            shapes |= {f"{layer.name}.{table}": (styles, _NUM_CONDITIONS, layer.out_channels) for table in ("gain", "shift")}
        else:
            shapes[f"{layer.name}.bias"] = (layer.out_channels,)
    return shapes


class Style(NamedTuple):
    """Name, thumbnail and license of one style of a network"""

    name: str
    thumbnail: str = ""  # a JPEG file in base64
    license: str = ""

    @classmethod
    def from_image(cls, name: str, image: Image.Image, license: str = "") -> Style:
        """Create the record of a style image. Unprintable letters become underscores; long texts are cut."""
        thumbnail = image.convert("RGB")
        thumbnail.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
        buffer = io.BytesIO()
        thumbnail.save(buffer, "JPEG", quality=80)
        name, license = (
            "".join(letter if letter.isprintable() else "_" for letter in text)[:_MAX_NAME] for text in (name, license)
        )
        return cls(name, base64.b64encode(buffer.getvalue()).decode(), license)

    def to_metadata(self) -> dict[str, str]:
        """Return the entry for a network file. Its key for the license is `licence`."""
        return {"name": self.name, "thumbnail": self.thumbnail, "licence": self.license}

    @classmethod
    def from_metadata(cls, entry: Mapping[str, str]) -> Style:
        """Create it from an entry of a network file.  Raises TypeError: the entry has other fields."""
        return cls(**{"license" if key == "licence" else key: value for key, value in {**entry}.items()})


#: Per layer: gain and shift, (C,) each, or (B, C) for a batch
Modulation = Mapping[str, tuple[Tensor, Tensor]]


@dataclass
class TransformNet:
    """A style network (image transformation network in Johnson et al.) with its styles and facts about its training."""

    styles: tuple[Style, ...]
    state: dict[str, Tensor]
    training_info: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def initialize(
        cls, styles: Sequence[Style], seed: int = 0, width: int = WIDTH, blocks: int = RESIDUAL_BLOCKS
    ) -> TransformNet:
        """Create an untrained network: He initialization (He et al., arXiv 1502.01852), gains 1, shifts 0."""
        generator = torch.Generator().manual_seed(seed)
        state = {name: torch.zeros(shape) for name, shape in state_shapes(len(styles), width, blocks).items()}
        state["grain"].normal_(0, _NOISE_DEVIATION, generator=generator)
        for layer in make_layers(width, blocks):
            weight = state[f"{layer.name}.weight"]
            scale = math.sqrt((2 if layer.relu else 1) / weight[0].numel())
            weight += torch.randn(weight.shape, generator=generator) * scale
            if layer.normalized:
                state[f"{layer.name}.gain"][:, 0] = 1
        return cls(tuple(styles), state)

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The trainable tensors: all but the noise tile"""
        return {name: tensor for name, tensor in self.state.items() if name != "grain"}

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in order, from the shapes of the tensors"""
        return make_layers(len(self.state["stem.weight"]), sum(name.endswith("_1.weight") for name in self.state))

    @property
    def digest(self) -> str:
        """SHA-256 of the tensors, which identifies the network in recipes"""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state.items()):
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

    def copy(self, device: torch.device | str) -> TransformNet:
        """Return a copy on a device. Its tensors share no memory with this network's."""
        return TransformNet(
            self.styles,
            {name: tensor.detach().to(device, copy=True) for name, tensor in self.state.items()},
            self.training_info,
        )

    def normalized_weights(self, weights: Sequence[float] | None = None) -> list[float]:
        """Scale style weights, each 0 or more, so that they sum to 1. None: equal weights.  Raises OptionError: all are 0."""
        weights = weights or [1.0] * len(self.styles)
        total = sum(weights)
        if total <= 0:
            raise OptionError("all style weights are 0: make at least one of them positive")
        return [weight / total for weight in weights]

    def modulation_tensors(self, style_weights: Tensor, strength: Tensor, stroke_size: Tensor) -> Modulation:
        """Return gain and shift of each layer, for one setting or a batch of settings.

        style_weights: (..., styles), sums to 1; strength: (...), from 0 to 1
        stroke_size: (...), relative to the strokes of the style, 1 for the same size
        """
        conditions = torch.stack([torch.ones_like(strength), 2 * strength - 1, stroke_size.log2()], -1)
        coefficients = style_weights[..., :, None] * conditions[..., None, :]

        def mix(table: Tensor) -> Tensor:
            mixed: Tensor = torch.tensordot(coefficients.to(table), table, 2)
            return mixed

        names = [layer.name for layer in self.layers if layer.normalized]
        return {name: (mix(self.state[f"{name}.gain"]), mix(self.state[f"{name}.shift"])) for name in names}

    def style_modulation(self, style_weights: Sequence[float], strength: float | None, stroke_size: float) -> Modulation:
        """Return gain and shift of each layer for plain numbers, as in `modulation_tensors`. strength None: 0.5."""
        settings = (style_weights, 0.5 if strength is None else strength, stroke_size)
        return self.modulation_tensors(*(torch.tensor(value, device=self.state["grain"].device) for value in settings))

    def forward(self, images: Tensor, modulation: Modulation, offset: Offset = (0, 0)) -> Tensor:
        """Stylize a batch at once, with gradients.  (B, 3, H, W) in [0, 1] -> (B, 3, H, W)

        H and W are multiples of SIDE_MULTIPLE; offset: as in `stylize`
        """
        noisy = images + tiled_noise(self.state["grain"], offset, *images.shape[2:]).permute(2, 0, 1)
        features = previous = functional.pixel_unshuffle(2 * noisy - 1, 2)
        for layer in self.layers:
            residual, previous = previous, features
            if layer.upsample:
                features = functional.interpolate(features, scale_factor=2.0)
            features = self._convolve(layer, features, (layer.margin,) * 4)
            if layer.normalized:
                variance, mean = torch.var_mean(features, (2, 3), correction=0, keepdim=True)
                gain, shift = (table.expand(len(images), -1)[..., None, None] for table in modulation[layer.name])
                features = (features - mean) * (gain / (variance + VARIANCE_FLOOR).sqrt()) + shift
            if layer.relu:
                features = features.relu()
            if layer.residual:
                features = features + residual
        return functional.pixel_shuffle(features.sigmoid(), 2)

    @plain_torch()
    def stylize(
        self,
        image: Tensor,
        modulation: Modulation,
        *,
        opacity: Tensor | None = None,
        offset: Offset = (0, 0),
        band_rows: int | None = _BAND_ROWS,
        statistics_hook: Callable[[str, Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
        check_cancelled: Callable[[], None] = lambda: None,
    ) -> Tensor:
        """Stylize an image of any size, band by band.  (H, W, 3) in [0, 1] -> (H, W, 3)

        opacity: weight of each pixel in the normalization, (H, W) in [0, 1]; None: 1. If all of it is 0, that is the same.
        offset: x and y of the first pixel, if the image is a crop of a larger one; multiples of SIDE_MULTIPLE
        band_rows: image rows per band; None: all at once
        statistics_hook: called with (layer name, mean, variance), (C,) each; returns the mean and variance to normalize with,
            such as those of the whole picture for a crop, or smoothed over the frames of a video
        check_cancelled: called before each band; an exception that it raises ends the pass
        """
        height, width = image.shape[:2]
        padded_height = -(-height // SIDE_MULTIPLE) * SIDE_MULTIPLE
        band_rows = padded_height if band_rows is None else band_rows
        band_fraction = band_rows / padded_height
        source: ImageSource | LazyFeatureMap = ImageSource(image, self.state["grain"], offset)
        residual: ImageSource | LazyFeatureMap | None = None  # input of the residual block
        opacity = None if opacity is None or not opacity.any() else opacity
        pixels = 2  # per position of the layer's output, on each side
        for layer, next_layer in itertools.zip_longest(self.layers, self.layers[1:]):
            release_memory_if_low(image.device)
            if next_layer is not None and next_layer.residual:
                residual = source
            bands = self._convolve_in_bands(layer, source, band_fraction, check_cancelled)
            if not layer.normalized:
                break
            pixels = pixels * layer.stride // (2 if layer.upsample else 1)
            weights = None if opacity is None else pool_opacity(opacity, pixels)
            raw, statistics = None, ChannelStatistics()
            for start, band in bands:
                if raw is None:
                    rows = source.height * (2 if layer.upsample else 1) // layer.stride
                    raw = band.new_empty(1, rows, band.shape[3], layer.out_channels).permute(0, 3, 1, 2)
                stop = start + band.shape[2]
                raw[:, :, start:stop] = band
                statistics.add(band, None if weights is None else weights[start:stop])
            assert raw is not None
            mean, variance = statistics.mean_and_variance()
            if statistics_hook is not None:
                mean, variance = statistics_hook(layer.name, mean, variance)
            gain, shift = modulation[layer.name]
            scale = gain / (variance + VARIANCE_FLOOR).sqrt()
            source = LazyFeatureMap(raw, scale, shift - mean * scale, layer.relu)
            if layer.residual and residual is not None:
                source, residual = source.add_(residual, band_fraction), None
        result = torch.empty_like(image)
        for start, band in bands:
            colors = functional.pixel_shuffle(band.sigmoid_(), 2)[0].permute(1, 2, 0)
            target = result[2 * start : 2 * start + len(colors)]
            target.copy_(colors[: len(target), :width])
        return result

    def _convolve_in_bands(
        self, layer: Layer, source: ImageSource | LazyFeatureMap, band_fraction: float, check_cancelled: Callable[[], None]
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield (first row, raw output (1, C, h, w)) of a layer, for bands of this fraction of the height."""
        factor = 2 if layer.upsample else 1
        in_height = source.height * factor
        out_height = in_height // layer.stride
        rows = max(1, round(band_fraction * out_height))
        for start in range(0, out_height, rows):
            check_cancelled()
            stop = min(out_height, start + rows)
            first, end = start * layer.stride - layer.margin, (stop - 1) * layer.stride + layer.margin + 1
            band = source.read_rows(max(0, first) // factor, -(-min(in_height, end) // factor))
            if layer.upsample:
                band = functional.interpolate(band, scale_factor=2.0)
                skipped = max(0, first) % 2
                band = band[:, :, skipped : skipped + min(in_height, end) - max(0, first)]
            margins = layer.margin, layer.margin, max(0, -first), max(0, end - in_height)
            yield start, self._convolve(layer, band, margins)

    def _convolve(self, layer: Layer, features: Tensor, margins: tuple[int, int, int, int]) -> Tensor:
        """Apply a convolution with replicate padding.  margins: left, right, top and bottom"""
        padded = functional.pad(features, margins, mode="replicate")
        return functional.conv2d(
            padded, self.state[f"{layer.name}.weight"], self.state.get(f"{layer.name}.bias"), layer.stride
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a file, in half precision.  Raises ImageError: the file cannot be written."""
        metadata = {"styles": [style.to_metadata() for style in self.styles], "facts": self.training_info}
        half = {name: tensor.detach().cpu().half().contiguous() for name, tensor in self.state.items()}
        write_atomic(Path(path), safetensors.torch.save(half, {_METADATA_KEY: json.dumps(metadata)}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TransformNet:
        """Read a network from a file and validate it.  Raises NetError: the file is missing, damaged, or something else."""
        name = str(path)
        missing = NetError(f"no style network {name!r}: check its name")
        invalid = NetError(f"{name!r} is not a style network, or is damaged: train one with `impasto train`")
        with tensor_file_errors(missing=missing, invalid=invalid):
            tensors, file_metadata = read_tensor_file(path, _METADATA_KEY)
            metadata = json.loads(file_metadata[_METADATA_KEY])
            styles = tuple(Style.from_metadata(entry) for entry in metadata["styles"])
            state = {key: tensor.float() for key, tensor in tensors.items()}
            net = cls(styles, state, dict(metadata["facts"]))
            if not net._is_valid():
                raise ValueError
            return net

    def _is_valid(self) -> bool:
        """Whether everything could have been written by `save`: sizes, shapes, finite numbers and printable texts"""
        width, blocks, count = len(self.state["stem.weight"]), len(self.layers[2:-2]) // 2, len(self.styles)
        if not (1 <= width <= _MAX_WIDTH and blocks <= _MAX_BLOCKS and 1 <= count <= MAX_STYLES):
            return False
        texts = [text for style in self.styles for text in style]  # they are printed on terminals
        if not all(isinstance(text, str) and text.isprintable() for text in texts):
            return False
        if max(len(style.name) for style in self.styles) > _MAX_NAME or len({style.name for style in self.styles}) < count:
            return False
        numbers = [self.training_info.get(name, 0) for name in ("steps", "minutes", "photos", "loss")]
        if not all(type(number) in (int, float) and 0 <= number < math.inf for number in numbers):
            return False
        shapes = {name: tuple(tensor.shape) for name, tensor in self.state.items()}
        return shapes == state_shapes(count, width, blocks) and all(bool(x.isfinite().all()) for x in self.state.values())
