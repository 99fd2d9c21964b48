"""Painting the frames of an animation, and its panel. test_without_krita.py runs this file under PyQt5 and PyQt6.

Krita's module and its layers are replaced; the worker is the real one.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.plugin.without_krita.fake_krita import QtCore, QtGui, QtWidgets, delete, wait_until

WIDTH, HEIGHT = 60, 40
BLANK = bytes(4 * WIDTH * HEIGHT)


def drawing(number: int) -> bytes:
    """BGRA pixels of a drawing; every fourth column is half transparent."""
    row = bytearray()
    for x in range(WIDTH):
        row += bytes([(7 * x * (number + 1)) % 256, (number * 60) % 256, (4 * x) % 256, 128 if x % 4 == 0 else 255])
    return bytes(row) * HEIGHT


class FakeDocument:
    """An animated document. `frames` are the pixels of its layer, from the first frame on"""

    def __init__(self, frames: list[bytes], animated: bool = True) -> None:
        self.frames, self.size = frames, (WIDTH, HEIGHT)
        self.selected: Any = None
        self.layer_removed, self.playback = False, (0, len(frames) - 1)
        layer = SimpleNamespace(animated=lambda: animated, childNodes=list)
        self._root = SimpleNamespace(animated=lambda: False, childNodes=lambda: [layer])

    def rootNode(self) -> Any:
        return self._root

    def activeNode(self) -> Any:
        return None

    def width(self) -> int:
        return self.size[0]

    def height(self) -> int:
        return self.size[1]

    def playBackStartTime(self) -> int:
        return self.playback[0]

    def playBackEndTime(self) -> int:
        return self.playback[1]

    def fullClipRangeEndTime(self) -> int:
        return 100


class Selection:
    """A rectangle with a soft left edge"""

    def __init__(self, x: int, y: int, width: int, height: int) -> None:
        self._left, self._top, self._right, self._bottom = x, y, x + width, y + height

    def pixelData(self, x: int, y: int, w: int, h: int) -> bytes:
        return bytes(self._value(column, row) for row in range(y, y + h) for column in range(x, x + w))

    def _value(self, x: int, y: int) -> int:
        if not (self._left <= x < self._right and self._top <= y < self._bottom):
            return 0
        return 100 if x == self._left else 255


def read_film(path: str) -> list[bytes]:
    """The pixels of each frame of a Krita file, up to its last keyframe, which is transparent"""
    with zipfile.ZipFile(path) as file:
        root = ElementTree.fromstring(file.read("film/layers/layer1.keyframes.xml"))
        keyframes = {int(element.get("time", -1)): element.get("frame", "") for element in root.iterfind(".//{*}keyframe")}
        pictures = {moment: read_tiles(file.read(f"film/layers/{name}")) for moment, name in keyframes.items()}
    assert pictures.pop(max(pictures)) == BLANK
    frames: list[bytes] = []
    for moment in range(max(keyframes)):
        frames.append(pictures.get(moment) or frames[-1])
    return frames


def read_tiles(content: bytes) -> bytes:
    """The pixels of the canvas from Krita's tiles"""
    file, pixels = io.BytesIO(content), bytearray(BLANK)
    assert [file.readline() for _ in range(4)] == [b"VERSION 2\n", b"TILEWIDTH 64\n", b"TILEHEIGHT 64\n", b"PIXELSIZE 4\n"]
    for _ in range(int(file.readline().split()[1])):
        left, top, _, size = file.readline().split(b",")
        assert (int(size), file.read(1)) == (16385, b"\0")
        for y in range(int(top), int(top) + 64):
            row = file.read(256)
            if y < HEIGHT:
                width = min(64, WIDTH - int(left))
                start = 4 * (y * WIDTH + int(left))
                pixels[start : start + 4 * width] = row[: 4 * width]
    assert not file.read()
    return bytes(pixels)


@pytest.fixture(scope="module")
def engine(plugin_modules: Any) -> Iterator[Any]:
    """An engine process that the tests share, with what was sent to it in `sent`"""
    engine = plugin_modules.engine_process.EngineProcess()
    engine.sent = []
    send = engine.send

    def record(header: dict[str, Any], blob: bytes = b"") -> None:
        engine.sent.append(header)
        send(header, blob)

    engine.send = record
    yield engine
    engine.stop()


