"""The plugin's engine, job and form without Krita: pytest runs this file once under PyQt5 and once under PyQt6.

Krita's module and its layers are stood in for by stand_in.py; the worker is the real one.
"""

from __future__ import annotations

import importlib
import os
import signal
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from impasto.frames import pack
from tests.krita.stand_in import HEIGHT, WIDTH, QtCore, QtWidgets, World, wait


def test_a_job_runs_from_the_layers_to_the_result(plugin: Any, world: World, task: Any) -> None:
    runner = plugin.job.runner()
    states = []
    runner.changed.connect(lambda: states.append(runner.state))
    runner.start(task())
    assert runner.busy
    wait(lambda: not runner.busy)
    assert runner.problem == ""
    assert list(dict.fromkeys(states)) == ["starting", "reading", "painting", "writing", "idle"]
    assert world.added == [("Photo x Style (50 %)", "photo")]
    assert len(world.written) == WIDTH * HEIGHT * 4
    assert world.closed == 1
    assert runner.preview is not None
    assert runner.status.startswith("Done in")


def test_cancel_is_at_once_and_the_engine_stays(plugin: Any, world: World, task: Any) -> None:
    runner = plugin.job.runner()
    runner.start(task(iterations=100_000))
    wait(lambda: runner.preview is not None)
    runner.cancel()
    assert not runner.busy
    said = []
    runner.engine.said.connect(lambda header, blob: said.append(header["op"]))
    wait(lambda: "cancelled" in said)
    assert runner.engine.running
    runner.start(task())
    wait(lambda: not runner.busy)
    assert len(world.added) == 1


def test_who_starts_again_while_the_engine_hangs_gets_a_new_engine(plugin: Any, world: World, task: Any) -> None:
    runner = plugin.job.runner()
    runner.start(task(iterations=100_000))
    wait(lambda: runner.preview is not None)
    hanging = int(runner.engine._process.processId())
    os.kill(hanging, signal.SIGSTOP)
    runner.cancel()
    runner.start(task())
    wait(lambda: not runner.busy)
    assert runner.problem == ""
    assert int(runner.engine._process.processId()) != hanging
    assert len(world.added) == 1


def test_a_second_job_is_refused_while_one_runs(plugin: Any, world: World, task: Any) -> None:
    runner = plugin.job.runner()
    first = task()
    runner.start(first)
    runner.start(task("other"))
    assert "stop it first" in runner.status
    assert runner.last is first
    wait(lambda: not runner.busy)
    assert [above for _, above in world.added] == ["photo"]


def test_a_layer_that_is_gone_and_an_option_that_is_wrong_are_told(plugin: Any, world: World, task: Any) -> None:
    runner = plugin.job.runner()
    runner.start(task("gone"))
    wait(lambda: not runner.busy)
    assert runner.problem == "The layer is gone."
    runner.start(task(strenth=1))
    wait(lambda: not runner.busy)
    assert "did you mean 'strength'" in runner.problem
    assert "OptionError" in runner.details
    assert world.added == []
    assert world.closed == 2


def test_a_closed_document_ends_the_job_silently(plugin: Any, world: World, task: Any, monkeypatch: Any) -> None:
    runner = plugin.job.runner()
    runner.start(task(iterations=100_000))
    wait(lambda: runner.preview is not None)
    monkeypatch.setattr(plugin.Krita, "document", None)
    wait(lambda: not runner.busy)
    assert (runner.problem, world.added) == ("", [])


def test_no_engine_and_one_that_is_not_there(plugin: Any, world: World, task: Any, monkeypatch: Any) -> None:
    runner = plugin.job.runner()
    monkeypatch.setenv("IMPASTO_ENGINE", "")
    monkeypatch.setenv("PATH", "")
    runner.start(task())
    assert "set it up" in runner.problem
    monkeypatch.setenv("IMPASTO_ENGINE", "/nowhere/python3")
    runner.start(task())
    wait(lambda: not runner.busy)
    assert "/nowhere/python3" in runner.problem


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo this is no frame at all, it is a greeting", "does not speak the plugin's language"),
        ("exit 3", "ended unexpectedly"),
        ("echo 'no module named impasto' >&2; exit 1", "The engine ended: no module named impasto"),
        ("cat $0.frame; sleep 5", "does not fit the plugin"),
    ],
)
def test_an_engine_that_is_not_ours_is_told(
    plugin: Any, world: World, task: Any, monkeypatch: Any, tmp_path, script, sentence
):
    program = tmp_path / "engine"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    Path(f"{program}.frame").write_bytes(pack({"op": "hello", "protocol": 999}))
    monkeypatch.setenv("IMPASTO_ENGINE", str(program))
    runner = plugin.job.runner()
    runner.start(task())
    wait(lambda: not runner.busy)
    assert sentence in runner.problem
    assert not runner.engine.running


