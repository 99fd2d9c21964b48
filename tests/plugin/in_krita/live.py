"""Tests of Live that run inside Krita: a brush on the canvas, and the painting that follows it."""

import time

from hands import (
    SRGB,
    QtCore,
    QtGui,
    QtWidgets,
    bgra,
    child,
    docker,
    document,
    layer,
    names,
    painting,
    photo,
    pixels,
    plugin,
    press_stylize,
    runner,
)
from krita import Krita, ManagedColor

_CANVASES = ("KisOpenGLCanvas2", "KisQPainterCanvas")
WIDTH, HEIGHT = 1024, 768


def canvas():
    """The widget that is painted on"""
    return next(w for w in QtWidgets.QApplication.allWidgets() if w.metaObject().className() in _CANVASES and w.isVisible())


def brush():
    """A plain round brush in red, on the canvas that is open"""
    view = Krita.instance().activeWindow().activeView()
    presets = Krita.instance().resources("preset")
    view.setCurrentBrushPreset(presets[next(name for name in sorted(presets) if "Basic-5" in name)])
    color = ManagedColor("RGBA", "U8", "")
    color.setComponents([0.1, 0.1, 0.9, 1.0])
    view.setForeGroundColor(color)
    view.setBrushSize(20)
    Krita.instance().action("KritaShape/KisToolBrush").trigger()


def stroke(points, pressed=lambda: None):
    """Press, move and release the mouse on the canvas: a brush stroke by hand.  pressed: called when it has begun"""
    widget = canvas()
    kinds, left, none = QtCore.QEvent.Type, QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.MouseButton.NoButton
    plain = QtCore.Qt.KeyboardModifier.NoModifier

    def send(kind, point, button, buttons):
        here = QtCore.QPointF(*point)
        there = QtCore.QPointF(widget.mapToGlobal(QtCore.QPoint(*point)))
        QtWidgets.QApplication.sendEvent(widget, QtGui.QMouseEvent(kind, here, there, button, buttons, plain))

    QtWidgets.QApplication.sendEvent(widget, QtCore.QEvent(kinds.Enter))
    send(kinds.MouseMove, points[0], none, none)
    yield 0.05
    send(kinds.MouseButtonPress, points[0], left, left)
    pressed()
    for point in points[1:]:
        yield 0.01
        send(kinds.MouseMove, point, none, left)
    yield 0.01
    send(kinds.MouseButtonRelease, points[-1], left, none)


def offered(doc, first=None):
    """A photo, which is active, and the docker once it has instant styles to offer"""
    first, it = first or layer(doc, "Photo", photo), docker()
    doc.refreshProjection()
    doc.waitForDone()
    yield 0.3
    doc.setActiveNode(first)
    it.setVisible(True)
    yield (lambda: it.form.described and runner().nets), 60
    it.form.refresh(doc)
    return first, it


def gone_live(net="harvest", width=WIDTH, height=HEIGHT):
    """A photo that Live follows, and the layer of its painting"""
    doc = yield from document(width, height)
    first, it = yield from offered(doc)
    it.form.style_picker.choose_net(net)
    began = time.monotonic()
    child(it, "live").click()
    yield (lambda: "follows" in runner().live.status), 60
    yield (lambda: any("live" in name for name in names(doc))), 10
    yield 0.3
    result = next(node for node in doc.rootNode().childNodes() if "live" in node.name())
    return doc, first, result, time.monotonic() - began


