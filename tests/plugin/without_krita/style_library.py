"""The style library and its widgets. test_without_krita.py runs this file under PyQt5 and PyQt6."""

from __future__ import annotations

import base64
import importlib
import io
import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.plugin.without_krita.fake_krita import QtCore, QtGui, QtWidgets, delete, wait_until

QtTest = importlib.import_module(f"{os.environ['IMPASTO_QT']}.QtTest")
Qt = QtCore.Qt
#: Titles of the plugin's paintings, in order.
PAINTINGS = [
    *("Harvest", "Rose window", "Harbor", "Alpenglow", "Bamboo", "Koi", "Breaking wave", "Lily pond", "Guitar"),
    *("Northern lights", "Sunday park", "Ink mountains", "Fresco", "Iris"),
]


def network(name: str, title: str = "", own: bool = False, color: str = "red") -> dict[str, Any]:
    """The engine's description of a network"""
    buffer = io.BytesIO()
    Image.new("RGB", (96, 72), color).save(buffer, "JPEG")
    return {"name": name, "title": title or name, "thumbnail": base64.b64encode(buffer.getvalue()).decode(), "own": own}


def picture_file(path: Path, color: str = "red", size: tuple[int, int] = (80, 60)) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return str(path)


def png(color: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(buffer, "PNG")
    return buffer.getvalue()


def add_saved(library: Any, color: str, name: str) -> str:
    """Add a picture that is not a file yet"""
    path = Path(library.folder, "unnamed")
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(png(color))
    return str(library.add_saved(importlib.import_module("impasto_client.style_library").name_by_content(str(path)), name))


@pytest.fixture
def module(plugin: Any) -> Any:
    return importlib.import_module("impasto_client.style_library")


@pytest.fixture
def library(module: Any, tmp_path: Path) -> Any:
    return module.StyleLibrary(str(tmp_path / "styles"))


def test_painting_and_network_of_the_same_style_are_one(library: Any) -> None:
    library.set_networks([network("harvest"), network("waves", "Waves", own=True)])
    by_name = {entry.name: entry for entry in library.entries()}
    assert list(by_name) == ["Waves", *PAINTINGS]
    harvest = by_name["Harvest"]
    assert harvest.source(instant=True)._asdict() == {"name": "Harvest", "layer_key": "", "path": "", "network": "harvest"}
    assert harvest.source().path.endswith("harvest.jpg")
    assert os.path.exists(harvest.source().path)
    assert not harvest.source().network
    assert not by_name["Koi"].source(instant=True).network
    assert by_name["Waves"].source().network == "waves"  # there is no picture of it
    assert [entry.can_delete for entry in (by_name["Waves"], harvest)] == [True, False]


def test_own_network_with_the_name_of_a_painting_is_another_style(library: Any) -> None:
    library.set_networks([network("harvest", "Harvest", own=True)])
    assert [(entry.kind, entry.network) for entry in library.entries() if entry.name == "Harvest"] == [
        ("network", "harvest"),
        ("painting", ""),
    ]


def test_network_that_was_trained_on_a_picture_belongs_to_it(library: Any, module: Any, tmp_path: Path) -> None:
    path = picture_file(tmp_path / "sea.png")
    library.set_networks([network("sea", own=True)])
    key = library.add_picture(path)
    assert [entry.kind for entry in library.entries() if entry.network == "sea"] == ["network"]
    library.attach_network(path, "sea")
    assert [(entry.key, entry.path) for entry in library.entries() if entry.network == "sea"] == [(key, path)]
    assert library.find_network("sea").source(instant=True).network == "sea"
    library.set_networks([])  # the network was deleted
    assert library.find(key).source(instant=True).path == path
    library.set_networks([network("Koi", own=True), network("koi_2", own=True)])
    koi = library.find("painting:koi")
    library.attach_network(koi.path, "koi_2")
    library = module.StyleLibrary(str(tmp_path / "styles"))
    library.set_networks([network("Koi", own=True), network("koi_2", own=True)])
    koi = library.find_network("koi_2")
    assert (koi.key, koi.can_rename, koi.can_delete, koi.can_remove) == ("painting:koi", False, True, False)


def test_changes_are_stored(library: Any, module: Any, tmp_path: Path) -> None:
    path = picture_file(tmp_path / "sea.png")
    key = library.add_picture(path)
    library.rename(key, "  The   sea ")
    library.toggle_favorite(key)
    library.toggle_favorite("painting:koi")
    library.toggle_favorite("painting:koi")
    library.mark_used(key)
    again = module.StyleLibrary(str(tmp_path / "styles"))
    entry = again.find(key)
    assert (entry.name, entry.favorite, entry.path) == ("The sea", True, path)
    assert entry.used > 0
    assert not again.find("painting:koi").favorite
    assert [file.name for file in (tmp_path / "styles").iterdir()] == ["library.json"]
    again.delete(key)
    assert Path(path).exists()
    assert again.find(key) is None
    library.refresh()  # the other window has deleted it
    assert library.find(key) is None


def test_failed_write_keeps_the_old_file(library: Any, module: Any, tmp_path: Path, monkeypatch: Any) -> None:
    library.toggle_favorite("painting:koi")
    before = (tmp_path / "styles/library.json").read_bytes()

    def fail(*paths: str) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    library.toggle_favorite("painting:harvest")
    assert library.find("painting:harvest").favorite  # until Krita closes
    assert (tmp_path / "styles/library.json").read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{ broken",
        "[]",
        "[" * 100_000,
        '{"pictures": 3, "folders": [1, null], "favorites": {}, "names": [], "used": {"a": "b"}, "trained": 0}',
        '{"names": {"painting:koi": 7}, "used": {"painting:koi": true}, "trained": {"a": []}}',
    ],
)
def test_damaged_file_is_an_empty_library(module: Any, tmp_path: Path, content: str) -> None:
    (tmp_path / "library.json").write_text(content)
    library = module.StyleLibrary(str(tmp_path))
    assert len(library.entries()) == len(PAINTINGS)
    assert not library.recent()
    library.toggle_favorite("painting:koi")
    assert json.loads((tmp_path / "library.json").read_text())["favorites"] == ["painting:koi"]


