"""Tests that run inside Krita, of what is stopped, refused, missing or gone."""

import os
import signal
import time

from hands import (
    SMALL,
    QtWidgets,
    begun,
    child,
    docker,
    document,
    ended,
    layer,
    names,
    painted,
    painting,
    pair,
    photo,
    plugin,
    press_stylize,
    runner,
    state,
)
from krita import Krita, Selection


def cancelled():
    doc = yield from document()
    _first, second = yield from pair(doc)
    was = names(doc)
    yield from begun(second)
    it = runner()
    began = time.monotonic()
    child(docker(), "button").click()
    stopped_in = time.monotonic() - began
    silent = []
    it.engine.said.connect(lambda header, blob: silent.append(header.get("op")))
    yield (lambda: "cancelled" in silent), 3
    answered_in = time.monotonic() - began
    yield 0.5
    told = {**state(doc), "kept": names(doc) == was, "stopped_in": stopped_in, "answered_in": answered_in}
    told["warm"] = it.engine.running
    yield from painted(second)  # and the engine does the next one
    told["next"] = names(doc)
    return told


def document_closed():
    doc = yield from document()
    _first, second = yield from pair(doc)
    yield from begun(second)
    doc.setModified(False)
    doc.close()
    yield ended(5)
    return {"problem": runner().problem, "documents": len(Krita.instance().documents())}


def anchor_undone():
    doc = yield from document()
    second = layer(doc, "Painting", painting)
    first = layer(doc, "Photo", photo)
    yield 0.2
    doc.setActiveNode(first)
    yield 0.2
    yield from press_stylize(second, size=128, iterations=30)
    yield (lambda: runner().preview is not None), 90
    Krita.instance().action("edit_undo").trigger()  # the photo goes
    yield 0.2
    gone = "Photo" not in names(doc)
    yield ended()
    yield 0.2
    return {**state(doc), "gone": gone}


def engine_killed():
    doc = yield from document()
    _first, second = yield from pair(doc)
    was = names(doc)
    yield from begun(second)
    it = runner()
    os.kill(int(it.engine._process.processId()), signal.SIGKILL)
    yield ended(5)
    told = {**state(doc), "kept": names(doc) == was}
    yield from painted(second)
    told["next"] = names(doc)
    return told


def engine_hangs():
    """An engine that does not answer a cancel is ended, and the next picture gets a new one."""
    doc = yield from document()
    _first, second = yield from pair(doc)
    yield from begun(second)
    it = runner()
    os.kill(int(it.engine._process.processId()), signal.SIGSTOP)
    child(docker(), "button").click()
    idle = not it.busy
    yield (lambda: not it.engine.running), 6
    yield from painted(second)
    return {**state(doc), "idle": idle}


def quits_in_the_middle():
    """What stays behind is pytest's to see: it is told the engine's process."""
    doc = yield from document()
    _first, second = yield from pair(doc)
    yield from begun(second)
    return int(runner().engine._process.processId())


def two_windows():
    doc = yield from document()
    _first, second = yield from pair(doc)
    other = Krita.instance().openWindow()
    other.qwindow().show()
    yield 1.0
    dockers = [w.findChild(QtWidgets.QDockWidget, "impasto_docker") for w in QtWidgets.QApplication.topLevelWidgets()]
    dockers = [each for each in dockers if each is not None and hasattr(each, "form")]
    yield from press_stylize(second, size=128, iterations=60)
    yield (lambda: runner().state == "painting"), 90
    labels = [child(each, "button").text() for each in dockers]
    plugin().docker.begin(dockers[-1].form)  # a second one is refused
    refused = runner().status
    yield ended()
    yield 0.2
    return {**state(doc), "labels": labels, "refused": refused}


def refused(case):
    """What cannot be painted is said in one sentence, and nothing else happens."""
    doc = yield from document()
    style = layer(doc, "Painting", painting)
    first = layer(doc, "Photo", photo)
    if case == "empty":
        first = doc.createNode("Empty", "paintlayer")
        doc.rootNode().addChildNode(first, None)
    elif case == "tiny":
        first = layer(doc, "Dot", photo, width=1, height=1)
    elif case == "filter":
        first = doc.createFilterLayer("Filter", Krita.instance().filter("invert"), Selection())
        doc.rootNode().addChildNode(first, None)
    elif case == "itself":
        style = first
    yield 0.2
    doc.setActiveNode(first)
    yield 0.2
    if case == "beside":
        chosen = Selection()
        chosen.select(0, 0, 5, 5, 255)
        doc.setSelection(chosen)
        first.move(40, 30)
        doc.waitForDone()
    if case == "outside":
        chosen = Selection()
        chosen.select(300, 300, 20, 20, 255)
        doc.setSelection(chosen)
    was = names(doc)
    if case == "missing file":
        plugin().settings.store(options=SMALL)
        it = docker()
        yield (lambda: it.form.described), 90
        it.form.style_picker.choose_file("/nowhere/gone.png")
        child(it, "button").click()
        yield ended()
    else:
        yield from painted(style)
    return {**state(doc), "kept": names(doc) == was, "steps": Krita.instance().action("edit_undo").text()}


def no_document():
    """Without a picture the actions are off, and the button says why."""
    it = docker()
    it.setVisible(True)
    yield (lambda: it.form.described), 90
    enabled = Krita.instance().action("impasto_stylize").isEnabled()
    child(it, "button").click()
    yield 0.2
    shown = child(it, "problem").text()
    doc = yield from document()
    yield 0.5
    return {
        "enabled": enabled,
        "shown": shown,
        "with": Krita.instance().action("impasto_stylize").isEnabled(),
        "open": doc.width(),
    }


def engine_missing():
    it = docker()
    it.setVisible(True)
    yield 0.5
    doc = yield from document()
    _first, second = yield from pair(doc)
    it.form.refresh(doc)
    it.form.style_picker.choose_layer(plugin().layers.key(second))
    child(it, "button").click()
    yield 0.2
    button = child(it, "set_up")
    return {
        **state(doc),
        "shown": button.isVisible() and button.isEnabled(),
        "says": button.text(),
        "runs": runner().engine.running,
    }


def sets_up_the_engine():
    """The button, a real virtual environment, a real pip; then a picture with that engine."""
    it = docker()
    it.setVisible(True)
    yield 0.5
    child(it, "set_up").click()
    running = runner().setup.running
    yield (lambda: not runner().setup.running), 1800
    problem, log = runner().problem, it._setup._log.toPlainText()
    doc = yield from document()
    _first, second = yield from pair(doc)
    yield from painted(second, limit=120)
    return {**state(doc), "running": running, "setup": problem, "log": log[-2000:], "command": runner().command()}


def set_up_stopped():
    it = docker()
    it.setVisible(True)
    yield 0.5
    child(it, "set_up").click()
    folder = plugin().job.environment_folder()
    yield (lambda: os.path.exists(folder)), 60
    child(it, "set_up").click()
    yield 0.5
    return {"problem": runner().problem, "left": os.path.exists(folder), "running": runner().setup.running}
