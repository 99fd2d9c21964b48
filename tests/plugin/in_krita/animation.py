"""Tests of painting the frames of an animation that run inside Krita."""

import importlib
import os
import time

from helpers import (
    SRGB,
    QtCore,
    QtGui,
    activate,
    add_layer,
    client,
    document,
    get_runner,
    layer_names,
    painting,
    photo,
    plugin,
    read_pixels,
    undo,
    undo_steps,
)
from krita import Krita, Selection

WIDTH, HEIGHT, FRAMES = 96, 64, 12


def plugin_module(name):
    return importlib.import_module(f"impasto_krita.{name}")


def frame_image(number, width=WIDTH, height=HEIGHT):
    """A picture with a disk that moves with the number; the last columns are transparent."""
    image = QtGui.QImage(width, height, QtGui.QImage.Format.Format_ARGB32)
    image.fill(QtGui.QColor(40, 90, 160))
    painter = QtGui.QPainter(image)
    painter.setBrush(QtGui.QColor(230, 180, 20 * number % 256))
    painter.drawEllipse(5 * number % width, height // 4, height // 2, height // 2)
    painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_Source)
    painter.fillRect(width - 10, 0, 10, height, QtGui.QColor(0, 0, 0, 0))
    painter.end()
    return image


def add_animation(doc, name, numbers, first=0):
    """Add an animated layer with one drawing per frame, and activate it"""
    animated_layer = plugin_module("animated_layer")
    canvas = plugin().layers.canvas_rect(doc)
    keyframes = []
    for moment, number in enumerate(numbers, first):
        image = frame_image(number)
        pixels = bytes(image.constBits().asarray(image.sizeInBytes()))
        keyframes.append((moment, os.path.join(os.environ["HOME"], f"{number}.frame")))
        with open(keyframes[-1][1], "wb") as file:
            file.write(animated_layer.encode_picture(pixels, canvas))
    path = os.path.join(os.environ["HOME"], "walk.kra")
    animated_layer.write_animated_layer(path, canvas, keyframes)
    source = plugin_module("animation")._open_document(path)
    source.waitForDone()
    layer = source.rootNode().childNodes()[0].duplicate()
    layer.setName(name)
    doc.rootNode().addChildNode(layer, doc.rootNode().childNodes()[-1])
    source.setModified(False)
    source.close()
    layer = doc.rootNode().childNodes()[-1]
    yield from activate(doc, layer)
    return layer


def new_animation():
    """A new AnimationPainting on the runner's engine, and the numbers of the `start` frames that were sent"""
    runner = get_runner()
    runner.start_engine()
    yield (lambda: runner.engine.ready), 90
    engine, starts = runner.engine, []
    animation = plugin_module("animation").AnimationPainting(engine, lambda: runner.busy, runner)
    send = type(engine).send

    def record(header, blob=b""):
        if header["op"] == "start":
            starts.append(header["job"])
        send(engine, header, blob)

    engine.send = record
    return animation, starts


def make_request(doc, layer, **options):
    request = client().request
    style = request.StyleSource("Harvest", network="harvest")
    settings, selection = {"strength": 0.5, **options}, plugin().layers.copy_selection(doc)
    key = plugin().layers.node_key(layer)
    return request.PaintRequest(doc, key, layer.name(), [style], settings, selection=selection)


def read_frames(doc, layer, moments):
    """The pixels of a layer at these frames, in 8-bit sRGB, read from a clone"""
    layers = plugin().layers
    clone = doc.clone()
    node = layers.find_node(clone, layers.node_key(layer))
    frames = []
    for moment in moments:
        clone.setCurrentTime(moment)
        clone.refreshProjection()
        clone.waitForDone()
        frames.append(read_pixels(node, 0, 0, WIDTH, HEIGHT))
    clone.setModified(False)
    clone.close()
    return frames


def find_painted(doc):
    return next((node for node in doc.rootNode().childNodes() if " on " in node.name()), None)


