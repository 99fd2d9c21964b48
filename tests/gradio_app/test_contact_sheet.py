"""Contact sheets: the cells, and titles of any length in any script."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.gradio_app.conftest import LoadModule

COLORS = ["#aa0000", "#00aa00", "#0000aa", "#aaaa00", "#aa00aa", "#00aaaa"]
PAPER, INK = (0xF6, 0xF3, 0xEC), (0x1F, 0x1B, 0x16)
Box = tuple[int, int, int, int]  # left, top, right, bottom


def colored(count: int, size: tuple[int, int], title: str = "Harvest") -> list[tuple[Image.Image, str]]:
    return [(Image.new("RGB", size, color), title) for color in COLORS[:count]]


def box(sheet: Image.Image, color: str) -> Box:
    """Where a color is"""
    is_color = (np.asarray(sheet) == np.asarray(Image.new("RGB", (1, 1), color))[0, 0]).all(axis=2)
    rows, columns = np.flatnonzero(is_color.any(axis=1)), np.flatnonzero(is_color.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def ink(sheet: Image.Image) -> np.ndarray:
    """Where something dark is written on the paper, (H, W)"""
    values = np.asarray(sheet).astype(int)
    return (values.max(axis=2) < 90) & (np.ptp(values, axis=2) < 30)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("size", [(1024, 768), (600, 900), (64, 64), (4000, 300), (20, 900), (3000, 2000)])
def test_cells_are_equal_and_have_titles_and_margins(load_module: LoadModule, count: int, size: tuple[int, int]) -> None:
    sheet = load_module("page.contact_sheet").contact_sheet(colored(count, size), 1200)
    assert sheet.mode == "RGB"
    assert sheet.width <= 1200
    boxes = [box(sheet, color) for color in COLORS[:count]]
    for left, top, right, bottom in boxes:
        assert (right - left, bottom - top) == (boxes[0][2] - boxes[0][0], boxes[0][3] - boxes[0][1])
        assert (right - left) / (bottom - top) == pytest.approx(size[0] / size[1], rel=0.15)
        assert min(left, top, sheet.width - right, sheet.height - bottom) > 0.03 * sheet.width
    for left, top, right, bottom in boxes:  # no cell covers another
        others = [other for other in boxes if other != (left, top, right, bottom)]
        assert all(right < other[0] or other[2] < left or bottom < other[1] or other[3] < top for other in others)
    titles: np.ndarray = ink(sheet).max(axis=1)
    starts = np.flatnonzero(titles[1:] & ~titles[:-1])
    assert len(starts) == len({top for _, top, _, _ in boxes})  # a line of titles below each row
    assert sheet.getpixel((0, 0)) == sheet.getpixel((sheet.width - 1, sheet.height - 1)) == PAPER


@pytest.mark.parametrize("count", [2, 6])
def test_a_sheet_is_at_most_2400_pixels_wide_and_enlarges_nothing_large(load_module: LoadModule, count: int) -> None:
    contact_sheet = load_module("page.contact_sheet").contact_sheet
    assert 2390 <= contact_sheet(colored(count, (2048, 1365))).width <= 2400
    left, _, right, _ = box(contact_sheet(colored(count, (500, 400))), COLORS[0])
    assert right - left == 500


def test_few_landscapes_are_side_by_side_and_six_fill_two_rows(load_module: LoadModule) -> None:
    contact_sheet = load_module("page.contact_sheet").contact_sheet

    def rows(count: int, size: tuple[int, int]) -> list[int]:
        sheet = contact_sheet(colored(count, size), 800)
        tops = [box(sheet, color)[1] for color in COLORS[:count]]
        return [tops.count(top) for top in sorted(set(tops))]

    assert rows(2, (900, 600)) == [2]
    assert rows(3, (600, 900)) == [3]
    assert rows(4, (600, 600)) == [2, 2]
    assert rows(5, (800, 600)) == [3, 2]
    assert rows(6, (900, 600)) == [3, 3]
    assert rows(2, (2400, 600)) == [1, 1]


def test_paintings_of_other_sizes_and_modes_are_centered_in_equal_cells(load_module: LoadModule) -> None:
    half = Image.new("RGBA", (400, 400), COLORS[1])
    half.paste((0, 0, 0, 0), (0, 200, 400, 400))
    pictures = [*colored(1, (800, 600)), (half, "Koi"), (Image.new("L", (80, 60), 90), "Pencil")]
    sheet = load_module("page.contact_sheet").contact_sheet(pictures)
    first, second, third = box(sheet, COLORS[0]), box(sheet, COLORS[1]), box(sheet, "#5a5a5a")
    assert third[2] - third[0] == first[2] - first[0]
    assert second[2] - second[0] == pytest.approx(first[3] - first[1], abs=2)
    assert sheet.getpixel(((second[0] + second[2]) // 2, second[3] + 20)) == PAPER  # transparent


@pytest.mark.parametrize(
    "title",
    [
        *("", " ", "A very long title of a painting that does not fit below it, however wide the sheet may be", "W" * 100_000),
        *("Café Łódź", "金門大橋", "Жатва", "سوسن", "गेहूँ", "🌾 Harvest", "🌾", "Z̸͎̈a̴l̷g̶o̵", "\u202eabc", "\ue000"),
        *("two\nlines", "tab\there", "\x00\x1b[31m", "\udcff\ud800", "{0} %s <b>&amp;</b>", "\uffff"),
    ],
)
def test_every_title_fits_its_cell(load_module: LoadModule, title: str) -> None:
    pictures = colored(3, (400, 600))
    sheet = load_module("page.contact_sheet").contact_sheet([pictures[0], (pictures[1][0], title), pictures[2]])
    left, _, right, bottom = box(sheet, COLORS[1])
    written = ink(sheet)[bottom:]
    columns = np.flatnonzero(written.any(axis=0))
    middle = columns[(columns > box(sheet, COLORS[0])[2]) & (columns < box(sheet, COLORS[2])[0])]
    assert ((middle >= left - 2) & (middle < right + 2)).all()


@pytest.mark.parametrize("title", ["Harvest", "A wheat field with cypresses and crows", "Żółty"])
def test_a_title_is_written_even_without_the_fonts_of_page_and_system(
    load_module: LoadModule, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, title: str
) -> None:
    module = load_module("page.contact_sheet")
    monkeypatch.setattr(module, "_FONTS", tmp_path)
    monkeypatch.setattr(module, "_SYSTEM_FONTS", ("no such font.ttf",))
    assert ink(module.contact_sheet(colored(2, (400, 300), title))).any()


def test_a_font_of_the_page_is_preferred_and_a_damaged_one_is_not_used(
    load_module: LoadModule, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = load_module("page.contact_sheet")
    monkeypatch.setattr(module, "_FONTS", tmp_path)
    plain = module.contact_sheet(colored(2, (400, 300)))
    (tmp_path / "damaged.ttf").write_bytes(b"damaged")
    module._fonts.cache_clear()
    assert np.array_equal(module.contact_sheet(colored(2, (400, 300))), plain)
