"""The project's own paintings: styles to paint with, made by code, free for any use (CC0).

    python paintings.py harvest -o harvest.png

Each painting is drawn stroke by stroke, as a painter would: large ones first, along the directions and in the colors of a
scene that a few formulas describe. The same seed gives the same painting.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[Any]
WIDTH, HEIGHT = 1024, 768


def paint(name: str, seed: int = 0) -> Image.Image:
    """One of PAINTINGS, 1024 x 768.  Raises KeyError for another name."""
    return PAINTINGS[name](np.random.default_rng(seed))


def harvest(rng: np.random.Generator) -> Image.Image:
    """A wheat field under a turning evening sky: long loaded brush strokes that follow the flow of things."""
    eddies = np.array([[0.30, 0.25, 0.15], [0.76, 0.20, 0.21], [1.17, 0.34, 0.12], [0.52, 0.44, 0.08]])  # x, y, radius
    sun = np.array([0.98, 0.52])

    def horizon(x: Array) -> Array:
        return 0.60 + 0.035 * np.sin(3.1 * x + 0.6) + 0.02 * np.sin(7.3 * x)

    def ground(x: Array) -> Array:
        return 0.70 + 0.02 * np.sin(2.3 * x + 2) + 0.012 * np.sin(9 * x + 1)

    def tree(x: Array, y: Array) -> Array:
        """How deep inside the cypress, 0 to 1"""
        height = np.clip((0.93 - y) / 0.78, 0, 1)
        sway = 0.150 + 0.016 * np.sin(9 * y) * (1 - height)
        half = 0.070 * np.sqrt(np.clip(1 - height, 0, 1)) * np.clip((0.94 - y) / 0.08, 0, 1) * (1 + 0.25 * np.sin(26 * y))
        return np.clip(1 - np.abs(x - sway) / np.maximum(half, 1e-6), 0, 1)

    def angle(x: Array, y: Array) -> Array:
        u, v = np.ones_like(x), 0.45 * np.sin(4.2 * x + 1) + 0.25 * np.sin(9 * x - 6 * y)
        for i, (cx, cy, radius) in enumerate(eddies):
            dx, dy = x - cx, y - cy
            pull = 5.5 * np.exp(-((dx**2 + dy**2) / (1.3 * radius) ** 2)) / radius * (-1) ** i
            u, v = u - dy * pull, v + dx * pull
        dx, dy = x - sun[0], y - sun[1]
        near = np.exp(-(dx**2 + dy**2) / 0.012)
        u, v = u * (1 - near) - 8 * near * dy, v * (1 - near) + 8 * near * dx
        sky = np.arctan2(v, u)
        hills = np.arctan(0.11 * np.cos(3.1 * x + 0.6) + 0.5 * np.cos(11 * x + 14 * y))
        field = np.arctan2(y - 0.48, (x - 0.62) * 0.9) + 0.16 * np.sin(17 * x + 9 * y)
        flame = -np.pi / 2 + 0.55 * np.sin(30 * y + 8 * x)
        where = np.where(y < horizon(x), sky, np.where(y < ground(x), hills, field))
        return np.where(tree(x, y) > 0, flame, where)

    def color(x: Array, y: Array) -> Array:
        band = np.sin(26 * (y + 0.05 * np.sin(4 * x + 1)) + 9 * np.sin(2.1 * x))
        low = np.clip(y / 0.60, 0, 1)
        sky = _ramp(
            low + 0.12 * band,
            [(0.0, "16255f"), (0.30, "234f9c"), (0.52, "3f86b8"), (0.74, "9cc6bd"), (0.92, "f1d489"), (1.05, "f0a04b")],
        )
        for cx, cy, radius in eddies:
            distance = np.hypot(x - cx, y - cy) / radius
            glow = np.exp(-((distance / 0.45) ** 2))[:, None]
            ring = np.clip(np.sin(distance * 9.5), 0, 1)[:, None] * np.exp(-((distance / 1.3) ** 2))[:, None]
            sky = sky * (1 - 0.55 * ring) + _rgb("dcebe0") * 0.55 * ring
            sky = sky * (1 - glow) + _rgb("fbe58c") * glow
        distance = np.hypot(x - sun[0], y - sun[1])
        disc = np.clip((0.085 - distance) / 0.02, 0, 1)[:, None]
        halo = np.exp(-((distance / 0.16) ** 2))[:, None] * 0.8
        sky = sky * (1 - halo) + _rgb("f9b24a") * halo
        sky = sky * (1 - disc) + _rgb("fff0a8") * disc
        ridge = np.clip((y - horizon(x)) / 0.1, 0, 1)
        hills = _ramp(
            ridge + 0.25 * np.sin(21 * x + 30 * y), [(0, "2b2f6b"), (0.4, "3a5a86"), (0.75, "2f6b5e"), (1, "86934c")]
        )
        rows = np.sin(60 * np.arctan2(y - 0.48, x - 0.62))
        near = np.clip((y - 0.68) / 0.32, 0, 1)
        field = _ramp(
            near * 0.35 + 0.33 + 0.33 * rows,
            [(0, "6e3b1d"), (0.3, "b8721f"), (0.6, "e3a92e"), (0.85, "f6d768"), (1, "8aa04a")],
        )
        poppy = (np.sin(43 * x + 5 * np.sin(31 * y)) * np.sin(57 * y + 3 * np.sin(23 * x)) > 0.80)[:, None]
        field = np.where(poppy, _rgb("c8321f"), field)
        scene = np.where((y < horizon(x))[:, None], sky, np.where((y < ground(x))[:, None], hills, field))
        inside = tree(x, y)
        bark = _ramp(inside + 0.4 * np.sin(40 * x + 22 * y), [(0, "5a3a22"), (0.3, "1d3a2a"), (0.7, "10241f"), (1, "3d6b3a")])
        return np.where((inside > 0)[:, None], bark, scene)

    canvas = _Canvas(rng, color)
    canvas.strokes(1700, angle, color, length=0.16, width=0.034, variety=16)
    canvas.strokes(6000, angle, color, length=0.10, width=0.017, variety=20)
    canvas.strokes(9000, angle, color, length=0.065, width=0.0095, variety=26)
    return canvas.finished(relief=0.85)


def rose_window(rng: np.random.Generator) -> Image.Image:
    """Stained glass: panes of one color each in dark lead, brighter towards a rose of light."""
    center = np.array([0.66, 0.46])
    rings = [(0.06 + 0.085 * k, 8 + 6 * k) for k in range(9)]
    points = [center]
    for k, (radius, count) in enumerate(rings):
        turn = np.linspace(0, 2 * np.pi, count, endpoint=False) + 0.5 * k + rng.normal(0, 0.02, count)
        r = radius * (1 + rng.normal(0, 0.03, count))
        points.extend(center + np.stack([r * np.cos(turn), r * np.sin(turn)], axis=1))
    seeds = np.array(points)
    scale = 2
    y, x = np.mgrid[0 : HEIGHT * scale, 0 : WIDTH * scale].astype(np.float32) / (HEIGHT * scale)
    first = np.full(x.shape, np.inf, np.float32)
    second, owner = first.copy(), np.zeros(x.shape, np.int32)
    for i, (px, py) in enumerate(seeds):  # distance to the nearest and to the next nearest seed
        distance = (x - np.float32(px)) ** 2 + (y - np.float32(py)) ** 2
        closer = distance < first
        second = np.where(closer, first, np.minimum(second, distance))
        owner[closer] = i
        first = np.where(closer, distance, first)
    first, second = np.sqrt(first), np.sqrt(second)
    palette = np.array(
        [_rgb(h) for h in ("0b3c9c", "1a63c8", "b3122b", "d9381e", "f2b31b", "0f7a4b", "5b2a86", "e8d9a0", "19a0b8")]
    )
    radius = np.hypot(*(seeds - center).T)
    pick = (np.round(radius / 0.085).astype(int) * 3 + rng.integers(0, 3, len(seeds))) % len(palette)
    glass = palette[pick] * rng.uniform(0.75, 1.15, (len(seeds), 1))
    ripple = _noise(rng, x.shape, 22) * 13 + _noise(rng, x.shape, 80) * 34
    light = 0.62 + 0.62 * np.exp(-(((x - center[0]) ** 2 + (y - center[1]) ** 2) / 0.16))
    picture = (glass[owner] + ripple[..., None]) * light[..., None]
    bubbles = _noise(rng, x.shape, 5) > 2.4
    picture[bubbles] += 40
    lead = np.clip((second - first - 0.0075) / 0.004, 0, 1)[..., None]
    sheen = np.clip(1 - np.abs(second - first - 0.0035) / 0.002, 0, 1)[..., None] * 46
    picture = picture * lead + (np.array([24, 22, 26]) + sheen) * (1 - lead)
    image = Image.fromarray(picture.clip(0, 255).astype(np.uint8)).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    glow = image.filter(ImageFilter.GaussianBlur(14))
    return Image.blend(image, glow, 0.18)


PAINTINGS: dict[str, Callable[[np.random.Generator], Image.Image]] = {"harvest": harvest, "rose_window": rose_window}


class _Canvas:
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

    def finished(self, relief: float) -> Image.Image:
        """Light from the upper left on the ridges of the paint."""
        height = np.asarray(self._thickness.filter(ImageFilter.GaussianBlur(1.6)), dtype=np.float32)
        down, right = np.gradient(height)
        light = np.clip((down + right) * -relief, -42, 52)
        picture = np.asarray(self._paint, dtype=np.float32) + light[..., None]
        whole = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
        return whole.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _rgb(code: str) -> Array:
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], dtype=np.float64)


def _ramp(at: Array, stops: list[tuple[float, str]]) -> Array:
    """Colors along a ramp of (place, color) stops: (N,) -> (N, 3)"""
    places, colors = [place for place, _ in stops], np.array([_rgb(code) for _, code in stops])
    return np.stack([np.interp(at, places, colors[:, channel]) for channel in range(3)], axis=-1)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], grain: int) -> Array:
    """Smooth noise with unit deviation and features of about `grain` pixels"""
    small = rng.normal(size=(shape[0] // grain + 2, shape[1] // grain + 2)).astype(np.float32)
    large = np.asarray(Image.fromarray(small).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    return (large - large.mean()) / large.std()


def main() -> int:
    parser = argparse.ArgumentParser(description="Paint one of the project's own paintings.")
    parser.add_argument("name", choices=list(PAINTINGS))
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    paint(arguments.name, arguments.seed).save(arguments.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
