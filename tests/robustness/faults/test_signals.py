"""Commands stopped at any moment: existing files stay intact, and a new file is complete or absent."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from impasto.optimization.checkpoint import read_checkpoint
from tests.conftest import FEW_LAYERS, scene
from tests.fork_server import ForkServer
from tests.robustness.fuzz.cases import cases

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("signals")]  # the second test needs what the first has left

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)

#: Seconds after which a signal is sent at the latest: a little longer than the command takes.
_MAX_DELAY = 1.25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photo, a style and an older result"""
    folder = tmp_path_factory.mktemp("stopped")
    for name, seed in (("photo.png", 0), ("style.png", 1), ("older.png", 2)):
        Image.fromarray(scene(72, 56, seed)).save(folder / name)
    return folder


def stylize_arguments(random_weights_file: Path, *more: str) -> tuple[str, ...]:
    options = ("--size", "64", "--iterations", "12", "--precision", "float32", "--force")
    layers = (f"--{name.replace('_', '-')}={value}" for name, value in FEW_LAYERS.items())
    files = ("photo.png", "style.png", "-o", "out.png", "--weights", str(random_weights_file))
    return ("stylize", *files, *options, *layers, *more)


@cases(24)
@given(stop_signal=st.sampled_from(SIGNALS), delay=st.floats(0.005, _MAX_DELAY))
def test_files_are_intact_whenever_a_command_is_stopped(
    stop_signal: signal.Signals, delay: float, folder: Path, fork_server: ForkServer, random_weights_file: Path
) -> None:
    before = (folder / "older.png").read_bytes()
    (folder / "out.png").write_bytes(before)
    arguments = stylize_arguments(random_weights_file, "--checkpoint", "run", "--save-every", "5")
    exited = fork_server.run(*arguments, folder=folder, stop_signal=stop_signal, delay=delay)
    if stop_signal == signal.SIGKILL:
        assert exited.status in (0, -stop_signal)
    else:
        assert exited.status in (0, 128 + stop_signal, -stop_signal if exited.stderr == "" else 0), exited.stderr
        assert "Traceback" not in exited.stderr
        if exited.status == 128 + stop_signal:
            assert "stopped" in exited.stderr.splitlines()[-1]
    if stop_signal != signal.SIGKILL:
        # A signal may arrive after the result is saved and reported, and before the process ends.
        saved = "out.png" in exited.stderr
        assert saved == ((folder / "out.png").read_bytes() != before), exited.stderr
        assert saved or exited.status != 0
    for path in folder.glob("*.png"):
        with Image.open(path) as image:
            image.load()
    if (folder / "run").exists():
        read_checkpoint(folder / "run")
    assert not psutil.Process(fork_server.pid).children()


def test_next_command_succeeds_and_removes_unfinished_files(
    folder: Path, fork_server: ForkServer, random_weights_file: Path
) -> None:
    if (folder / "run").exists():
        exited = fork_server.run(*stylize_arguments(random_weights_file, "--resume", "run"), folder=folder)
        assert exited.status == 0, exited.stderr
    exited = fork_server.run(*stylize_arguments(random_weights_file, "--checkpoint", "run"), folder=folder)
    assert exited.status == 0, exited.stderr
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_saves_the_current_image(
    stop_signal: signal.Signals, tmp_path: Path, fork_server: ForkServer, random_weights_file: Path
) -> None:
    Image.fromarray(scene(72, 56)).save(tmp_path / "photo.png")
    arguments = ("stylize", "photo.png", "photo.png", "-o", "out.png", "--weights", random_weights_file, "--size", "48")
    endless = ("--iterations", "2000", "--save-every", "5")
    exited = fork_server.run(*arguments, *endless, folder=tmp_path, stop_signal=stop_signal, wait_for="out_0005.png")
    assert exited.status == 128 + stop_signal
    assert "is the picture so far" in exited.stderr
    with Image.open(tmp_path / "out.png") as image:
        assert image.width == 48
