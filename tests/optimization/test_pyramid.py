"""The levels of the pyramid: their sizes, steps and layers"""

from __future__ import annotations

from functools import partial

import pytest

from impasto.errors import OptionError
from impasto.optimization.pyramid import Level, pyramid_levels
from impasto.options import Options


def test_a_painting_gets_the_levels_above_its_size() -> None:
    options = Options(size=3000, init="painting", init_image="painting.png")
    levels = pyramid_levels((3000, 2000), options, 512)
    assert [(level.width, level.height) for level in levels] == [(750, 500), (1500, 1000), (3000, 2000)]
    assert all(level.learned and level.shallow for level in levels)
    assert [level.steps for level in levels] == [2, 2, 1]
    assert [level[:2] for level in pyramid_levels((3000, 2000), options, 1024)] == [(1500, 1000), (3000, 2000)]
    with pytest.raises(OptionError, match="give a larger size"):
        pyramid_levels((3000, 2000), options, 3000)


def test_pyramid_levels_grow_by_sqrt_two() -> None:
    from_content = partial(Options, init="content")
    levels = pyramid_levels((1024, 768), from_content(size=512))
    assert [(level.width, level.height) for level in levels] == [(128, 96), (181, 136), (256, 192), (362, 272), (512, 384)]
    assert [level.steps for level in levels] == sorted((level.steps for level in levels), reverse=True)
    assert len(pyramid_levels((1024, 768), Options(preset="paper"))) == 1
    assert pyramid_levels((1024, 768), from_content(size=512, iterations=7))[-1] == Level(512, 384, 7)
    assert min(level.height for level in pyramid_levels((1600, 100), from_content(size=1600))) >= 16


def test_the_learned_optimizer_paints_the_levels_and_the_other_one_refines_them() -> None:
    first = pyramid_levels((1024, 768), Options(size=512, quality="instant"))
    levels = pyramid_levels((1024, 768), Options(size=512))
    assert all(level.learned for level in first)
    assert [(level.width, level.deepest) for level in first] == [(128, "conv4_1"), (256, "conv3_1"), (512, "conv3_1")]
    for size, widths in {100: [100], 181: [128, 181], 362: [128, 181, 362], 1024: [128, 256, 512, 1024]}.items():
        levels_of_size = pyramid_levels((1024, 768), Options(size=size, quality="instant"))
        assert [level.width for level in levels_of_size] == widths
    forms, strokes, final = levels[3:]  # after the instant result
    assert levels[:3] == first
    assert forms == Level(128, 96, forms.steps)
    assert strokes == first[-1]._replace(steps=1)
    assert final == Level(512, 384, final.steps)
    unit = levels[-1].step_cost
    costs = {
        quality: sum(level.steps * level.step_cost for level in pyramid_levels((1024, 768), Options(quality=quality))) / unit
        for quality in ("instant", "draft", "normal", "fine")
    }
    assert costs["instant"] <= 5
    assert costs["draft"] <= 12
    assert costs["normal"] <= 28
    assert costs["fine"] >= 2 * costs["normal"]


@pytest.mark.parametrize("init", ["instant", "content", "net:harvest"])
def test_levels_above_the_forms_are_shallow_with_few_steps(init: str) -> None:
    levels = pyramid_levels((4096, 3072), Options(size=2048, init=init))
    upper = [level for level in levels if level.width > 560]
    deep = levels[: -len(upper)]
    assert [(level.width, level.height) for level in upper] == [(1024, 768), (2048, 1536)]
    assert all(level.shallow and level.learned == (init == "instant") for level in upper)
    assert deep[-1].width == 512
    assert not deep[-1].shallow
    small = pyramid_levels((4096, 3072), Options(size=512, init=init))
    assert deep == small
    assert sum(level.steps * level.step_cost for level in upper) <= 3 * sum(level.steps * level.step_cost for level in small)
    assert pyramid_levels((4096, 3072), Options(size=2048, init=init, iterations=7))[-1] == upper[-1]._replace(steps=7)


def test_the_whole_method_uses_all_layers_at_every_size() -> None:
    for settings in ({"preset": "paper"}, {"preset": "crowson"}, {"init": "content", "ladder": False}):
        assert not any(level.shallow for level in pyramid_levels((4096, 3072), Options(size=2048, **settings)))
    single = pyramid_levels((1024, 768), Options(size=512, init="instant", ladder=False, iterations=7))
    assert [(level.width, level.steps) for level in single if not level.learned] == [(512, 7)]
    assert pyramid_levels((1024, 768), Options(size=512, iterations=7))[-1] == Level(512, 384, 7)
