"""Makes what the page ships in `assets/`: the paintings, the looks, the examples' photographs, and the examples.

    python make_assets.py                    all of it; the examples take the engine some minutes
    python make_assets.py coffee_harbor      the paintings, the looks and this example

The examples are painted by the program as it is, with the options that examples.json then names.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from PIL import Image
from skimage import data

import impasto
import paintings
from impasto.options import STYLE_LOSSES

ASSETS = Path(__file__).parent / "assets"
#: Photograph, painting, strength, title
EXAMPLES = [
    ("coffee", "harvest", 0.5, "Coffee in the style of Harvest"),
    ("chelsea", "koi", 0.5, "A cat in the style of Koi"),
    ("astronaut", "rose_window", 0.5, "An astronaut in the style of Rose window"),
    ("coffee", "harbor", 0.5, "Coffee in the style of Harbor"),
    ("astronaut", "alpenglow", 0.5, "An astronaut in the style of Alpenglow"),
    ("chelsea", "bamboo", 0.5, "A cat in the style of Bamboo"),
]
_SIZE = 768


def make_paintings() -> None:
    known = []
    for name in paintings.PAINTINGS:
        image = paintings.paint(name)
        image.save(ASSETS / f"{name}.jpg", quality=90)
        image.resize((256, 192), Image.Resampling.LANCZOS).save(ASSETS / f"{name}_small.jpg", quality=88)
        known.append({"title": _title(name), "file": f"{name}.jpg", "thumbnail": f"{name}_small.jpg"})
    _write("paintings.json", known)


def make_examples(names: list[str]) -> None:
    """Paint the examples of those names, or all; the others stay as they are."""
    known = ASSETS / "examples.json"
    before = {about["painting"]: about for about in json.loads(known.read_text(encoding="utf-8"))} if known.exists() else {}
    made = []
    for photo, painting, strength, title in EXAMPLES:
        stem = f"{photo}_{painting}"
        if names and stem not in names:
            made.append(before[f"{stem}.jpg"])
            continue
        content = Image.fromarray(getattr(data, photo)())
        content.thumbnail((_SIZE, _SIZE), Image.Resampling.LANCZOS)
        style = Image.open(ASSETS / f"{painting}.jpg")
        done = impasto.stylize(content, style, size=max(content.size), strength=strength)
        content.save(ASSETS / f"{photo}.jpg", quality=92)
        done.image.save(ASSETS / f"{stem}.jpg", quality=92)
        about: dict[str, Any] = {"title": title, "photo": f"{photo}.jpg", "style": f"{painting}.jpg"}
        line = f"An example: {title}, {done.image.width} × {done.image.height} pixels."
        made.append({**about, "painting": f"{stem}.jpg", "strength": strength, "line": line, "recipe": done.recipe})
        print(title, f"{done.seconds:.0f} s")
    _write("examples.json", made)


def make_looks() -> None:
    """Coffee in the style of Harvest, once with each style loss"""
    content, style = Image.fromarray(data.coffee()), Image.open(ASSETS / "harvest.jpg")
    for loss in STYLE_LOSSES:
        impasto.stylize(content, style, size=256, style_loss=loss).image.save(ASSETS / f"look_{loss}.jpg", quality=88)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _write(name: str, content: Any) -> None:
    (ASSETS / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("examples", nargs="*", help="the examples to paint, as PHOTO_PAINTING; all of them, if none is named")
    arguments = parser.parse_args()
    ASSETS.mkdir(exist_ok=True)
    make_paintings()
    make_looks()
    make_examples(arguments.examples)
