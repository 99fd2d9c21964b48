from __future__ import annotations

import dataclasses
import importlib.resources
import subprocess
import sys
from typing import Any

import pytest

from impasto import Options
from impasto.errors import OptionError
from impasto.options import resolve_options
from impasto.presets import PRESETS


def test_a_refinement_begins_with_the_painting_alone() -> None:
    options = Options(strength=0.7, init="content", init_noise=0.3, iterations=9)
    refined = options.refinement("painting.png")
    assert (refined.init, refined.init_image, refined.init_noise, refined.iterations) == ("painting", "painting.png", 0, None)
    assert refined.strength == 0.7
    for other in (Options(preset="paper"), Options(network="vgg19"), Options(ladder=False)):
        with pytest.raises(OptionError, match="cannot be refined"):
            other.refinement("painting.png")


def test_preset_fills_unset_options_and_explicit_options_override_it() -> None:
    options = Options(preset="paper", pooling="max")
    assert (options.pooling, options.init, options.style_loss, options.padding) == ("max", "content", "gram", "zero")
    assert all(
        getattr(Options(preset=name), field) == PRESETS[name].values[field]
        for name in PRESETS
        for field in PRESETS[name].values
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "papper"}, "did you mean 'paper'"),
        ({"network": "vgg17"}, "did you mean 'vgg1"),
        ({"style_layers": "conv4_9"}, "did you mean 'conv4_"),
        ({"content_layers": ""}, "at least one layer"),
        ({"style_layers": "conv1_1:0"}, "above 0"),
        ({"style_layers": "conv1_1:many"}, "'many' of 'conv1_1' is not valid: give a number"),
        ({"style_layers": "conv1_1:-1"}, "is not valid: give a number of 0 or more"),
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
        ({"init": "painting"}, "give init_image"),
        ({"init": "painting", "init_image": "a.png", "network": "vgg19"}, "init painting needs"),
        ({"init": "noise", "init_image": "a.png"}, "give one of the two"),
        ({"init": "instant", "weights": "vgg.pth"}, "init instant needs preset impasto and network vgg16"),
        ({"init": "instant", "preset": "paper"}, "init instant needs preset impasto and network vgg16"),
        ({"quality": "instant", "network": "vgg19"}, "quality instant needs preset impasto and network vgg16"),
        ({"quality": "instant", "content_layers": "none"}, "quality instant needs content_layers and style_layers"),
        ({"style_weights": (1, "x")}, "a number"),
    ],
)
def test_invalid_options_raise_a_one_line_error(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        Options(**settings)
    assert "\n" not in str(caught.value)


def test_a_first_result_and_the_run_that_refines_it() -> None:
    options = Options(strength=0.7, size=0, iterations=3)
    assert (options.init, options.network, options.network_to_load) == ("instant", "auto", "vgg16")
    assert options.first_result(4000) == Options(strength=0.7, size=512, quality="instant")
    assert options.first_result(400) == Options(strength=0.7, size=400, quality="instant")
    for settings in (
        {"network": "vgg19"},
        {"weights": "a"},
        {"content_layers": "none"},
        {"init": "noise"},
        {"preset": "paper"},
    ):
        options = resolve_options(settings)
        assert options.first_result(400) is None
        assert options.network_to_load == options.network
    assert Options(quality="instant").first_result(400) is None


def test_runs_start_from_the_instant_result_where_it_can_be_painted() -> None:
    for settings in ({"network": "vgg19"}, {"weights": "a"}, {"style_layers": "none"}, {"ladder": False}, {"init": "content"}):
        assert Options(**settings).init == "content"
        assert resolve_options(settings, Options()).init == "content"
        assert resolve_options({"strength": 0.3}, Options(**settings)).init == "content"
    assert resolve_options({"init": "noise"}, Options()).init == "noise"
    assert resolve_options({"init_image": "a.png"}, Options()).init == "image"
    assert resolve_options({"strength": 0.3}, Options(init="instant")).init == "instant"
    assert Options(preset="crowson").init == "content"


def test_none_means_unset() -> None:
    assert Options(seed=None, quality=None, precision=None) == Options()  # type: ignore[arg-type]


def test_text_from_the_command_line_becomes_numbers() -> None:
    options = Options(size="768", strength="0.25", style_weights=("2", "1"))  # type: ignore[arg-type]
    assert (options.size, options.strength, options.style_weights) == (768, 0.25, (2.0, 1.0))


def test_both_spellings_of_the_normalized_networks_are_accepted() -> None:
    assert Options(network="vgg19-normalized").network == Options(network="vgg19-normalised").network == "vgg19-normalised"


def test_strength_is_logarithmic_and_the_same_at_every_size() -> None:
    weight, in_paper_units = Options().content_weight(512, 384)
    assert not in_paper_units
    assert Options(strength=0.5).content_weight(64, 64)[0] == weight
    assert Options(strength=0.25).content_weight(512, 384)[0] == pytest.approx(weight * 10)
    assert Options(strength=0).content_weight(512, 384)[0] == pytest.approx(weight * 100)
    assert Options(strength=0.9).content_weight(512, 384)[0] == pytest.approx(weight / 10)
    assert Options(preset="paper", strength=0.5).content_weight(512, 384) == (1e-3, True)  # the preset's own
    assert Options(preset="paper", strength=0.9).content_weight(512, 384)[0] == pytest.approx(1e-4)


def test_ratio_is_in_the_units_of_the_paper() -> None:
    assert Options(preset="paper").ratio == 1e-3
    assert Options(preset="paper", ratio=1e-4).content_weight(64, 64) == (1e-4, True)
    # The older programs average over positions: with four times as many, a quarter of the weight of their sum.
    small, large = (Options(preset="johnson").content_weight(*size)[0] for size in ((256, 192), (512, 384)))
    assert small == pytest.approx(4 * large)
    assert large == pytest.approx(4.85e-5)
    with pytest.raises(OptionError, match="one of the two"):
        Options(ratio=1e-3, strength=0.5)


def test_options_are_frozen_and_can_be_replaced() -> None:
    options = Options(preset="paper")
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.size = 3  # type: ignore[misc]
    assert dataclasses.replace(options, size=640).size == 640


def test_resolving_rejects_unknown_names_and_a_second_preset() -> None:
    with pytest.raises(OptionError, match="no option 'stregth': did you mean 'strength'"):
        resolve_options({"stregth": 0.5})
    with pytest.raises(OptionError, match="preset"):
        resolve_options({"preset": "paper"}, Options())
    assert resolve_options({}, options := Options()) is options


def test_options_load_neither_torch_nor_numpy() -> None:
    code = "import sys, impasto; impasto.Options(); print(sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_package_declares_its_types() -> None:
    assert importlib.resources.files("impasto").joinpath("py.typed").is_file()


def test_help_names_what_float32_means_on_cards_with_tensor_cores() -> None:
    (precision,) = (field for field in dataclasses.fields(Options) if field.name == "precision")
    assert "TF32" in precision.metadata["help"]
