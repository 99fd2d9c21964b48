"""Instant styles and Live in a real Krita. What happens inside Krita is in in_krita/live.py."""

from __future__ import annotations

import pytest

from tests.plugin.krita_session import KritaSession

pytestmark = [pytest.mark.krita, pytest.mark.xdist_group("krita-live")]  # a Krita beside that of the other tests


def test_live_repaints_where_the_brush_stroke_was(krita: KritaSession) -> None:
    result = krita.run("live.follow_brush", limit=240)
    assert result["names"] == ["Background", "Photo", "Live: Harvest (50 %) on Photo"]
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


def test_stroke_is_seen_while_it_is_drawn(krita: KritaSession) -> None:
    result = krita.run("live.see_stroke", limit=240)
    assert result["opaque_before"]
    assert result["during"]["opacity"] == 0
    assert 0 < result["during"]["drawn"] <= result["during"]["canvas_changed"] < 3 * result["during"]["drawn"]  # only there
    assert result["opacity"] == 255
    assert result["visible"]
    assert result["painting_is_back"]
    assert "Brush" in result["undo_text"]
    assert result["own_opacity"] == result["opacity_after_nothing"] == 128  # the user's


def test_painting_is_not_left_invisible_while_the_engine_is_busy(krita: KritaSession) -> None:
    result = krita.run("live.draw_while_engine_is_busy", limit=240)
    assert result["opacities"] == [0, 255, 255]  # during a stroke, and after each
    assert result["seen"]
    assert result["painting_is_back"]
    assert result["on"]


def test_live_follows_settings_on_the_same_layer(krita: KritaSession) -> None:
    result = krita.run("live.follow_settings", limit=240)
    assert result["problem"] == ""
    assert result["starts"] == 2  # one for nine values of a slider, one for the style
    assert result["reads"] == 0
    assert result["different"] == [True, True, False]
    assert result["status"] == "Live needs an instant style: it keeps Rose window."
    assert result["status_after"] == "Live: follows your brush"
    assert result["names"] == ["Background", "Photo", "Live: Rose window (90 %) on Photo"]
    assert result["undo_after"] == result["undo_before"]


def test_live_in_the_docker_adds_no_layer_until_asked(krita: KritaSession) -> None:
    result = krita.run("live.show_in_docker", limit=240)
    assert result["size"] == [512, 384]
    kept = "Harvest (50 %) on Photo"
    assert result["names"] == [["Background", "Photo"], ["Background", "Photo", kept], ["Background", "Photo"]]
    assert result["canvas_is_content"]
    assert result["picture_changed"]
    assert result["picture_error"] < 2
    assert "Brush" in result["undo"][1]
    assert result["kept"] == [False, True, True]  # hidden, not active, painted
    assert result["status"] == f"Kept as a hidden layer: {kept}"
    assert result["shown"][:3] == [True, True, True]
    assert result["hidden"] == [True, result["shown"][3]]
    assert result["stored"] == "docker"
    assert result["kept_after_end"] == [["Background", "Photo", kept, f"Live: {kept}"], True]


@pytest.mark.parametrize(
    ("model", "depth", "profile", "max_error"),
    [
        ("RGBA", "U16", "sRGB-elle-V2-g10.icc", 1),
        ("RGBA", "F32", "sRGB-elle-V2-g10.icc", 1),
        ("GRAYA", "U8", "Gray-D50-elle-V2-srgbtrc.icc", 1),
        ("CMYKA", "U8", "Chemical proof", 12),  # not all grays of the content exist in it
    ],
)
def test_live_paints_in_other_color_spaces(
    krita: KritaSession, model: str, depth: str, profile: str, max_error: float
) -> None:
    result = krita.run("live.color_space", limit=240, model=model, depth=depth, profile=profile)
    assert result["problem"] == ""
    assert result["names"] == ["Background", "Photo", "Live: Harvest (50 %) on Photo"]
    assert result["canvas_error"] < 1
    assert result["error"] < max_error
    assert result["differs_from_content"] > 20
    assert "Brush" in result["undo"]


def test_live_waits_while_another_document_is_active(krita: KritaSession) -> None:
    result = krita.run("live.other_document", limit=240)
    assert result["document"]
    assert result["status"] == "Live follows test. It goes on when you return to it."
    assert result["opacity"] == 255  # a stroke in the other document does not matter
    assert result["polls"] == 0
    assert result["status_after"] == "Live: follows your brush"
    assert result["on"]


def test_live_panel_fits_a_narrow_docker(krita: KritaSession) -> None:
    result = krita.run("live.panel", limit=240)
    assert result["minimum_width"] <= 250
    assert result["on"]
    assert result["picture"] == [250, 188, True]  # of 512 x 384
    assert result["status"]
    assert result["names"] == ["Background", "Photo", "Harvest (50 %) on Photo"]
    assert result["show_in"] == "canvas"
    assert result["picture_hidden"]
    assert result["toggles"] == [False]
    assert result["off"]


def test_picture_that_is_kept_after_live_does_not_become_the_active_layer(krita: KritaSession) -> None:
    result = krita.run("live.keep_after_the_end")
    assert result == {"active": "Photo", "names": ["Background", "Photo", "Harvest (50 %) on Photo"], "problem": ""}


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("result layer removed", "its result layer was removed"),
        ("result layer undone", "its result layer was removed"),
        ("layer removed", "its layer was removed"),
        ("picture resized", "the picture's size was changed"),
        ("picture converted", "the picture's color space was changed"),
        ("engine killed", ""),
        ("document closed", "its picture was closed"),
    ],
)
def test_live_ends_when_something_it_needs_is_gone(krita: KritaSession, cause: str, reason: str) -> None:
    result = krita.run("live.end", cause=cause)
    assert result["status"] == (f"Live has ended: {reason}." if reason else "")
    assert not result["on"]
    assert result["document"] is None
    assert ("ended" in result["problem"]) == (cause == "engine killed")


def test_live_gives_way_to_a_painting_and_continues_after_it(krita: KritaSession) -> None:
    result = krita.run("live.give_way", limit=240)
    assert result["problem"] == ""
    assert "rows" not in result["live_ops"]
    assert result["names"] == ["Background", "Painting", "Photo"]
    assert result["same_engine"]
    assert result["on"]
    assert result["names_after"] == ["Background", "Painting", "Photo", "Live: Harvest (50 %) on Photo"]
    assert result["painted"]


def test_instant_style_paints_a_layer_like_any_other_style(krita: KritaSession) -> None:
    result = krita.run("live.paint_with_instant_style")
    assert result["problem"] == ""
    assert result["selected"] == "Rose window"
    assert not result["estimate_visible"]
    assert not result["train_visible"]
    assert result["names"] == ["Background", "Photo", ["Rose window (50 %) on Photo"]]
    assert result["status"].startswith("Done in")
    assert result["decoded"] == 0  # the history of the document is known
    assert result["names_with_live"] == [*result["names"], "Live: Rose window (50 %) on Photo"]  # above the group of results
    assert result["names_after_undo"] == ["Background", "Photo"]


def test_style_is_trained_while_another_painting_is_made(krita: KritaSession) -> None:
    result = krita.run("live.train", limit=240)
    assert result["problem"] == ""
    assert result["button_text"] == "Finish now"
    assert result["status"].startswith("Learning My painting: ")
    assert result["names_meanwhile"][-1] == ["Harvest (50 %) on Photo"]
    assert result["final_status"] == "My painting is an instant style now."
    assert result["selected"] == "My painting"
    assert result["names"][-1] == ["Harvest (50 %) on Photo", "My painting (50 %) on Photo"]
