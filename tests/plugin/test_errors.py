"""Stopped, refused and interrupted paintings in a real Krita. What happens inside Krita is in in_krita/errors.py."""

from __future__ import annotations

import os
import select

import pytest

from tests.plugin.krita_session import KritaSession

pytestmark = [pytest.mark.krita, pytest.mark.xdist_group("krita")]


def test_stop_is_prompt_adds_no_layer_and_keeps_the_engine(krita: KritaSession) -> None:
    result = krita.run("errors.cancel")
    assert result["unchanged"]
    assert result["idle_at_once"]
    assert result["steps_before_answer"] <= 3  # it is cancelled within a step; others may be on their way
    assert result["engine_running"]
    assert result["problem"] == ""
    assert ["Painting (50 %) on Photo"] in result["names_after"]


def test_closing_the_document_ends_the_painting_without_a_message(krita: KritaSession) -> None:
    assert krita.run("errors.close_document") == {"problem": "", "documents": 0}


def test_result_is_added_on_top_if_the_painted_layer_is_gone(krita: KritaSession) -> None:
    result = krita.run("errors.undo_content")
    assert result["removed"]
    assert result["problem"] == ""
    assert result["names"] == ["Background", "Painting", ["Painting (50 %) on Photo"]]


def test_killed_engine_is_reported_and_restarted_for_the_next_painting(krita: KritaSession) -> None:
    result = krita.run("errors.engine_killed")
    assert result["unchanged"]
    assert "engine ended unexpectedly" in result["problem"]
    assert ["Painting (50 %) on Photo"] in result["names_after"]


def test_hanging_engine_is_replaced(krita: KritaSession) -> None:
    result = krita.run("errors.engine_hangs")
    assert result["idle"]
    assert result["problem"] == ""
    assert ["Painting (50 %) on Photo"] in result["names"]


def test_engine_ends_with_krita(own_krita: KritaSession) -> None:
    pid = own_krita.run("errors.pid_of_busy_engine")
    process = os.pidfd_open(pid)
    try:
        own_krita.close()
        ended, _, _ = select.select([process], [], [], 5)
    finally:
        os.close(process)
    assert ended


def test_two_windows_show_one_painting_and_one_queue(own_krita: KritaSession) -> None:
    result = own_krita.run("errors.two_windows", limit=450)
    assert result["labels"] == ["Add to queue", "Add to queue"]
    assert all(result["stops"])
    assert result["waiting"] == [1, 1]
    assert result["names"][2] == ["Painting (50 %) on Photo"] * 2


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("empty", "Empty is empty"),
        ("tiny", "too small"),
        ("filter", "Filter has no pixels of its own"),
        ("same layer", "cannot be its own style"),
        ("selection beside layer", "The selection does not overlap the layer"),
        ("selection outside canvas", "The selection does not overlap the layer"),
        ("missing file", "The picture of gone was moved or deleted"),
    ],
)
def test_impossible_requests_are_refused_with_a_reason(krita: KritaSession, case: str, sentence: str) -> None:
    result = krita.run("errors.refuse", case=case)
    assert sentence in result["problem"]
    assert result["unchanged"]


def test_without_a_document_the_action_is_disabled_and_the_button_says_why(krita: KritaSession) -> None:
    result = krita.run("errors.no_document")
    assert result["enabled_without"] is False
    assert result["enabled_with"] is True
    assert result["problem"] == "There is no layer to paint: open a picture first."