def test_pasted_picture_is_a_file_of_the_library(library: Any, tmp_path: Path) -> None:
    red, blue = (add_saved(library, color, "Pasted picture") for color in ("red", "blue"))
    assert add_saved(library, "red", "Pasted picture") == red
    pasted = [entry for entry in library.entries() if entry.kind == "picture"]
    assert [(entry.name, entry.stored) for entry in pasted] == [("Pasted picture 2", True), ("Pasted picture", True)]
    path = Path(library.find(blue).path)
    assert path.read_bytes() == png("blue")
    assert path.parent == tmp_path / "styles"
    library.delete(blue)
    assert not path.exists()
    assert Path(library.find(red).path).exists()


def test_missing_files_and_folders_are_shown_and_can_be_removed(library: Any, module: Any, tmp_path: Path) -> None:
    key = library.add_picture(picture_file(tmp_path / "sea.png"))
    picture_file(tmp_path / "folder" / "b.jpg")
    folder = str(tmp_path / "folder")
    library.add_folder(folder)
    library.set_folder_pictures(folder, module.list_pictures(folder))
    library.mark_used(key)
    os.remove(tmp_path / "sea.png")
    os.rename(folder, folder + " elsewhere")
    assert not any(entry.missing for entry in library.entries())  # which asks no disk
    library.set_missing(module.find_missing(library.pictures))
    library.set_folder_pictures(folder, module.list_pictures(folder))
    missing = [entry for entry in library.entries() if entry.missing]
    assert [(entry.kind, entry.name) for entry in missing] == [("picture", "sea"), ("folder", "folder")]
    assert not library.recent()
    for entry in missing:
        assert entry.can_delete
        assert not entry.deletes_data
        library.delete(entry.key)
    assert [entry.kind for entry in library.entries()] == len(PAINTINGS) * ["painting"]
    assert library.folders == []


def test_picture_that_is_added_again_is_not_missing(library: Any, module: Any, tmp_path: Path) -> None:
    key = library.add_picture(str(tmp_path / "sea.png"))
    library.set_missing(module.find_missing(library.pictures))
    assert library.find(key).missing
    library.add_picture(picture_file(tmp_path / "sea.png"))
    assert not library.find(key).missing


