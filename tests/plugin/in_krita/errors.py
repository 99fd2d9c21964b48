"""Tests inside Krita of paintings that are stopped, refused or interrupted, and of a missing engine."""

import os
import signal

from helpers import (
    FAST,
    QtWidgets,
    activate,
    add_layer,
    add_photo_and_painting,
    client,
    document,
    find_child,
    get_docker,
    get_runner,
    is_idle,
    layer_names,
    paint,
    painting,
    photo,
    plugin,
    press_stylize,
    show_docker,
    start_long_painting,
    state,
    undo,
)
from krita import Krita, Selection


def cancel():
    """Press Stop; then paint again with the same engine"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    names_before = layer_names(doc)
    yield from start_long_painting(style)
    runner = get_runner()
    ops = []
    runner.engine.frame_received.connect(lambda header, blob: ops.append(header.get("op")))
    find_child(get_docker(), "stop").click()
    idle_at_once = not runner.busy  # before any event is processed
    yield (lambda: "cancelled" in ops), 60
    steps_before_answer = ops[: ops.index("cancelled")].count("progress") if "cancelled" in ops else None
    yield 0.5
    result = {**state(doc), "unchanged": layer_names(doc) == names_before, "engine_running": runner.engine.running}
    result = {**result, "idle_at_once": idle_at_once, "steps_before_answer": steps_before_answer}
    yield from paint(style)
    return {**result, "names_after": layer_names(doc)}


def close_document():
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    yield from start_long_painting(style)
    doc.setModified(False)
    doc.close()
    yield is_idle, 60
    return {"problem": get_runner().problem, "documents": len(Krita.instance().documents())}


def undo_content():
    """Undo the addition of the layer that is being painted"""
    doc = yield from document()
    style = add_layer(doc, "Painting", painting)
    content = add_layer(doc, "Photo", photo)
    yield from activate(doc, content)
    yield from press_stylize(style, size=128, iterations=30)
    yield (lambda: get_runner().preview is not None), 90
    yield from undo()
    removed = "Photo" not in layer_names(doc)
    yield is_idle, 90
    yield 0.2
    return {**state(doc), "removed": removed}


def engine_killed():
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    names_before = layer_names(doc)
    yield from start_long_painting(style)
    os.kill(_engine_pid(), signal.SIGKILL)
    yield is_idle, 60
    result = {**state(doc), "unchanged": layer_names(doc) == names_before}
    yield from paint(style)
    return {**result, "names_after": layer_names(doc)}


def engine_hangs():
    """Press Stop while the engine hangs: it is ended, and the next painting gets a new one"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    yield from start_long_painting(style)
    os.kill(_engine_pid(), signal.SIGSTOP)
    find_child(get_docker(), "stop").click()
    idle = is_idle()
    yield (lambda: not get_runner().engine.running), 60
    yield from paint(style)
    return {**state(doc), "idle": idle}


