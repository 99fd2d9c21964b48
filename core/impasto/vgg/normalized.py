"""The paper's normalised network: each filter's mean activation, over pictures and positions, is 1.

ReLU and pooling let a positive factor through, so a filter can be divided by its mean activation, and the filters of the
next layer multiplied by it, without changing what the network computes but for those factors (Gatys et al., CVPR 2016,
section 2). In it the layers weigh alike, and the paper's alpha/beta mean what they mean in the paper.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from ..errors import WeightsError
from ..images.picture import Picture
from ..images.resize import shrink_size
from ..layers import NORMALIZED_SUFFIX
from ..runtime.files import cache_folder, write_atomic
from .download import ProgressCallback
from .network import VGG
from .weight_files import CAFFE_SCALE, Weights
from .weights import load_weights

#: A picture's longest side when its activations are measured.
_MEASURED_SIDE = 512


def measure_mean_activations(network: Weights, pictures: Iterable[Picture]) -> dict[str, Tensor]:
    """layer -> the mean activation of each filter over pictures and positions, (N,), in Caffe's units.

    The pooling is the one that the network was trained with, max.
    """
    net = VGG(network, list(network.layers), pooling="max")
    sums = {name: torch.zeros(len(bias)) for name, (_, bias) in network.layers.items()}
    count = 0
    with torch.no_grad():
        for picture in pictures:
            maps = net.forward(picture.resize(*shrink_size(picture.size, _MEASURED_SIDE, 32)).pixels)
            for name, features in maps.items():
                sums[name] += features.flatten(0, 1).mean(0)
            count += 1
    return {name: total * (CAFFE_SCALE / max(1, count)) for name, total in sums.items()}


def normalize_weights(network: Weights, means: Mapping[str, Tensor]) -> Weights:
    """The network with each filter divided by its mean activation. A filter that never fires is left as it is."""
    layers: dict[str, tuple[Tensor, Tensor]] = {}
    before: Tensor | None = None  # by what the layer before was divided
    for name, (kernel, bias) in network.layers.items():
        scale = torch.where(means[name] > 0, means[name], torch.ones_like(bias))
        if before is not None:
            kernel = kernel * before[None, :, None, None]
        layers[name] = kernel / scale[:, None, None, None], bias / scale
        before = scale
    return dataclasses.replace(network, network=network.network + NORMALIZED_SUFFIX, layers=layers)


def load_means(network: str) -> dict[str, Tensor]:
    """A network's mean activations: the user's own, or those that come with this version.  Raises WeightsError."""
    for path in (user_means_path(network), Path(__file__).with_name(user_means_path(network).name)):
        if path.exists():
            return dict(safetensors.torch.load_file(path))
    raise WeightsError(
        f"no mean activations of {network} come with this version: measure them, on a few photographs, with `impasto weights "
        f"normalise PHOTOS... --network {network}`"
    )


def user_means_path(network: str) -> Path:
    """Where the mean activations are kept that the user has had measured"""
    return cache_folder() / f"{network}_means.safetensors"


def load_named_weights(network: str, file: str | None = None, progress: ProgressCallback | None = None) -> Weights:
    """The weights of a network, or of a normalised one by its name.  Raises WeightsError."""
    if not network.endswith(NORMALIZED_SUFFIX):
        return load_weights(network, file, progress)
    plain = network.removesuffix(NORMALIZED_SUFFIX)
    means = load_means(plain)
    return normalize_weights(load_weights(plain, file, progress), means)


def measure_and_save(
    network: str, pictures: Iterable[Picture], target: Path, progress: ProgressCallback | None = None
) -> None:
    """Measure a network's mean activations on pictures, and write them to a file.  Raises WeightsError, ImageError."""
    means = measure_mean_activations(load_weights(network, progress=progress), pictures)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, safetensors.torch.save(means))
