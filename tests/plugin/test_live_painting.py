"""Instant styles in a real Krita: at once, live under a real brush, and learned beside the work."""

from __future__ import annotations

import pytest


def test_the_painting_follows_the_brush_where_it_was(inside) -> None:
    told = inside("living.follows", limit=240)
    assert told["names"] == ["Background", "Photo", "Photo x Harvest (50 %) live"]
    assert told["active"]  # the brush stays on the photo
    assert told["on"]
    assert told["shown"] == "Live: follows your brush"
    assert told["painted"]
    assert told["looks"] > 0
    assert told["looks_in_a_stroke"] <= 1  # a stroke has Krita to itself
    left, top, right, bottom = told["stroke"]
    near = told["repainted"]
    assert near[0] <= left
    assert near[2] >= right
    assert near[0] > left - 90
    assert near[1] > top - 90
    assert near[2] < right + 90
    assert near[3] < bottom + 90
    assert "Brush" in told["undo"]  # the painting leaves no steps of its own
    assert told["undone"]
    assert told["off"]
    assert told["stays"]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("painting removed", "its painting has been removed"),
        ("layer removed", "its layer is gone"),
        ("picture resized", "the picture has another size"),
        ("picture converted", "the picture has other colors"),
        ("engine gone", ""),
        ("document closed", ""),
    ],
)
def test_live_ends_with_what_it_lives_on(inside, how: str, says: str) -> None:
    told = inside("living.ends", how=how)
    assert told["status"] == (f"Live has ended: {says}." if says else "")
    assert not told["checked"]
    assert ("ended" in told["problem"]) == (how == "engine gone")


def test_live_gives_way_to_a_painting_and_goes_on_after_it(inside) -> None:
    told = inside("living.gives_way", limit=240)
    assert told["problem"] == ""
    assert told["live"] == ["done"]  # without rows
    assert told["answered"] < 3  # which is as long as the plugin waits
    assert told["names"] == ["Background", "Painting", "Photo"]
    assert told["same"]  # the engine that was cancelled has answered, and need not be ended
    assert told["on"]
    assert told["after"] == ["Background", "Painting", "Photo", "Photo x Harvest (50 %) live"]
    assert told["painted"]


def test_an_instant_style_paints_a_layer_like_any_other(inside) -> None:
    told = inside("living.paints_at_once")
    assert told["problem"] == ""
    assert told["icon"]
    assert not told["estimate"]
    assert not told["learn"]
    assert told["names"] == ["Background", "Photo", "Photo x Rose window (50 %)"]
    assert told["status"].startswith("Done in")
    assert told["undone"] == ["Background", "Photo"]


def test_a_style_is_made_instant_beside_the_work(inside) -> None:
    told = inside("living.learns", limit=240)
    assert told["problem"] == ""
    assert told["label"] == "Stop learning, and keep it"
    assert told["status"].startswith("Learning My painting: ")
    assert "Photo x Harvest (50 %)" in told["meanwhile"]
    assert told["ended"] == "My painting is an instant style now."
    assert told["chosen"] == "My painting"
    assert "Photo x My painting (50 %)" in told["names"]
