"""What is at hand inside Krita: documents with pictures in them, the plugin and its docker, and what they come to."""

import math
import sys

from krita import Krita

if "PyQt6.QtCore" in sys.modules:
    from PyQt6 import QtCore, QtGui, QtWidgets
else:
    from PyQt5 import QtCore, QtGui, QtWidgets  # noqa: F401

SRGB = "sRGB-elle-V2-srgbtrc.icc"
SMALL = {"size": 64, "quality": "draft", "iterations": 4}


def plugin():
    import impasto_krita.docker
    import impasto_krita.job
    import impasto_krita.layers

    return impasto_krita


def runner():
    return plugin().job.runner()


def document(width=96, height=64, model="RGBA", depth="U8", profile=SRGB):
    """A document in a window of its own, with its first layer as Krita makes it"""
    doc = Krita.instance().createDocument(width, height, "test", model, depth, profile, 72.0)
    Krita.instance().activeWindow().addView(doc)
    yield (lambda: Krita.instance().activeDocument() == doc and doc.activeNode() is not None), 10
    return doc


def photo(x, y):
    """A calm picture: B, G, R"""
    return 120 + int(80 * math.sin(x / 9)), 120 + int(80 * math.cos(y / 7)), 90 + (x + y) // 3 % 60


def painting(x, y):
    """A wild one"""
    return (200, 60, 30 + x % 9) if (x // 16 + y // 11) % 2 else (20 + y % 7, 190, 240)


def bgra(width, height, colors, alpha=lambda x, y: 255, deep=False):
    made = bytearray()
    for y in range(height):
        for x in range(width):
            pixel = (*colors(x, y), alpha(x, y))
            for value in pixel:
                made += (value * 257).to_bytes(2, "little") if deep else bytes([min(255, value)])
    return bytes(made)


def layer(doc, name, colors, x=0, y=0, width=None, height=None, alpha=lambda x, y: 255, parent=None, kind="paintlayer"):
    """A layer with a picture in it, on top"""
    width, height = width or doc.width(), height or doc.height()
    node = doc.createNode(name, kind)
    if kind == "paintlayer":
        deep = doc.colorDepth() == "U16"
        node.setPixelData(QtCore.QByteArray(bgra(width, height, colors, alpha, deep)), x, y, width, height)
    (parent or doc.rootNode()).addChildNode(node, None)
    return node


def pair(doc, **about):
    """A photo and, above it and hidden, a painting; the photo is active."""
    first = layer(doc, "Photo", photo, **about)
    second = layer(doc, "Painting", painting)
    second.setVisible(False)
    doc.refreshProjection()
    doc.waitForDone()
    yield 0.2
    doc.setActiveNode(first)
    yield (lambda: doc.activeNode() == first), 30
    return first, second


def docker():
    return Krita.instance().activeWindow().qwindow().findChild(QtWidgets.QDockWidget, "impasto_docker")


def child(widget, name):
    found = widget.findChild(QtWidgets.QWidget, "impasto_" + name)
    assert found is not None, name
    return found


def press_stylize(style, **options):
    """Press the docker's button, with a style layer and options beyond what it shows."""
    plugin().settings.store(options={k: v for k, v in {**SMALL, **options}.items() if v is not None})
    it = docker()
    it.setVisible(True)
    yield (lambda: it.form.described), 90
    it.form.reload()
    it.form.refresh(Krita.instance().activeDocument())
    it.form.style_picker.choose_layer(plugin().layers.key(style))
    child(it, "button").click()


def ended(limit=60):
    return (lambda: not runner().busy), limit


def painted(style, limit=60, **options):
    """Press the button, and wait for the result."""
    yield from press_stylize(style, **options)
    yield ended(limit)
    yield 0.2


def begun(style):
    """Press the button for what takes long, and wait until it is under way."""
    yield from press_stylize(style, size=256, iterations=500)
    yield (lambda: runner().preview is not None), 90


def names(doc):
    return [node.name() for node in doc.rootNode().childNodes()]


def pixels(node, x, y, width, height):
    return bytes(node.projectionPixelData(x, y, width, height))


def state(doc):
    it = runner()
    return {"names": names(doc), "problem": it.problem, "status": it.status, "state": it.state}


# the tests
