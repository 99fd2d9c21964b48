"""Setting up the engine from the docker in a real Krita. What happens inside Krita is in in_krita/errors.py."""

from __future__ import annotations

import pytest

from tests.plugin.krita_session import KritaSession

# A group of its own: pip is slow, and these tests do not use the Krita that the others share.
pytestmark = [pytest.mark.krita, pytest.mark.xdist_group("krita-setup")]


def test_without_an_engine_the_docker_offers_to_set_it_up(krita_without_engine: KritaSession) -> None:
    result = krita_without_engine.run("errors.engine_missing")
    assert result["button_usable"]
    assert result["button_text"] == "Set up the engine"
    assert "set it up" in result["problem"]
    assert not result["engine_running"]


def test_stopped_setup_leaves_nothing_behind(krita_without_engine: KritaSession) -> None:
    result = krita_without_engine.run("errors.stop_setup")
    assert result == {"problem": "Setting up the engine was stopped.", "folder_exists": False, "running": False}


def test_setup_button_installs_a_working_engine(krita_without_engine: KritaSession) -> None:
    result = krita_without_engine.run("errors.set_up_engine", limit=2400)
    assert result["started"]
    assert result["setup_problem"] == "", result["log"]
    assert result["problem"] == ""
    assert result["command"][0].startswith(str(krita_without_engine.home))
    assert "Photo x Painting (50 %)" in result["names"]
