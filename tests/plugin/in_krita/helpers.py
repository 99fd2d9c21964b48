"""Helpers for tests inside Krita: documents with pictures, the plugin and its docker, and the state that they are in."""

import math
import os
import shutil
import sys

from krita import Krita

if "PyQt6.QtCore" in sys.modules:
    from PyQt6 import QtCore, QtGui, QtTest, QtWidgets
else:
    from PyQt5 import QtCore, QtGui, QtTest, QtWidgets  # noqa: F401

SRGB = "sRGB-elle-V2-srgbtrc.icc"
FAST = {"size": 64, "quality": "draft", "iterations": 4}


def plugin():
    """The plugin's package, with the modules that tests use"""
    import impasto_krita.followed_layer
    import impasto_krita.layers
    import impasto_krita.result_pictures
    import impasto_krita.results
    import impasto_krita.runner
    import impasto_krita.settings
    import impasto_krita.ui.docker

    return impasto_krita


def client():
    """What the plugin shares with those of other editors, with the modules that tests use"""
    plugin()
    import impasto_client.installation
    import impasto_client.request

    return impasto_client


def get_runner():
    return plugin().runner.get_runner()


def reset():
    """Bring Krita and the plugin into the state after a start, except that a running engine stays."""
    if "impasto_krita" not in sys.modules:
        return
    runner = get_runner()
    runner.setup.cancel()
    runner.live.stop()
    runner.training.close()
    runner.cancel_all()
    if not os.environ.get("IMPASTO_ENGINE"):
        runner.engine.stop()  # it is in the folder that is deleted below
    if Krita.instance().documents():
        yield 0.3  # Krita crashes if a document is closed before its layer docker has shown the last changes
    for doc in Krita.instance().documents():
        doc.setBatchmode(True)
        doc.setModified(False)
        doc.close()
    yield (lambda: not Krita.instance().documents()), 60
    runner.problem = runner.details = runner.live.status = ""
    runner.remedy = runner.last_request = runner.preview = None
    runner.estimates.by_size = {}
    docker = get_docker()
    docker.source_row._mode = "layer"
    form = docker.form
    for field in form._fields.values():
        field.set(field.default)
    for picker in (form.style_picker, form.second_picker):
        picker._wanted.clear()
        picker.refresh(None)
    for picker in (form.region_picker, form.protect_picker):
        picker.refresh(None)
        picker.setCurrentIndex(0)
    form.balance.set_value(0.5)
    form.keep_faces.setChecked(True)
    form._update_enabled()
    form._store_timer.stop()
    shutil.rmtree(plugin().settings.data_folder(), ignore_errors=True)
    shutil.rmtree(client().installation.this_local_folder(), ignore_errors=True)
    get_docker().setVisible(False)
    runner.changed.emit()
    yield 0.1


def document(width=96, height=64, model="RGBA", depth="U8", profile=SRGB):
    """A new document in a window of its own, with the first layer that Krita creates"""
    doc = Krita.instance().createDocument(width, height, "test", model, depth, profile, 72.0)
    Krita.instance().activeWindow().addView(doc)
    yield (lambda: Krita.instance().activeDocument() == doc and doc.activeNode() is not None), 60
    return doc


def photo(x, y):
    """A picture with smooth colors: blue, green, red"""
    return 120 + int(80 * math.sin(x / 9)), 120 + int(80 * math.cos(y / 7)), 90 + (x + y) // 3 % 60


