"""What runs inside Krita and is no test: measurements, for tests/benchmarks/krita.py, and pictures for the manual."""

import time

from hands import SRGB, QtCore, QtGui, QtWidgets, bgra, docker, ended, photo, plugin, press_stylize, runner, state
from krita import Krita


def stolen():
    """Seconds that the computer's owner has taken from this virtual machine's processors, in steps of 10 ms"""
    with open("/proc/stat") as told:
        return int(told.readline().split()[8]) / 100


def measured(width, height, depth="U8", hidden=True, **options):
    """Seconds to the first preview, and the longest time in each state in which Krita's event loop did not turn

    Where another virtual machine had the processor meanwhile, the time is counted by itself.
    """
    doc = Krita.instance().createDocument(width, height, "large", "RGBA", depth, SRGB, 72.0)
    Krita.instance().activeWindow().addView(doc)
    yield (lambda: Krita.instance().activeDocument() == doc and doc.activeNode() is not None), 10
    tile = bgra(256, 256, photo, deep=depth == "U16")
    row = b"".join(tile[y * len(tile) // 256 : (y + 1) * len(tile) // 256] * (width // 256) for y in range(256))
    made = []
    for name in ("Photo", "Painting"):
        node = doc.createNode(name, "paintlayer")
        for y in range(0, height, 256):
            node.setPixelData(QtCore.QByteArray(row), 0, y, width, 256)
        doc.rootNode().addChildNode(node, None)
        made.append(node)
    made[1].setVisible(not hidden)
    doc.refreshProjection()
    doc.waitForDone()
    yield 1
    doc.setActiveNode(made[0])
    it = docker()
    it.setVisible(True)
    yield (lambda: it.form.described and runner().engine.ready), 60
    yield 3  # the weights are loaded
    gaps, robbed, label = {}, {}, [""]
    last, before = [time.perf_counter(), ""], [0, 0]
    add = plugin().layers.ResultLayer.add

    def labelled(self, above):  # what Krita does with a new layer is counted by itself, to its end
        tick()
        label[0] = last[1] = "adding the result"
        add(self, above)

    def tick():
        now = time.perf_counter()
        found = gaps
        if now - last[0] > 0.02 or now - before[0] > 0.1:
            taken = stolen()
            found = robbed if taken > before[1] and now - last[0] > 0.02 else gaps
            before[:] = now, taken
        found[last[1]] = max(found.get(last[1], 0), now - last[0])
        last[:] = now, label[0] or runner().state

    plugin().layers.ResultLayer.add = labelled
    ticker = QtCore.QTimer()
    ticker.timeout.connect(tick)
    ticker.start(1)
    label[0] = last[1] = "adding an empty layer by hand"
    empty = doc.createNode("Empty", "paintlayer")
    doc.rootNode().addChildNode(empty, made[0])
    yield 2
    label[0] = last[1] = "removing it"
    empty.remove()
    yield 2
    doc.setActiveNode(made[0])
    yield 1
    label[0] = last[1] = ""
    began = time.perf_counter()
    yield from press_stylize(made[1], **options)
    yield (lambda: runner().preview is not None or not runner().busy), 60
    preview = time.perf_counter() - began
    yield (lambda: not runner().busy), 300
    seconds = time.perf_counter() - began
    yield 1
    ticker.stop()
    return {**state(doc), "preview": preview, "gaps": gaps, "robbed": robbed, "seconds": seconds}


def screenshot(photo, style, out, **options):
    doc = Krita.instance().openDocument(photo)
    Krita.instance().activeWindow().addView(doc)
    yield (lambda: doc.activeNode() is not None), 10
    window = Krita.instance().activeWindow().qwindow()
    window.resize(1440, 900)
    first = doc.rootNode().childNodes()[0]
    first.setName("Coffee")
    image = QtGui.QImage(style).convertToFormat(QtGui.QImage.Format.Format_ARGB32)
    image = image.scaled(doc.width(), doc.height())
    bits = image.constBits()
    bits.setsize(image.sizeInBytes())
    second = doc.createNode("Harvest", "paintlayer")
    second.setPixelData(QtCore.QByteArray(bytes(bits)), 0, 0, doc.width(), doc.height())
    doc.rootNode().addChildNode(second, None)
    second.setVisible(False)
    doc.refreshProjection()
    yield 1
    doc.setActiveNode(first)
    for dock in window.findChildren(QtWidgets.QDockWidget):
        dock.setVisible(dock.objectName() in ("impasto_docker", "KisLayerBox", "ToolBox"))
    yield 1
    docks = [window.findChild(QtWidgets.QDockWidget, name) for name in ("KisLayerBox", "impasto_docker")]
    window.resizeDocks(docks, [190, 600], QtCore.Qt.Orientation.Vertical)
    window.resizeDocks(docks, [330, 330], QtCore.Qt.Orientation.Horizontal)
    yield 1
    Krita.instance().activeWindow().activeView().canvas().setZoomLevel(950 / doc.width())
    yield from press_stylize(second, **options)
    yield ended(300)
    yield 2
    window.grab().save(out)
    return state(doc)
