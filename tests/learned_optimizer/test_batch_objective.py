"""The batch objective against the engine's own."""

from __future__ import annotations

import pytest
import torch

from impasto.learned_optimizer.batch_objective import SHALLOW, WHOLE, BatchObjective, BatchVGG, LossLayers, feature_moments
from impasto.losses.moments import compute_moments
from impasto.optimization.objective import Objective, Region
from impasto.vgg.network import VGG
from tests.conftest import random_weights

CPU = torch.device("cpu")


@pytest.mark.parametrize("layers", [WHOLE, SHALLOW], ids=["whole", "shallow"])
def test_batch_objective_equals_the_engines_for_each_image(layers: LossLayers) -> None:
    weights = random_weights("vgg16")
    contents, styles, images = torch.rand(3, 2, 48, 64, 3, generator=torch.Generator().manual_seed(0))
    contents[1] = 0.1 * contents[1] + 0.5  # with little structure
    alphas = torch.tensor([0.15, 1.5])
    batch_vgg = BatchVGG(weights, CPU, torch.float32)

    def channels_first(pixels: torch.Tensor) -> torch.Tensor:
        return pixels.permute(0, 3, 1, 2).contiguous()

    moments = {name: feature_moments(batch_vgg(channels_first(styles), layers)[name]) for name in layers.style}
    objective = BatchObjective(batch_vgg, channels_first(contents), moments, layers, alphas)
    evaluation = objective(channels_first(images))
    vgg = VGG(weights, [*layers.style, layers.content], pooling="max", padding="replicate")
    for index in range(2):
        maps = vgg.forward(styles[index])
        region = Region({name: (weight, compute_moments(maps[name])) for name, weight in layers.style.items()})
        expected = Objective(
            vgg,
            contents[index],
            {layers.content: 1.0},
            [region],
            style_loss="covariance",
            alpha=float(alphas[index]),
            relative=True,
            tv=2.0,
        )(images[index])
        assert float(evaluation.value[index]) == pytest.approx(float(expected.value), rel=1e-4)
        gradient = evaluation.gradient[index].permute(1, 2, 0)
        assert float((gradient - expected.gradient).norm() / expected.gradient.norm()) < 1e-3
