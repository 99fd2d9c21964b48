"""Tests of painting that run inside Krita. They return what pytest compares."""

import os
import time

from helpers import (
    FAST,
    SRGB,
    QtCore,
    QtGui,
    QtWidgets,
    activate,
    add_layer,
    add_photo_and_painting,
    bgra,
    document,
    find_child,
    find_group,
    find_result,
    get_docker,
    get_runner,
    is_idle,
    layer_names,
    paint,
    painting,
    photo,
    plugin,
    press_stylize,
    read_pixels,
    results,
    show_docker,
    state,
    undo,
    undo_steps,
)
from krita import InfoObject, Krita, Selection

ASTRONAUT = os.path.join(os.path.dirname(__file__), "..", "..", "..", "gradio_app", "assets", "astronaut.jpg")


def by_menu_action():
    """Stylize with the menu's dialog, and then repeat it with another layer active"""
    doc = yield from document()
    content, style = yield from add_photo_and_painting(doc)
    before, steps_before = read_pixels(content), undo_steps()
    plugin().settings.store(options=FAST)
    Krita.instance().action("impasto_stylize").trigger()
    yield 0.1
    dialog = next(w for w in QtWidgets.QApplication.topLevelWidgets() if w.objectName() == "impasto_dialog" and w.isVisible())
    yield (lambda: dialog._form.has_schema), 90
    dialog._form.style_picker.choose_layer(plugin().layers.node_key(style))
    find_child(dialog, "strength").set_value(0.6)
    dialog._accept()
    assert get_runner().busy
    yield is_idle, 90
    yield 0.2
    result = {**state(doc), "unchanged": read_pixels(content) == before, "hidden": not style.visible()}
    active = results(doc)[0]
    yield from activate(doc, active)  # the photo is to be painted again nevertheless
    Krita.instance().action("impasto_again").trigger()
    yield is_idle, 90
    yield 0.2
    return {
        **result,
        "names_after_repeating": layer_names(doc),
        "visible": [node.visible() for node in results(doc)],
        "same_active": doc.activeNode() == active,
        "undo_steps": undo_steps()[len(steps_before) :],
    }


def by_docker():
    """Stylize with the docker, undo, and redo"""
    doc = yield from document()
    content, style = yield from add_photo_and_painting(doc)
    names_before = layer_names(doc)
    yield from press_stylize(style, iterations=16)
    start = time.monotonic()
    runner = get_runner()
    yield (lambda: runner.preview is not None), 90
    preview = [runner.preview.width(), runner.preview.height(), time.monotonic() - start]
    yield is_idle, 90
    yield 0.3
    painted = find_result(doc)
    estimate = find_child(get_docker(), "estimate")
    yield (lambda: " at 64 x " in estimate.text()), 90  # an older one, of another size, may be shown before
    result = {
        **state(doc),
        "estimate": estimate.text(),
        "preview": preview,
        "photo": read_pixels(content).hex(),
        "style": read_pixels(style).hex(),
        "result": read_pixels(painted).hex(),
        "bounds": [painted.bounds().width(), painted.bounds().height()],
    }
    yield from undo()
    result["undone"] = layer_names(doc) == names_before
    Krita.instance().action("edit_redo").trigger()
    yield 0.5
    result["redone"] = read_pixels(find_result(doc)).hex() == result["result"]
    return result


def refined():
    """Stylize a layer at half its size, as chosen in the docker, and refine the result"""
    doc = yield from document(256, 192)
    _, style = yield from add_photo_and_painting(doc)
    docker = yield from show_docker()
    refine, size = find_child(docker, "refine"), find_child(docker, "size")
    default = [size.currentText().split(",")[0], refine.isVisible()]
    size.show_size(128)
    yield from press_stylize(style, size=128, iterations=None)
    yield is_idle, 90
    yield 0.3
    first = find_result(doc)
    area = 0, 0, 256, 192
    before, status = read_pixels(first, *area), get_runner().status
    yield from activate(doc, first)  # what is refined does not depend on the active layer
    offered, info = refine.isVisible(), find_child(docker, "result_info").text()
    new = yield from _refine(doc)
    return {
        **state(doc),
        "default": default,
        "offered": [offered, refine.isVisible()],
        "statuses": [status, get_runner().status],
        "info": info,
        "name": new.name(),
        "first": before.hex(),
        "unchanged": read_pixels(first, *area) == before,
        "refined": read_pixels(new, *area).hex(),
    }


