"""Tests inside Krita of what is painted, of the results and of the queue, driven as a painter does it: clicks and keys."""

import contextlib
import os
import time

from helpers import (
    QtCore,
    QtTest,
    QtWidgets,
    activate,
    add_layer,
    add_photo_and_painting,
    client,
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
from krita import Krita, Selection


def _poll():
    get_docker()._poll()


def _click_result(row):
    """Click on a thumbnail in the list of results; the newest is the first"""
    listed = find_child(get_docker(), "results")
    rect = listed.visualItemRect(listed.item(row))
    QtTest.QTest.mouseClick(listed.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=rect.center())


def _press(name):
    button = find_child(get_docker(), name)
    QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)


def source_survives():
    """Paint twice with another strength, with the result active in between"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    yield from paint(style, strength=0.5)
    first = results(doc)[0]
    yield from activate(doc, first)
    _poll()
    source = find_child(get_docker(), "source")
    shown = [source.itemText(index) for index in range(source.count())]
    yield from paint(style, strength=0.7)
    names = layer_names(doc)
    _poll()
    yield (lambda: source.itemText(1).startswith("This result")), 10
    _choose_source("result")
    yield from paint(style, strength=0.3)
    return {**state(doc), "shown": shown, "names_after_two": names, "visible": [node.visible() for node in results(doc)]}


def _choose_source(entry):
    """entry: `whole`, `result`, or the key of a layer that is not active"""
    source = find_child(get_docker(), "source")
    index = source.findData(entry)
    source.setCurrentIndex(index)
    source.activated.emit(index)


def another_source():
    """Import a layer, which makes it the active one, and choose the photo from the list of what is painted"""
    doc = yield from document()
    content, style = yield from add_photo_and_painting(doc)
    yield from activate(doc, style)
    yield from show_docker()
    _poll()
    source, picker = find_child(get_docker(), "source"), get_docker().form.style_picker
    grid = [entry.name for entry in picker.grid._entries if entry.kind == "layer"]
    result = {"listed": [source.itemText(index) for index in range(source.count())], "styles": grid}
    source.showPopup()
    yield 0.5
    result["has_icon"] = not source.itemIcon(source.findData(plugin().layers.node_key(content))).isNull()
    source.hidePopup()
    yield 0.2
    _choose_source(plugin().layers.node_key(content))
    yield (lambda: doc.activeNode() is not None and doc.activeNode().name() == "Photo"), 10
    _poll()
    result["shown"] = source.currentText()
    result["styles_after"] = [entry.name for entry in picker.grid._entries if entry.kind == "layer"]
    result["style"] = picker.style_source().name
    yield from press_stylize(style)
    yield is_idle, 90
    return {**state(doc), **result}


def undone_deletion():
    """Delete the result that is shown and take it back, then the one before it"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    for strength in (0.3, 0.6):
        yield from paint(style, strength=strength)
    yield (lambda: all(result.picture_bytes for result in get_runner().histories.of(doc).history.results)), 30
    listed, counts, shown, pictures = find_child(get_docker(), "results"), [], [], []
    for row in (0, 1):
        _poll()
        if row:
            _click_result(row)
        number = listed.item(row).data(QtCore.Qt.ItemDataRole.UserRole)
        _press("delete_result")
        yield 0.5
        _poll()
        counts.append(listed.count())
        yield from undo()
        _poll()
        counts.append(listed.count())
        shown.append([node.visible() for node in results(doc)])
        pictures.append(len(doc.annotation(f"impasto/picture-{number}")) > 0)
    return {**state(doc), "counts": counts, "shown": shown, "pictures": pictures}


@contextlib.contextmanager
def _recorded_stripes():
    """Record the pixels that are read from layers, in hexadecimal, stripe by stripe."""
    picture_class, recorded = plugin().layers.LayerPicture, []
    original = picture_class.stripes

    def record(self):
        for stripe in original(self):
            recorded.append(stripe[2].hex())
            yield stripe

    picture_class.stripes = record
    try:
        yield recorded
    finally:
        picture_class.stripes = original


