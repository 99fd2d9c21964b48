"""Make the pictures that the page ships in `gradio_app/assets/`: paintings, style loss samples and examples.

    python scripts/make_gallery.py                    all of them; the examples take the engine some minutes
    python scripts/make_gallery.py coffee_harvest     the paintings, the style loss samples and this example

The examples are painted by the engine with the options that examples.json lists.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageOps

import impasto
from demo import photograph
from impasto.options import STYLE_LOSS_NAMES
from paintings.collection import PAINTINGS, paint

ASSETS = Path(__file__).resolve().parents[1] / "gradio_app" / "assets"


class Example(NamedTuple):
    """A photograph to be painted in the style of a painting."""

    photo: str
    painting: str
    strength: float
    title: str

    @property
    def name(self) -> str:
        return f"{self.photo}_{self.painting}"


EXAMPLES = [
    Example("coffee", "harvest", 0.5, "Coffee in the style of Harvest"),
    Example("chelsea", "koi", 0.5, "A cat in the style of Koi"),
    Example("astronaut", "rose_window", 0.5, "An astronaut in the style of Rose window"),
]
#: Longest side of an example, in pixels.
_EXAMPLE_SIZE = 768
_THUMBNAIL_SIZE = 240, 180


def make_paintings() -> None:
    """Write the pictures, their thumbnails and paintings.json. A picture that is there already keeps its file."""
    listed = []
    for name, painting in PAINTINGS.items():
        path, thumbnail = ASSETS / f"{name}.jpg", ASSETS / f"{name}_small.jpg"
        if not path.exists():  # examples and trained networks are of these very files
            _save_within(paint(name), path, 350_000)
        with Image.open(path) as image:
            _save_within(image.resize(_THUMBNAIL_SIZE, Image.Resampling.LANCZOS), thumbnail, 12_000)
        listed.append(
            {
                "title": _title(name),
                "file": path.name,
                "thumbnail": thumbnail.name,
                "kind": painting.kind,
                "description": painting.description,
            }
        )
    _write_json("paintings.json", listed)


def _save_within(image: Image.Image, path: Path, limit: int) -> None:
    """Save a JPEG in the best quality with which it has at most `limit` bytes."""
    for quality in range(90, 20, -1):
        image.save(path, quality=quality, optimize=True)
        if path.stat().st_size <= limit:
            return
    raise ValueError(f"{path.name} does not fit into {limit} bytes")


def make_examples(names: list[str]) -> None:
    """Paint the examples with these names, or all if there are none; the others stay as they are."""
    path = ASSETS / "examples.json"
    existing = {entry["painting"]: entry for entry in json.loads(path.read_text(encoding="utf-8"))} if path.exists() else {}
    _write_json(
        path.name,
        [
            existing[f"{example.name}.jpg"] if names and example.name not in names else make_example(example)
            for example in EXAMPLES
        ],
    )


def make_example(example: Example) -> dict[str, Any]:
    """Write the photograph and the painting; returns the entry in examples.json."""
    content = photograph(example.photo)
    content.thumbnail((_EXAMPLE_SIZE, _EXAMPLE_SIZE), Image.Resampling.LANCZOS)
    style = Image.open(ASSETS / f"{example.painting}.jpg")
    result = impasto.stylize(content, style, size=max(content.size), strength=example.strength)
    content.save(ASSETS / f"{example.photo}.jpg", quality=92)
    thumbnail = ImageOps.fit(content, _THUMBNAIL_SIZE, Image.Resampling.LANCZOS, centering=(0.5, 0.15))
    _save_within(thumbnail, ASSETS / f"{example.photo}_small.jpg", 12_000)
    result.image.save(ASSETS / f"{example.name}.jpg", quality=92)
    print(example.title, f"{result.seconds:.0f} s")
    return {
        "title": example.title,
        "photo": f"{example.photo}.jpg",
        "style": f"{example.painting}.jpg",
        "painting": f"{example.name}.jpg",
        "strength": example.strength,
        "recipe": result.recipe,
    }


def make_style_loss_samples() -> None:
    """Paint coffee in the style of Harvest with each style loss."""
    content, style = photograph("coffee"), Image.open(ASSETS / "harvest.jpg")
    for loss in STYLE_LOSS_NAMES:
        impasto.stylize(content, style, size=256, style_loss=loss).image.save(ASSETS / f"look_{loss}.jpg", quality=88)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _write_json(name: str, content: Any) -> None:
    (ASSETS / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the pictures that the page ships in gradio_app/assets.")
    parser.add_argument("examples", nargs="*", help="examples to paint, as PHOTO_PAINTING (default: all)")
    arguments = parser.parse_args()
    ASSETS.mkdir(exist_ok=True)
    make_paintings()
    make_style_loss_samples()
    make_examples(arguments.examples)
