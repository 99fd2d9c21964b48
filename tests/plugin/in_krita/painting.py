"""Tests that run inside Krita, in its Python: generators for the probe, which pytest calls by name."""

import os
import time

from hands import (
    SMALL,
    SRGB,
    QtGui,
    QtWidgets,
    bgra,
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
    pixels,
    plugin,
    press_stylize,
    runner,
    state,
)
from krita import InfoObject, Krita, Selection


def imports(path):
    """What "Import Python Plugin from File" does, without its dialogs"""
    from plugin_importer.plugin_importer import PluginImporter

    yield 0.5
    return [
        each["name"] for each in PluginImporter(path, Krita.instance().getAppDataLocation(), lambda plugin: True).import_all()
    ]


def by_menu_action():
    doc = yield from document()
    first, second = yield from pair(doc)
    before = pixels(first, 0, 0, 96, 64)
    plugin().settings.store(options=SMALL)
    Krita.instance().action("impasto_stylize").trigger()
    yield 0.1
    dialog = next(w for w in QtWidgets.QApplication.topLevelWidgets() if w.objectName() == "impasto_dialog" and w.isVisible())
    yield (lambda: dialog._form.described), 90
    dialog._form.style_picker.choose_layer(plugin().layers.key(second))
    child(dialog, "strength").setValue(0.6)
    dialog._accept()
    assert runner().busy
    yield ended()
    yield 0.2
    told = {**state(doc), "untouched": pixels(first, 0, 0, 96, 64) == before, "hidden": not second.visible()}
    doc.setActiveNode(doc.rootNode().childNodes()[-2])  # the result: it is the photo that is painted again
    yield 0.2
    Krita.instance().action("impasto_again").trigger()
    yield ended()
    yield 0.2
    told["again"] = names(doc)
    return told


def by_docker():
    """The result, whole, for pytest to judge; and one undo step."""
    doc = yield from document()
    first, second = yield from pair(doc)
    was = names(doc)
    yield from press_stylize(second, iterations=40)
    began = time.monotonic()
    it = runner()
    yield (lambda: it.preview is not None), 90
    preview = [it.preview.width(), it.preview.height(), time.monotonic() - began]
    yield ended()
    yield 0.3
    result = next(node for node in doc.rootNode().childNodes() if " x " in node.name())
    label = child(docker(), "estimate")
    yield (lambda: "about" in label.text()), 90
    told = {**state(doc), "estimate": label.text()}
    told.update(preview=preview, result=pixels(result, 0, 0, 96, 64).hex(), style=pixels(second, 0, 0, 96, 64).hex())
    told.update(photo=pixels(first, 0, 0, 96, 64).hex(), bounds=[result.bounds().width(), result.bounds().height()])
    Krita.instance().action("edit_undo").trigger()
    yield 0.5
    told["undone"] = names(doc) == was
    Krita.instance().action("edit_redo").trigger()
    yield 0.5
    told["redone"] = (
        pixels(next(n for n in doc.rootNode().childNodes() if " x " in n.name()), 0, 0, 96, 64).hex() == told["result"]
    )
    return told


def offset_and_alpha():
    """A layer that reaches over the canvas's edge, with a hole and soft edges"""
    doc = yield from document()
    soft = lambda x, y: 0 if x < 10 else min(255, 8 * x)  # noqa: E731
    first = layer(doc, "Photo", photo, x=-20, y=30, width=80, height=60, alpha=soft)
    second = layer(doc, "Painting", painting)
    yield 0.2
    doc.setActiveNode(first)
    yield 0.2
    yield from painted(second)
    result = next(node for node in doc.rootNode().childNodes() if " x " in node.name())
    bounds = result.bounds()
    return {
        **state(doc),
        "bounds": [bounds.x(), bounds.y(), bounds.width(), bounds.height()],
        "wanted": [first.bounds().x(), first.bounds().y(), first.bounds().width(), first.bounds().height()],
        "alpha": pixels(result, -20, 30, 80, 60)[3::4].hex(),
        "of": pixels(first, -20, 30, 80, 60)[3::4].hex(),
    }


def selected():
    """A soft selection limits the result; the margin around it is seen by the engine and not painted."""
    doc = yield from document(160, 120)
    first, second = yield from pair(doc)
    chosen = Selection()
    chosen.select(60, 40, 40, 30, 255)
    chosen.feather(4)
    doc.setSelection(chosen)
    yield 0.2
    doc.setActiveNode(first)
    yield 0.1
    yield from painted(second)
    result = next(node for node in doc.rootNode().childNodes() if " x " in node.name())
    mask = bytes(doc.selection().pixelData(0, 0, 160, 120))
    return {**state(doc), "alpha": pixels(result, 0, 0, 160, 120)[3::4].hex(), "mask": mask.hex()}