def whole_picture():
    """Paint the whole picture twice: the second time without the first painting in it. Then an empty layer"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    add_layer(doc, "Half", painting, width=48)
    doc.refreshProjection()
    doc.waitForDone()
    expected = bytes(doc.pixelData(0, 0, 96, 64)).hex()
    yield from show_docker()
    with _recorded_stripes() as sent:
        _poll()
        _choose_source("whole")
        contents = []
        for strength in (0.5, 0.6):
            sent.clear()
            yield from paint(style, strength=strength)
            contents.append(sent[-1])
    result = {**state(doc), "contents": [content == expected for content in contents]}
    get_docker().source_row._mode = "layer"
    empty = doc.createNode("Empty", "paintlayer")
    doc.rootNode().addChildNode(empty, None)
    yield from activate(doc, empty)
    _poll()
    yield from press_stylize(style)
    result["problem_of_empty"] = get_runner().problem
    result["details_offered"] = find_child(get_docker(), "copy_details").isVisible()
    _press("remedy")
    yield is_idle, 90
    yield 0.3
    return {**result, "after": layer_names(doc), "problem_after": get_runner().problem}


def show_and_compare():
    """Click on results, compare them with the photo, and fade one"""
    doc = yield from document()
    content, style = yield from add_photo_and_painting(doc)
    for strength in (0.4, 0.8):
        yield from paint(style, strength=strength)
    _poll()

    def canvas():
        doc.waitForDone()
        return bytes(doc.pixelData(0, 0, 96, 64)).hex()

    pictures = {"newest": canvas()}
    undo_text = Krita.instance().action("edit_undo").text()
    for name, row in (("older", 1), ("compared", 1), ("older again", 1)):
        _click_result(row)
        yield 0.2
        pictures[name] = canvas()
    listed = find_child(get_docker(), "results")
    listed.setCurrentRow(0)
    QtTest.QTest.keyClick(listed, QtCore.Qt.Key.Key_Return)
    yield 0.2
    pictures["newest by key"] = canvas()
    fade = find_child(get_docker(), "fade")
    fade.set_value(0.5)
    yield 0.3
    pictures["faded"] = canvas()
    exact = find_child(get_docker(), "exact_strength")
    text = exact.text()
    undo_text_after = Krita.instance().action("edit_undo").text()
    exact.click()
    yield is_idle, 90
    yield 0.3
    return {
        **state(doc),
        "pictures": pictures,
        "photo": read_pixels(content).hex(),
        "undo": [undo_text, undo_text_after],
        "opacity": [node.opacity() for node in results(doc)],
        "exact": text,
    }


def undo_shows_the_one_before():
    """Undo the newest of two results: the older one is shown again. Redo it"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    for strength in (0.4, 0.8):
        yield from paint(style, strength=strength)
    hidden = [node.visible() for node in results(doc)]
    yield from undo()
    _poll()
    after_undo = [node.visible() for node in results(doc)]
    yield from undo()
    _poll()
    return {"hidden": hidden, "after_undo": after_undo, "names": layer_names(doc), "problem": get_runner().problem}


