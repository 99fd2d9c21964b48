"""What is painted, the results, and the queue, in a real Krita. What happens inside Krita is in in_krita/history.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.plugin.krita_session import KritaSession
from tests.plugin.test_painting import decode

pytestmark = [pytest.mark.krita, pytest.mark.xdist_group("krita")]


def test_a_result_is_painted_again_only_if_the_user_chooses_it(krita: KritaSession) -> None:
    result = krita.run("history.source_survives")
    assert result["problem"] == ""
    assert result["shown"][:3] == ["Photo", "This result: Painting (50 %) on Photo", "Whole picture"]
    assert [text.strip() for text in result["shown"][3:]] == ["Painting", "Background"]
    assert result["names_after_two"][2] == ["Painting (50 %) on Photo", "Painting (70 %) on Photo"]
    assert result["visible"] == [True]  # the group on top is that of the painted result
    assert any("(30 %)" in str(name) for name in result["names"])


def test_another_layer_is_chosen_from_the_list_of_what_is_painted(krita: KritaSession) -> None:
    result = krita.run("history.another_source")
    assert result["listed"] == ["Painting", "Whole picture", "Photo", "Background"]
    assert result["styles"] == ["Photo", "Background"]  # nothing is its own style
    assert result["has_icon"]
    assert result["shown"] == "Photo"
    assert result["styles_after"] == ["Painting", "Background"]
    assert result["style"] == "Painting"
    assert result["problem"] == ""
    assert ["Painting (50 %) on Photo"] in result["names"]


def test_undo_brings_a_deleted_result_back(krita: KritaSession) -> None:
    result = krita.run("history.undone_deletion")
    assert result["problem"] == ""
    assert result["counts"] == [1, 2, 1, 2]
    assert result["shown"] == [[False, True], [True, False]]
    assert result["pictures"] == [True, True]


def test_whole_picture_is_painted_without_its_earlier_painting(krita: KritaSession) -> None:
    result = krita.run("history.whole_picture", limit=240)
    assert result["problem"] == ""
    assert result["contents"] == [True, True]
    assert result["names"][-1] == ["Painting (50 %) on Whole picture", "Painting (60 %) on Whole picture"]
    assert result["problem_of_empty"] == "Empty is empty. Stylize the whole picture instead?"
    assert not result["details_offered"]
    assert result["problem_after"] == ""
    assert result["after"][-1] == "Empty"
    assert len(result["after"][-2]) == 3


def test_a_click_shows_a_result_and_another_compares_it_with_the_photo(krita: KritaSession) -> None:
    result = krita.run("history.show_and_compare", limit=240)
    assert result["problem"] == ""
    pictures = result["pictures"]
    assert pictures["compared"] == result["photo"]
    assert pictures["older"] == pictures["older again"]
    assert pictures["newest"] == pictures["newest by key"]
    assert len({pictures[name] for name in ("newest", "older", "compared")}) == 3
    photo, newest, faded = (decode(pixels) for pixels in (result["photo"], pictures["newest"], pictures["faded"]))
    assert np.abs(faded - (photo + newest) / 2).max() <= 2
    assert result["undo"][0] == result["undo"][1]  # showing and fading are no undo steps
    assert result["exact"] == "Paint at 40 % strength"
    assert result["names"][2][-1] == "Painting (40 %) on Photo"
    assert result["opacity"] == [255, 128, 255]


def test_undo_shows_the_result_before(krita: KritaSession) -> None:
    result = krita.run("history.undo_shows_the_one_before")
    assert result["hidden"] == [False, True]
    assert result["after_undo"] == [True]
    assert result["names"] == ["Background", "Photo", "Painting"]
    assert result["problem"] == ""


def test_results_are_kept_as_layers_restored_and_deleted(krita: KritaSession) -> None:
    result = krita.run("history.keep_and_delete", limit=240)
    assert result["problem"] == ""
    assert result["kept"] == ["Painting (80 %) on Photo", True]
    assert result["names"][2:] == [
        ["Painting (40 %) on Photo", "Painting (80 %) on Photo"],
        "Painting (80 %) on Photo",
        "Painting",
    ]
    assert "its layer was removed" in result["info"]
    restored, original = decode(result["restored"])[..., :3], decode(result["original"])[..., :3]
    assert np.abs(restored - original).mean() < 12  # it was compressed
    assert result["kind"] == "root"
    assert result["undo_steps"] == [["Add Layer"], ["Add Layer"]]
    assert result["left"] == 0
    assert not result["group"]
    assert result["annotations"] == []
    assert not result["panel"]


def test_yesterdays_result_is_there_with_its_settings(krita: KritaSession) -> None:
    result = krita.run("history.tomorrow", limit=240)
    assert result["problem"] == ""
    assert result["texts"] == ["Painting\n80 %", "Painting\n40 %"]
    assert result["icons"] == [False, False]
    assert result["shown"] == ["Painting (40 %) on Photo", True]
    assert result["used"] == [0.4, "Painting"]


def test_queue_is_shown_reordered_and_cleared(krita: KritaSession) -> None:
    result = krita.run("history.queue", limit=300)
    assert result["problem"] == ""
    assert result["text"] == "Compare 25, 50, 75 %"
    assert result["titles"] == [f"Painting ({percent} %) on Photo" for percent in (25, 50, 75)]
    assert result["moved"] == [75, 25, 50]
    assert result["removed"] == [75, 50]
    assert result["current"] == 75
    assert result["names"][2] == ["Painting (75 %) on Photo", "Painting (50 %) on Photo"]
    assert result["left"] == [True, 0]
    assert not result["busy"]
    assert result["waiting"] == 0
    assert result["names_after"] == result["names"]


def test_each_painting_keeps_the_selection_that_it_was_asked_for(krita: KritaSession) -> None:
    result = krita.run("history.selections_of_the_queue", limit=240)
    assert result["problem"] == ""
    assert result["columns"] == [[0, 40], [60, 96], [0, 40]]


def test_whole_picture_is_refined_without_its_earlier_painting(krita: KritaSession) -> None:
    result = krita.run("history.refined_whole_picture", limit=240)
    assert result["problem"] == ""
    assert result["count"] == 2
    assert result["same"]


@pytest.mark.parametrize(("cause", "stored"), [("", [True]), ("closed", [False]), ("deleted", [])])
def test_picture_is_compressed_while_anything_may_happen(krita: KritaSession, cause: str, stored: list[bool]) -> None:
    assert krita.run("history.slow_picture", cause=cause) == {"stored": stored, "problem": "", "busy": False}


def test_results_of_a_part_leave_the_rest_and_a_hidden_result_is_explained(krita: KritaSession) -> None:
    result = krita.run("history.covered", limit=240)
    assert result["problem"] == ""
    assert result["visible"] == [True, False, True]  # the whole, and the newest of its part
    assert result["visible_after"] == [False, False, False, True]
    assert result["status"].endswith("It is below Painting.")


def test_the_result_that_is_seen_is_selected_after_looking_at_another_document(krita: KritaSession) -> None:
    result = krita.run("history.selected_after_a_switch")
    assert result == {"selected": [1, 1], "visible": [True, False]}


def test_live_hides_the_results_of_its_layer_while_it_is_on(krita: KritaSession) -> None:
    result = krita.run("history.live_beside_results")
    assert result == {
        "visible": [True, False, True],
        "problem": "",
        "style": "Harvest",
        "left_visible": [True, False],  # it would cover the result that is clicked
        "keep_hidden": True,  # it is a layer already
    }


def test_what_was_painted_stays_the_source(krita: KritaSession) -> None:
    result = krita.run("history.sources")
    assert result["active_after_keeping"] == "Photo"
    assert result["of_duplicate"] == "Photo"
    assert "is gone: choose another layer" in result["without_original"]
    assert result["deleted"]
    assert result["undone"]


def test_nothing_of_a_painting_shows_in_another_document(krita: KritaSession) -> None:
    result = krita.run("history.another_document")
    assert result["previews"] == [True, False]
    assert result["status"] == "In another picture: Painting (50 %) on Photo"
    assert result["problem"] == ""
    assert result["after"] == ""


def test_everything_is_removed_after_a_question(own_krita: KritaSession, tmp_path: Path) -> None:
    networks = tmp_path / "networks"
    networks.mkdir()
    for name in ("mine.safetensors", "notes.txt"):
        (networks / name).touch()
    result = own_krita.run("history.remove_everything", folder=str(networks))
    assert all("impasto" in folder for folder in result["folders"])
    assert result["answers"] == [
        [True, True, ["mine.safetensors", "notes.txt"], True],
        [False, False, ["notes.txt"], False],
    ]
    assert [result["stored"], result["usable"]] == [False, False]
    assert result["enabled"] == "false"
    assert "Everything is deleted" in result["problem"]
