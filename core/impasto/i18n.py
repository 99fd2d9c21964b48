"""The editor plugins' texts in the user's language.  Standard library only: the editors' plugins contain a copy.

There, `translations/LANGUAGE.json` maps the English texts to their translations. A text without one stays English, so a new
language is a new file, and may be incomplete. The engine itself speaks English.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

_FOLDER = os.path.join(os.path.dirname(__file__), "translations")
_translations: dict[str, str] = {}


def set_languages(names: Iterable[str]) -> None:
    """Use the first of these languages for which there are translations, or English.  names: such as "de_AT" or "fr-FR" """
    _translations.clear()
    for name in names:
        language = name.replace("-", "_").split("_")[0].lower()
        if language in ("en", "c"):
            return
        try:
            with open(os.path.join(_FOLDER, f"{language}.json"), encoding="utf-8") as file:
                _translations.update(json.load(file))
            return
        except (OSError, ValueError):
            continue


def i18n(text: str, /, **values: Any) -> str:
    """Translate an English text. Fields in braces are filled with `values`, as by `str.format`."""
    translated = _translations.get(text, text)
    return translated.format(**values) if values else translated