@pytest.fixture
def stage(plugin: Any, engine: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The animation module without Krita's documents, an engine, and the films that were added to the document"""
    module = importlib.import_module("impasto_krita.animation")
    stage = SimpleNamespace(
        module=module,
        film=importlib.import_module("impasto_krita.film"),
        engine=engine,
        added=[],
        error=plugin.layers.PluginError,
    )

    class Snapshot:
        def __init__(self, document: FakeDocument) -> None:
            self._frames, self._moment = list(document.frames), 0

        def make_visible(self, keys: list[str]) -> Iterator[int]:
            yield 0

        def show_frame(self, moment: int) -> Iterator[int]:
            self._moment = moment
            yield 0

        def picture(self, key: str, rect: Any) -> Any:
            pixels = self._frames[self._moment]
            lines = [pixels[4 * (y * WIDTH + rect.x) :][: 4 * rect.width] for y in range(rect.y, rect.y + rect.height)]
            return SimpleNamespace(stripes=lambda: iter([(0, rect.height, b"".join(lines))]))

        def close(self) -> None: ...

    def open_document(path: str) -> Any:
        stage.added.append(read_film(path))
        layer = SimpleNamespace(setName=lambda name: setattr(stage, "name", name), uniqueId=lambda: QtCore.QUuid())
        root = SimpleNamespace(childNodes=lambda: [SimpleNamespace(duplicate=lambda: layer)])
        names = ("tryBarrierLock", "unlock", "setModified", "close")
        return SimpleNamespace(rootNode=lambda: root, **{name: lambda *arguments: True for name in names})

    def find_node(document: FakeDocument, key: str) -> Any:
        return None if document.layer_removed else SimpleNamespace(parentNode=lambda: None)

    monkeypatch.setattr(module, "FilmSnapshot", Snapshot)
    monkeypatch.setattr(module, "_open_document", open_document)
    monkeypatch.setattr(module, "add_above", lambda document, layer, source: None)
    monkeypatch.setattr(plugin.layers, "find_node", find_node)
    start_engine(engine)
    engine.sent.clear()

    def new_animation() -> Any:
        return module.AnimationPainting(engine, lambda: False)

    def make_request(document: FakeDocument, **options: Any) -> Any:
        plugin.Krita.document = document
        style = plugin.request.StyleSource("Harvest", network="harvest")
        settings, selection = {"strength": 0.5, **options}, document.selected
        return plugin.request.PaintRequest(document, "layer", "Walk", [style], settings, selection=selection)

    stage.new_animation, stage.make_request = new_animation, make_request
    stage.animation = new_animation()
    return stage


def start_engine(engine: Any) -> None:
    engine.start([sys.executable, "-m", "impasto"])
    wait_until(lambda: bool(engine.ready))


def painted(engine: Any) -> int:
    """How many frames were sent to be painted"""
    return sum(header["op"] == "start" for header in engine.sent)


def wait_for_end(animation: Any) -> None:
    wait_until(lambda: not animation.busy)


def paint(stage: Any, document: FakeDocument, steady: float = 0.8) -> list[bytes]:
    """Paint all frames. Returns their pixels."""
    stage.animation.start(stage.make_request(document), 0, len(document.frames) - 1, steady)
    wait_for_end(stage.animation)
    assert len(stage.added) == 1, stage.animation.status
    return list(stage.added.pop())


def stop_after(stage: Any, count: int) -> None:
    wait_until(lambda: stage.animation.done_frames >= count)
    stage.animation.stop()


def test_held_and_transparent_frames_are_not_painted(stage: Any) -> None:
    document = FakeDocument([drawing(0), drawing(0), drawing(1), BLANK, BLANK, drawing(1)])
    statuses, finished = [], []
    stage.animation.changed.connect(lambda: statuses.append(stage.animation.status))
    stage.animation.finished.connect(lambda: finished.append(stage.animation.fraction))
    images = paint(stage, document)
    assert painted(stage.engine) == 3
    assert [images[0] == images[1], images[3] == images[4], images[3] == BLANK] == [True, True, True]
    assert images[2] not in (images[0], drawing(1))
    assert images[5] != images[2]  # it is painted again, as the smoothing has gone on
    assert [image[3::4] for image in images] == [frame[3::4] for frame in document.frames]
    assert stage.name == "Harvest (50 %) on Walk"
    assert "Frame 1 of 6" in statuses
    assert any(status.startswith("Frame 6 of 6, ") and status.endswith(" left") for status in statuses)
    assert stage.animation.status == "6 frames were added."
    assert finished == [1.0]
    folder = os.path.join(stage.film.settings.data_folder(), "animations")
    wait_until(lambda: os.listdir(folder) == [])  # it is deleted in another thread


def test_frames_are_smoothed_over_time_unless_steady_is_0(stage: Any) -> None:
    frames = [drawing(0), drawing(3)]
    alone = paint(stage, FakeDocument([drawing(3)]))[0]
    smooth = paint(stage, FakeDocument(frames))[1]
    assert smooth != alone
    starts = [header for header in stage.engine.sent if header["op"] == "start"]
    assert [header["sequence"] for header in starts] == [{"steady": 0.8}] * 3
    assert paint(stage, FakeDocument(frames), steady=0)[1] == alone
    assert "sequence" not in stage.engine.sent[-1]


def test_painting_that_was_stopped_goes_on_where_it_was(stage: Any) -> None:
    document = FakeDocument([drawing(number) for number in range(5)])
    whole = paint(stage, document)
    stage.engine.sent.clear()
    stage.animation.start(stage.make_request(document), 0, 4)
    stop_after(stage, 2)
    assert (stage.animation.status, stage.added) == ("Stopped: 2 of 5 frames are done.", [])
    assert stage.animation.can_resume
    stage.animation.resume()
    stage.animation.stop()  # at once: the two frames are still done
    assert stage.animation.done_frames == 2
    stage.animation = stage.new_animation()  # as after a restart of Krita
    stage.animation.start(stage.make_request(document), 0, 4)
    stop_after(stage, 3)
    stage.animation.add_done()
    wait_for_end(stage.animation)
    assert stage.added.pop() == whole[:3]
    assert stage.animation.status == "3 frames were added."
    stage.animation.resume()
    wait_for_end(stage.animation)
    assert stage.added.pop() == whole
    canceled = 2  # the frames in progress at the stops
    assert 5 <= painted(stage.engine) <= 5 + canceled
    assert not stage.animation.can_resume


def test_painting_starts_over_from_a_changed_frame(stage: Any) -> None:
    document = FakeDocument([drawing(number) for number in range(4)])
    stage.animation.start(stage.make_request(document), 0, 3)
    stop_after(stage, 3)
    document.frames[1] = drawing(7)
    stage.engine.sent.clear()
    stage.animation.resume()
    wait_for_end(stage.animation)
    assert painted(stage.engine) == 3
    assert stage.added.pop() == paint(stage, document)


def test_painting_goes_on_after_the_engine_has_ended(stage: Any) -> None:
    document = FakeDocument([drawing(number) for number in range(4)])
    problems = []
    stage.animation.failed.connect(lambda message, details: problems.append(message))
    stage.animation.start(stage.make_request(document), 0, 3)
    wait_until(lambda: stage.animation.done_frames == 2)
    stage.engine._process.kill()
    wait_for_end(stage.animation)
    assert problems == ["The engine has ended: press Resume to go on."]
    assert stage.animation.done_frames == 2
    start_engine(stage.engine)
    stage.engine.sent.clear()
    stage.animation.resume()
    wait_for_end(stage.animation)
    assert (painted(stage.engine), len(stage.added.pop())) == (2, 4)


def test_a_painting_goes_first(stage: Any) -> None:
    busy = [True]
    animation = stage.module.AnimationPainting(stage.engine, lambda: busy[0])
    animation.start(stage.make_request(FakeDocument([drawing(0)])), 0, 0)
    wait_until(lambda: animation.status == "Waiting for the engine")
    assert painted(stage.engine) == 0
    busy[0] = False
    wait_for_end(animation)
    assert painted(stage.engine) == 1


def test_only_the_selection_is_painted_with_its_soft_edge(stage: Any, plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    document = FakeDocument([drawing(0), drawing(1)])
    document.selected = Selection(20, 10, 8, 6), plugin.geometry.Rect(20, 10, 8, 6)
    monkeypatch.setattr(plugin.request, "_SELECTION_MARGIN", 6)
    images = paint(stage, document)
    image = next(header for header in stage.engine.sent if header["op"] == "image")
    assert (image["width"], image["height"]) == (20, 18)
    for painted_image in images:
        places = enumerate(painted_image[3::4])
        alphas = {(place % WIDTH, place // WIDTH): alpha for place, alpha in places if alpha}
        assert set(alphas) == {(x, y) for x in range(20, 28) for y in range(10, 16)}
        assert alphas[20, 12] == 50  # half transparent at a value of 100
        assert [alphas[21, 12], alphas[24, 12]] == [255, 128]


@pytest.mark.parametrize(
    ("document", "frames", "changes", "text"),
    [
        (FakeDocument([drawing(0)], animated=False), (0, 0), {}, "This picture has no animation"),
        (FakeDocument([drawing(0)]), (3, 2), {}, "There are no frames from 3 to 2."),
        (FakeDocument([drawing(0)]), (0, 2000), {}, "2001 frames are too many at once: choose at most 2000."),
        (FakeDocument([drawing(0)]), (0, 0), {"styles": []}, "choose one, or make this style instant first"),
    ],
)
def test_what_cannot_be_painted_is_refused(
    stage: Any, document: FakeDocument, frames: tuple[int, int], changes: dict[str, Any], text: str
) -> None:
    problems = []
    stage.animation.failed.connect(lambda message, details: problems.append(message))
    stage.animation.start(stage.make_request(document)._replace(**changes), *frames)
    assert not stage.animation.busy
    assert not stage.animation.can_resume
    assert problems == [stage.animation.status]
    assert text in problems[0]


def test_a_selection_outside_the_picture_and_a_removed_layer_are_refused(stage: Any, plugin: Any) -> None:
    document = FakeDocument([drawing(0)])
    document.selected = Selection(90, 90, 5, 5), plugin.geometry.Rect(90, 90, 0, 0)
    stage.animation.start(stage.make_request(document), 0, 0)
    assert stage.animation.status == "The selection is outside the picture: there is nothing to paint."
    document.selected, document.layer_removed = None, True
    stage.animation.start(stage.make_request(document), 0, 0)
    assert stage.animation.status == "The layer was removed."
    assert not stage.animation.busy


@pytest.mark.parametrize(("cause", "text"), [("closed", "The picture was closed."), ("resized", "size was changed")])
def test_painting_ends_when_its_picture_is_gone(stage: Any, plugin: Any, cause: str, text: str) -> None:
    document = FakeDocument([drawing(number) for number in range(3)])
    stage.animation.start(stage.make_request(document), 0, 2)
    wait_until(lambda: stage.animation.done_frames == 1)
    if cause == "closed":
        plugin.Krita.document = None
    else:
        document.size = (WIDTH, HEIGHT + 1)
    wait_for_end(stage.animation)
    assert text in stage.animation.status
    assert not stage.animation.can_resume
    assert stage.added == []


def test_frames_that_cannot_be_stored_end_it_with_the_reason(stage: Any) -> None:
    document = FakeDocument([drawing(0), drawing(1)])
    folder = os.path.join(stage.film.settings.data_folder(), "animations")
    os.makedirs(os.path.dirname(folder))
    with open(folder, "w", encoding="utf-8"):
        pass  # a file where the folder would be
    stage.animation.start(stage.make_request(document), 0, 1)
    wait_for_end(stage.animation)
    assert stage.animation.status.startswith("The frames cannot be stored (")
    os.remove(folder)
    stage.animation.resume()
    wait_until(lambda: stage.animation.done_frames == 1)
    (inner,) = os.listdir(folder)
    stage.film.delete_in_background(os.path.join(folder, inner))
    wait_for_end(stage.animation)
    assert stage.animation.status.startswith("The frames cannot be stored (")
    assert stage.animation.can_resume


def test_a_network_that_has_changed_begins_again(stage: Any) -> None:
    document = FakeDocument([drawing(0), drawing(1)])
    stage.animation.start(stage.make_request(document), 0, 1)
    stop_after(stage, 1)
    folder = os.path.join(stage.film.settings.data_folder(), "animations")
    (inner,) = os.listdir(folder)
    (state,) = (name for name in os.listdir(os.path.join(folder, inner)) if name.endswith(".state"))
    with open(os.path.join(folder, inner, state), "r+b") as file:
        file.write(bytes(32))  # as if by another network
    stage.animation.resume()
    wait_for_end(stage.animation)
    assert stage.animation.status == "The style has changed since these frames were painted: paint them again."
    assert stage.animation.done_frames == 0
    stage.animation.resume()
    wait_for_end(stage.animation)
    assert len(stage.added.pop()) == 2


def test_a_damaged_frame_begins_again(stage: Any) -> None:
    document = FakeDocument([drawing(0), drawing(1)])
    stage.animation.start(stage.make_request(document), 0, 1)
    stop_after(stage, 1)
    folder = os.path.join(stage.film.settings.data_folder(), "animations")
    (inner,) = os.listdir(folder)
    (frame,) = (name for name in os.listdir(os.path.join(folder, inner)) if name.endswith(".frame"))
    with open(os.path.join(folder, inner, frame), "r+b") as file:
        file.write(bytes(32))
    stage.animation.resume()
    wait_for_end(stage.animation)
    assert stage.animation.status == "The frames that were painted are damaged: paint them again."
    stage.animation.resume()
    wait_for_end(stage.animation)
    assert len(stage.added.pop()) == 2


def test_pictures_are_cut_into_the_tiles_where_something_is_visible(plugin: Any) -> None:
    module, rect = importlib.import_module("impasto_krita.animated_layer"), plugin.geometry.Rect(60, 130, 70, 3)
    pixels = bytearray(4 * 70 * 3)
    start = 4 * (70 + 69)
    pixels[start : start + 4] = b"dot!"  # at (129, 131)
    content = zlib.decompress(module.encode_picture(bytes(pixels), rect))
    header, tile = content.split(b"DATA 1\n128,128,LZF,16385\n\0")
    assert header.endswith(b"PIXELSIZE 4\n")
    assert len(tile) == 64 * 64 * 4
    assert tile.index(b"dot!") == 4 * (3 * 64 + 1)


def test_only_the_latest_unfinished_animations_are_kept(stage: Any) -> None:
    for strength in range(6):
        request = stage.make_request(FakeDocument([drawing(0), drawing(1)]), strength=strength / 10)
        stage.animation.start(request, 0, 1)
        stop_after(stage, 1)
    folder = os.path.join(stage.film.settings.data_folder(), "animations")
    names = [name for name in os.listdir(folder) if "." not in name]  # the others are being deleted
    assert len(names) == stage.film._KEPT_FOLDERS


def show_panel(stage: Any) -> Any:
    panel_module = importlib.import_module("impasto_krita.ui.animation_panel")
    panel = panel_module.AnimationPanel(stage.animation)
    panel.setAttribute(QtCore.Qt.WidgetAttribute.WA_DontShowOnScreen)
    return panel


def child(panel: Any, name: str) -> Any:
    return panel.findChild(QtWidgets.QWidget, "impasto_" + name)


def test_panel_is_hidden_without_an_animation_and_explains_what_it_needs(stage: Any) -> None:
    panel = show_panel(stage)
    still, moving = FakeDocument([drawing(0)], animated=False), FakeDocument([drawing(0), drawing(1)])
    for document, available, visible in (
        (still, True, False),
        (moving, False, True),
        (moving, True, True),
        (None, True, False),
    ):
        panel.set_available(available)
        panel.refresh(document)
        assert panel.isHidden() != visible
        assert child(panel, "paint_frames").isEnabled() == available
        hint = "Uses the instant style; Quality has no effect." if available else "Choose a style with a bolt."
        assert child(panel, "animation_status").text() == hint
    delete(panel)


def test_panel_shows_the_playback_range_and_keeps_what_the_user_has_set(stage: Any) -> None:
    panel, document = show_panel(stage), FakeDocument([drawing(0)] * 9)
    document.playback = 2, 7
    panel.refresh(document)
    assert (panel.first.value(), panel.last.value()) == (2, 7)
    panel.last.setValue(5)
    panel.refresh(document)
    assert (panel.first.value(), panel.last.value()) == (2, 5)
    document.playback = 0, 8
    panel.refresh(document)
    assert (panel.first.value(), panel.last.value()) == (0, 8)
    delete(panel)


def test_panel_paints_stops_resumes_and_adds(stage: Any) -> None:
    panel, document = show_panel(stage), FakeDocument([drawing(number) for number in range(4)])
    panel.set_available(True)
    panel.refresh(document)
    panel.steady.set_value(0.6)
    panel.start_requested.connect(
        lambda first, last, steady: stage.animation.start(stage.make_request(document), first, last, steady)
    )
    panel.resume_requested.connect(stage.animation.resume)
    paint_button, resume, add = (child(panel, name) for name in ("paint_frames", "resume_frames", "add_frames"))
    bar, status = child(panel, "animation_progress"), child(panel, "animation_status")
    assert paint_button.text() == "Paint frames"
    assert (bar.isHidden(), resume.isHidden(), add.isHidden()) == (True, True, True)
    paint_button.click()
    assert (paint_button.text(), bar.isHidden(), panel.first.isEnabled()) == ("Stop", False, False)
    wait_until(lambda: stage.animation.done_frames == 2)
    wait_until(lambda: status.text().startswith("Frame 3 of 4"))
    assert bar.value() == 500
    assert panel.minimumSizeHint().width() <= 250
    paint_button.click()
    assert next(h for h in stage.engine.sent if h["op"] == "start")["sequence"] == {"steady": 0.6}
    assert paint_button.text() == "Paint frames"
    assert status.text() == "Stopped: 2 of 4 frames are done."
    assert (resume.isHidden(), add.isHidden(), add.text()) == (False, False, "Add 2 finished frames")
    assert panel.minimumSizeHint().width() <= 250
    add.click()
    wait_for_end(stage.animation)
    assert len(stage.added.pop()) == 2
    resume.click()
    wait_for_end(stage.animation)
    assert len(stage.added.pop()) == 4
    assert (resume.isHidden(), add.isHidden(), status.text()) == (True, True, "4 frames were added.")
    delete(panel)


def test_panel_shows_the_frames_of_the_active_layer(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    panel, document = show_panel(stage), FakeDocument([drawing(0)] * 9)
    document.playback = 0, 100
    layer = SimpleNamespace(animated=lambda: True, hasKeyframeAtTime=lambda time: time in (3, 5, 11))
    monkeypatch.setattr(document, "activeNode", lambda: layer)
    panel.refresh(document)
    assert (panel.first.value(), panel.last.value()) == (3, 11)
    delete(panel)


def test_the_wheel_changes_no_field_that_was_not_clicked(stage: Any) -> None:
    panel = show_panel(stage)
    point, pixels = QtCore.QPointF(5, 5), QtCore.QPoint(0, 120)
    no_buttons, phase = QtCore.Qt.MouseButton.NoButton, QtCore.Qt.ScrollPhase.NoScrollPhase
    modifiers = QtCore.Qt.KeyboardModifier.NoModifier
    slider = panel.steady.findChild(QtWidgets.QSlider)
    before = panel.last.value(), slider.value()
    for widget in (panel.last, slider):
        event = QtGui.QWheelEvent(point, point, pixels, pixels, no_buttons, modifiers, phase, False)
        QtWidgets.QApplication.sendEvent(widget, event)
        assert not event.isAccepted()  # so that it scrolls the docker
    assert (panel.last.value(), slider.value()) == before
    delete(panel)
