"""Tests inside Krita of the style library and its chooser."""

import importlib
import os
import sys

from helpers import QtCore, QtGui, QtWidgets, activate, add_layer, document, painting, photo, plugin
from krita import Krita

QtTest = importlib.import_module(("PyQt6" if "PyQt6.QtCore" in sys.modules else "PyQt5") + ".QtTest")
Qt = QtCore.Qt


class Shown:
    """A chooser in a docker of its own, in Krita's window"""

    def __init__(self, doc, width=250):
        import impasto_krita.ui.style_chooser

        self.chooser = impasto_krita.ui.style_chooser.StyleChooser()
        self.view, self.grid = self.chooser.grid.view, self.chooser.grid
        self.picked = []
        self.chooser.picked.connect(lambda: self.picked.append(self.name))
        self.window = Krita.instance().activeWindow().qwindow()
        self.docker = QtWidgets.QDockWidget("Styles", self.window)
        content = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.chooser)
        column.addStretch(1)
        self.docker.setWidget(content)
        self.window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.docker)
        self.docker.setFloating(True)
        self.docker.resize(width, 640)
        self.docker.show()
        self.chooser.refresh(doc)

    @property
    def name(self):
        source = self.chooser.style_source()
        return source.name if source else ""

    @property
    def names(self):
        return [entry.name for entry in self.view.styles.entries]

    def click(self, name, modifiers=Qt.KeyboardModifier.NoModifier):
        index = self.view.styles.index(self.names.index(name))
        self.view.scrollTo(index)
        place = self.view.visualRect(index).center()
        QtTest.QTest.mouseClick(self.view.viewport(), Qt.MouseButton.LeftButton, modifiers, place)

    def press(self, key):
        QtTest.QTest.keyClick(self.view, key)

    def drop(self, data):
        action, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        enter = QtGui.QDragEnterEvent(QtCore.QPoint(9, 9), action, data, button, keys)
        QtWidgets.QApplication.sendEvent(self.chooser, enter)
        if enter.isAccepted():
            QtWidgets.QApplication.sendEvent(self.chooser, QtGui.QDropEvent(QtCore.QPointF(9, 9), action, data, button, keys))

    def thumbnails_ready(self):
        """Whether all thumbnails that are visible have been made"""
        thumbnails = self.chooser._thumbnails
        return not thumbnails._layers and not thumbnails._work._callbacks

    def close(self):
        self.window.removeDockWidget(self.docker)
        self.docker.deleteLater()


def _save(color, name):
    path = os.path.join(os.environ["HOME"], name)
    image = QtGui.QImage(80, 60, QtGui.QImage.Format.Format_RGB32)
    image.fill(QtGui.QColor(color))
    image.save(path)
    return path


def default_style():
    """The style of a picture with one layer, then with another one, and after that one is removed"""
    doc = yield from document()
    (background,) = doc.rootNode().childNodes()
    yield from activate(doc, background)
    shown = Shown(doc)
    result = {"one_layer": [shown.name, bool(shown.chooser.style_source().path)]}
    style = add_layer(doc, "Imported", painting)
    yield from activate(doc, background)
    shown.chooser.refresh(doc)
    result["two_layers"] = shown.name
    yield from activate(doc, style)
    shown.chooser.refresh(doc)
    result["other_active"] = shown.name == background.name()
    shown.chooser.choose_layer(plugin().layers.node_key(style))
    yield from activate(doc, background)
    shown.picked.clear()
    style.remove()
    yield 0.2
    shown.chooser.refresh(doc)
    result["removed"] = [shown.name, list(shown.picked)]
    Krita.instance().action("edit_undo").trigger()
    yield 0.5
    shown.close()
    return result


