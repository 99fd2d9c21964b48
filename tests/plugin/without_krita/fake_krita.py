"""Replacements for Krita and its layers, where only Qt and the worker exist: a pytest plugin for engine.py and form.py."""

from __future__ import annotations

import importlib
import os
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from impasto.editor_plugins.package import KRITA_PLUGIN, write_files

QtCore = importlib.import_module(f"{os.environ['IMPASTO_QT']}.QtCore")
QtGui = importlib.import_module(f"{os.environ['IMPASTO_QT']}.QtGui")
QtWidgets = importlib.import_module(f"{os.environ['IMPASTO_QT']}.QtWidgets")
WIDTH, HEIGHT = 60, 40
MODULES = (
    "impasto_krita.background",
    "impasto_krita.document_history",
    "impasto_client.engine_install",
    "impasto_krita.engine_process",
    "impasto_krita.engine_setup",
    "impasto_krita.extension",
    "impasto_client.geometry",
    "impasto_client.i18n",
    "impasto_client.history",
    "impasto_client.installation",
    "impasto_krita.layers",
    "impasto_krita.live_painting",
    "impasto_client.request",
    "impasto_krita.result_pictures",
    "impasto_krita.results",
    "impasto_krita.runner",
    "impasto_krita.settings",
    "impasto_krita.steps",
    "impasto_krita.ui.docker",
    "impasto_krita.ui.keep_faces",
    "impasto_krita.ui.option_form",
    "impasto_client.version",
)


class Krita:
    """Replaces krita.Krita"""

    document: Any = None
    folder = ""  # for the plugin's settings

    @classmethod
    def instance(cls) -> Krita:
        return cls()

    def getAppDataLocation(self) -> str:
        return self.folder

    def documents(self) -> list[Any]:
        return [self.document] if self.document else []

    def activeDocument(self) -> Any:
        return None

    def version(self) -> str:
        return "0"

    def notifier(self) -> Any:
        signal = types.SimpleNamespace(connect=lambda receiver: None)
        return types.SimpleNamespace(setActive=lambda active: None, viewCreated=signal, applicationClosing=signal)

    def addExtension(self, extension: Any) -> None: ...

    def addDockWidgetFactory(self, factory: Any) -> None: ...


class FakeDocument:
    """Replaces krita.Document: without layers, but with annotations"""

    def __init__(self) -> None:
        self.annotations: dict[str, bytes] = {}

    def rootNode(self) -> Any:
        return types.SimpleNamespace(childNodes=list, parentNode=lambda: None)

    def activeNode(self) -> None:
        return None

    def setModified(self, modified: bool) -> None: ...

    def annotation(self, name: str) -> bytes:
        return self.annotations.get(name, b"")

    def setAnnotation(self, name: str, description: str, data: Any) -> None:
        self.annotations[name] = bytes(data)

    def removeAnnotation(self, name: str) -> None:
        self.annotations.pop(name, None)


@pytest.fixture(scope="session")
def app() -> Any:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    return QtWidgets.QApplication([])


