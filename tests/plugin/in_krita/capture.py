"""Measurements for tests/benchmarks/krita.py, and the manual's screenshot. These are not tests."""

import time

from helpers import (
    SRGB,
    QtCore,
    QtWidgets,
    bgra,
    find_child,
    get_docker,
    get_runner,
    is_idle,
    photo,
    plugin,
    press_stylize,
    show_docker,
    state,
)
from krita import Krita
from live import choose_brush, draw_stroke, start_live


def steal_seconds():
    """Seconds in which the host gave this virtual machine's processors to another one, in steps of 10 ms"""
    with open("/proc/stat") as file:
        return int(file.readline().split()[8]) / 100


class GapTimer:
    """Measures the longest time between two turns of Krita's event loop, for each label.

    gaps: label -> seconds; stolen: the same for gaps in which the host gave the processors to another virtual machine
    """

    def __init__(self):
        self.gaps, self.stolen = {}, {}
        self._label, self._get_label = "", lambda: ""
        self._last_turn, self._last_check, self._steal = time.perf_counter(), 0, 0
        self._timer = QtCore.QTimer()
        self._timer.timeout.connect(self.turn)
        self._timer.start(1)

    def set_label(self, get_label):
        """get_label: a function that returns the current label"""
        self._get_label, self._label = get_label, get_label()

    def turn(self):
        now = time.perf_counter()
        long = now - self._last_turn > 0.02
        target = self.gaps
        if long or now - self._last_check > 0.1:
            steal = steal_seconds()
            target = self.stolen if long and steal > self._steal else self.gaps
            self._last_check, self._steal = now, steal
        target[self._label] = max(target.get(self._label, 0), now - self._last_turn)
        self._last_turn, self._label = now, self._get_label()

    def stop(self):
        self._timer.stop()
        self.gaps.pop("", None)


def measure_painting(width, height, depth="U8", hidden=True, results=0, **options):
    """Seconds to the first preview, and the longest gap in each state of a painting.

    hidden: the style layer is hidden; results: that are in the history before
    """
    doc = Krita.instance().createDocument(width, height, "large", "RGBA", depth, SRGB, 72.0)
    Krita.instance().activeWindow().addView(doc)
    yield (lambda: Krita.instance().activeDocument() == doc and doc.activeNode() is not None), 60
    content, style = _add_large_layers(doc, ("Photo", "Painting"))
    style.setVisible(not hidden)
    doc.refreshProjection()
    doc.waitForDone()
    yield 1
    doc.setActiveNode(content)
    yield from show_docker()
    yield (lambda: get_runner().engine.ready), 60
    yield 3  # the weights are loaded
    for _ in range(results):
        yield from press_stylize(style, size=64, quality="draft", iterations=2)
        yield is_idle, 60
        yield 0.2
    timer, result_layer = GapTimer(), plugin().results.ResultLayer
    add_to_group = result_layer.add_to_group

    def add_with_label(self, *arguments):  # what Krita does with a new layer is measured separately
        timer.turn()
        timer.set_label(lambda: "adding the result")
        return add_to_group(self, *arguments)

    result_layer.add_to_group = add_with_label
    timer.set_label(lambda: "adding an empty layer by hand")
    empty = doc.createNode("Empty", "paintlayer")
    doc.rootNode().addChildNode(empty, content)
    yield 2
    timer.set_label(lambda: "removing it")
    empty.remove()
    yield 2
    doc.setActiveNode(content)
    yield 1
    timer.set_label(lambda: get_runner().state)
    start = time.perf_counter()
    yield from press_stylize(style, **options)
    yield (lambda: get_runner().preview is not None or is_idle()), 60
    preview = time.perf_counter() - start
    yield is_idle, 300
    seconds = time.perf_counter() - start
    yield 1
    timer.stop()
    result_layer.add_to_group = add_to_group
    return {**state(doc), "preview": preview, "gaps": timer.gaps, "stolen": timer.stolen, "seconds": seconds}


