"""The plugin's engine, its setup and the runner without Krita. test_without_krita.py runs this file under PyQt5 and PyQt6.

Krita's module and its layers are replaced by fake_krita.py; the worker is the real one.
"""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from impasto.worker.protocol import encode_frame
from tests.plugin.without_krita.fake_krita import HEIGHT, WIDTH, FakeLayers, QtCore, QtGui, wait_until


def wait_for_end(runner: Any) -> None:
    wait_until(lambda: not runner.busy)


def wait_for_preview(runner: Any) -> None:
    wait_until(lambda: runner.preview is not None)


def test_painting_goes_through_all_states_and_adds_a_layer(runner: Any, fake_layers: FakeLayers, make_request: Any) -> None:
    states = []
    runner.changed.connect(lambda: states.append(runner.state))
    runner.paint(make_request())
    assert runner.busy
    wait_for_end(runner)
    assert runner.problem == ""
    assert list(dict.fromkeys(states)) == ["starting", "reading", "painting", "writing", "idle"]
    assert fake_layers.added == [("Style (50 %) on Photo", "photo")]
    assert len(fake_layers.written) == WIDTH * HEIGHT * 4
    assert fake_layers.closed_snapshots == 1
    assert runner.preview is not None
    assert runner.status.startswith("Done in")


def test_cancel_is_immediate_and_keeps_the_engine(runner: Any, fake_layers: FakeLayers, make_request: Any) -> None:
    runner.paint(make_request(iterations=100_000))
    wait_for_preview(runner)
    runner.cancel()
    assert not runner.busy
    ops = []
    runner.engine.frame_received.connect(lambda header, blob: ops.append(header["op"]))
    wait_until(lambda: "cancelled" in ops)
    assert runner.engine.running
    runner.paint(make_request())
    wait_for_end(runner)
    assert len(fake_layers.added) == 1


def test_painting_after_a_hang_gets_a_new_engine(runner: Any, fake_layers: FakeLayers, make_request: Any) -> None:
    runner.paint(make_request(iterations=100_000))
    wait_for_preview(runner)
    hanging = int(runner.engine._process.processId())
    os.kill(hanging, signal.SIGSTOP)
    runner.cancel()
    runner.paint(make_request())
    wait_for_end(runner)
    assert runner.problem == ""
    assert int(runner.engine._process.processId()) != hanging
    assert len(fake_layers.added) == 1


def test_paintings_wait_in_a_queue(runner: Any, fake_layers: FakeLayers, make_request: Any) -> None:
    first, second, third, fourth = (make_request(name) for name in ("first", "second", "third", "fourth"))
    runner.paint(first)
    runner.paint(second, third, fourth)
    assert runner.current is first
    runner.move_queued(2, 0)
    runner.remove_queued(1)
    assert runner.queue == [fourth, third]
    wait_until(lambda: not runner.busy and not runner.queue)
    assert [key for _, key in fake_layers.added] == ["first", "fourth", "third"]
    assert runner.problem == ""


def test_a_failed_or_stopped_painting_does_not_hold_up_the_next(
    runner: Any, fake_layers: FakeLayers, make_request: Any
) -> None:
    runner.paint(make_request(iterations=100_000), make_request("removed"), make_request("last"))
    wait_for_preview(runner)
    runner.cancel()
    wait_until(lambda: not runner.busy and not runner.queue)
    assert [key for _, key in fake_layers.added] == ["last"]
    assert runner.problem == "The layer was removed."
    runner.paint(make_request(iterations=100_000), make_request("other"))
    runner.cancel_all()
    assert not runner.busy
    assert runner.queue == []


def test_a_result_smaller_than_its_layer_can_be_refined(
    plugin: Any, runner: Any, fake_layers: FakeLayers, make_request: Any, monkeypatch: Any
) -> None:
    sent: list[dict[str, Any]] = []
    send = runner.engine.send
    monkeypatch.setattr(runner.engine, "send", lambda header, blob=b"": (sent.append(header), send(header, blob)))
    history = runner.histories.of(plugin.Krita.document)
    monkeypatch.setattr(history, "layer_of", lambda result: None)

    def paint(request: Any) -> Any:
        runner.paint(request)
        wait_for_end(runner)
        return history.history.results[-1]

    request = {"weights": None, "iterations": None, "quality": "instant"}
    alone, full, small = paint(make_request()), paint(make_request(size=0, **request)), paint(make_request(**request))
    assert not alone.is_refinable  # with weights of its own, it has no learned optimizer
    assert not full.is_refinable
    assert small.is_refinable
    assert history.refinement(small) is None  # its layer is gone
    node = SimpleNamespace(
        childNodes=list, bounds=QtCore.QRect, thumbnail=lambda width, height: QtGui.QImage(), parentNode=lambda: None
    )
    monkeypatch.setattr(history, "layer_of", lambda result: node)
    sent.clear()
    refined = paint(history.refinement(small))
    (image,) = [header for header in sent if header.get("role") == "painting" and header["op"] == "image"]
    assert (image["painted_width"], image["painted_height"]) == (small.width, small.height)
    assert max(small.width, small.height) < max(image["width"], image["height"])
    (start,) = [header for header in sent if header["op"] == "start"]
    assert start["options"]["size"] == max(image["width"], image["height"])
    assert fake_layers.added[-1] == ("Style (50 %, refined) on Photo", "photo")
    assert runner.problem == ""
    assert not refined.is_refinable
    assert runner.last_request.painting is None


