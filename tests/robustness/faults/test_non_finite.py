"""A loss or gradient that is not finite in the middle of a run: the step is repeated from the last good image."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import impasto
from impasto.errors import WeightsError
from impasto.optimization.objective import Evaluation, Objective
from impasto.optimization.run import Run
from tests.conftest import scene

PICTURES = scene(48, 40), scene(40, 40, 1)

Fault = Callable[[Evaluation], Evaluation]


def inject_fault(monkeypatch: pytest.MonkeyPatch, calls: set[int], fault: Fault) -> list[torch.Tensor]:
    """Apply a fault to some evaluations of the objective, counted from 1; return a list that records all evaluated images."""
    images: list[torch.Tensor] = []
    evaluate = Objective.__call__

    def faulty(self: Objective, image: torch.Tensor) -> Evaluation:
        images.append(image.clone())
        evaluation = evaluate(self, image)
        return fault(evaluation) if len(images) in calls else evaluation

    monkeypatch.setattr(Objective, "__call__", faulty)
    return images


def nan_gradient(evaluation: Evaluation) -> Evaluation:
    evaluation.gradient[3, 4, 1] = torch.nan
    return evaluation


def infinite_gradient(evaluation: Evaluation) -> Evaluation:
    evaluation.gradient[0, 0, 0] = -torch.inf
    return evaluation


def nan_loss(evaluation: Evaluation) -> Evaluation:
    return replace(evaluation, value=torch.tensor(torch.nan))


def linalg_error(evaluation: Evaluation) -> Evaluation:
    raise torch.linalg.LinAlgError("linalg.eigh: the input matrix is ill-conditioned")  # type: ignore[attr-defined]


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("fault", [nan_gradient, infinite_gradient, nan_loss, linalg_error])
def test_non_finite_step_is_retried(
    fast_settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    optimizer: str,
    fault: Fault,
) -> None:
    settings = fast_settings | {"optimizer": optimizer, "iterations": 8, "ladder": False}
    images = inject_fault(monkeypatch, {4, 6}, fault)
    with caplog.at_level(logging.WARNING, "impasto"):
        steps = list(impasto.stream(*PICTURES, **settings))
    assert len(steps) == 8
    assert len(images) >= 8 + 2 + 1  # two retries, and the final 8-bit image
    assert sum("retrying from the previous image" in record.message for record in caplog.records) == 2
    assert all(np.isfinite([step.loss, step.content_loss, step.style_loss]).all() for step in steps)
    assert all(bool(image.isfinite().all()) for image in images)
    # The retry evaluates the image of the last reported step, which is known to be good.
    np.testing.assert_allclose(images[4].numpy(), steps[2].snapshot.pixels.numpy(), atol=1e-6)
    assert steps[-1].style_loss < steps[0].style_loss


def test_non_finite_final_evaluation_keeps_the_previous_loss(
    fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = fast_settings | {"optimizer": "adam", "iterations": 3, "ladder": False}
    inject_fault(monkeypatch, {4}, nan_loss)
    result = impasto.stylize(*PICTURES, **settings)
    assert np.isfinite([result.loss, result.style_loss]).all()


def test_network_that_is_never_finite_is_an_error(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    inject_fault(monkeypatch, set(range(100)), nan_gradient)
    with pytest.raises(WeightsError, match="not finite"):
        impasto.stylize(*PICTURES, **fast_settings)


@pytest.mark.slow
def test_running_out_of_memory_in_a_step_loses_no_step(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = fast_settings | {"iterations": 6, "ladder": False, "size": 192}

    def out_of_memory(evaluation: Evaluation) -> Evaluation:
        raise MemoryError

    whole = impasto.stylize(*PICTURES, **settings)
    inject_fault(monkeypatch, {3}, out_of_memory)
    run = Run(*PICTURES, **settings)
    (*_, last) = run.steps()
    assert last.iteration == 6
    # Tiling is exact: except for rounding, the result is the same as without tiles.
    assert np.abs(np.asarray(last.image).astype(int) - np.asarray(whole.image)).mean() < 0.5
