"""Painting the frames of an animation in a real Krita. What happens inside Krita is in in_krita/animation.py."""

from __future__ import annotations

import pytest

from tests.plugin.krita_session import KritaSession

pytestmark = [pytest.mark.krita, pytest.mark.xdist_group("krita-live")]  # a Krita beside that of the other tests


@pytest.mark.parametrize(
    ("depth", "profile"), [("U8", "sRGB-elle-V2-srgbtrc.icc"), ("U16", "sRGB-elle-V2-g10.icc")], ids=["8 bits", "16 bits"]
)
def test_twelve_frames_become_an_animated_layer(krita: KritaSession, depth: str, profile: str) -> None:
    result = krita.run("animation.paint_twelve_frames", depth=depth, profile=profile)
    assert result["status"] == "12 frames were added."
    assert result["names"] == ["Background", "Walk", "Harvest (50 %) on Walk", "Line art"]
    assert result["starts"] == 12
    assert result["keyframes"] == [0, *range(2, 15)]  # after the last one, the layer is transparent
    assert result["contents"]  # Krita shows the pixels that were written
    assert result["painted"] == [True] * 12
    assert result["different"] == 12
    assert result["same_alpha"] == [True] * 12
    assert result["outside"] == [False, False, False]
    assert result["opacity"] == 200
    assert (result["active"], result["time"], result["documents"]) == ("Walk", 5, 1)
    assert result["undo_steps"] == ["Add Layer"]
    assert result["names_after_undo"] == ["Background", "Walk", "Line art"]
    assert result["after_redo"]


def test_only_the_rest_is_painted_after_a_stop(krita: KritaSession) -> None:
    result = krita.run("animation.stop_and_resume")
    done = result["done"]
    assert 3 <= done < 8
    assert result["status"] == f"Stopped: {done} of 8 frames are done."
    assert result["can_resume"]
    assert result["names"] == ["Background", "Walk"]
    assert result["names_with_done"] == ["Background", "Walk", "Harvest (50 %) on Walk"]
    assert result["done_keyframes"] == list(range(done + 1))
    assert result["painted_after_resume"] == 8 - done
    assert result["same_frames"]
    assert result["painted_without_stop"] == 8
    assert result["same_as_without_stop"]


def test_only_the_selection_is_painted_and_held_frames_stay_held(krita: KritaSession) -> None:
    result = krita.run("animation.paint_selection_of_held_frames")
    assert result["status"] == "6 frames were added."
    assert result["starts"] == 3
    assert result["keyframes"] == [0, 2, 4, 6]
    assert result["held"] == [True, False, True, False, True]
    assert result["alphas"] == [0, 0, 100, 100, 255, 255, 0]
    transparent, outside = result["bounds"]
    assert transparent == outside


def test_hidden_group_with_a_mask_is_painted_as_it_was_at_the_start(krita: KritaSession) -> None:
    result = krita.run("animation.paint_group_with_mask")
    assert result["status"] == "3 frames were added."
    assert result["starts"] == 3
    assert result["names"] == ["Background", "Group", "Harvest (0 %) on Group"]
    assert result["visible"] == [False, True]
    assert result["alphas"] == [255, 255, 255]
    assert all(abs(blue - 95) < 60 for blue in result["blue"])


@pytest.mark.parametrize(
    ("cause", "status", "can_resume"),
    [
        ("layer removed", "6 frames were added.", False),  # on top: they were read already
        ("picture resized", "The picture's size was changed: paint the frames again.", False),
        ("document closed", "The picture was closed.", False),
        ("engine killed", "The engine has ended: press Resume to go on.", True),
    ],
)
def test_nothing_is_lost_when_something_is_gone(krita: KritaSession, cause: str, status: str, can_resume: bool) -> None:
    result = krita.run("animation.end", cause=cause)
    assert result["status"].startswith(status)
    assert result["can_resume"] == can_resume
    if cause == "layer removed":
        assert result["names"] == ["Background", "Other", "Harvest (50 %) on Walk"]
    elif cause == "engine killed":
        assert result["names"] == ["Background", "Walk", "Other"]
        assert result["names_after_resume"] == ["Background", "Walk", "Harvest (50 %) on Walk", "Other"]
        assert result["starts"] in (6, 7)  # the frame that was being painted, if any, is painted again