def test_removed_layer_and_invalid_option_are_reported(runner: Any, fake_layers: FakeLayers, make_request: Any) -> None:
    runner.paint(make_request("removed"))
    wait_for_end(runner)
    assert runner.problem == "The layer was removed."
    runner.paint(make_request(strenth=1))
    wait_for_end(runner)
    assert "did you mean 'strength'" in runner.problem
    assert runner.details == ""  # the user can mend it
    assert fake_layers.added == []
    assert fake_layers.closed_snapshots == 2


def test_closing_the_document_ends_the_painting_without_a_message(
    plugin: Any, runner: Any, fake_layers: FakeLayers, make_request: Any, monkeypatch: Any
) -> None:
    runner.paint(make_request(iterations=100_000))
    wait_for_preview(runner)
    monkeypatch.setattr(plugin.Krita, "document", None)
    wait_for_end(runner)
    assert (runner.problem, fake_layers.added) == ("", [])


def test_missing_engine_is_reported(new_runner: Any, fake_layers: FakeLayers, make_request: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("IMPASTO_ENGINE", "")
    monkeypatch.setenv("PATH", "")
    new_runner.paint(make_request())
    assert "Download and install" in new_runner.problem
    monkeypatch.setenv("IMPASTO_ENGINE", "/nowhere/python3")
    new_runner.paint(make_request())
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
    new_runner.paint(make_request())
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


def run_setup(plugin: Any, monkeypatch: Any, folder: Path, uv: str) -> tuple[str, list[str]]:
    """Run the setup with this script as uv. Returns its message and its log."""
    monkeypatch.setattr(plugin.engine_setup, "bundled_wheel", lambda: "engine.whl")
    monkeypatch.setattr(plugin.installation.Computer, "needed_bytes", 1e6)
    program = folder / f"uv-{plugin.installation.UV_VERSION}" / "uv"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{uv}\n")
    program.chmod(0o755)
    setup = plugin.engine_setup.EngineSetup(str(folder))
    messages: list[str] = []
    lines: list[str] = []
    setup.finished.connect(messages.append)
    setup.log.connect(lines.append)
    setup.start()
    assert setup.running
    wait_until(lambda: bool(messages))
    assert not setup.running
    return messages[0], lines


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("No space left on device (os error 28)", "The disk is full"),
        ("Permission denied (os error 13)", "cannot be written to"),
        ("something else", "The installation failed: something else"),
    ],
)
def test_failed_setup_keeps_the_previous_engine(
    plugin: Any, monkeypatch: Any, tmp_path: Path, output: str, sentence: str
) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "complete").write_text("impasto 0.0.1")
    message, log = run_setup(plugin, monkeypatch, tmp_path, f"mkdir -p {tmp_path}/engine; echo '{output}'; exit 1")
    assert sentence in message
    assert output in log
    assert plugin.installation.installed_python(str(tmp_path / "engine"))
    assert not (tmp_path / "engine.old").exists()


def test_uv_that_cannot_be_started_is_reported(plugin: Any, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(plugin.engine_setup, "bundled_wheel", lambda: "engine.whl")
    monkeypatch.setattr(plugin.installation.Computer, "needed_bytes", 1e6)
    program = tmp_path / f"uv-{plugin.installation.UV_VERSION}" / "uv"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"no program")
    setup = plugin.engine_setup.EngineSetup(str(tmp_path))
    messages: list[str] = []
    setup.finished.connect(messages.append)
    setup.start()
    wait_until(lambda: bool(messages))
    assert "ermission" in messages[0]


def test_setup_without_room_or_wheel_says_so(plugin: Any, monkeypatch: Any, tmp_path: Path) -> None:
    setup = plugin.engine_setup.EngineSetup(str(tmp_path / "new"))
    messages: list[str] = []
    setup.finished.connect(messages.append)
    setup.start()
    assert "does not contain the engine" in messages.pop()
    monkeypatch.setattr(plugin.engine_setup, "bundled_wheel", lambda: "engine.whl")
    monkeypatch.setattr(plugin.installation.Computer, "needed_bytes", 1e18)
    setup.start()
    assert "The disk is too full" in messages.pop()
    assert not setup.running


def test_no_painting_starts_during_setup(runner: Any, fake_layers: FakeLayers, make_request: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(type(runner.setup), "running", property(lambda self: True))
    runner.paint(make_request())
    assert runner.problem == "The engine is being installed: please wait."
    assert not runner.busy