def refined_selection():
    """Stylize a selection at a small size, and refine the result"""
    doc, style = yield from _document_with_selection(256, 192, (80, 60, 90, 70))
    yield from press_stylize(style, size=96, iterations=None)
    yield is_idle, 90
    yield 0.3
    new = yield from _refine(doc)
    mask = bytes(doc.selection().pixelData(0, 0, 256, 192))
    return {**state(doc), "alpha": read_pixels(new, 0, 0, 256, 192)[3::4].hex(), "mask": mask.hex()}


def _refine(doc):
    """Press the docker's button, and return the new layer"""
    find_child(get_docker(), "refine").click()
    yield is_idle, 90
    yield 0.3
    return results(doc)[-1]


def offset_and_alpha():
    """Stylize a layer that extends beyond the canvas and has transparent and soft edges"""
    doc = yield from document()
    content = add_layer(
        doc, "Photo", photo, x=-20, y=30, width=80, height=60, alpha=lambda x, y: 0 if x < 10 else min(255, 8 * x)
    )
    style = add_layer(doc, "Painting", painting)
    yield from activate(doc, content)
    yield from paint(style)
    painted = find_result(doc)

    def bounds(node):
        rect = node.bounds()
        return [rect.x(), rect.y(), rect.width(), rect.height()]

    return {
        **state(doc),
        "bounds": bounds(painted),
        "expected_bounds": bounds(content),
        "alpha": read_pixels(painted, -20, 30, 80, 60)[3::4].hex(),
        "expected_alpha": read_pixels(content, -20, 30, 80, 60)[3::4].hex(),
    }


def selection():
    """Stylize a selection with a soft edge. The engine gets the pixels around it, but does not paint them."""
    doc, style = yield from _document_with_selection(160, 120, (60, 40, 40, 30))
    names_before, steps_before = layer_names(doc), undo_steps()
    yield from paint(style)
    painted = find_result(doc)
    mask = bytes(doc.selection().pixelData(0, 0, 160, 120))
    result = {**state(doc), "alpha": read_pixels(painted, 0, 0, 160, 120)[3::4].hex(), "mask": mask.hex()}
    result["undo_steps"] = undo_steps()[len(steps_before) :]
    masks = painted.childNodes()
    result.update(masks=[node.type() for node in masks], selected=doc.selection() is not None)
    result["own_alpha"] = sorted(set(bytes(painted.pixelData(30, 20, 60, 60))[3::4]))
    masks[0].setPixelData(QtCore.QByteArray(b"\xff" * 100), 30, 20, 10, 10)
    doc.refreshProjection()
    doc.waitForDone()
    result["after_painting_on_the_mask"] = read_pixels(painted, 35, 25, 1, 1)[3]
    yield from undo()
    return {**result, "undone": layer_names(doc) == names_before}


def _document_with_selection(width, height, rect):
    """A document with a photo, a painting and a softly selected rectangle (x, y, width, height).  -> document, painting"""
    doc = yield from document(width, height)
    content, style = yield from add_photo_and_painting(doc)
    area = Selection()
    area.select(*rect, 255)
    area.feather(4)
    doc.setSelection(area)
    yield from activate(doc, content)
    return doc, style


