"""The plugin in a real Krita, with the real engine at a small size. What happens inside is in inside.py and mishaps.py."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest


def picture(hexed: str, width: int = 96, height: int = 64) -> np.ndarray:
    """(height, width, 4): blue, green, red, alpha"""
    return np.frombuffer(bytes.fromhex(hexed), np.uint8).reshape(height, width, 4).astype(float)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """How far two pictures' styles are from each other, in the plainest way: means and covariances of their colors"""

    def moments(values: np.ndarray) -> np.ndarray:
        colors = values[..., :3].reshape(-1, 3) / 255
        return np.concatenate([colors.mean(0), np.cov(colors.T).ravel()])

    return float(np.linalg.norm(moments(one) - moments(other)))


def test_the_menu_action_paints_the_active_layer_in_the_style_of_another(inside) -> None:
    told = inside("by_menu_action")
    assert told["problem"] == ""
    assert told["names"] == ["Background", "Photo", "Photo x Painting (60 %)", "Painting"]
    assert told["untouched"]
    assert told["hidden"]
    assert told["again"].count("Photo x Painting (60 %)") == 2


def test_the_docker_paints_and_one_undo_takes_it_back(inside) -> None:
    told = inside("by_docker")
    assert told["problem"] == ""
    assert told["names"] == ["Background", "Photo", "Photo x Painting (50 %)", "Painting"]
    assert told["bounds"] == [96, 64]
    assert max(told["preview"][:2]) <= 512
    assert re.fullmatch(r"64 x 43: about \d+ (s|min), \d\.\d GB of memory", told["estimate"])
    photo, style, result = picture(told["photo"]), picture(told["style"]), picture(told["result"])
    assert distance(result, style) < 0.6 * distance(photo, style)
    assert (result[..., 3] == 255).all()
    assert told["undone"]
    assert told["redone"]


def test_place_and_alpha_are_kept(inside) -> None:
    told = inside("offset_and_alpha")
    assert told["problem"] == ""
    assert told["bounds"] == told["wanted"]
    assert told["alpha"] == told["of"]


def test_a_selection_limits_the_result_with_its_soft_edge(inside) -> None:
    told = inside("selected")
    assert told["problem"] == ""
    assert told["alpha"] == told["mask"]
    assert 0 < np.frombuffer(bytes.fromhex(told["mask"]), np.uint8).mean() < 64


@pytest.mark.parametrize("kind", ["group", "vector", "clone", "fill", "file", "mask", "locked", "animated", "long name"])
def test_layers_of_every_kind_with_a_hidden_masked_style(inside, kind: str) -> None:
    told = inside("sources", kind=kind)
    assert told["problem"] == ""
    assert told["count"] == 1
    assert told["type"] == "paintlayer"
    assert told["above"]
    assert told["hidden"]
    assert told["locks"] == [[kind == "locked"] * 2, [False, False]]  # the source as it was, the result plain
    assert ("Only the current frame" in told["status"]) == (kind == "animated")
    assert len(told["name"]) < 100
    # The style's mask inverts it: what was orange and blue is blue and orange, so that its mean is another one.
    result = picture(told["result"])
    seen = result[..., 3] > 128
    inverted = 255 - np.mean([[200, 60, 34], [23, 190, 240]], axis=0)
    assert np.abs(result[seen][:, :3].mean(0) - inverted).mean() < 45


@pytest.mark.parametrize(
    ("model", "depth", "profile"),
    [
        ("RGBA", "U16", "sRGB-elle-V2-srgbtrc.icc"),
        ("RGBA", "F32", "sRGB-elle-V2-g10.icc"),
        ("GRAYA", "U8", "Gray-D50-elle-V2-srgbtrc.icc"),
        ("CMYKA", "U8", "Chemical proof"),
    ],
)
def test_any_color_space(inside, model: str, depth: str, profile: str) -> None:
    told = inside("in_space", model=model, depth=depth, profile=profile)
    assert told["problem"] == ""
    assert told["space"] == [model, depth, True]
    assert ("clipped" in told["status"]) == (depth == "F32")
    photo, style, result = picture(told["photo"]), picture(told["style"]), picture(told["result"])
    assert distance(result, style) < 0.6 * distance(photo, style)


