"""The plugin's engine, runner and form without Krita. test_without_krita.py runs this file under PyQt5 and under PyQt6.

Krita's module and its layers are replaced by fake_krita.py; the worker is the real one.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from impasto.worker.protocol import encode_frame
from tests.plugin.without_krita.fake_krita import HEIGHT, WIDTH, FakeLayers, QtWidgets, delete, wait_until


def wait_for_end(runner: Any) -> None:
    wait_until(lambda: not runner.busy)


def wait_for_preview(runner: Any) -> None:
    wait_until(lambda: runner.preview is not None)


def test_painting_goes_through_all_states_and_adds_a_layer(runner: Any, fake_layers: FakeLayers, make_request: Any) -> None:
    states = []
    runner.changed.connect(lambda: states.append(runner.state))
    runner.start(make_request())
    assert runner.busy
    wait_for_end(runner)
    assert runner.problem == ""
    assert list(dict.fromkeys(states)) == ["starting", "reading", "painting", "writing", "idle"]
    assert fake_layers.added == [("Photo x Style (50 %)", "photo")]
    assert len(fake_layers.written) == WIDTH * HEIGHT * 4
    assert fake_layers.closed_snapshots == 1
    assert runner.preview is not None
    assert runner.status.startswith("Done in")


def test_cancel_is_immediate_and_keeps_the_engine(runner: Any, fake_layers: FakeLayers, make_request: Any) -> None:
    runner.start(make_request(iterations=100_000))
    wait_for_preview(runner)
    runner.cancel()
    assert not runner.busy
    ops = []
    runner.engine.frame_received.connect(lambda header, blob: ops.append(header["op"]))
    wait_until(lambda: "cancelled" in ops)
    assert runner.engine.running
    runner.start(make_request())
    wait_for_end(runner)
    assert len(fake_layers.added) == 1


def test_painting_after_a_hang_gets_a_new_engine(runner: Any, fake_layers: FakeLayers, make_request: Any) -> None:
    runner.start(make_request(iterations=100_000))
    wait_for_preview(runner)
    hanging = int(runner.engine._process.processId())
    os.kill(hanging, signal.SIGSTOP)
    runner.cancel()
    runner.start(make_request())
    wait_for_end(runner)
    assert runner.problem == ""
    assert int(runner.engine._process.processId()) != hanging
    assert len(fake_layers.added) == 1


def test_second_painting_is_refused_while_one_is_in_progress(runner: Any, fake_layers: FakeLayers, make_request: Any) -> None:
    first = make_request()
    runner.start(first)
    runner.start(make_request("other"))
    assert "stop it first" in runner.status
    assert runner.last_request is first
    wait_for_end(runner)
    assert [key for _, key in fake_layers.added] == ["photo"]


def test_a_result_smaller_than_its_layer_can_be_refined(
    plugin: Any, runner: Any, fake_layers: FakeLayers, make_request: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(plugin.Krita, "activeDocument", lambda self: self.document)
    sent: list[dict[str, Any]] = []
    send = runner.engine.send
    monkeypatch.setattr(runner.engine, "send", lambda header, blob=b"": (sent.append(header), send(header, blob)))
    runner.start(make_request())  # with weights of its own, it has no learned optimizer
    wait_for_end(runner)
    assert runner.refinable is None
    request = {"weights": None, "iterations": None, "quality": "instant"}
    runner.start(make_request(size=0, **request))
    wait_for_end(runner)
    assert runner.refinable is None
    runner.start(make_request(**request))
    wait_for_end(runner)
    painting = next(header for header in sent if header["op"] == "start" and header["options"]["size"] == 32)
    assert runner.can_refine(plugin.Krita.document)
    assert not runner.can_refine(None)
    runner.refine()
    assert runner.refinable is None
    runner.cancel()
    assert runner.refinable is not None  # it can be asked for again
    wait_until(lambda: not runner._timeout.isActive())
    sent.clear()
    runner.refine()
    wait_for_end(runner)
    (image,) = [header for header in sent if header.get("role") == "painting" and header["op"] == "image"]
    assert (
        max(image["painted_width"], image["painted_height"])
        == painting["options"]["size"]
        < max(image["width"], image["height"])
    )
    assert sent[-1]["options"]["size"] == max(image["width"], image["height"])
    assert fake_layers.added[-1] == ("Photo x Style (50 %), refined", "result")
    assert runner.problem == ""
    assert runner.refinable is None
    assert runner.last_request.painting is None


def test_removed_layer_and_invalid_option_are_reported(runner: Any, fake_layers: FakeLayers, make_request: Any) -> None:
    runner.start(make_request("removed"))
    wait_for_end(runner)
    assert runner.problem == "The layer was removed."
    runner.start(make_request(strenth=1))
    wait_for_end(runner)
    assert "did you mean 'strength'" in runner.problem
    assert "OptionError" in runner.details
    assert fake_layers.added == []
    assert fake_layers.closed_snapshots == 2


def test_closing_the_document_ends_the_painting_without_a_message(
    plugin: Any, runner: Any, fake_layers: FakeLayers, make_request: Any, monkeypatch: Any
) -> None:
    runner.start(make_request(iterations=100_000))
    wait_for_preview(runner)
    monkeypatch.setattr(plugin.Krita, "document", None)
    wait_for_end(runner)
    assert (runner.problem, fake_layers.added) == ("", [])


def test_missing_engine_is_reported(new_runner: Any, fake_layers: FakeLayers, make_request: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("IMPASTO_ENGINE", "")
    monkeypatch.setenv("PATH", "")
    new_runner.start(make_request())
    assert "set it up" in new_runner.problem
    monkeypatch.setenv("IMPASTO_ENGINE", "/nowhere/python3")
    new_runner.start(make_request())
    wait_for_end(new_runner)
    assert "/nowhere/python3" in new_runner.problem


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo this is no frame at all, it is a greeting", "output cannot be understood"),
        ("exit 3", "ended unexpectedly"),
        ("echo 'no module named impasto' >&2; exit 1", "The engine ended: no module named impasto"),
        ("cat $0.frame; sleep 5", "does not match the plugin"),
    ],
)
def test_program_that_is_not_the_engine_is_reported(
    new_runner: Any, fake_layers: FakeLayers, make_request: Any, monkeypatch: Any, tmp_path: Path, script: str, sentence: str
) -> None:
    program = tmp_path / "engine"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    Path(f"{program}.frame").write_bytes(encode_frame({"op": "hello", "protocol": 999}))
    monkeypatch.setenv("IMPASTO_ENGINE", str(program))
    new_runner.start(make_request())
    wait_for_end(new_runner)
    assert sentence in new_runner.problem
    assert not new_runner.engine.running


def test_engine_is_searched_in_this_order(plugin: Any, monkeypatch: Any, tmp_path: Path) -> None:
    find = plugin.engine_install.find_engine_command
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


def test_form_has_the_fields_that_the_engine_describes(plugin: Any, runner: Any, fake_layers: FakeLayers) -> None:
    plugin.settings.store(options={"strength": 0.7, "quality": "draft", "colors": "mauve"})
    form = plugin.option_form.Form(plugin.docker.MORE_OPTIONS)
    runner.start_engine()
    wait_until(lambda: bool(runner.options))
    form.create_fields(runner.options)
    assert form.options() == {
        "strength": 0.7,
        "colors": "style",  # mauve is not a choice
        "quality": "draft",
        "size": 0,  # the layer's own
        "style_scale": 1.0,
        "preset": "impasto",
        "seed": 0,
    }  # style_loss and padding are decided by the preset
    other = plugin.option_form.Form(plugin.docker.MORE_OPTIONS)
    other.create_fields(runner.options)
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
    schemas = {schema["name"]: schema for schema in runner.options}
    for name, field in form._fields.items():
        assert field.widget.toolTip() == schemas[name]["help"]


def test_sizes_show_their_times_and_never_exceed_the_layer(plugin: Any, runner: Any) -> None:
    form = plugin.option_form.Form(plugin.docker.MORE_OPTIONS)
    runner.start_engine()
    wait_until(lambda: bool(runner.options) and runner.engine.ready)
    form.create_fields(runner.options)
    choice = form.size_choice
    assert [choice.itemText(n) for n in range(choice.count())] == ["Preview", "Screen", "Full"]
    runner.request_estimates(3000, 2000, {"quality": "draft"}, choice.sizes())
    wait_until(lambda: len(runner.estimates) == 3)
    seconds = {size: header["seconds"] for size, header in runner.estimates.items()}
    assert seconds[512] < seconds[0]
    assert (runner.estimates[0]["width"], runner.estimates[0]["height"]) == (3000, 2000)
    choice.show_seconds(seconds)
    assert re.fullmatch(r"Full \(\d+ (s|min)\)", choice.itemText(choice.findData(0)))
    form._fields["size"].set(768)  # from an older version
    assert form.options()["size"] == 768
    side = plugin.request.painted_side
    assert [side(512, (300, 200)), side(512, (3000, 2000)), side(0, (3000, 2000)), side(0, (20, 10))] == [300, 512, 3000, 32]
    assert side(0, (10_000, 10_000)) == 4000
    runner.request_estimates(300, 200, {"strenth": 1}, [512, 0])
    wait_until(lambda: "text" in runner.estimates[0])
    assert "did you mean 'strength'" in runner.estimates[512]["text"]
    delete(form)


def test_first_document_offers_its_layer_as_the_style(plugin: Any, monkeypatch: Any) -> None:
    """Without a document, "Picture file..." is the only entry; it is an action, not a style to keep."""
    painting = SimpleNamespace(name=lambda: "Painting")
    monkeypatch.setattr(plugin.layers, "visible_layers", lambda document, masks: [(0, painting)])
    monkeypatch.setattr(plugin.layers, "node_key", lambda node: "painting")
    form = plugin.option_form.Form(plugin.docker.MORE_OPTIONS)
    form.refresh(None)
    assert form.styles() == []
    form.refresh(SimpleNamespace(activeNode=lambda: None))
    assert [style.layer_key for style in form.styles()] == ["painting"]
    delete(form)


def test_engine_of_another_version_is_reported_with_the_remedy(plugin: Any, runner: Any, monkeypatch: Any) -> None:
    docker = plugin.docker.ImpastoDocker()
    runner.start_engine()
    wait_until(lambda: bool(runner.engine.hello))
    assert docker._setup_hint() == ""
    monkeypatch.setattr(runner, "engine_version", "0.0.1")
    difference = f"The engine is version 0.0.1 and the plugin {plugin.version.VERSION}: "
    assert docker._setup_hint() == difference + "update the program that IMPASTO_ENGINE names."
    monkeypatch.delenv("IMPASTO_ENGINE")
    assert docker._setup_hint() == difference + "run `impasto krita install` again."
    monkeypatch.setattr(plugin.docker, "bundled_wheel", lambda: "engine.whl")
    assert docker._setup_hint() == difference + "set it up again."
    runner.changed.emit()
    assert not docker._setup.isHidden()
    delete(docker)


def test_live_change_that_was_not_painted_is_settled_again(plugin: Any) -> None:
    sent: list[dict[str, Any]] = []
    engine = SimpleNamespace(
        running=True,
        frame_received=SimpleNamespace(connect=lambda receiver: None),
        send=lambda header: sent.append(header),
    )
    live = plugin.live_painting.LivePainting(engine, lambda: False)
    request = live._request = SimpleNamespace(document=plugin.Krita.document, layer_key="photo")
    live._layer = SimpleNamespace(is_idle=lambda: True, next_change=lambda max_ms: None)
    live._result = SimpleNamespace(write=lambda *patch: None, show=lambda above: None)
    live._idle_timer.start()
    live._awaiting_patches = live._settling = True  # a change was sent during a `settle`, too late to interrupt it
    patch = {"op": "patch", "job": live._job, "x": 0, "y": 0, "width": 4, "height": 4, "last": True}
    live._on_frame(patch, bytes(64))
    live._on_frame({"op": "settled", "job": live._job, "done": True}, b"")
    live._on_frame({**patch, "width": 0, "height": 0}, b"")  # the answer to the change
    assert not sent
    wait_until(lambda: bool(live._poll(request) or sent))
    assert sent == [{"op": "settle", "job": live._job}]


def test_changed_rect_contains_all_changes_and_little_more(plugin: Any) -> None:
    geometry = plugin.geometry
    rect = geometry.Rect(0, 64, 100, 30)
    before = bytes(4 * 100 * 30)
    for places in ([(0, 0)], [(99, 29)], [(50, 3), (52, 9)], [(0, 5), (99, 5)], [(37, 7)]):
        after = bytearray(before)
        for x, y in places:
            after[4 * (100 * y + x) + 2] = 9
        changed = geometry.changed_rect(before, bytes(after), rect)
        left, top = min(x for x, _ in places), 64 + min(y for _, y in places)
        right, bottom = max(x for x, _ in places) + 1, 64 + max(y for _, y in places) + 1
        assert (changed.y, changed.y + changed.height) == (top, bottom)
        assert max(0, left - 16) <= changed.x <= left
        assert right <= changed.x + changed.width <= min(100, right + 16)
    assert geometry.union(None, rect) == rect
    assert geometry.union(geometry.Rect(90, 60, 30, 8), rect) == geometry.Rect(0, 60, 120, 34)


def test_steps_can_stop_themselves_and_report_errors(plugin: Any) -> None:
    signals: list[Any] = []
    steps = plugin.steps.StepRunner()
    steps.finished.connect(lambda: signals.append("finished"))
    steps.failed.connect(lambda message, details: signals.append((message, bool(details))))

    def work(error: Any = None, stop: bool = False) -> Any:
        try:
            yield 0
            steps.advance()  # ignored: this step is not over yet
            if stop:
                steps.stop()
            if error is not None:
                raise error
        finally:
            signals.append("closed")

    for arguments, expected in (
        ({}, ["closed", "finished"]),
        ({"stop": True}, ["closed"]),
        ({"error": plugin.layers.PluginError("No.")}, ["closed", ("No.", False)]),
        ({"error": KeyError(1)}, ["closed", ("Something went wrong in the plugin: KeyError: 1", True)]),
    ):
        signals.clear()
        steps.start(work(**arguments))
        wait_until(lambda: not steps.running)
        assert signals == expected
    signals.clear()
    steps.start(work())
    steps.advance()
    steps.start(work())  # replaces the first
    assert signals == ["closed"]
    steps.stop()


def test_unreadable_settings_count_as_empty(plugin: Any) -> None:
    plugin.settings.store(a=1)
    plugin.settings.store(b="ä")
    assert plugin.settings.load() == {"a": 1, "b": "ä"}
    Path(plugin.settings.data_folder(), "settings.json").write_text("{ broken")
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
def test_setup_failures_are_explained(plugin: Any, step: str, output: str, sentence: str) -> None:
    assert sentence in plugin.engine_install.explain_failure(step, output)


def run_setup(plugin: Any, monkeypatch: Any, folder: Path, pythons: list[str]) -> str:
    """Run the setup with these candidates for Python. Returns its message."""
    monkeypatch.setattr(plugin.engine_setup, "bundled_wheel", lambda: "engine.whl")
    monkeypatch.setattr(plugin.engine_setup, "python_candidates", lambda: [[python] for python in pythons])
    setup = plugin.engine_setup.EngineSetup(str(folder))
    messages: list[str] = []
    setup.finished.connect(messages.append)
    setup.start()
    wait_until(lambda: bool(messages))
    return messages[0]


def write_script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_setup_without_a_suitable_python_says_what_to_install(plugin: Any, monkeypatch: Any, tmp_path: Path) -> None:
    old = write_script(tmp_path / "python3", "echo 3.8")
    message = run_setup(plugin, monkeypatch, tmp_path / "environment", ["/nowhere/python3", old, "false"])
    assert "Install Python 3.10 or newer" in message
    assert not (tmp_path / "environment").exists()


def test_failed_setup_keeps_the_previous_engine(plugin: Any, monkeypatch: Any, tmp_path: Path) -> None:
    # This Python reports its version and creates the folder, and then fails.
    script = 'case "$1" in -c) echo 3.12;; *) mkdir -p "$3"; echo No space left on device; exit 1;; esac'
    broken = write_script(tmp_path / "python3", script)
    folder = tmp_path / "environment"
    folder.mkdir()
    (folder / "complete").write_text("impasto 0.0.1")
    message = run_setup(plugin, monkeypatch, folder, [broken])
    assert message.startswith("The disk is full")
    assert plugin.engine_install.installed_python(str(folder))
    assert not (tmp_path / "environment.old").exists()


def test_no_painting_starts_during_setup(runner: Any, fake_layers: FakeLayers, make_request: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(type(runner.setup), "running", property(lambda self: True))
    runner.start(make_request())
    assert runner.problem == "The engine is being set up: please wait."
    assert not runner.busy


def test_long_names_are_shortened(make_request: Any) -> None:
    title = make_request()._replace(layer_name="n" * 300).title
    assert title == "n" * 39 + "\u2026 x Style (50 %)"


def test_action_of_a_closed_window_is_not_updated(plugin: Any, runner: Any) -> None:
    QtGui = importlib.import_module(f"{os.environ['IMPASTO_QT']}.QtGui")
    action_class = QtGui.QAction if hasattr(QtGui, "QAction") else QtWidgets.QAction  # Qt 6 has it in QtGui
    closed, open_ = action_class("Stop"), action_class("Stop")
    for action in (closed, open_):
        plugin.extension._EnableWhileBusy(action)
    delete(closed)
    runner.state = "painting"
    runner.changed.emit()  # an exception in a slot would end the process
    assert open_.isEnabled()
    runner.state = "idle"
    runner.changed.emit()
    assert not open_.isEnabled()
