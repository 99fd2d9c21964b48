"""Fixtures for tests in a real Krita."""

from __future__ import annotations

import importlib.util
import os
import runpy
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.plugin.krita_session import INSTALL, KRITA, PATH, KritaSession, create_profile, virtual_display
from tests.plugin.linked_wheels import write_linked_wheels

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
import build_krita_plugin

ENGINE_INSTALL = Path(__file__).parents[2] / "plugin" / "impasto_krita" / "engine_install.py"
THREADS = 1  # of the engine: its pictures are tiny, and other tests run beside it


@pytest.fixture(scope="session")
def plugin_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that users import. Hatchling is not downloaded again if it is installed."""
    options = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    return build_krita_plugin.build(tmp_path_factory.mktemp("dist"), *options)


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
def krita_without_engine(
    krita_profile: Path, display: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KritaSession]:
    """A shared Krita in which no engine is installed.

    Where it finds a Python of this version, pip links to the packages that are installed here. Otherwise, as in
    `make test-kritas`, it downloads them.
    """
    pip = {}
    if "IMPASTO_KRITA" not in os.environ and _plugin_chooses_this_version():
        wheels = tmp_path_factory.mktemp("wheels")
        write_linked_wheels(wheels, "impasto", "demo,faces")
        pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    home = _copy(krita_profile, tmp_path_factory.mktemp("krita"))
    with KritaSession(home, display, None, THREADS, **pip) as session:
        yield session
    shutil.rmtree(session.home, ignore_errors=True)  # an engine with its packages takes about 6 GB


@pytest.fixture
def own_krita(krita_profile: Path, display: str, tmp_path: Path) -> Iterator[KritaSession]:
    """A Krita that only this test uses."""
    with KritaSession(_copy(krita_profile, tmp_path), display, sys.executable, THREADS) as session:
        yield session


def _plugin_chooses_this_version() -> bool:
    """Whether the first Python that the plugin tries, with Krita's PATH, has the version of this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", PATH)
        candidates = runpy.run_path(str(ENGINE_INSTALL))["python_candidates"]()
    return [Path(command[0]).name for command in candidates[:1]] == [f"python3.{sys.version_info.minor}"]


def _copy(profile: Path, folder: Path) -> Path:
    return Path(shutil.copytree(profile, folder / "home", symlinks=True))
