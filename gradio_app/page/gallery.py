"""What there is to be chosen by a click: paintings, instant styles, looks and examples."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

import pictures
import widgets
from impasto import ImageError, library

ASSETS = Path(__file__).parent / "assets"
EXAMPLES: list[dict[str, Any]] = json.loads((ASSETS / "examples.json").read_text(encoding="utf-8"))
PAINTINGS: list[dict[str, str]] = json.loads((ASSETS / "paintings.json").read_text(encoding="utf-8"))
LOOKS: list[tuple[str, str]] = [(label, value) for label, value in widgets.offers("style_loss") if value]


class Instant(NamedTuple):
    """A style that a net paints in at once"""

    net: str  # its name
    title: str
    thumbnail: str | Image.Image
    painting: str = ""  # path of what the net has learned, where the page has it


def _instant(net: str, title: str, thumbnail: str) -> Instant:
    """thumbnail: a JPEG file in base64; the page's own is larger"""
    for painting in PAINTINGS:
        if Path(painting["file"]).stem == net:
            return Instant(net, title, str(ASSETS / painting["thumbnail"]), str(ASSETS / painting["file"]))
    try:
        return Instant(net, title, pictures.read(base64.b64decode(thumbnail), "the thumbnail"))
    except (ImageError, ValueError):  # somebody's own net, and none of this project's making
        return Instant(net, title, Image.new("RGB", (96, 72), "gray"))


INSTANT = {about["name"]: _instant(about["name"], about["title"], about["thumbnail"]) for about in library.described()}
