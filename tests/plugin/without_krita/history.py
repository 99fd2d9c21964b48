"""The history of results and the texts, without Krita. test_without_krita.py runs this file under PyQt5 and PyQt6."""

from __future__ import annotations

import ast
import json
import re
import string
from pathlib import Path
from typing import Any

import pytest

from tests.plugin.without_krita.fake_krita import QtGui, wait_until

PLUGINS = Path(__file__).parents[3] / "plugin"


def make_result(plugin: Any, number: int, **changes: Any) -> Any:
    style = plugin.request.StyleSource("Style", layer_key="style layer")
    rect = plugin.geometry.Rect(-3, 4, 600, 400)
    values = {
        "number": number,
        "title": f"Style {number} on Photo",
        "source_key": "photo",
        "source_name": "Photo",
        "layer_key": f"layer {number}",
        "rect": rect,
        "width": 300,
        "height": 200,
        "styles": [style],
        "options": {"strength": 0.5, "style_weights": None},
        "seconds": 4.5,
        "can_be_refined": True,
        "thumbnail": b"\x89PNG",
        "region": style,
    }
    return plugin.history.Result(**{**values, **changes})


def test_history_is_the_same_after_a_round_trip(plugin: Any) -> None:
    history = plugin.history.History()
    results = [make_result(plugin, number) for number in (1, 2)]
    for result in results:
        assert history.add(result, "group") == []
    again = plugin.history.History(history.encode())
    assert again.results == results
    assert again.groups == {"photo": "group"}
    assert again.next_number() == 3
    assert results[0].enlargement == 2
    assert results[0].is_refinable
    assert not results[0]._replace(width=600, height=400).is_refinable


@pytest.mark.parametrize("text", [b"", b"\xff", b"{", b"[]", b'{"groups": {}}', b'{"groups": {}, "results": [{"number": 1}]}'])
def test_damaged_history_is_empty(plugin: Any, text: bytes) -> None:
    assert plugin.history.History(text).results == []


def test_results_of_other_versions_are_kept_as_far_as_they_are_understood(plugin: Any) -> None:
    history = plugin.history.History()
    for number in (1, 2, 3):
        history.add(make_result(plugin, number), "group")
    values = json.loads(history.encode())
    values["results"][0]["new_key"] = 1
    del values["results"][2]["styles"]
    again = plugin.history.History(json.dumps(values).encode())
    assert [result.number for result in again.results] == [1, 2]
    assert again.next_number() == 4  # the third has a picture


def test_history_forgets_the_oldest_results_and_pictures(plugin: Any) -> None:
    history = plugin.history.History()
    limit, size = plugin.history.MAX_RESULTS, plugin.history.MAX_PICTURE_BYTES // 3
    for number in range(1, limit + 3):
        forgotten = history.add(make_result(plugin, number, picture_bytes=size), "group")
        assert forgotten == ([number - limit] if number > limit else [])
    assert [result.number for result in history.results] == list(range(3, limit + 3))
    assert history.drop_pictures() == list(reversed(range(3, limit)))
    assert [result.number for result in history.results if result.picture_bytes] == [limit, limit + 1, limit + 2]


def test_history_knows_what_results_were_painted_from(plugin: Any) -> None:
    history = plugin.history.History()
    history.add(make_result(plugin, 1), "group")
    history.add(make_result(plugin, 2, source_key="other"), "other group")
    assert [history.source_of(key) for key in ("layer 1", "layer 2", "group", "other group", "photo")] == [
        "photo",
        "other",
        "photo",
        "other",
        "",
    ]
    history.remove(1)
    assert history.of_layer("layer 1") is None
    assert history.of_source("photo") == []


def test_picture_of_a_result_is_compressed_and_restored(plugin: Any) -> None:
    width, height = 64, 48
    rect = plugin.geometry.Rect(5, 6, width, height)
    pixels = bytes(value for y in range(height) for x in range(width) for value in (4 * x, 5 * y, 90, 255))
    encoded: list[bytes] = []
    background = plugin.background.BackgroundWork()
    for depth in ("U8", "U16"):
        picture = plugin.result_pictures.ResultPicture(rect)
        rows = pixels if depth == "U8" else b"".join(bytes([7, value]) for value in pixels)
        half = len(rows) // 2
        picture.add(rows[:half], depth)
        picture.add(rows[half:], depth)
        picture.add_mask([(0, height, bytes(4 * x for x in range(width)) * height)])
        expected = len(encoded) + 1
        background.submit(picture.encode, encoded.append)
        wait_until(lambda expected=expected: len(encoded) == expected)  # type: ignore[misc]
        assert len(encoded[-1]) < len(pixels) / 3
        image = plugin.result_pictures.decode_picture(encoded[-1], rect)
        assert (image.width(), image.height()) == (width, height)
        color = QtGui.QColor(image.pixel(40, 20))
        assert abs(color.blue() - 160) < 8
        assert abs(color.green() - 100) < 8
        assert abs(color.red() - 90) < 8
        assert [image.pixelColor(x, 7).alpha() for x in (0, 10, 63)] == [0, 40, 252]
    assert plugin.result_pictures.decode_picture(encoded[0][:100], rect).isNull()
    assert plugin.result_pictures.decode_picture(b"", rect).isNull()