def changed(before, after):
    """Left, top, right and bottom of where two pictures differ by more than a rounding; None: nowhere"""
    stride, found = 4 * WIDTH, []
    for y in range(HEIGHT):
        one, other = before[y * stride : (y + 1) * stride], after[y * stride : (y + 1) * stride]
        if one != other:
            places = [n // 4 for n in range(stride) if abs(one[n] - other[n]) > 1]
            if places:
                found.append((min(places), y, max(places) + 1, y + 1))
    return [min(b[0] for b in found), found[0][1], max(b[2] for b in found), found[-1][3]] if found else None


def settled():
    """All has been painted anew since the last change, and lies on the layer."""
    live = runner().live
    return (lambda: live._settled and not (live._waiting or live._settling or live._painted)), 60


def follows():
    doc, first, result, _ = yield from gone_live()
    told = {"names": names(doc), "active": doc.activeNode() == first, "on": child(docker(), "live").isChecked()}
    told["shown"] = child(docker(), "status").text()
    photo_was, was = pixels(first, 0, 0, WIDTH, HEIGHT), pixels(result, 0, 0, WIDTH, HEIGHT)
    told["painted"] = changed(photo_was, was) is not None
    brush()
    yield 0.5
    looked, followed = [], plugin().layers.FollowedLayer
    change = followed.change

    def counted(self, most_ms):
        looked.append(most_ms)
        return change(self, most_ms)

    followed.change = counted
    yield 0.3
    told["looks"] = len(looked)
    yield from stroke([(200 + 5 * n, 200 + 2 * n) for n in range(30)], looked.clear)
    told["looks_in_a_stroke"] = len(looked)
    yield (lambda: pixels(result, 0, 0, WIDTH, HEIGHT) != was), 20
    yield 0.1
    told["stroke"] = changed(photo_was, pixels(first, 0, 0, WIDTH, HEIGHT))
    told["repainted"] = changed(was, pixels(result, 0, 0, WIDTH, HEIGHT))
    told["undo"] = Krita.instance().action("edit_undo").text()
    yield settled()  # all of it by its own statistics
    yield 0.3
    painted = pixels(result, 0, 0, WIDTH, HEIGHT)
    Krita.instance().action("edit_undo").trigger()
    yield (lambda: pixels(result, 0, 0, WIDTH, HEIGHT) != painted), 20
    yield settled()
    yield 0.3
    back = pixels(result, 0, 0, WIDTH, HEIGHT)
    told["undone"] = pixels(first, 0, 0, WIDTH, HEIGHT) == photo_was and changed(was, back) is None
    child(docker(), "live").click()
    yield 0.2
    told["off"] = not runner().live.on and not child(docker(), "live").isChecked()
    told["stays"] = names(doc) == told["names"]
    return told


def ends(how):
    """Live ends by itself, and says why."""
    doc, first, result, _ = yield from gone_live()
    if how == "painting removed":
        result.remove()
        brush()
        yield from stroke([(200, 200), (300, 220)])
    elif how == "layer removed":
        first.remove()
    elif how == "picture resized":
        doc.resizeImage(0, 0, 1000, HEIGHT)
    elif how == "picture converted":
        doc.setColorSpace("RGBA", "U16", SRGB)
    elif how == "engine gone":
        runner().engine._process.kill()
    else:
        doc.setModified(False)
        doc.close()
    yield (lambda: not runner().live.on), 20
    yield 0.2
    return {"status": runner().live.status, "problem": runner().problem, "checked": child(docker(), "live").isChecked()}


def paints_at_once():
    """Stylize with an instant style: a layer as any other, with one step to undo"""
    doc = yield from document()
    _, it = yield from offered(doc)
    it.form.style_picker.choose_net("rose_window")
    told = {"estimate": child(it, "estimate").isVisible(), "learn": child(it, "learn").isVisible()}
    told["icon"] = not it.form.style_picker.itemIcon(it.form.style_picker.currentIndex()).isNull()
    child(it, "button").click()
    yield (lambda: not runner().busy), 60
    yield 0.3
    told.update(names=names(doc), problem=runner().problem, status=runner().status)
    Krita.instance().action("edit_undo").trigger()
    yield 0.5
    return {**told, "undone": names(doc)}


def gives_way():
    """Stylize, and Stop at once, while Live paints all of a large layer: neither waits for it, and it goes on afterwards"""
    width, height = 3200, 2400
    doc = yield from document(width, height)
    second = layer(doc, "Painting", painting, width=96, height=64)
    first = doc.createNode("Photo", "paintlayer")
    row = bgra(width, 1, photo)
    first.setPixelData(QtCore.QByteArray(row * height), 0, 0, width, height)
    doc.rootNode().addChildNode(first, None)
    _, it = yield from offered(doc, first)
    it.form.style_picker.choose_net("harvest")
    child(it, "live").click()
    live, engine = runner().live, runner().engine
    yield (lambda: "painting all" in live.status), 60
    process, heard = engine._process.processId(), []
    engine.said.connect(lambda header, blob: heard.append((header.get("op"), header.get("job"))))
    yield 0.6
    yield from press_stylize(second, size=256, iterations=500)
    yield (lambda: runner().state == "painting" or not runner().busy), 60
    began = time.monotonic()
    child(it, "button").click()
    yield (lambda: "cancelled" in [op for op, _ in heard]), 20
    told = {"answered": time.monotonic() - began, "names": names(doc), "problem": runner().problem}
    told["live"] = [op for op, job in heard if job == live._number]
    yield settled()
    yield 0.3
    told.update(same=engine._process.processId() == process, on=live.on, after=names(doc))
    result = next(node for node in doc.rootNode().childNodes() if "live" in node.name())
    told["painted"] = pixels(result, 1500, 2300, 20, 20) != pixels(first, 1500, 2300, 20, 20)
    return told


def learns():
    """Make this style instant: it is learned beside, while the other engine paints, and is in the list then"""
    doc = yield from document()
    second = layer(doc, "My painting", painting)
    first, it = yield from offered(doc)
    it.form.style_picker.choose_layer(plugin().layers.key(second))
    lesson = runner().lesson
    child(it, "learn").click()
    yield (lambda: lesson.preview is not None and lesson.fraction > 0), 120
    told = {"label": child(it, "learn").text(), "status": lesson.status, "shown": child(it, "learning").text()}
    it.form.style_picker.choose_net("harvest")
    child(it, "button").click()
    yield (lambda: not runner().busy), 60
    told["meanwhile"] = names(doc)
    child(it, "learn").click()
    yield (lambda: not lesson.busy), 30
    yield (lambda: any(about["name"] == "My_painting" for about in runner().nets)), 30
    told["ended"] = lesson.status
    it.form.style_picker.choose_net("My_painting")
    told["chosen"] = it.form.instant.name
    doc.setActiveNode(first)
    child(it, "button").click()
    yield (lambda: not runner().busy), 60
    yield 0.2
    return {**told, "names": names(doc), "problem": runner().problem}


def measured(strokes=8):
    """Seconds from the end of a brush stroke to its repaint, and the longest time in a stroke in which Krita's event loop did
    not turn, with Live on and off: no test, for tests/benchmarks/krita.py
    """
    *_, whole = yield from gone_live()
    brush()
    yield 3
    shown, gaps, label, last = [], {}, [""], [time.perf_counter()]
    show = plugin().layers.LiveResult.show

    def noted(self, above):
        show(self, above)
        shown.append(time.perf_counter())

    def tick():
        now = time.perf_counter()
        gaps[label[0]] = max(gaps.get(label[0], 0), now - last[0])
        last[0] = now

    plugin().layers.LiveResult.show = noted
    ticker = QtCore.QTimer()
    ticker.timeout.connect(tick)
    ticker.start(1)
    after = []
    for live in (True, False):
        if not live:
            child(docker(), "live").click()
            yield 1
        for n in range(strokes):
            yield 0.5 if n % 2 else 3  # at once, and after it has settled
            label[0] = "a stroke, Live on" if live else "a stroke, Live off"
            yield from stroke([(120 + 60 * (n % 8) + 2 * m, 150 + 20 * n + 3 * m) for m in range(25)])
            ended = time.perf_counter()
            label[0] = "after it, Live on" if live else "after it, Live off"
            if live:
                shown.clear()
                yield (lambda: shown), 20
                after.append(shown[0] - ended)
            else:
                yield 0.5
            label[0] = ""
    ticker.stop()
    gaps.pop("", None)
    return {"whole": whole, "after": after, "gaps": gaps, "problem": runner().problem + runner().live.status}
