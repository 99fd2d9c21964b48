"""What visitors can choose with a click: styles, style losses and examples."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from impasto import ImageError
from impasto.feedforward.registry import describe_networks

from . import components, uploads
from .picture_wall import WallPicture
from .static_files import address
from .viewer import picture_pair

ASSETS = Path(__file__).parents[1] / "assets"
EXAMPLES: list[dict[str, Any]] = json.loads((ASSETS / "examples.json").read_text(encoding="utf-8"))
PAINTINGS: list[dict[str, str]] = json.loads((ASSETS / "paintings.json").read_text(encoding="utf-8"))
#: Badge of a style with a network; kind of the styles that are only a network
INSTANT, OWN_NETWORKS = "instant", "Networks"
#: Labels and values.
STYLE_LOSS_CHOICES: list[tuple[str, str]] = [(label, value) for label, value in components.choices("style_loss") if value]


#: Photos to try, by file; each has examples.
_PHOTO_TITLES = {"coffee.jpg": "Coffee", "chelsea.jpg": "Cat", "astronaut.jpg": "Portrait"}


class Style(NamedTuple):
    """A style in the gallery: a painting, a network that was trained on a style, or both."""

    wall_picture: WallPicture
    painting: str = ""  # path
    network: str = ""  # name of the network, which paints in half a second

    @property
    def title(self) -> str:
        return self.wall_picture.title


class Photo(NamedTuple):
    """A photo to try, and an example of what becomes of it."""

    title: str
    photo: str  # path
    example: dict[str, Any]

    @property
    def wall_picture(self) -> WallPicture:
        thumbnail = Path(self.photo).with_name(f"{Path(self.photo).stem}_small.jpg")
        return WallPicture(self.title, address(thumbnail))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height"""
        with Image.open(self.photo) as photo:
            return photo.size

    @property
    def painting(self) -> str:
        """Path of the example"""
        return str(ASSETS / self.example["painting"])

    @property
    def pair(self) -> dict[str, Any]:
        """The example, for the viewer"""
        return picture_pair(address(Path(self.photo)), address(Path(self.painting)), self.size, title=self.example["title"])


def _styles() -> list[Style]:
    """Return the paintings, and the networks that were trained on other pictures."""
    networks = {info["name"]: info for info in describe_networks()}
    styles = []
    for painting in PAINTINGS:
        name = Path(painting["file"]).stem
        network = name if networks.pop(name, None) else ""
        thumbnail = address(ASSETS / painting["thumbnail"])
        badge = INSTANT if network else ""
        picture = WallPicture(painting["title"], thumbnail, painting["kind"], painting["description"], badge)
        styles.append(Style(picture, str(ASSETS / painting["file"]), network))
    for name, info in networks.items():
        styles.append(Style(WallPicture(info["title"], _thumbnail(info), OWN_NETWORKS, badge=INSTANT), network=name))
    return styles


def _thumbnail(network: dict[str, Any]) -> str:
    """A data URL of a network's thumbnail"""
    try:
        picture = uploads.read_upload(base64.b64decode(network["thumbnail"]), "the thumbnail")
    except (ImageError, ValueError):  # a network that another program wrote
        picture = Image.new("RGB", (96, 72), "gray")
    return uploads.jpeg_data_url(picture)


def _photos() -> list[Photo]:
    found = []
    for file, title in _PHOTO_TITLES.items():
        example = next(example for example in EXAMPLES if example["photo"] == file)
        found.append(Photo(title, str(ASSETS / file), example))
    return found


def _pixel_hash(picture: Image.Image) -> bytes:
    return hashlib.blake2b(picture.tobytes()).digest()


STYLES = _styles()
PHOTOS = _photos()
#: What a visitor finds on the page: a photo that is painted already
ARRIVAL = PHOTOS[0]
_SAMPLE_HASHES = [_pixel_hash(uploads.read_upload(photo.photo, "the photo")) for photo in PHOTOS]


def is_sample(photo: Image.Image) -> bool:
    """Tell whether this is one of the photos to try."""
    return _pixel_hash(photo) in _SAMPLE_HASHES
