"""What visitors can choose with a click: styles, style losses and examples."""

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


class Style(NamedTuple):
    """A style in the gallery: a painting, a network that was trained on a style, or both."""

    title: str
    thumbnail: str | Image.Image  # a path or a picture
    painting: str = ""  # path
    network: str = ""  # name of the network, which paints in half a second


def _styles() -> list[Style]:
    """Return the paintings, and the networks that were trained on other pictures."""
    networks = {info["name"]: info for info in describe_networks()}
    styles = []
    for painting in PAINTINGS:
        name = Path(painting["file"]).stem
        thumbnail, picture = (str(ASSETS / painting[key]) for key in ("thumbnail", "file"))
        styles.append(Style(painting["title"], thumbnail, picture, name if networks.pop(name, None) else ""))
    return styles + [Style(info["title"], _thumbnail(info), network=name) for name, info in networks.items()]


def _thumbnail(network: dict[str, Any]) -> Image.Image:
    try:
        return uploads.read_upload(base64.b64decode(network["thumbnail"]), "the thumbnail")
    except (ImageError, ValueError):  # a network that another program wrote
        return Image.new("RGB", (96, 72), "gray")


STYLES = _styles()
