"""Draw the pictures that stand for the page: in previews of links to it, and in browser tabs.

    python scripts/make_link_preview.py

It writes gradio_app/assets/link_preview.jpg and icon.png, from one of the page's examples and its font.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

APP = Path(__file__).resolve().parents[1] / "gradio_app"
PHOTO, PAINTING = "coffee.jpg", "coffee_harvest.jpg"
SIZE = (1200, 630)
#: From the left: where the pictures begin, and where the line between photo and painting is at the top and at the bottom
PICTURES, LINE = 430, (840, 640)
PAPER, INK, SECONDARY, ACTION, OCHER = "#F6F3EC", "#1F1B16", "#5E564B", "#23408E", "#F0B23C"
ICON_SIZE = 192


def link_preview(assets: Path = APP / "assets") -> Image.Image:
    """Draw the name beside a photo that turns into a painting along a slanted line.  -> RGB, 1200 x 630"""
    (width, height), (top, bottom) = SIZE, LINE
    picture = _cover(assets / PHOTO)
    left_of_line = _polygon([(0, 0), (top, 0), (bottom, height), (0, height)])
    picture = Image.composite(picture, _cover(assets / PAINTING), left_of_line)
    preview = Image.new("RGB", SIZE, PAPER)
    preview.paste(picture, (0, 0), _polygon([(PICTURES, 0), (width, 0), (width, height), (PICTURES, height)]))
    preview.paste(PAPER, (0, 0), _polygon([(top - 4, 0), (top + 4, 0), (bottom + 4, height), (bottom - 4, height)]))
    draw = ImageDraw.Draw(preview)
    draw.text((52, 252), "Impasto", INK, _font(92), anchor="ls")
    draw.multiline_text((56, 292), "Paint a photo\nin the style of\nany painting.", SECONDARY, _font(40), spacing=12)
    return preview


def icon() -> Image.Image:
    """Draw the icon: an i whose dot is a dab of paint.  -> RGBA, 192 x 192"""
    scale = 4  # for smooth edges
    side = scale * ICON_SIZE
    drawn = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(drawn)
    draw.rounded_rectangle((0, 0, side - 1, side - 1), side * 0.22, ACTION)
    draw.text((side / 2, side * 0.82), "ı", PAPER, _font(side * 0.92), anchor="ms")
    draw.ellipse([side * edge for edge in (0.39, 0.13, 0.61, 0.35)], OCHER)
    return drawn.resize((ICON_SIZE, ICON_SIZE), Image.Resampling.LANCZOS)


def _cover(path: Path) -> Image.Image:
    """Scale and crop a picture so that it covers the space to the right of the name."""
    width, height = SIZE
    space = width - PICTURES
    with Image.open(path) as image:
        scale = max(space / image.width, height / image.height)
        box = (space / scale, height / scale)
        left, upper = (image.width - box[0]) / 2, (image.height - box[1]) / 2
        crop = (left, upper, left + box[0], upper + box[1])
        covering = image.convert("RGB").resize((space, height), Image.Resampling.LANCZOS, crop)
    canvas = Image.new("RGB", SIZE)
    canvas.paste(covering, (PICTURES, 0))
    return canvas


def _polygon(corners: list[tuple[int, int]]) -> Image.Image:
    """Draw a mask with smooth edges."""
    scale = 4
    mask = Image.new("L", (scale * SIZE[0], scale * SIZE[1]))
    ImageDraw.Draw(mask).polygon([(scale * x, scale * y) for x, y in corners], 255)
    return mask.resize(SIZE, Image.Resampling.BOX)


def _font(size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(APP / "web" / "fonts" / "fraunces-600.ttf", size)


if __name__ == "__main__":
    link_preview().save(APP / "assets" / "link_preview.jpg", quality=85, optimize=True, progressive=True)
    icon().save(APP / "assets" / "icon.png", optimize=True)
