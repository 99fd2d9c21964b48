"""Setting up the engine from the docker in a real Krita. What happens inside Krita is in in_krita/errors.py."""

from __future__ import annotations

import pytest

from tests.plugin.krita_session import KritaSession
from tests.uv_server import UvServer

# A group of its own: pip is slow, and these tests do not use the Krita that the others share.
pytestmark = [pytest.mark.krita, pytest.mark.xdist_group("krita-setup")]


def test_without_an_engine_the_docker_offers_to_set_it_up(krita_without_engine: KritaSession) -> None:
    result = krita_without_engine.run("errors.engine_missing")
    assert result["button_usable"]
    assert result["button_text"] == "Download and install"
    assert "Download and install" in result["problem"]
    assert not result["engine_running"]


def test_stopped_setup_leaves_nothing_behind(krita_without_engine: KritaSession, setup_server: UvServer) -> None:
    result = krita_without_engine.run("errors.stop_setup", constants=setup_server.constants)
    assert result["problem"].startswith("The installation was stopped.")
    assert not result["folder_exists"]
    assert not result["running"]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("forbidden", "The server refused the download (403)"),
        ("login page", "is something else, as behind the login page"),
        ("no server", "The download was interrupted"),
        ("no package", "do not exist for this computer"),
    ],
)
def test_failed_setup_says_what_to_do(
    krita_without_engine: KritaSession, setup_server: UvServer, fault: str, sentence: str
) -> None:
    constants = dict(setup_server.constants)
    if fault == "no server":
        constants["UV_PAGE"] = "http://127.0.0.1:9/uv"
    if fault == "no package":
        constants["EXTRAS"] = "app"
    setup_server.fault = fault
    try:
        result = krita_without_engine.run("errors.set_up_engine", constants=constants)
    finally:
        setup_server.fault = ""
    assert result["started"]
    assert sentence in result["setup_problem"], result["log"]


def test_setup_button_installs_a_working_engine(krita_without_engine: KritaSession, setup_server: UvServer) -> None:
    """At the second try, after a download that broke off, on a computer without any Python on the PATH"""
    setup_server.fault = "broken off"
    setup_server.ranges.clear()
    result = krita_without_engine.run("errors.set_up_engine", limit=600, constants=setup_server.constants, tries=2)
    assert result["started"]
    assert result["bar"]
    assert "PyTorch for your CPU, about" in result["hint"]
    assert any(text.startswith("uv, ") for _, text in result["shown"])
    assert "The download was interrupted" in result["problems"][0]
    assert result["problems"][1] == "", result["log"]
    assert setup_server.ranges == [None, f"bytes={len(setup_server.uv) // 2}-"]
    assert result["problem"] == ""
    assert result["command"][0].startswith(str(krita_without_engine.home / "data" / "impasto-engine"))
    assert ["Painting (50 %) on Photo"] in result["names"]
