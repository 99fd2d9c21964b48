"""The paper's normalized network: the mean activation of each filter, over pictures and positions, is 1.

ReLU and pooling commute with positive factors. So a filter can be divided by its mean activation, and the next layer's
kernels multiplied by it, and the network computes the same features up to these factors (Gatys et al., CVPR 2016,
section 2). All layers then have similar magnitude, and alpha/beta has the same meaning as in the paper.
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
from ..layers import NORMALIZED_SUFFIX, canonical_network
from ..runtime.files import cache_folder, write_atomic
from ..runtime.tensor_files import read_tensor_file, tensor_file_errors
from .download import ProgressCallback
from .network import VGG
from .weight_files import CAFFE_SCALE, Weights
from .weights import load_weights

#: Maximum and minimum side in pixels of pictures whose activations are measured
_MAX_SIDE, _MIN_SIDE = 512, 32


def measure_mean_activations(network: Weights, pictures: Iterable[Picture]) -> dict[str, Tensor]:
    """Return layer -> mean activation of each filter over pictures and positions, (N,), in Caffe's units.

    Uses maximum pooling, with which the network was trained.  Raises ImageError: a picture cannot be read.
    """
    vgg = VGG(network, list(network.layers), pooling="max")
    sums = {name: torch.zeros(len(bias)) for name, (_, bias) in network.layers.items()}
    count = 0
    with torch.no_grad():
        for picture in pictures:
            maps = vgg.forward(picture.resize(*shrink_size(picture.size, _MAX_SIDE, _MIN_SIDE)).pixels)
            for name, features in maps.items():
                sums[name] += features.flatten(0, 1).mean(0)
            count += 1
    return {name: total * (CAFFE_SCALE / max(1, count)) for name, total in sums.items()}


def normalize_weights(network: Weights, means: Mapping[str, Tensor]) -> Weights:
    """Divide each filter by its mean activation. A filter that is never active stays unchanged."""
    layers: dict[str, tuple[Tensor, Tensor]] = {}
    previous_scale: Tensor | None = None  # of the previous layer's filters
    for name, (kernel, bias) in network.layers.items():
        scale = torch.where(means[name] > 0, means[name], torch.ones_like(bias))
        if previous_scale is not None:
            kernel = kernel * previous_scale[None, :, None, None]
        layers[name] = kernel / scale[:, None, None, None], bias / scale
        previous_scale = scale
    return dataclasses.replace(network, network=network.network + NORMALIZED_SUFFIX, layers=layers)


def load_means(network: str) -> dict[str, Tensor]:
    """Return a network's mean activations: those the user has measured, or else those included in Impasto.

    Raises WeightsError: there are none for this network, or the file is damaged.
    """
    missing = WeightsError(
        f"no mean activations of {network} are included in this version: measure them on a few photos with "
        f"`impasto weights normalize PHOTOS... --network {network}`"
    )
    path = user_means_path(network)
    path = path if path.exists() else Path(__file__).with_name(path.name)
    invalid = WeightsError(f"{str(path)!r} holds no mean activations: delete it, and measure them again")
    with tensor_file_errors(missing=missing, invalid=invalid):
        means, _ = read_tensor_file(path)
    return means


def user_means_path(network: str) -> Path:
    """Return the path in the cache for mean activations that the user has measured."""
    return cache_folder() / f"{network}_means.safetensors"


def load_named_weights(network: str, file: str | None = None, progress: ProgressCallback | None = None) -> Weights:
    """Load the weights of a network, which are normalized if its name ends in the suffix for that.  Raises WeightsError."""
    network = canonical_network(network)
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
