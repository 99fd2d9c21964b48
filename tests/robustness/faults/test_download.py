"""A source of weights that dies at any byte, a fetch that is killed, and a clock that jumps: never half a file."""

from __future__ import annotations

import hashlib
import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import impasto
from impasto.errors import WeightsError
from impasto.runtime.files import _PREFIX
from impasto.vgg.download import fetch_weights
from impasto.vgg.weights import load_weights
from tests.conftest import Serve, publish, scene, torchvision_file


def test_a_source_that_dies_at_each_byte_leaves_nothing(cache: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    content = hashlib.sha512(b"a file").digest() * 12
    ends = itertools.count()
    publish(monkeypatch, serve(content, cut=lambda: next(ends)), content)
    for _ in range(len(content)):
        with pytest.raises(WeightsError) as refused:
            fetch_weights("vgg19")
        assert "\n" not in str(refused.value)
        assert list(cache.iterdir()) == []


def test_the_next_try_works(cache: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    content = torchvision_file(tmp_path / "vgg19.pth")
    ends = iter((0, 1000, len(content) // 2, len(content) - 1, None))
    publish(monkeypatch, serve(content, cut=lambda: next(ends)), content)
    for _ in range(4):
        with pytest.raises(WeightsError):
            load_weights("vgg19")
    assert load_weights("vgg19").network == "vgg19"
    assert [path.name for path in cache.iterdir()] == ["vgg19.safetensors"]


_FETCH = """
import dataclasses, sys
from impasto import weights
where, sha256, size = sys.argv[1:]
weights.SOURCES["vgg19"] = dataclasses.replace(weights.SOURCES["vgg19"], where=where, sha256=sha256, size=int(size))
weights.fetch("vgg19", lambda *_: print("more", flush=True))
"""


def test_what_a_killed_fetch_has_left_goes_with_the_next(
    cache: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = torchvision_file(tmp_path / "vgg19.pth")
    address = serve(content)
    line = [sys.executable, "-c", _FETCH, address, hashlib.sha256(content).hexdigest(), str(len(content))]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "more\n"
        process.kill()
    (left,) = cache.iterdir()
    assert left.name.startswith(f"{_PREFIX}{process.pid}-")
    assert process.returncode == -signal.SIGKILL
    publish(monkeypatch, address, content)
    fetch_weights("vgg19")
    assert [path.name for path in cache.iterdir()] == ["vgg19.safetensors"]


def test_a_clock_that_jumps_disturbs_nothing(
    cache: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is measured is measured by clocks that nobody sets."""
    jumps = itertools.cycle((0.0, 4e9, -4e9, 1e9))
    monkeypatch.setattr(time, "time", lambda: 1.7e9 + next(jumps))
    content = torchvision_file(tmp_path / "vgg19.pth")
    publish(monkeypatch, serve(content), content)
    settings = {"size": 32, "iterations": 3, "network": "vgg19", "precision": "float32"}
    steps = list(impasto.stream(scene(40, 40), scene(40, 40, 1), **settings, checkpoint=tmp_path / "run"))
    assert all(0 <= step.seconds < 600 and 0 <= step.eta < 600 for step in steps)
    assert [step.seconds for step in steps] == sorted(step.seconds for step in steps)