def _document_with_stored_results():
    """A document with two results, whose pictures are stored.  -> document, its history"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    for strength in (0.4, 0.8):
        yield from paint(style, strength=strength)
    history = get_runner().histories.of(doc)
    yield (lambda: all(result.picture_bytes for result in history.history.results)), 60
    return doc, history


def keep_and_delete():
    """Keep a result as a layer, also after its own layer was deleted by hand; then delete both results"""
    doc, history = yield from _document_with_stored_results()
    first, second = results(doc)
    pixels = [read_pixels(first).hex(), read_pixels(second).hex()]
    _poll()
    steps_before = undo_steps()
    _press("keep")
    yield 0.5
    kept = doc.rootNode().childNodes()[-2]  # below the painting
    kept_steps = undo_steps()[len(steps_before) :]
    result = {"kept": [kept.name(), read_pixels(kept).hex() == pixels[1]], "names": layer_names(doc)}
    first.remove()
    yield 0.2
    _poll()
    _click_result(1)
    yield 0.2
    result["info"] = find_child(get_docker(), "result_info").text()
    steps_before_restoring = undo_steps()
    _press("keep")
    yield 0.5
    restored = find_result(doc, "(40 %)")
    result.update(restored=read_pixels(restored).hex(), original=pixels[0], kind=restored.parentNode().name())
    result["undo_steps"] = [kept_steps, undo_steps()[len(steps_before_restoring) :]]
    _press("delete_result")
    yield 0.2
    _press("delete_result")
    yield 0.5
    _poll()
    result.update(
        left=len(history.history.results),
        names_after=layer_names(doc),
        group=find_group(doc) is not None,
        annotations=[name for name in doc.annotationTypes() if "picture" in name],
        panel=get_docker()._results.isVisible(),
    )
    yield from undo()
    return {**result, "problem": get_runner().problem}


def tomorrow():
    """Save the document, open it again, go back to the first result, and use its settings"""
    doc, _ = yield from _document_with_stored_results()
    first = read_pixels(results(doc)[0]).hex()
    path = os.path.join(os.environ["HOME"], "tomorrow.kra")
    doc.setBatchmode(True)
    doc.saveAs(path)
    yield 0.3
    doc.setModified(False)
    doc.close()
    yield 0.3
    doc = Krita.instance().openDocument(path)
    Krita.instance().activeWindow().addView(doc)
    yield (lambda: doc.activeNode() is not None), 60
    _poll()
    yield 0.2
    listed = find_child(get_docker(), "results")
    texts = [listed.item(row).text() for row in range(listed.count())]
    icons = [listed.item(row).icon().isNull() for row in range(listed.count())]
    _click_result(1)
    yield 0.3
    shown = next(node for node in results(doc) if node.visible())
    docker = get_docker()
    docker.form._fields["strength"].set(0.1)
    docker.form.style_picker.choose_file("/nowhere/other.png")
    _press("use_settings")
    used = [docker.form.options()["strength"], docker.form.styles()[0].name]
    repeated = get_runner().histories.of(doc).history.results[0]
    return {
        **state(doc),
        "texts": texts,
        "icons": icons,
        "shown": [shown.name(), read_pixels(shown).hex() == first],
        "used": used,
        "options": repeated.options["strength"],
    }


def queue():
    """Compare three strengths, change their order, remove one, and clear the queue"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    yield from press_stylize(style, size=128, iterations=40)
    yield (lambda: get_runner().state == "painting"), 90
    docker, runner = get_docker(), get_runner()
    compare = find_child(docker, "compare_strengths")
    compare.click()
    queued = find_child(docker, "queue")
    result = {"text": compare.text(), "titles": [queued.item(row).text() for row in range(queued.count())]}
    model = queued.model()
    model.moveRow(QtCore.QModelIndex(), 2, QtCore.QModelIndex(), 0)  # as a drag does
    result["moved"] = [round(100 * request.options["strength"]) for request in runner.queue]
    queued.setCurrentRow(1)
    QtTest.QTest.keyClick(queued, QtCore.Qt.Key.Key_Delete)
    result["removed"] = [round(100 * request.options["strength"]) for request in runner.queue]
    _press("stop")
    yield (lambda: len(runner.queue) == 1 and runner.busy), 90
    result["current"] = round(100 * runner.current.options["strength"])
    yield is_idle, 120
    yield 0.3
    result["names"] = layer_names(doc)
    compare.click()
    yield (lambda: runner.state == "painting"), 90
    _press("clear_queue")
    result["left"] = [runner.busy, len(runner.queue)]
    _press("stop")
    yield 0.3
    return {**state(doc), **result, "busy": runner.busy, "waiting": len(runner.queue), "names_after": layer_names(doc)}


def _select(doc, *rect):
    area = Selection()
    area.select(*rect, 255)
    doc.setSelection(area)


