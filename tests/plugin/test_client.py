"""What the plugins share, without an editor."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto.editor_plugins.package import GIMP_PLUGIN, write_files

LoadModule = Callable[[str], Any]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadModule]:
    """Import a module of the client as it is in a zip: client("request")"""
    write_files(GIMP_PLUGIN, tmp_path / "plugins")
    monkeypatch.syspath_prepend(str(tmp_path / "plugins" / "impasto_gimp"))
    yield lambda name: importlib.import_module(f"impasto_client.{name}")
    for name in [name for name in sys.modules if name.split(".")[0] == "impasto_client"]:
        del sys.modules[name]


def wait_for(worker: Any, op: str, seconds: float = 60) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        frame = worker.receive(0.1)
        if frame is not None and frame[0]["op"] == op:
            return frame[0]
    raise AssertionError(f"no {op} within {seconds:g} s")


@pytest.mark.slow
def test_a_worker_process_answers_and_ends(client: LoadModule) -> None:
    worker = client("worker_process").WorkerProcess([sys.executable, "-m", "impasto"])
    try:
        assert wait_for(worker, "hello")["protocol"] == client("protocol").PROTOCOL
        assert worker.hello["options"]
        worker.send({"op": "estimate", "width": 64, "height": 48, "options": {"size": 64}})
        assert wait_for(worker, "estimate")["width"] == 64
        assert worker.ready["device"]
    finally:
        worker.stop()
    assert not worker.running


@pytest.mark.slow
def test_a_worker_process_that_dies_is_reported(client: LoadModule) -> None:
    worker = client("worker_process").WorkerProcess([sys.executable, "-m", "impasto"])
    wait_for(worker, "hello")
    os.kill(worker._process.pid, signal.SIGKILL)
    with pytest.raises(client("errors").PluginError, match="ended unexpectedly"):
        wait_for(worker, "nothing")
    with pytest.raises(client("errors").PluginError, match="ended unexpectedly"):
        worker.receive(0)
    worker.send({"op": "estimate"})  # nothing happens


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import sys; sys.exit('no module named impasto')", "The engine ended: no module named impasto"),
        ("print('this is not a frame, and long enough to be read as one')", "cannot be understood"),
    ],
)
def test_a_program_that_is_no_engine_is_reported(client: LoadModule, tmp_path: Path, program: str, message: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(program)
    worker = client("worker_process").WorkerProcess([sys.executable, str(path)])
    with pytest.raises(client("errors").PluginError, match=message):
        wait_for(worker, "hello")
    worker.stop()


def test_a_missing_program_is_reported(client: LoadModule) -> None:
    with pytest.raises(client("errors").PluginError, match="there is no program /nowhere/impasto"):
        client("worker_process").WorkerProcess(["/nowhere/impasto"])


def test_settings_survive_a_damaged_file(client: LoadModule, tmp_path: Path) -> None:
    settings = client("settings_file").SettingsFile(str(tmp_path / "folder" / "settings.json"))
    assert settings.load() == {}
    settings.store(engine="python")
    settings.store(size=512)
    assert settings.load() == {"engine": "python", "size": 512}
    for damaged in ("{", "[]"):
        Path(settings.path).write_text(damaged)
        assert settings.load() == {}
    client("settings_file").SettingsFile(str(tmp_path / "folder" / "settings.json" / "impossible")).store(a=1)


def test_the_engine_gets_as_much_around_a_selection_as_it_needs(client: LoadModule) -> None:
    request, geometry = client("request"), client("geometry")
    layer = geometry.Rect(0, 0, 400, 300)
    area = request.area_to_paint(geometry.Rect(150, 110, 20, 10), layer)
    assert area.contains(geometry.Rect(150 - 32, 110 - 32, 84, 74))
    assert layer.contains(area)
    with pytest.raises(client("errors").PluginError, match="does not overlap"):
        request.area_to_paint(geometry.Rect(500, 0, 20, 10), layer)


class FakeSetup:
    """A setup whose steps run these programs in Python"""

    programs: tuple[str, ...] = ()
    undone = 0

    def __init__(self, folder: str, engine: str, computer: object) -> None:
        self._steps = list(self.programs)

    def next_step(self) -> Any:
        from impasto.installation import Command

        return Command([sys.executable, "-c", self._steps.pop(0)], {}) if self._steps else None

    def explain(self, output: str) -> str:
        return f"It failed: {output}"

    def undo(self) -> None:
        type(self).undone += 1


@pytest.fixture
def runner(client: LoadModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = client("setup_runner")
    monkeypatch.setattr(module, "bundled_wheel", lambda: "a wheel")
    monkeypatch.setattr(module, "Setup", FakeSetup)
    monkeypatch.setattr(FakeSetup, "undone", 0)
    return module.SetupRunner(str(tmp_path))


def run_to_the_end(runner: Any) -> list[str]:
    """Run a setup.  -> the lines of its log"""
    runner.start()
    runner._thread.join(60)
    lines = []
    while not runner.lines.empty():
        lines.append(runner.lines.get())
    return lines


def test_a_setup_takes_all_steps(runner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeSetup, "programs", ("print('one')", "print('two')"))
    lines = run_to_the_end(runner)
    assert runner.problem == ""
    assert [line for line in lines if line in ("one", "two")] == ["one", "two"]
    assert 0 <= runner.progress()[0] <= 1
    assert FakeSetup.undone == 0


def test_a_setup_that_fails_is_undone_and_explained(runner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeSetup, "programs", ("import sys; print('no network'); sys.exit(1)", "print('two')"))
    run_to_the_end(runner)
    assert runner.problem == "It failed: no network"
    assert FakeSetup.undone == 1


def test_a_setup_can_be_stopped(runner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeSetup, "programs", ("import time; print('begun', flush=True); time.sleep(600)",))
    runner.start()
    while runner.lines.get(timeout=30) != "begun":
        pass
    runner.cancel()
    assert "was stopped" in runner.problem
    assert FakeSetup.undone == 1


def test_a_copy_without_the_engine_says_so(client: LoadModule, tmp_path: Path) -> None:
    runner = client("setup_runner").SetupRunner(str(tmp_path))
    run_to_the_end(runner)
    assert "does not contain the engine" in runner.problem


def test_a_texture_covers_its_area_with_whole_and_cut_tiles(client: LoadModule) -> None:
    texture, rect = client("texture"), client("geometry").Rect
    covering = texture.Texture(70, rect(3, 4, 150, 90))
    assert covering.tile_size == (64, 64)  # a multiple of 16: the engine paints at no other size
    assert texture.Texture(512, rect(0, 0, 100, 20)).tile_size == (112, 32)  # not much larger than what it covers
    tile = np.random.default_rng(0).integers(0, 255, (64, 64, 4), dtype=np.uint8)
    covered = np.zeros((90, 150, 4), np.uint8)
    for start in (0, 40):  # stripes of the tile, as the engine sends them
        part = tile[start : 40 if start == 0 else 64]
        for y, rows, pixels in covering.repeat(start, len(part), part.tobytes()):
            covered[y : y + rows] = np.frombuffer(pixels, np.uint8).reshape(rows, 150, 4)
    assert np.array_equal(covered, np.tile(tile, (2, 3, 1))[:90, :150])
    blank = list(texture.BlankPicture((5, 300)).stripes())
    assert sum(rows for _, rows, _ in blank) == 300
    assert sum(len(pixels) for _, _, pixels in blank) == 5 * 300 * 4
