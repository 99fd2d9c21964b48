from __future__ import annotations

import dataclasses
import importlib.resources
import subprocess
import sys

import pytest

from impasto import Options
from impasto.errors import OptionError
from impasto.layers import LAYERS, parse_layers
from impasto.presets import PRESET_STEPS, PRESETS


def test_a_preset_fills_what_is_not_given_and_a_single_option_overrides_it() -> None:
    options = Options(preset="paper", pooling="max")
    assert (options.pooling, options.init, options.style_loss, options.padding) == ("max", "noise", "gram", "zero")
    assert all(getattr(Options(preset=name), field) == PRESETS[name][field] for name in PRESETS for field in PRESETS[name])


def test_the_papers_preset_is_the_papers() -> None:
    options = Options(preset="paper")
    assert options.balance(512, 384) == (1e-3, True)
    assert parse_layers(options.style_layers) == {f"conv{block}_1": 0.2 for block in range(1, 6)}
    assert parse_layers(options.content_layers) == {"conv4_2": 1.0}
    assert (options.pooling, options.padding, options.init, options.ladder, options.tv) == (
        "average",
        "zero",
        "noise",
        False,
        0,
    )


@pytest.mark.parametrize(
    ("preset", "steps", "ratios"),  # alpha / (beta w_l) at 512 x 384 in the paper's units, as worked out from their programs
    [
        ("paper", 500, (5e-3, 5e-3, 5e-3, 5e-3, 5e-3)),
        ("johnson", 1000, (6.5e-5, 2.6e-4, 1.04e-3, 4.17e-3, 4.17e-3)),
        ("gatys2017", 500, (1.3e-6, 5.2e-6, 2.1e-5, 8.3e-5, 8.3e-5)),
    ],
)
def test_the_older_programs_presets_have_their_balance(preset: str, steps: int, ratios: tuple[float, ...]) -> None:
    options = Options(preset=preset)
    alpha, papers = options.balance(512, 384)
    assert papers
    found = [alpha / weight for weight in parse_layers(options.style_layers).values()]
    assert found == pytest.approx(ratios, rel=0.02)
    assert (options.style_loss, options.optimizer, PRESET_STEPS[preset]) == ("gram", "lbfgs", steps)
    assert options.init == ("content" if preset == "gatys2017" else "noise")
    assert options.pooling == ("average" if preset == "paper" else "max")


def test_crowsons_preset_has_its_loss_and_layers() -> None:
    options = Options(preset="crowson")
    weights = parse_layers(options.style_layers)
    assert [weight / weights["conv5_1"] for weight in weights.values()] == pytest.approx([256, 64, 16, 4, 1])
    assert (options.style_loss, options.optimizer, options.ladder) == ("wasserstein", "adam", True)
    own, papers = options.balance(512, 384)
    assert not papers  # the loss is relative: 1e-3 would be the balance of the style loss itself
    assert own == pytest.approx(Options(style_loss="wasserstein", ratio=1e-3).balance(512, 384)[0] * 0.08)
    assert Options(preset="crowson", strength=0.5).balance(512, 384)[0] == own
    assert (options.init, options.pooling, options.tv, PRESET_STEPS["crowson"]) == ("content", "max", 2, 500)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "papper"}, "did you mean 'paper'"),
        ({"network": "vgg17"}, "did you mean 'vgg1"),
        ({"style_layers": "conv4_9"}, "did you mean 'conv4_"),
        ({"content_layers": ""}, "at least one layer"),
        ({"style_layers": "conv1_1:0"}, "above 0"),
        ({"style_layers": "conv1_1:many"}, "is not a number"),
        ({"style_layers": "conv1_1:-1"}, "is not a number from 0 up"),
        ({"size": 20000}, "from 0 to 16384"),
        ({"size": 7}, "32 to 16384"),
        ({"size": "large"}, "a whole number"),
        ({"size": 51.5}, "a whole number"),
        ({"strength": 1.5}, "from 0 to 1"),
        ({"strength": float("nan")}, "a number"),
        ({"strength": 0.5, "ratio": 1e-3}, "one of the two"),
        ({"tv": -1}, "0 or more"),
        ({"ladder": "yes"}, "true or false"),
        ({"seed": 1.5}, "a whole number"),
        ({"seed": True}, "a whole number"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"init": "image"}, "give init_image"),
        ({"init": "noise", "init_image": "a.png"}, "give one of the two"),
        ({"style_weights": (1, "x")}, "a number"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(settings: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        Options(**settings)
    assert "\n" not in str(caught.value)


def test_none_is_what_it_would_be_without() -> None:
    assert Options(seed=None, quality=None, precision=None) == Options()


def test_text_from_a_command_line_becomes_numbers() -> None:
    options = Options(size="768", strength="0.25", style_weights=("2", "1"))
    assert (options.size, options.strength, options.style_weights) == (768, 0.25, (2.0, 1.0))


def test_strength_is_logarithmic_and_the_same_at_every_size() -> None:
    own, papers = Options().balance(512, 384)
    assert not papers
    assert Options(strength=0.5).balance(64, 64)[0] == own
    assert Options(strength=0.25).balance(512, 384)[0] == pytest.approx(own * 10)
    assert Options(strength=0).balance(512, 384)[0] == pytest.approx(own * 100)
    assert Options(strength=0.9).balance(512, 384)[0] == pytest.approx(own / 10)
    assert Options(preset="paper", strength=0.5).balance(512, 384) == (1e-3, True)  # the preset's own
    assert Options(preset="paper", strength=0.9).balance(512, 384)[0] == pytest.approx(1e-4)


def test_ratio_is_the_papers() -> None:
    assert Options(preset="paper").ratio == 1e-3
    assert Options(preset="paper", ratio=1e-4).balance(64, 64) == (1e-4, True)
    # The older programs average over positions: four times as many, a quarter of the weight of their sum.
    small, large = (Options(preset="johnson").balance(*size)[0] for size in ((256, 192), (512, 384)))
    assert small == pytest.approx(4 * large)
    assert large == pytest.approx(4.85e-5)
    with pytest.raises(OptionError, match="one of the two"):
        Options(ratio=1e-3, strength=0.5)


def test_options_can_be_changed_only_by_replacing_them() -> None:
    options = Options(preset="paper")
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.size = 3  # type: ignore[misc]
    assert dataclasses.replace(options, size=640).size == 640


def test_layers_are_those_of_the_network() -> None:
    assert len(LAYERS["vgg16"]) == 13
    assert len(LAYERS["vgg19"]) == 16
    with pytest.raises(OptionError, match="no layer in vgg16 'conv3_4'"):
        parse_layers("conv3_4", "vgg16")


def test_options_need_neither_torch_nor_numpy() -> None:
    code = "import sys, impasto; impasto.Options(); print(sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_type_checkers_are_told_that_there_are_types() -> None:
    assert importlib.resources.files("impasto").joinpath("py.typed").is_file()
