"""Flat shapes and contours: scenes for a brush to paint, and the blocks of a print.

Coordinates and lengths are in heights of the canvas, as in canvas.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from .canvas import HEIGHT, WIDTH, Array, Field, noise, rgb, tangent_and_normal

#: x and y of some points, (N, 2).
Points = Array | Sequence[Any]


def smooth_line(knots: Points, steps: int = 16) -> Array:
    """An open Catmull-Rom spline through the knots: (N, 2) -> (steps (N - 1) + 1, 2)"""
    points = np.asarray(knots, dtype=np.float64)
    points = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    previous, start, end, following = points[:-3, None], points[1:-2, None], points[2:-1, None], points[3:, None]
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    slope, end_slope = (end - previous) / 2, (following - start) / 2
    square, cube = 3 * (end - start) - 2 * slope - end_slope, 2 * (start - end) + slope + end_slope
    curve = start + slope * t + square * t**2 + cube * t**3
    return np.concatenate([curve.reshape(-1, 2), points[-2:-1]])


def ribbon(path: Array, width: Array | float) -> Array:
    """The outline of a line along `path`, (N, 2), with a width at each point: (2 N, 2)"""
    _, normal = tangent_and_normal(path)
    half = normal * (np.broadcast_to(width, len(path)) / 2)[:, None]
    return np.concatenate([path + half, (path - half)[::-1]])


def ellipse(center: Points, across: float, down: float | None = None, turn: float = 0) -> Array:
    """The outline of an ellipse with these radii, turned by an angle in radians: (48, 2)"""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    u, v = across * np.cos(angle), (across if down is None else down) * np.sin(angle)
    return np.asarray(center) + np.stack([u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)], axis=1)


def swelling(count: int, start: float = 0, end: float = 0) -> Array:
    """Widths of a line that swells to 1 in the middle, and of these widths at its ends: (count,)"""
    t = np.linspace(0, 1, count)
    return np.sin(np.pi * t) ** 0.7 * (1 - start * (1 - t) - end * t) + start * (1 - t) + end * t


def fibers(rng: np.random.Generator, shape: tuple[int, ...], down: int, along: int) -> Array:
    """Noise with zero mean, unit standard deviation and features of `along` x `down` pixels: (rows, columns)"""
    small = rng.normal(size=(shape[0] // down + 2, shape[1] // along + 2)).astype(np.float32)
    large = np.asarray(Image.fromarray(small).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    return (large - large.mean()) / large.std()


def grid() -> tuple[Array, Array]:
    """x and y of each pixel: (rows, columns)"""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    return x, y


def lookup(picture: Array) -> Field:
    """The values of a picture, (rows, columns) or (rows, columns, 3), at points"""

    def field(x: Array, y: Array) -> Array:
        return picture[np.clip(y * HEIGHT, 0, HEIGHT - 1).astype(int), np.clip(x * HEIGHT, 0, WIDTH - 1).astype(int)]

    return field


def scatter(rng: np.random.Generator, mask: Array, count: int) -> Array:
    """Random points where the mask is set: (N, 2), N = count, or 0 if it is set nowhere"""
    rows, columns = np.nonzero(mask)
    pick = rng.integers(0, max(1, len(rows)), count if len(rows) else 0)
    return (np.stack([columns[pick], rows[pick]], axis=1) + rng.uniform(size=(len(pick), 2))) / HEIGHT


class FlatScene:
    """A picture of flat shapes, which a brush takes its colors from; at the size of a painting."""

    def __init__(self, background: Array) -> None:
        """background: (rows, columns, 3), 0 to 255"""
        self._image = Image.fromarray(background.clip(0, 255).astype(np.uint8))
        self._drawing = ImageDraw.Draw(self._image)

    def fill(self, points: Points, code: str) -> None:
        self._drawing.polygon((np.asarray(points) * HEIGHT).ravel().tolist(), fill=f"#{code}")

    def blend(self, share: Array, code: str) -> None:
        """Mix a color in; share: of it at each pixel, (rows, columns), 0 to 1"""
        self._image.paste(f"#{code}", mask=Image.fromarray((share.clip(0, 1) * 255).astype(np.uint8)))

    @property
    def pixels(self) -> Array:
        """(rows, columns, 3), 0 to 255"""
        return np.asarray(self._image, dtype=np.float64)


class Blocks:
    """The blocks of a print at twice its size: one with all flat colors, and a key block with the lines."""

    def __init__(self, paper: str) -> None:
        self._size = 2 * WIDTH, 2 * HEIGHT
        self.color = Image.new("RGB", self._size, f"#{paper}")
        self.key = Image.new("L", self._size)
        self._colors, self._lines = ImageDraw.Draw(self.color), ImageDraw.Draw(self.key)

    def fill(self, points: Points, code: str, line: float = 0) -> None:
        """Fill an outline, over what is there, and draw it in the key block with this width."""
        flat = (np.asarray(points) * self._size[1]).ravel().tolist()
        self._colors.polygon(flat, fill=f"#{code}")
        self._lines.polygon(flat, fill=0)
        if line:
            outline = [*flat, *flat[:4]]
            self._lines.line(outline, fill=255, width=max(1, round(line * self._size[1])), joint="curve")

    def tint(self, points: Array, code: str) -> None:
        """Fill an outline with a color, and keep the lines that are there."""
        self._colors.polygon((points * self._size[1]).ravel().tolist(), fill=f"#{code}")

    def line(self, path: Array, width: Array | float) -> None:
        """Draw a line with a width at each point of the path in the key block."""
        self._lines.polygon((ribbon(path, width) * self._size[1]).ravel().tolist(), fill=255)

    def paint(self, mask: Array, color: Array | str) -> None:
        """Fill a mask, over what is there, with one color or a picture.  mask: bool, (rows, columns)"""
        stencil = Image.fromarray(mask)
        if isinstance(color, str):
            self.color.paste(f"#{color}", mask=stencil)
        else:
            self.color.paste(Image.fromarray(color.clip(0, 255).astype(np.uint8)), mask=stencil)
        self.key.paste(0, mask=stencil)

    def mark(self, mask: Array) -> None:
        """Add a mask to the key block: bool, (rows, columns)"""
        self.key.paste(255, mask=Image.fromarray(mask))

    def mask(self, outlines: list[Array]) -> Array:
        """The union of the insides of some outlines: bool, (rows, columns)"""
        stencil = Image.new("1", self._size)
        drawing = ImageDraw.Draw(stencil)
        for outline in outlines:
            drawing.polygon((outline * self._size[1]).ravel().tolist(), fill=1)
        return np.array(stencil)

    def grid(self) -> tuple[Array, Array]:
        """x and y of each pixel: (rows, columns)"""
        y, x = np.mgrid[0 : self._size[1], 0 : self._size[0]].astype(np.float32) / self._size[1]
        return x, y

    def pull(self, rng: np.random.Generator, ink: str, register: tuple[int, int]) -> Array:
        """Print the blocks, the colors a few pixels (down, right) out of register: (rows, columns, 3), 0 to 255"""
        colors = np.asarray(self.color, dtype=np.float32)
        down, right = register
        colors = np.pad(colors, ((down, 0), (right, 0), (0, 0)), mode="edge")[: colors.shape[0], : colors.shape[1]]
        pressure = 1 + 0.10 * noise(rng, colors.shape[:2], 60) + 0.07 * noise(rng, colors.shape[:2], 7)
        cover = (np.asarray(self.key, dtype=np.float32) / 255 * np.clip(pressure, 0.55, 1))[..., None]
        return colors * (1 - cover) + rgb(ink).astype(np.float32) * cover