def selections_of_the_queue():
    """Queue two paintings, each of its own selection; then paint the first at another strength, without a selection"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    _select(doc, 0, 0, 40, 64)
    yield from press_stylize(style, size=128, iterations=10)
    _select(doc, 60, 0, 36, 64)
    _press("button")
    Krita.instance().action("deselect").trigger()
    yield (lambda: is_idle() and not get_runner().queue), 120
    yield 0.3

    def opaque_columns(node):
        row = bytes(node.projectionPixelData(0, 30, 96, 1))[3::4]
        return [row.index(b"\xff"), 96 - row[::-1].index(b"\xff")]

    columns = [opaque_columns(node) for node in results(doc)]
    _poll()
    _click_result(1)
    yield 0.2
    find_child(get_docker(), "fade").set_value(0.5)
    yield 0.2
    _press("exact_strength")
    yield is_idle, 120
    yield 0.3
    return {**state(doc), "columns": [*columns, opaque_columns(results(doc)[-1])]}


def refined_whole_picture():
    """Refine a result of the whole picture within a selection: what is sent does not contain the result"""
    doc = yield from document(256, 192)
    _, style = yield from add_photo_and_painting(doc)
    yield from show_docker()
    _poll()
    _choose_source("whole")
    _select(doc, 100, 60, 60, 60)
    doc.waitForDone()
    expected = bytes(doc.pixelData(36, 0, 188, 184)).hex()
    yield from press_stylize(style, size=96, iterations=None)
    yield is_idle, 90
    yield 0.3
    with _recorded_stripes() as sent:
        find_child(get_docker(), "refine").click()
        yield is_idle, 90
    return {**state(doc), "same": sent[-1] == expected, "count": len(results(doc))}


def slow_picture(cause):
    """Something happens while the picture of a result is compressed in the background"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    picture_class = plugin().result_pictures.ResultPicture
    encode = picture_class.encode

    def encode_slowly(self):
        time.sleep(1.5)
        return encode(self)

    picture_class.encode = encode_slowly
    try:
        yield from paint(style)
        history = get_runner().histories.of(doc)
        if cause == "closed":
            doc.setModified(False)
            doc.close()
        elif cause == "deleted":
            _poll()
            _press("delete_result")
        yield 3
    finally:
        picture_class.encode = encode
    stored = [result.picture_bytes > 0 for result in history.history.results]
    return {"stored": stored, "problem": get_runner().problem, "busy": get_runner().busy}


def sources():
    """What is painted with a kept copy, a duplicated result or a result without its original active"""
    doc = yield from document()
    content, style = yield from add_photo_and_painting(doc)
    yield from paint(style)
    _poll()
    _press("keep")
    yield 1
    source = find_child(get_docker(), "source")
    result = {"active_after_keeping": doc.activeNode().name()}
    copy = results(doc)[0].duplicate()
    find_group(doc).addChildNode(copy, None)
    yield from activate(doc, copy)
    _poll()
    result["of_duplicate"] = source.currentText()
    content.remove()
    yield from activate(doc, results(doc)[0])
    _poll()
    get_docker().form.style_picker.choose_layer(plugin().layers.node_key(style))
    _press("button")
    yield 0.2
    result["without_original"] = get_runner().problem
    copy.remove()
    yield 0.2
    _poll()
    names = layer_names(doc)
    _press("delete_result")
    yield 0.5
    result["deleted"] = find_group(doc) is None
    yield from undo()
    return {**result, "undone": layer_names(doc) == names}


