"""The plugin's form and docker, and what needs no engine. test_without_krita.py runs this file under PyQt5 and PyQt6.

Krita's module and its layers are replaced by fake_krita.py; the worker is the real one.
"""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.plugin.without_krita.fake_krita import FakeLayers, QtCore, QtGui, QtWidgets, delete, wait_until


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


def test_keep_faces_is_on_where_the_engine_finds_faces(plugin: Any, runner: Any, fake_layers: FakeLayers) -> None:
    form = plugin.option_form.Form(plugin.docker.MORE_OPTIONS)
    runner.start_engine()
    wait_until(lambda: bool(runner.options))
    form.create_fields(runner.options)
    assert form.keep_faces.isHidden()
    assert "protect" not in form.options()
    form.create_fields(runner.options, runner.finds_faces)
    assert not form.keep_faces.isHidden()
    assert form.options()["protect"] == "faces"
    form.keep_faces.setChecked(False)
    form.store()
    other = plugin.option_form.Form()
    other.create_fields(runner.options, runner.finds_faces)
    assert other.options()["protect"] == "none"
    assert not other.keep_faces.isChecked()


def test_faces_are_shown_while_the_pointer_rests_on_keep_faces(plugin: Any, runner: Any) -> None:
    person = QtGui.QImage(str(Path(__file__).parents[3] / "gradio_app" / "assets" / "astronaut.jpg"))
    picture = person.scaledToWidth(plugin.keep_faces.PICTURE_SIDE)
    box = plugin.keep_faces.KeepFaces()
    found: list[list[list[float]]] = []
    runner.faces_found.connect(found.append)
    runner.faces_found.connect(box.show_faces)
    runner.start_engine()
    wait_until(lambda: bool(runner.engine.ready))
    box.expect(picture)
    assert runner.request_faces(picture)
    wait_until(lambda: bool(found))
    assert len(found[0]) == 1
    assert not box._popup.isHidden()
    plain, shown = plugin.keep_faces.outlined(picture, []), box._popup.pixmap().toImage()
    changed = [
        (x, y) for y in range(shown.height()) for x in range(shown.width()) if shown.pixelColor(x, y) != plain.pixelColor(x, y)
    ]
    x, _, radius_x, _, _ = found[0][0]
    left, right = min(x for x, _ in changed) / shown.width(), max(x for x, _ in changed) / shown.width()
    assert abs(left - (x - radius_x)) < 0.04
    assert abs(right - (x + radius_x)) < 0.04
    assert len(changed) < 0.1 * shown.width() * shown.height()  # an outline, not a disk
    box.leaveEvent(QtCore.QEvent(QtCore.QEvent.Type.Leave))
    assert box._popup.isHidden()
    box.show_faces(found[0])  # an answer that comes too late
    assert box._popup.isHidden()
    blank = QtGui.QImage(64, 48, QtGui.QImage.Format.Format_ARGB32)
    blank.fill(QtGui.QColor(90, 120, 150))
    box.expect(blank)
    assert runner.request_faces(blank)
    wait_until(lambda: len(found) == 2)
    assert box._popup.text() == "There is no face in this layer."
    delete(box)


def test_sizes_show_their_times_and_never_exceed_the_layer(plugin: Any, runner: Any) -> None:
    form = plugin.option_form.Form(plugin.docker.MORE_OPTIONS)
    runner.start_engine()
    wait_until(lambda: bool(runner.options) and runner.engine.ready)
    form.create_fields(runner.options)
    choice = form.size_choice
    assert [choice.itemText(n) for n in range(choice.count())] == ["Preview", "Screen", "Full"]
    runner.estimates.request(3000, 2000, {"quality": "draft"}, choice.sizes())
    wait_until(lambda: len(runner.estimates.by_size) == 3)
    seconds = {size: header["seconds"] for size, header in runner.estimates.by_size.items()}
    assert seconds[512] < seconds[0]
    assert (runner.estimates.by_size[0]["width"], runner.estimates.by_size[0]["height"]) == (3000, 2000)
    choice.show_seconds(seconds)
    choice.show_layer_size(3000, 2000)
    assert re.fullmatch(r"Full, 3000 px \(\d+ (s|min)\)", choice.itemText(choice.findData(0)))
    listed = choice.view()
    assert not any(listed.isRowHidden(row) for row in range(choice.count()))
    choice.show_layer_size(700, 500)  # smaller than the screen
    assert [listed.isRowHidden(row) for row in range(choice.count())] == [False, True, False]
    choice.show_layer_size(3000, 2000)
    choice.setCurrentIndex(choice.findData(512))
    assert choice.enlargement == 3000 / 512
    form._fields["size"].set(768)  # from an older version
    assert form.options()["size"] == 768
    side = plugin.request.painted_side
    assert [side(512, (300, 200)), side(512, (3000, 2000)), side(0, (3000, 2000)), side(0, (20, 10))] == [300, 512, 3000, 32]
    assert side(0, (10_000, 10_000)) == 4000
    runner.estimates.request(300, 200, {"strenth": 1}, [512, 0])
    wait_until(lambda: "text" in runner.estimates.by_size[0])
    assert "did you mean 'strength'" in runner.estimates.by_size[512]["text"]
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
    assert docker._setup_hint() == difference + "install it again."
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
    job = plugin.live_painting.LiveJob(engine)
    job._open = True
    job._idle_timer.start()
    job.awaiting_patches = job.settling = True  # a change was sent during a `settle`, too late to interrupt it
    patch = {"op": "patch", "job": job.number, "x": 0, "y": 0, "width": 4, "height": 4, "last": True}
    job._on_frame(patch, bytes(64))
    job._on_frame({"op": "settled", "job": job.number, "done": True}, b"")
    assert job.awaiting_patches
    job._on_frame({**patch, "width": 0, "height": 0}, b"")  # the answer to the change
    assert not job.awaiting_patches
    assert not sent
    wait_until(lambda: bool(job.settle_if_due() or sent))
    assert sent == [{"op": "settle", "job": job.number}]