def sources(kind):
    """A layer of another kind, as what is painted, with the painting hidden in a hidden group, under a filter mask"""
    doc = yield from document()
    group = doc.createGroupLayer("Hidden group")
    doc.rootNode().addChildNode(group, None)
    second = layer(doc, "Painting", painting, parent=group)
    mask = doc.createFilterMask("Invert", Krita.instance().filter("invert"), second)
    second.addChildNode(mask, None)
    if kind == "group":
        first = doc.createGroupLayer("Group")
        doc.rootNode().addChildNode(first, None)
        layer(doc, "Part", photo, parent=first, width=60)
    elif kind == "vector":
        first = doc.createVectorLayer("Vector")
        doc.rootNode().addChildNode(first, None)
        shapes = '<svg width="96" height="64"><rect x="10" y="10" width="60" height="40" fill="#c04020"/></svg>'
        first.addShapesFromSvg(shapes)
    elif kind == "clone":
        first = doc.createCloneLayer("Clone", layer(doc, "Photo", photo))
        doc.rootNode().addChildNode(first, None)
    elif kind == "fill":
        info = InfoObject()
        info.setProperty("color", "#208040")
        everything = Selection()
        everything.select(0, 0, 96, 64, 255)
        first = doc.createFillLayer("Fill", "color", info, everything)
        doc.rootNode().addChildNode(first, None)
    elif kind == "file":
        path = os.path.join(os.environ["HOME"], "photo.png")
        QtGui.QImage(bgra(96, 64, photo), 96, 64, QtGui.QImage.Format.Format_ARGB32).save(path)
        first = doc.createFileLayer("File", path, "None")
        doc.rootNode().addChildNode(first, None)
        yield (lambda: first.bounds().width() == 96), 10
    elif kind == "locked":
        first = layer(doc, "Photo", photo)
        first.setLocked(True)
        first.setAlphaLocked(True)
    elif kind == "animated":
        first = layer(doc, "Photo", photo)
        first.enableAnimation()
    elif kind == "long name":
        first = layer(doc, "Gr\u00fc\u00dfe / \u7d75 " * 30, photo)
    elif kind == "mask":  # a mask is active: its layer is meant
        first = layer(doc, "Photo", photo)
        held = doc.createFilterMask("Blur", Krita.instance().filter("invert"), first)
        first.addChildNode(held, None)
    doc.refreshProjection()
    doc.waitForDone()
    second.setVisible(False)
    group.setVisible(False)
    yield 0.3
    doc.setActiveNode(held if kind == "mask" else first)
    yield 0.2
    yield from painted(second, iterations=40)
    results = [node for node in doc.rootNode().childNodes() if " x " in node.name()]
    return {
        **state(doc),
        "count": len(results),
        "type": results[0].type() if results else "",
        "result": pixels(results[0], 0, 0, 96, 64).hex() if results else "",
        "above": bool(results) and names(doc).index(results[0].name()) == names(doc).index(first.name()) + 1,
        "hidden": not second.visible() and not group.visible(),
        "name": results[0].name() if results else "",
        "locks": [[node.locked(), node.alphaLocked()] for node in (first, *results)],
    }


def in_space(model, depth, profile):
    """A document of another kind of colors; its layers come back as Krita itself turns them to sRGB."""
    doc = yield from document(96, 64)
    layer(doc, "Photo", photo)
    layer(doc, "Painting", painting)
    doc.setColorSpace(model, depth, profile)
    doc.waitForDone()
    yield 0.3
    first, second = (next(n for n in doc.rootNode().childNodes() if n.name() == name) for name in ("Photo", "Painting"))
    doc.setActiveNode(first)
    yield 0.2
    yield from painted(second, iterations=40)
    result = next((node for node in doc.rootNode().childNodes() if " x " in node.name()), None)
    told = {**state(doc), "space": []}
    if result is not None:
        told["space"] = [result.colorModel(), result.colorDepth(), result.colorProfile() == first.colorProfile()]
        turned = Krita.instance().createDocument(96, 64, "", model, depth, first.colorProfile(), 72.0)
        for name, node in (("result", result), ("photo", first), ("style", second)):
            base = turned.rootNode().childNodes()[0]
            turned.setColorSpace(model, depth, first.colorProfile())
            turned.waitForDone()
            base.setPixelData(node.projectionPixelData(0, 0, 96, 64), 0, 0, 96, 64)
            turned.setColorSpace("RGBA", "U8", SRGB)
            turned.waitForDone()
            told[name] = bytes(base.pixelData(0, 0, 96, 64)).hex()
        turned.setModified(False)
        turned.close()
    return told


def two_styles():
    doc = yield from document()
    first, second = yield from pair(doc)
    third = layer(doc, "Third", lambda x, y: (20, 200, 40))
    yield 0.2
    doc.setActiveNode(first)
    yield 0.2
    it = docker()
    it.setVisible(True)
    it.form.refresh(doc)
    it.form.second_picker.choose_layer(plugin().layers.key(third))
    it.form._enable()
    it.form.balance.setValue(0.25)
    yield from press_stylize(second)
    options = dict(runner().last.options)
    yield ended()
    yield 0.2
    told = {**state(doc), "options": options}
    # Again, with the second style where something is painted on a layer of its own, seamless, and in another look.
    where = layer(doc, "Where", lambda x, y: (0, 0, 0), x=0, y=0, width=48, height=64)
    where.setVisible(False)
    yield 0.2
    doc.setActiveNode(first)
    yield 0.2
    it.form.refresh(doc)
    it.form.region_picker.choose_layer(plugin().layers.key(where))
    for name, label in (("padding", "Both ways"), ("style_loss", "Moments")):
        child(it, name).setCurrentText(label)
    yield from press_stylize(second, iterations=40, strength=0.8, padding="circular", style_loss="moments")
    told["chosen"] = dict(runner().last.options)
    yield ended()
    yield 0.2
    result = next(node for node in reversed(doc.rootNode().childNodes()) if "(80 %)" in node.name())
    told.update(problem=runner().problem, regions=pixels(result, 0, 0, 96, 64).hex())
    mask, right = doc.createSelectionMask("Right"), Selection()
    right.select(48, 0, 48, 64, 255)
    where.addChildNode(mask, None)
    mask.setSelection(right)
    doc.setActiveNode(first)
    yield 0.3
    it.form.refresh(doc)
    it.form.region_picker.choose_layer(plugin().layers.key(mask))
    yield from painted(second, iterations=40, strength=0.9)
    assert not runner().problem, runner().problem + runner().details
    result = next(node for node in reversed(doc.rootNode().childNodes()) if "(90 %)" in node.name())
    told.update(problem=runner().problem, masked=pixels(result, 0, 0, 96, 64).hex())
    return told
