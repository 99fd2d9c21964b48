"""Numbers that are none in the middle of a run: the step is refused, and the run goes on from the last good picture."""

from __future__ import annotations

import logging
from collections.abc import Callable
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


def break_at(monkeypatch: pytest.MonkeyPatch, steps: set[int], how: Callable[[Evaluation], Evaluation]) -> list[torch.Tensor]:
    """From now on these evaluations of the objective are bad; gives the pictures that it was asked for"""
    asked: list[torch.Tensor] = []
    whole = Objective.__call__

    def broken(self: Objective, image: torch.Tensor) -> Evaluation:
        asked.append(image.clone())
        found = whole(self, image)
        return how(found) if len(asked) in steps else found

    monkeypatch.setattr(Objective, "__call__", broken)
    return asked


def one_nan(found: Evaluation) -> Evaluation:
    found.gradient[3, 4, 1] = torch.nan
    return found


def endless(found: Evaluation) -> Evaluation:
    found.gradient[0, 0, 0] = -torch.inf
    return found


def no_loss(found: Evaluation) -> Evaluation:
    return found._replace(value=torch.tensor(torch.nan))


def fails(found: Evaluation) -> Evaluation:
    raise torch.linalg.LinAlgError("linalg.eigh: the input matrix is ill-conditioned")


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("how", [one_nan, endless, no_loss, fails])
def test_a_step_that_comes_to_no_number_is_refused(
    fast_settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    optimizer: str,
    how: Callable[[Evaluation], Evaluation],
) -> None:
    settings = fast_settings | {"optimizer": optimizer, "iterations": 8, "ladder": False}
    asked = break_at(monkeypatch, {4, 6}, how)
    with caplog.at_level(logging.WARNING, "impasto"):
        steps = list(impasto.stream(*PICTURES, **settings))
    assert len(steps) == 8
    assert len(asked) >= 8 + 2 + 1  # two once more, and the picture in 8 bits
    assert sum("is refused" in record.message for record in caplog.records) == 2
    assert all(np.isfinite([step.loss, step.content_loss, step.style_loss]).all() for step in steps)
    assert all(bool(each.isfinite().all()) for each in asked)
    # After the refusal it looks at the picture that was shown last, one that was known to be good.
    np.testing.assert_allclose(asked[4].numpy(), steps[2].snapshot.pixels.numpy(), atol=1e-6)
    assert steps[-1].style_loss < steps[0].style_loss


def test_a_last_look_that_comes_to_no_number_leaves_the_loss_before_it(
    fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = fast_settings | {"optimizer": "adam", "iterations": 3, "ladder": False}
    break_at(monkeypatch, {4}, no_loss)
    result = impasto.stylize(*PICTURES, **settings)
    assert np.isfinite([result.loss, result.style_loss]).all()


def test_a_network_that_finds_no_numbers_is_an_error(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    break_at(monkeypatch, set(range(100)), one_nan)
    with pytest.raises(WeightsError, match="no number"):
        impasto.stylize(*PICTURES, **fast_settings)


def test_memory_that_runs_out_in_the_middle_of_a_step_costs_no_step(
    fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = fast_settings | {"iterations": 6, "ladder": False, "size": 192}

    def short(found: Evaluation) -> Evaluation:
        raise MemoryError

    whole = impasto.stylize(*PICTURES, **settings)
    break_at(monkeypatch, {3}, short)
    run = Run(*PICTURES, **settings)
    (*_, last) = run.steps()
    assert last.iteration == 6
    # Tiles are exact: but for rounding it is the picture that it would have been.
    assert np.abs(np.asarray(last.image).astype(int) - np.asarray(whole.image)).mean() < 0.5
