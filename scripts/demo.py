"""Run `make demo`: paint a photograph in the style of one of the project's own paintings, at 512 pixels.

Writes demo.png, and demo_strip.png with the photograph, the style and the result side by side.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image
from skimage import data

from impasto.cli.main import main
from paintings.collection import paint

PHOTO, PAINTING = "coffee", "harvest"


def demo() -> int:
    """Returns the exit status."""
    photo, style = demo_pictures()
    with tempfile.TemporaryDirectory() as folder:
        content, painting = Path(folder) / "photo.png", Path(folder) / "painting.png"
        photo.save(content)
        style.save(painting)
        settings = ["--size", "512", "--network", "vgg16", "--force"]  # the smaller download; the same picture everywhere
        status = main(["stylize", str(content), str(painting), "-o", "demo.png", *settings])
    if status == 0:
        with Image.open("demo.png") as result:
            join_side_by_side([photo, style, result]).save("demo_strip.png")
        print("demo.png is the result; demo_strip.png shows the photograph, the style and the result")
    return status


def demo_pictures() -> tuple[Image.Image, Image.Image]:
    """The photograph and the painting of the demo"""
    return photograph(PHOTO), paint(PAINTING)


def photograph(name: str) -> Image.Image:
    """One of scikit-image's photographs"""
    return Image.fromarray(getattr(data, name)())


def join_side_by_side(pictures: list[Image.Image], height: int = 384, gap: int = 8) -> Image.Image:
    """Scale pictures to the same height, in pixels, and place them side by side on white."""
    sizes = [(round(picture.width * height / picture.height), height) for picture in pictures]
    scaled = [p.convert("RGB").resize(size, Image.Resampling.LANCZOS) for p, size in zip(pictures, sizes, strict=True)]
    strip = Image.new("RGB", (sum(p.width for p in scaled) + gap * (len(scaled) - 1), height), "white")
    left = 0
    for picture in scaled:
        strip.paste(picture, (left, 0))
        left += picture.width + gap
    return strip


if __name__ == "__main__":
    raise SystemExit(demo())
