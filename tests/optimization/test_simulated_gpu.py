"""Runs on a simulated GPU: the right device, the CPU's picture to the last bit, and what a step costs a GPU and its host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from impasto.optimization.cuda_graph import GraphedObjective
from impasto.optimization.forecast import Speed, measure_speed
from impasto.optimization.objective import Evaluation, Objective
from impasto.optimization.pyramid import Level
from impasto.optimization.run import Run
from impasto.optimization.run_plan import plan_run
from tests.conftest import scene
from tests.simulated_gpu import DEVICE, SimulatedTensor, simulated_gpu

CONTENT, STYLES = scene(64, 48), [scene(60, 64, 3), scene(68, 64, 4)]
LEFT = np.zeros((48, 64), np.uint8)
LEFT[:, :32] = 255
#: Kernels that a step may start
LAUNCHES = 500


class Counts(NamedTuple):
    """The events of a step, by line of the engine"""

    synchronizations: Counter[str]
    uploads: Counter[str]
    launches: Counter[str]


@pytest.fixture(autouse=True)
def _same_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU compute the convolutions as a GPU would: with Winograd's it would round differently."""
    monkeypatch.setattr("impasto.vgg.convolution._uses_winograd", lambda *_: False)


@pytest.fixture(autouse=True)
def _checked_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the device count as one on which a replay has been compared with an evaluation."""
    monkeypatch.setattr(GraphedObjective, "_checked", {DEVICE})


@pytest.fixture
def _without_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each step start its kernels one by one, so that they are counted."""
    monkeypatch.setenv("IMPASTO_CUDA_GRAPHS", "0")


def paint(device: str, settings: dict[str, Any], *, styles: int = 1, tile: int | None = None, **more: Any) -> Run:
    run = Run(settings.pop("content", CONTENT), STYLES[:styles], device=device, **settings, **more)
    if tile:
        run.plan = run.plan._replace(tiles=(tile,) * len(run.levels))
    return run


def assert_same_picture(settings: dict[str, Any], **more: Any) -> list[Counts]:
    """Compare a run with that on the CPU, and return the counts of its steps."""
    *_, expected = paint("cpu", {**settings}, **more).steps()
    counts = []
    with simulated_gpu() as gpu:
        step = None
        for step in paint("cuda", {**settings}, **more).steps():  # noqa: B007
            counts.append(Counts(Counter(gpu.synchronizations), Counter(gpu.uploads), Counter(gpu.launches)))
            gpu.reset()
        assert step is not None
        actual = step.image
    np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected.image))
    return counts


def assert_within_budget(
    settings: dict[str, Any], synchronizations: int = 1, uploads: int = 0, launches: int = LAUNCHES, **more: Any
) -> None:
    """Compare a run with that on the CPU, and what its steps do with a budget: all but the first, which prepares, and the
    last, which also evaluates the finished image."""
    for step in assert_same_picture(settings, **more)[1:-1]:
        assert step.synchronizations.total() <= synchronizations, step.synchronizations
        assert step.uploads.total() <= uploads, step.uploads
        assert step.launches.total() <= launches, step.launches


@pytest.fixture
def settings(random_weights_file: Path) -> dict[str, Any]:
    """Settings of a run of three steps at one size"""
    return {
        "weights": str(random_weights_file),
        "size": 64,
        "iterations": 3,
        "precision": "float32",
        "ladder": False,
        "init": "content",
        "protect": "none",
    }


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="covariance"),
        pytest.param({"style_loss": "gram"}, id="gram"),
        pytest.param({"style_loss": "moments", "launches": 560}, id="moments"),
        pytest.param({"style_loss": "wasserstein", "synchronizations": 6, "launches": 560}, id="wasserstein"),
        pytest.param({"preset": "paper", "iterations": 8, "synchronizations": 2}, id="lbfgs"),
        pytest.param({"masks": [LEFT, 255 - LEFT], "styles": 2, "launches": 800}, id="masks"),
        pytest.param({"masks": [LEFT, 255 - LEFT], "styles": 2, "guides": "inside", "launches": 800}, id="masks-inside"),
        pytest.param({"keep": LEFT, "launches": 550}, id="keep"),
        pytest.param({"protect": [LEFT], "launches": 570}, id="protect"),
        pytest.param({"content": np.dstack([CONTENT, LEFT]), "launches": 550}, id="alpha"),
        pytest.param({"colors": "content"}, id="colors-content"),
        pytest.param({"colors": "match"}, id="colors-match"),
        pytest.param({"padding": "circular"}, id="circular"),
        pytest.param({"pooling": "max"}, id="max-pooling"),
        pytest.param({"styles": 2, "style_weights": (2, 1)}, id="two-styles"),
        pytest.param({"init": "noise"}, id="noise"),
        pytest.param({"tv": 1e-3}, id="tv"),
    ],
)
@pytest.mark.usefixtures("_without_graphs")
def test_step_waits_once_and_uploads_nothing(settings: dict[str, Any], changes: dict[str, Any]) -> None:
    assert_within_budget(**{"settings": settings, **_split(settings, changes)})