@pytest.fixture(scope="session")
def plugin_modules(app: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[types.SimpleNamespace]:
    """The plugin's modules, imported from the files of the zip. All tests share them and the runner's engine."""
    folder = tmp_path_factory.mktemp("krita") / "plugin"  # whose coverage is counted as that of plugin/
    write_files(KRITA_PLUGIN, folder)
    module: Any = types.ModuleType("krita")
    module.Krita = Krita
    module.Extension = type("Extension", (), {"__init__": lambda self, parent: None})
    module.DockWidget = QtWidgets.QDockWidget
    module.DockWidgetFactoryBase = types.SimpleNamespace(DockPosition=types.SimpleNamespace(DockRight=0))
    module.DockWidgetFactory = lambda *arguments: None
    for name in ("Document", "Node", "Selection", "Window"):  # imported for annotations
        setattr(module, name, object)
    Krita.folder = str(tmp_path_factory.mktemp("data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "krita", module)
        patch.syspath_prepend(str(folder))
        modules = types.SimpleNamespace(**{name.split(".")[-1]: importlib.import_module(name) for name in MODULES})
        modules.layers.sip = types.SimpleNamespace(transferback=lambda node: None)  # the nodes of tests are not Krita's
        assert modules.engine_process.QtCore.__name__ == f"{os.environ['IMPASTO_QT']}.QtCore"
        yield modules
        for runner in modules.runner._runners:
            runner.close()


@pytest.fixture
def plugin(plugin_modules: types.SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """The plugin's modules with settings and a document of this test, and the fake Krita class"""
    monkeypatch.setattr(Krita, "folder", str(tmp_path / "data"))
    monkeypatch.setattr(Krita, "document", FakeDocument())
    monkeypatch.setenv("IMPASTO_ENGINE", sys.executable)
    return types.SimpleNamespace(**vars(plugin_modules), Krita=Krita)


@pytest.fixture
def runner(plugin: types.SimpleNamespace) -> Iterator[Any]:
    """The runner and its engine, which the tests share, since an engine starts slowly; it is idle at the end."""
    runner = plugin.runner.get_runner()
    runner.problem = runner.details = ""
    yield runner
    runner.cancel_all()
    wait_until(lambda: not runner._timeout.isActive())  # the engine has confirmed that it has stopped


@pytest.fixture
def new_runner(plugin: types.SimpleNamespace) -> Iterator[Any]:
    """A runner without an engine yet, for this test alone"""
    runner = plugin.runner.Runner()
    yield runner
    runner.close()


class FakePicture:
    """Replaces layers.LayerPicture"""

    format = "bgra8"
    note = ""
    depth = "U8"
    size = WIDTH, HEIGHT

    def __init__(self, rect: Any, seed: int) -> None:
        self.rect = rect
        self._seed = seed

    def stripes(self) -> Iterator[tuple[int, int, bytes]]:
        row = bytes((self._seed * x + (x % 7) * 9) % 256 if x % 4 != 3 else 255 for x in range(4 * WIDTH))
        for y in range(0, HEIGHT, 10):
            yield y, 10, row * 10


class FakeLayers:
    """Replaces what the runner uses of `layers`, and records the result"""

    def __init__(self, plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.closed_snapshots, self.written = 0, bytearray()
        self.added: list[tuple[str, str]] = []
        record, rect, plugin_error = self, plugin.geometry.Rect(3, 4, WIDTH, HEIGHT), plugin.layers.PluginError

        class Snapshot:
            def __init__(self, document: Any) -> None: ...

            def hide(self, key: str) -> None: ...

            def take_mask(self, key: str, rect_: Any) -> list[Any]:
                return []

            def make_visible(self, keys: list[str]) -> Iterator[int]:
                yield 0

            def picture(self, key: str, rect_: Any = None) -> Any:
                if key == "removed":
                    raise plugin_error("The layer was removed.")
                return FakePicture(rect, len(key))

            def close(self) -> None:
                record.closed_snapshots += 1

        class ResultLayer:
            def __init__(self, document: Any, name: str, rect: Any, depth: str) -> None:
                self._name, self.key = name, "result"

            def write(self, y: int, rows: int, pixels: bytes) -> Iterator[int]:
                record.written += pixels
                yield 0

            def add_to_group(self, source_key: str, above_key: str, name: str, group_key: str) -> str:
                record.added.append((self._name, above_key))
                return "group"

        monkeypatch.setattr(plugin.layers, "Snapshot", Snapshot)
        monkeypatch.setattr(plugin.results, "ResultLayer", ResultLayer)
        monkeypatch.setattr(plugin.layers, "copy_selection", lambda document: None)


@pytest.fixture
def fake_layers(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> FakeLayers:
    return FakeLayers(plugin, monkeypatch)


@pytest.fixture
def make_request(plugin: Any) -> Callable[..., Any]:
    """Makes a request for a very small painting: make_request(layer_key, option=value)"""

    def make(layer_key: str = "photo", **options: Any) -> Any:
        fast = {
            "size": 32,
            "quality": "draft",
            "iterations": 2,
            "strength": 0.5,
            "weights": os.environ["IMPASTO_TEST_WEIGHTS"],
        }
        style = plugin.request.StyleSource("Style", layer_key="style layer")
        return plugin.request.PaintRequest(plugin.Krita.document, layer_key, "Photo", [style], {**fast, **options})

    return make


def wait_until(predicate: Callable[[], bool], seconds: float = 60) -> None:
    """Process Qt's events until the predicate is true."""
    deadline = time.monotonic() + seconds
    wake_up = QtCore.QTimer()  # so that there is always a next event
    wake_up.start(5)
    while not predicate():
        assert time.monotonic() < deadline, "a condition did not become true in time"
        QtCore.QCoreApplication.processEvents(QtCore.QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


def delete(thing: Any) -> None:
    """Delete a Qt object now."""
    thing.deleteLater()
    event = QtCore.QEvent.Type.DeferredDelete
    QtCore.QCoreApplication.sendPostedEvents(None, getattr(event, "value", event))
