"""A cubist still life: things seen from several sides at once, in facets."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import gaussian_filter

from .canvas import HEIGHT, WIDTH, Array, Canvas, color_ramp, noise, rgb, smooth_outline, to_image
from .drawing import FlatScene, ellipse, fibers, lookup, ribbon, scatter, smooth_line, swelling


def guitar(rng: np.random.Generator) -> Image.Image:
    """A guitar, a bottle, fruit, a newspaper and a score on a table, broken into planes of ocher, gray and blue."""
    scene = _still_life(rng)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    shape = y.shape
    cuts = [  # a point, an angle in degrees, how far each facet reaches along the cut, and strength of the shading
        (0.60, 0.52, 63, 0.75, 1.0),
        (0.84, 0.40, 118, 0.62, 1.0),
        (0.42, 0.60, 100, 0.60, 0.9),
        (0.70, 0.76, 12, 0.75, 0.8),
        (0.56, 0.26, -18, 0.70, 0.9),
        (1.06, 0.58, 74, 0.55, 0.9),
        (0.24, 0.42, 52, 0.52, 0.9),
        (0.90, 0.70, -38, 0.60, 0.8),
        (0.20, 0.78, -24, 0.50, 0.8),
        (1.12, 0.24, 22, 0.50, 0.8),
        (0.34, 0.18, 128, 0.42, 0.7),
        (0.72, 0.54, -8, 0.34, 0.7),
    ]
    code = np.zeros(shape, np.int64)
    shade: Array = np.zeros(shape)
    contour: Array = np.zeros(shape)
    bend = 0.004 * noise(rng, shape, 120)
    for k, (px, py, degrees, reach, strength) in enumerate(cuts):
        theta = np.radians(degrees)
        across = -(x - px) * np.sin(theta) + (y - py) * np.cos(theta) + bend
        along = (x - px) * np.cos(theta) + (y - py) * np.sin(theta)
        within = np.clip((reach - np.abs(along)) / 0.22, 0, 1)
        code += (across > 0).astype(np.int64) << k
        side = 1 if k % 2 else -1
        dark = np.exp(-np.clip(side * across, 0, 2) / 0.075) * (side * across > 0)
        light = np.exp(-np.clip(-side * across, 0, 2) / 0.045) * (side * across < 0)
        shade += strength * within * (32 * light - 40 * dark)
        pressure = np.clip(0.8 + 0.5 * np.sin(9 * along + k) + 0.3 * noise(rng, shape, 30), 0, 1.2)
        contour = np.maximum(
            contour, np.clip((0.0022 * pressure - np.abs(across)) * HEIGHT + 0.5, 0, 1) * (within > 0.05) * 0.85
        )
    _, cell = np.unique(code, return_inverse=True)
    cell = cell.reshape(shape)
    count = int(cell.max()) + 1
    size = np.bincount(cell.ravel(), minlength=count)
    cx, cy = (np.bincount(cell.ravel(), weights=v.ravel(), minlength=count) / size for v in (x, y))
    turn, scale = rng.normal(0, 0.075, count), rng.uniform(0.90, 1.06, count)
    shift = rng.normal(0, 0.017, (2, count))
    u, v = (x - cx[cell]) * scale[cell], (y - cy[cell]) * scale[cell]
    sx = cx[cell] + u * np.cos(turn[cell]) - v * np.sin(turn[cell]) + shift[0][cell]
    sy = cy[cell] + u * np.sin(turn[cell]) + v * np.cos(turn[cell]) + shift[1][cell]
    picture = lookup(scene)(np.abs(sx), np.abs(sy))
    tints = np.array([rgb(c) for c in ("c79a55", "8f9aa0", "5d7f9c", "7d8a5a", "e2d2a4", "a8643c")])
    mix = np.where(rng.uniform(size=count) < 0.5, rng.uniform(0.12, 0.30, count), 0.0)[cell][..., None]
    gray = picture.mean(axis=2, keepdims=True)
    picture = (
        picture * (1 - mix) + tints[rng.integers(0, len(tints), count)][cell] * (0.35 + 0.65 * gray / 140).clip(0, 1.3) * mix
    )
    picture = picture + shade[..., None] + rng.normal(0, 7, count)[cell][..., None]
    dots = noise(rng, shape, 5) > 1.45  # confetti in some of the planes
    picture[dots & (cell % 7 == 3)] = rgb("f0e2b8")
    picture = picture.clip(8, 250)

    slant = rng.uniform(-1.2, 1.2, count)[cell] + 0.1 * noise(rng, shape, 60)
    lines = gaussian_filter(picture.mean(axis=2), 1.5)
    down, along = np.gradient(lines)
    detail = np.hypot(down, along) > 5
    angle = np.where(gaussian_filter(detail.astype(float), 2) > 0.4, np.arctan2(along, -down), slant)
    color = lookup(picture)
    soft = lookup(np.stack([gaussian_filter(picture[..., k], 4) for k in range(3)], axis=2))
    canvas = Canvas(rng, color)
    canvas.strokes(2300, lookup(slant), soft, length=0.060, width=0.022, color_noise=9)
    canvas.strokes(7000, lookup(slant), color, length=0.026, width=0.0105, color_noise=13)
    canvas.strokes(scatter(rng, detail, 9000), lookup(angle), color, length=0.020, width=0.0055, color_noise=8)
    painted = np.asarray(canvas.render(relief=0.6), dtype=np.float64)
    painted = painted * 0.70 + picture * 0.30
    weave = np.sin(2 * np.pi * x * HEIGHT / 4.2) * np.sin(2 * np.pi * y * HEIGHT / 4.2)
    chalk = np.clip(1 + 0.22 * weave + 0.28 * noise(rng, shape, 3), 0.3, 1)
    cover = (contour * chalk)[..., None]
    return to_image(painted * (1 - cover) + rgb("1f1712") * cover + 3 * weave[..., None])


def _still_life(rng: np.random.Generator) -> Array:
    """The things on the table with contours: (rows, columns, 3), 0 to 255"""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    shape = y.shape
    wall = color_ramp(
        (0.5 + 0.5 * np.sin(2.6 * x + 1.8 * y) + 0.12 * noise(rng, shape, 90)).ravel(),
        [(0, "3f5f7a"), (0.35, "7d97a0"), (0.65, "a8a88a"), (1, "c9b27a")],
    ).reshape(*shape, 3)
    grain = np.sin(2 * np.pi * (26 * y + 2.0 * fibers(rng, shape, 60, 300) + 2 * x)) * 0.5 + 0.4 * fibers(rng, shape, 3, 70)
    wood = color_ramp(grain.ravel(), [(-1, "3c3f36"), (0, "646450"), (1, "8c8668")]).reshape(*shape, 3)

    class Sketch(FlatScene):
        """Shapes with contours of uneven width"""

        def shape(self, points: Array | list[tuple[float, float]], code: str, width: float = 0.0065) -> None:
            outline = np.asarray(points, dtype=np.float64)
            self.fill(outline, code)
            closed = np.concatenate([outline, outline[:1]])
            dense = np.concatenate([np.linspace(a, b, 6, endpoint=False) for a, b in pairwise(closed)])
            self.fill(ribbon(dense, width * (0.6 + 0.4 * np.sin(np.linspace(0, 17, len(dense))))), "1f1712")

    stencil = Image.new("L", (WIDTH, HEIGHT))
    table = smooth_outline(
        np.array(
            [(0.10, 0.62), (0.45, 0.50), (0.95, 0.52), (1.26, 0.66), (1.20, 0.90), (0.85, 1.0), (0.40, 0.99), (0.08, 0.86)]
        )
    )
    ImageDraw.Draw(stencil).polygon((table * HEIGHT).ravel().tolist(), fill=255)
    on_table = (np.asarray(stencil) > 0)[..., None]
    sketch = Sketch(np.where(on_table, wood, wall))
    for k in range(10):  # wallpaper
        for m in range(9):
            px, py = 0.05 + 0.15 * k + 0.075 * (m % 2), 0.04 + 0.062 * m
            if not np.asarray(stencil)[int(min(py, 0.999) * HEIGHT), int(min(px, 1.332) * HEIGHT)]:
                sketch.fill(
                    [(px, py - 0.018), (px + 0.012, py), (px, py + 0.018), (px - 0.012, py)], ("2f4a66", "d8c48a")[m % 2]
                )
    sketch.fill(ribbon(np.concatenate([table, table[:1]]), 0.012), "2a1a10")
    cloth = np.array([(0.86, 0.62), (1.30, 0.60), (1.36, 0.95), (1.02, 1.02)])
    sketch.shape(cloth, "e8e0cc")
    for k in range(7):
        for m in range(7):
            if (k + m) % 2 == 0:
                corner = [
                    cloth[0] + (cloth[1] - cloth[0]) * a + (cloth[3] - cloth[0]) * b
                    for a, b in ((k / 7, m / 7), ((k + 1) / 7, m / 7), ((k + 1) / 7, (m + 1) / 7), (k / 7, (m + 1) / 7))
                ]
                sketch.fill(corner, "3f6a94")

    def sheet(corners: list[tuple[float, float]], code: str, rows: int, staff: bool) -> None:
        a, b, c, d = (np.array(corner) for corner in corners)
        sketch.shape(np.array([a, b, c, d]), code)
        for row in range(rows):
            s = (row + 1) / (rows + 1)
            left, end = a + (d - a) * s + (b - a) * 0.07, b + (c - b) * s - (b - a) * 0.07
            if staff:
                if row % 6 == 5:
                    continue
                sketch.fill(ribbon(np.array([left, end]), 0.0026), "3a322a")
                for _ in range(2):
                    note = left + (end - left) * rng.uniform(0.1, 0.95)
                    sketch.fill(ellipse(note, 0.0105, 0.008, -0.4), "1f1712")
                    sketch.fill(ribbon(np.array([np.add(note, (0.009, 0)), np.add(note, (0.012, -0.045))]), 0.0036), "1f1712")
                continue
            at = 0.0
            while at < 0.96:  # words
                word = rng.uniform(0.03, 0.13)
                if not 0.46 < at < 0.52:
                    sketch.fill(
                        ribbon(
                            np.array([left + (end - left) * at, left + (end - left) * min(1, at + word)]),
                            0.0075 if row > 2 else 0.016,
                        ),
                        "3a342e" if row > 2 else "1f1712",
                    )
                at += word + 0.022

    sheet([(0.10, 0.72), (0.44, 0.60), (0.56, 0.88), (0.20, 0.99)], "ddd3b8", 15, False)
    sheet([(0.92, 0.16), (1.22, 0.10), (1.28, 0.46), (0.99, 0.53)], "f0e6c8", 17, True)
    bottle = [
        (0.235, 0.70),
        (0.215, 0.42),
        (0.225, 0.35),
        (0.270, 0.28),
        (0.272, 0.12),
        (0.335, 0.12),
        (0.337, 0.28),
        (0.385, 0.35),
        (0.395, 0.42),
        (0.375, 0.70),
    ]
    sketch.shape(bottle, "2f5346")
    sketch.fill(
        [(0.305, 0.69), (0.305, 0.14), (0.33, 0.14), (0.332, 0.29), (0.378, 0.36), (0.386, 0.43), (0.368, 0.69)], "5f8a68"
    )
    sketch.fill([(0.345, 0.64), (0.352, 0.42), (0.366, 0.42), (0.358, 0.64)], "c9dcb0")
    sketch.shape([(0.222, 0.46), (0.388, 0.46), (0.380, 0.60), (0.230, 0.60)], "e6d6a0", 0.005)
    for k in range(4):
        sketch.fill(
            ribbon(np.array([(0.245, 0.485 + 0.028 * k), (0.365 - 0.02 * (k % 2), 0.485 + 0.028 * k)]), (0.014, 0.006)[k > 0]),
            ("a83a24", "3a322a")[k > 0],
        )
    sketch.shape(ellipse((0.304, 0.12), 0.034, 0.014), "8f9aa0", 0.005)

    tilt, heart = 0.50, np.array([0.665, 0.64])
    spin = np.array([(np.cos(tilt), np.sin(tilt)), (-np.sin(tilt), np.cos(tilt))])

    def place(points: Array | list[tuple[float, float]], shift: tuple[float, float] = (0.0, 0.0)) -> Array:
        """From the guitar's own axes: x across, y down its length"""
        return heart + shift + np.asarray(points) @ spin

    half = [
        (0.0, -0.225),
        (0.075, -0.235),
        (0.128, -0.195),
        (0.140, -0.135),
        (0.112, -0.070),
        (0.105, -0.03),
        (0.150, 0.045),
        (0.188, 0.130),
        (0.170, 0.225),
        (0.095, 0.283),
        (0.0, 0.292),
    ]
    edge = smooth_line(half, 10)
    mirror = edge * (-1, 1)
    sketch.shape(place(np.concatenate([edge, mirror[::-1]]) * 1.03, (0.035, 0.02)), "2a1a12")
    sketch.shape(place(np.concatenate([mirror, [(0, 0.292), (0, -0.225)]])), "d9a650")
    sketch.shape(place(np.concatenate([edge, [(0, 0.292), (0, -0.225)]]), (0.026, -0.022)), "a4542a")
    for k in range(14):  # grain of the two halves
        u = 0.012 + 0.012 * k
        reach = 0.20 - 0.5 * max(0, u - 0.10)
        for side, code, shift in ((-1, "b98238", (0, 0)), (1, "6a3618", (0.026, -0.022))):
            streak = smooth_line([(side * u, -reach + 0.03), (side * (u + 0.003), 0.0), (side * u, reach + 0.03)])
            if u < 0.105:
                sketch.fill(ribbon(place(streak, shift), 0.0034), code)
    sketch.shape(place(ellipse((0, -0.012), 0.066)), "e8cf8a", 0.005)
    sketch.shape(place(ellipse((0, -0.012), 0.052)), "1c1512", 0.005)
    arc = np.linspace(-np.pi / 2, np.pi / 2, 24)
    sketch.fill(place(np.stack([0.052 * np.cos(arc), -0.012 + 0.052 * np.sin(arc)], axis=1), (0.026, -0.022)), "5d7f9c")
    sketch.shape(place([(-0.027, -0.10), (-0.022, -0.62), (0.022, -0.62), (0.027, -0.10)]), "3a2418")
    sketch.fill(place([(0.004, -0.10), (0.003, -0.62), (0.022, -0.62), (0.027, -0.10)]), "8a98a0")
    for k in range(14):
        level = -0.13 - 0.034 * k
        sketch.fill(ribbon(place([(-0.026, level), (0.026, level)]), 0.0042), "e8d8a8")
    sketch.shape(place([(-0.034, -0.60), (-0.045, -0.74), (0.0, -0.765), (0.045, -0.74), (0.034, -0.60)]), "b5753a")
    for side in (-1, 1):
        for k in range(3):
            sketch.shape(place(ellipse((side * 0.056, -0.635 - 0.04 * k), 0.013, 0.010)), "e8dcc0", 0.004)
    sketch.shape(place([(-0.075, 0.135), (0.075, 0.135), (0.082, 0.165), (-0.082, 0.165)]), "2a1a12", 0.004)
    for k in range(6):
        sketch.fill(
            ribbon(place([(-0.020 + 0.008 * k, -0.66), (-0.036 + 0.0145 * k, 0.15)]), 0.0024), ("f6ecd0", "1f1712")[k % 2]
        )

    glass = [
        (1.00, 0.52),
        (1.015, 0.68),
        (1.055, 0.72),
        (1.055, 0.80),
        (1.005, 0.825),
        (1.15, 0.825),
        (1.095, 0.80),
        (1.095, 0.72),
        (1.14, 0.68),
        (1.16, 0.52),
    ]
    sketch.shape(glass, "b5c9c9", 0.005)
    sketch.fill([(1.015, 0.60), (1.022, 0.675), (1.075, 0.705), (1.075, 0.60)], "a83a2c")
    sketch.fill([(1.075, 0.60), (1.075, 0.705), (1.133, 0.675), (1.145, 0.60)], "6f2424")
    sketch.shape(ellipse((1.08, 0.52), 0.080, 0.024), "d8e2d8", 0.005)
    for cx, cy, size, code, lit in [
        (0.46, 0.895, 0.055, "a8402a", "e08a4a"),
        (0.565, 0.925, 0.050, "7d8a3a", "c9c46a"),
        (1.20, 0.735, 0.052, "c9862a", "f0c860"),
    ]:
        sketch.shape(ellipse((cx, cy), size, size * 0.95), code, 0.006)
        sketch.fill(
            smooth_outline(
                np.array(
                    [
                        (cx - 0.8 * size, cy - 0.1 * size),
                        (cx - 0.3 * size, cy - 0.75 * size),
                        (cx + 0.15 * size, cy - 0.4 * size),
                        (cx - 0.2 * size, cy + 0.5 * size),
                    ]
                )
            ),
            lit,
        )
        sketch.fill(
            ribbon(
                smooth_line([(cx, cy - 0.8 * size), (cx + 0.1 * size, cy - 1.15 * size), (cx + 0.3 * size, cy - 1.35 * size)]),
                0.006 * swelling(33, 0.5, 0.5),
            ),
            "1f1712",
        )
    return np.asarray(Image.fromarray(sketch.pixels.astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6)), dtype=np.float64)
