"""Tools the paintings share: a canvas with brushes, curves, tilings, colors and noise.

Coordinates and lengths are in heights of the canvas unless they are said to be in pixels: x reaches WIDTH / HEIGHT, y 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[Any]
#: Of a painting, in pixels.
WIDTH, HEIGHT = 1024, 768
#: Takes x and y, each (N,); returns an angle in radians, (N,), or a color from 0 to 255, (N, 3).
Field = Callable[[Array, Array], Array]


class Canvas:
    """A canvas at twice the size, with a height map of the paint on it."""

    def __init__(self, rng: np.random.Generator, color: Field) -> None:
        """color: of the scene, which becomes the underpainting, a little darker"""
        self._rng = rng
        self._size = 2 * WIDTH, 2 * HEIGHT
        y, x = np.mgrid[0 : HEIGHT // 8, 0 : WIDTH // 8] * (8 / HEIGHT)
        under = (color(x.ravel(), y.ravel()).reshape(*x.shape, 3) * 0.85).clip(0, 255).astype(np.uint8)
        self._paint = Image.fromarray(under).resize(self._size, Image.Resampling.BICUBIC)
        self._thickness = Image.new("L", self._size, 90)

    def strokes(
        self,
        starts: int | Array,
        angle: Field,
        color: Field,
        *,
        length: float,
        width: float,
        color_noise: float,
    ) -> None:
        """Paint brush strokes that follow `angle`, each in the `color` near where it starts.

        starts: where the strokes start, (N, 2), or how many start at random points
        color_noise: standard deviation of a stroke's brightness, in levels of 0 to 255
        """
        rng, unit = self._rng, self._size[1]
        if isinstance(starts, int):
            count = starts
            x, y = rng.uniform(-0.05, WIDTH / HEIGHT + 0.05, count), rng.uniform(-0.05, 1.05, count)
        else:
            count = len(starts)
            x, y = starts.T
        points = 14
        lengths = length * rng.uniform(0.6, 1.3, count)
        path: Array = np.empty((points, count, 2))
        px, py = x.copy(), y.copy()
        for i in range(points):
            path[i, :, 0], path[i, :, 1] = px, py
            theta = angle(px, py)
            px, py = px + np.cos(theta) * lengths / points, py + np.sin(theta) * lengths / points
        middle = path[points // 3]
        colors = (
            color(middle[:, 0], middle[:, 1])
            + rng.normal(0, color_noise, (count, 1))
            + rng.normal(0, color_noise / 2, (count, 3))
        )
        direction = np.gradient(path, axis=0)
        normal = np.stack([-direction[..., 1], direction[..., 0]], axis=2)
        normal /= np.linalg.norm(normal, axis=2, keepdims=True) + 1e-9
        profile = np.sin(np.linspace(0.15, np.pi - 0.08, points)) ** 0.5  # a stroke widens and tapers off
        bristles = max(4, round(width * unit / 5))
        thick = max(2, round(1.7 * width * unit / bristles))
        drawing, relief = ImageDraw.Draw(self._paint), ImageDraw.Draw(self._thickness)
        for stroke in range(count):
            across = (np.arange(bristles) + 0.5) / bristles - 0.5
            shade = rng.normal(0, 9, bristles)
            skip = rng.integers(0, 2, bristles)
            for bristle in range(bristles):
                offset = across[bristle] * width * lengths[stroke] / length * profile[:, None]
                line = (path[:, stroke] + normal[:, stroke] * offset) * unit
                points_on = [tuple(p) for p in line[skip[bristle] : points - rng.integers(0, 3)]]
                fill = tuple(int(c) for c in (colors[stroke] + shade[bristle]).clip(0, 255))
                drawing.line(points_on, fill=fill, width=thick, joint="curve")
                ridge = 120 + 70 * (2 * abs(across[bristle])) ** 2 + 5 * shade[bristle]
                relief.line(points_on, fill=int(np.clip(ridge, 0, 255)), width=max(2, thick - 1), joint="curve")

    def pointillist_dabs(self, size: float, angle: Field, color: Field, *, length: float) -> None:
        """Paint dabs side by side, in random order and in pure colors that average to about `color`.

        size: diameter across `angle`; length: ratio of the diameter along `angle` to that
        """
        rng, unit = self._rng, self._size[1]
        y, x = np.mgrid[-size : 1 + size : size, -size : WIDTH / HEIGHT + size : size].reshape(2, -1)
        order = rng.permutation(x.size)
        x, y = x[order] + rng.uniform(-0.5, 0.5, x.size) * size, y[order] + rng.uniform(-0.5, 0.5, x.size) * size
        colors = _divide_colors(rng, color(x, y)).clip(0, 255).astype(int)
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
        for rim_points, core_points, fill in zip(outline.tolist(), core.tolist(), colors.tolist(), strict=True):
            drawing.polygon(rim_points, fill=tuple(fill))
            relief.polygon(rim_points, fill=150)
            relief.polygon(core_points, fill=185)

    def render(self, relief: float) -> Image.Image:
        """Light the ridges of the paint from the upper left; relief: strength of that light."""
        height: Array = np.asarray(self._thickness.filter(ImageFilter.GaussianBlur(1.6)), dtype=np.float32)
        down, right = np.gradient(height)
        light = np.clip((down + right) * -relief, -42, 52)
        picture = np.asarray(self._paint, dtype=np.float32) + light[..., None]
        return to_image(picture)


def ink_stroke(
    rng: np.random.Generator,
    drawing: ImageDraw.ImageDraw,
    path: Array,
    *,
    width: float,
    load: float,
    dry: float,
    pointed: bool,
) -> None:
    """Draw a stroke of ink on a canvas of twice the size, hair by hair, along a smooth curve through `path` (N, 2).

    load: darkness of the ink, 0 to 1; dry: how much the stroke breaks up towards its end; pointed: whether it tapers
    """
    unit, t = 2 * HEIGHT, np.linspace(0, 1, 18)
    degree = len(path) - 1
    line = np.stack([np.polyval(np.polyfit(np.linspace(0, 1, degree + 1), values, degree), t) for values in path.T], axis=1)
    _, normal = tangent_and_normal(line)
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


def tangent_and_normal(path: Array) -> tuple[Array, Array]:
    """Unit vectors along and across a path: (N, 2) -> (N, 2), (N, 2)"""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    return tangent, np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)


def smooth_outline(knots: Array) -> Array:
    """A closed Catmull-Rom spline through the knots: (N, 2) -> (12 N, 2)"""
    previous, following, second_following = (np.roll(knots, shift, axis=0) for shift in (1, -1, -2))
    t = np.linspace(0, 1, 12, endpoint=False)[:, None, None]
    slope, end_slope = (following - previous) / 2, (second_following - knots) / 2
    square = 3 * (following - knots) - 2 * slope - end_slope
    cube = 2 * (knots - following) + slope + end_slope
    curve = knots + slope * t + square * t**2 + cube * t**3
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def distance_to_edge(labels: Array) -> Array:
    """Distance of each pixel to the nearest border between two labels, in pixels: (rows, columns) -> (rows, columns)"""
    edge = np.zeros(labels.shape, bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    edge_y, edge_x = (positions[::2, None].astype(np.float32) for positions in np.nonzero(edge))
    height, width = labels.shape
    x, y = (np.arange(2, size, 4, dtype=np.float32) for size in (width, height))
    small = np.array([((edge_x - x) ** 2 + (edge_y - row) ** 2).min(axis=0) for row in y]) ** 0.5
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def rows_of_tiles(rng: np.random.Generator, labels: Array, distance: Array, slope: Array, pitch: Array) -> Array:
    """Centers of tiles in rows that follow the outlines of the labels, starting with the rows next to them: (N, 2) pixels

    labels, distance (to the nearest outline), slope (angle along it) and pitch (of the tiles): (rows, columns)
    """
    row = np.floor(distance / pitch)
    ys, xs = np.nonzero(np.abs(distance / pitch - row - 0.5) * pitch < 0.7)  # pixels on the center line of a row
    height, width = labels.shape
    margin, limits, centers = 20, (width - 1, height - 1), []
    taken = np.zeros((height + 2 * margin, width + 2 * margin), bool)
    radius = np.hypot(*np.mgrid[-margin : margin + 1, -margin : margin + 1])
    discs = {size: radius < 0.86 * size for size in np.unique(pitch)}
    for start in np.lexsort((rng.permutation(len(ys)), row[ys, xs])):
        i, j = first = ys[start], xs[start]
        if taken[i + margin, j + margin]:
            continue
        label, size = labels[first], pitch[first]
        row_distance, first_step = (row[first] + 0.5) * size, 0
        for step in (size, -size):  # along the row from here, then in the other direction
            x, y = j - first_step * np.sin(slope[first]) * step, i + first_step * np.cos(slope[first]) * step
            first_step = 1
            while 0 <= x < width and 0 <= y < height:
                at = int(y), int(x)
                error = row_distance - distance[at]
                x, y = np.clip((x + np.cos(slope[at]) * error, y + np.sin(slope[at]) * error), 0, limits)
                k, m = at = int(y), int(x)
                if abs(error) > size / 2 or labels[at] != label or taken[k + margin, m + margin]:
                    break
                centers.append((x, y))
                taken[k : k + 2 * margin + 1, m : m + 2 * margin + 1] |= discs[size]
                x, y = x - step * np.sin(slope[at]), y + step * np.cos(slope[at])
    return np.array(centers)


def assign_nearest(nearest: Array, second: Array, owner: Array, distance: Array, index: int) -> None:
    """Assign to seed `index` the pixels that are nearer to it than to the seeds before; all arguments are (rows, columns).

    Updates the distances to the nearest and the second nearest seed, and the index of the nearest.
    """
    closer = distance < nearest
    second[:] = np.where(closer, nearest, np.minimum(second, distance))
    owner[closer] = index
    nearest[closer] = distance[closer]


def to_image(picture: Array) -> Image.Image:
    """Make an image of WIDTH x HEIGHT: (rows, columns, 3) of any size; values are clipped to 0 to 255"""
    image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    return image if image.size == (WIDTH, HEIGHT) else image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _divide_colors(rng: np.random.Generator, colors: Array) -> Array:
    """Replace each color by a purer one, such that neighbors mix in the eye (divisionism): (N, 3) -> (N, 3)"""
    gray = colors @ np.array([[0.3], [0.59], [0.11]])
    pure = gray + (colors - gray) * rng.uniform(1.2, 1.9, gray.shape)
    choice = rng.uniform(size=gray.shape)
    warm, cool = np.array([34.0, 6, -46]), np.array([-44.0, 2, 44])
    pure = np.where(choice < 0.24, pure + warm, np.where(choice < 0.48, pure + cool, pure))
    pure = np.where(choice > 0.90, gray + (gray - colors) * 1.1, pure)  # the complementary color
    return pure + rng.normal(0, 12, gray.shape)


def rgb(code: str) -> Array:
    """Decode six hexadecimal digits: (3,), 0 to 255"""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], dtype=np.float64)


def color_ramp(positions: Array, stops: Sequence[tuple[float, str]]) -> Array:
    """Interpolate between (position, color) stops: (N,) -> (N, 3)"""
    stop_positions, colors = [position for position, _ in stops], np.array([rgb(code) for _, code in stops])
    return np.stack([np.interp(positions, stop_positions, colors[:, channel]) for channel in range(3)], axis=-1)


def noise(rng: np.random.Generator, shape: tuple[int, ...], feature_size: int) -> Array:
    """Smooth noise with zero mean, unit standard deviation and features of about `feature_size` pixels"""
    small = rng.normal(size=(shape[0] // feature_size + 2, shape[1] // feature_size + 2)).astype(np.float32)
    large = np.asarray(Image.fromarray(small).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    return (large - large.mean()) / large.std()
