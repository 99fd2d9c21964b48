"""Paintings made of brush strokes: oil, pointillism, ink."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .canvas import HEIGHT, WIDTH, Array, Canvas, color_ramp, ink_stroke, noise, rgb, to_image


def harvest(rng: np.random.Generator) -> Image.Image:
    """A wheat field under a swirling evening sky: long brush strokes with thick paint that follow the shapes."""
    eddies = np.array([[0.30, 0.25, 0.15], [0.76, 0.20, 0.21], [1.17, 0.34, 0.12], [0.52, 0.44, 0.08]])  # x, y, radius
    sun = np.array([0.98, 0.52])

    def horizon(x: Array) -> Array:
        return 0.60 + 0.035 * np.sin(3.1 * x + 0.6) + 0.02 * np.sin(7.3 * x)

    def ground(x: Array) -> Array:
        return 0.70 + 0.02 * np.sin(2.3 * x + 2) + 0.012 * np.sin(9 * x + 1)

    def tree(x: Array, y: Array) -> Array:
        """How far inside the cypress, from 0 at its outline to 1"""
        height = np.clip((0.93 - y) / 0.78, 0, 1)
        sway = 0.150 + 0.016 * np.sin(9 * y) * (1 - height)
        half = 0.070 * np.sqrt(np.clip(1 - height, 0, 1)) * np.clip((0.94 - y) / 0.08, 0, 1) * (1 + 0.25 * np.sin(26 * y))
        return np.clip(1 - np.abs(x - sway) / np.maximum(half, 1e-6), 0, 1)

    def angle(x: Array, y: Array) -> Array:
        u, v = np.ones_like(x), 0.45 * np.sin(4.2 * x + 1) + 0.25 * np.sin(9 * x - 6 * y)
        for i, (cx, cy, radius) in enumerate(eddies):
            dx, dy = x - cx, y - cy
            spin = 5.5 * np.exp(-((dx**2 + dy**2) / (1.3 * radius) ** 2)) / radius * (-1) ** i
            u, v = u - dy * spin, v + dx * spin
        dx, dy = x - sun[0], y - sun[1]
        near = np.exp(-(dx**2 + dy**2) / 0.012)
        u, v = u * (1 - near) - 8 * near * dy, v * (1 - near) + 8 * near * dx
        sky = np.arctan2(v, u)
        hills = np.arctan(0.11 * np.cos(3.1 * x + 0.6) + 0.5 * np.cos(11 * x + 14 * y))
        field = np.arctan2(y - 0.48, (x - 0.62) * 0.9) + 0.16 * np.sin(17 * x + 9 * y)
        flame = -np.pi / 2 + 0.55 * np.sin(30 * y + 8 * x)
        landscape = np.where(y < horizon(x), sky, np.where(y < ground(x), hills, field))
        return np.where(tree(x, y) > 0, flame, landscape)

    def color(x: Array, y: Array) -> Array:
        band = np.sin(26 * (y + 0.05 * np.sin(4 * x + 1)) + 9 * np.sin(2.1 * x))
        low = np.clip(y / 0.60, 0, 1)
        sky = color_ramp(
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
        hills = color_ramp(
            ridge + 0.25 * np.sin(21 * x + 30 * y), [(0, "2b2f6b"), (0.4, "3a5a86"), (0.75, "2f6b5e"), (1, "86934c")]
        )
        rows = np.sin(60 * np.arctan2(y - 0.48, x - 0.62))
        near = np.clip((y - 0.68) / 0.32, 0, 1)
        field = color_ramp(
            near * 0.35 + 0.33 + 0.33 * rows,
            [(0, "6e3b1d"), (0.3, "b8721f"), (0.6, "e3a92e"), (0.85, "f6d768"), (1, "8aa04a")],
        )
        poppy = (np.sin(43 * x + 5 * np.sin(31 * y)) * np.sin(57 * y + 3 * np.sin(23 * x)) > 0.80)[:, None]
        field = np.where(poppy, rgb("c8321f"), field)
        scene = np.where((y < horizon(x))[:, None], sky, np.where((y < ground(x))[:, None], hills, field))
        inside = tree(x, y)
        bark = color_ramp(
            inside + 0.4 * np.sin(40 * x + 22 * y), [(0, "5a3a22"), (0.3, "1d3a2a"), (0.7, "10241f"), (1, "3d6b3a")]
        )
        return np.where((inside > 0)[:, None], bark, scene)

    canvas = Canvas(rng, color)
    canvas.strokes(1700, angle, color, length=0.16, width=0.034, color_noise=16)
    canvas.strokes(6000, angle, color, length=0.10, width=0.017, color_noise=20)
    canvas.strokes(9000, angle, color, length=0.065, width=0.0095, color_noise=26)
    return canvas.render(relief=0.85)


def harbor(rng: np.random.Generator) -> Image.Image:
    """Sailing boats at sunrise: dabs of pure colors side by side that mix in the eye."""
    sun, shore = np.array([0.93, 0.37]), 0.50
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    flat_x, flat_y = x.ravel(), y.ravel()
    distance = np.hypot(flat_x - sun[0], flat_y - sun[1])
    cloud = np.sin(24 * flat_y + 2.2 * np.sin(3.2 * flat_x + 0.5) + 3 * flat_x) * np.sin(5 * flat_x - 9 * flat_y + 1)
    sky = color_ramp(
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
    scene = to_image(air)
    drawing = ImageDraw.Draw(scene)

    def polygon(points: list[tuple[float, float]], code: str, target: ImageDraw.ImageDraw = drawing) -> None:
        target.polygon((np.array(points) * HEIGHT).ravel().tolist(), fill=f"#{code}")

    left = 0.0
    while left < 0.50:  # the town
        width, height = rng.uniform(0.026, 0.05), rng.uniform(0.035, 0.085)
        top = shore - height - 0.04 * np.exp(-((left - 0.15) ** 2) / 0.01)
        wall = ("ffb27a", "f7d9a0", "f08f7c", "ffd0b8", "e8a0c0")[rng.integers(5)]
        polygon([(left, shore), (left, top), (left + width, top), (left + width, shore)], "8a6cc0")
        polygon([(left + width * 0.4, shore), (left + width * 0.4, top), (left + width, top), (left + width, shore)], wall)
        polygon([(left - 0.004, top), (left + width / 2, top - 0.018), (left + width + 0.004, top)], "d8472f")
        left += width
    polygon([(0.070, shore), (0.070, 0.25), (0.115, 0.25), (0.115, shore)], "7a56b4")
    polygon([(0.090, shore), (0.090, 0.25), (0.115, 0.25), (0.115, shore)], "ffc98a")
    polygon([(0.062, 0.252), (0.0925, 0.15), (0.123, 0.252)], "3f62b0")
    air = np.asarray(scene, dtype=np.float64)
    depth = np.clip((y - shore) / (1 - shore), 0, 1)
    wave = np.sin(150 * depth**0.6 + 5 * np.sin(4 * x + 9 * depth) + 3 * np.sin(13 * x))
    row = np.clip((shore - 0.9 * (y - shore) + 0.022 * wave * depth**0.5) * HEIGHT, 0, HEIGHT - 1).astype(int)
    column = np.clip((x + 0.012 * wave * depth) * HEIGHT, 0, WIDTH - 1).astype(int)
    swell = color_ramp(
        (0.75 * depth + 0.25 * wave).ravel(), [(0, "8fe3c8"), (0.35, "2fb0c0"), (0.65, "2668c4"), (1.0, "2a2f9c")]
    )
    wave_share = np.clip(0.25 + 0.4 * depth + 0.6 * wave, 0.05, 0.95)[..., None]
    water = air[row, column] * (1 - wave_share) + swell.reshape(air.shape) * wave_share
    glitter = np.exp(-(((x - sun[0]) / (0.035 + 0.13 * depth)) ** 2)) * (wave > -0.25 + 0.5 * depth)
    water = np.where((glitter > 0.45)[..., None], rgb("ffcf6a"), water)
    boats = [(0.66, 0.53, 0.09, 2), (1.22, 0.56, 0.17, 1), (0.76, 0.59, 0.21, 1), (1.13, 0.88, 0.40, 2), (0.42, 0.77, 0.57, 0)]
    sails = [
        ("ff8a3c", "ffd05e", "a8429a", "ee6a8c"),
        ("f6e6c0", "ffd9a0", "6a7ad8", "a79ae6"),
        ("e8402e", "ff9a52", "7a3a8c", "c2508a"),
    ]

    def sail_edge(tip: tuple[float, float], end: tuple[float, float], belly: float) -> list[tuple[float, float]]:
        """A curve from the tip of a sail to its lower corner, filled by the wind"""
        t = np.linspace(0, 1, 9)
        dx, dy = end[0] - tip[0], end[1] - tip[1]
        bulge = belly * np.sin(np.pi * t**0.8)
        return list(zip(tip[0] + dx * t - dy * bulge, tip[1] + dy * t + dx * bulge, strict=True))

    def boat(colors: tuple[str, ...]) -> list[tuple[list[tuple[float, float]], str]]:
        mast, lit, shaded = (0.015, -1.0), (0.02, -0.16), (-0.05, -0.19)
        peak = (-0.012, -0.94)
        rim = sail_edge((-0.50, -0.17), (0.50, -0.16), 0.07)
        keel = sail_edge((0.50, -0.16), (0.34, 0.04), 0.12) + sail_edge((0.34, 0.04), (-0.34, 0.04), 0.02)
        return [
            ([(-0.014, -0.1), (-0.006, -1.08), (0.006, -1.08), (0.016, -0.1)], "46286e"),
            ([*sail_edge(mast, (0.50, -0.20), -0.14), lit], colors[0]),
            ([*sail_edge(mast, (0.22, -0.18), -0.12), lit], colors[1]),
            ([*sail_edge(peak, (-0.54, -0.17), 0.05), *sail_edge((-0.54, -0.17), shaded, -0.06)], colors[2]),
            ([*sail_edge(peak, (-0.26, -0.17), 0.02), shaded], colors[3]),
            ([*rim, *keel], "1c2c86"),
            ([*rim, *[(px * 0.97, py + 0.035) for px, py in rim[::-1]]], "f0452e"),
            ([*sail_edge((-0.39, -0.005), (0.39, -0.005), 0.03), (0.34, 0.04), (-0.34, 0.04)], "159070"),
        ]

    mirror = Image.new("RGBA", scene.size)
    below = ImageDraw.Draw(mirror)
    for cx, cy, size, kind in boats:
        for points, code in boat(sails[kind]):
            polygon([(cx + px * size, cy + (0.05 - 0.75 * py) * size) for px, py in points], code, below)
    ripple = np.asarray(mirror, dtype=np.float64)[np.arange(HEIGHT)[:, None], column]
    cover = ripple[..., 3:] / 255 * np.clip(0.62 + 0.45 * wave, 0, 1)[..., None]
    water = water * (1 - cover) + ripple[..., :3] * cover
    scene = to_image(np.where((y > shore)[..., None], water, air))
    above = ImageDraw.Draw(scene)
    for cx, cy, size, kind in boats:
        for points, code in boat(sails[kind]):
            polygon([(cx + px * size, cy + py * size) for px, py in points], code, above)
    picture = np.asarray(scene, dtype=np.float64)

    def color(x: Array, y: Array) -> Array:
        return picture[np.clip(y * HEIGHT, 0, HEIGHT - 1).astype(int), np.clip(x * HEIGHT, 0, WIDTH - 1).astype(int)]

    def ground(x: Array, y: Array) -> Array:
        return color(x, y) * 0.4 + rgb("e8b0a0") * 0.75

    def angle(x: Array, y: Array) -> Array:
        return np.where(y < shore, np.arctan2(x - sun[0], sun[1] - y), 0.15 * np.sin(9 * x + 21 * y))

    canvas = Canvas(rng, ground)
    canvas.pointillist_dabs(0.0180, angle, color, length=1.25)
    canvas.pointillist_dabs(0.0145, angle, color, length=1.3)
    canvas.pointillist_dabs(0.0112, angle, color, length=1.2)
    return canvas.render(relief=0.9)


def bamboo(rng: np.random.Generator) -> Image.Image:
    """Ink on paper: wet washes for the mountains, and a dry brush for the bamboo in front of them."""
    shape = HEIGHT, WIDTH
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / HEIGHT
    grit = noise(rng, shape, 2) * 0.5 + noise(rng, shape, 4) * 0.6 + noise(rng, shape, 11) * 0.5
    cloud = noise(rng, shape, 40) * 0.5 + noise(rng, shape, 110) + noise(rng, shape, 260)
    wet = noise(rng, shape, 9) * 0.0016 + noise(rng, shape, 30) * 0.0036 + noise(rng, shape, 80) * 0.005

    def wash(edge: Array, strength: Array | float, bleed: float = 1) -> Array:
        """Ink density of a wash where `edge` > 0: denser at its rim and in the grain of the paper"""
        inside = edge + wet * bleed
        within = np.clip(inside, 0, 1)
        rim = 0.55 * np.exp(-within / 0.006) + 0.35 * np.exp(-within / 0.03)
        return np.clip(inside / (0.0035 * bleed), 0, 1) * strength * np.clip(0.72 + rim + 0.13 * grit + 0.16 * cloud, 0.1, 2)

    blue = 0.09 + 0.06 * cloud + 0.035 * grit + 0.16 * np.clip(1 - y * 2.2, 0, 1) * np.clip(0.5 + 0.5 * cloud, 0, 2)
    for cx, cy, radius in rng.uniform((0, 0, 0.03), (1.33, 1, 0.16), (16, 3)):  # blooms: water that ran back into the wash
        edge = radius - np.hypot(x - cx, y - cy) + wet * 4
        blue += 0.13 * np.exp(-((edge / 0.006) ** 2)) * np.clip(0.6 + 0.5 * cloud, 0, 1.5) - 0.07 * np.clip(edge / 0.03, 0, 1)
    red = wash(0.072 - np.hypot(x - 0.76, y - 0.185), 0.95, 0.45)
    ranges = [  # foot, ink density, height of the mist, and peaks: x, height, half width
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
        ink_stroke(rng, drawing, np.array(path), width=width, load=load, dry=dry, pointed=pointed)

    def branch(x: float, y: float, side: int, load: float, scale: float) -> None:
        length, rise = scale * rng.uniform(0.10, 0.26), rng.uniform(0.02, 0.12)
        stroke([(x, y), (x + side * length * 0.5, y - rise * 0.8), (x + side * length, y - rise)], 0.0045, load * 0.8, 0.4)
        for along in (*rng.uniform(0.35, 0.85, 2), 1.0):
            leaf_x, leaf_y = x + side * length * along, y - rise * (1 - (1 - along) ** 2)
            for turn in np.linspace(0.1, 1.7, rng.integers(3, 6)) + rng.normal(0, 0.12):
                size, theta = scale * rng.uniform(0.06, 0.16), np.pi / 2 - side * (turn - 0.4)
                dx, dy = size * np.cos(theta), size * np.sin(theta)
                middle = leaf_x + dx / 2 + side * size * 0.08, leaf_y + dy / 2 - size * 0.06
                leaf = [(leaf_x, leaf_y), middle, (leaf_x + dx, leaf_y + dy)]
                stroke(leaf, size * 0.16, load * rng.uniform(0.6, 1), 0.35, pointed=True)

    black: Array = np.zeros(shape, np.float32)
    far, near = [(1.17, 1.05, 0.012), (0.43, 0.42, 0.010)], [(0.11, 0.16, 0.040), (0.30, 0.22, 0.020), (1.30, 1.22, 0.017)]
    for load, scale, stems in ((0.3, 0.7, far), (1.0, 1.0, near)):
        layer = Image.new("L", (WIDTH * 2, HEIGHT * 2))
        drawing = ImageDraw.Draw(layer)
        for _ in range(24):  # water
            left, level, length = rng.uniform(-0.2, 1.2), rng.uniform(0.80, 1.0), rng.uniform(0.15, 0.5)
            width = rng.uniform(0.006, 0.03)
            stroke([(left, level), (left + length / 2, level + 0.006), (left + length, level)], width, load * 0.3, 0.95)
        for foot, head, width in stems:
            level, stem = 1.03, foot
            while level > -0.1:
                upper = level - rng.uniform(0.13, 0.2) * (0.6 + width * 14)
                last, stem = stem, foot + (head - foot) * (1.03 - upper) + 0.02 * np.sin(3 * upper + foot * 9)
                stroke([(last, level - 0.003), (stem, upper + 0.003)], width, load * 0.62, 0.5)
                knot = [(stem - width * 0.62, upper - 0.002), (stem, upper + 0.002), (stem + width * 0.62, upper - 0.003)]
                stroke(knot, 0.006, load, 0.2)
                for side in rng.choice((-1, 1), rng.integers(1, 3), replace=False):
                    branch(stem, upper, side, load, scale)
                level = upper
        for _ in range(70):  # splashes
            center, size = rng.normal((0.3, 0.45), (0.35, 0.3)) * HEIGHT * 2, rng.exponential(2.6) + 1.2
            drawing.ellipse([*(center - size), *(center + size)], fill=int(255 * load * rng.uniform(0.4, 0.9)))
        coverage = np.asarray(layer.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), dtype=np.float32) / 255
        black = black * (1 - coverage) + coverage * 2.5 * np.clip(1 + 0.16 * grit + 0.1 * cloud, 0.3, 2)
    inks = np.array(
        [[1.42, 1.02, 0.72], [0.10, 1.40, 1.75], [1.14, 1.06, 0.94]]
    )  # (blue, red, black ink) x (R, G, B) absorbed
    return to_image(rgb("f8eed6") * np.exp(-np.stack([blue, red, black], axis=2) @ inks))
