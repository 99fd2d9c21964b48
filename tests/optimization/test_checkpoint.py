"""A run that was broken off goes on as if it had not been."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import impasto
from impasto.errors import CheckpointError
from impasto.optimization.checkpoint import CheckpointWriter, RunState, read_checkpoint
from impasto.optimization.optimizers import LBFGS
from impasto.optimization.run import Run
from tests.conftest import FEW_LAYERS, scene

PICTURES = scene(64, 48), scene(48, 48, 1)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints after every step, and two pyramid levels"""
    monkeypatch.setattr("impasto.optimization.checkpoint._MAX_TIME_FRACTION", 1e9)
    monkeypatch.setattr("impasto.optimization.pyramid._SMALLEST_LEVEL", 32)
    monkeypatch.setattr("impasto.optimization.pyramid._level_steps", lambda *_: 4)


def pyramid_settings(random_weights_file: Path, optimizer: str) -> dict[str, Any]:
    settings = {"weights": str(random_weights_file), "size": 64, "iterations": 6, "ladder": True, "optimizer": optimizer}
    return settings | {"init": "noise", "seed": 3, "precision": "float32", **FEW_LAYERS}


@pytest.fixture(scope="module")
def uninterrupted(random_weights_file: Path) -> Callable[[str], impasto.Result]:
    """The result of an uninterrupted run with an optimizer, computed once"""
    return functools.cache(lambda optimizer: impasto.stylize(*PICTURES, **pyramid_settings(random_weights_file, optimizer)))


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
# Stopped inside a level, at its end, or at the start of the next
@pytest.mark.parametrize("after", [1, 4, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 6, 9))])
def test_resumed_run_equals_uninterrupted_run(
    random_weights_file: Path, uninterrupted: Callable[[str], impasto.Result], tmp_path: Path, optimizer: str, after: int
) -> None:
    settings = pyramid_settings(random_weights_file, optimizer)
    whole = uninterrupted(optimizer)
    steps = impasto.stream(*PICTURES, **settings, checkpoint=tmp_path / "run")
    for _ in range(after):
        next(steps)
    steps.close()
    resumed = list(impasto.stream(*PICTURES, **settings, resume=tmp_path / "run"))
    assert len(resumed) < 14  # it did not begin again
    np.testing.assert_array_equal(np.asarray(resumed[-1].image), np.asarray(whole.image))
    assert resumed[-1].loss == whole.loss
    assert resumed[0].fraction > 0.05


