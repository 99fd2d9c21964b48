"""Contact sheets: paintings of the same photo side by side, in one picture to share."""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from . import uploads

_PAPER, _INK = "#F6F3EC", "#1F1B16"
_FONTS = Path(__file__).parents[1] / "web" / "fonts"
#: Fonts of several systems, for titles in scripts that the page's font lacks
_SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "msyh.ttc", "malgun.ttf", "PingFang.ttc")
#: Smallest width of a cell in pixels: smaller paintings are enlarged, so that there is space for their titles
_MIN_CELL_WIDTH = 320
#: Limits of a cell's width as a multiple of its height
_MIN_ASPECT, _MAX_ASPECT = 0.4, 2.5
#: Width to height of the sheet, as nearly as the number of paintings allows, and what an empty cell counts as
_SHEET_ASPECT, _EMPTY_CELL_COST = 1.6, 0.3
#: The margin of the sheet, the gap between cells, and the size of titles, as fractions of the sheet's width
_MARGIN, _GAP, _TITLE = 0.04, 0.024, 1 / 60
#: The size of titles in pixels, and as a fraction of a cell's width, is at least this.
_MIN_TITLE, _MIN_TITLE_IN_CELL = 18, 1 / 22
#: Characters of a title that are considered, and one that no font has
_MAX_TITLE, _NO_CHARACTER = 200, "\uffff"

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def contact_sheet(pictures: Sequence[tuple[Image.Image, str]], max_width: int = 2400) -> Image.Image:
    """Compose two to six paintings of the same photo, each with its title below it.  -> RGB, as wide as they need

    pictures: paintings, of any mode and size, and their titles, which are shortened where they are too long
    max_width: of the sheet, in pixels
    """
    images = [image.convert("RGBA" if image.has_transparency_data else "RGB") for image, _ in pictures]
    aspect = min(_MAX_ASPECT, max(_MIN_ASPECT, images[0].width / images[0].height))
    columns = _columns(len(images), aspect)
    cell_share = (1 - 2 * _MARGIN - (columns - 1) * _GAP) / columns  # of the sheet's width
    cell_width = min(int(cell_share * max_width), max(_MIN_CELL_WIDTH, *(image.width for image in images)))
    cell_height = round(cell_width / aspect)
    margin, gap = (int(share * cell_width / cell_share) for share in (_MARGIN, _GAP))
    width = columns * cell_width + (columns - 1) * gap + 2 * margin
    title_size = round(max(_MIN_TITLE, _MIN_TITLE_IN_CELL * cell_width, _TITLE * width))
    title_height = round(1.9 * title_size)
    rows = math.ceil(len(images) / columns)
    height = rows * (cell_height + title_height) + (rows - 1) * gap + 2 * margin - title_size // 2
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, (image, (_, title)) in enumerate(zip(images, pictures, strict=True)):
        row, column = divmod(index, columns)
        in_row = min(columns, len(images) - row * columns)
        row_width = in_row * cell_width + (in_row - 1) * gap
        left = (width - row_width) // 2 + column * (cell_width + gap)
        top = margin + row * (cell_height + title_height + gap)
        _paste(sheet, image, (left, top, cell_width, cell_height))
        text, font = _fit(title, title_size, cell_width)
        baseline = top + cell_height + round(1.35 * title_size)
        draw.text((left, baseline), text, fill=_INK, font=font, anchor="ls")
    return sheet


def _paste(sheet: Image.Image, image: Image.Image, cell: tuple[int, int, int, int]) -> None:
    """Paste an image, as large as it fits, into the middle of a cell: left, top, width, height."""
    left, top, width, height = cell
    scale = min(width / image.width, height / image.height)
    image = uploads.resize(image, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    position = left + (width - image.width) // 2, top + (height - image.height) // 2
    sheet.paste(image, position, image if image.mode == "RGBA" else None)


def _columns(count: int, aspect: float) -> int:
    """Number of columns with which the sheet is neither wide nor tall and its last row has few empty cells"""

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        return abs(math.log(columns * aspect / rows / _SHEET_ASPECT)) + _EMPTY_CELL_COST * (rows * columns - count)

    return min(range(1, count + 1), key=cost)


def _fit(title: str, size: int, width: int) -> tuple[str, Font]:
    """Return what is drawn of a title, shortened with an ellipsis to a width in pixels, and the font for it."""
    printable = (" " if c.isspace() else c for c in title[:_MAX_TITLE] if c.isspace() or unicodedata.category(c)[0] != "C")
    text = unicodedata.normalize("NFC", " ".join("".join(printable).split()))
    font = max(_fonts(size), key=lambda font: sum(_has_glyph(font, character) for character in text))
    text = " ".join("".join(character for character in text if _has_glyph(font, character)).split())
    shortened = text
    while shortened and font.getlength(shortened if shortened == text else f"{shortened}…") > width:
        shortened = shortened[:-1].rstrip()
    return (text if shortened == text else f"{shortened}…"), font


@functools.lru_cache(maxsize=8)
def _fonts(size: int) -> list[Font]:
    """The page's fonts, Pillow's, and those of this system, in the order of preference"""
    page_fonts = [str(file) for file in sorted(_FONTS.glob("*.ttf"))]
    own, system = ([font for name in names if (font := _open_font(name, size))] for names in (page_fonts, _SYSTEM_FONTS))
    return [*own, ImageFont.load_default(size), *system]


def _open_font(name: str, size: int) -> Font | None:
    """Open a font by its path, or by the name of its file on this system; None if there is none that can be used."""
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def _has_glyph(font: Font, character: str) -> bool:
    return character == " " or _glyph(font, character) != _glyph(font, _NO_CHARACTER)


@functools.lru_cache(maxsize=1024)
def _glyph(font: Font, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
