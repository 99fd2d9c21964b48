"""Downloads that end at any byte, a download that is killed, and a clock that jumps: never an incomplete file."""

from __future__ import annotations

import hashlib
import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import impasto
from impasto.errors import WeightsError
from impasto.runtime.files import _PREFIX
from impasto.vgg.download import fetch_weights
from impasto.vgg.weights import load_weights
from tests.conftest import Serve, replace_source, scene, write_torchvision_file


@pytest.mark.slow
def test_download_cut_at_any_byte_leaves_no_file(cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    content = hashlib.sha512(b"a file").digest() * 12
    lengths = itertools.count()
    replace_source(monkeypatch, serve(content, cut=lambda: next(lengths)), content)
    for _ in range(len(content)):
        with pytest.raises(WeightsError) as error:
            fetch_weights("vgg19")
        assert "\n" not in str(error.value)
        assert list(cache.iterdir()) == []


@pytest.mark.slow
def test_download_succeeds_after_failures(cache: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_torchvision_file(tmp_path / "vgg19.pth")
    lengths = iter((0, 1000, len(content) // 2, len(content) - 1, None))
    replace_source(monkeypatch, serve(content, cut=lambda: next(lengths)), content)
    for _ in range(4):
        with pytest.raises(WeightsError):
            load_weights("vgg19")
    assert load_weights("vgg19").network == "vgg19"
    assert [path.name for path in cache.iterdir()] == ["vgg19.safetensors"]


_DOWNLOAD = """
import dataclasses, sys
from impasto.vgg.download import SOURCES, fetch_weights
location, sha256, size = sys.argv[1:]
source = dataclasses.replace(SOURCES["vgg19"], location=location, torchvision_name="", sha256=sha256, size=int(size))
SOURCES["vgg19"] = source
fetch_weights("vgg19", lambda *_: print("more", flush=True))
"""


@pytest.mark.slow
def test_unfinished_file_of_a_killed_download_is_removed_by_the_next(
    cache: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write_torchvision_file(tmp_path / "vgg19.pth")
    address = serve(content)
    command = [sys.executable, "-c", _DOWNLOAD, address, hashlib.sha256(content).hexdigest(), str(len(content))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "more\n"
        process.kill()
    (unfinished,) = cache.iterdir()
    assert unfinished.name.startswith(f"{_PREFIX}{process.pid}-")
    assert process.returncode == -signal.SIGKILL
    replace_source(monkeypatch, address, content)
    fetch_weights("vgg19")
    assert [path.name for path in cache.iterdir()] == ["vgg19.safetensors"]


@pytest.mark.slow
def test_durations_ignore_changes_of_the_system_clock(
    cache: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps = itertools.cycle((0.0, 4e9, -4e9, 1e9))
    monkeypatch.setattr(time, "time", lambda: 1.7e9 + next(jumps))
    content = write_torchvision_file(tmp_path / "vgg19.pth")
    replace_source(monkeypatch, serve(content), content)
    settings: dict[str, Any] = {"size": 32, "iterations": 3, "network": "vgg19", "precision": "float32"}
    steps = list(impasto.stream(scene(40, 40), scene(40, 40, 1), **settings, checkpoint=tmp_path / "run"))
    assert all(0 <= step.seconds < 600 and 0 <= step.eta < 600 for step in steps)
    assert [step.seconds for step in steps] == sorted(step.seconds for step in steps)
