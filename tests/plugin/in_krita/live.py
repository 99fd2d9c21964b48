"""Tests of Live and of instant styles that run inside Krita, with a brush on the canvas."""

import time

from helpers import (
    SRGB,
    QtCore,
    QtGui,
    QtWidgets,
    add_layer,
    bgra,
    document,
    find_child,
    find_result,
    get_docker,
    get_runner,
    is_idle,
    layer_names,
    painting,
    photo,
    plugin,
    press_stylize,
    read_pixels,
    undo,
)
from krita import Krita, ManagedColor

_CANVAS_CLASSES = ("KisOpenGLCanvas2", "KisQPainterCanvas")
WIDTH, HEIGHT = 1024, 768


def choose_brush():
    """Select a round red brush for the open canvas"""
    view = Krita.instance().activeWindow().activeView()
    presets = Krita.instance().resources("preset")
    view.setCurrentBrushPreset(presets[next(name for name in sorted(presets) if "Basic-5" in name)])
    color = ManagedColor("RGBA", "U8", "")
    color.setComponents([0.1, 0.1, 0.9, 1.0])
    view.setForeGroundColor(color)
    view.setBrushSize(20)
    Krita.instance().action("KritaShape/KisToolBrush").trigger()


def draw_stroke(points, on_press=lambda: None):
    """Draw with the mouse on the canvas.  on_press: called when the button is down"""
    widget = next(
        w for w in QtWidgets.QApplication.allWidgets() if w.metaObject().className() in _CANVAS_CLASSES and w.isVisible()
    )
    kinds, left, none = QtCore.QEvent.Type, QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.MouseButton.NoButton
    no_keys = QtCore.Qt.KeyboardModifier.NoModifier

    def send(kind, point, button, buttons):
        local = QtCore.QPointF(*point)
        screen = QtCore.QPointF(widget.mapToGlobal(QtCore.QPoint(*point)))
        QtWidgets.QApplication.sendEvent(widget, QtGui.QMouseEvent(kind, local, screen, button, buttons, no_keys))

    QtWidgets.QApplication.sendEvent(widget, QtCore.QEvent(kinds.Enter))
    send(kinds.MouseMove, points[0], none, none)
    yield 0.05
    send(kinds.MouseButtonPress, points[0], left, left)
    on_press()
    for point in points[1:]:
        yield 0.01
        send(kinds.MouseMove, point, none, left)
    yield 0.01
    send(kinds.MouseButtonRelease, points[-1], left, none)


def wait_for_instant_styles(doc, content=None):
    """Add a photo unless there is one, activate it, and wait until the docker lists instant styles"""
    content, docker = content or add_layer(doc, "Photo", photo), get_docker()
    doc.refreshProjection()
    doc.waitForDone()
    yield 0.3
    doc.setActiveNode(content)
    docker.setVisible(True)
    yield (lambda: docker.form.has_schema and get_runner().networks), 90
    docker.form.refresh(doc)
    return content, docker


def start_live(network="harvest"):
    """Switch Live on for a photo. Returns the document, the photo, the result layer, and the seconds it took"""
    doc = yield from document(WIDTH, HEIGHT)
    content, docker = yield from wait_for_instant_styles(doc)
    docker.form.style_picker.choose_network(network)
    start = time.monotonic()
    find_child(docker, "live").click()
    yield (lambda: "follows" in get_runner().live.status), 60
    yield (lambda: find_result(doc, "live") is not None), 60
    yield 0.3
    return doc, content, find_result(doc, "live"), time.monotonic() - start


def read_canvas(node):
    return read_pixels(node, 0, 0, WIDTH, HEIGHT)