def pid_of_busy_engine():
    """Start a long painting, and leave it running"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    yield from start_long_painting(style)
    return _engine_pid()


def _engine_pid():
    return int(get_runner().engine._process.processId())


def two_windows():
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    second_window = Krita.instance().openWindow()
    second_window.qwindow().show()
    yield 1.0
    dockers = [w.findChild(QtWidgets.QDockWidget, "impasto_docker") for w in QtWidgets.QApplication.topLevelWidgets()]
    dockers = [docker for docker in dockers if docker is not None and hasattr(docker, "form")]
    yield from press_stylize(style, size=128, iterations=60)
    yield (lambda: get_runner().state == "painting"), 180
    labels = [find_child(docker, "button").text() for docker in dockers]
    stops = [not find_child(docker, "stop").isHidden() for docker in dockers]
    find_child(dockers[-1], "button").click()
    waiting = [find_child(docker, "queue").count() for docker in dockers]
    yield is_idle, 240
    yield 0.2
    return {**state(doc), "labels": labels, "stops": stops, "waiting": waiting}


def refuse(case):
    """Try to paint what cannot be painted"""
    doc = yield from document()
    style = add_layer(doc, "Painting", painting)
    content = add_layer(doc, "Photo", photo)
    if case == "empty":
        content = doc.createNode("Empty", "paintlayer")
        doc.rootNode().addChildNode(content, None)
    elif case == "tiny":
        content = add_layer(doc, "Dot", photo, width=1, height=1)
    elif case == "filter":
        content = doc.createFilterLayer("Filter", Krita.instance().filter("invert"), Selection())
        doc.rootNode().addChildNode(content, None)
    elif case == "same layer":
        style = content
    yield from activate(doc, content)
    if case == "selection beside layer":
        doc.setSelection(_square(0, 5))
        content.move(40, 30)
        doc.waitForDone()
    elif case == "selection outside canvas":
        doc.setSelection(_square(300, 20))
    names_before = layer_names(doc)
    if case == "missing file":
        plugin().settings.store(options=FAST)
        docker = yield from show_docker()
        docker.form.style_picker.choose_file("/nowhere/gone.png")
        find_child(docker, "button").click()
        yield is_idle, 60
    else:
        yield from paint(style)
    return {**state(doc), "unchanged": layer_names(doc) == names_before}


def _square(position, side):
    area = Selection()
    area.select(position, position, side, side, 255)
    return area


def no_document():
    """Press the button without a document; then open one"""
    docker = yield from show_docker()
    action = Krita.instance().action("impasto_stylize")
    enabled_without = action.isEnabled()
    find_child(docker, "button").click()
    yield 0.2
    problem = find_child(docker, "problem").text()
    yield from document()
    yield (lambda: action.isEnabled()), 60
    return {"enabled_without": enabled_without, "problem": problem, "enabled_with": action.isEnabled()}


def engine_missing():
    docker = get_docker()
    docker.setVisible(True)
    yield 0.5
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    docker.form.refresh(doc)
    docker.form.style_picker.choose_layer(plugin().layers.node_key(style))
    find_child(docker, "button").click()
    yield 0.2
    button = find_child(docker, "set_up")
    return {
        **state(doc),
        "button_usable": button.isVisible() and button.isEnabled(),
        "button_text": button.text(),
        "engine_running": get_runner().engine.running,
    }


def replace_constants(constants):
    """Let the setup download from a server of the test."""
    installation = client().installation
    for name, value in constants.items():
        setattr(installation, name, value)
    installation.Computer.needed_bytes = 1e8


def set_up_engine(constants, tries=1):
    """Press the setup button: the real uv, a Python of its own and a real environment. Then paint with the engine."""
    replace_constants(constants)
    docker, runner = get_docker(), get_runner()
    docker.setVisible(True)
    yield 0.5
    hint, shown = find_child(docker, "setup_hint").text(), []
    runner.setup.progress.connect(lambda fraction, text: shown.append((fraction, text)))
    find_child(docker, "set_up").click()
    started, bar = runner.setup.running, find_child(docker, "setup_progress").isVisible()
    yield (lambda: not runner.setup.running), 1800
    problems = [runner.problem]
    for _ in range(tries - 1):
        find_child(docker, "set_up").click()
        yield (lambda: not runner.setup.running), 1800
        problems.append(runner.problem)
    problem, log = runner.problem, docker._setup._log.toPlainText()
    setup = {
        "started": started,
        "bar": bar,
        "hint": hint,
        "shown": shown,
        "setup_problem": problem,
        "problems": problems,
        "log": log[-2000:],
    }
    if problem:
        return setup
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    yield from paint(style, limit=120)
    return {**state(doc), **setup, "command": runner.engine_command()}


def stop_setup(constants):
    replace_constants(constants)
    docker, runner = get_docker(), get_runner()
    docker.setVisible(True)
    yield 0.5
    find_child(docker, "set_up").click()
    folder = os.path.join(client().installation.this_local_folder(), "engine")
    yield (lambda: os.path.exists(folder)), 60
    find_child(docker, "set_up").click()
    yield 0.5
    return {"problem": runner.problem, "folder_exists": os.path.exists(folder), "running": runner.setup.running}
