"""Commands that are stopped at any moment: what was there stays whole, what is new is whole or is not there."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from impasto.optimization.checkpoint import read_checkpoint
from tests.conftest import scene
from tests.fork_server import ForkServer
from tests.robustness.fuzz.cases import cases

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph, a style and a painting that is there already"""
    folder = tmp_path_factory.mktemp("stopped")
    for name, seed in (("photo.png", 0), ("style.png", 1), ("older.png", 2)):
        Image.fromarray(scene(72, 56, seed)).save(folder / name)
    return folder


def painted(random_weights_file: Path, *more: str) -> tuple[str, ...]:
    given = ("--weights", str(random_weights_file), "--size", "64", "--iterations", "12", "--precision", "float32", "--force")
    return ("stylize", "photo.png", "style.png", "-o", "out.png", *given, *more)


@cases(24)
@given(stop=st.sampled_from(STOPS), after=st.floats(0.005, 2.5))
def test_a_painting_is_stopped_at_any_moment(
    stop: signal.Signals, after: float, folder: Path, fork_server: ForkServer, random_weights_file: Path
) -> None:
    before = (folder / "older.png").read_bytes()
    (folder / "out.png").write_bytes(before)
    line = painted(random_weights_file, "--checkpoint", "run", "--save-every", "5")
    ended = fork_server.run(*line, folder=folder, stop=stop, after=after)
    if stop == signal.SIGKILL:
        assert ended.status in (0, -stop)
    else:
        assert ended.status in (0, 128 + stop, -stop if ended.said == "" else 0), ended.said
        assert "Traceback" not in ended.said
        if ended.status == 128 + stop:
            assert "stopped" in ended.said.splitlines()[-1]
    if ended.status == 0 or "is the picture so far" in ended.said:
        assert (folder / "out.png").read_bytes() != before
    elif stop != signal.SIGKILL:
        assert (folder / "out.png").read_bytes() == before
    for path in folder.glob("*.png"):
        with Image.open(path) as image:
            image.load()
    if (folder / "run").exists():
        read_checkpoint(folder / "run")
    assert not psutil.Process(fork_server.pid).children()


def test_after_all_that_the_next_one_is_painted_and_nothing_is_left_behind(
    folder: Path, fork_server: ForkServer, random_weights_file: Path
) -> None:
    if (folder / "run").exists():
        ended = fork_server.run(*painted(random_weights_file, "--resume", "run"), folder=folder)
        assert ended.status == 0, ended.said
    ended = fork_server.run(*painted(random_weights_file, "--checkpoint", "run"), folder=folder)
    assert ended.status == 0, ended.said
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_what_is_painted_so_far_is_saved(stop: signal.Signals, tmp_path: Path, fork_server: ForkServer, random_weights_file: Path) -> None:
    Image.fromarray(scene(72, 56)).save(tmp_path / "photo.png")
    line = ("stylize", "photo.png", "photo.png", "-o", "out.png", "--weights", random_weights_file, "--size", "48")
    forever = ("--iterations", "2000", "--save-every", "20")
    ended = fork_server.run(*line, *forever, folder=tmp_path, stop=stop, once="out_0020.png")
    assert ended.status == 128 + stop
    assert "is the picture so far" in ended.said
    with Image.open(tmp_path / "out.png") as image:
        assert image.width == 48
