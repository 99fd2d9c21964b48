"""TODO-DOC vgg.weight_files"""

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
from safetensors import safe_open
from torch import Tensor

from ..errors import WeightsError
from ..layers import CONVS_PER_BLOCK, LAYERS
from ..runtime.files import file_sha256

#: Features of Caffe's networks, in whose units the paper's losses are, over the ones computed here. The picture comes in with
#: about unit variance, which keeps the squares of features within reach of low-precision numbers.
CAFFE_SCALE = 58.0

#: What published files want to be shown, by the beginning of their SHA-256: torchvision's two, and the two that were
#: converted from Caffe for PyTorch. Other files are taken to want what the network's own source wants.
_INPUT_CONVENTIONS = {"dcbb9e9d": "torchvision", "397923af": "torchvision", "d01eb7cb": "caffe", "00b39a1b": "caffe"}


@dataclass(frozen=True)
class Weights:
    """A network's convolutions, for RGB in [0, 1] of which `mean` is taken away and which `deviation` divides."""

    network: str
    mean: Tensor  # (3,)
    deviation: Tensor  # (3,)
    layers: Mapping[str, tuple[Tensor, Tensor]]  # layer -> kernel (K, C, 3, 3), bias (K,)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or .pth file. Neither can carry code here."""
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unusual pickles, which are refused all the same
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"there is no weights file {str(path)!r}: check its name") from None
    except Exception as error:  # a file that is no pickle can raise anything at all
        raise WeightsError(f"{str(path)!r} holds no weights ({_first_line(error)}): give a .safetensors or .pth") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{str(path)!r} is not a state dictionary: give the file of tensors, not of the whole model")
    return dict(state)


def load_weight_file(path: Path, network: str | None) -> Weights:
    """A checked file as Weights, ready for RGB in [0, 1] and with features of about unit size."""
    state = _read_tensors(path)
    about: dict[str, str] = {}
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
    if "sha256" in about and about["sha256"] != _tensors_sha256(state):
        raise WeightsError(f"{str(path)!r} is damaged (wrong SHA-256): delete it, and it is fetched again")
    named = re.search(r"-([0-9a-f]{8})\.pth$", path.name)  # torchvision's file names carry the beginning of their hash
    whole = file_sha256(path) if path.suffix != ".safetensors" else ""
    if named and not whole.startswith(named[1]):
        raise WeightsError(f"{str(path)!r} is damaged or not what its name says (SHA-256 {whole[:8]}...): fetch it again")
    if network is None:
        network = "vgg19" if {"conv5_4.weight", "features.34.weight"} & set(state) else "vgg16"
    layers = layers_from_state(state, network, str(path))
    default = _INPUT_CONVENTIONS.get(whole[:8], "torchvision" if network == "vgg19" else "caffe")
    if about.get("input", default) == "torchvision":
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    else:  # Oxford's: BGR in [0, 255]; turned to RGB and scaled, biases too, so that features come out over PAPER_UNIT
        mean, deviation = torch.tensor([123.68, 116.779, 103.939]) / 255, torch.full((3,), CAFFE_SCALE / 255)
        layers = {name: (kernel, bias / CAFFE_SCALE) for name, (kernel, bias) in layers.items()}
        layers["conv1_1"] = layers["conv1_1"][0].flip(1), layers["conv1_1"][1]
    return Weights(network, mean, deviation, layers)


def layers_from_state(state: Mapping[str, Tensor], network: str, origin: str) -> dict[str, tuple[Tensor, Tensor]]:
    """layer -> kernel, bias from names such as conv1_1.weight, or torchvision's features.0.weight"""
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
            raise WeightsError(f"{origin!r} is damaged: {name} has values that are no numbers (NaN or infinite)")
        layers[name] = kernel, bias
    return layers


def kernel_shapes(network: str) -> dict[str, torch.Size]:
    """layer -> the shape of its kernel, (channels out, channels in, 3, 3)"""
    widths = dict(zip("12345", (64, 128, 256, 512, 512), strict=True))
    shapes, channels = {}, 3
    for name in LAYERS[network]:
        shapes[name] = torch.Size((widths[name[4]], channels, 3, 3))
        channels = widths[name[4]]
    return shapes


def torchvision_indices(network: str) -> list[int]:
    """Where torchvision's `features` keeps each convolution: a ReLU follows each, a pool each block."""
    indices: list[int] = []
    index = 0
    for count in CONVS_PER_BLOCK[network]:
        indices += range(index, index + 2 * count, 2)
        index += 2 * count + 1
    return indices


def save_weights(path: Path, layers: Mapping[str, tuple[Tensor, Tensor]], about: dict[str, str]) -> None:
    state = {f"{name}.weight": kernel.contiguous() for name, (kernel, _) in layers.items()}
    state |= {f"{name}.bias": bias.contiguous() for name, (_, bias) in layers.items()}
    safetensors.torch.save_file(state, path, {**about, "sha256": _tensors_sha256(state)})


def _tensors_sha256(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors, their names and shapes"""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(json.dumps([name, *state[name].shape]).encode())
        digest.update(state[name].contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
