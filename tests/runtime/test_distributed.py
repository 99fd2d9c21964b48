"""Several processes on one image, started by torchrun: the result equals that of one process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

PictureMaker = Callable[..., Path]


def run_distributed(folder: Path, *arguments: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [*torchrun, "-m", "impasto", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("extra_arguments", [[], ["--style-loss", "gram", "--optimizer", "lbfgs", "--padding", "circular"]])
def test_two_processes_give_the_same_result_as_one(
    tmp_path: Path,
    picture: PictureMaker,
    random_weights_file: Path,
    run_impasto: Callable[..., subprocess.CompletedProcess[str]],
    extra_arguments: list[str],
) -> None:
    picture("photo.png", 210, 180)
    picture("style.png", 120, 90)
    common = ["stylize", "photo.png", "style.png", "--weights", str(random_weights_file), "--size", "192", "--iterations", "3"]
    common += ["--no-ladder", "--precision", "float32", "--device", "cpu", *extra_arguments]
    single = run_impasto(*common, "-o", "one.png", "--json", folder=tmp_path)
    assert single.returncode == 0, single.stderr
    pair = run_distributed(tmp_path, *common, "-o", "two.png", "--json")
    assert pair.returncode == 0, pair.stderr
    one_steps, two_steps = (
        [json.loads(line) for line in process.stdout.splitlines() if line[:1] == "{"] for process in (single, pair)
    )
    assert len(two_steps) == len(one_steps) == 4  # three steps and the end; only rank 0 prints
    for one, two in zip(one_steps, two_steps, strict=True):
        for name in ("content_loss", "style_loss"):
            assert two[name] == pytest.approx(one[name], rel=2e-3, abs=1e-6)
    pixels = [np.asarray(Image.open(tmp_path / name), dtype=float) for name in ("one.png", "two.png")]
    difference = np.abs(pixels[0] - pixels[1])
    assert difference.mean() < 0.05
    assert np.quantile(difference, 0.999) <= 2


def test_commands_for_a_single_process_are_rejected(tmp_path: Path, picture: PictureMaker) -> None:
    picture("photo.png")
    process = run_distributed(tmp_path, "batch", "--contents", ".", "--styles", ".", "-o", "out")
    assert process.returncode != 0
    assert "only stylize, texture and reconstruct work: its processes share one picture" in process.stderr


def test_an_error_ends_all_processes(tmp_path: Path) -> None:
    process = run_distributed(tmp_path, "stylize", "photo.png", "style.png", "-o", "out.png", "--device", "cpu")
    assert process.returncode != 0
    assert "there is no file 'photo.png'" in process.stderr
