"""One painting per session, a limit per address, and results that expire."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest

from tests.gradio_app.conftest import LoadModule


def test_one_painting_per_session_and_a_limit_per_address(load_module: LoadModule, tmp_path: Path) -> None:
    sessions_module = load_module("page.sessions")
    paint_job = load_module("page.paint_job")
    sessions = sessions_module.Sessions(max_paintings=2)
    error = sessions_module.TooManyPaintingsError
    with sessions.painting("a", "address") as painting:
        folder = painting.new_folder()
        with pytest.raises(error, match="One painting at a time"), sessions.painting("a", "another address"):
            pass
        with sessions.painting("b", "address") as other:
            assert other.new_folder() != folder
        with pytest.raises(error, match="2 paintings this hour"), sessions.painting("b", "address"):
            pass
        with sessions.painting("b", "another address"):
            sessions.stop("a")
            assert painting.stopped
            assert (folder / "stop").exists()
            assert (painting.new_folder() / "stop").exists()  # the next stage is not painted either
            sessions.stop("nobody")
            assert sessions.is_painting("a")
            assert sessions.is_painting("b")
    assert not sessions.is_painting("a")
    assert not sessions.is_painting("b")
    assert tmp_path in folder.parents
    assert paint_job.TIME_LIMIT_SECONDS > 0


def test_a_painting_may_supersede_that_of_its_session(load_module: LoadModule) -> None:
    sessions = load_module("page.sessions").Sessions()
    with contextlib.ExitStack() as first_ends, sessions.painting("b", ""):
        first = first_ends.enter_context(sessions.painting("a", "", supersede=True))
        folder = first.new_folder()
        with sessions.painting("a", "", supersede=True) as second:
            assert (first.superseded, first.stopped) == (True, True)
            assert (second.superseded, second.stopped) == (False, False)
            assert (folder / "stop").exists()
            first_ends.close()
            assert sessions.is_painting("a")
        assert not sessions.is_painting("a")
        assert sessions.is_painting("b")


def test_results_are_deleted_within_the_hour(load_module: LoadModule) -> None:
    sessions = load_module("page.sessions")
    assert sessions.RETENTION_SECONDS + sessions.CLEANUP_SECONDS < 3600
    assert load_module("app").demo.delete_cache == (sessions.CLEANUP_SECONDS, sessions.RETENTION_SECONDS)
    old, new = sessions.new_folder(), sessions.new_folder()
    for folder in (old, new):
        (folder / "impasto.png").write_bytes(b"a painting")
    expired = time.time() - sessions.RETENTION_SECONDS - 1
    os.utime(old / "created", (expired, expired))
    (old / "impasto.png").unlink()  # as Gradio does, which makes the folder itself look new
    sessions.delete_expired()
    assert not old.exists()
    assert (new / "impasto.png").exists()
