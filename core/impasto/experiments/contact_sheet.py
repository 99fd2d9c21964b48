"""Contact sheets: a grid of pictures with a title and labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from .paper_figures import Figure

_GAP = 12
_BACKGROUND, _TEXT, _FAINT = "#ffffff", "#1c1917", "#78716c"


def sheet_from_figure(figure: Figure, folder: Path) -> Image.Image:
    """Compose a figure of the paper from the pictures of its panels in a folder."""
    rows = []
    for row in figure.panels:
        images = []
        for panel in row:
            with Image.open(folder / f"{panel.name}.png") as image:
                images.append(image.convert("RGB"))
        rows.append(images)
    labels = [[panel.label for panel in row] for row in figure.panels]
    if figure.rows:  # all rows have the same column labels
        labels[1:] = [[]] * (len(labels) - 1)
    return contact_sheet(figure.title, rows, labels=labels, rows=figure.rows, note=figure.note)


def contact_sheet(
    title: str,
    images: Sequence[Sequence[Image.Image]],
    *,
    labels: Sequence[Sequence[str]],
    rows: Sequence[str] = (),
    note: str = "",
) -> Image.Image:
    """Compose images, row by row, with labels above each image, row titles at the left and a note below."""
    large, plain = _font(20), _font(14)
    image_width = max(image.width for row in images for image in row)
    column_width = max([image_width, *(_text_width(label, plain) for row in labels for label in row)])
    heights = [max(image.height for image in row) for row in images]
    label_heights = [22 if row else 0 for row in labels]
    left = _GAP + (max(_text_width(label, plain) for label in rows) + _GAP if rows else 0)
    width = max(
        left + max(map(len, images)) * (column_width + _GAP),
        2 * _GAP + _text_width(title, large),
        2 * _GAP + _text_width(note, plain),
    )
    height = _GAP + 36 + sum(heights) + sum(label_heights) + _GAP * len(images) + (30 if note else 0)
    page = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(page)
    draw.text((_GAP, _GAP), title, fill=_TEXT, font=large)
    y = _GAP + 36
    for n, (row, row_labels, label_height, row_height) in enumerate(zip(images, labels, label_heights, heights, strict=True)):
        for column, label in enumerate(row_labels):
            draw.text((left + column * (column_width + _GAP), y), label, fill=_FAINT, font=plain)
        y += label_height
        if rows:
            draw.text((_GAP, y + row_height // 2 - 8), rows[n], fill=_TEXT, font=plain)
        for column, image in enumerate(row):
            page.paste(image, (left + column * (column_width + _GAP), y))
        y += row_height + _GAP
    if note:
        draw.text((_GAP, y), note, fill=_FAINT, font=plain)
    return page


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _text_width(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> int:
    return int(font.getlength(text)) if text else 0
