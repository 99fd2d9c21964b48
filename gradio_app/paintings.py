"""The project's own paintings: styles to paint with, made by code, free for any use (CC0).

    python paintings.py harvest -o harvest.png

Each painting is drawn stroke by stroke, as a painter would: large ones first, along the directions and in the colors of a
scene that a few formulas describe. The same seed gives the same painting.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from brushes import (
    HEIGHT,
    WIDTH,
    Array,
    Canvas,
    brush,
    claim,
    clearance,
    finished,
    frame,
    in_rows,
    noise,
    ramp,
    rgb,
    smooth,
)


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
        sky = ramp(
            low + 0.12 * band,
            [(0.0, "16255f"), (0.30, "234f9c"), (0.52, "3f86b8"), (0.74, "9cc6bd"), (0.92, "f1d489"), (1.05, "f0a04b")],
        )
        for cx, cy, radius in eddies:
            distance = np.hypot(x - cx, y - cy) / radius
            glow = np.exp(-((distance / 0.45) ** 2))[:, None]
            ring = np.clip(np.sin(distance * 9.5), 0, 1)[:, None] * np.exp(-((distance / 1.3) ** 2))[:, None]
            sky = sky * (1 - 0.55 * ring) + rgb("dcebe0") * 0.55 * ring
            sky = sky * (1 - glow) + rgb("fbe58c") * glow
        distance = np.hypot(x - sun[0], y - sun[1])
        disc = np.clip((0.085 - distance) / 0.02, 0, 1)[:, None]
        halo = np.exp(-((distance / 0.16) ** 2))[:, None] * 0.8
        sky = sky * (1 - halo) + rgb("f9b24a") * halo
        sky = sky * (1 - disc) + rgb("fff0a8") * disc
        ridge = np.clip((y - horizon(x)) / 0.1, 0, 1)
        hills = ramp(ridge + 0.25 * np.sin(21 * x + 30 * y), [(0, "2b2f6b"), (0.4, "3a5a86"), (0.75, "2f6b5e"), (1, "86934c")])
        rows = np.sin(60 * np.arctan2(y - 0.48, x - 0.62))
        near = np.clip((y - 0.68) / 0.32, 0, 1)
        field = ramp(
            near * 0.35 + 0.33 + 0.33 * rows,
            [(0, "6e3b1d"), (0.3, "b8721f"), (0.6, "e3a92e"), (0.85, "f6d768"), (1, "8aa04a")],
        )
        poppy = (np.sin(43 * x + 5 * np.sin(31 * y)) * np.sin(57 * y + 3 * np.sin(23 * x)) > 0.80)[:, None]
        field = np.where(poppy, rgb("c8321f"), field)
        scene = np.where((y < horizon(x))[:, None], sky, np.where((y < ground(x))[:, None], hills, field))
        inside = tree(x, y)
        bark = ramp(inside + 0.4 * np.sin(40 * x + 22 * y), [(0, "5a3a22"), (0.3, "1d3a2a"), (0.7, "10241f"), (1, "3d6b3a")])
        return np.where((inside > 0)[:, None], bark, scene)

    canvas = Canvas(rng, color)
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
        claim(first, second, owner, distance, i)
    first, second = np.sqrt(first), np.sqrt(second)
    palette = np.array(
        [rgb(h) for h in ("0b3c9c", "1a63c8", "b3122b", "d9381e", "f2b31b", "0f7a4b", "5b2a86", "e8d9a0", "19a0b8")]
    )
    radius = np.hypot(*(seeds - center).T)
    pick = (np.round(radius / 0.085).astype(int) * 3 + rng.integers(0, 3, len(seeds))) % len(palette)
    glass = palette[pick] * rng.uniform(0.75, 1.15, (len(seeds), 1))
    ripple = noise(rng, x.shape, 22) * 13 + noise(rng, x.shape, 80) * 34
    light = 0.62 + 0.62 * np.exp(-(((x - center[0]) ** 2 + (y - center[1]) ** 2) / 0.16))
    picture = (glass[owner] + ripple[..., None]) * light[..., None]
    bubbles = noise(rng, x.shape, 5) > 2.4
    picture[bubbles] += 40
    lead = np.clip((second - first - 0.0075) / 0.004, 0, 1)[..., None]
    sheen = np.clip(1 - np.abs(second - first - 0.0035) / 0.002, 0, 1)[..., None] * 46
    picture = picture * lead + (np.array([24, 22, 26]) + sheen) * (1 - lead)
    image = finished(picture)
    glow = image.filter(ImageFilter.GaussianBlur(14))
    return Image.blend(image, glow, 0.18)


def harbor(rng: np.random.Generator) -> Image.Image:
    """Sailing boats at sunrise: dabs of pure colors, laid side by side, that mix only in the eye."""
    sun, shore = np.array([0.93, 0.37]), 0.50
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    flat_x, flat_y = x.ravel(), y.ravel()
    distance = np.hypot(flat_x - sun[0], flat_y - sun[1])
    cloud = np.sin(24 * flat_y + 2.2 * np.sin(3.2 * flat_x + 0.5) + 3 * flat_x) * np.sin(5 * flat_x - 9 * flat_y + 1)
    sky = ramp(
        distance + 0.06 * cloud * np.clip(distance * 4, 0, 1.3),
        [(0.08, "ffe98a"), (0.17, "ffc25c"), (0.3, "ff9a70"), (0.46, "f58aa6"), (0.66, "b98ee0"), (1.05, "5f84e0")],
    )
    teal = np.clip(cloud - 0.45, 0, 1)[:, None] * np.clip(distance - 0.2, 0, 0.4)[:, None] * 4
    sky = sky * (1 - teal) + rgb("8fe0d0") * teal
    sky = np.where((distance < 0.07)[:, None], rgb("fffde8"), sky).reshape(HEIGHT, WIDTH, 3)
    far = shore - 0.07 - 0.05 * np.sin(3.4 * x + 2.2) - 0.018 * np.sin(11 * x)
    near = shore - 0.012 - 0.075 * np.exp(-((x - 0.1) ** 2) / 0.03) - 0.012 * np.sin(17 * x)
    air = np.where((y > far)[..., None], rgb("9a86d8"), sky)
    air = np.where((y > near)[..., None], rgb("4c6fb4"), air)
    scene = finished(air)
    drawing = ImageDraw.Draw(scene)

    def shape(points: list[tuple[float, float]], code: str, on: ImageDraw.ImageDraw = drawing) -> None:
        on.polygon((np.array(points) * HEIGHT).ravel().tolist(), fill=f"#{code}")

    place = 0.0
    while place < 0.50:  # the town
        wide, high = rng.uniform(0.026, 0.05), rng.uniform(0.035, 0.085)
        top = shore - high - 0.04 * np.exp(-((place - 0.15) ** 2) / 0.01)
        wall = ("ffb27a", "f7d9a0", "f08f7c", "ffd0b8", "e8a0c0")[rng.integers(5)]
        shape([(place, shore), (place, top), (place + wide, top), (place + wide, shore)], "8a6cc0")
        shape([(place + wide * 0.4, shore), (place + wide * 0.4, top), (place + wide, top), (place + wide, shore)], wall)
        shape([(place - 0.004, top), (place + wide / 2, top - 0.018), (place + wide + 0.004, top)], "d8472f")
        place += wide
    shape([(0.070, shore), (0.070, 0.25), (0.115, 0.25), (0.115, shore)], "7a56b4")
    shape([(0.090, shore), (0.090, 0.25), (0.115, 0.25), (0.115, shore)], "ffc98a")
    shape([(0.062, 0.252), (0.0925, 0.15), (0.123, 0.252)], "3f62b0")
    air = np.asarray(scene, dtype=np.float64)
    depth = np.clip((y - shore) / (1 - shore), 0, 1)
    wave = np.sin(150 * depth**0.6 + 5 * np.sin(4 * x + 9 * depth) + 3 * np.sin(13 * x))
    row = np.clip((shore - 0.9 * (y - shore) + 0.022 * wave * depth**0.5) * HEIGHT, 0, HEIGHT - 1).astype(int)
    column = np.clip((x + 0.012 * wave * depth) * HEIGHT, 0, WIDTH - 1).astype(int)
    swell = ramp((0.75 * depth + 0.25 * wave).ravel(), [(0, "8fe3c8"), (0.35, "2fb0c0"), (0.65, "2668c4"), (1.0, "2a2f9c")])
    part = np.clip(0.25 + 0.4 * depth + 0.6 * wave, 0.05, 0.95)[..., None]
    water = air[row, column] * (1 - part) + swell.reshape(air.shape) * part
    glitter = np.exp(-(((x - sun[0]) / (0.035 + 0.13 * depth)) ** 2)) * (wave > -0.25 + 0.5 * depth)
    water = np.where((glitter > 0.45)[..., None], rgb("ffcf6a"), water)
    boats = [(0.66, 0.53, 0.09, 2), (1.22, 0.56, 0.17, 1), (0.76, 0.59, 0.21, 1), (1.13, 0.88, 0.40, 2), (0.42, 0.77, 0.57, 0)]
    sails = [
        ("ff8a3c", "ffd05e", "a8429a", "ee6a8c"),
        ("f6e6c0", "ffd9a0", "6a7ad8", "a79ae6"),
        ("e8402e", "ff9a52", "7a3a8c", "c2508a"),
    ]

    def swept(tip: tuple[float, float], end: tuple[float, float], belly: float) -> list[tuple[float, float]]:
        """From the tip of a sail to its lower corner, filled by the wind"""
        t = np.linspace(0, 1, 9)
        dx, dy = end[0] - tip[0], end[1] - tip[1]
        bulge = belly * np.sin(np.pi * t**0.8)
        return list(zip(tip[0] + dx * t - dy * bulge, tip[1] + dy * t + dx * bulge, strict=True))

    def boat(colors: tuple[str, ...]) -> list[tuple[list[tuple[float, float]], str]]:
        mast, lit, shaded = (0.015, -1.0), (0.02, -0.16), (-0.05, -0.19)
        peak = (-0.012, -0.94)
        rim = swept((-0.50, -0.17), (0.50, -0.16), 0.07)
        keel = swept((0.50, -0.16), (0.34, 0.04), 0.12) + swept((0.34, 0.04), (-0.34, 0.04), 0.02)
        return [
            ([(-0.014, -0.1), (-0.006, -1.08), (0.006, -1.08), (0.016, -0.1)], "46286e"),
            ([*swept(mast, (0.50, -0.20), -0.14), lit], colors[0]),
            ([*swept(mast, (0.22, -0.18), -0.12), lit], colors[1]),
            ([*swept(peak, (-0.54, -0.17), 0.05), *swept((-0.54, -0.17), shaded, -0.06)], colors[2]),
            ([*swept(peak, (-0.26, -0.17), 0.02), shaded], colors[3]),
            ([*rim, *keel], "1c2c86"),
            ([*rim, *[(px * 0.97, py + 0.035) for px, py in rim[::-1]]], "f0452e"),
            ([*swept((-0.39, -0.005), (0.39, -0.005), 0.03), (0.34, 0.04), (-0.34, 0.04)], "159070"),
        ]

    mirror = Image.new("RGBA", scene.size)
    below = ImageDraw.Draw(mirror)
    for cx, cy, size, kind in boats:
        for points, code in boat(sails[kind]):
            shape([(cx + px * size, cy + (0.05 - 0.75 * py) * size) for px, py in points], code, below)
    ripple = np.asarray(mirror, dtype=np.float64)[np.arange(HEIGHT)[:, None], column]
    cover = ripple[..., 3:] / 255 * np.clip(0.62 + 0.45 * wave, 0, 1)[..., None]
    water = water * (1 - cover) + ripple[..., :3] * cover
    scene = finished(np.where((y > shore)[..., None], water, air))
    above = ImageDraw.Draw(scene)
    for cx, cy, size, kind in boats:
        for points, code in boat(sails[kind]):
            shape([(cx + px * size, cy + py * size) for px, py in points], code, above)
    picture = np.asarray(scene, dtype=np.float64)

    def color(x: Array, y: Array) -> Array:
        return picture[np.clip(y * HEIGHT, 0, HEIGHT - 1).astype(int), np.clip(x * HEIGHT, 0, WIDTH - 1).astype(int)]

    def ground(x: Array, y: Array) -> Array:
        return color(x, y) * 0.4 + rgb("e8b0a0") * 0.75

    def angle(x: Array, y: Array) -> Array:
        return np.where(y < shore, np.arctan2(x - sun[0], sun[1] - y), 0.15 * np.sin(9 * x + 21 * y))

    canvas = Canvas(rng, ground)
    canvas.dabs(0.0180, angle, color, length=1.25)
    canvas.dabs(0.0145, angle, color, length=1.3)
    canvas.dabs(0.0112, angle, color, length=1.2)
    return canvas.finished(relief=0.9)


def alpenglow(rng: np.random.Generator) -> Image.Image:
    """A woodcut of peaks in the last sun: black lines, cut along the form of things, over blocks of two colors."""
    shape, shore = (HEIGHT * 2, WIDTH * 2), 0.79
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) / shape[0]
    hand = noise(rng, shape, 70) * 0.0018 + noise(rng, shape, 16) * 0.0005  # no line is cut quite straight
    firm = noise(rng, shape, 120)

    def cut(place: Array, gap: float, width: Array) -> Array:
        """Where lines a gap apart, each as wide as the part of the gap that `width` says, take the ink"""
        row = np.floor((place + hand) / gap)
        own = rng.uniform(0.75, 1.2, 4096).astype(np.float32)[row.astype(int) % 4096]
        return np.abs((place + hand) / gap - row - 0.5) * 2 < width * own

    dx, dy = x - 0.87 + hand, y - 0.31 + hand
    distance, turn = np.hypot(dx, dy), np.arctan2(dy, dx) / (2 * np.pi)
    level, between = np.divmod(np.log2(np.maximum(distance, 0.02) / 0.13), 1)
    ray = turn * 44 * 2**level
    wide = (0.27 + 0.16 * np.clip(distance - 0.16, 0, 0.8) + 0.06 * firm) * 2 ** (1 - between)
    ink = np.abs(ray % 1 - 0.5) * 2 > 1 - wide  # rays, and between them young ones where they have drawn apart
    ink |= np.abs((ray + 0.5) % 1 - 0.5) * 2 > 1 - wide * between
    disc, halo = distance < 0.15, distance < 0.172
    block = np.where(disc & ~cut(y, 0.013, 3.2 * (y - 0.27)), 0, 1).astype(np.uint8)  # paper, orange, teal
    ink &= ~halo
    mass = np.where(halo, 0, 0.35).astype(np.float32)

    inks = [
        [(0.0, "bf2c1d"), (0.3, "e9642b"), (0.55, "f59a3c"), (0.8, "ee7a30"), (1.0, "c23a20")],
        [(0.0, "3f8f8c"), (0.5, "4b9c96"), (1.0, "256a74")],
    ]
    folds = noise(rng, shape, 160) + 0.16 * noise(rng, shape, 30)
    near, far = (
        [(-0.02, 0.36, 0.9), (0.86, 0.47, 0.75), (0.56, 0.52, 0.7)],
        [(0.6, 0.33, 1), (1.18, 0.3, 0.95), (0.33, 0.1, 1.2)],
    )
    for px, py, steep in (*far, *near):
        down, out = y - py, x - px
        crag = noise(rng, (1, shape[1]), 24) * 0.006 + noise(rng, (1, shape[1]), 80) * 0.014
        edge = down - steep * np.abs(out) - crag * np.clip(np.abs(out) * 9, 0, 1)
        bend = noise(rng, (shape[0], 1), 90) * 0.030 + noise(rng, (shape[0], 1), 30) * 0.012
        side = out - (bend - bend[max(0, int(py * shape[0]))]) * np.clip(down * 5, 0, 1) + 0.10 * down
        lit = side > 0
        fan = side / np.maximum(down, 0.02) * steep * 3.2 + 0.30 * folds
        rib, across = np.divmod(fan, 1)
        lean = np.array([0.9, -0.5, 1.5, 0.2])[rib.astype(int) % 4]
        light = np.where(lit, 0.85 * (1 - across) - 0.22 + 0.45 * np.clip(down / 0.5, 0, 1), 0.95 - 0.42 * across)
        marks = cut(down * 0.75 - lean * out, 0.0125, light + 0.09 * firm) | (edge < 0.005)
        inside = edge > 0
        ink = np.where(inside, marks, ink)
        block = np.where(inside, np.where(lit, np.where(across < 0.5, 1, 0), 2), block)
        mass = np.where(inside, np.where(lit, 0.42, 0.85), mass)
        ink |= (edge > -0.004) & (edge <= 0)

    trees = Image.new("L", shape[::-1])
    drawing = ImageDraw.Draw(trees)
    stand = [(rng.uniform(-0.05, 1.4), shore - 0.05 + 0.06 * k / 70, rng.uniform(0.07, 0.13)) for k in range(70)]
    for cx, foot, tall in [*stand, (0.20, 1.04, 0.60), (0.045, 1.06, 0.86), (1.27, 1.05, 0.56)]:
        tiers = max(8, int(tall * 34))
        rises = np.linspace(0, 1, tiers)
        levels = foot - tall * (1 - rises)
        outline = [np.array([[cx, levels[0] - 0.02 * tall]])]
        boughs = []
        for side, fill, notch in (
            (1, 2, [(0.16, -0.05), (0.85, 0.12), (0.2, 0.09)]),
            (-1, 3, [(0.2, 0), (0.8, 0.16), (0.25, 0.07)]),
        ):
            half = tall * 0.19 * rises**0.85 * rng.uniform(0.75, 1.2, tiers) + 0.002
            at = np.stack([np.full(tiers, cx), levels], axis=1)[:, None]
            reach = half[:, None, None] * (side, 1)
            outline.append((at + reach * [(1, 0.25), (0.4, 0)]).reshape(-1, 2)[::side])
            boughs.extend((fill, bough) for bough in at + reach * notch)
        for fill, points in [(1, np.concatenate(outline)), *boughs]:
            drawing.polygon((points * shape[0]).ravel().tolist(), fill=fill)
    wood = np.asarray(trees)
    clear = np.asarray(trees.filter(ImageFilter.MaxFilter(9))) > 0  # trees stand off from what is behind them

    low, depth = y > shore, np.clip((y - shore) / (1 - shore), 0, 1)
    mass = np.where((y > shore - 0.06) & ~low, 1, mass)
    ripple = 0.012 * np.sin(90 * depth**0.7 + 3 * np.sin(6 * x)) * depth
    mirror = np.clip((shore - 1.6 * (y - shore) + ripple) * shape[0], 0, shape[0] - 1).astype(int)
    column = np.clip((x + 2 * ripple) * shape[0], 0, shape[1] - 1).astype(int)
    swell = shore + 0.20 * depth**0.8 + 0.003 * np.sin(14 * x + 40 * depth) * depth
    ink = np.where(low, cut(swell, 0.0125, mass[mirror, column] + 0.15 + 0.2 * firm), ink)
    block = np.where(low, np.where(mass[mirror, column] > 0.8, 2, block[mirror, column]), block)
    ink = np.where(clear, wood == 1, ink)
    block = np.where(clear & (y > 0.5), np.maximum(block, 1), block)
    block = np.where(wood == 2, 1, np.where(wood == 3, 2, block))

    slipped = np.pad(block, ((3, 0), (0, 4)), mode="edge")[:-3, 4:]  # the color blocks are printed a little off
    colors = np.stack([np.broadcast_to(rgb("f3e3c0"), (512, 3)), *(ramp(np.linspace(0, 1, 512), stops) for stops in inks)])
    grain = noise(rng, shape, 3) * 0.6 + noise(rng, shape, 40) * 0.5
    row = np.clip((y + 0.01 * grain) * 511, 0, 511).astype(int)
    picture = colors.astype(np.float32)[slipped, row]
    picture[ink] = rgb("1a1613")
    worn = (noise(rng, shape, 4) + 0.8 * noise(rng, shape, 26) > 2.9)[..., None]
    picture = np.where(worn, picture * 0.45 + rgb("f3e3c0").astype(np.float32) * 0.55, picture) + grain[..., None] * 5
    return finished(picture)


def bamboo(rng: np.random.Generator) -> Image.Image:
    """Ink on paper: wet washes that bloom and settle into mountains, and a dry brush for the bamboo before them."""
    shape = HEIGHT, WIDTH
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / HEIGHT
    grit = noise(rng, shape, 2) * 0.5 + noise(rng, shape, 4) * 0.6 + noise(rng, shape, 11) * 0.5
    cloud = noise(rng, shape, 40) * 0.5 + noise(rng, shape, 110) + noise(rng, shape, 260)
    wet = noise(rng, shape, 9) * 0.0016 + noise(rng, shape, 30) * 0.0036 + noise(rng, shape, 80) * 0.005

    def wash(edge: Array, strength: Array | float, bleed: float = 1) -> Array:
        """The ink that a wash leaves where `edge` > 0: more of it at its rim and in the grain of the paper"""
        inside = edge + wet * bleed
        within = np.clip(inside, 0, 1)
        rim = 0.55 * np.exp(-within / 0.006) + 0.35 * np.exp(-within / 0.03)
        return np.clip(inside / (0.0035 * bleed), 0, 1) * strength * np.clip(0.72 + rim + 0.13 * grit + 0.16 * cloud, 0.1, 2)

    blue = 0.09 + 0.06 * cloud + 0.035 * grit + 0.16 * np.clip(1 - y * 2.2, 0, 1) * np.clip(0.5 + 0.5 * cloud, 0, 2)
    for cx, cy, radius in rng.uniform((0, 0, 0.03), (1.33, 1, 0.16), (16, 3)):  # blooms, where water ran back into the wash
        edge = radius - np.hypot(x - cx, y - cy) + wet * 4
        blue += 0.13 * np.exp(-((edge / 0.006) ** 2)) * np.clip(0.6 + 0.5 * cloud, 0, 1.5) - 0.07 * np.clip(edge / 0.03, 0, 1)
    red = wash(0.072 - np.hypot(x - 0.76, y - 0.185), 0.95, 0.45)
    ranges = [  # foot, ink, how far down to the mist, and peaks: x, height, half width
        (0.68, 0.40, 0.24, [(0.95, 0.50, 0.15), (0.60, 0.36, 0.11), (1.28, 0.40, 0.12), (0.24, 0.46, 0.14)]),
        (0.76, 0.95, 0.17, [(0.83, 0.37, 0.09), (1.13, 0.46, 0.1), (0.47, 0.3, 0.11), (0.74, 0.22, 0.07), (0.05, 0.3, 0.12)]),
        (0.84, 1.80, 0.10, [(1.27, 0.42, 0.11), (1.02, 0.20, 0.10), (0.60, 0.14, 0.12), (0.24, 0.18, 0.15)]),
    ]
    for foot, strength, fade, peaks in ranges:
        top = np.full((1, WIDTH), foot + 0.02, np.float32)
        for cx, tall, half in peaks:
            dome = np.clip(1 - np.abs((x[:1] - cx) / half + 0.12 * np.sin(40 * cx)) ** 1.9, 0, 1) ** 0.9
            top = np.minimum(top, foot - tall * dome)
        below = y - top - noise(rng, top.shape, 14) * 0.005 - noise(rng, top.shape, 40) * 0.013
        deep = np.clip(below, 0, 1) / fade
        streak = noise(rng, (HEIGHT, WIDTH * 8), 34)[:, ::8] + noise(rng, (HEIGHT, WIDTH * 6), 60)[:, ::6]
        folds = 1 + np.clip(streak - 0.35, 0, 2) * np.clip(below * 14, 0, 1) * 0.5
        mist = np.exp(-deep) * np.clip(1.15 - deep / 2, 0, 1)
        cover = np.clip((below + wet) / 0.0035, 0, 1)
        blue = blue * (1 - cover * (0.95 - 0.5 * np.clip(deep, 0, 1))) + wash(below, strength * mist * folds)
        red = red * (1 - 0.85 * cover)

    def stroke(path: list[tuple[float, float]], width: float, load: float, dry: float, pointed: bool = False) -> None:
        brush(rng, drawing, np.array(path), width=width, load=load, dry=dry, pointed=pointed)

    def bough(x: float, y: float, side: int, load: float, scale: float) -> None:
        reach, rise = scale * rng.uniform(0.10, 0.26), rng.uniform(0.02, 0.12)
        stroke([(x, y), (x + side * reach * 0.5, y - rise * 0.8), (x + side * reach, y - rise)], 0.0045, load * 0.8, 0.4)
        for along in (*rng.uniform(0.35, 0.85, 2), 1.0):
            leaf_x, leaf_y = x + side * reach * along, y - rise * (1 - (1 - along) ** 2)
            for turn in np.linspace(0.1, 1.7, rng.integers(3, 6)) + rng.normal(0, 0.12):
                size, theta = scale * rng.uniform(0.06, 0.16), np.pi / 2 - side * (turn - 0.4)
                dx, dy = size * np.cos(theta), size * np.sin(theta)
                middle = leaf_x + dx / 2 + side * size * 0.08, leaf_y + dy / 2 - size * 0.06
                leaf = [(leaf_x, leaf_y), middle, (leaf_x + dx, leaf_y + dy)]
                stroke(leaf, size * 0.16, load * rng.uniform(0.6, 1), 0.35, pointed=True)

    black = np.zeros(shape, np.float32)
    far, near = [(1.17, 1.05, 0.012), (0.43, 0.42, 0.010)], [(0.11, 0.16, 0.040), (0.30, 0.22, 0.020), (1.30, 1.22, 0.017)]
    for load, scale, stems in ((0.3, 0.7, far), (1.0, 1.0, near)):
        layer = Image.new("L", (WIDTH * 2, HEIGHT * 2))
        drawing = ImageDraw.Draw(layer)
        for _ in range(24):  # water
            left, level, long = rng.uniform(-0.2, 1.2), rng.uniform(0.80, 1.0), rng.uniform(0.15, 0.5)
            width = rng.uniform(0.006, 0.03)
            stroke([(left, level), (left + long / 2, level + 0.006), (left + long, level)], width, load * 0.3, 0.95)
        for foot, head, width in stems:
            level, stem = 1.03, foot
            while level > -0.1:
                upper = level - rng.uniform(0.13, 0.2) * (0.6 + width * 14)
                last, stem = stem, foot + (head - foot) * (1.03 - upper) + 0.02 * np.sin(3 * upper + foot * 9)
                stroke([(last, level - 0.003), (stem, upper + 0.003)], width, load * 0.62, 0.5)
                knot = [(stem - width * 0.62, upper - 0.002), (stem, upper + 0.002), (stem + width * 0.62, upper - 0.003)]
                stroke(knot, 0.006, load, 0.2)
                for side in rng.choice((-1, 1), rng.integers(1, 3), replace=False):
                    bough(stem, upper, side, load, scale)
                level = upper
        for _ in range(70):  # splashes
            at, size = rng.normal((0.3, 0.45), (0.35, 0.3)) * HEIGHT * 2, rng.exponential(2.6) + 1.2
            drawing.ellipse([*(at - size), *(at + size)], fill=int(255 * load * rng.uniform(0.4, 0.9)))
        touch = np.asarray(layer.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), dtype=np.float32) / 255
        black = black * (1 - touch) + touch * 2.5 * np.clip(1 + 0.16 * grit + 0.1 * cloud, 0.3, 2)
    inks = np.array([[1.42, 1.02, 0.72], [0.10, 1.40, 1.75], [1.14, 1.06, 0.94]])  # what blue, red and black ink take away
    return finished(rgb("f8eed6") * np.exp(-np.stack([blue, red, black], axis=2) @ inks))


def koi(rng: np.random.Generator) -> Image.Image:
    """A mosaic: rows of small stones that follow the outlines of two fish and echo through the water around them."""
    parts = Image.new("L", (WIDTH, HEIGHT))
    t = np.linspace(0, 1, 60)
    around = 2 * np.pi * t
    circle = np.stack([np.cos(around), np.sin(around)], axis=1)

    def part(points: Array, kind: int, over: tuple[int, ...] = ()) -> None:
        """points: of its outline, (N, 2) in heights; kind: see `tints`; over: only on parts of these kinds"""
        mask = Image.new("1", parts.size)
        ImageDraw.Draw(mask).polygon((points * HEIGHT).ravel().tolist(), fill=1)
        if over:
            mask = Image.fromarray(np.asarray(mask) & np.isin(np.asarray(parts), over))
        parts.paste(kind, mask=mask)

    for cx, cy, radius in [(1.17, 0.11, 0.16), (1.36, 0.24, 0.10), (0.13, 0.90, 0.17), (0.33, 1.0, 0.09), (0.02, 0.07, 0.12)]:
        part((cx, cy) + radius * np.where(np.abs(t - 0.5 - 0.3 * np.sin(50 * cx)) < 0.035, 0.15, 1)[:, None] * circle, 17)
    for cx, cy, radius in [(1.22, 0.10, 0.105), (0.10, 0.88, 0.11)]:
        for count, reach, kind in ((10, 1.0, 18), (6, 0.62, 21)):
            for petal in range(count):
                turn = petal * 2 * np.pi / count + reach
                leaf = np.array([(0.1 * reach, 0), (0.55 * reach, 0.24), (reach, 0), (0.55 * reach, -0.24)]) * radius
                turned = leaf @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
                part(smooth(np.array([cx, cy]) + turned), kind + petal % 2)
        part((cx, cy) + 0.26 * radius * circle, 20)

    for first, turn, size in ((1, 2.85, 1.0), (9, 6.05, 0.95)):
        theta = turn + 2.15 * t
        spine = np.stack([0.665 + 0.42 * np.cos(theta), 0.50 + 0.315 * np.sin(theta)], axis=1)
        direction, normal = frame(spine)
        half = size * 0.100 * np.sin(np.pi * (1 - t) ** 0.62 * 0.97 + 0.06)[:, None] ** 0.85 + 0.012

        def placed(points: Array, spine: Array = spine, direction: Array = direction, normal: Array = normal) -> Array:
            """(along the fish from its tail, across it) as places on the canvas"""
            on = np.clip(points[:, 0], 0, 1)
            i = (on * 59).astype(int)
            return spine[i] + normal[i] * points[:, 1:] + direction[i] * (points[:, :1] - on[:, None])

        for side in (-1, 1):
            tail = [(0.10, 0), (-0.02, 0.05), (-0.14, 0.15), (-0.24, 0.15), (-0.18, 0.06), (-0.02, -0.005)]
            chest = [(0.72, 0.05), (0.70, 0.16), (0.60, 0.25), (0.49, 0.23), (0.56, 0.06)]
            belly = [(0.42, 0.04), (0.38, 0.12), (0.29, 0.16), (0.25, 0.12), (0.34, 0.03)]
            for fin in (tail, chest, belly):
                part(smooth(placed(np.array(fin) * (1, side))), first + 2)
        part(np.concatenate([spine + normal * half, (spine - normal * half)[::-1]]), first)
        for along, across, long, wide in [(0.76, 0.04, 0.09, 0.06), (0.52, -0.04, 0.12, 0.09), (0.24, 0.02, 0.10, 0.05)]:
            bulge = wide * np.sin(around) * (1 + 0.25 * np.sin(3 * around))
            part(placed(np.stack([along + long * np.cos(around), across + bulge], axis=1)), first + 1, (first,))
        ridge = [(0.62, 0.0), (0.5, 0.017), (0.36, 0.019), (0.28, 0), (0.36, -0.019), (0.5, -0.017)]
        part(smooth(placed(np.array(ridge))), first + 3)
        for side in (-1, 1):
            eye = placed(np.array([[0.91, side * 0.052]]))
            part(eye + 0.0255 * circle, 20)
            part(eye + 0.0085 * circle, 5)

    kinds = np.asarray(parts)
    tints = {  # by kind: water, the first fish, the second, leaves, petals; each from its rim inwards, in pixels
        0: [(0, "0d2f4c"), (11, "0d2f4c"), (18, "c8efdc"), (30, "52c4b8"), (48, "118a9c"), (66, "0c5a84"), (80, "9fe0d0")],
        1: [(0, "d8843c"), (8, "f0c890"), (16, "fff6e0"), (40, "fffaf0")],
        2: [(0, "b3200f"), (10, "e23a1a"), (30, "ff6a2a")],
        3: [(0, "d8481c"), (12, "ff9a50"), (24, "ffe8c4")],
        4: [(0, "ffd27a"), (8, "f5a030")],
        5: [(0, "101018"), (30, "101018")],
        9: [(0, "b83c08"), (10, "f47a16"), (36, "ffb43c")],
        10: [(0, "1a1c2c"), (30, "2c3350")],
        11: [(0, "a83408"), (12, "f08a2a"), (24, "ffd880")],
        12: [(0, "ffe08a"), (8, "ffc850")],
        17: [(0, "c8d860"), (10, "5f9c3c"), (40, "246a3c")],
        18: [(0, "c82a6c"), (12, "f07aa8"), (30, "ffc8d8")],
        19: [(0, "e05a90"), (12, "f79cbc"), (30, "ffd4e0")],
        20: [(0, "f0b020"), (12, "ffe070")],
        21: [(0, "f4a0bc"), (12, "ffe0e8")],
        22: [(0, "f8bccc"), (12, "fff4ee")],
    }
    away = clearance(kinds)
    slope = np.arctan2(*np.gradient(away))
    seeds = in_rows(rng, kinds, away, slope, np.where(kinds == 0, 15.0, 11.0))
    where = seeds[:, 1].astype(int), seeds[:, 0].astype(int)
    kind = kinds[where]
    swell = away[where] + np.clip(away[where] - 20, 0, 30) / 30 * noise(rng, kinds.shape, 150)[where] * 9
    swell = np.where((kind == 0) & (swell > 80), 80 - np.abs((swell - 80 + 62) % 124 - 62), swell)
    colors = np.zeros((len(seeds), 3))
    for key, stops in tints.items():
        colors[kind == key] = ramp(swell[kind == key], stops)
    colors = colors * rng.uniform(0.8, 1.14, (len(seeds), 1)) + rng.normal(0, 9, colors.shape)
    gold = rng.uniform(size=len(seeds)) < np.where(kind == 0, 0.05, np.where(np.isin(kind, (3, 11)), 0.16, 0.03))
    colors[gold] = rgb("e6a822") * rng.uniform(0.75, 1.2, (gold.sum(), 1))
    reach = 15
    margins = np.pad(kinds, reach)
    first = np.full(margins.shape, 99, np.float32)
    second, owner = first.copy(), np.zeros(first.shape, np.int32)
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    tilts = slope[where] + rng.normal(0, 0.06, len(seeds))
    for i, (row, column, c, s) in enumerate(zip(*where, np.cos(tilts), np.sin(tilts), strict=True)):
        u, v = np.abs(dx * c + dy * s), np.abs(dy * c - dx * s)
        box = slice(row, row + 2 * reach + 1), slice(column, column + 2 * reach + 1)
        distance = np.maximum(u, v) + 0.25 * (u + v) + 40 * (margins[box] != kind[i])
        claim(first[box], second[box], owner[box], distance, i)
    first, second, owner = (whole[reach:-reach, reach:-reach] for whole in (first, second, owner))
    gap = np.minimum(second - first, 2.2 * away)
    stone = np.clip((gap - 1.4) / 1.6, 0, 1)[..., None]
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    facing = rng.normal(0, 1, (len(seeds), 2)) * np.where(gold, 3.2, 1.3)[:, None]  # no stone lies quite flat
    shine = (x - seeds[owner, 0]) * facing[owner, 0] + (y - seeds[owner, 1]) * facing[owner, 1]
    grain, bevel = noise(rng, kinds.shape, 2)[..., None], -11 * sum(np.gradient(np.clip(gap, 0, 6)))
    picture = colors[owner] + (shine + bevel)[..., None] + 4 * grain
    return finished(picture * stone + (rgb("776e5c") + 7 * grain) * (1 - stone))


PAINTINGS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "harvest": harvest,
    "rose_window": rose_window,
    "harbor": harbor,
    "alpenglow": alpenglow,
    "bamboo": bamboo,
    "koi": koi,
}


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
