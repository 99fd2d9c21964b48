"""The page's texts in the visitor's language.

The code's texts are English. `translations/LANGUAGE.json` maps them to their translations; a text without one stays English.
Labels are translated in the browser (`label`), messages on the server (`translate`): both by the browser's language.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gradio as gr

_FOLDER = Path(__file__).parents[1] / "translations"
#: English texts and their translations by language
TRANSLATIONS: dict[str, dict[str, str]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.json"))
}
_labels: dict[str, str] = {}  # the English texts of labels


def label(text: str) -> Any:
    """Return what Gradio shows in the browser's language: for labels, buttons, help and Markdown of components."""
    _labels[text] = text
    return gr.i18n.I18nData(text)


def english(shown: Any) -> str:
    """Return the English text of what `label` has returned; any other text as it is."""
    return shown.key if isinstance(shown, gr.i18n.I18nData) else str(shown)


def browser_translations() -> gr.I18n:
    """Return the translations of all labels, for `launch`."""
    found = {language: {text: texts.get(text, text) for text in _labels} for language, texts in TRANSLATIONS.items()}
    return gr.I18n(en=_labels, **found)


def for_browser(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the translations of these texts by language, for components of our own that run in the browser."""
    chosen = list(texts)
    return {language: {text: known[text] for text in chosen if text in known} for language, known in TRANSLATIONS.items()}


def preferred_language(request: gr.Request | None) -> str:
    """The first language that the browser asks for and that there are translations for; "en" otherwise"""
    accepted = str(request.headers.get("accept-language", "")) if request is not None else ""
    for entry in accepted.split(","):
        language = entry.split(";")[0].strip().split("-")[0].lower()
        if language == "en" or language in TRANSLATIONS:
            return language
    return "en"


def translate(text: str, language: str, /, **values: Any) -> str:
    """Translate an English text. Fields in braces are filled with `values`, as by `str.format`."""
    translated = TRANSLATIONS.get(language, {}).get(text, text)
    return translated.format(**values) if values else translated