def test_the_engine_is_looked_for_in_this_order(plugin: Any, monkeypatch: Any, tmp_path: Path) -> None:
    find = plugin.engine.find_command
    monkeypatch.setenv("IMPASTO_ENGINE", "/there/python3")
    assert find("/set/python3.11", "/own/bin/python") == ["/set/python3.11", "-m", "impasto"]
    assert find("", "/own/bin/python") == ["/there/python3", "-m", "impasto"]
    monkeypatch.delenv("IMPASTO_ENGINE")
    assert find("", "/own/bin/python") == ["/own/bin/python", "-m", "impasto"]
    (tmp_path / "impasto").write_text("#!/bin/sh\n")
    (tmp_path / "impasto").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find("", None) == [str(tmp_path / "impasto")]
    monkeypatch.setenv("PATH", "")
    assert find("", None) is None


def test_the_form_is_made_of_what_the_engine_describes(plugin: Any, world: World) -> None:
    plugin.settings.store(options={"strength": 0.7, "quality": "draft", "colors": "mauve"})
    runner, form = plugin.job.runner(), plugin.form.Form(more=True)
    runner.wake()
    wait(lambda: bool(runner.options))
    form.describe(runner.options)
    assert form.options() == {
        "strength": 0.7,
        "colors": "style",  # mauve is none of the choices
        "quality": "draft",
        "size": 512,
        "style_scale": 1.0,
        "preset": "impasto",
        "seed": 0,
    }  # the look and the edges are left to the preset
    other = plugin.form.Form(more=True)
    other.describe(runner.options)
    form._fields["padding"].set("circular")
    form.store()
    other.reload()
    assert other.options()["padding"] == "circular"
    form._fields["padding"].set(None)
    form.store()
    other.reload()
    assert "padding" not in other.options()
    form._fields["padding"].set("circular")
    form._fields["style_scale"].set(0.25)
    assert {name: form.options()[name] for name in ("padding", "style_scale")} == {"padding": "circular", "style_scale": 0.25}
    described = {option["name"]: option for option in runner.options}
    for name, field in form._fields.items():
        assert field.widget.toolTip() == described[name]["help"]


def test_an_engine_of_another_version_is_told_with_the_remedy(plugin: Any, monkeypatch: Any) -> None:
    docker, runner = plugin.docker.ImpastoDocker(), plugin.job.runner()
    runner.wake()
    wait(lambda: bool(runner.engine.hello))
    assert docker._need() == ""
    runner.engine.hello["version"] = "0.0.1"
    told = f"The engine is version 0.0.1 and the plugin {plugin.version.VERSION}: "
    assert docker._need() == told + "update what IMPASTO_ENGINE names."
    monkeypatch.delenv("IMPASTO_ENGINE")
    assert docker._need() == told + "run `impasto krita install` again."
    monkeypatch.setattr(plugin.environment, "wheel", lambda: "engine.whl")
    assert docker._need() == told + "set it up again."
    runner.changed.emit()
    assert not docker._setup.isHidden()


def test_a_change_that_gives_way_while_all_settles_is_settled_once_more(plugin: Any) -> None:
    sent: list[dict[str, Any]] = []
    engine = SimpleNamespace(
        running=True, said=SimpleNamespace(connect=lambda hear: None), send=lambda header: sent.append(header)
    )
    live = plugin.live.Live(engine, lambda: False)
    live._task = SimpleNamespace(document=plugin.Krita.document, layer="photo")
    live._layer = SimpleNamespace(idle=lambda: True, change=lambda most_ms: None)
    live._result = SimpleNamespace(write=lambda *part: None, show=lambda above: None)
    live._quiet.start()
    live._waiting = live._settling = True  # a change was sent while all settles, too late to overtake it
    about = {"job": live._number, "x": 0, "y": 0, "width": 4, "height": 4, "last": True}
    live._hear({"op": "patch", **about}, bytes(64))
    live._hear({"op": "settled", "job": live._number, "done": True}, b"")
    live._hear({"op": "patch", **about, "width": 0, "height": 0}, b"")  # the change's
    assert not sent
    wait(lambda: bool(live._tick() or sent))
    assert sent == [{"op": "settle", "job": live._number}]


def test_where_a_layer_has_changed_is_found_whatever_has(plugin: Any) -> None:
    layers = plugin.layers
    rect = layers.Rect(0, 64, 100, 30)
    before = bytes(4 * 100 * 30)
    for places in ([(0, 0)], [(99, 29)], [(50, 3), (52, 9)], [(0, 5), (99, 5)], [(37, 7)]):
        now = bytearray(before)
        for x, y in places:
            now[4 * (100 * y + x) + 2] = 9
        found = layers.different(before, bytes(now), rect)
        left, top = min(x for x, _ in places), 64 + min(y for _, y in places)
        right, bottom = max(x for x, _ in places) + 1, 64 + max(y for _, y in places) + 1
        assert (found.y, found.y + found.height) == (top, bottom)
        assert max(0, left - 16) <= found.x <= left
        assert right <= found.x + found.width <= min(100, right + 16)
    assert layers.united(None, rect) == rect
    assert layers.united(layers.Rect(90, 60, 30, 8), rect) == layers.Rect(0, 60, 120, 34)