def _split(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Separate a run's settings from the arguments of `assert_within_budget`."""
    names = ("synchronizations", "uploads", "launches", "styles", "tile")
    return {
        "settings": {**settings, **{name: value for name, value in changes.items() if name not in names}},
        **{name: value for name, value in changes.items() if name in names},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"style_loss": "gram"},
        {"preset": "paper", "synchronizations": 2, "launches": 130},
        {"masks": [LEFT, 255 - LEFT], "styles": 2},
        {"protect": [LEFT], "keep": LEFT},
        {"padding": "circular", "pooling": "max", "tv": 1e-3},
    ],
)
def test_steps_are_recorded_and_replayed(settings: dict[str, Any], changes: dict[str, Any]) -> None:
    """With graphs the picture is the same, and a step starts few kernels of its own."""
    changes = {"iterations": 8, "launches": 30, **changes}
    assert_within_budget(**_split(settings, changes))
    with simulated_gpu() as gpu:
        for step in paint("cuda", {**_split(settings, changes)["settings"]}, styles=changes.get("styles", 1)).steps():
            assert gpu.replays == max(0, step.iteration - 1) + (step.iteration == 8)  # the last also evaluates the result


@pytest.mark.parametrize("changes", [{"style_loss": "wasserstein"}, {"tile": 32}])
def test_losses_that_wait_and_tiles_are_not_recorded(settings: dict[str, Any], changes: dict[str, Any]) -> None:
    arguments = _split(settings, changes)
    with simulated_gpu() as gpu:
        list(paint("cuda", arguments.pop("settings"), **arguments).steps())
    assert not gpu.replays


