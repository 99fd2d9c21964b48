"""Fixtures for tests in a real GIMP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.editor_plugins.package import GIMP_PLUGIN, write_files
from tests.conftest import scene
from tests.gimp.gimp_session import PREFIX, SKIPPED, GimpSession


@pytest.fixture(scope="session")
def gimp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GimpSession]:
    """The GIMP that most tests share, with this Python as the engine"""
    if PREFIX is None:
        pytest.skip(SKIPPED)
    home = tmp_path_factory.mktemp("gimp")
    write_files(GIMP_PLUGIN, home / "gimp" / "plug-ins")
    session = GimpSession(home)
    yield session
    session.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The paths of a photo, 96 x 64, and a painting"""
    folder = tmp_path_factory.mktemp("pictures")
    photo, painting = folder / "photo.png", folder / "painting.png"
    Image.fromarray(scene(96, 64)).save(photo)
    Image.fromarray(scene(80, 72, 1)).save(painting)
    return str(photo), str(painting)


def read_layer(folder: Path, result: dict[str, list[int]]) -> np.ndarray:
    """The pixels of the layer that an action has written: (height, width, RGBA), from 0 to 255"""
    width, height = result["rect"][2:]
    return np.frombuffer((folder / "result.rgba").read_bytes(), np.uint8).reshape(height, width, 4).astype(int)


def read_mask(path: Path, width: int, height: int) -> np.ndarray:
    return np.frombuffer(path.read_bytes(), np.uint8).reshape(height, width).astype(int)