def keyframes(layer, count=40):
    return [moment for moment in range(count) if layer.hasKeyframeAtTime(moment)]


def is_difference(before, after):
    """Whether two pictures differ visibly"""
    return max(abs(a - b) for a, b in zip(before, after, strict=True)) > 20


def paint_twelve_frames(depth="U8", profile=SRGB):
    """Paint the frames 2 to 13 of a layer that lies below another one, and undo it"""
    doc = yield from document(WIDTH, HEIGHT, depth=depth, profile=profile)
    layer = yield from add_animation(doc, "Walk", range(FRAMES), first=2)
    add_layer(doc, "Line art", photo, width=4, height=4)
    yield from activate(doc, layer)
    doc.setCurrentTime(5)
    layer.setOpacity(200)
    yield 0.3
    animation, starts = yield from new_animation()
    longest = [0.0]
    steps = animation._steps
    advance = type(steps).advance

    def timed():
        start = time.perf_counter()
        advance(steps)
        longest[0] = max(longest[0], time.perf_counter() - start)

    steps._timer.timeout.disconnect()
    steps._timer.timeout.connect(timed)
    steps_before = undo_steps()
    animation.start(make_request(doc, layer), 2, 13)
    yield (lambda: not animation.busy), 120
    yield 0.3
    result = {"status": animation.status, "names": layer_names(doc), "starts": len(starts), "time": doc.currentTime()}
    result["active"] = doc.activeNode().name()
    result["undo_steps"] = undo_steps()[len(steps_before) :]
    painted = find_painted(doc)
    result["keyframes"] = keyframes(painted)
    result["opacity"] = painted.opacity()
    contents, paintings = read_frames(doc, layer, range(2, 14)), read_frames(doc, painted, range(1, 16))
    images = [frame_image(number) for number in range(FRAMES)]
    pixels = [bytes(image.constBits().asarray(image.sizeInBytes())) for image in images]
    result["contents"] = contents == pixels
    result["painted"] = [is_difference(*pair) for pair in zip(contents, paintings[1:13], strict=True)]
    result["different"] = len(set(paintings[1:13]))
    result["same_alpha"] = [a[3::4] == b[3::4] for a, b in zip(contents, paintings[1:13], strict=True)]
    result["outside"] = [any(paintings[0]), any(paintings[13]), any(paintings[14])]
    result["documents"] = len(Krita.instance().documents())
    folder = os.path.join(plugin().settings.data_folder(), "animations")
    yield (lambda: os.listdir(folder) == []), 10
    yield from undo()
    result["names_after_undo"] = layer_names(doc)
    Krita.instance().action("edit_redo").trigger()
    yield 0.5
    result["after_redo"] = read_frames(doc, find_painted(doc), range(1, 16)) == paintings
    result["longest_step"] = longest[0]
    return result


def stop_and_resume():
    """Stop after some frames, add those, and paint the rest with a new object, as after a restart of Krita"""
    doc = yield from document(WIDTH, HEIGHT)
    layer = yield from add_animation(doc, "Walk", range(8))
    animation, starts = yield from new_animation()
    request = make_request(doc, layer)
    animation.start(request, 0, 7)
    yield (lambda: animation.done_frames >= 3), 60
    animation.stop()
    done = animation.done_frames
    result = {"done": done, "status": animation.status, "can_resume": animation.can_resume, "names": layer_names(doc)}
    animation.add_done()
    yield (lambda: not animation.busy), 60
    result["names_with_done"] = layer_names(doc)
    result["done_keyframes"] = keyframes(find_painted(doc))
    some = read_frames(doc, find_painted(doc), range(8))
    yield from undo()
    starts.clear()
    animation, starts = yield from new_animation()
    animation.start(request, 0, 7)
    yield (lambda: not animation.busy), 60
    result["painted_after_resume"] = len(starts)
    frames = read_frames(doc, find_painted(doc), range(8))
    result["same_frames"] = frames[:done] == some[:done]
    # The same frames without a stop
    yield from undo()
    animation, starts = yield from new_animation()
    animation.start(request, 0, 7)
    yield (lambda: not animation.busy), 60
    result["painted_without_stop"] = len(starts)
    result["same_as_without_stop"] = read_frames(doc, find_painted(doc), range(8)) == frames
    return result


