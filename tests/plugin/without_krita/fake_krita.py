"""What stands in for Krita and its layers where there are only Qt and the worker: pytest's plugin for outside.py."""

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

from impasto import krita as package

QtCore = importlib.import_module(f"{os.environ['IMPASTO_QT']}.QtCore")
QtWidgets = importlib.import_module(f"{os.environ['IMPASTO_QT']}.QtWidgets")
WIDTH, HEIGHT = 40, 30


@pytest.fixture(scope="session")
def app() -> Any:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    return QtWidgets.QApplication([])


@pytest.fixture
def plugin(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.SimpleNamespace]:
    """The plugin's modules, as they lie in the zip, with settings of the test's own"""
    package.unpack(tmp_path / "plugin")

    class Krita:
        document = types.SimpleNamespace(name="document")

        @classmethod
        def instance(cls) -> Any:
            return cls()

        def getAppDataLocation(self) -> str:
            return str(tmp_path / "data")

        def documents(self) -> list[Any]:
            return [self.document] if self.document else []

        def activeDocument(self) -> Any:
            return None

        def version(self) -> str:
            return "0"

        def addExtension(self, extension: Any) -> None: ...

        def addDockWidgetFactory(self, factory: Any) -> None: ...

    stand_in = types.ModuleType("krita")
    stand_in.Krita = Krita
    stand_in.Extension = type("Extension", (), {"__init__": lambda self, parent: None})
    stand_in.DockWidget = QtWidgets.QDockWidget
    stand_in.DockWidgetFactoryBase = types.SimpleNamespace(DockPosition=types.SimpleNamespace(DockRight=0))
    stand_in.DockWidgetFactory = lambda *arguments: None
    monkeypatch.setitem(sys.modules, "krita", stand_in)
    monkeypatch.syspath_prepend(str(tmp_path / "plugin"))
    for name in [name for name in sys.modules if name.split(".")[0] == "impasto_krita"]:
        del sys.modules[name]
    names = ("docker", "engine", "environment", "extension", "form", "job", "layers", "live", "settings", "task", "version")
    modules = types.SimpleNamespace(**{name: importlib.import_module(f"impasto_krita.{name}") for name in names}, Krita=Krita)
    assert modules.engine.QtCore.__name__ == f"{os.environ['IMPASTO_QT']}.QtCore"
    monkeypatch.setenv("IMPASTO_ENGINE", sys.executable)
    yield modules
    for each in modules.job._runners:
        each.close()


class Picture:
    """A layer's picture, as layers.LayerPicture gives it"""

    format = "bgra8"
    note = ""
    depth = "U8"

    def __init__(self, layers: Any, seed: int) -> None:
        self.rect = layers.Rect(3, 4, WIDTH, HEIGHT)
        self._seed = seed

    def stripes(self) -> Iterator[tuple[int, int, bytes]]:
        rows = bytes((self._seed * x + (x % 7) * 9) % 256 if x % 4 != 3 else 255 for x in range(4 * WIDTH))
        for y in range(0, HEIGHT, 10):
            yield y, 10, rows * 10


class World:
    """What the job asks of layers, and what became of it"""

    def __init__(self, plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.closed, self.written, self.added = 0, bytearray(), []
        world, layers = self, plugin.layers

        class Snapshot:
            def __init__(self, document: Any) -> None: ...

            def show(self, keys: list[str]) -> Iterator[None]:
                yield

            def picture(self, key: str, rect: Any = None) -> Any:
                if key == "gone":
                    raise layers.LayerError("The layer is gone.")
                return Picture(layers, len(key))

            def close(self) -> None:
                world.closed += 1

        class ResultLayer:
            def __init__(self, document: Any, name: str, rect: Any, depth: str) -> None:
                self._name = name

            def write(self, y: int, rows: int, pixels: bytes) -> Iterator[None]:
                world.written += pixels
                yield

            def add(self, above: str) -> None:
                world.added.append((self._name, above))

        monkeypatch.setattr(layers, "Snapshot", Snapshot)
        monkeypatch.setattr(layers, "ResultLayer", ResultLayer)
        monkeypatch.setattr(layers, "selection", lambda document: None)


@pytest.fixture
def world(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(plugin, monkeypatch)


@pytest.fixture
def task(plugin: Any) -> Callable[..., Any]:
    def make(layer: str = "photo", **options: Any) -> Any:
        small = {
            "size": 32,
            "quality": "draft",
            "iterations": 2,
            "strength": 0.5,
            "weights": os.environ["IMPASTO_TEST_WEIGHTS"],
        }
        style = plugin.task.Style("Style", layer="style layer")
        return plugin.task.Task(plugin.Krita.document, layer, "Photo", [style], {**small, **options})

    return make


def wait(predicate: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < until, "waited in vain"
        QtCore.QCoreApplication.processEvents()
        time.sleep(0.002)
