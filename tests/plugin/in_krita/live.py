"""Tests of Live and of instant styles that run inside Krita, with a brush on the canvas."""

import contextlib
import time

from helpers import (
    SRGB,
    QtCore,
    QtGui,
    QtWidgets,
    add_layer,
    bgra,
    client,
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


def choose_brush(color=(0.1, 0.1, 0.9)):
    """Select a round brush for the open canvas.  color: blue, green, red; by default red"""
    view = Krita.instance().activeWindow().activeView()
    presets = Krita.instance().resources("preset")
    view.setCurrentBrushPreset(presets[next(name for name in sorted(presets) if "Basic-5" in name)])
    foreground = ManagedColor("RGBA", "U8", "")
    foreground.setComponents([*color, 1.0])
    view.setForeGroundColor(foreground)
    view.setBrushSize(20)
    Krita.instance().action("KritaShape/KisToolBrush").trigger()


def draw_stroke(points, on_press=lambda: None, hold=lambda: True):
    """Draw with the mouse on the canvas.

    on_press: called when the button is down; hold: the button is released when this is true
    """
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
    yield hold, 30
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


def start_live(network="harvest", show_in="canvas", space=("RGBA", "U8", SRGB), colors=photo):
    """Switch Live on for a layer. Returns the document, the layer, the result layer, and the seconds it took"""
    get_runner().live.show_in = show_in
    doc = yield from document(WIDTH, HEIGHT, *space)
    content, docker = yield from wait_for_instant_styles(doc, add_converted_layer(doc, colors))
    docker.form.style_picker.choose_network(network)
    start = time.monotonic()
    find_child(docker, "live").click()
    yield (lambda: "follows" in get_runner().live.status), 60
    yield (lambda: get_runner().live.picture is not None and not get_runner().live._job.complete), 60
    yield (lambda: find_result(doc, "Live:") is not None or show_in == "docker"), 60
    yield 0.3
    return doc, content, find_result(doc, "Live:"), time.monotonic() - start


def add_converted_layer(doc, colors):
    """Add a photo in the document's color space"""
    layers, space = plugin().layers, (doc.colorModel(), doc.colorDepth(), doc.colorProfile())
    pixels = layers.convert_pixels(bgra(WIDTH, HEIGHT, colors), WIDTH, HEIGHT, ("RGBA", "U8", SRGB), space)
    node = doc.createNode("Photo", "paintlayer")
    node.setPixelData(QtCore.QByteArray(pixels), 0, 0, WIDTH, HEIGHT)
    doc.rootNode().addChildNode(node, None)
    return node


def read_canvas(node):
    return read_pixels(node, 0, 0, WIDTH, HEIGHT)


def changed_box(before, after, pixel=4):
    """[left, top, right, bottom] of the area where two pictures differ by more than a rounding error; None: nowhere

    pixel: bytes
    """
    stride, rows = pixel * WIDTH, []
    for y in range(HEIGHT):
        a, b = before[y * stride : (y + 1) * stride], after[y * stride : (y + 1) * stride]
        columns = [n // pixel for n in range(stride) if abs(a[n] - b[n]) > 1] if a != b else []
        if columns:
            rows.append((min(columns), y, max(columns) + 1))
    return [min(row[0] for row in rows), rows[0][1], max(row[2] for row in rows), rows[-1][1] + 1] if rows else None


def is_settled():
    """Whether everything was repainted after the last change, and shown"""
    live, job = get_runner().live, get_runner().live._job
    return job.fully_repainted and not (job.awaiting_patches or job.settling or job.complete or live._show_due)


def undo_text():
    return Krita.instance().action("edit_undo").text()


def follow_brush():
    """Draw a stroke and undo it while Live is on; then switch Live off"""
    doc, content, painted, _ = yield from start_live()
    live_button = find_child(get_docker(), "live")
    result = {"names": layer_names(doc), "content_active": doc.activeNode() == content, "on": live_button.isChecked()}
    result["status"] = get_runner().live.status
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
    result["undo_text"] = undo_text()
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


def canvas_pixels(doc):
    """What the canvas shows of the whole document"""
    return bytes(doc.pixelData(0, 0, WIDTH, HEIGHT))


def see_stroke():
    """Read the canvas before, during and after a stroke"""
    doc, content, painted, _ = yield from start_live()
    choose_brush()
    yield is_settled, 60
    yield 0.5
    photo_before, painted_before, canvas_before = read_canvas(content), read_canvas(painted), canvas_pixels(doc)
    pixels = range(0, 4 * WIDTH * HEIGHT, 4)
    seen = {}

    def stroke_is_seen():
        """Whether all that was drawn so far is on the canvas"""
        content_now, canvas_now = read_canvas(content), canvas_pixels(doc)
        changed = [n for n in pixels if content_now[n : n + 3] != photo_before[n : n + 3]]
        seen["opacity"] = painted.opacity()
        seen["canvas_changed"] = sum(canvas_now[n] != canvas_before[n] for n in pixels)
        seen["drawn"] = len(changed)
        return bool(changed) and all(canvas_now[n : n + 3] == content_now[n : n + 3] for n in changed)

    def first_dab_is_seen():
        return stroke_is_seen() and seen["drawn"] > 50

    result = {"opaque_before": canvas_before == painted_before}
    points = [(200 + 5 * n, 200 + 2 * n) for n in range(30)]
    yield from draw_stroke(points[:2], hold=first_dab_is_seen)
    yield from draw_stroke(points, hold=stroke_is_seen)
    result["during"] = dict(seen)
    yield (lambda: read_canvas(painted) != painted_before), 60
    yield is_settled, 60
    yield 0.3
    result.update(
        opacity=painted.opacity(), visible=painted.visible(), painting_is_back=canvas_pixels(doc) == read_canvas(painted)
    )
    result["undo_text"] = undo_text()
    painted.setOpacity(128)
    yield from draw_stroke([(200, 300)])
    yield (lambda: not get_runner().live._result.aside and is_settled()), 60
    result["own_opacity"] = painted.opacity()
    content.setLocked(True)  # so that the stroke has no effect
    yield from draw_stroke([(200, 340), (300, 340)])
    yield (lambda: not get_runner().live._result.aside), 30
    result["opacity_after_nothing"] = painted.opacity()
    return result


def draw_while_engine_is_busy():
    """Draw a stroke while the engine has no time for Live, as if it made another painting, and then has it"""
    doc, content, painted, _ = yield from start_live()
    live = get_runner().live
    choose_brush()
    yield is_settled, 60
    yield 0.5
    photo_before, opacities = read_canvas(content), []

    def is_drawn():
        drawn = changed_box(photo_before, read_canvas(content)) is not None
        opacities.append(painted.opacity())
        return drawn

    busy, live._engine_busy = live._engine_busy, lambda: True
    try:
        yield from draw_stroke([(200 + 5 * n, 200 + 2 * n) for n in range(30)], hold=is_drawn)
        yield (lambda: not live._result.aside), 30
        result = {"opacities": [opacities[-1], painted.opacity()]}
        drawn, canvas = read_canvas(content), canvas_pixels(doc)
        changed = [n for n in range(0, len(drawn), 4) if drawn[n : n + 3] != photo_before[n : n + 3]]
        result["seen"] = bool(changed) and all(canvas[n : n + 3] == drawn[n : n + 3] for n in changed)
        yield from draw_stroke([(200, 400), (300, 420)])
        live.update(make_update("rose_window"))
        yield (lambda: live._sending is not None), 30
        yield from draw_stroke([(200, 500), (300, 520)])  # a new style waits for the engine
        yield (lambda: not live._result.aside), 30
        result["opacities"].append(painted.opacity())
    finally:
        live._engine_busy = busy
    yield (lambda: "Rose window" in painted.name() and is_settled()), 60
    yield 0.3
    return {**result, "painting_is_back": canvas_pixels(doc) == read_canvas(painted), "on": live.on}


def make_update(network, strength=0.5, **style):
    """A request for Live's update(): of another layer, which is to be ignored"""
    request = client().request
    source = request.StyleSource(name=network.replace("_", " ").capitalize(), network=network, **style)
    return request.PaintRequest(None, "no layer", "Other", [source], {"strength": strength})


def follow_settings():
    """Change the strength and the style while Live is on"""
    doc, _, painted, _ = yield from start_live()
    live, engine, followed_layer = get_runner().live, get_runner().engine, plugin().followed_layer.FollowedLayer
    yield is_settled, 60
    result = {"undo_before": undo_text(), "paintings": [read_canvas(painted)]}
    starts, reads, send, read = [], [], engine.send, followed_layer.read
    engine.send = lambda header, blob=b"": (starts.append(header) if header["op"] == "start" else None, send(header, blob))
    followed_layer.read = lambda self: reads.append(self) or read(self)
    try:
        for n in range(1, 10):
            live.update(make_update("harvest", n / 10))
            yield 0.02
        yield (lambda: "(90 %)" in painted.name() and is_settled()), 60
        result["paintings"].append(read_canvas(painted))
        live.update(make_update("rose_window", 0.9))
        yield (lambda: "Rose window" in painted.name() and is_settled()), 60
        result["paintings"].append(read_canvas(painted))
        live.update(make_update("", 0.9, path="/picture.png"))
        yield (lambda: "needs" in live.status), 30
        result["status"] = live.status
        yield 0.3
        result["paintings"].append(read_canvas(painted))
        live.update(make_update("rose_window", 0.9))
        yield (lambda: "needs" not in live.status), 30
        result.update(starts=len(starts), reads=len(reads))
    finally:
        del engine.send
        followed_layer.read = read
    paintings = result.pop("paintings")
    result["different"] = [paintings[n] != paintings[n + 1] for n in range(len(paintings) - 1)]
    choose_brush()
    yield from draw_stroke([(200, 200), (300, 220)])
    yield (lambda: read_canvas(painted) != paintings[-1]), 60
    result.update(names=layer_names(doc), problem=get_runner().problem, status_after=live.status)
    yield from undo()
    with contextlib.suppress(TimeoutError):
        yield (lambda: undo_text() == result["undo_before"]), 20
    result["undo_after"] = undo_text()
    return result


def show_in_docker():
    """Live without a layer, which is then added twice, and shown on the canvas"""
    doc, content, _, _ = yield from start_live(show_in="docker")
    live, stored = get_runner().live, plugin().settings.load
    yield is_settled, 60
    picture = live.picture
    result = {"size": [picture.width(), picture.height()], "names": [layer_names(doc)], "undo": [undo_text()]}
    result["canvas_is_content"] = canvas_pixels(doc) == read_canvas(content)
    choose_brush()
    yield from draw_stroke([(200, 200), (300, 220)])
    yield (lambda: live.picture is not None and live.picture is not picture and is_settled()), 60
    result["picture_changed"] = live.picture != picture
    result["undo"].append(undo_text())
    live.add_layer()
    yield 1.5
    kept = find_result(doc)
    kept_pixels = read_canvas(kept)
    result["kept"] = [kept.visible(), doc.activeNode() == content, kept_pixels != read_canvas(content)]
    result["picture_error"] = picture_error(live.picture, kept_pixels)
    result["status"] = live.status
    result["names"].append(layer_names(doc))
    yield from undo()
    result["names"].append(layer_names(doc))
    live.show_in = "canvas"
    yield (lambda: find_result(doc, "Live:") is not None), 30
    yield 1
    painted = find_result(doc, "Live:")
    result["shown"] = [painted.visible(), canvas_pixels(doc) == kept_pixels, doc.activeNode() == content, undo_text()]
    live.show_in = "docker"
    yield (lambda: not painted.visible() and canvas_pixels(doc) == read_canvas(content)), 30
    result["stored"] = stored()["live_show_in"]
    result["hidden"] = [canvas_pixels(doc) == read_canvas(content), undo_text()]
    live.stop()
    live.add_layer()
    yield 0.5
    result["kept_after_end"] = [layer_names(doc), canvas_pixels(doc) == kept_pixels]
    live.show_in = "canvas"
    return result


def picture_error(picture, pixels):
    """The mean difference between the docker's picture and the full painting, reduced by Qt"""
    full = QtGui.QImage(pixels, WIDTH, HEIGHT, 4 * WIDTH, QtGui.QImage.Format.Format_ARGB32)
    keep, smooth = QtCore.Qt.AspectRatioMode.IgnoreAspectRatio, QtCore.Qt.TransformationMode.SmoothTransformation
    bits = []
    for image in (picture, full.scaled(picture.size(), keep, smooth)):
        data = image.convertToFormat(QtGui.QImage.Format.Format_ARGB32).constBits()
        data.setsize(image.sizeInBytes())
        bits.append(bytes(data))
    return mean_error(*bits)


def color_space(model, depth, profile):
    """Live in a document in a color space, with a stroke, compared with the same in 8-bit sRGB"""
    srgb8, convert, paintings = ("RGBA", "U8", SRGB), plugin().layers.convert_pixels, []
    for space in (srgb8, (model, depth, profile)):
        doc, _, painted, _ = yield from start_live(space=space, colors=gray_photo)
        choose_brush((0.8, 0.8, 0.8))
        before = read_canvas(painted)
        yield from draw_stroke([(200 + 5 * n, 200 + 2 * n) for n in range(30)])
        yield (lambda painted=painted, before=before: read_canvas(painted) != before), 60
        yield is_settled, 60
        yield 0.3
        paintings.append(convert(read_canvas(painted), WIDTH, HEIGHT, space, srgb8))
        canvas = convert(canvas_pixels(doc), WIDTH, HEIGHT, space, srgb8)
        names, undo_name = layer_names(doc), undo_text()
        result = {"names": names, "undo": undo_name, "problem": get_runner().problem}
        result["canvas_error"] = mean_error(canvas, paintings[-1])
        get_runner().live.stop()
        doc.setModified(False)
        doc.close()
        yield 0.3
    expected = convert(convert(paintings[0], WIDTH, HEIGHT, srgb8, space), WIDTH, HEIGHT, space, srgb8)
    result["error"] = mean_error(paintings[1], expected)
    result["differs_from_content"] = mean_error(paintings[1], bgra(WIDTH, HEIGHT, gray_photo))
    return result


def mean_error(a, b):
    """The mean difference between two pictures, of 255"""
    return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / len(a)


def gray_photo(x, y):
    """A picture that looks the same in all color spaces"""
    return (photo(x, y)[0],) * 3


def other_document():
    """Activate another document while Live is on, draw there, and return"""
    doc, content, painted, _ = yield from start_live()
    live, views = get_runner().live, Krita.instance().activeWindow().qwindow().findChild(QtWidgets.QMdiArea)
    view = views.activeSubWindow()
    yield is_settled, 60
    result = {"document": live.document == doc}
    other = yield from document(200, 200)
    yield (lambda: "test" in live.status), 30
    result["status"] = live.status
    before, polls, next_change = read_canvas(painted), [], plugin().followed_layer.FollowedLayer.next_change
    plugin().followed_layer.FollowedLayer.next_change = lambda self, max_ms: polls.append(1) or next_change(self, max_ms)
    try:
        content.setPixelData(QtCore.QByteArray(bgra(50, 50, painting)), 0, 0, 50, 50)
        choose_brush()
        yield from draw_stroke([(60, 60), (120, 80)])
        result["opacity"] = painted.opacity()
        yield 1
        result["polls"] = len(polls)
    finally:
        plugin().followed_layer.FollowedLayer.next_change = next_change
    views.setActiveSubWindow(view)
    yield (lambda: Krita.instance().activeDocument() == doc), 30
    yield (lambda: read_canvas(painted) != before), 60
    result["status_after"] = live.status
    other.setModified(False)
    other.close()
    yield 0.2
    result["on"] = live.on
    return result


def panel():
    """The panel of Live at 250 px"""
    doc, *_ = yield from start_live(show_in="docker")
    live = get_runner().live
    from impasto_krita.ui.live_panel import LivePanel

    shown = LivePanel(live)
    shown.refresh(doc)
    toggles = []
    shown.toggled.connect(toggles.append)
    shown.resize(250, 400)
    shown.show()
    yield 0.5
    picture = find_child(shown, "live_picture")
    result = {"minimum_width": shown.minimumSizeHint().width(), "on": find_child(shown, "live").isChecked()}
    result["picture"] = [picture.width(), picture.height(), not picture.isHidden()]
    result["status"] = find_child(shown, "live_status").text() == live.status
    find_child(shown, "live_keep").click()
    yield 0.5
    result["names"] = layer_names(doc)
    find_child(shown, "live_canvas").click()
    yield (lambda: find_result(doc, "Live:") is not None), 30
    result.update(show_in=live.show_in, picture_hidden=picture.isHidden())
    find_child(shown, "live").click()
    result["toggles"] = list(toggles)
    live.stop()
    result["off"] = not find_child(shown, "live").isChecked()
    shown.deleteLater()
    return result


def keep_after_the_end():
    """Keep the picture of Live once it is off: the photo stays the active layer"""
    doc, *_ = yield from start_live(show_in="docker")
    yield is_settled, 60
    get_runner().live.stop()
    get_runner().live.add_layer()
    yield 1
    return {"active": doc.activeNode().name(), "names": layer_names(doc), "problem": get_runner().problem}


def end(cause):
    """Remove what Live needs, and do nothing else"""
    doc, content, painted, _ = yield from start_live()
    yield is_settled, 60
    if cause == "result layer removed":
        painted.remove()
    elif cause == "result layer undone":
        yield from undo()
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
    document = get_runner().live.document
    return {"status": get_runner().live.status, "problem": get_runner().problem, "on": on, "document": document}


def paint_with_instant_style():
    """Stylize with an instant style, and undo it"""
    doc = yield from document()
    content, docker = yield from wait_for_instant_styles(doc)
    picker = docker.form.style_picker
    picker.choose_network("rose_window")
    docker.form._fields["quality"].set("instant")
    yield 0.2
    result = {
        "estimate_visible": find_child(docker, "estimate").isVisible(),
        "train_visible": find_child(docker, "train").isVisible(),
        "selected": docker.form.live_style.name,
    }
    find_child(docker, "button").click()
    yield is_idle, 60
    yield 0.3
    result.update(names=layer_names(doc), problem=get_runner().problem, status=get_runner().status)
    doc.setActiveNode(content)
    decoded, history = [], plugin().document_history.History
    plugin().document_history.History = lambda *text: decoded.append(text) or history(*text)
    try:
        find_child(docker, "live").click()
        yield (lambda: find_result(doc, "Live:") is not None), 60
        yield is_settled, 60
    finally:
        plugin().document_history.History = history
    result.update(decoded=len(decoded), names_with_live=layer_names(doc))
    find_child(docker, "live").click()
    yield from undo()
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
    pid, frames, number = engine._process.processId(), [], live._job.number
    engine.frame_received.connect(lambda header, blob: frames.append((header.get("op"), header.get("job"))))
    yield 0.6
    yield from press_stylize(style, size=256, iterations=500)
    yield (lambda: get_runner().state == "painting" or not get_runner().busy), 60
    find_child(docker, "stop").click()
    yield (lambda: "cancelled" in [op for op, _ in frames]), 60
    result = {"names": layer_names(doc), "problem": get_runner().problem}
    result["live_ops"] = [op for op, job in frames if job is not None and job >= number]
    yield is_settled, 60
    yield 0.3
    result.update(same_engine=engine._process.processId() == pid, on=live.on, names_after=layer_names(doc))
    painted = find_result(doc, "Live:")
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
    result["selected"] = docker.form.live_style.name
    doc.setActiveNode(content)
    find_child(docker, "button").click()
    yield is_idle, 60
    yield 0.2
    return {**result, "names": layer_names(doc), "problem": get_runner().problem}
