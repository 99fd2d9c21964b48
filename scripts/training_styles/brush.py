"""A canvas with a brush: curved strokes with bristles, wet edges, dry tails and a height map of the paint.

The strokes of a layer are first drawn as polygons of their numbers; then every pixel knows its stroke, and the place
along and across it, so that bristles, opacity and height come from a few array operations for all strokes at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from .fields import SIZE, Array, Rng, blur, resize, sample

#: Side of the canvas while it is painted; it is reduced to SIZE at the end.
WORK = 768
#: Lengths in pixels of a finished painting, times this, are lengths on the canvas.
SCALE = WORK / SIZE


@dataclass
class Bristles:
    """How a brush leaves its paint."""

    streak: float = 0.06  #: brightness of the bristle marks
    opacity: float = 0.95
    dryness: float = 0.3  #: how soon the bristles run out of paint, 0 to 1.5
    softness: float = 0.12  #: part of the half width over which the edge fades
    pitch: float = 2.0  #: pixels between bristles
    thickness: float = 1.0  #: of the paint
    taper: float = 0.5  #: 0 blunt, 1 pointed
    rim: float = 0.5  #: height of the ridges along the sides
    two_tone: float = 0.0  #: difference in brightness between the sides of a stroke


@dataclass
class Strokes:
    """Centers, directions, sizes (canvas pixels) and colors of strokes; all arrays of one length."""

    x: Array
    y: Array
    angle: Array
    length: Array
    width: Array
    bend: Array
    color: Array


class Canvas:
    """The paint (WORK, WORK, 3) and its height (WORK, WORK)."""

    def __init__(self, rng: Rng, ground: Array) -> None:
        """ground: an image of any size for the underpainting"""
        self._rng = rng
        self.paint = resize(ground, WORK).clip(0, 1)
        self.height = np.zeros((WORK, WORK), np.float32)

    def _table(self) -> Array:
        """Bristle marks: across in rows, along in columns; mean 0, standard deviation 1."""
        table = gaussian_filter(self._rng.standard_normal((256, 256)), (0.6, 22), mode="wrap")
        table += 0.5 * gaussian_filter(self._rng.standard_normal((256, 256)), (0.5, 5), mode="wrap") * 0.4
        return ((table - table.mean()) / table.std()).astype(np.float32)

    def _number_map(self, strokes: Strokes, taper: float) -> Array:
        """Which stroke (from 0; -1 is none) lies on top at every pixel."""
        t = np.linspace(-1, 1, 7)[None, :]
        half_length, half_width = strokes.length[:, None] / 2, strokes.width[:, None] / 2
        along = t * half_length
        across = strokes.bend[:, None] * along**2 / 2
        slope = strokes.bend[:, None] * along
        norm = np.sqrt(1 + slope**2)
        blunt = np.sqrt(np.clip(1 - t**4, 0, 1)) * (1 - taper) + np.sqrt(np.clip(1 - t**2, 0, 1)) * taper
        wide = half_width * np.clip(blunt, 0.25 * (1 - taper) + 0.02, 1)
        left = np.stack([along - slope / norm * wide, across + wide / norm], axis=-1)
        right = np.stack([along + slope / norm * wide, across - wide / norm], axis=-1)
        outline = np.concatenate([left, right[:, ::-1]], axis=1)
        cosine, sine = np.cos(strokes.angle)[:, None], np.sin(strokes.angle)[:, None]
        corner_x = strokes.x[:, None] + outline[..., 0] * cosine - outline[..., 1] * sine
        corner_y = strokes.y[:, None] + outline[..., 0] * sine + outline[..., 1] * cosine
        corners = np.stack([corner_x, corner_y], axis=-1).reshape(len(strokes.x), -1)
        image = Image.new("I", (WORK, WORK), 0)
        draw = ImageDraw.Draw(image)
        for number, points in enumerate(corners.tolist(), start=1):
            draw.polygon(points, fill=number)
        return np.asarray(image, dtype=np.int32) - 1

    def layer(self, strokes: Strokes, brush: Bristles) -> None:
        """Paint strokes, the later over the earlier."""
        if not len(strokes.x):
            return
        numbers = self._number_map(strokes, brush.taper).ravel()
        place = np.flatnonzero(numbers >= 0)
        owner = numbers[place]
        f32 = {name: getattr(strokes, name).astype(np.float32) for name in ("x", "y", "angle", "length", "width", "bend")}
        cosine, sine = np.cos(f32["angle"])[owner], np.sin(f32["angle"])[owner]
        dx = (place % WORK).astype(np.float32) - f32["x"][owner]
        dy = (place // WORK).astype(np.float32) - f32["y"][owner]
        along = dx * cosine + dy * sine
        bend = f32["bend"][owner]
        side = (-dx * sine + dy * cosine - bend * along * along / 2) / np.sqrt(1 + (bend * along) ** 2)
        v = side / (f32["width"][owner] / 2)
        u = along / (f32["length"][owner] / 2)
        shift = self._rng.integers(0, 256, (2, len(strokes.x)))
        row = (side * (2 / brush.pitch) + shift[0][owner]).astype(np.int32) % 256
        column = (along + shift[1][owner]).astype(np.int32) % 256
        bristle = self._table()[row, column]
        edge = np.clip((1 - np.abs(v)) / max(brush.softness, 0.02), 0, 1)
        load = self._rng.normal(1.6 - brush.dryness, 0.35, len(strokes.x)).astype(np.float32)[owner]
        cover = np.clip(load + 0.9 * bristle * brush.dryness - brush.dryness * np.maximum(u, -0.6), 0, 1)
        alpha = brush.opacity * edge * cover
        light = bristle * brush.streak + v * brush.two_tone
        color = np.clip(strokes.color.astype(np.float32)[owner] + light[:, None], 0, 1)
        paint = self.paint.reshape(-1, 3)
        paint[place] = paint[place] * (1 - alpha[:, None]) + color * alpha[:, None]
        rim = np.clip(np.abs(v), 0, 1) ** 4
        bump = (0.6 + 0.35 * bristle + brush.rim * rim + 0.3 * np.maximum(u, 0) ** 4) * edge * brush.thickness
        height = self.height.reshape(-1)
        height[place] = height[place] * (1 - 0.8 * alpha) + bump * alpha

    def finish(self, relief: float, gloss: float = 0.0, light: float = -2.3) -> Array:
        """The painting (SIZE, SIZE, 3), lit from the angle `light`."""
        height = blur(self.height, 0.8)
        gy, gx = np.gradient(height)
        slope = gx * np.cos(light) + gy * np.sin(light)
        paint = self.paint * (1 + relief * np.clip(slope, -0.5, 0.5)[..., None] * 1.6)
        if gloss > 0:
            paint = paint + gloss * np.clip(slope - 0.12, 0, 0.5)[..., None]
        return resize(np.clip(paint, 0, 1), SIZE, Image.Resampling.LANCZOS).clip(0, 1)


def follow(angle: Array, x: Array, y: Array, length: Array) -> tuple[Array, Array]:
    """Directions of strokes at canvas points, and their bend from the change of direction along the stroke.

    angle: (SIZE, SIZE); x, y, length: in canvas pixels
    """
    middle = sample(angle, x / SCALE, y / SCALE)
    reach = length * 0.35
    dx, dy = np.cos(middle) * reach, np.sin(middle) * reach
    ahead = sample(angle, (x + dx) / SCALE, (y + dy) / SCALE)
    behind = sample(angle, (x - dx) / SCALE, (y - dy) / SCALE)
    turn = np.mod(ahead - behind + np.pi / 2, np.pi) - np.pi / 2
    limit = 1.7 / np.maximum(length, 1)
    return middle, np.clip(turn / np.maximum(2 * reach, 1), -limit, limit)


def shorten(image: Array, x: Array, y: Array, angle: Array, length: Array, tolerance: float) -> Array:
    """Cut strokes that would run into other colors; the same units as in follow()."""
    center = sample(image, x / SCALE, y / SCALE)
    result = length * 0.3
    for part in (0.55, 1.0):
        reach = length * part * 0.5
        dx, dy = np.cos(angle) * reach, np.sin(angle) * reach
        ahead = np.abs(sample(image, (x + dx) / SCALE, (y + dy) / SCALE) - center).sum(-1)
        behind = np.abs(sample(image, (x - dx) / SCALE, (y - dy) / SCALE) - center).sum(-1)
        fits = np.maximum(ahead, behind) < tolerance
        result = np.where(fits, length * part, result)
    return result
