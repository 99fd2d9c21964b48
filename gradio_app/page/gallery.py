"""What visitors can choose with a click: paintings, instant styles, style losses and examples."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from impasto import ImageError
from impasto.feedforward.registry import describe_networks

from . import components, uploads

ASSETS = Path(__file__).parents[1] / "assets"
EXAMPLES: list[dict[str, Any]] = json.loads((ASSETS / "examples.json").read_text(encoding="utf-8"))
PAINTINGS: list[dict[str, str]] = json.loads((ASSETS / "paintings.json").read_text(encoding="utf-8"))
#: Labels and values.
STYLE_LOSS_CHOICES: list[tuple[str, str]] = [(label, value) for label, value in components.choices("style_loss") if value]


class InstantStyle(NamedTuple):
    """A style that a feed-forward network has been trained to paint."""

    network: str  # its name
    title: str
    thumbnail: str | Image.Image  # a path or a picture
    painting: str = ""  # path of the painting it was trained on, if it is one of PAINTINGS


def _instant_style(network: str, title: str, thumbnail: str) -> InstantStyle:
    """thumbnail: a JPEG file in base64, used unless the page has a larger one"""
    for painting in PAINTINGS:
        if Path(painting["file"]).stem == network:
            return InstantStyle(network, title, str(ASSETS / painting["thumbnail"]), str(ASSETS / painting["file"]))
    try:
        return InstantStyle(network, title, uploads.read_upload(base64.b64decode(thumbnail), "the thumbnail"))
    except (ImageError, ValueError):  # a network that another program wrote
        return InstantStyle(network, title, Image.new("RGB", (96, 72), "gray"))


#: By the network's name.
INSTANT_STYLES = {info["name"]: _instant_style(info["name"], info["title"], info["thumbnail"]) for info in describe_networks()}