def test_settings_that_cannot_be_read_count_as_none(plugin: Any) -> None:
    plugin.settings.store(a=1)
    plugin.settings.store(b="ä")
    assert plugin.settings.load() == {"a": 1, "b": "ä"}
    Path(plugin.settings.folder(), "settings.json").write_text("{ broken")
    assert plugin.settings.load() == {}


@pytest.mark.parametrize(
    ("step", "output", "sentence"),
    [
        ("install", "ERROR: [Errno 28] No space left on device", "The disk is full"),
        ("install", "Temporary failure in name resolution", "could not be downloaded"),
        (
            "install",
            "Collecting networkx\nERROR: No matching distribution found for torch>=2.8",
            "do not exist for this computer",
        ),
        ("venv", "Error: [Errno 13] Permission denied: '/x'", "cannot be written to"),
        ("check", "a\nImportError: libfoo.so\n", "Setting up the engine failed: ImportError: libfoo.so"),
    ],
)
def test_set_up_failures_are_a_plain_sentence(plugin: Any, step: str, output: str, sentence: str) -> None:
    assert sentence in plugin.environment.explain(step, output)


def test_without_a_python_the_set_up_says_what_to_install(plugin: Any, monkeypatch: Any, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\necho 3.8\n")
    old.chmod(0o755)
    monkeypatch.setattr(plugin.environment, "wheel", lambda: "engine.whl")
    monkeypatch.setattr(plugin.environment, "candidates", lambda: [["/nowhere/python3"], [str(old)], ["false"]])
    setup, said = plugin.environment.Setup(str(tmp_path / "environment")), []
    setup.finished.connect(said.append)
    setup.start()
    wait(lambda: bool(said))
    assert "Install Python 3.10 or newer" in said[0]
    assert not (tmp_path / "environment").exists()


def test_a_set_up_that_fails_leaves_the_engine_that_was_there(plugin: Any, monkeypatch: Any, tmp_path: Path) -> None:
    broken = tmp_path / "python3"  # can be asked for its version, and makes a folder, and fails
    broken.write_text(
        '#!/bin/sh\ncase "$1" in -c) echo 3.12;; *) mkdir -p "$3"; echo No space left on device; exit 1;; esac\n'
    )
    broken.chmod(0o755)
    folder = tmp_path / "environment"
    folder.mkdir()
    (folder / "complete").write_text("impasto 0.0.1")
    monkeypatch.setattr(plugin.environment, "wheel", lambda: "engine.whl")
    monkeypatch.setattr(plugin.environment, "candidates", lambda: [[str(broken)]])
    setup, said = plugin.environment.Setup(str(folder)), []
    setup.finished.connect(said.append)
    setup.start()
    wait(lambda: bool(said))
    assert said[0].startswith("The disk is full")
    assert plugin.environment.own_python(str(folder))
    assert not (tmp_path / "environment.old").exists()


def test_while_the_engine_is_set_up_nothing_is_begun(plugin: Any, world: World, task: Any, monkeypatch: Any) -> None:
    runner = plugin.job.runner()
    monkeypatch.setattr(type(runner.setup), "running", property(lambda self: True))
    runner.start(task())
    assert runner.problem == "The engine is being set up: wait."
    assert not runner.busy


def test_long_names_are_shortened(plugin: Any, task: Any) -> None:
    title = task()._replace(name="n" * 300).title
    assert title == "n" * 39 + "\u2026 x Style (50 %)"


def test_an_action_that_went_with_its_window_is_not_missed(plugin: Any) -> None:
    QtGui = importlib.import_module(f"{os.environ['IMPASTO_QT']}.QtGui")
    kind = QtGui.QAction if hasattr(QtGui, "QAction") else QtWidgets.QAction  # it has moved in Qt 6
    gone, stays, runner = kind("Stop"), kind("Stop"), plugin.job.runner()
    for action in (gone, stays):
        plugin.extension._Follower(action)
    gone.deleteLater()
    event = QtCore.QEvent.Type.DeferredDelete
    QtCore.QCoreApplication.sendPostedEvents(None, getattr(event, "value", event))
    runner.state = "painting"
    runner.changed.emit()  # an exception in here would end the process
    assert stays.isEnabled()
    runner.state = "idle"
    runner.changed.emit()
    assert not stays.isEnabled()