def layer_kind(kind):
    """Stylize a layer of this kind. The style layer has a filter mask, and is hidden in a hidden group."""
    doc = yield from document()
    group = doc.createGroupLayer("Hidden group")
    doc.rootNode().addChildNode(group, None)
    style = add_layer(doc, "Painting", painting, parent=group)
    _add_invert_mask(doc, style)
    if kind == "file":
        content = yield from _add_file_layer(doc)
    else:
        content = _add_content(doc, kind)
    active = _add_invert_mask(doc, content) if kind == "mask" else content  # with a mask active, its layer is painted
    doc.refreshProjection()
    doc.waitForDone()
    style.setVisible(False)
    group.setVisible(False)
    yield from activate(doc, active)
    yield from paint(style, iterations=16)
    painted, siblings = results(doc), [node.name() for node in doc.rootNode().childNodes()]
    return {
        **state(doc),
        "types": [node.type() for node in painted],
        "result": read_pixels(painted[0]).hex() if painted else "",
        "above": bool(painted) and siblings.index(find_group(doc).name()) == siblings.index(content.name()) + 1,
        "hidden": not style.visible() and not group.visible(),
        "name": painted[0].name() if painted else "",
        "locks": [[node.locked(), node.alphaLocked()] for node in (content, *painted)],
    }


def _add_invert_mask(doc, node):
    mask = doc.createFilterMask("Invert", Krita.instance().filter("invert"), node)
    node.addChildNode(mask, None)
    return mask


def _add_file_layer(doc):
    path = os.path.join(os.environ["HOME"], "photo.png")
    QtGui.QImage(bgra(96, 64, photo), 96, 64, QtGui.QImage.Format.Format_ARGB32).save(path)
    content = doc.createFileLayer("File", path, "None")
    doc.rootNode().addChildNode(content, None)
    yield (lambda: content.bounds().width() == 96), 60
    return content


def _add_content(doc, kind):
    """Add a layer of this kind on top"""
    if kind == "group":
        content = doc.createGroupLayer("Group")
        doc.rootNode().addChildNode(content, None)
        add_layer(doc, "Part", photo, parent=content, width=60)
    elif kind == "vector":
        content = doc.createVectorLayer("Vector")
        doc.rootNode().addChildNode(content, None)
        content.addShapesFromSvg(
            '<svg width="96" height="64"><rect x="10" y="10" width="60" height="40" fill="#c04020"/></svg>'
        )
    elif kind == "clone":
        content = doc.createCloneLayer("Clone", add_layer(doc, "Photo", photo))
        doc.rootNode().addChildNode(content, None)
    elif kind == "fill":
        color, everything = InfoObject(), Selection()
        color.setProperty("color", "#208040")
        everything.select(0, 0, 96, 64, 255)
        content = doc.createFillLayer("Fill", "color", color, everything)
        doc.rootNode().addChildNode(content, None)
    elif kind == "long name":
        content = add_layer(doc, "Gr\u00fc\u00dfe / \u7d75 " * 30, photo)
    else:
        content = add_layer(doc, "Photo", photo)
        if kind == "locked":
            content.setLocked(True)
            content.setAlphaLocked(True)
        elif kind == "animated":
            content.enableAnimation()
    return content


def color_space(model, depth, profile, **options):
    """Stylize in a document with this color space. Returns the layers as Krita itself converts them to sRGB."""
    doc = yield from document(96, 64)
    add_layer(doc, "Photo", photo)
    add_layer(doc, "Painting", painting)
    doc.setColorSpace(model, depth, profile)
    doc.waitForDone()
    yield 0.3
    content, style = (next(n for n in doc.rootNode().childNodes() if n.name() == name) for name in ("Photo", "Painting"))
    yield from activate(doc, content)
    yield from paint(style, **{"iterations": 16, **options})
    painted = find_result(doc)
    result = {**state(doc), "space": []}
    if painted is not None:
        result["space"] = [painted.colorModel(), painted.colorDepth(), painted.colorProfile() == content.colorProfile()]
        for name, node in (("result", painted), ("photo", content), ("style", style)):
            result[name] = _to_srgb(read_pixels(node), model, depth, content.colorProfile()).hex()
    return result


def _to_srgb(pixels, model, depth, profile):
    doc = Krita.instance().createDocument(96, 64, "", model, depth, profile, 72.0)
    layer = doc.rootNode().childNodes()[0]
    layer.setPixelData(QtCore.QByteArray(pixels), 0, 0, 96, 64)
    doc.setColorSpace("RGBA", "U8", SRGB)
    doc.waitForDone()
    converted = bytes(layer.pixelData(0, 0, 96, 64))
    doc.setModified(False)
    doc.close()
    return converted


