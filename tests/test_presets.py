"""The presets: those of the paper and of other programs have the balance and layers of their originals."""

from __future__ import annotations

import pytest

from impasto import Options
from impasto.layers import parse_layers
from impasto.presets import PRESETS


def test_paper_preset_has_the_settings_of_the_paper() -> None:
    options = Options(preset="paper")
    assert options.content_weight(512, 384) == (1e-3, True)
    assert parse_layers(options.style_layers) == {f"conv{block}_1": 0.2 for block in range(1, 6)}
    assert parse_layers(options.content_layers) == {"conv4_2": 1.0}
    assert (options.pooling, options.padding, options.init, options.ladder, options.tv) == (
        "average",
        "zero",
        "content",
        False,
        0,
    )


@pytest.mark.parametrize(
    ("preset", "steps", "ratios"),  # alpha / (beta w_l) at 512 x 384 in the paper's units, derived from their source code
    [
        ("paper", 500, (5e-3, 5e-3, 5e-3, 5e-3, 5e-3)),
        ("johnson", 1000, (6.5e-5, 2.6e-4, 1.04e-3, 4.17e-3, 4.17e-3)),
        ("gatys2017", 500, (1.3e-6, 5.2e-6, 2.1e-5, 8.3e-5, 8.3e-5)),
    ],
)
def test_presets_of_older_programs_have_their_balance(preset: str, steps: int, ratios: tuple[float, ...]) -> None:
    options = Options(preset=preset)
    alpha, in_paper_units = options.content_weight(512, 384)
    assert in_paper_units
    layer_ratios = [alpha / weight for weight in parse_layers(options.style_layers).values()]
    assert layer_ratios == pytest.approx(ratios, rel=0.02)
    assert (options.style_loss, options.optimizer, PRESETS[preset].steps) == ("gram", "lbfgs", steps)
    assert options.init == ("noise" if preset == "johnson" else "content")
    assert options.pooling == ("average" if preset == "paper" else "max")


def test_crowson_preset_has_the_loss_and_layers_of_that_program() -> None:
    options = Options(preset="crowson")
    weights = parse_layers(options.style_layers)
    assert [weight / weights["conv5_1"] for weight in weights.values()] == pytest.approx([256, 64, 16, 4, 1])
    assert (options.style_loss, options.optimizer, options.ladder) == ("wasserstein", "adam", True)
    weight, in_paper_units = options.content_weight(512, 384)
    assert not in_paper_units  # the loss is relative: 1e-3 would be the balance of the style loss itself
    assert weight == pytest.approx(Options(style_loss="wasserstein", ratio=1e-3).content_weight(512, 384)[0] * 0.08)
    assert Options(preset="crowson", strength=0.5).content_weight(512, 384)[0] == weight
    assert (options.init, options.pooling, options.tv, PRESETS["crowson"].steps) == ("content", "max", 2, 500)
