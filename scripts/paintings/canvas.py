"""What the paintings are made with: the canvas, the brushes that touch it, and color, noise and distance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[Any]
WIDTH, HEIGHT = 1024, 768


class Canvas:
    """A canvas at twice the size, with a second one for how thick the paint lies."""

    def __init__(self, rng: np.random.Generator, color: Callable[[Array, Array], Array]) -> None:
        """color: of the scene at (x, y), which is laid in thinly and a little darker first"""
        self._rng = rng
        self._size = 2 * WIDTH, 2 * HEIGHT
        y, x = np.mgrid[0 : HEIGHT // 8, 0 : WIDTH // 8] * (8 / HEIGHT)
        under = (color(x.ravel(), y.ravel()).reshape(*x.shape, 3) * 0.85).clip(0, 255).astype(np.uint8)
        self._paint = Image.fromarray(under).resize(self._size, Image.Resampling.BICUBIC)
        self._thickness = Image.new("L", self._size, 90)

    def strokes(
        self,
        count: int,
        angle: Callable[[Array, Array], Array],
        color: Callable[[Array, Array], Array],
        *,
        length: float,
        width: float,
        variety: float,
    ) -> None:
        """Brush strokes that follow `angle` in the `color` of where they begin. Lengths are in heights of the canvas."""
        rng, unit = self._rng, self._size[1]
        x, y = rng.uniform(-0.05, WIDTH / HEIGHT + 0.05, count), rng.uniform(-0.05, 1.05, count)
        points = 14
        lengths = length * rng.uniform(0.6, 1.3, count)
        path = np.empty((points, count, 2))
        px, py = x.copy(), y.copy()
        for i in range(points):
            path[i, :, 0], path[i, :, 1] = px, py
            theta = angle(px, py)
            px, py = px + np.cos(theta) * lengths / points, py + np.sin(theta) * lengths / points
        middle = path[points // 3]
        colors = (
            color(middle[:, 0], middle[:, 1]) + rng.normal(0, variety, (count, 1)) + rng.normal(0, variety / 2, (count, 3))
        )
        direction = np.gradient(path, axis=0)
        normal = np.stack([-direction[..., 1], direction[..., 0]], axis=2)
        normal /= np.linalg.norm(normal, axis=2, keepdims=True) + 1e-9
        profile = np.sin(np.linspace(0.15, np.pi - 0.08, points)) ** 0.5  # a stroke swells and runs out
        bristles = max(4, round(width * unit / 5))
        thick = max(2, round(1.7 * width * unit / bristles))
        drawing, relief = ImageDraw.Draw(self._paint), ImageDraw.Draw(self._thickness)
        for stroke in range(count):
            across = (np.arange(bristles) + 0.5) / bristles - 0.5
            shade = rng.normal(0, 9, bristles)
            start = rng.integers(0, 2, bristles)
            for bristle in range(bristles):
                offset = across[bristle] * width * lengths[stroke] / length * profile[:, None]
                line = (path[:, stroke] + normal[:, stroke] * offset) * unit
                points_on = [tuple(p) for p in line[start[bristle] : points - rng.integers(0, 3)]]
                fill = tuple(int(c) for c in (colors[stroke] + shade[bristle]).clip(0, 255))
                drawing.line(points_on, fill=fill, width=thick, joint="curve")
                ridge = 120 + 70 * (2 * abs(across[bristle])) ** 2 + 5 * shade[bristle]
                relief.line(points_on, fill=int(np.clip(ridge, 0, 255)), width=max(2, thick - 1), joint="curve")

    def dabs(
        self, size: float, angle: Callable[[Array, Array], Array], color: Callable[[Array, Array], Array], *, length: float
    ) -> None:
        """Round dabs, side by side in no order, of pure colors that only together make `color`. `size` is in heights."""
        rng, unit = self._rng, self._size[1]
        y, x = np.mgrid[-size : 1 + size : size, -size : WIDTH / HEIGHT + size : size].reshape(2, -1)
        order = rng.permutation(x.size)
        x, y = x[order] + rng.uniform(-0.5, 0.5, x.size) * size, y[order] + rng.uniform(-0.5, 0.5, x.size) * size
        colors = _divided(rng, color(x, y)).clip(0, 255).astype(int)
        theta = angle(x, y) + rng.normal(0, 0.25, x.size)
        half = size * rng.uniform(0.30, 0.55, x.size)
        turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        along, across = np.cos(turn) * length, np.sin(turn)
        rim = rng.uniform(0.86, 1.14, (x.size, 12)) * half[:, None]
        px = x[:, None] + rim * (along * np.cos(theta)[:, None] - across * np.sin(theta)[:, None])
        py = y[:, None] + rim * (along * np.sin(theta)[:, None] + across * np.cos(theta)[:, None])
        outline = np.stack([px, py], axis=2).reshape(x.size, -1) * unit
        core = outline * 0.55 + np.tile(np.stack([x, y], axis=1), 12) * unit * 0.45
        drawing, relief = ImageDraw.Draw(self._paint), ImageDraw.Draw(self._thickness)
        for whole, inner, fill in zip(outline.tolist(), core.tolist(), colors.tolist(), strict=True):
            drawing.polygon(whole, fill=tuple(fill))
            relief.polygon(whole, fill=150)
            relief.polygon(inner, fill=185)

    def finished(self, relief: float) -> Image.Image:
        """Light from the upper left on the ridges of the paint."""
        height = np.asarray(self._thickness.filter(ImageFilter.GaussianBlur(1.6)), dtype=np.float32)
        down, right = np.gradient(height)
        light = np.clip((down + right) * -relief, -42, 52)
        picture = np.asarray(self._paint, dtype=np.float32) + light[..., None]
        return finished(picture)


def brush(
    rng: np.random.Generator,
    drawing: ImageDraw.ImageDraw,
    path: Array,
    *,
    width: float,
    load: float,
    dry: float,
    pointed: bool,
) -> None:
    """A stroke of ink along the smooth `path` (N, 2) in heights, hair by hair, that breaks up as the brush runs `dry`."""
    unit, t = 2 * HEIGHT, np.linspace(0, 1, 18)
    degree = len(path) - 1
    line = np.stack([np.polyval(np.polyfit(np.linspace(0, 1, degree + 1), at, degree), t) for at in path.T], axis=1)
    _, normal = frame(line)
    swell = np.sin(np.pi * np.clip(t, 0.02, 0.985) ** 0.6) ** 0.9 if pointed else np.ones_like(t)
    hairs = max(3, round(width * unit / 3))
    thick = max(2, round(1.5 * width * unit / hairs))
    for across in np.linspace(-0.5, 0.5, hairs):
        hair = (line + normal * (across * width * swell)[:, None]) * unit
        wet = rng.normal(1.25, 0.35) - dry * (t + 0.35 * np.sin(7 * t + rng.uniform(0, 6)))
        fill = int(np.clip(255 * load * (0.62 + 0.5 * abs(across) + rng.normal(0, 0.10)), 0, 255))
        ends = rng.integers(0, 1 if pointed else 1 + round(4 * dry), 2)
        for i in np.flatnonzero(wet[:-1] > 0.42)[ends[0] : t.size - ends[1]]:
            drawing.line([tuple(hair[i]), tuple(hair[i + 1])], fill=fill, width=thick)


def frame(path: Array) -> tuple[Array, Array]:
    """The unit vectors along and across a path, (N, 2) each"""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    return along, np.stack([-along[:, 1], along[:, 0]], axis=1)


def smooth(knots: Array) -> Array:
    """A closed curve through the knots: (N, 2) -> (12 N, 2)"""
    before, after, beyond = (np.roll(knots, shift, axis=0) for shift in (1, -1, -2))
    t = np.linspace(0, 1, 12, endpoint=False)[:, None, None]
    slope, end = (after - before) / 2, (beyond - knots) / 2
    curve = knots + slope * t + (3 * (after - knots) - 2 * slope - end) * t**2 + (2 * (knots - after) + slope + end) * t**3
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def clearance(kinds: Array) -> Array:
    """How far, in pixels, each pixel is from the nearest place where the kinds of two neighbors differ"""
    edge = np.zeros(kinds.shape, bool)
    edge[:, 1:] |= kinds[:, 1:] != kinds[:, :-1]
    edge[1:] |= kinds[1:] != kinds[:-1]
    edge_y, edge_x = (at[::2, None].astype(np.float32) for at in np.nonzero(edge))
    high, wide = kinds.shape
    x, y = (np.arange(2, size, 4, dtype=np.float32) for size in (wide, high))
    small = np.array([((edge_x - x) ** 2 + (edge_y - level) ** 2).min(axis=0) for level in y]) ** 0.5
    return np.asarray(Image.fromarray(small).resize((wide, high), Image.Resampling.BICUBIC))


def in_rows(rng: np.random.Generator, kinds: Array, away: Array, slope: Array, pitch: Array) -> Array:
    """Where stones a `pitch` apart lie in rows along the outlines of the kinds, the rows next to these first: (N, 2)"""
    row = np.floor(away / pitch)
    ys, xs = np.nonzero(np.abs(away / pitch - row - 0.5) * pitch < 0.7)
    high, wide = kinds.shape
    margin, edge, seeds = 20, (wide - 1, high - 1), []
    taken = np.zeros((high + 2 * margin, wide + 2 * margin), bool)
    around = np.hypot(*np.mgrid[-margin : margin + 1, -margin : margin + 1])
    discs = {size: around < 0.86 * size for size in np.unique(pitch)}
    for start in np.lexsort((rng.permutation(len(ys)), row[ys, xs])):
        i, j = first = ys[start], xs[start]
        if taken[i + margin, j + margin]:
            continue
        kind, size = kinds[first], pitch[first]
        level, begin = (row[first] + 0.5) * size, 0
        for way in (size, -size):  # on along the row from here, then back from here
            x, y = j - begin * np.sin(slope[first]) * way, i + begin * np.cos(slope[first]) * way
            begin = 1
            while 0 <= x < wide and 0 <= y < high:
                at = int(y), int(x)
                off = level - away[at]
                x, y = np.clip((x + np.cos(slope[at]) * off, y + np.sin(slope[at]) * off), 0, edge)
                k, m = at = int(y), int(x)
                if abs(off) > size / 2 or kinds[at] != kind or taken[k + margin, m + margin]:
                    break
                seeds.append((x, y))
                taken[k : k + 2 * margin + 1, m : m + 2 * margin + 1] |= discs[size]
                x, y = x - way * np.sin(slope[at]), y + way * np.cos(slope[at])
    return np.array(seeds)


def claim(first: Array, second: Array, owner: Array, distance: Array, who: int) -> None:
    """Gives `who` what it is nearest to, and keeps the distances to the nearest and to the next nearest."""
    closer = distance < first
    second[:] = np.where(closer, first, np.minimum(second, distance))
    owner[closer] = who
    first[closer] = distance[closer]


def finished(picture: Array) -> Image.Image:
    """(rows, columns, 3) at any size, 0 to 255 and beyond, as the image of a painting"""
    image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    return image if image.size == (WIDTH, HEIGHT) else image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _divided(rng: np.random.Generator, colors: Array) -> Array:
    """Each color as one of the purer ones that the eye mixes it from: (N, 3) -> (N, 3)"""
    gray = colors @ np.array([[0.3], [0.59], [0.11]])
    pure = gray + (colors - gray) * rng.uniform(1.2, 1.9, gray.shape)
    kind = rng.uniform(size=gray.shape)
    warm, cool = np.array([34.0, 6, -46]), np.array([-44.0, 2, 44])
    pure = np.where(kind < 0.24, pure + warm, np.where(kind < 0.48, pure + cool, pure))
    pure = np.where(kind > 0.90, gray + (gray - colors) * 1.1, pure)
    return pure + rng.normal(0, 12, gray.shape)


def rgb(code: str) -> Array:
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], dtype=np.float64)


def ramp(at: Array, stops: list[tuple[float, str]]) -> Array:
    """Colors along a ramp of (place, color) stops: (N,) -> (N, 3)"""
    places, colors = [place for place, _ in stops], np.array([rgb(code) for _, code in stops])
    return np.stack([np.interp(at, places, colors[:, channel]) for channel in range(3)], axis=-1)


def noise(rng: np.random.Generator, shape: tuple[int, ...], grain: int) -> Array:
    """Smooth noise with unit deviation and features of about `grain` pixels"""
    small = rng.normal(size=(shape[0] // grain + 2, shape[1] // grain + 2)).astype(np.float32)
    large = np.asarray(Image.fromarray(small).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    return (large - large.mean()) / large.std()
