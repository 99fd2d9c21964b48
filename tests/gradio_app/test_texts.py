"""The page's translations: complete, and with the same fields as the English texts."""

from __future__ import annotations

import json
import re
import string
from types import SimpleNamespace
from typing import Any

import pytest

from tests.gradio_app.conftest import APP, LoadModule

LANGUAGES = [path.stem for path in sorted((APP / "translations").glob("*.json"))]
#: Names that stay as they are, in all languages
NAMES = {"Impasto", "Paper", "Johnson", "Gatys2017", "Crowson", "Wasserstein"}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def request(languages: str) -> Any:
    return SimpleNamespace(headers={"accept-language": languages})


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_of_the_page_is_translated(load_module: LoadModule, language: str) -> None:
    load_module("app")  # lays the page out
    texts = load_module("page.texts")
    viewer, wall, gallery = (load_module(f"page.{name}") for name in ("viewer", "picture_wall", "gallery"))
    shown = {*texts.browser_translations().translations["en"], *viewer.TEXTS, *wall.TEXTS}
    shown |= set(load_module("page.components").MASK_TEXTS)
    for style in gallery.STYLES:
        shown |= {text for text in style.wall_picture._replace(address="") if text}
    shown |= {photo.title for photo in gallery.PHOTOS}
    for name in ("messages", "jobs", "handlers", "painting"):
        source = (APP / "page" / f"{name}.py").read_text(encoding="utf-8")
        shown |= set(re.findall(r'(?:text = |translate\(|ImageError\()\s*"([^"]+)"', source))
    missing = {text for text in shown - NAMES if text not in texts.TRANSLATIONS[language]}
    assert missing == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_fields_of_the_english_texts(language: str) -> None:
    translations = json.loads((APP / "translations" / f"{language}.json").read_text(encoding="utf-8"))
    for text, translated in translations.items():
        assert fields(translated) == fields(text), text
        assert translated.strip() == translated != ""


def test_the_language_is_the_first_that_there_is(load_module: LoadModule) -> None:
    texts = load_module("page.texts")
    for accepted, language in (
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("it, fr-CA;q=0.8, en;q=0.7", "fr"),
        ("en-GB, de;q=0.5", "en"),
        ("", "en"),
        ("../../etc/passwd", "en"),
    ):
        assert texts.preferred_language(request(accepted)) == language
    assert texts.preferred_language(None) == "en"
    assert texts.translate("{count} faces were found.", "de", count=3) == "3 Gesichter wurden gefunden."
    assert texts.translate("An unknown text", "de") == "An unknown text"
