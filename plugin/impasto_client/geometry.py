"""Rectangles of pixels, and the rectangle in which two images differ."""

from __future__ import annotations

from typing import NamedTuple

#: The left and right edges of a changed rectangle are found in steps of this many pixels.
_COLUMN_STEP = 16


class Rect(NamedTuple):
    """A rectangle in canvas coordinates, in pixels."""

    x: int
    y: int
    width: int
    height: int

    def intersection(self, other: Rect) -> Rect:
        """The overlap of two rectangles; width or height is 0 where there is none."""
        left, top = max(self.x, other.x), max(self.y, other.y)
        right = min(self.x + self.width, other.x + other.width)
        bottom = min(self.y + self.height, other.y + other.height)
        return Rect(left, top, max(0, right - left), max(0, bottom - top))

    def contains(self, other: Rect) -> bool:
        """Whether the other lies within this one."""
        return self.intersection(other) == other

    def with_margin(self, margin: int) -> Rect:
        """The rectangle enlarged by `margin` pixels on every side."""
        return Rect(self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin)


def union(a: Rect | None, b: Rect) -> Rect:
    """The smallest rectangle that contains both."""
    if a is None:
        return b
    left, top = min(a.x, b.x), min(a.y, b.y)
    right, bottom = max(a.x + a.width, b.x + b.width), max(a.y + a.height, b.y + b.height)
    return Rect(left, top, right - left, bottom - top)


def changed_rect(before: bytes, after: bytes, rect: Rect) -> Rect:
    """The part of `rect` in which two different images of it differ: exact rows, columns to within 16 pixels.

    before, after: pixels of any number of bytes, row by row
    """
    pixel = len(before) // (rect.width * rect.height)
    stride, step = pixel * rect.width, pixel * _COLUMN_STEP
    rows = [n for n in range(rect.height) if before[n * stride : (n + 1) * stride] != after[n * stride : (n + 1) * stride]]
    left, right = stride, 0
    for n in rows:
        old, new = before[n * stride : (n + 1) * stride], after[n * stride : (n + 1) * stride]
        while left and old[:left] != new[:left]:
            left = max(0, left - step)
        while right < stride and old[right:] != new[right:]:
            right = min(stride, right + step)
    return Rect(rect.x + left // pixel, rect.y + rows[0], (right - left) // pixel, rows[-1] - rows[0] + 1)