def _add_large_layers(doc, names):
    width, deep = doc.width(), doc.colorDepth() == "U16"
    tile = bgra(256, 256, photo, deep=deep)
    rows = b"".join(tile[y * len(tile) // 256 : (y + 1) * len(tile) // 256] * (width // 256) for y in range(256))
    nodes = []
    for name in names:
        node = doc.createNode(name, "paintlayer")
        for y in range(0, doc.height(), 256):
            node.setPixelData(QtCore.QByteArray(rows), 0, y, width, 256)
        doc.rootNode().addChildNode(node, None)
        nodes.append(node)
    return nodes


def measure_live(strokes=8):
    """Seconds from the end of a brush stroke to its repaint, and the longest gaps with Live on and off"""
    *_, start_seconds = yield from start_live()
    choose_brush()
    yield 3
    show_times, live_result = [], plugin().followed_layer.LiveResult
    show = live_result.show

    def show_and_record(self, above):
        show(self, above)
        show_times.append(time.perf_counter())

    live_result.show = show_and_record
    timer, repaint_seconds = GapTimer(), []
    for mode in ("on", "off"):
        if mode == "off":
            find_child(get_docker(), "live").click()
            yield 1
        for n in range(strokes):
            yield 0.5 if n % 2 else 3  # soon after the last stroke, and after Live has settled
            timer.set_label(lambda mode=mode: f"during a stroke, Live {mode}")
            yield from draw_stroke([(120 + 60 * (n % 8) + 2 * m, 150 + 20 * n + 3 * m) for m in range(25)])
            end = time.perf_counter()
            timer.set_label(lambda mode=mode: f"after a stroke, Live {mode}")
            if mode == "on":
                show_times.clear()
                yield (lambda: show_times), 60
                repaint_seconds.append(show_times[0] - end)
            else:
                yield 0.5
            timer.set_label(lambda: "")
    timer.stop()
    live_result.show = show
    problem = get_runner().problem + get_runner().live.status
    return {"start": start_seconds, "repaint": repaint_seconds, "gaps": timer.gaps, "stolen": timer.stolen, "problem": problem}


def take_screenshot(photo, out, strengths=(0.7, 0.3, 0.5), **options):
    """The window after some paintings in the style of Harvest, for the manual.  photo: a file; out: the file to write"""
    plugin().settings.store(style_grid_open=True, options=options)
    doc = Krita.instance().openDocument(photo)
    Krita.instance().activeWindow().addView(doc)
    yield (lambda: doc.activeNode() is not None), 60
    window = Krita.instance().activeWindow().qwindow()
    window.resize(1440, 960)
    doc.rootNode().childNodes()[0].setName("Coffee")
    for dock in window.findChildren(QtWidgets.QDockWidget):
        dock.setVisible(dock.objectName() in ("impasto_docker", "KisLayerBox", "ToolBox"))
    docker = yield from show_docker()
    yield (lambda: bool(get_runner().networks)), 60
    docks = [window.findChild(QtWidgets.QDockWidget, name) for name in ("KisLayerBox", "impasto_docker")]
    window.resizeDocks(docks, [150, 760], QtCore.Qt.Orientation.Vertical)
    window.resizeDocks(docks, [310, 310], QtCore.Qt.Orientation.Horizontal)
    Krita.instance().activeWindow().activeView().canvas().setZoomLevel(950 / doc.width())
    docker.form.reload()
    docker.form.style_picker.button.setChecked(True)
    docker.form.style_picker.choose_network("harvest")
    for strength in strengths:
        docker.form._fields["strength"].set(strength)
        find_child(docker, "button").click()
        yield is_idle, 300
        yield 1
    scroll = docker.findChild(QtWidgets.QScrollArea)
    scroll.ensureWidgetVisible(find_child(docker, "fade"))
    yield 1
    window.grab().save(out)
    return state(doc)
