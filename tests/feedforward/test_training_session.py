"""The training loop with periodic saves and previews, with a fake trainer and clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from impasto import ImageError
from impasto.feedforward.network import TransformNet
from impasto.feedforward.training import TrainingStep
from impasto.feedforward.training_session import TrainingSession
from tests.feedforward.helpers import random_net


class FakeTrainer:
    """Yields a step every ten seconds, and records its limits"""

    def __init__(self, count: int) -> None:
        self.limits: tuple[float, float] | None = None
        self._count = count

    def steps(self, seconds: float, count: float) -> Iterator[TrainingStep]:
        self.limits = seconds, count
        for n in range(1, self._count + 1):
            net = random_net(1)
            net.training_info = {"steps": n}
            yield TrainingStep(n / self._count, n, 10.0 * n, 1.0, net)


def make_session(path: Path, count: int, **arguments: Any) -> TrainingSession:
    return TrainingSession(FakeTrainer(count), path, **arguments)  # type: ignore[arg-type]


def saved_steps(path: Path) -> int | None:
    return TransformNet.load(path).training_info["steps"] if path.exists() else None


def test_network_is_saved_at_intervals(tmp_path: Path) -> None:
    session = make_session(tmp_path / "net.safetensors", 8)
    saved = [saved_steps(session.path) for _ in session.steps()]
    assert saved == [None, None, None, 3, 3, 3, 6, 6]  # every 30 seconds, after the loop body
    assert session.last is not None
    assert session.last.steps == 8


@pytest.mark.parametrize(("first", "expected"), [(False, [2, 4, 6]), (True, [1, 3, 5])])
def test_previews_follow_their_own_interval(tmp_path: Path, first: bool, expected: list[int]) -> None:
    previews: list[int] = []
    session = make_session(
        tmp_path / "net.safetensors",
        6,
        preview=lambda step: previews.append(step.steps),
        preview_interval=20,
        preview_first_step=first,
    )
    assert len(list(session.steps())) == 6
    assert previews == expected


def test_failed_saves_and_previews_are_reported_and_training_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ImageError("the disk is full")

    errors: list[str] = []
    monkeypatch.setattr(TransformNet, "save", fail)
    session = make_session(tmp_path / "net.safetensors", 6, on_error=lambda error: errors.append(str(error)))
    assert len(list(session.steps())) == 6
    session = make_session(
        tmp_path / "net.safetensors", 2, preview=fail, preview_interval=10, on_error=lambda e: errors.append(str(e))
    )
    assert len(list(session.steps())) == 2
    assert errors == 4 * ["the disk is full"]


def test_stopped_session_keeps_the_last_step_and_discard_deletes_the_file(tmp_path: Path) -> None:
    trainer = FakeTrainer(9)
    session = TrainingSession(trainer, tmp_path / "net.safetensors", seconds=60, count=7)  # type: ignore[arg-type]
    for step in session.steps():
        if step.steps == 5:
            break
    assert trainer.limits == (60, 7)
    assert session.last is not None
    assert (session.last.steps, saved_steps(session.path)) == (5, 3)
    session.discard()
    assert not session.path.exists()


def test_discard_leaves_a_file_that_the_session_has_not_written(tmp_path: Path) -> None:
    random_net(1).save(tmp_path / "net.safetensors")
    session = make_session(tmp_path / "net.safetensors", 2)
    list(session.steps())
    session.discard()
    assert session.path.exists()
