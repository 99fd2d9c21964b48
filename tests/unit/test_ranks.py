"""Several processes that paint one picture, as torchrun starts them: what they paint is what one does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Maker = Callable[..., Path]


def start(folder: Path, *arguments: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    line = [*torchrun, "-m", "impasto", *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("more", [[], ["--style-loss", "gram", "--optimizer", "lbfgs", "--padding", "circular"]])
def test_two_paint_what_one_does(tmp_path: Path, picture: Maker, made_up_file: Path, more: list[str]) -> None:
    picture("photo.png", 340, 290)
    picture("style.png", 120, 90)
    common = ["stylize", "photo.png", "style.png", "--weights", str(made_up_file), "--size", "320", "--iterations", "3"]
    common += ["--no-ladder", "--precision", "float32", "--device", "cpu", *more]
    alone = subprocess.run(
        [sys.executable, "-m", "impasto", *common, "-o", "one.png", "--json"], cwd=tmp_path, capture_output=True, text=True
    )
    assert alone.returncode == 0, alone.stderr
    together = start(tmp_path, *common, "-o", "two.png", "--json")
    assert together.returncode == 0, together.stderr
    one, two = ([json.loads(line) for line in each.stdout.splitlines() if line[:1] == "{"] for each in (alone, together))
    assert len(two) == len(one) == 4  # three steps and the end: only the first process tells
    for mine, theirs in zip(one, two, strict=True):
        for name in ("content_loss", "style_loss"):
            assert theirs[name] == pytest.approx(mine[name], rel=2e-3, abs=1e-6)
    pixels = [np.asarray(Image.open(tmp_path / name), dtype=float) for name in ("one.png", "two.png")]
    difference = np.abs(pixels[0] - pixels[1])
    assert difference.mean() < 0.05
    assert np.quantile(difference, 0.999) <= 2


def test_what_is_not_for_several_is_refused(tmp_path: Path, picture: Maker) -> None:
    picture("photo.png")
    done = start(tmp_path, "batch", "--contents", ".", "--styles", ".", "-o", "out")
    assert done.returncode != 0
    assert "paint one picture together" in done.stderr


def test_an_error_ends_them_all(tmp_path: Path) -> None:
    done = start(tmp_path, "stylize", "photo.png", "style.png", "-o", "out.png")
    assert done.returncode != 0
    assert "there is no file 'photo.png'" in done.stderr
