"""Shared fixtures: small pictures, networks with random weights, the real VGG-16, and a local web server."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import coverage
import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from impasto.layers import LAYERS
from impasto.vgg.download import SOURCES
from impasto.vgg.weight_files import Weights, kernel_shapes, save_weights, torchvision_indices
from impasto.vgg.weights import load_weights
from tests.fork_server import ForkServer

#: Environment variables for the programs whose coverage is measured. Others run the same lines, and tracing nearly doubles the
#: time in which Python imports a large package. The process that starts the test processes has to keep the variable.
MEASURED = {}
if "PYTEST_XDIST_WORKER" in os.environ and "COVERAGE_PROCESS_CONFIG" in os.environ:
    MEASURED["COVERAGE_PROCESS_CONFIG"] = os.environ.pop("COVERAGE_PROCESS_CONFIG")
#: Markers for tests that use a fixture which starts an external program
_FIXTURE_MARKERS = {"browser": "browser", "display": "krita"}
#: Fixtures that are expensive to set up: pytest-xdist runs the tests that share one in the same process
_SHARED_FIXTURES = {"display": "krita", "fork_server": "fork-server", "run_impasto": "fork-server", "client": "worker"}


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker, and before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the markers `browser`, `krita` and `fuzz`, and group tests that share a server or a display, for pytest-xdist."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for fixture, marker in _FIXTURE_MARKERS.items():
            if fixture in fixtures:
                item.add_marker(marker)
        if "fuzz" in item.path.parts:
            item.add_marker("fuzz")
            item.add_marker("unmeasured")  # other tests run the same lines, and tracing thousands of cases takes long
        if "page_server" in fixtures:
            item.add_marker("slow")  # the first of them waits for the server
            parameters = item.callspec.params  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.xdist_group(f"page-{parameters['page_server']}"))
        elif not item.get_closest_marker("xdist_group"):
            for fixture, group in _SHARED_FIXTURES.items():
                if fixture in fixtures:
                    item.add_marker(pytest.mark.xdist_group(group))
                    break
            else:
                if "gradio_app" in item.path.parts:  # importing Gradio takes long
                    item.add_marker(pytest.mark.xdist_group("gradio"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Do not measure the coverage of tests with the marker `unmeasured`."""
    measurement = coverage.Coverage.current() if item.get_closest_marker("unmeasured") else None
    if measurement is not None:
        measurement.stop()
    try:
        return (yield)
    finally:
        if measurement is not None:
            measurement.start()


@functools.cache
def random_weights(network: str, dtype: torch.dtype = torch.float32, divide: int = 1) -> Weights:
    """Weights of a VGG, random, scaled so that features have about unit size. divide: the number of channels by this"""
    generator = torch.Generator().manual_seed(7)
    layers = {}
    for name, (count, channels, *_) in kernel_shapes(network).items():
        channels = channels if channels == 3 else channels // divide
        kernel = torch.randn(count // divide, channels, 3, 3, generator=generator, dtype=dtype) * (2 / (9 * channels)) ** 0.5
        layers[name] = kernel, torch.randn(count // divide, generator=generator, dtype=dtype) * 0.1
    assert tuple(layers) == LAYERS[network]
    return Weights(network, torch.tensor([0.48, 0.46, 0.41], dtype=dtype), torch.full((3,), 0.23, dtype=dtype), layers)


@pytest.fixture(scope="session")
def random_weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of a VGG-16 with random weights, for tests that do not depend on how the result looks"""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(path, random_weights("vgg16").layers, {"input": "torchvision"})
    return path


#: Options for runs that take a fifth of the time, in tests that do not depend on the layers
FEW_LAYERS: dict[str, Any] = {"style_layers": "conv1_1,conv2_1", "content_layers": "conv2_2"}


@pytest.fixture
def all_layers_settings(random_weights_file: Path) -> dict[str, Any]:
    """Settings of a small run with the preset's layers"""
    return {"weights": str(random_weights_file), "size": 64, "iterations": 2, "precision": "float32"}


@pytest.fixture
def fast_settings(all_layers_settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a run that takes a fraction of a second"""
    return {**all_layers_settings, **FEW_LAYERS}


@pytest.fixture(scope="session")
def vgg16() -> Weights:
    """The real VGG-16, from the cache or the package index."""
    return load_weights("vgg16")


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Runs commands without importing torch for each"""
    if not hasattr(os, "fork"):
        pytest.skip("needs fork()")
    with ForkServer(MEASURED) as server:
        yield server


@pytest.fixture
def run_impasto(request: pytest.FixtureRequest) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command to its end: run_impasto("stylize", ..., folder=folder). On Windows each has a new interpreter."""

    def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        if not hasattr(os, "fork"):
            command = [sys.executable, "-m", "impasto", *arguments]
            return subprocess.run(command, cwd=folder, capture_output=True, text=True)
        exited = request.getfixturevalue("fork_server").run(*arguments, folder=folder)
        return subprocess.CompletedProcess(arguments, exited.status, exited.stdout, exited.stderr)

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Save a smooth colorful picture and return its path: picture("name.png", width, height, mode=...)."""

    def save_picture(name: str, width: int = 48, height: int = 40, mode: str = "RGB", **options: Any) -> Path:
        path = tmp_path / name
        Image.fromarray(scene(width, height)).convert(mode).save(path, **options)
        return path

    return save_picture


def scene(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Return a test picture: waves of color with a little noise, (height, width, 3) uint8."""
    y, x = np.mgrid[0:height, 0:width] / 20
    waves = np.stack([np.sin(x + y), np.cos(x * 1.7 - y), np.sin(2.3 * y + seed)], axis=-1)
    noise = np.random.default_rng(seed).normal(0, 0.1, waves.shape)
    return ((waves + noise) * 60 + 128).clip(0, 255).astype(np.uint8)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image)


def png_text(image: Image.Image) -> Mapping[str, str]:
    """Return the texts in a PNG file that Pillow has opened, by keyword."""
    assert isinstance(image, PngImageFile)
    return image.text


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for weights"""
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Serve(Protocol):
    def __call__(self, content: bytes, cut: Callable[[], int | None] = ...) -> str: ...


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve some bytes on loopback; return the address. cut: called per request; bytes after which to hang up, or None"""
    servers = []

    def start(content: bytes, cut: Callable[[], int | None] = lambda: None) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: cut()])

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/vgg19.pth"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def write_torchvision_file(path: Path, network: str = "vgg19") -> bytes:
    """Save and return a state dictionary like those of torchvision, with random weights and an unused classifier."""
    path.write_bytes(_torchvision_bytes(network))
    return path.read_bytes()


@functools.cache
def _torchvision_bytes(network: str) -> bytes:
    state = {"classifier.0.bias": torch.zeros(3)}
    for name, index in zip(random_weights(network).layers, torchvision_indices(network), strict=True):
        kernel, bias = random_weights(network).layers[name]
        state |= {f"features.{index}.weight": kernel, f"features.{index}.bias": bias}
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def replace_source(monkeypatch: pytest.MonkeyPatch, address: str, content: bytes) -> None:
    """Make `address` the source of vgg19, with the hash and the size of `content`."""
    source = dataclasses.replace(
        SOURCES["vgg19"], location=address, torchvision_name="", sha256=hashlib.sha256(content).hexdigest(), size=len(content)
    )
    monkeypatch.setitem(SOURCES, "vgg19", source)