def choose():
    """Choose by mouse and keyboard, several at once, search, mark a favorite"""
    doc = yield from document()
    content = add_layer(doc, "Photo", photo)
    add_layer(doc, "Painting", painting)
    yield from activate(doc, content)
    shown = Shown(doc)
    shown.chooser.set_instant_styles([{"name": "harvest", "title": "Harvest", "thumbnail": "", "own": False}])
    QtTest.QTest.mouseClick(shown.chooser.button, Qt.MouseButton.LeftButton)
    yield 0.3
    result = {"expanded": shown.grid.isVisible(), "names": shown.names[:3]}
    shown.picked.clear()
    shown.click("Koi")
    result["clicked"] = [shown.name, list(shown.picked)]
    shown.click("Painting", Qt.KeyboardModifier.ControlModifier)
    result["several"] = [(source.name, bool(source.layer_key)) for source in shown.chooser.style_sources()]
    shown.click("Harvest")
    shown.view.setFocus()
    shown.press(Qt.Key.Key_Right)
    result["moved"] = shown.name
    shown.press(Qt.Key.Key_Return)
    result["entered"] = shown.name
    QtTest.QTest.keyClicks(shown.view, "*")
    result["favorites"] = [entry.name for entry in shown.chooser._library.entries() if entry.favorite]
    QtTest.QTest.keyClicks(shown.grid.search_field, "PAINT")
    result["found"] = shown.names
    shown.grid.search_field.clear()
    yield 0.1
    yield shown.thumbnails_ready, 60
    images = shown.chooser._thumbnails._images
    side = round(64 * shown.view.devicePixelRatioF())
    result["drawn"] = all(not images[entry.key, side].isNull() for entry in shown.view.styles.entries[:9])
    result["bars"] = shown.view.horizontalScrollBar().maximum()
    result["columns"] = []
    for width in (250, 400):
        shown.docker.resize(width, 640)
        yield 0.3
        places = [shown.view.visualRect(shown.view.styles.index(row)) for row in range(len(shown.names))]
        result["columns"].append(len({place.x() for place in places}))
    shown.close()
    return result


def add_pictures():
    """Drop a file, paste a picture, and delete it"""
    doc = yield from document()
    yield 0.2
    shown = Shown(doc)
    data = QtCore.QMimeData()
    path = _save("#2040c0", "sea.png")
    data.setUrls([QtCore.QUrl.fromLocalFile(path)])
    shown.drop(data)
    result = {"dropped": [shown.name, shown.chooser.style_source().path == path, list(shown.picked)]}
    image = QtGui.QImage(50, 40, QtGui.QImage.Format.Format_RGB32)
    image.fill(QtGui.QColor("#30a030"))
    QtWidgets.QApplication.clipboard().setImage(image)
    shown.chooser.button.setChecked(True)
    yield 0.2
    QtTest.QTest.keyClick(shown.view, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    yield (lambda: shown.name == "Pasted picture"), 60
    pasted = shown.chooser.style_source().path
    result["pasted"] = [QtGui.QImage(pasted).pixelColor(5, 5).name(), os.path.dirname(pasted).endswith("impasto/styles")]
    result["layers"] = len(doc.rootNode().childNodes())  # Krita has not pasted it, too
    shown.press(Qt.Key.Key_Delete)
    box = shown.grid.findChild(QtWidgets.QMessageBox)
    next(button for button in box.buttons() if "Delete" in button.text()).click()
    yield (lambda: not os.path.exists(pasted)), 60
    result["after"] = shown.name != "Pasted picture"
    shown.close()
    return result


def shortcuts():
    """Press keys in the grid that are Krita's shortcuts elsewhere"""
    doc = yield from document()
    yield 0.2
    shown = Shown(doc)
    shown.chooser.button.setChecked(True)
    shown.docker.setFloating(False)
    yield 0.2
    shown.window.activateWindow()
    shown.view.setFocus()
    eraser = Krita.instance().action("erase_action")
    before = eraser.isChecked()
    QtTest.QTest.keyClick(shown.view, Qt.Key.Key_E)
    yield 0.2
    result = {"unchanged": eraser.isChecked() == before}
    shown.close()
    return result