def paint_selection_of_held_frames():
    """Paint an animation on twos, with a hidden filter mask, in a selection with a soft edge"""
    doc = yield from document(WIDTH, HEIGHT)
    layer = yield from add_animation(doc, "Walk", (0, 0, 3, 3, 6, 6))
    selection = Selection()
    selection.select(20, 10, 40, 30, 255)
    selection.select(20, 10, 5, 30, 100)
    doc.setSelection(selection)
    yield 0.3
    animation, starts = yield from new_animation()
    animation.start(make_request(doc, layer), 0, 5)
    yield (lambda: not animation.busy), 60
    result = {"status": animation.status, "starts": len(starts), "keyframes": keyframes(find_painted(doc))}
    frames = read_frames(doc, find_painted(doc), range(6))
    result["held"] = [frames[n] == frames[n + 1] for n in range(5)]
    alphas = [frames[2][4 * (20 * WIDTH + x) + 3] for x in (10, 19, 20, 24, 25, 59, 60)]
    return {**result, "alphas": alphas, "bounds": [list(frames[2][3::4]).count(0), WIDTH * HEIGHT - 40 * 30]}


def paint_group_with_mask():
    """Paint a hidden group with an animated layer and a filter mask, while the user draws on the layer"""
    doc = yield from document(WIDTH, HEIGHT)
    layer = yield from add_animation(doc, "Walk", range(3))
    group = doc.createGroupLayer("Group")
    doc.rootNode().addChildNode(group, layer)
    layer.remove()
    group.addChildNode(layer, None)
    mask = doc.createFilterMask("Invert", Krita.instance().filter("invert"), group)
    group.addChildNode(mask, None)
    group.setVisible(False)
    doc.refreshProjection()
    doc.waitForDone()
    yield from activate(doc, group)
    animation, starts = yield from new_animation()
    animation.start(make_request(doc, group, strength=0.0), 0, 2)
    yield (lambda: animation.done_frames == 1), 60
    layer.setPixelData(QtCore.QByteArray(bytes(4 * WIDTH * HEIGHT)), 0, 0, WIDTH, HEIGHT)
    yield (lambda: not animation.busy), 60
    result = {"status": animation.status, "starts": len(starts), "names": layer_names(doc)}
    result["visible"] = [group.visible(), find_painted(doc).visible()]
    frames = read_frames(doc, find_painted(doc), range(3))
    result["blue"] = [frame[4 * (2 * WIDTH + 2)] for frame in frames]  # of the background, which the mask inverts
    result["alphas"] = [frame[4 * (2 * WIDTH + 2) + 3] for frame in frames]
    return result


def end(cause):
    """Take away what the painting needs, after the first frame"""
    doc = yield from document(WIDTH, HEIGHT)
    layer = yield from add_animation(doc, "Walk", range(6))
    add_layer(doc, "Other", painting)
    yield from activate(doc, layer)
    animation, starts = yield from new_animation()
    animation.start(make_request(doc, layer), 0, 5)
    yield (lambda: animation.done_frames >= 1), 60
    if cause == "layer removed":
        layer.remove()
    elif cause == "picture resized":
        doc.resizeImage(0, 0, WIDTH + 10, HEIGHT)
    elif cause == "engine killed":
        get_runner().engine._process.kill()
    else:
        doc.setModified(False)
        doc.close()
    yield (lambda: not animation.busy), 60
    names = layer_names(doc) if cause != "document closed" else []
    result = {"status": animation.status, "can_resume": animation.can_resume, "names": names}
    if cause == "engine killed":
        get_runner().start_engine()
        animation.resume()
        yield (lambda: not animation.busy), 90
        result["names_after_resume"] = layer_names(doc)
        result["starts"] = len(starts)
    return result
