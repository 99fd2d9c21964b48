"""Instant styles and Live in a real Krita. What happens inside Krita is in in_krita/live.py."""

from __future__ import annotations

import pytest

from tests.plugin.krita_session import KritaSession

pytestmark = [pytest.mark.krita, pytest.mark.xdist_group("krita-live")]  # a Krita beside that of the other tests


def test_live_repaints_where_the_brush_stroke_was(krita: KritaSession) -> None:
    result = krita.run("live.follow_brush", limit=240)
    assert result["names"] == ["Background", "Photo", "Photo x Harvest (50 %) live"]
    assert result["content_active"]  # the brush stays on the photo
    assert result["on"]
    assert result["status"] == "Live: follows your brush"
    assert result["painted"]
    assert result["polls"] > 0
    assert result["polls_during_stroke"] <= 1  # a stroke is not slowed down
    left, top, right, bottom = result["stroke"]
    box = result["repainted"]
    assert box[0] <= left
    assert box[2] >= right
    assert box[0] > left - 90
    assert box[1] > top - 90
    assert box[2] < right + 90
    assert box[3] < bottom + 90
    assert "Brush" in result["undo_text"]  # repainting adds no undo steps
    assert result["undone"]
    assert result["off"]
    assert result["names_after"] == result["names"]


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("result layer removed", "its result layer was removed"),
        ("layer removed", "its layer was removed"),
        ("picture resized", "the picture's size was changed"),
        ("picture converted", "the picture's color space was changed"),
        ("engine killed", ""),
        ("document closed", ""),
    ],
)
def test_live_ends_when_something_it_needs_is_gone(krita: KritaSession, cause: str, reason: str) -> None:
    result = krita.run("live.end", cause=cause)
    assert result["status"] == (f"Live has ended: {reason}." if reason else "")
    assert not result["on"]
    assert ("ended" in result["problem"]) == (cause == "engine killed")


def test_live_gives_way_to_a_painting_and_continues_after_it(krita: KritaSession) -> None:
    result = krita.run("live.give_way", limit=240)
    assert result["problem"] == ""
    assert result["live_ops"] == ["done"]  # without rows
    assert result["names"] == ["Background", "Painting", "Photo"]
    assert result["same_engine"]
    assert result["on"]
    assert result["names_after"] == ["Background", "Painting", "Photo", "Photo x Harvest (50 %) live"]
    assert result["painted"]


def test_instant_style_paints_a_layer_like_any_other_style(krita: KritaSession) -> None:
    result = krita.run("live.paint_with_instant_style")
    assert result["problem"] == ""
    assert result["has_icon"]
    assert not result["estimate_visible"]
    assert not result["train_visible"]
    assert result["names"] == ["Background", "Photo", "Photo x Rose window (50 %)"]
    assert result["status"].startswith("Done in")
    assert result["names_after_undo"] == ["Background", "Photo"]


def test_style_is_trained_while_another_painting_is_made(krita: KritaSession) -> None:
    result = krita.run("live.train", limit=240)
    assert result["problem"] == ""
    assert result["button_text"] == "Stop training and keep the result"
    assert result["status"].startswith("Learning My painting: ")
    assert "Photo x Harvest (50 %)" in result["names_meanwhile"]
    assert result["final_status"] == "My painting is an instant style now."
    assert result["selected"] == "My painting"
    assert "Photo x My painting (50 %)" in result["names"]