def test_stop_is_prompt_and_leaves_no_layer_and_a_warm_engine(inside) -> None:
    told = inside("mishaps.cancelled")
    assert told["kept"]
    assert told["stopped_in"] < 1
    assert told["answered_in"] < 1
    assert told["warm"]
    assert told["problem"] == ""
    assert "Photo x Painting (50 %)" in told["next"]


def test_closing_the_document_ends_the_work_silently(inside) -> None:
    assert inside("mishaps.document_closed") == {"problem": "", "documents": 0}


def test_where_the_layer_is_undone_the_result_goes_on_top(inside) -> None:
    told = inside("mishaps.anchor_undone")
    assert told["gone"]
    assert told["problem"] == ""
    assert told["names"] == ["Background", "Painting", "Photo x Painting (50 %)"]


def test_a_killed_engine_is_told_and_the_next_picture_starts_it_again(inside) -> None:
    told = inside("mishaps.engine_killed")
    assert told["kept"]
    assert "engine ended unexpectedly" in told["problem"]
    assert "Photo x Painting (50 %)" in told["next"]


def test_an_engine_that_hangs_is_replaced(inside) -> None:
    told = inside("mishaps.engine_hangs")
    assert told["idle"]
    assert told["problem"] == ""
    assert "Photo x Painting (50 %)" in told["names"]


def test_no_engine_outlives_krita(inside) -> None:
    process = inside("mishaps.quits_in_the_middle")
    until = time.monotonic() + 5
    while time.monotonic() < until and _runs(process):
        time.sleep(0.05)
    assert not _runs(process)


def test_two_windows_show_one_job_and_refuse_a_second(inside) -> None:
    told = inside("mishaps.two_windows")
    assert told["labels"] == ["Stop", "Stop"]
    assert "stop it first" in told["refused"]
    assert told["names"].count("Photo x Painting (50 %)") == 1


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("empty", "Empty is empty"),
        ("tiny", "too small"),
        ("filter", "Filter shows no picture of its own"),
        ("itself", "cannot be its own style"),
        ("beside", "The selection is beside the layer"),
        ("outside", "The selection is beside the layer"),
        ("missing file", "there is no file '/nowhere/gone.png'"),
    ],
)
def test_what_cannot_be_painted_is_said_in_a_sentence(inside, case: str, sentence: str) -> None:
    told = inside("mishaps.refused", case=case)
    assert sentence in told["problem"]
    assert told["kept"]


def test_without_a_picture_the_action_is_off_and_the_button_says_why(inside) -> None:
    told = inside("mishaps.no_document")
    assert told["enabled"] is False
    assert told["with"] is True
    assert told["shown"] == "There is no layer to paint: open a picture first."


def test_two_styles_are_mixed_by_their_shares_or_go_to_regions(inside) -> None:
    told = inside("two_styles")
    assert told["problem"] == ""
    assert told["options"]["style_weights"] == [0.75, 0.25]
    assert "Photo x Painting + Third (50 %)" in told["names"]
    assert {name: told["chosen"][name] for name in ("padding", "style_loss")} == {
        "padding": "circular",
        "style_loss": "moments",
    }
    for name, side in (("regions", 1), ("masked", -1)):  # the second style is green: to the left, then to the right
        painted = picture(told[name]).astype(float)
        greener = painted[..., 1] - painted[..., [0, 2]].mean(2)
        assert side * (greener[:, :40].mean() - greener[:, 56:].mean()) > 8, name


def test_without_an_engine_the_docker_offers_to_set_one_up(inside) -> None:
    told = inside("mishaps.engine_missing", engine=None)
    assert told["shown"]
    assert told["says"] == "Set up the engine"
    assert "set it up" in told["problem"]
    assert not told["runs"]


def test_a_stopped_set_up_leaves_nothing_behind(inside) -> None:
    told = inside("mishaps.set_up_stopped", engine=None)
    assert told == {"problem": "Setting up the engine was stopped.", "left": False, "running": False}


def test_the_button_sets_the_engine_up(inside, home) -> None:
    told = inside("mishaps.sets_up_the_engine", engine=None, limit=2400)
    assert told["running"]
    assert told["setup"] == "", told["log"]
    assert told["problem"] == ""
    assert told["command"][0].startswith(str(home))
    assert "Photo x Painting (50 %)" in told["names"]


def _runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