@pytest.mark.usefixtures("often")
def test_levels_that_keep_the_forms_are_resumed(
    random_weights_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.optimization.pyramid._FULL_DEPTH_SIDE", 40)
    settings = pyramid_settings(random_weights_file, "adam")
    run = Run(*PICTURES, **settings)
    assert [level.keeps_forms for level in run.levels] == [False, True]
    steps = impasto.stream(*PICTURES, **settings, checkpoint=tmp_path / "run")
    for _ in range(run.levels[0].steps + 1):
        next(steps)
    steps.close()
    assert read_checkpoint(tmp_path / "run").forms is not None
    *_, whole = run.steps()
    *_, resumed = impasto.stream(*PICTURES, **settings, resume=tmp_path / "run")
    np.testing.assert_array_equal(np.asarray(resumed.image), np.asarray(whole.image))


@pytest.mark.usefixtures("often", "vgg16")
@pytest.mark.parametrize("level", [2, 3])  # where the large forms are set, and where strokes follow
def test_the_instant_result_waits_in_the_checkpoint_until_it_has_large_forms(tmp_path: Path, level: int) -> None:
    settings: dict[str, Any] = {"size": 64, "quality": "draft", "precision": "float32"}
    run = Run(*PICTURES, **settings)
    assert [max(level[:2]) for level in run.levels] == [45, 64, 45, 64, 64]
    steps = impasto.stream(*PICTURES, **settings, checkpoint=tmp_path / "run")
    for _ in range(sum(before.steps for before in run.levels[:level]) + 1):
        next(steps)
    steps.close()
    larger = read_checkpoint(tmp_path / "run").larger
    assert larger is not None
    assert read_checkpoint(tmp_path / "run").scale == level
    assert larger.shape == (48, 64, 3)
    *_, whole = run.steps()
    *_, resumed = impasto.stream(*PICTURES, **settings, resume=tmp_path / "run")
    np.testing.assert_array_equal(np.asarray(resumed.image), np.asarray(whole.image))
    tensors = load_file(tmp_path / "run")
    with safe_open(tmp_path / "run", "pt") as file:
        metadata = file.metadata()
    del tensors["larger"]
    for damaged in (tensors, {**tensors, "larger": torch.zeros(32, 64, 3)}):
        save_file(damaged, tmp_path / "damaged", metadata)
        with pytest.raises(CheckpointError, match="damaged"):
            next(impasto.stream(*PICTURES, **settings, resume=tmp_path / "damaged"))


@pytest.mark.slow
@pytest.mark.usefixtures("often")
def test_bfloat16_history_is_resumed_as_bfloat16(
    random_weights_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if more memory is free at resume"""
    settings: dict[str, Any] = {"weights": str(random_weights_file), "size": 64, "iterations": 6}
    settings |= {"optimizer": "lbfgs", "precision": "float32", **FEW_LAYERS}
    pictures = scene(64, 48), scene(48, 48, 1)
    exact = impasto.stylize(*pictures, **settings)
    with monkeypatch.context() as patch:
        patch.setattr("impasto.optimization.run_plan._PAIR_BYTES", 1e9)  # a history in float32 does not fit
        whole = impasto.stylize(*pictures, **settings)
        steps = impasto.stream(*pictures, **settings, checkpoint=tmp_path / "run")
        for _ in range(8):
            next(steps)
        steps.close()
    assert whole.loss != exact.loss
    assert whole.loss == pytest.approx(exact.loss, rel=0.02)
    assert load_file(tmp_path / "run")["optimizer.s000"].dtype == torch.bfloat16
    resumed = Run(*pictures, **settings, resume=tmp_path / "run")
    *_, last = resumed.steps()
    assert last.loss == whole.loss
    np.testing.assert_array_equal(np.asarray(last.image), np.asarray(whole.image))


@pytest.mark.usefixtures("often")
def test_only_the_history_may_be_bfloat16(tmp_path: Path, fast_settings: dict[str, Any]) -> None:
    path, settings = tmp_path / "run", fast_settings | {"optimizer": "adam"}
    list(impasto.stream(scene(40, 40), scene(40, 40, 1), **settings, checkpoint=path))
    with safe_open(path, "pt") as file:
        about = file.metadata()
    for name in ("image", "optimizer.first", "optimizer.average"):
        tensors = load_file(path)
        save_file(tensors | {name: tensors[name].bfloat16()}, tmp_path / "other", about)
        with pytest.raises(CheckpointError, match="not a checkpoint, or is damaged"):
            read_checkpoint(tmp_path / "other")


def test_out_of_memory_is_not_reported_as_damage(tmp_path: Path, fast_settings: dict[str, Any]) -> None:
    class Large:
        def restore(self, *_: object) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory")

    list(impasto.stream(scene(40, 40), scene(40, 40, 1), **fast_settings, checkpoint=tmp_path / "run"))
    optimizer: Any = Large()
    with pytest.raises(torch.OutOfMemoryError):
        read_checkpoint(tmp_path / "run").restore(optimizer)


def test_checkpoint_is_written_before_the_first_step(random_weights_file: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"weights": str(random_weights_file), "size": 32, "iterations": 3, "precision": "float32"}
    next(impasto.stream(scene(40, 40), scene(40, 40, 1), **settings, checkpoint=tmp_path / "run")).image.load()
    result = impasto.stylize(scene(40, 40), scene(40, 40, 1), **settings, resume=tmp_path / "run")
    assert result.steps == 3
    with pytest.raises(CheckpointError, match="cannot write"):
        impasto.stream(scene(40, 40), scene(40, 40, 1), **settings, checkpoint=tmp_path / "none" / "run")
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(CheckpointError, match="exists and is not a checkpoint"):
        impasto.stream(scene(40, 40), scene(40, 40, 1), **settings, checkpoint=tmp_path / "photo.jpg")


def test_checkpoint_of_another_run_is_refused(random_weights_file: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"weights": str(random_weights_file), "size": 32, "iterations": 3}
    pictures = scene(40, 40), scene(40, 40, 1)
    list(impasto.stream(*pictures, **settings, checkpoint=tmp_path / "run"))
    with pytest.raises(CheckpointError, match=r"another painting \(different seed\)"):
        list(impasto.stream(*pictures, **settings, seed=1, resume=tmp_path / "run"))
    with pytest.raises(CheckpointError, match="different content"):
        list(impasto.stream(scene(40, 40, 2), pictures[1], **settings, resume=tmp_path / "run"))
    keep = scene(40, 40, 5)
    list(impasto.stream(*pictures, **settings, keep=keep, checkpoint=tmp_path / "kept"))
    with pytest.raises(CheckpointError, match="different keep"):
        list(impasto.stream(*pictures, **settings, resume=tmp_path / "kept"))
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        impasto.stream(*pictures, **settings, resume=tmp_path / "other")


def test_files_that_are_not_checkpoints_are_refused(random_weights_file: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    save_file({"image": torch.zeros(3)}, tmp_path / "tensors")
    whole = tmp_path / "run"
    settings: dict[str, Any] = {"weights": str(random_weights_file), "size": 32, "iterations": 3}
    list(impasto.stream(scene(40, 40), scene(40, 40, 1), **settings, checkpoint=whole))
    (tmp_path / "half").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for name in ("text", "tensors", "half"):
        with pytest.raises(CheckpointError, match="not a checkpoint, or is damaged"):
            read_checkpoint(tmp_path / name)


def test_writing_takes_a_small_fraction_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock of our own: a write that takes 1 s is followed by none for 20."""
    clock, written = [0.0], []
    monkeypatch.setattr("impasto.optimization.checkpoint.time.monotonic", lambda: clock[0])

    def write(path: Path, content: bytes) -> None:
        written.append(clock[0])
        clock[0] += 1

    monkeypatch.setattr("impasto.optimization.checkpoint.write_atomic", write)
    writer = CheckpointWriter(tmp_path / "run", {}, {})
    for _ in range(100):
        writer.maybe_write(0, 1, RunState(torch.zeros(4, 4, 3), LBFGS()), 0.0)
        clock[0] += 1
    assert 3 <= len(written) <= 6


def test_step_of_an_interrupted_run_can_be_saved(random_weights_file: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"weights": str(random_weights_file), "size": 32, "iterations": 3}
    run = Run(scene(40, 40), scene(40, 40, 1), **settings, checkpoint=tmp_path / "run")
    steps = run.steps()
    step = next(steps)
    steps.close()
    run.result(step).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (32, 32)


def test_resumed_run_keeps_its_tiles(fast_settings: dict[str, Any], tmp_path: Path) -> None:
    """Tiles affect the last bits, so they do not depend on the memory at resume."""
    settings = fast_settings | {"size": 96, "iterations": 3, "ladder": False}
    first = Run(scene(96, 64), scene(48, 48, 1), **settings, checkpoint=tmp_path / "run")
    first.plan = first.plan._replace(tiles=(64,), history=7, offload_history=True)
    for _ in first.steps():
        pass
    again = Run(scene(96, 64), scene(48, 48, 1), **settings, resume=tmp_path / "run")
    initial_plan = again.plan
    assert initial_plan.tiles == (None,)
    for _ in again.steps():
        pass
    assert (again.plan.tiles, again.plan.history, again.plan.offload_history) == ((64,), 7, True)
