"""Contact sheets: pictures in rows and columns, with a title and labels, as one picture."""

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
    """A figure of the paper, from the pictures of its panels in a folder"""
    cells = []
    for row in figure.panels:
        opened = []
        for panel in row:
            with Image.open(folder / f"{panel.name}.png") as image:
                opened.append(image.convert("RGB"))
        cells.append(opened)
    labels = [[panel.label for panel in row] for row in figure.panels]
    if figure.rows:  # then the columns are alike
        labels[1:] = [[]] * (len(labels) - 1)
    return contact_sheet(figure.title, cells, labels=labels, rows=figure.rows, note=figure.note)


def contact_sheet(
    title: str,
    cells: Sequence[Sequence[Image.Image]],
    *,
    labels: Sequence[Sequence[str]],
    rows: Sequence[str] = (),
    note: str = "",
) -> Image.Image:
    """cells: the pictures, row by row; labels: what stands above each, none above a row without; rows: left of each row"""
    large, plain = _font(20), _font(14)
    width = max(cell.width for row in cells for cell in row)
    wide = max([width, *(_text_width(label, plain) for row in labels for label in row)])
    heights = [max(cell.height for cell in row) for row in cells]
    heads = [22 if row else 0 for row in labels]
    left = _GAP + (max(_text_width(label, plain) for label in rows) + _GAP if rows else 0)
    total = max(
        left + max(map(len, cells)) * (wide + _GAP), 2 * _GAP + _text_width(title, large), 2 * _GAP + _text_width(note, plain)
    )
    tall = _GAP + 36 + sum(heights) + sum(heads) + _GAP * len(cells) + (30 if note else 0)
    page = Image.new("RGB", (total, tall), _BACKGROUND)
    draw = ImageDraw.Draw(page)
    draw.text((_GAP, _GAP), title, fill=_TEXT, font=large)
    y = _GAP + 36
    for at, (row, above, head, height) in enumerate(zip(cells, labels, heads, heights, strict=True)):
        for place, label in enumerate(above):
            draw.text((left + place * (wide + _GAP), y), label, fill=_FAINT, font=plain)
        y += head
        if rows:
            draw.text((_GAP, y + height // 2 - 8), rows[at], fill=_TEXT, font=plain)
        for place, cell in enumerate(row):
            page.paste(cell, (left + place * (wide + _GAP), y))
        y += height + _GAP
    if note:
        draw.text((_GAP, y), note, fill=_FAINT, font=plain)
    return page


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _text_width(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> int:
    return int(font.getlength(text)) if text else 0
