"""Training the learned optimizer."""

from __future__ import annotations

import pytest
import torch

from impasto.learned_optimizer import training
from impasto.learned_optimizer.batch_objective import SHALLOW, WHOLE, BatchVGG
from impasto.learned_optimizer.network import UpdateNetwork
from impasto.learned_optimizer.training import StylePool, Trainer, TrainingLevel, feature_statistics
from tests.conftest import random_weights, scene

PICTURES = [torch.from_numpy(scene(90, 70, seed)) for seed in range(3)]


@pytest.fixture
def vgg(monkeypatch: pytest.MonkeyPatch) -> BatchVGG:
    """Levels of a few small steps, and a network of random weights"""
    levels = (TrainingLevel(32, 32, (2, 2), WHOLE), TrainingLevel(48, 32, (1, 2), SHALLOW))
    monkeypatch.setattr(training, "LEVELS", levels)
    monkeypatch.setattr(training, "CANVAS", 48)
    return BatchVGG(random_weights("vgg16"), torch.device("cpu"), torch.float32)


def make_trainer(vgg: BatchVGG) -> Trainer:
    torch.manual_seed(0)
    network = UpdateNetwork()
    network.set_statistics(feature_statistics(PICTURES, vgg))
    return Trainer(network, vgg, PICTURES, StylePool(PICTURES, vgg), batch=2, crops=[16, 32])


def test_training_changes_the_network_and_reports_losses(vgg: BatchVGG) -> None:
    trainer = make_trainer(vgg)
    before = trainer.network.output.weight.detach().clone()
    progress = list(trainer.chains(count=3))
    assert [(step.chains, step.fraction) for step in progress] == [
        (1, pytest.approx(1 / 3)),
        (2, pytest.approx(2 / 3)),
        (3, 1),
    ]
    assert set(progress[-1].losses) == {0, 1}
    assert all(0 < number < 10 for losses in progress[-1].losses.values() for number in losses)
    assert not torch.equal(trainer.network.output.weight, before)


def test_training_goes_on_from_its_state(vgg: BatchVGG) -> None:
    whole, first, second = (make_trainer(vgg) for _ in range(3))
    for _ in whole.chains(count=4):
        pass
    for progress in first.chains(count=4):
        if progress.chains == 2:
            break
    second.restore(first.state())
    for _ in second.chains(count=4):
        pass
    assert second.steps == whole.steps
    for name, value in whole.average.items():
        torch.testing.assert_close(second.average[name], value)


def test_training_that_diverges_ends_with_an_error(vgg: BatchVGG) -> None:
    trainer = make_trainer(vgg)
    with torch.no_grad():
        trainer.network.output.weight.fill_(torch.nan)
    with pytest.raises(ArithmeticError, match="4 chains in a row"):
        list(trainer.chains(count=20))
