"""Fixtures for tests in a real Krita."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.plugin.krita_session import INSTALL, KRITA, KritaSession, create_profile, virtual_display
from tests.plugin.linked_wheels import write_linked_wheels
from tests.uv_server import UvServer, uv_server

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
import build_plugin
from impasto.editor_plugins.package import KRITA_PLUGIN

THREADS = 1  # of the engine: its pictures are tiny, and other tests run beside it


@pytest.fixture(scope="session")
def plugin_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that users import. Hatchling is not downloaded again if it is installed."""
    options = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    return build_plugin.build(KRITA_PLUGIN, tmp_path_factory.mktemp("dist"), *options)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    if not all(map(shutil.which, (KRITA[0], "Xvfb"))):
        pytest.skip(f"Krita and Xvfb are not installed: {INSTALL}")
    with virtual_display() as name:
        yield name


@pytest.fixture(scope="session")
def krita_profile(tmp_path_factory: pytest.TempPathFactory, plugin_zip: Path, display: str) -> Path:
    """A home with the plugin, to be copied. It takes a while to make, so pytest-xdist's processes share it."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    profile, unfinished = folder / "krita_profile", folder / "unfinished_krita_profile"
    with FileLock(folder / "krita_profile.lock"):
        if not profile.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            create_profile(unfinished, plugin_zip, display).rename(profile)
    return profile


@pytest.fixture(scope="session")
def krita(krita_profile: Path, display: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KritaSession]:
    """The Krita that most tests share, with this Python as the engine."""
    with KritaSession(_copy(krita_profile, tmp_path_factory.mktemp("krita")), display, sys.executable, THREADS) as session:
        yield session


@pytest.fixture(scope="session")
def setup_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UvServer]:
    """What the set-up downloads, from this machine"""
    with uv_server(tmp_path_factory.mktemp("uv")) as server:
        yield server


@pytest.fixture(scope="session")
def krita_without_engine(
    krita_profile: Path, display: str, setup_server: UvServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KritaSession]:
    """A shared Krita on a computer without an engine and without any Python on the PATH.

    uv links to the packages that are installed here, instead of downloading several gigabytes.
    """
    wheels, empty = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("empty")
    write_linked_wheels(wheels, "impasto", "demo,faces")
    home = _copy(krita_profile, tmp_path_factory.mktemp("krita"))
    variables = {**setup_server.environment, "UV_FIND_LINKS": str(wheels), "PATH": str(empty)}
    with KritaSession(home, display, None, THREADS, **variables) as session:
        yield session
    shutil.rmtree(session.home, ignore_errors=True)


@pytest.fixture
def own_krita(krita_profile: Path, display: str, tmp_path: Path) -> Iterator[KritaSession]:
    """A Krita that only this test uses."""
    with KritaSession(_copy(krita_profile, tmp_path), display, sys.executable, THREADS) as session:
        yield session


def _copy(profile: Path, folder: Path) -> Path:
    return Path(shutil.copytree(profile, folder / "home", symlinks=True))
