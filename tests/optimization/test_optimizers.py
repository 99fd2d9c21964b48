"""The optimizers on problems whose answer is known."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch

from impasto.optimization.objective import Evaluation
from impasto.optimization.optimizers import LBFGS, Adam, _add_scaled, _dot


def quadratic(size: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """A badly scaled quadratic whose minimum lies partly outside the box: the answer is at the wall there."""
    goal = torch.linspace(-0.5, 1.5, size * size * 3, dtype=torch.float64).view(size, size, 3)
    scale = torch.logspace(0, 3, size * size * 3, dtype=torch.float64).view(size, size, 3)
    return goal, scale


def evaluation(gradient: torch.Tensor, loss: float) -> Evaluation:
    zero = torch.zeros(())
    return Evaluation(gradient, torch.tensor(loss, dtype=torch.float64), zero, zero)


@pytest.mark.parametrize(
    ("optimizer", "steps"),
    [
        (LBFGS(), 200),
        pytest.param(LBFGS(bfloat16_history=True, offload_history=True), 200, marks=pytest.mark.slow),
        (Adam(800), 800),
    ],
)
def test_optimizers_find_the_constrained_minimum(optimizer: LBFGS | Adam, steps: int) -> None:
    goal, scale = quadratic()
    image = torch.full_like(goal, 0.5)
    for _ in range(steps):
        image = optimizer.step(image, evaluation(scale * (image - goal), float((scale * (image - goal) ** 2).sum()) / 2))
        assert 0 <= float(image.min()) <= float(image.max()) <= 1
    torch.testing.assert_close(optimizer.current_image(image), goal.clamp(0, 1), rtol=0, atol=0.01)


@pytest.mark.parametrize("optimizer", [LBFGS(), Adam(9)])
def test_step_does_not_change_its_arguments(optimizer: LBFGS | Adam) -> None:
    first = torch.full((4, 4, 3), 0.5)
    second = optimizer.step(first, evaluation(torch.ones(4, 4, 3), 1.0))
    shown = optimizer.current_image(second)
    kept = shown.clone()
    optimizer.step(second, evaluation(torch.ones(4, 4, 3), 0.9))
    assert torch.equal(first, torch.full((4, 4, 3), 0.5))
    assert torch.equal(shown, kept)
    assert not torch.equal(first, second)


def test_lbfgs_keeps_only_pairs_with_positive_curvature() -> None:
    optimizer = LBFGS()
    image = torch.full((4, 4, 3), 0.5, dtype=torch.float64)
    for _ in range(6):  # -x^2: curvature is negative everywhere
        image = optimizer.step(image, evaluation(-(image - 0.4), -float((image - 0.4).square().sum()) / 2))
    assert not optimizer._pairs


def test_lbfgs_undoes_a_step_that_increases_the_loss() -> None:
    """Curvature that grows a thousandfold on the way: what is shown never gets worse for long, and the minimum is found."""
    goal = torch.full((4, 4, 3), 0.2, dtype=torch.float64)

    def evaluate(image: torch.Tensor) -> tuple[torch.Tensor, float]:
        off = image - goal
        steep = torch.where(off < 0, 1000.0, 1.0)
        return steep * off, float((steep * off.square()).sum()) / 2

    optimizer = LBFGS(initial_step=0.35)
    image, shown = torch.full_like(goal, 0.5), []
    for _ in range(40):
        gradient, loss = evaluate(image)
        image = optimizer.step(image, evaluation(gradient, loss))
        shown.append(evaluate(optimizer.current_image(image))[1])
    assert max(shown) == shown[0]
    assert shown[-1] < 1e-9


def test_bfloat16_history_takes_half_the_memory_and_converges_as_well() -> None:
    goal, scale = (field.float() for field in quadratic())

    def walk(optimizer: LBFGS) -> tuple[list[float], int]:
        image, losses = torch.full_like(goal, 0.5), []
        for _ in range(60):
            losses.append(float((scale * (image - goal) ** 2).sum()) / 2)
            image = optimizer.step(image, evaluation(scale * (image - goal), losses[-1]))
        return losses, sum(tensor.nbytes for tensor in optimizer.state().values() if tensor.ndim == 3)

    (exact, bytes_), (rounded, fewer) = walk(LBFGS(10)), walk(LBFGS(10, bfloat16_history=True))
    assert exact != rounded
    assert fewer == goal.nbytes * 2 + (bytes_ - goal.nbytes * 2) // 2
    least = float((scale * (goal.clamp(0, 1) - goal) ** 2).sum()) / 2
    assert rounded[-1] - least < 1.1 * (exact[-1] - least) + 1e-4 * least
    again = LBFGS(10, bfloat16_history=True, offload_history=True).for_level(8, 8, 3)
    assert again.bfloat16_history
    assert again.offload_history


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_offloaded_history_gives_the_same_steps() -> None:
    goal, scale = (field.float().cuda() for field in quadratic())
    images = []
    for offload in (False, True):
        optimizer, image = LBFGS(offload_history=offload), torch.full_like(goal, 0.5)
        for _ in range(10):
            image = optimizer.step(image, evaluation(scale * (image - goal), float((scale * (image - goal) ** 2).sum()) / 2))
        images.append(image)
        again = LBFGS(offload_history=offload)
        again.restore(optimizer.state(), goal.device)
        for owner in (optimizer, again):
            assert owner.state()["s000"].device.type == ("cpu" if offload else "cuda")
    torch.testing.assert_close(*images)


def test_banded_updates_equal_whole_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = torch.rand(2, 9, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr("impasto.optimization.optimizers._BAND_ELEMENTS", 50)
    assert _dot(a, b) == pytest.approx(float((a * b).sum()), rel=1e-12)
    result = a.clone()
    _add_scaled(result, b, torch.tensor(-2.5))
    torch.testing.assert_close(result, a - 2.5 * b)
    assert _dot(b.bfloat16(), a) == pytest.approx(float((b.bfloat16() * a).sum()), rel=1e-12)


@pytest.mark.parametrize(
    "make", [LBFGS, lambda: LBFGS(bfloat16_history=True), lambda: Adam(9)], ids=["lbfgs", "rounded", "adam"]
)
def test_state_can_be_saved_and_restored(make: Callable[[], LBFGS | Adam]) -> None:
    goal, scale = quadratic(4)

    def walk(optimizer: LBFGS | Adam, image: torch.Tensor, steps: int) -> torch.Tensor:
        for _ in range(steps):
            image = optimizer.step(image, evaluation(scale * (image - goal), float((scale * (image - goal) ** 2).sum()) / 2))
        return image

    first = make()
    there = walk(first, torch.full_like(goal, 0.5), 5)
    second = make()
    second.restore(copy.deepcopy(first.state()), goal.device)
    assert torch.equal(walk(second, there, 4), walk(first, there, 4))
    assert torch.equal(second.current_image(there), first.current_image(there))


def test_average_is_the_unbiased_exponential_mean() -> None:
    optimizer = Adam(5, rates=(0.05, 0.02), decay=0.9)
    image = torch.full((3, 3, 3), 0.5)
    iterates = []
    for k in range(5):
        image = optimizer.step(image, evaluation(torch.full((3, 3, 3), float(k % 2) - 0.4), 0.0))
        iterates.append(image)
    weights = torch.tensor([0.9 ** (4 - k) for k in range(5)])
    expected = sum(weight * iterate for weight, iterate in zip(weights / weights.sum(), iterates, strict=True))
    torch.testing.assert_close(optimizer.current_image(image), expected)


def test_adam_resizes_its_moments_for_the_next_level() -> None:
    optimizer = Adam(3)
    gradient = torch.rand(8, 8, 3) + 1
    optimizer.step(torch.full((8, 8, 3), 0.5), evaluation(gradient, 0.0))
    larger = optimizer.for_level(12, 11, 3)
    image = torch.full((11, 12, 3), 0.5)
    assert torch.equal(larger.current_image(image), image)  # the average starts again
    moved = larger.step(image, evaluation(torch.zeros(11, 12, 3), 0.0))
    assert float((image - moved).min()) > 0  # but the momentum carries on