def test_disks_that_do_not_answer_delay_only_the_background_work(
    chooser: Chooser, module: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """As folders on a network drive that is offline"""
    photo = FakeNode("Photo")
    document = FakeDocument(photo, active=photo)
    key = chooser.library.add_picture(picture_file(tmp_path / "sea.png"))
    chooser.library.add_folder(str(tmp_path / "folder"))
    chooser.library.mark_used(key)
    asked: set[tuple[str, bool]] = set()  # and whether the event loop waits for the answer

    def ask(path: str) -> bool:
        asked.add((os.path.basename(path), threading.current_thread() is threading.main_thread()))
        return False

    monkeypatch.setattr(module.os.path, "isfile", ask)
    monkeypatch.setattr(module.os.path, "isdir", ask)
    chooser.widget.refresh(document)
    assert chooser.name == "sea"
    assert not asked
    chooser.open()
    wait_until(lambda: len([entry for entry in chooser.library.entries() if entry.missing]) == 2)
    assert {("sea.png", False), ("folder", False)} <= asked
    assert not {("sea.png", True), ("folder", True)} & asked
    listed = []
    monkeypatch.setattr(chooser.library, "_list_entries", lambda: listed.append(1) or [])
    chooser.library.revision += 1
    for _ in range(3):
        chooser.widget.refresh(document)
    assert len(listed) == 1


def test_folder_lists_its_pictures(library: Any, module: Any, tmp_path: Path, monkeypatch: Any) -> None:
    for name in ("b.JPG", "a.png", "c.webp", "notes.txt", ".hidden.png"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(b"")
    (tmp_path / "folder" / "d.png").mkdir()
    folder = str(tmp_path / "folder")
    assert [os.path.basename(path) for path in module.list_pictures(folder)] == ["a.png", "b.JPG", "c.webp"]
    assert module.list_pictures(folder + " nowhere") is None
    library.add_folder(folder)
    revision = library.revision
    library.set_folder_pictures(folder, module.list_pictures(folder))
    assert library.revision > revision
    listed = [entry for entry in library.entries() if entry.folder]
    assert [entry.name for entry in listed] == ["a", "b", "c"]
    assert not any(entry.can_delete for entry in listed)
    assert library.add_picture(listed[0].path) == listed[0].key  # it is there already
    library.toggle_favorite(listed[0].key)
    library.remove_folder(folder)
    assert not [entry for entry in library.entries() if entry.kind == "picture"]
    assert os.path.exists(listed[0].path)
    monkeypatch.setattr(module, "MAX_FOLDER_PICTURES", 2)
    assert len(module.list_pictures(folder)) == 2


def test_recent_styles_are_limited_and_the_latest_is_first(library: Any, module: Any, tmp_path: Path) -> None:
    keys = [library.add_picture(picture_file(tmp_path / f"{number}.png")) for number in range(module.MAX_RECENT + 2)]
    for key in [*keys, keys[5]]:
        library.mark_used(key)
    assert [entry.key for entry in library.recent()] == [keys[5], *reversed(keys[6:]), *reversed(keys[2:5])]
    assert len(json.loads((tmp_path / "styles/library.json").read_text())["used"]) == module.MAX_RECENT


def test_search_finds_all_words_in_any_case(library: Any, module: Any) -> None:
    found = module.search(library.entries(), " WIN rose")
    assert [entry.name for entry in found] == ["Rose window"]
    assert len(module.search(library.entries(), " ")) == len(PAINTINGS)
    assert module.search(library.entries(), "rose harbor") == []


@pytest.mark.parametrize("key", ["painting:koi", "network:waves", "nothing"])
def test_only_own_pictures_are_renamed_and_deleted_here(library: Any, plugin: Any, key: str) -> None:
    library.set_networks([network("waves", own=True)])
    for change in (lambda: library.rename(key, "Mine"), lambda: library.delete(key)):
        with pytest.raises(plugin.layers.PluginError, match="Only your own styles"):
            change()
    with pytest.raises(plugin.layers.PluginError, match="needs a name"):
        library.rename(add_saved(library, "red", "Red"), "  ")


class FakeNode(QtCore.QObject):  # type: ignore[misc, name-defined]
    """A layer of Krita's, which is an object of Qt too"""

    def __init__(self, name: str, *children: FakeNode, kind: str = "paintlayer", color: str = "green") -> None:
        super().__init__()
        self._name, self._children, self._kind, self._color = name, list(children), kind, color
        self._parent: FakeNode | None = None
        for child in children:
            child._parent = self

    def name(self) -> str:
        return self._name

    def type(self) -> str:
        return self._kind

    def uniqueId(self) -> Any:
        return SimpleNamespace(toString=lambda: f"{{{self._name}}}")

    def childNodes(self) -> list[FakeNode]:
        return self._children

    def parentNode(self) -> FakeNode | None:
        return self._parent

    def bounds(self) -> Any:
        return QtCore.QRect(0, 0, 1000, 500)

    def thumbnail(self, width: int, height: int) -> Any:
        """Like Krita's: a part of it may stay transparent"""
        image = QtGui.QImage(width, height, QtGui.QImage.Format.Format_ARGB32)
        image.fill(QtGui.QColor(0, 0, 0, 0))
        painter = QtGui.QPainter(image)
        painter.fillRect(0, 0, round(0.8 * width), round(0.9 * height), QtGui.QColor(self._color))
        painter.end()
        return image


class FakeDocument:
    """A document with these layers, from the bottom as in Krita"""

    def __init__(self, *nodes: FakeNode, active: FakeNode | None = None) -> None:
        self.root = FakeNode("root", *nodes, kind="grouplayer")
        self.active = active

    def rootNode(self) -> FakeNode:
        return self.root

    def activeNode(self) -> FakeNode | None:
        return self.active


@pytest.fixture
def widgets(plugin: Any) -> Any:
    return importlib.import_module("impasto_krita.ui.style_chooser")


class Chooser:
    """A chooser in a window, with a count of its signals"""

    def __init__(self, widgets: Any, **options: str) -> None:
        self.widget = widgets.StyleChooser(**options)
        self.library, self.view, self.grid = self.widget._library, self.widget.grid.view, self.widget.grid
        self.picked = 0
        self.widget.picked.connect(self._count)

    def _count(self) -> None:
        self.picked += 1

    def open(self, width: int = 250) -> None:
        self.widget.button.setChecked(True)
        self.widget.resize(width, self.widget.sizeHint().height())
        self.widget.show()
        self.view.setFocus()
        QtWidgets.QApplication.processEvents()

    @property
    def names(self) -> list[str]:
        """Of the styles in the grid"""
        return [entry.name for entry in self.view.styles.entries]

    @property
    def name(self) -> str:
        """Of the chosen style"""
        source = self.widget.style_source()
        return source.name if source else ""

    def index(self, name: str) -> Any:
        return self.view.styles.index(self.names.index(name))

    def click(self, name: str, modifiers: Any = None, button: Any = None) -> None:
        self.view.scrollTo(self.index(name))
        place = self.view.visualRect(self.index(name)).center()
        arguments = button or Qt.MouseButton.LeftButton, modifiers or Qt.KeyboardModifier.NoModifier, place
        QtTest.QTest.mouseClick(self.view.viewport(), *arguments)

    def press(self, key: Any, modifiers: Any = None) -> None:
        QtTest.QTest.keyClick(self.view, key, modifiers or Qt.KeyboardModifier.NoModifier)

    def drop(self, data: Any) -> bool:
        """Drop data on the chooser.  Returns whether it is accepted"""
        actions, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        for target in (self.view.viewport(), self.grid.search_field, self.widget.button):  # which leave it to the chooser
            enter = QtGui.QDragEnterEvent(QtCore.QPoint(5, 5), actions, data, buttons, keys)
            QtWidgets.QApplication.sendEvent(target, enter)
            if not enter.isAccepted():
                return False
        QtWidgets.QApplication.sendEvent(self.widget, QtGui.QDropEvent(QtCore.QPointF(5, 5), actions, data, buttons, keys))
        return True


@pytest.fixture
def chooser(widgets: Any) -> Iterator[Chooser]:
    created = Chooser(widgets)
    yield created
    delete(created.widget)


def files(*paths: Any) -> Any:
    data = QtCore.QMimeData()
    data.setUrls([QtCore.QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def test_default_is_never_the_active_layer(chooser: Chooser) -> None:
    photo, below, above = FakeNode("Photo"), FakeNode("Below"), FakeNode("Above")
    chooser.widget.refresh(FakeDocument(photo, active=photo))
    assert chooser.name == "Harvest"  # the first painting
    chooser.library.mark_used("painting:koi")
    chooser.widget.refresh(FakeDocument(photo, active=photo))
    assert chooser.name == "Koi"  # the style that was used last
    assert chooser.picked == 1
    chooser.widget.refresh(FakeDocument(below, photo, above, active=photo))
    assert chooser.name == "Above"
    document = FakeDocument(below, photo, above, active=above)
    chooser.widget.refresh(document)
    assert chooser.name == "Photo"
    document.active = photo  # nothing else has changed
    chooser.widget.refresh(document)
    assert chooser.name == "Above"
    mask = FakeNode("Mask", kind="transparencymask")
    chooser.widget.refresh(FakeDocument(below, FakeNode("Masked", mask), active=mask))
    assert chooser.name == "Below"
    chooser.widget.refresh(FakeDocument(below, FakeNode("Group", photo, kind="grouplayer"), active=photo))
    assert chooser.name == "Below"  # not the group that contains the photo


def test_default_is_no_result(chooser: Chooser) -> None:
    photo, below = FakeNode("Photo"), FakeNode("Below")
    results = FakeNode("Results", FakeNode("Old", FakeNode("Part"), kind="grouplayer"), FakeNode("New"), kind="grouplayer")
    chooser.widget.set_result_layers(["{Results}"])
    chooser.widget.refresh(FakeDocument(below, photo, results, active=photo))
    assert chooser.name == "Below"


def test_default_is_not_the_layer_of_the_source_row(chooser: Chooser) -> None:
    photo, below = FakeNode("Photo"), FakeNode("Below")
    document = FakeDocument(below, FakeNode("Group", photo, kind="grouplayer"), active=below)
    chooser.widget.refresh(document)
    assert chooser.name == "Group"
    chooser.widget.set_source_layer("{Photo}")
    chooser.widget.refresh(document)
    assert chooser.name == "Harvest"


def test_style_of_a_result_is_chosen_again(chooser: Chooser, plugin: Any, tmp_path: Path) -> None:
    photo, below = FakeNode("Photo"), FakeNode("Below")
    chooser.widget.refresh(FakeDocument(below, photo, active=photo))
    chooser.widget.set_instant_styles([network("waves", "Waves", own=True)])
    sea = picture_file(tmp_path / "sea.png")
    sources = [plugin.request.StyleSource("Below", layer_key="{Below}"), plugin.request.StyleSource("Waves", network="waves")]
    sources += [entry.source() for entry in chooser.library.entries() if entry.name == "Koi"]
    sources.append(plugin.request.StyleSource("sea", path=sea))
    for source in sources:
        chooser.widget.choose(source)
        assert chooser.widget.style_source() == source
    assert [entry.name for entry in chooser.library.entries() if entry.kind == "picture"] == ["sea"]
    gone = {"layer_key": "{Gone}"}, {"path": "/nowhere/gone.png"}, {"network": "gone"}
    for place in gone:
        chooser.widget.choose(plugin.request.StyleSource("Gone", **place))
        assert chooser.name == "sea"
    chooser.widget.choose(None)
    assert chooser.name == "Below"  # the default


def test_choice_of_the_user_stays_and_falls_back_when_its_layer_vanishes(chooser: Chooser) -> None:
    photo, below, above = FakeNode("Photo"), FakeNode("Below"), FakeNode("Above")
    document = FakeDocument(below, photo, above, active=photo)
    chooser.widget.refresh(document)
    chooser.widget.choose_layer("{Below}")
    picked = chooser.picked
    document.active = above
    chooser.widget.refresh(document)
    assert (chooser.name, chooser.picked) == ("Below", picked)
    chooser.widget.refresh(FakeDocument(photo, above, active=photo))
    assert (chooser.name, chooser.picked) == ("Above", picked + 1)
    chooser.widget.refresh(document)  # Undo brings it back
    assert (chooser.name, chooser.picked) == ("Below", picked + 2)


def test_style_that_was_painted_with_counts_as_chosen(chooser: Chooser) -> None:
    photo = FakeNode("Photo")
    chooser.widget.refresh(FakeDocument(photo, active=photo))
    chooser.widget.mark_used()
    chooser.widget.refresh(FakeDocument(photo, FakeNode("Result"), active=photo))
    assert chooser.name == "Harvest"
    assert [entry.name for entry in chooser.library.recent()] == ["Harvest"]


def test_click_chooses_and_ctrl_click_adds(chooser: Chooser) -> None:
    chooser.widget.set_instant_styles([network("waves", "Waves", own=True), network("sea", "Sea", own=True)])
    chooser.open()
    chooser.click("Koi")
    assert (chooser.name, chooser.picked) == ("Koi", 1)
    chooser.click("Harbor", Qt.KeyboardModifier.ControlModifier)
    assert [source.name for source in chooser.widget.style_sources()] == ["Koi", "Harbor"]
    assert chooser.widget.button._text == "and 1 more"
    chooser.click("Koi", Qt.KeyboardModifier.ControlModifier)
    assert [source.name for source in chooser.widget.style_sources()] == ["Harbor"]
    chooser.click("Harbor")
    chooser.click("Bamboo", Qt.KeyboardModifier.ShiftModifier)
    assert [source.name for source in chooser.widget.style_sources()] == ["Harbor", "Alpenglow", "Bamboo"]
    picked, viewport = chooser.picked, chooser.view.viewport()
    chooser.view.scrollToBottom()
    beside = viewport.rect().bottomRight() - QtCore.QPoint(5, 2)  # the last row has only one style
    QtTest.QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, beside)
    assert chooser.picked == picked
    assert [entry.name for entry in chooser.view.selected()] == ["Harbor", "Alpenglow", "Bamboo"]


def test_arrows_move_and_enter_chooses(chooser: Chooser) -> None:
    chooser.open()
    chooser.press(Qt.Key.Key_Right)
    chooser.press(Qt.Key.Key_Down)
    assert (chooser.name, chooser.picked) == ("Harvest", 0)
    chooser.press(Qt.Key.Key_Return)
    assert (chooser.name, chooser.picked) == ("Bamboo", 1)
    chooser.press(Qt.Key.Key_R)  # the beginning of a name
    chooser.press(Qt.Key.Key_Return)
    assert chooser.name == "Rose window"


def test_search_and_filter(chooser: Chooser, tmp_path: Path) -> None:
    chooser.library.add_picture(picture_file(tmp_path / "Rosemary.png"))
    chooser.library.toggle_favorite("painting:koi")
    chooser.widget.refresh(FakeDocument(FakeNode("Rose"), FakeNode("Photo")))
    chooser.open()
    field, choice = chooser.grid.search_field, chooser.grid.filter
    QtTest.QTest.keyClicks(field, "ROSE")
    assert chooser.names == ["Rose", "Rosemary", "Rose window"]
    QtTest.QTest.keyClicks(field, " win")
    QtTest.QTest.keyClick(field, Qt.Key.Key_Return)
    assert chooser.name == "Rose window"
    field.clear()
    assert [entry.name for entry in chooser.view.selected()] == ["Rose window"]
    QtTest.QTest.keyClicks(field, "koi")
    field.clear()
    assert [entry.name for entry in chooser.view.selected()] == ["Rose window"]
    shown = {}
    for row in range(choice.count()):
        choice.setCurrentIndex(row)
        choice.activated.emit(row)
        shown[choice.itemText(row)] = chooser.names
    assert shown == {
        "All styles": ["Photo", "Rose", "Rosemary", *PAINTINGS],
        "Favorites": ["Koi"],
        "Recent": [],
        "This picture's layers": ["Photo", "Rose"],
        "Mine": ["Rosemary"],
        "Paintings": PAINTINGS,
    }
    for row, message in ((2, "Nothing was painted yet."), (0, "")):
        choice.setCurrentIndex(row)
        choice.activated.emit(row)
        assert chooser.grid._message.text() == message
    QtTest.QTest.keyClicks(field, "nothing like this")
    assert chooser.grid._message.text() == "No style has this name."
    field.clear()
    assert chooser.grid._message.isHidden()


def test_dropped_files_and_folders_are_added(chooser: Chooser, tmp_path: Path) -> None:
    sea = picture_file(tmp_path / "sea.png")
    picture_file(tmp_path / "more" / "sky.png")
    picture_file(tmp_path / "more" / "sun.png")
    text = QtCore.QMimeData()
    text.setText("words")
    page = QtCore.QMimeData()
    page.setUrls([QtCore.QUrl("https://example.org/a.png")])
    (tmp_path / "notes.txt").write_text("words")
    assert [chooser.drop(data) for data in (text, page, files(tmp_path / "notes.txt"))] == [False, False, False]
    assert chooser.drop(files(sea, picture_file(tmp_path / "storm.png"), tmp_path / "notes.txt"))
    assert (chooser.name, chooser.picked) == ("sea", 1)
    assert chooser.widget.style_source().path == sea
    assert chooser.drop(files(tmp_path / "more"))
    wait_until(lambda: chooser.names == ["sky", "sun"])  # the new folder is shown
    assert chooser.grid.filter.currentText() == "more"
    chooser.grid.filter.setCurrentIndex(0)
    chooser.widget._update()
    assert chooser.names[:2] == ["storm", "sea"]
    assert chooser.names[-2:] == ["sky", "sun"]
    (tmp_path / "nothing").mkdir()
    assert chooser.drop(files(tmp_path / "nothing"))
    wait_until(lambda: chooser.grid._message.text() == "There are no pictures in nothing.")


def test_pasted_picture_is_chosen_and_saved(chooser: Chooser, tmp_path: Path) -> None:
    image = QtGui.QImage(40, 30, QtGui.QImage.Format.Format_RGB32)
    image.fill(QtGui.QColor(10, 200, 30))
    clipboard = QtWidgets.QApplication.clipboard()
    clipboard.setImage(image)
    chooser.open()
    QtTest.QTest.keyClick(chooser.view, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    wait_until(lambda: chooser.name == "Pasted picture")
    saved = Image.open(chooser.widget.style_source().path)
    assert (saved.size, saved.getpixel((5, 5))) == ((40, 30), (10, 200, 30))
    clipboard.setText("words")
    QtTest.QTest.keyClick(chooser.widget.button, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert "no picture in the clipboard" in chooser.grid._message.text()
    chooser.click("Koi")
    assert chooser.grid._message.isHidden()
    dropped = QtCore.QMimeData()
    dropped.setImageData(image.copy(0, 0, 20, 20))
    assert chooser.drop(dropped)
    wait_until(lambda: chooser.name == "Dropped picture")


def test_pasted_picture_that_cannot_be_saved_is_reported(chooser: Chooser, tmp_path: Path) -> None:
    Path(chooser.library.folder).parent.mkdir(parents=True, exist_ok=True)
    Path(chooser.library.folder).write_text("a file instead of a folder")
    data = QtCore.QMimeData()
    data.setImageData(QtGui.QImage(20, 20, QtGui.QImage.Format.Format_RGB32))
    assert chooser.drop(data)
    wait_until(lambda: "cannot be saved" in chooser.grid._message.text())
    assert chooser.name == "Harvest"


def test_names_are_edited_in_the_grid(chooser: Chooser, tmp_path: Path) -> None:
    renamed: list[tuple[str, str]] = []
    chooser.widget.network_renamed.connect(lambda *names: renamed.append(names))
    chooser.library.add_picture(picture_file(tmp_path / "sea.png"))
    chooser.widget.set_instant_styles([network("waves", "Waves", own=True)])
    chooser.open()
    for name in ("sea", "Waves", "Koi"):
        chooser.click(name)
        chooser.press(Qt.Key.Key_F2)
        editor = chooser.view.viewport().findChild(QtWidgets.QLineEdit)
        if name == "Koi":
            assert editor is None
            break
        assert chooser.widget.popup_open
        chooser.widget.refresh(FakeDocument(FakeNode("Photo")))  # must not close the editor
        editor.selectAll()
        QtTest.QTest.keyClicks(editor, "The " + name)
        QtTest.QTest.keyClick(editor, Qt.Key.Key_Return)
        wait_until(lambda: "The sea" in chooser.names and chooser.view.viewport().findChild(QtWidgets.QLineEdit) is None)
        assert not chooser.widget.popup_open
    assert renamed == [("waves", "The Waves")]
    chooser.widget.refresh(FakeDocument(FakeNode("Photo")))
    assert "Photo" in chooser.names


def test_delete_asks_if_something_is_lost(chooser: Chooser, tmp_path: Path) -> None:
    deleted: list[str] = []
    chooser.widget.network_deleted.connect(deleted.append)
    sea = picture_file(tmp_path / "sea.png")
    chooser.library.add_picture(sea)
    pasted = Path(chooser.library.find(add_saved(chooser.library, "red", "Red")).path)
    chooser.widget.set_instant_styles([network("waves", "Waves", own=True), network("alpenglow")])
    chooser.open()
    chooser.click("Alpenglow")
    chooser.press(Qt.Key.Key_Delete)
    assert "Only styles that you have added" in chooser.grid._message.text()
    chooser.click("sea")
    chooser.press(Qt.Key.Key_Delete)
    assert "sea" not in chooser.names
    assert Path(sea).exists()
    assert chooser.name == "Harvest"  # the default again
    chooser.click("Red")
    for answer in ("Cancel", "Delete"):
        chooser.press(Qt.Key.Key_Delete)
        box = chooser.grid.findChild(QtWidgets.QMessageBox)
        assert "Delete the style Red?" in box.text()
        assert chooser.widget.popup_open
        assert pasted.exists()
        next(button for button in box.buttons() if answer in button.text()).click()
        delete(box)
    assert not pasted.exists()
    assert not chooser.widget.popup_open
    chooser.click("Waves")
    chooser.press(Qt.Key.Key_Delete)
    box = chooser.grid.findChild(QtWidgets.QMessageBox)
    next(button for button in box.buttons() if "Delete" in button.text()).click()
    assert deleted == ["waves"]
    delete(box)
    chooser.widget.set_instant_styles([network("koi_2", own=True)])
    chooser.widget.attach_network(chooser.library.find("painting:koi").path, "koi_2")
    chooser.click("Koi")
    chooser.press(Qt.Key.Key_Delete)
    box = chooser.grid.findChild(QtWidgets.QMessageBox)
    assert box.text() == "Delete the instant style of Koi? The picture stays."
    next(button for button in box.buttons() if "Delete" in button.text()).click()
    assert deleted == ["waves", "koi_2"]
    assert "Koi" in chooser.names
    assert chooser.grid._message.isHidden()


def test_star_key_and_menu_toggle_favorites(chooser: Chooser, tmp_path: Path) -> None:
    chooser.open()
    chooser.click("Koi")
    QtTest.QTest.keyClicks(chooser.view, "*")
    assert [entry.name for entry in chooser.library.entries() if entry.favorite] == ["Koi"]
    assert chooser.name == "Koi"
    event = QtGui.QContextMenuEvent(QtGui.QContextMenuEvent.Reason.Keyboard, QtCore.QPoint(0, 0), QtCore.QPoint(0, 0))
    QtWidgets.QApplication.sendEvent(chooser.view, event)
    menu = chooser.grid.findChild(QtWidgets.QMenu, "impasto_style_menu")
    texts = [action.text().split("\t")[0] for action in menu.actions()]
    assert texts == ["Remove from favorites", "Show file", "", "Add picture...", "Add folder...", "Paste"]
    assert chooser.widget.popup_open
    menu.actions()[0].trigger()
    menu.close()
    assert not any(entry.favorite for entry in chooser.library.entries())
    assert not chooser.widget.popup_open


def test_menu_of_another_style_leaves_the_chosen_one_selected(chooser: Chooser) -> None:
    chooser.open()
    chooser.click("Koi")
    row = chooser.names.index("Harvest")
    place = chooser.view.visualRect(chooser.view.styles.index(row)).center()
    QtTest.QTest.mouseClick(chooser.view.viewport(), Qt.MouseButton.RightButton, pos=place)
    assert [entry.name for entry in chooser.view.selected()] == ["Harvest"]
    event = QtGui.QContextMenuEvent(QtGui.QContextMenuEvent.Reason.Mouse, place, chooser.view.mapToGlobal(place))
    QtWidgets.QApplication.sendEvent(chooser.view.viewport(), event)
    chooser.grid.findChild(QtWidgets.QMenu, "impasto_style_menu").close()
    wait_until(lambda: [entry.name for entry in chooser.view.selected()] == ["Koi"])
    assert chooser.name == "Koi"


def test_escape_closes_the_grid(chooser: Chooser) -> None:
    chooser.open()
    chooser.press(Qt.Key.Key_Escape)
    assert not chooser.grid.isVisible()
    assert not chooser.widget.button.isChecked()
    override = QtGui.QKeyEvent(QtCore.QEvent.Type.ShortcutOverride, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier)
    override.ignore()
    QtWidgets.QApplication.sendEvent(chooser.widget.button, override)
    assert not override.isAccepted()  # it is Krita's again


def test_missing_file_cannot_be_chosen_in_the_grid(chooser: Chooser) -> None:
    chooser.library.add_picture("/nowhere/gone.png")
    chooser.widget.refresh(None)
    chooser.open()
    wait_until(lambda: chooser.library.find("picture:/nowhere/gone.png").missing)
    chooser.widget.refresh(None)
    chooser.click("gone")
    assert chooser.name == "Harvest"
    assert "Press Delete" in chooser.grid._message.text()
    chooser.press(Qt.Key.Key_Delete)
    assert "gone" not in chooser.names
    chooser.widget.choose_file("/nowhere/gone.png")
    assert chooser.widget.style_source().path == "/nowhere/gone.png"  # the engine reports that it is missing


def test_networks_are_chosen_by_name(chooser: Chooser) -> None:
    chooser.widget.set_instant_styles([network("harvest"), network("waves", "Waves", own=True)])
    chooser.widget.choose_network("waves")
    assert chooser.widget.style_source().network == "waves"
    assert chooser.picked == 1
    chooser.widget.choose_network("harvest")
    assert chooser.widget.has_network
    assert not chooser.widget.style_source().network
    assert chooser.widget.style_source(instant=True).network == "harvest"


def test_second_style_may_be_none_and_is_never_a_network(widgets: Any) -> None:
    second = Chooser(widgets, name="second_style", none_label="None")
    second.widget.set_instant_styles([network("harvest"), network("waves", "Waves", own=True)])
    photo = FakeNode("Photo")
    second.widget.refresh(FakeDocument(FakeNode("Other"), photo, active=photo))
    assert second.widget.style_source() is None
    second.open()
    assert "Waves" not in second.names
    second.click("Harvest")
    assert second.widget.style_source(instant=True).path
    second.click("None")
    assert second.widget.style_sources() == []
    delete(second.widget)


def test_three_columns_fit_into_a_narrow_docker(chooser: Chooser) -> None:
    for width in (220, 250, 400):
        chooser.open(width)
        rects = [chooser.view.visualRect(chooser.index(name)) for name in chooser.names]
        assert len({rect.x() for rect in rects}) == (5 if width == 400 else 3)
        assert max(rect.right() for rect in rects) < chooser.view.viewport().width()
        assert chooser.view.horizontalScrollBar().maximum() == 0
        assert chooser.widget.minimumSizeHint().width() <= 220


def test_open_grid_is_remembered(chooser: Chooser, widgets: Any) -> None:
    assert chooser.grid.isHidden()
    QtTest.QTest.mouseClick(chooser.widget.button, Qt.MouseButton.LeftButton)
    other = Chooser(widgets)
    assert not other.grid.isHidden()
    delete(other.widget)


def test_thumbnails_have_the_resolution_of_the_screen(chooser: Chooser, monkeypatch: Any) -> None:
    photo = FakeNode("Photo")
    chooser.widget.refresh(FakeDocument(FakeNode("Other", color="blue"), photo, active=photo))
    chooser.widget.set_instant_styles([network("waves", "Waves", own=True, color="red")])
    monkeypatch.setattr(chooser.view, "devicePixelRatioF", lambda: 2.0)
    chooser.open()
    images = chooser.widget._thumbnails._images
    keys = ["layer:{Other}", "painting:koi", "network:waves"]
    wait_until(lambda: all((key, 128) in images for key in keys))
    assert all((images[key, 128].width(), images[key, 128].height()) == (128, 128) for key in keys)
    for x, y in ((0, 0), (64, 64), (127, 127)):
        assert images["layer:{Other}", 128].pixelColor(x, y).getRgb() == (0, 0, 255, 255)
    assert images["network:waves", 128].pixelColor(64, 64).red() > 250


def test_thumbnails_are_upright_and_limited(widgets: Any, tmp_path: Path) -> None:
    thumbnails = importlib.import_module("impasto_krita.ui.style_thumbnails")
    upright = Image.new("RGB", (200, 600), "blue")
    upright.paste("red", (0, 0, 200, 300))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif)
    image = thumbnails.read_thumbnail(str(tmp_path / "turned.jpg"), 64)
    assert (image.width(), image.height()) == (64, 64)
    assert image.pixelColor(32, 8).red() > 200
    assert image.pixelColor(32, 56).blue() > 200
    header = struct.pack(">IIBBBBB", 20_000, 10_001, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    (tmp_path / "text.png").write_text("words")
    for name in ("huge.png", "text.png", "nowhere.png"):
        assert thumbnails.read_thumbnail(str(tmp_path / name), 64).isNull()
    assert thumbnails.MAX_PIXELS < 20_000 * 10_001


def test_keys_of_the_grid_are_kept_from_kritas_shortcuts(chooser: Chooser) -> None:
    def is_kept(key: Any, modifiers: Any, text: str = "") -> bool:
        event = QtGui.QKeyEvent(QtCore.QEvent.Type.ShortcutOverride, key, modifiers, text)
        event.ignore()
        QtWidgets.QApplication.sendEvent(chooser.view, event)
        return bool(event.isAccepted())

    plain, control = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
    assert is_kept(Qt.Key.Key_E, plain, "e")  # Krita's eraser
    assert is_kept(Qt.Key.Key_Delete, plain)
    assert is_kept(Qt.Key.Key_V, control)
    assert not is_kept(Qt.Key.Key_Z, control)
    assert not is_kept(Qt.Key.Key_S, control)


class Removal:
    """Removing Impasto, from folders of this test"""

    def __init__(self, runner: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.menu = importlib.import_module("impasto_krita.ui.help_menu")
        self.disk = importlib.import_module("impasto_client.disk")
        self.engine, self.networks = tmp_path / "local" / "impasto-engine", tmp_path / "networks"
        for folder in (self.engine, self.networks):
            folder.mkdir(parents=True)
        (self.networks / "mine.safetensors").touch()
        monkeypatch.setattr(self.menu, "get_runner", lambda: runner)
        monkeypatch.setattr(self.menu, "this_local_folder", lambda: str(self.engine))
        monkeypatch.setattr(self.menu, "this_engine_data_folders", lambda: [str(self.networks)])
        self.closing: list[Any] = []
        signal = SimpleNamespace(connect=self.closing.append)
        krita = SimpleNamespace(
            notifier=lambda: SimpleNamespace(applicationClosing=signal), writeSetting=lambda group, name, value: None
        )
        monkeypatch.setattr(self.menu, "Krita", SimpleNamespace(instance=lambda: krita))


@pytest.fixture
def removal(new_runner: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Removal:
    return Removal(new_runner, tmp_path, monkeypatch)


def test_nothing_is_stored_after_the_removal(chooser: Chooser, plugin: Any, removal: Removal, new_runner: Any) -> None:
    plugin.settings.store(options={"strength": 0.3})
    chooser.library.toggle_favorite("painting:koi")
    data = Path(plugin.settings.data_folder())
    assert sorted(path.name for path in data.iterdir()) == ["settings.json", "styles"]
    removal.menu.remove_everything()
    assert new_runner.problem.startswith("Everything is deleted. The docker is gone when Krita starts again. Only the plugin")
    new_runner.live.show_in = "docker"
    chooser.open()
    chooser.click("Koi")
    chooser.widget.mark_used()
    image = QtCore.QMimeData()
    image.setImageData(QtGui.QImage(20, 20, QtGui.QImage.Format.Format_RGB32))
    assert chooser.drop(image)
    chooser.widget.refresh(None)
    assert "Everything is deleted" in chooser.grid._message.text()
    assert chooser.library.find("painting:koi").favorite  # the list stays as it was, and so does the choice
    assert not data.exists()
    assert plugin.settings.load() == {}


def test_removal_needs_no_engine_and_names_what_is_in_use(
    removal: Removal, plugin: Any, new_runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where open files keep their folder"""
    assert new_runner.network_folders == []  # the engine has not answered
    plugin.settings.store(engine="")
    busy = removal.networks / "busy.safetensors"
    busy.touch()
    replace, remove = os.replace, os.remove

    def replace_unless_busy(source: str, target: str) -> None:
        if source == str(removal.engine):
            raise PermissionError(13, "in use")
        replace(source, target)

    def remove_unless_busy(path: str) -> None:
        if path == str(busy):
            raise PermissionError(13, "in use")
        remove(path)

    monkeypatch.setattr(os, "replace", replace_unless_busy)
    monkeypatch.setattr(os, "remove", remove_unless_busy)
    removal.menu.remove_everything()
    assert f"could not be deleted: {removal.engine}, {busy}." in new_runner.problem
    assert [path.name for path in removal.networks.iterdir()] == ["busy.safetensors"]
    assert not Path(plugin.settings.data_folder()).exists()


def test_krita_closes_once_all_is_deleted(removal: Removal, plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin.settings.store(engine="")
    closing, delete_folder = threading.Event(), removal.disk.shutil.rmtree

    def delete_later(folder: str, ignore_errors: bool) -> None:
        closing.wait()
        delete_folder(folder, ignore_errors=ignore_errors)

    monkeypatch.setattr(removal.disk.shutil, "rmtree", delete_later)
    removal.menu.remove_everything()
    renamed = [*removal.engine.parent.iterdir(), *Path(plugin.settings.data_folder()).parent.iterdir()]
    assert len(renamed) == 2
    removal.disk.wait_for_deletions(0)
    assert all(path.exists() for path in renamed)  # the wait had an end
    closing.set()
    assert removal.closing == [removal.disk.wait_for_deletions]
    removal.closing[0]()
    assert not any(path.exists() for path in renamed)