def changed_box(before, after):
    """[left, top, right, bottom] of the area where two pictures differ by more than a rounding error; None: nowhere"""
    stride, rows = 4 * WIDTH, []
    for y in range(HEIGHT):
        a, b = before[y * stride : (y + 1) * stride], after[y * stride : (y + 1) * stride]
        columns = [n // 4 for n in range(stride) if abs(a[n] - b[n]) > 1] if a != b else []
        if columns:
            rows.append((min(columns), y, max(columns) + 1))
    return [min(row[0] for row in rows), rows[0][1], max(row[2] for row in rows), rows[-1][1] + 1] if rows else None


def is_settled():
    """Whether everything was repainted after the last change, and written to the result layer"""
    live = get_runner().live
    return live._fully_repainted and not (live._awaiting_patches or live._settling or live._patches)


def follow_brush():
    """Draw a stroke and undo it while Live is on; then switch Live off"""
    doc, content, painted, _ = yield from start_live()
    live_button = find_child(get_docker(), "live")
    result = {"names": layer_names(doc), "content_active": doc.activeNode() == content, "on": live_button.isChecked()}
    result["status"] = find_child(get_docker(), "status").text()
    photo_before, painted_before = read_canvas(content), read_canvas(painted)
    result["painted"] = changed_box(photo_before, painted_before) is not None
    choose_brush()
    yield 0.5
    polls, followed_layer = [], plugin().followed_layer.FollowedLayer
    next_change = followed_layer.next_change

    def count_polls(self, max_ms):
        polls.append(max_ms)
        return next_change(self, max_ms)

    followed_layer.next_change = count_polls
    try:
        yield 0.3
        result["polls"] = len(polls)
        yield from draw_stroke([(200 + 5 * n, 200 + 2 * n) for n in range(30)], polls.clear)
        result["polls_during_stroke"] = len(polls)
    finally:
        followed_layer.next_change = next_change
    yield (lambda: read_canvas(painted) != painted_before), 60
    yield 0.1
    result["stroke"] = changed_box(photo_before, read_canvas(content))
    result["repainted"] = changed_box(painted_before, read_canvas(painted))
    result["undo_text"] = Krita.instance().action("edit_undo").text()
    yield is_settled, 60
    yield 0.3
    painted_with_stroke = read_canvas(painted)
    Krita.instance().action("edit_undo").trigger()
    yield (lambda: read_canvas(painted) != painted_with_stroke), 60
    yield is_settled, 60
    yield 0.3
    result["undone"] = read_canvas(content) == photo_before and changed_box(painted_before, read_canvas(painted)) is None
    live_button.click()
    yield 0.2
    result["off"] = not get_runner().live.on and not live_button.isChecked()
    result["names_after"] = layer_names(doc)
    return result


def end(cause):
    """Remove what Live needs"""
    doc, content, painted, _ = yield from start_live()
    if cause == "result layer removed":
        painted.remove()
        choose_brush()
        yield from draw_stroke([(200, 200), (300, 220)])
    elif cause == "layer removed":
        content.remove()
    elif cause == "picture resized":
        doc.resizeImage(0, 0, 1000, HEIGHT)
    elif cause == "picture converted":
        doc.setColorSpace("RGBA", "U16", SRGB)
    elif cause == "engine killed":
        get_runner().engine._process.kill()
    else:
        doc.setModified(False)
        doc.close()
    yield (lambda: not get_runner().live.on), 60
    yield 0.2
    on = find_child(get_docker(), "live").isChecked()
    return {"status": get_runner().live.status, "problem": get_runner().problem, "on": on}


def paint_with_instant_style():
    """Stylize with an instant style, and undo it"""
    doc = yield from document()
    _, docker = yield from wait_for_instant_styles(doc)
    picker = docker.form.style_picker
    picker.choose_network("rose_window")
    result = {
        "estimate_visible": find_child(docker, "estimate").isVisible(),
        "train_visible": find_child(docker, "train").isVisible(),
        "has_icon": not picker.itemIcon(picker.currentIndex()).isNull(),
    }
    find_child(docker, "button").click()
    yield is_idle, 60
    yield 0.3
    result.update(names=layer_names(doc), problem=get_runner().problem, status=get_runner().status)
    yield from undo()
    return {**result, "names_after_undo": layer_names(doc)}


def give_way():
    """Press Stylize and Stop while Live paints the whole of a large layer"""
    width, height = 2000, 1500
    doc = yield from document(width, height)
    style = add_layer(doc, "Painting", painting, width=96, height=64)
    content = doc.createNode("Photo", "paintlayer")
    row = bgra(width, 1, photo)
    content.setPixelData(QtCore.QByteArray(row * height), 0, 0, width, height)
    doc.rootNode().addChildNode(content, None)
    _, docker = yield from wait_for_instant_styles(doc, content)
    docker.form.style_picker.choose_network("harvest")
    find_child(docker, "live").click()
    live, engine = get_runner().live, get_runner().engine
    yield (lambda: "painting the whole" in live.status), 60
    pid, frames = engine._process.processId(), []
    engine.frame_received.connect(lambda header, blob: frames.append((header.get("op"), header.get("job"))))
    yield 0.6
    yield from press_stylize(style, size=256, iterations=500)
    yield (lambda: get_runner().state == "painting" or not get_runner().busy), 60
    find_child(docker, "button").click()
    yield (lambda: "cancelled" in [op for op, _ in frames]), 60
    result = {"names": layer_names(doc), "problem": get_runner().problem}
    result["live_ops"] = [op for op, job in frames if job == live._job]
    yield is_settled, 60
    yield 0.3
    result.update(same_engine=engine._process.processId() == pid, on=live.on, names_after=layer_names(doc))
    painted = find_result(doc, "live")
    result["painted"] = read_pixels(painted, 1000, 1400, 20, 20) != read_pixels(content, 1000, 1400, 20, 20)
    return result


def train():
    """Train a style, paint with another one meanwhile, finish the training early, and paint with the new style"""
    doc = yield from document()
    style = add_layer(doc, "My painting", painting)
    content, docker = yield from wait_for_instant_styles(doc)
    docker.form.style_picker.choose_layer(plugin().layers.node_key(style))
    training, button = get_runner().training, find_child(docker, "train")
    button.click()
    yield (lambda: training.preview is not None and training.fraction > 0), 120
    result = {"button_text": button.text(), "status": find_child(docker, "training_status").text()}
    docker.form.style_picker.choose_network("harvest")
    find_child(docker, "button").click()
    yield is_idle, 60
    result["names_meanwhile"] = layer_names(doc)
    button.click()
    yield (lambda: not training.busy), 60
    yield (lambda: any(network["name"] == "My_painting" for network in get_runner().networks)), 60
    result["final_status"] = training.status
    docker.form.style_picker.choose_network("My_painting")
    result["selected"] = docker.form.instant_style.name
    doc.setActiveNode(content)
    find_child(docker, "button").click()
    yield is_idle, 60
    yield 0.2
    return {**result, "names": layer_names(doc), "problem": get_runner().problem}
