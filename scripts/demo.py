"""What `make demo` runs: a photograph in the style of one of the project's own paintings, at 512 pixels.

Writes demo.png, and demo_strip.png with the photograph, the painting and the result side by side.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image
from skimage import data

import paintings
from impasto.cli import main

PHOTO, PAINTING = "coffee", "harvest"


def demo() -> int:
    photo, style = Image.fromarray(getattr(data, PHOTO)()), paintings.paint(PAINTING)
    with tempfile.TemporaryDirectory() as folder:
        content, painting = Path(folder) / "photo.png", Path(folder) / "painting.png"
        photo.save(content)
        style.save(painting)
        fixed = ["--size", "512", "--network", "vgg16", "--force"]  # the smaller download, and everywhere the same picture
        status = main(["stylize", str(content), str(painting), "-o", "demo.png", *fixed])
    if status == 0:
        with Image.open("demo.png") as result:
            strip([photo, style, result]).save("demo_strip.png")
        print("demo.png is the painting; demo_strip.png shows the photograph, the style and the painting")
    return status


def strip(pictures: list[Image.Image], height: int = 384, gap: int = 8) -> Image.Image:
    """Pictures side by side at the same height, on white"""
    sizes = [(round(picture.width * height / picture.height), height) for picture in pictures]
    scaled = [p.convert("RGB").resize(size, Image.Resampling.LANCZOS) for p, size in zip(pictures, sizes, strict=True)]
    whole = Image.new("RGB", (sum(p.width for p in scaled) + gap * (len(scaled) - 1), height), "white")
    left = 0
    for picture in scaled:
        whole.paste(picture, (left, 0))
        left += picture.width + gap
    return whole


if __name__ == "__main__":
    raise SystemExit(demo())