def painting(x, y):
    """A picture with strong contrasts: blue, green, red"""
    return (200, 60, 30 + x % 9) if (x // 16 + y // 11) % 2 else (20 + y % 7, 190, 240)


def opaque(x, y):
    return 255


def bgra(width, height, colors, alpha=opaque, deep=False):
    """Pixels from functions of x and y.  deep: 16 bits"""
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            for value in (*colors(x, y), alpha(x, y)):
                pixels += (value * 257).to_bytes(2, "little") if deep else bytes([min(255, value)])
    return bytes(pixels)


def add_layer(doc, name, colors, x=0, y=0, width=None, height=None, alpha=opaque, parent=None):
    """Add a paint layer with a picture on top"""
    width, height = width or doc.width(), height or doc.height()
    node = doc.createNode(name, "paintlayer")
    deep = doc.colorDepth() == "U16"
    node.setPixelData(QtCore.QByteArray(bgra(width, height, colors, alpha, deep)), x, y, width, height)
    (parent or doc.rootNode()).addChildNode(node, None)
    return node


def add_photo_and_painting(doc):
    """Add a photo and, above it and hidden, a painting. The photo is active."""
    content = add_layer(doc, "Photo", photo)
    style = add_layer(doc, "Painting", painting)
    style.setVisible(False)
    doc.refreshProjection()
    doc.waitForDone()
    yield from activate(doc, content)
    return content, style


def activate(doc, node):
    """Make a layer the active one, after Krita has activated the layer that was added last"""
    yield 0.2
    doc.setActiveNode(node)
    yield (lambda: doc.activeNode() == node), 60
    yield 0.1


def get_docker():
    return Krita.instance().activeWindow().qwindow().findChild(QtWidgets.QDockWidget, "impasto_docker")


def show_docker():
    """Show the docker, and wait until the engine has described its options"""
    docker = get_docker()
    docker.setVisible(True)
    yield (lambda: docker.form.has_schema), 90
    return docker


def find_child(widget, name):
    child = widget.findChild(QtWidgets.QWidget, "impasto_" + name)
    assert child is not None, name
    return child


def find_group(doc):
    """The topmost group of results, or None"""
    return next((node for node in reversed(doc.rootNode().childNodes()) if node.name().endswith(", painted")), None)


def results(doc):
    """The layers in the topmost group of results, the oldest first"""
    group = find_group(doc)
    return [] if group is None else group.childNodes()


def find_result(doc, text=" on "):
    """The topmost layer with this text in its name, or None"""
    nodes = [*doc.rootNode().childNodes(), *results(doc)]
    return next((node for node in reversed(nodes) if text in node.name()), None)


def press_stylize(style, **options):
    """Choose a style layer, set options that the docker does not show, and press the docker's button"""
    plugin().settings.store(options={name: value for name, value in {**FAST, **options}.items() if value is not None})
    docker = yield from show_docker()
    docker.form.reload()
    docker.form.refresh(Krita.instance().activeDocument())
    docker.form.style_picker.choose_layer(plugin().layers.node_key(style))
    find_child(docker, "button").click()


def is_idle():
    return not get_runner().busy


def paint(style, limit=90, **options):
    """Press the button, and wait for the result"""
    yield from press_stylize(style, **options)
    yield is_idle, limit
    yield 0.2


def start_long_painting(style):
    """Press the button for a painting that takes long, and wait for its first preview"""
    yield from press_stylize(style, size=256, iterations=500)
    yield (lambda: get_runner().preview is not None), 90


def layer_names(doc):
    """The names of the layers, from the bottom; that of a group of results is a list with those of its layers"""
    return [_name(node) for node in doc.rootNode().childNodes()]


def _name(node):
    is_group = node.type() == "grouplayer" and node.name().endswith(", painted")
    return [child.name() for child in node.childNodes()] if is_group else node.name()


def read_pixels(node, x=0, y=0, width=96, height=64):
    return bytes(node.projectionPixelData(x, y, width, height))


def state(doc):
    runner = get_runner()
    return {"names": layer_names(doc), "problem": runner.problem, "status": runner.status, "state": runner.state}


def undo_steps():
    """The names of what can be undone in the active document, as in Krita's History docker, the first one first"""
    docker = next(docker for docker in Krita.instance().dockers() if docker.objectName() == "History")
    model = docker.findChild(QtWidgets.QListView).model()
    return [model.index(row, 0).data() for row in range(1, model.rowCount())]  # the first row is the untouched document


def undo():
    """Undo one step: while Krita is still at work, it does not undo"""
    doc = Krita.instance().activeDocument()
    doc.waitForDone()
    yield 0.1
    Krita.instance().action("edit_undo").trigger()
    yield 0.5
    doc.waitForDone()
    yield 0.1
