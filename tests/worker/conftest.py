"""One worker process for all tests of this package: starting it loads torch, which takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.feedforward.network import Style
from impasto.worker.protocol import Header
from tests.conftest import scene
from tests.feedforward.helpers import random_net
from tests.helpers import Client

#: Width and height of the content in most tests
SIZE = (61, 47)


@pytest.fixture(scope="session")
def networks_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of user networks: green_waves, and a broken file."""
    folder = tmp_path_factory.mktemp("nets")
    network = random_net(1, blocks=1)
    network.styles = (Style.from_image("waves", Image.fromarray(scene(64, 48))),)
    network.save(folder / "green_waves.safetensors")
    (folder / "broken.safetensors").write_bytes(b"no net")
    return folder


@pytest.fixture(scope="session")
def client(networks_folder: Path) -> Iterator[Client]:
    """A client of a running worker; `greeting` has the frames up to the list of networks."""
    client = Client(IMPASTO_NETS=str(networks_folder))
    client.greeting = client.read_until("nets")
    yield client
    client.close()


@pytest.fixture(scope="session")
def settings(random_weights_file: Path) -> dict[str, Any]:
    """Options of a job that takes a moment."""
    return {"weights": str(random_weights_file), "size": 48, "iterations": 2, "quality": "draft"}


def bgra(seed: int = 0, depth: int = 8, alpha: np.ndarray | None = None, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a test image, (H, W, 4) uint8 or, with depth 16, uint16. Without alpha, it is opaque."""
    colors = scene(*size, seed)[..., ::-1]
    values = np.dstack([colors, np.full(colors.shape[:2], 255, np.uint8) if alpha is None else alpha])
    return values.astype("<u2") * 257 if depth == 16 else values


def received_image(frames: list[tuple[Header, bytes]], depth: int = 8, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return the painting of a job's `rows` frames, (H, W, 4) BGRA."""
    width, height = size
    rows = [(header, blob) for header, blob in frames if header["op"] == "rows"]
    assert [header["y"] for header, _ in rows] == list(range(0, height, 256))
    return np.frombuffer(b"".join(blob for _, blob in rows), "<u2" if depth == 16 else "u1").reshape(height, width, 4)