def covered():
    """Paint the whole photo, a part of it twice, and the photo below a visible layer"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    yield from paint(style, strength=0.4)
    _select(doc, 0, 0, 20, 64)
    for strength in (0.5, 0.6):
        yield from paint(style, strength=strength)
    result = {"visible": [node.visible() for node in results(doc)]}
    Krita.instance().action("deselect").trigger()
    yield 0.2
    style.setVisible(True)
    doc.refreshProjection()
    yield from paint(style, strength=0.7)
    return {**state(doc), **result, "visible_after": [node.visible() for node in results(doc)]}


def selected_after_a_switch():
    """Show an older result, look at another document, and come back"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    for strength in (0.3, 0.6):
        yield from paint(style, strength=strength)
    _poll()
    _click_result(1)
    yield 0.2
    _poll()
    listed, selected = find_child(get_docker(), "results"), []
    selected.append(listed.currentRow())
    yield from document()
    _poll()
    window = Krita.instance().activeWindow()
    window.showView(next(view for view in window.views() if view.document() == doc))
    yield 0.3
    _poll()
    selected.append(listed.currentRow())
    return {"selected": selected, "visible": [node.visible() for node in results(doc)]}


def live_beside_results():
    """Live hides the results of its layer while it is on"""
    doc = yield from document()
    content, style = yield from add_photo_and_painting(doc)
    yield from paint(style)
    yield from activate(doc, content)
    docker = yield from show_docker()
    yield (lambda: bool(get_runner().networks)), 60
    docker.form.set_instant_styles(get_runner().networks)
    docker.form.style_picker.choose_network("harvest")
    group, visible = find_group(doc), []
    visible.append(group.visible())
    _press("live")
    yield (lambda: find_result(doc, "Live:") is not None), 90
    visible.append(group.visible())
    _press("live")
    yield 0.3
    visible.append(group.visible())
    left = find_result(doc, "Live:")
    left_visible = [left.visible()]
    keep_hidden = find_child(docker, "live_keep").isHidden()
    _poll()
    _click_result(0)
    yield 0.3
    left_visible.append(left.visible())
    result = {"visible": visible, "problem": get_runner().problem, "style": docker.form.style_picker.style_source().name}
    return {**result, "left_visible": left_visible, "keep_hidden": keep_hidden}


def another_document():
    """Start a painting, and look at another document: nothing of it shows there"""
    doc = yield from document()
    _, style = yield from add_photo_and_painting(doc)
    yield from press_stylize(style, size=256, iterations=500)
    runner, docker = get_runner(), get_docker()
    yield (lambda: runner.preview is not None), 90
    preview = docker._preview.isVisible()
    other = yield from document()
    _poll()
    status = find_child(docker, "status").text()
    previews = [preview, docker._preview.isVisible()]
    problem = runner.problem
    _press("stop")
    yield is_idle, 60
    _poll()
    add_layer(other, "Other photo", photo)
    return {"status": status, "previews": previews, "problem": problem, "after": find_child(docker, "status").text()}


def remove_everything(folder):
    """Remove Impasto by its menu.  folder: with a network, in place of the engine's own folders"""
    docker = yield from show_docker()
    runner = get_runner()
    yield (lambda: bool(runner.network_folders)), 90
    result = {"folders": runner.network_folders}
    runner.network_folders = [folder]
    plugin().settings.store(options={"strength": 0.3})
    local = client().installation.this_local_folder()
    os.makedirs(os.path.join(local, "engine"))
    stored = plugin().settings.data_folder()
    answers = []
    for answer in ("Cancel", "Delete"):
        find_child(docker, "help").menu().actions()[1].trigger()
        yield 0.3
        widgets = [w for w in QtWidgets.QApplication.topLevelWidgets() if w.isVisible()]
        question = next(w for w in widgets if w.objectName() == "impasto_remove_question")
        button = next(button for button in question.buttons() if button.text().replace("&", "") == answer)
        QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)
        yield 0.3
        answers.append([os.path.exists(stored), os.path.exists(local), sorted(os.listdir(folder)), runner.engine.running])
    docker.form.store()
    _poll()
    result["stored"] = os.path.exists(stored)
    result["usable"] = docker.widget().isEnabled()
    enabled = Krita.instance().readSetting("python", "enable_impasto_krita", "")
    return {**result, "answers": answers, "enabled": enabled, "problem": find_child(docker, "problem").text()}
