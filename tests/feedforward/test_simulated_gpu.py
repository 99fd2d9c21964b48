"""Style networks on a simulated GPU: the right device, the CPU's picture to the last bit, and what the host waits for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.feedforward import training
from impasto.feedforward.live import LivePainting
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.feedforward.training import Trainer
from impasto.options import Options
from tests.conftest import scene
from tests.feedforward.helpers import SMALL_PHASES, random_net
from tests.simulated_gpu import simulated_gpu

PHOTO = scene(96, 64)
LEFT = np.zeros((64, 96), np.uint8)
LEFT[:, :40] = 255


@pytest.mark.parametrize(
    ("settings", "synchronizations", "uploads"),
    [
        ({}, 1, 4),  # the result; the image and the three conditions of the style
        ({"colors": "match"}, 1, 4),
        ({"colors": "content"}, 1, 4),
        ({"masks": [LEFT, 255 - LEFT]}, 2, 10),
        ({"protect": [LEFT], "protect_strength": 0.5}, 1, 8),
        ({"content": np.dstack([PHOTO, LEFT])}, 2, 5),  # whether anything is visible
    ],
)
def test_picture_is_the_cpus(settings: dict[str, Any], synchronizations: int, uploads: int) -> None:
    content, net = settings.pop("content", PHOTO), random_net()
    settings = {"protect": "none", **settings}
    expected = FeedforwardStylizer(net, Options(size=0, device="cpu", **settings)).stylize(content)
    with simulated_gpu() as gpu:
        stylizer = FeedforwardStylizer(net, Options(size=0, device="cuda", **settings))
        gpu.reset()
        actual = stylizer.stylize(content)
        assert gpu.synchronizations.total() <= synchronizations, gpu.synchronizations
        assert gpu.uploads.total() <= uploads, gpu.uploads
    np.testing.assert_array_equal(np.asarray(actual.image), np.asarray(expected.image))


def test_live_painting_is_the_cpus() -> None:
    pixels = np.dstack([PHOTO, np.full(PHOTO.shape[:2], 255, np.uint8)])
    patches = []
    for device in ("cpu", "cuda"):
        with simulated_gpu():
            live = LivePainting(random_net(width=8, blocks=1), Options(device=device), pixels)
            live.repaint()
            patches.append(live.update(4, 4, np.full((8, 8, 4), 255, np.uint8)))
    np.testing.assert_array_equal(patches[0].pixels, patches[1].pixels)


def test_training_stays_on_the_device(monkeypatch: pytest.MonkeyPatch, all_layers_settings: dict[str, Any]) -> None:
    """All but the walk backwards of autograd, which asks for a real device"""
    parameters: list[Tensor] = []
    make_optimizer = torch.optim.Adam

    def backward(stylized: Tensor, gradient: Tensor) -> None:
        assert stylized.device == gradient.device
        assert stylized.shape == gradient.shape
        with torch.no_grad():
            for parameter in parameters:
                parameter.grad = torch.full_like(parameter, 1e-3)

    def remember(given: list[Tensor], **settings: Any) -> torch.optim.Optimizer:
        parameters.extend(given)
        return make_optimizer(given, **settings)

    monkeypatch.setattr(torch.autograd, "backward", backward)
    monkeypatch.setattr(torch.optim, "Adam", remember)
    monkeypatch.setattr(training, "PHASES", SMALL_PHASES)
    settings = {key: value for key, value in all_layers_settings.items() if key != "iterations"}
    with simulated_gpu() as gpu:
        run = Trainer([scene(64, 60, 3)], [torch.from_numpy(scene(80, 80))], Options(device="cuda", **settings))
        for step in run.steps(count=4):
            if 1 < step.steps < 4:  # without the first, which measures the style
                assert gpu.synchronizations.total() <= 3, gpu.synchronizations
                assert gpu.uploads.total() <= 4, gpu.uploads
            gpu.reset()
    assert step.steps == 4
