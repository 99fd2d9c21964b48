"""Files of VGG weights: reading and validating published files, and writing those of the cache.

Published files expect different inputs. Loaded networks all take RGB in [0, 1] with a mean and a standard deviation.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from ..errors import WeightsError
from ..layers import CONVS_PER_BLOCK, LAYERS
from ..runtime.files import file_sha256
from ..runtime.tensor_files import read_tensor_file

#: Ratio of the features of Caffe's networks, the units of the paper's losses, to the features computed here. The input has
#: about unit variance here, which keeps the squares of features in the range of low-precision numbers.
CAFFE_SCALE = 58.0

#: Input convention of published files, by the first 8 digits of their SHA-256: torchvision's two files, and two converted
#: from Caffe for PyTorch. Other files are assumed to follow the convention of the network's own source.
_INPUT_CONVENTIONS = {"dcbb9e9d": "torchvision", "397923af": "torchvision", "d01eb7cb": "caffe", "00b39a1b": "caffe"}


@dataclass(frozen=True)
class Weights:
    """The convolutions of a network, and the normalization of its input: (RGB in [0, 1] - mean) / std"""

    network: str
    mean: Tensor  # (3,)
    std: Tensor  # (3,)
    layers: Mapping[str, tuple[Tensor, Tensor]]  # layer -> kernel (K, C, 3, 3), bias (K,)


def read_weight_file(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a .safetensors or .pth file, without running any code in it.

    Raises WeightsError: the file is missing, damaged, or something else.
    """
    try:
        if path.suffix == ".safetensors":
            return read_tensor_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual pickles, which are refused anyway
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"there is no weights file {str(path)!r}: check its name") from None
    except Exception as error:  # unpickling a file of another kind can raise anything
        raise WeightsError(f"{str(path)!r} holds no weights ({_first_line(error)}): give a .safetensors or .pth") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{str(path)!r} is not a state dictionary: give the file of tensors, not of the whole model")
    return dict(state), {}


def load_weight_file(path: Path, network: str | None) -> Weights:
    """Read and validate a file of weights, and convert it to the input that VGG takes.

    network: None recognizes the network by its layers
    Raises WeightsError: the file is missing, damaged, or of another network.
    """
    state, metadata = read_weight_file(path)
    if "sha256" in metadata and metadata["sha256"] != _tensors_sha256(state):
        raise WeightsError(f"{str(path)!r} is damaged (wrong SHA-256): delete it, and it is fetched again")
    hash_in_name = re.search(r"-([0-9a-f]{8})\.pth$", path.name)  # torchvision's names end in the first digits of the hash
    sha256 = file_sha256(path) if path.suffix != ".safetensors" else ""
    if hash_in_name and not sha256.startswith(hash_in_name[1]):
        raise WeightsError(f"{str(path)!r} is damaged or not what its name says (SHA-256 {sha256[:8]}...): fetch it again")
    if network is None:
        network = "vgg19" if {"conv5_4.weight", "features.34.weight"} & set(state) else "vgg16"
    layers = layers_from_state(state, network, str(path))
    convention = _INPUT_CONVENTIONS.get(sha256[:8], "torchvision" if network == "vgg19" else "caffe")
    if metadata.get("input", convention) == "torchvision":
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    else:  # BGR in [0, 255]: reverse the channels, and scale input and biases so that features are divided by CAFFE_SCALE
        mean, std = torch.tensor([123.68, 116.779, 103.939]) / 255, torch.full((3,), CAFFE_SCALE / 255)
        layers = {name: (kernel, bias / CAFFE_SCALE) for name, (kernel, bias) in layers.items()}
        layers["conv1_1"] = layers["conv1_1"][0].flip(1), layers["conv1_1"][1]
    return Weights(network, mean, std, layers)


def layers_from_state(state: Mapping[str, Tensor], network: str, origin: str) -> dict[str, tuple[Tensor, Tensor]]:
    """Return layer -> (kernel, bias) from names such as conv1_1.weight, or torchvision's features.0.weight.

    origin: of the tensors, for messages
    Raises WeightsError: a layer is missing, or has another shape or values that are not finite.
    """
    layers = {}
    for name, index in zip(LAYERS[network], torchvision_indices(network), strict=True):
        shape = kernel_shapes(network)[name]
        prefix = name if f"{name}.weight" in state else f"features.{index}"
        try:
            kernel, bias = state[f"{prefix}.weight"], state[f"{prefix}.bias"]
        except KeyError:
            raise WeightsError(f"{origin!r} has no {name}: it is not a file of {network}") from None
        if kernel.shape != shape or bias.shape != shape[:1]:
            raise WeightsError(
                f"{origin!r} is not a file of {network}: {name} is {tuple(kernel.shape)} where {tuple(shape)} is expected"
            )
        kernel, bias = kernel.float(), bias.float()
        if not (kernel.isfinite().all() and bias.isfinite().all()):
            raise WeightsError(f"{origin!r} is damaged: {name} has values that are not finite (NaN or infinity)")
        layers[name] = kernel, bias
    return layers


def kernel_shapes(network: str) -> dict[str, torch.Size]:
    """Return layer -> shape of its kernel, (channels out, channels in, 3, 3)."""
    widths = dict(zip("12345", (64, 128, 256, 512, 512), strict=True))
    shapes, channels = {}, 3
    for name in LAYERS[network]:
        shapes[name] = torch.Size((widths[name[4]], channels, 3, 3))
        channels = widths[name[4]]
    return shapes


def torchvision_indices(network: str) -> list[int]:
    """Return the index of each convolution in torchvision's `features`: a ReLU follows each, and a pooling each block."""
    indices: list[int] = []
    index = 0
    for count in CONVS_PER_BLOCK[network]:
        indices += range(index, index + 2 * count, 2)
        index += 2 * count + 1
    return indices


def save_weights(path: Path, layers: Mapping[str, tuple[Tensor, Tensor]], metadata: dict[str, str]) -> None:
    """Write layers to a .safetensors file, with a SHA-256 of the tensors in its metadata."""
    state = {f"{name}.weight": kernel.contiguous() for name, (kernel, _) in layers.items()}
    state |= {f"{name}.bias": bias.contiguous() for name, (_, bias) in layers.items()}
    safetensors.torch.save_file(state, path, {**metadata, "sha256": _tensors_sha256(state)})


def _tensors_sha256(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors with their names and shapes."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(json.dumps([name, *state[name].shape]).encode())
        digest.update(state[name].contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
