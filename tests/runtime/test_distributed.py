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

from tests.fork_server import Exited, ForkServer

pytestmark = pytest.mark.slow

PictureMaker = Callable[..., Path]


def run_torchrun(*arguments: str, folder: Path, processes: int) -> Exited:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [*torchrun, "-m", "impasto", *arguments]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return Exited(process.returncode, process.stderr, process.stdout)


@pytest.mark.parametrize(
    ("torchrun", "extra_arguments"),
    [(True, []), (False, ["--style-loss", "gram", "--optimizer", "lbfgs", "--padding", "circular"])],
)
def test_two_processes_give_the_same_result_as_one(
    tmp_path: Path,
    picture: PictureMaker,
    random_weights_file: Path,
    fork_server: ForkServer,
    torchrun: bool,
    extra_arguments: list[str],
) -> None:
    picture("photo.png", 210, 180)
    picture("style.png", 120, 90)
    common = ["stylize", "photo.png", "style.png", "--weights", str(random_weights_file), "--size", "192", "--iterations", "3"]
    common += ["--no-ladder", "--precision", "float32", "--device", "cpu", *extra_arguments]
    single = fork_server.run(*common, "-o", "one.png", "--json", folder=tmp_path)
    assert single.status == 0, single.stderr
    run = run_torchrun if torchrun else fork_server.run
    pair = run(*common, "-o", "two.png", "--json", folder=tmp_path, processes=2)
    assert pair.status == 0, pair.stderr
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


def test_commands_for_a_single_process_are_rejected(tmp_path: Path, picture: PictureMaker, fork_server: ForkServer) -> None:
    picture("photo.png")
    exited = fork_server.run("batch", "--contents", ".", "--styles", ".", "-o", "out", folder=tmp_path, processes=2)
    assert exited.status == 2
    assert "only stylize, texture and reconstruct work: its processes share one picture" in exited.stderr


def test_an_error_ends_all_processes(tmp_path: Path, fork_server: ForkServer) -> None:
    command = ("stylize", "photo.png", "style.png", "-o", "out.png", "--device", "cpu")
    exited = fork_server.run(*command, folder=tmp_path, processes=2)
    assert exited.status == 2
    assert exited.stderr.count("there is no file 'photo.png'") == 2
