"""Training: the loss falls, the schedule is kept, and a network can be trained further."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from impasto import OptionError
from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.photos import read_photos
from impasto.feedforward.training import PHASES, STROKE_SIZES, Trainer
from impasto.options import Options
from tests.conftest import scene
from tests.feedforward.helpers import SMALL_PHASES


@pytest.fixture(autouse=True)
def small_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.feedforward.training.PHASES", SMALL_PHASES)


def make_trainer(random_weights_file: Path, styles: int = 1, **more: Any) -> Trainer:
    settings = {name: more.pop(name) for name in ("preset", "style_layers") if name in more}
    options = Options(
        size=64, weights=str(random_weights_file), network="vgg16", precision="float32", device="cpu", **settings
    )
    photos = read_photos([scene(96, 80, n) for n in range(3)])
    return Trainer([scene(64, 64, 10 + n) for n in range(styles)], photos, options, **more)


@pytest.mark.slow
def test_training_reduces_the_loss(random_weights_file: Path) -> None:
    losses = [step.loss for step in islice(make_trainer(random_weights_file).steps(3600), 80)]
    assert losses[-1] < 0.6 * losses[4]  # means over the last steps


@pytest.mark.slow
def test_training_by_step_count_is_deterministic(random_weights_file: Path) -> None:
    first, second = (list(make_trainer(random_weights_file).steps(count=4))[-1].net for _ in range(2))
    assert all(torch.equal(tensor, second.state[name]) for name, tensor in first.state.items())


@pytest.mark.slow
def test_crops_grow_and_half_of_the_steps_use_the_defaults(random_weights_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(phase.share for phase in PHASES) == pytest.approx(1)
    assert [phase.side for phase in PHASES] == sorted(phase.side for phase in PHASES)
    samples, draw = [], Trainer._draw_sample
    monkeypatch.setattr(Trainer, "_draw_sample", lambda *arguments: samples.append(draw(*arguments)) or samples[-1])
    trainer = make_trainer(random_weights_file)
    fractions = [step.fraction for step in trainer.steps(count=10)]
    assert [sample.crop.shape[0] for sample in samples] == 7 * [32] + 3 * [48]
    work = 7 * [32**2] + 3 * [48**2]
    assert fractions == pytest.approx(
        [sum(work[: n + 1]) / sum(work) for n in range(10)]
    )  # so that time is left in proportion
    assert fractions[-1] == 1
    generator = torch.Generator().manual_seed(0)
    samples = [draw(trainer, 32, generator) for _ in range(200)]
    assert 80 < sum((sample.strength, sample.stroke_size) == (0.5, 1.0) for sample in samples) < 120
    assert {sample.stroke_size for sample in samples} == set(STROKE_SIZES)
    assert min(sample.strength for sample in samples) < 0.3 < 0.75 < max(sample.strength for sample in samples)


@pytest.mark.slow
def test_phases_follow_the_time_limit(random_weights_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fake clock, by which each step takes a second."""
    clock, sides, draw = [0.0], [], Trainer._draw_sample

    def draw_in_a_second(self: Trainer, side: int, generator: torch.Generator) -> object:
        clock[0] += 1
        sides.append(side)
        return draw(self, side, generator)

    trainer = make_trainer(random_weights_file)
    trainer.load_weights()
    monkeypatch.setattr("impasto.feedforward.training.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr(Trainer, "_draw_sample", draw_in_a_second)
    fractions = [step.fraction for step in trainer.steps(seconds=10)]
    assert sides == 7 * [32] + 3 * [48]
    assert fractions == pytest.approx([n / 10 for n in range(1, 11)])


@pytest.mark.slow
def test_learning_rate_decays_in_each_phase(random_weights_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates, step = [], torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self: rates.append(self.param_groups[0]["lr"]) or step(self), raising=True
    )
    list(make_trainer(random_weights_file).steps(count=10))
    assert (rates[0], rates[7]) == pytest.approx((3e-3, 2e-3))
    for phase in (rates[:7], rates[7:]):
        assert phase == sorted(phase, reverse=True)
    assert rates[6] < 5e-4


@pytest.mark.slow
def test_network_of_two_styles_learns_both(random_weights_file: Path) -> None:
    trainer = make_trainer(random_weights_file, 2)
    *_, last = islice(trainer.steps(3600), 12)
    gains = last.net.state["up.gain"]
    assert len(last.net.styles) == 2
    assert all(float((gains[n, 0] - 1).abs().max()) > 0 for n in range(2))
    assert not torch.equal(gains[0], gains[1])
    assert last.preview(trainer.photos[0], 40).size == (80, 40)


@pytest.mark.slow
def test_training_can_be_resumed(random_weights_file: Path, tmp_path: Path) -> None:
    *_, first = islice(make_trainer(random_weights_file).steps(3600), 4)
    first.net.save(tmp_path / "net.safetensors")
    resumed = make_trainer(random_weights_file, resume=TransformNet.load(tmp_path / "net.safetensors"))
    *_, last = islice(resumed.steps(3600), 3)
    assert last.net.training_info["steps"] == 7
    difference = max(float((last.net.state[name] - tensor).abs().max()) for name, tensor in first.net.state.items())
    assert 0 < difference < 0.2  # a few steps from the saved network, not from the start
    with pytest.raises(OptionError, match="the network to resume has the styles other"):
        make_trainer(random_weights_file, resume=TransformNet.initialize([Style("other")]))
    with pytest.raises(OptionError, match="21 styles are too many"):
        make_trainer(random_weights_file, 21)
    with pytest.raises(OptionError, match="style_layers is none"):
        make_trainer(random_weights_file, style_layers="none")


def test_network_trained_with_the_paper_loss_can_be_saved(random_weights_file: Path, tmp_path: Path) -> None:
    style_info = [Style.from_image("a\u202fb\nc", Image.fromarray(scene(64, 64)), "CC0\n")]
    trainer = make_trainer(random_weights_file, preset="paper", style_info=style_info)
    (last,) = islice(trainer.steps(3600), 1)
    assert last.loss > 10
    last.net.training_info = {**last.net.training_info, "loss": 1e11}  # as on larger pictures with more contrast
    last.net.save(tmp_path / "net.safetensors")
    assert [(style.name, style.license) for style in TransformNet.load(tmp_path / "net.safetensors").styles] == [
        ("a_b_c", "CC0_")
    ]