@pytest.mark.parametrize("fault", ["wait", "upload"])
def test_what_cannot_be_recorded_goes_on_without(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    evaluate = Objective.__call__

    def faulty(self: Objective, image: torch.Tensor) -> Evaluation:
        evaluation = evaluate(self, image)
        if fault == "wait":
            float(evaluation.value)
        else:
            evaluation.value.new_tensor([1.0, 2.0])
        return evaluation

    monkeypatch.setattr(Objective, "__call__", faulty)
    caplog.set_level("INFO", logger="impasto")
    assert_same_picture({**settings, "iterations": 6})
    assert "no CUDA graph: CUDA error: operation not permitted when stream is capturing" in caplog.text


def test_replay_that_gives_another_gradient_is_not_used(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first recording on a device is compared with an evaluation."""
    monkeypatch.setattr(GraphedObjective, "_checked", set())
    evaluate = Objective.__call__

    def faulty(self: Objective, image: torch.Tensor) -> Evaluation:
        evaluation = evaluate(self, image)
        if isinstance(image, SimulatedTensor) and image.gpu.recording is not None:
            evaluation.gradient.mul_(1.2)
        return evaluation

    monkeypatch.setattr(Objective, "__call__", faulty)
    caplog.set_level("INFO", logger="impasto")
    assert_same_picture({**settings, "iterations": 6})
    assert "no CUDA graph: a replay gives another gradient, by 20%" in caplog.text
    monkeypatch.setattr(Objective, "__call__", evaluate)
    assert_same_picture({**settings, "iterations": 6})
    assert GraphedObjective._checked == {DEVICE}


def test_short_levels_are_not_recorded(settings: dict[str, Any]) -> None:
    with simulated_gpu() as gpu:
        list(paint("cuda", {**settings, "iterations": 4}).steps())
    assert not gpu.replays


@pytest.mark.usefixtures("_without_graphs")
@pytest.mark.parametrize("changes", [{}, {"padding": "circular"}, {"masks": [LEFT, 255 - LEFT], "styles": 2}])
def test_tiles(settings: dict[str, Any], changes: dict[str, Any]) -> None:
    """Tiles wait no more often. Each uploads its content features, and circular ones make indices on the device."""
    changes = {**changes, "content": scene(192, 128), "size": 192, "tile": 96, "launches": 8000, "uploads": 4}
    if "masks" in changes:
        left = np.repeat(np.repeat(LEFT, 4, 0), 4, 1)[:128, :192]
        changes["masks"] = [left, 255 - left]
    assert_within_budget(**_split(settings, changes))


@pytest.mark.parametrize("room", [1 << 30, 1000])
def test_content_features_of_tiles_are_in_pinned_memory_or_on_disk(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr("impasto.optimization.feature_cache.available_memory", lambda device: room)
    settings |= {"content": scene(192, 128), "size": 192}
    *_, expected = paint("cpu", {**settings}, tile=96).steps()
    with simulated_gpu() as gpu:
        *_, actual = paint("cuda", {**settings}, tile=96).steps()
        image = actual.image
    assert gpu.pinned == (4 if room > 1000 else 0)
    np.testing.assert_array_equal(np.asarray(image), np.asarray(expected.image))


def test_forecast_counts_launches_and_bandwidth(settings: dict[str, Any]) -> None:
    """A small image takes as long as its kernels take to start, a large one as long as its bytes take to move."""
    run = paint("cpu", settings)
    small, large = (
        plan_run(run.options, [Level(side, side, 10)], run.device, torch.float32, network_loaded=True) for side in (64, 512)
    )
    gpu = Speed(flops=1e15, traffic=1e12, launches=1e5)
    assert gpu.seconds(small.level_work[0]) == pytest.approx(10 * LAUNCHES / 1e5, rel=0.15)
    assert gpu.seconds(large.level_work[0]) > 1.5 * gpu.seconds(small.level_work[0])
    cpu = Speed(flops=1e12)
    assert cpu.seconds(large.level_work[0]) == pytest.approx(large.flops / 1e12)


def test_speed_is_measured_and_pace_follows_the_work(settings: dict[str, Any]) -> None:
    with simulated_gpu():
        speed = measure_speed(torch.device("cuda", 0), torch.float32)
        run = paint("cuda", {**settings, "ladder": True, "size": 192, "content": scene(192, 128)})
        costs = run._step_costs()
    assert all(0 < value < float("inf") for value in speed)
    assert costs[-1] / costs[0] < 1.2 < run.levels[-1].step_cost / run.levels[0].step_cost


def test_pyramid(settings: dict[str, Any]) -> None:
    assert_same_picture({**settings, "ladder": True, "size": 192, "content": scene(192, 128)})


@pytest.mark.slow
def test_learned_optimizer() -> None:
    """Colors are transferred on the host, at the start of a level."""
    settings = {"network": "vgg16", "quality": "instant", "size": 128, "precision": "float32", "protect": "none"}
    for step in assert_same_picture(settings)[1:-1]:
        assert step.synchronizations.total() <= 1, step.synchronizations
        assert step.uploads.total() == 0, step.uploads
        assert step.launches.total() <= 400, step.launches


@pytest.mark.parametrize("preset", ["impasto", "paper"])
def test_resume(settings: dict[str, Any], tmp_path: Path, preset: str) -> None:
    settings |= {"preset": preset, "iterations": 6}
    *_, expected = paint("cpu", settings).steps()
    with simulated_gpu():
        run = paint("cuda", settings, checkpoint=tmp_path / "run.checkpoint").steps()
        next(run)
        next(run)
        run.close()
        *_, actual = paint("cuda", settings, resume=tmp_path / "run.checkpoint").steps()
        image = actual.image
    np.testing.assert_array_equal(np.asarray(image), np.asarray(expected.image))


def test_memory_of_a_finished_run_is_given_back(settings: dict[str, Any]) -> None:
    with simulated_gpu() as gpu:
        before = gpu.allocated
        run: Run | None = paint("cuda", settings)
        assert run is not None
        for _ in run.steps():
            released = gpu.released
        del _, run
        assert gpu.released > released
        assert gpu.allocated == before


# Faults that the tests above must find


def _host_copy(evaluation: Evaluation) -> Evaluation:
    return replace(evaluation, gradient=evaluation.gradient.cpu().to(evaluation.gradient.device))


def _item(evaluation: Evaluation) -> Evaluation:
    evaluation.value.item()
    return evaluation


def _wrong_device(evaluation: Evaluation) -> Evaluation:
    return replace(evaluation, gradient=evaluation.gradient + torch.zeros(48, 64, 3))


def _constant(evaluation: Evaluation) -> Evaluation:
    return replace(evaluation, gradient=evaluation.gradient * evaluation.gradient.new_tensor([1.0, 1.0, 1.0]))


def _other_result(evaluation: Evaluation) -> Evaluation:
    return replace(evaluation, gradient=evaluation.gradient * (1 if evaluation.gradient.device.type == "cpu" else -1))


def _many_kernels(evaluation: Evaluation) -> Evaluation:
    for _ in range(100):
        evaluation.gradient.mul_(1)
    return evaluation


@pytest.mark.usefixtures("_without_graphs")
@pytest.mark.parametrize("fault", [_host_copy, _item, _wrong_device, _constant, _other_result, _many_kernels])
def test_faults_are_found(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, fault: Callable[[Evaluation], Evaluation]
) -> None:
    evaluate = Objective.__call__
    monkeypatch.setattr(Objective, "__call__", lambda self, image: fault(evaluate(self, image)))
    with pytest.raises((AssertionError, RuntimeError)):
        assert_within_budget(settings)