def used_texts() -> set[str]:
    """The texts that the plugin translates, and those of the engine's options that the docker shows"""
    from impasto.editor_plugins.package import SHARED_MODULES
    from impasto.options import option_schema
    from impasto.setup_failures import FAILURES

    texts = {sentence for _, sentence in FAILURES}
    for path in [*PLUGINS.rglob("*.py"), *SHARED_MODULES]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "i18n"
                and isinstance(node.args[0], ast.Constant)
            ):
                texts.add(str(node.args[0].value))
    shown = ("strength", "colors", "quality", "size", "style_scale", "style_loss", "padding", "preset", "seed")
    for schema in option_schema():
        if schema["name"] in shown:
            texts |= {schema["title"], schema["help"], *(label for label, _ in schema["offers"])}
    return texts


@pytest.mark.parametrize(
    "path", sorted((PLUGINS / "impasto_client" / "translations").glob("*.json")), ids=lambda path: path.stem
)
def test_translations_are_complete_and_have_the_same_fields(path: Path) -> None:
    translations = json.loads(path.read_text(encoding="utf-8"))
    assert sorted(used_texts() - set(translations)) == []
    assert sorted(set(translations) - used_texts()) == []
    for text, translated in translations.items():
        fields, translated_fields = (
            sorted(field for _, field, _, _ in string.Formatter().parse(part) if field) for part in (text, translated)
        )
        assert fields == translated_fields, text
        assert translated.endswith(".") == text.endswith("."), text


def test_texts_are_translated_to_the_first_known_language(plugin: Any) -> None:
    i18n = plugin.i18n
    try:
        i18n.set_languages(["xx_XX", "de_AT", "fr"])
        assert i18n.i18n("Stop") == "Stopp"
        assert i18n.i18n("not a known text {a}", a=1) == "not a known text 1"
        i18n.set_languages(["en_US", "de"])
        assert i18n.i18n("Stop") == "Stop"
        i18n.set_languages(["fr-CA"])
        assert re.search("calques?|image", i18n.i18n("The layer was removed."))
    finally:
        i18n.set_languages([])


def test_every_text_for_the_user_is_translated() -> None:
    """Widgets get their texts from i18n: a literal in setText, setToolTip and the like was forgotten."""
    setters = {
        "setText",
        "setToolTip",
        "setWindowTitle",
        "QPushButton",
        "QLabel",
        "addItem",
        "addRow",
        "PluginError",
        "button",
    }
    forgotten = []
    for path in PLUGINS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0]
            text = first.value if isinstance(first, ast.Constant) else None
            if name in setters and isinstance(text, str) and any(map(str.isalpha, text)) and text != "Impasto":
                forgotten.append(f"{path.name}:{node.lineno}: {text}")
    assert forgotten == []


def test_picture_of_a_large_result_is_shrunk_as_it_arrives(plugin: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(plugin.result_pictures, "_MAX_PIXELS", 2000)
    rect = plugin.geometry.Rect(0, 0, 100, 70)
    picture = plugin.result_pictures.ResultPicture(rect)
    for rows in (32, 32, 6):
        picture.add(bytes([200, 100, 50, 255]) * 100 * rows, "U8")
    picture.add_mask([(0, 70, bytes(50 * [255] + 50 * [0]) * 70)])
    assert len(picture._pixels) == 4 * 50 * 35
    image = plugin.result_pictures.decode_picture(picture.encode(), rect)
    assert (image.width(), image.height()) == (100, 70)
    assert image.pixelColor(20, 60).alpha() == 255
    assert image.pixelColor(80, 60).alpha() == 0
    assert abs(image.pixelColor(20, 60).blue() - 200) < 4