def keep_faces():
    """Look at the face that was found, paint it with and without protection, and protect what a layer marks"""
    doc = yield from document(256, 256)
    _, style = yield from add_photo_and_painting(doc)
    person = QtGui.QImage(ASTRONAUT).scaled(256, 256).convertToFormat(QtGui.QImage.Format.Format_ARGB32)
    bits = person.constBits()
    layer = add_layer(doc, "Person", photo)
    layer.setPixelData(QtCore.QByteArray(bytes(bits.asarray(person.sizeInBytes()))), 0, 0, 256, 256)
    doc.refreshProjection()
    doc.waitForDone()
    strokes = add_layer(doc, "Strokes", lambda x, y: (0, 0, 0), x=0, y=160, width=256, height=96)
    strokes.setVisible(False)
    yield from activate(doc, layer)
    docker = yield from show_docker()
    box = find_child(docker, "keep_faces")
    found = []
    get_runner().faces_found.connect(found.append)
    yield (lambda: bool(get_runner().engine.ready)), 90
    yield 0.2
    cursor = QtGui.QCursor.pos()
    box.looked_at.emit()
    yield (lambda: bool(found)), 90
    popup = find_child(docker, "faces")
    result = {"faces": found[0], "shown": popup.isVisible(), "picture": [popup.pixmap().width(), popup.pixmap().height()]}
    QtWidgets.QApplication.sendEvent(box, QtCore.QEvent(QtCore.QEvent.Type.Leave))
    result["hidden"] = not popup.isVisible()
    docker.form.refresh(doc)
    key = plugin().layers.node_key(strokes)
    for name, checked, marked in (("plain", False, False), ("face", True, False), ("both", True, True)):
        docker.form.protect_picker._select(key if marked else None)
        yield from press_stylize(style, size=128, protect="faces" if checked else "none")
        options = dict(get_runner().last_request.options)
        yield is_idle, 90
        yield 0.3
        new = results(doc)[-1]
        result[name] = {"protect": options["protect"], "pixels": read_pixels(new, 0, 0, 256, 256).hex()}
        yield from activate(doc, layer)
    QtGui.QCursor.setPos(cursor)
    return {**state(doc), **result}


def two_styles():
    """Mix two styles; then give the second one a region, marked by a layer and by a selection mask"""
    doc = yield from document()
    content, style = yield from add_photo_and_painting(doc)
    second = add_layer(doc, "Third", lambda x, y: (20, 200, 40))
    yield from activate(doc, content)
    docker = yield from show_docker()
    docker.form.refresh(doc)
    docker.form.second_picker.choose_layer(plugin().layers.node_key(second))
    docker.form._update_enabled()
    docker.form.balance.set_value(0.25)
    yield from press_stylize(style)
    options = dict(get_runner().last_request.options)
    yield is_idle, 90
    yield 0.2
    result = {**state(doc), "options": options}

    region = add_layer(doc, "Region", lambda x, y: (0, 0, 0), x=0, y=0, width=48, height=64)
    region.setVisible(False)
    yield from activate(doc, content)
    docker.form.refresh(doc)
    docker.form.region_picker._select(plugin().layers.node_key(region))
    for name, label in (("padding", "Both ways"), ("style_loss", "Moments")):
        find_child(docker, name).setCurrentText(label)
    yield from press_stylize(style, iterations=16, strength=0.8, padding="circular", style_loss="moments")
    result["second_options"] = dict(get_runner().last_request.options)
    yield is_idle, 90
    yield 0.2
    result.update(problem=get_runner().problem, left_region=read_pixels(find_result(doc, "(80 %)")).hex())

    mask, right = doc.createSelectionMask("Right"), Selection()
    right.select(48, 0, 48, 64, 255)
    region.addChildNode(mask, None)
    mask.setSelection(right)
    doc.setActiveNode(content)
    yield 0.3
    docker.form.refresh(doc)
    docker.form.region_picker._select(plugin().layers.node_key(mask))
    yield from paint(style, iterations=16, strength=0.9)
    assert not get_runner().problem, get_runner().problem + get_runner().details
    result.update(problem=get_runner().problem, right_region=read_pixels(find_result(doc, "(90 %)")).hex())
    return result