@pytest.mark.parametrize("pixel", [2, 4, 5, 16])  # bytes
def test_changed_rect_contains_all_changes_and_little_more(plugin: Any, pixel: int) -> None:
    geometry = plugin.geometry
    rect = geometry.Rect(0, 64, 100, 30)
    before = bytes(pixel * 100 * 30)
    for places in ([(0, 0)], [(99, 29)], [(50, 3), (52, 9)], [(0, 5), (99, 5)], [(37, 7)]):
        after = bytearray(before)
        for x, y in places:
            after[pixel * (100 * y + x) + 1] = 9
        changed = geometry.changed_rect(before, bytes(after), rect)
        left, top = min(x for x, _ in places), 64 + min(y for _, y in places)
        right, bottom = max(x for x, _ in places) + 1, 64 + max(y for _, y in places) + 1
        assert (changed.y, changed.y + changed.height) == (top, bottom)
        assert max(0, left - 16) <= changed.x <= left
        assert right <= changed.x + changed.width <= min(100, right + 16)
    assert geometry.union(None, rect) == rect
    assert geometry.union(geometry.Rect(90, 60, 30, 8), rect) == geometry.Rect(0, 60, 120, 34)


def test_unreadable_settings_count_as_empty(plugin: Any) -> None:
    plugin.settings.store(a=1)
    plugin.settings.store(b="ä")
    assert plugin.settings.load() == {"a": 1, "b": "ä"}
    Path(plugin.settings.data_folder(), "settings.json").write_text("{ broken")
    assert plugin.settings.load() == {}


def test_long_names_are_shortened(make_request: Any) -> None:
    title = make_request()._replace(layer_name="n" * 300).title
    assert title == "Style (50 %) on " + "n" * 39 + "\u2026"


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


def test_tab_moves_through_the_docker_as_it_is_laid_out(plugin: Any, runner: Any, fake_layers: FakeLayers) -> None:
    docker = plugin.docker.ImpastoDocker()
    runner.start_engine()
    wait_until(lambda: docker.form.has_schema)
    first = docker.findChild(QtWidgets.QComboBox, "impasto_source")
    names, widget = [], first
    while True:
        names.append(widget.objectName().replace("impasto_", ""))
        widget = widget.nextInFocusChain()
        if widget is first:
            break
    expected = ["source", "style_button", "colors", "quality", "size", "keep_faces", "more", "padding", "preset", "seed"]
    expected += ["live", "train", "paint_frames", "refine", "help", "button", "stop"]
    positions = [names.index(name) for name in expected]
    assert positions == sorted(positions), names
    delete(docker)


def test_a_trained_network_paints_if_the_quality_is_instant(plugin: Any, runner: Any, fake_layers: FakeLayers) -> None:
    form = plugin.option_form.Form(plugin.docker.MORE_OPTIONS)
    runner.start_engine()
    wait_until(lambda: bool(runner.options and runner.networks))
    form.create_fields(runner.options)
    form.set_instant_styles(runner.networks)
    form.style_picker.choose_network("harvest")
    form._fields["quality"].set("normal")
    assert form.instant_style is None
    assert [bool(style.path) for style in form.styles()] == [True]  # the painting
    assert form.live_style is not None
    assert form.live_style.network == "harvest"
    assert form._fields["size"].widget.isEnabled()
    form._fields["quality"].set("instant")
    assert form.instant_style == form.live_style
    enabled = {name for name, field in form._fields.items() if field.widget.isEnabled()}
    assert enabled == {"strength", "colors", "quality", "style_scale"}
    bamboo = next(entry for entry in form.style_picker._entries.values() if entry.name == "Bamboo")
    form.style_picker.choose(bamboo.source())
    form.style_picker.picked.emit()
    assert form.instant_style is None  # it has no network
    assert form.live_style is None
    assert form._fields["size"].widget.isEnabled()
    delete(form)
