"""Landscapes in oil: a pond in short strokes, and an aurora in long ones."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .canvas import HEIGHT, WIDTH, Array, Canvas, Field, color_ramp, noise, rgb, tangent_and_normal
from .drawing import FlatScene, ellipse, fibers, grid, lookup, ribbon, scatter, smooth_line, swelling


def lily_pond(rng: np.random.Generator) -> Image.Image:
    """Water lilies: the sky and willows in still water, in broken color and short strokes."""
    x, y = grid()
    shape = y.shape
    willows = 0.75 * fibers(rng, shape, 420, 110) + 0.5 * fibers(rng, shape, 200, 34) + 0.25 * noise(rng, shape, 40)
    opening = 1.5 * np.exp(-(((x - 0.74 + 0.10 * y) / 0.24) ** 2)) + 0.8 * np.exp(-(((x - 0.13) / 0.10) ** 2))
    ripple = np.sin(85 * y**0.8 + 3 * np.sin(4 * x)) * (0.012 + 0.03 * y) + 0.02 * fibers(rng, shape, 14, 120)
    column = np.clip((x + ripple) * HEIGHT, 0, WIDTH - 1).astype(int)
    light = (
        (opening + 0.55 * willows)[np.arange(HEIGHT)[:, None], column]
        - 0.25
        + 0.65 * (y - 0.45)
        + 0.16 * fibers(rng, shape, 16, 90)
    )
    water = color_ramp(
        light.ravel(),
        [
            (-1.1, "16324a"),
            (-0.6, "1f5058"),
            (-0.2, "3c7a63"),
            (0.15, "4f83a4"),
            (0.5, "8e9bd6"),
            (0.85, "c9addb"),
            (1.2, "f4c3c4"),
            (1.6, "fbe3b8"),
        ],
    ).reshape(*shape, 3)
    bank = y < 0.115 + 0.02 * np.sin(5 * x + 1) + 0.012 * np.sin(17 * x)
    grass = color_ramp(
        (0.5 + 0.3 * fibers(rng, shape, 50, 14) + 0.2 * noise(rng, shape, 60)).ravel(),
        [(0, "1f4a3c"), (0.35, "3f7d42"), (0.65, "86b04a"), (0.9, "d3d06a"), (1.1, "f0dc8c")],
    ).reshape(*shape, 3)
    scene = FlatScene(np.where(bank[..., None], grass, water))

    flowers: list[tuple[float, float, float, int]] = []
    drifts = [  # x, y, half length, pads, size
        (0.33, 0.20, 0.24, 16, 0.022),
        (1.08, 0.25, 0.20, 14, 0.026),
        (0.62, 0.34, 0.20, 11, 0.034),
        (0.20, 0.43, 0.22, 12, 0.043),
        (1.12, 0.50, 0.24, 12, 0.052),
        (0.55, 0.66, 0.26, 11, 0.066),
        (1.20, 0.80, 0.18, 7, 0.080),
        (0.14, 0.88, 0.24, 9, 0.090),
        (0.78, 0.95, 0.16, 5, 0.092),
    ]
    pads: list[tuple[float, float, float]] = []
    for cx, cy, reach, count, size in drifts:
        for _ in range(count):
            px = cx + reach * rng.uniform(-1, 1)
            pads.append((px, cy + size * rng.normal(0, 0.55), size * rng.uniform(0.65, 1.15)))
    for px, py, size in sorted(pads, key=lambda pad: pad[1]):
        turn, green = rng.uniform(-0.10, 0.10), rng.integers(4)
        base, lit = [("4a8a55", "8fbf6a"), ("6aa35a", "b9d27c"), ("3b7a68", "7fb88e"), ("7f9f55", "d8d88a")][green]
        scene.fill(ellipse((px + 0.01, py + size * 0.16), size, size * 0.36, turn), "274a6a")
        scene.fill(ellipse((px, py), size, size * 0.36, turn), base)
        scene.fill(ellipse((px - 0.12 * size, py - 0.08 * size), size * 0.74, size * 0.20, turn), lit)
        notch = [(px, py), (px + size * 0.25, py + 0.42 * size), (px + size * 0.5, py + 0.36 * size)]
        scene.fill(notch, "33586f")
        if rng.uniform() < 0.36:
            flowers.append(
                (px + rng.normal(0, 0.2) * size, py - 0.12 * size, size * rng.uniform(0.42, 0.6), int(rng.integers(4)))
            )
    hanging = np.clip(0.10 + 0.42 * np.exp(-(((x - 0.02) / 0.13) ** 2)) + 0.34 * np.exp(-(((x - 1.30) / 0.12) ** 2)), 0, 1)
    strand = (fibers(rng, shape, 500, 13) > 0.35 - 0.3 * (1 - y / hanging)) & (
        y < hanging + 0.06 * fibers(rng, shape, 700, 16)
    )
    leaves = color_ramp(
        (0.5 + 0.35 * fibers(rng, shape, 70, 10)).ravel(), [(0, "1d4a44"), (0.4, "4f8f4c"), (0.75, "a8c45c"), (1, "e8e08a")]
    ).reshape(*shape, 3)
    picture = np.where(strand[..., None], leaves, scene.pixels)
    color = lookup(picture)
    blurred = np.asarray(Image.fromarray(picture.astype(np.uint8)).filter(ImageFilter.GaussianBlur(7)), dtype=np.float64)
    upright = np.where(
        bank | strand, -np.pi / 2 + 0.25 * np.sin(9 * x), 0.10 * np.sin(7 * x + 18 * y) + 0.05 * noise(rng, shape, 50)
    )
    reflected = np.where(bank | strand, upright, np.pi / 2 + 0.25 * np.sin(6 * x + 5 * y))

    canvas = Canvas(rng, lookup(blurred))
    canvas.strokes(1500, lookup(reflected), lookup(blurred), length=0.11, width=0.030, color_noise=12)
    canvas.strokes(3600, lookup(upright), lookup(blurred), length=0.050, width=0.015, color_noise=20)
    canvas.strokes(7500, lookup(upright), color, length=0.034, width=0.0095, color_noise=17)
    local = np.asarray(Image.fromarray((picture[..., 1] - blurred[..., 1] + 128).clip(0, 255).astype(np.uint8)))
    detail = np.abs(local.astype(int) - 128) > 12
    canvas.strokes(scatter(rng, detail, 5200), lookup(upright), color, length=0.026, width=0.0075, color_noise=14)
    canvas.strokes(scatter(rng, strand, 900), lookup(upright), color, length=0.055, width=0.006, color_noise=24)
    tints = [("f7f0ee", "f3b6cc"), ("fbd9e2", "e0679a"), ("fff6e2", "f2d3a6"), ("f6c6da", "c64a86")]
    for px, py, size, kind in sorted(flowers, key=lambda flower: flower[1]):
        pale, deep = tints[kind]

        def petals(fx: Array, fy: Array, px: float = px, py: float = py) -> Array:
            return np.arctan2((fy - py) * 1.0, fx - px)

        def petal_color(
            fx: Array, fy: Array, px: float = px, py: float = py, size: float = size, pale: str = pale, deep: str = deep
        ) -> Array:
            out = np.hypot(fx - px, (fy - py) * 1.5) / size
            return color_ramp(
                out + 0.5 * (fy - py) / size, [(-0.3, pale), (0.25, pale), (0.5, deep), (0.8, pale), (1.1, deep)]
            )

        for ring, count in ((0.28, 13), (0.12, 9)):
            petal = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 1)
            feet = np.stack([px + size * ring * np.cos(petal), py + 0.55 * size * ring * np.sin(petal) - 0.25 * size], axis=1)
            canvas.strokes(feet, petals, petal_color, length=size * 0.75, width=size * 0.26, color_noise=9)
        heart = rng.normal((px, py - 0.22 * size), 0.10 * size, (5, 2))
        canvas.strokes(heart, petals, _constant("f3b52f"), length=size * 0.28, width=size * 0.14, color_noise=14)
    return canvas.render(relief=0.75)


def _constant(code: str) -> Field:
    return lambda x, y: np.tile(rgb(code), (len(x), 1))


def northern_lights(rng: np.random.Generator) -> Image.Image:
    """An aurora over a fjord: curtains of light that fold into spirals, in long strokes of thick paint."""
    x, y = grid()
    shape, shore = y.shape, 0.665
    stream = y * 5 + 0.75 * noise(rng, shape, 230) + 0.28 * noise(rng, shape, 90)
    down, along = np.gradient(stream)
    flow = np.arctan2(-along, down)
    sky = color_ramp(
        (y / shore + 0.17 * np.sin(7.5 * stream) + 0.05 * noise(rng, shape, 30)).ravel(),
        [(0, "120d33"), (0.25, "1b1650"), (0.5, "23307c"), (0.75, "2c5590"), (0.95, "58508f"), (1.15, "a4568a")],
    ).reshape(*shape, 3)
    angle = flow.copy()
    curtains: list[Array] = []
    for knots, height, lean, stops in [
        (
            [(-0.1, 0.36), (0.14, 0.43), (0.40, 0.40), (0.66, 0.46), (0.95, 0.40), (1.20, 0.47), (1.45, 0.42)],
            0.20,
            0.25,
            [(0, "7fe0c0"), (0.3, "2f9c9a"), (0.7, "3c4fa8"), (1, "5b2f92")],
        ),
        (
            [(1.45, 0.26), (1.18, 0.34), (1.0, 0.25), (1.03, 0.13), (1.15, 0.11), (1.20, 0.20), (1.12, 0.245), (1.09, 0.19)],
            0.26,
            -0.2,
            [(0, "fff3a0"), (0.12, "c8f26a"), (0.4, "2fc27a"), (0.7, "2a7fae"), (1, "8a3fa8")],
        ),
        (
            [
                (-0.1, 0.14),
                (0.12, 0.33),
                (0.36, 0.38),
                (0.60, 0.30),
                (0.72, 0.17),
                (0.62, 0.08),
                (0.47, 0.10),
                (0.44, 0.20),
                (0.55, 0.235),
            ],
            0.34,
            0.12,
            [(0, "fdffb4"), (0.10, "b6f25a"), (0.34, "2fd07a"), (0.6, "1d9a94"), (0.82, "6a48b4"), (1, "d0489a")],
        ),
    ]:
        curve = smooth_line(knots, 30)
        curtains.append(curve)
        light, level = Image.new("L", (WIDTH, HEIGHT)), Image.new("L", (WIDTH, HEIGHT))
        on_light, on_level = ImageDraw.Draw(light), ImageDraw.Draw(level)
        t = np.linspace(0, 1, len(curve))
        pulse = 0.62 + 0.22 * np.sin(34 * t) + 0.16 * np.sin(91 * t + 2) + 0.15 * rng.normal(size=len(curve))
        rise = height * (0.75 + 0.25 * np.sin(23 * t + 1)) * np.stack([np.sin(lean + 0.5 * np.sin(9 * t)), -np.ones_like(t)])
        for s in np.linspace(1, 0, 30):
            rays = curve + rise.T * s
            lower = curve + rise.T * max(0, s - 0.06)
            for i in range(len(curve) - 1):
                quad = np.array([rays[i], rays[i + 1], lower[i + 1], lower[i]]) * HEIGHT
                strength = np.clip((1 - s) ** 0.6 * (0.5 + 0.6 * pulse[i]), 0, 1)
                on_light.polygon(quad.ravel().tolist(), fill=int(255 * strength))
                on_level.polygon(quad.ravel().tolist(), fill=int(255 * s))
        share = np.asarray(light.filter(ImageFilter.GaussianBlur(3)), dtype=np.float64)[..., None] / 255
        at = np.asarray(level.filter(ImageFilter.GaussianBlur(2)), dtype=np.float64).ravel() / 255
        sky = sky * (1 - share) + color_ramp(at, stops).reshape(*shape, 3) * share
        upward = -np.pi / 2 + lean + 0.35 * np.sin(8 * x + 3 * y)
        angle = np.where(share[..., 0] > 0.28, upward, angle)
        hem = np.asarray(light) > 0
        edge = hem & ~np.roll(hem, -14, axis=0)
        angle = np.where(edge, flow, angle)
    stars = scatter(rng, (y < 0.5) & (sky.mean(axis=2) < 95), 46)

    scene = FlatScene(sky)
    mountains = np.zeros(shape, bool)
    slopes = np.zeros(shape)
    for peaks, dark, mid, snow in [
        (
            [(0.12, 0.47, 0.9), (0.36, 0.52, 0.8), (0.62, 0.545, 0.6), (0.86, 0.48, 0.95), (1.10, 0.53, 0.7), (1.32, 0.46, 1)],
            "2b2a66",
            "4b58a0",
            "b8e6d8",
        ),
        (
            [(-0.02, 0.42, 1.1), (0.22, 0.57, 0.7), (1.02, 0.585, 0.6), (1.22, 0.52, 0.9), (1.42, 0.40, 1.1)],
            "161a45",
            "2f4584",
            "8fd8c8",
        ),
    ]:
        top, owner = np.full((1, WIDTH), 2.0), np.zeros((1, WIDTH))
        for cx, summit, steep in peaks:
            line = summit + steep * np.abs(x[:1] - cx) * (1 - 0.5 * np.clip(np.abs(x[:1] - cx) / 0.3, 0, 1))
            owner, top = np.where(line < top, cx, owner), np.minimum(top, line)
        top = top + 0.006 * noise(rng, top.shape, 9) + 0.009 * noise(rng, top.shape, 34)
        inside = (y > top) & (y < shore)
        side = (x - owner) + 0.035 * np.sin(17 * y + 9 * owner) + 0.012 * noise(rng, shape, 60)
        facet = np.clip(np.sin(34 * side + 6 * (y - top)) * 1.2 + 0.5, 0, 1)
        scene.blend(inside.astype(np.float64), dark)
        scene.blend(inside * (side > 0) * facet, mid)
        scene.blend(inside * np.clip(1 - (y - top) / 0.11, 0, 1) * (side < 0.02) * (0.45 + 0.55 * facet), snow)
        mountains |= inside
        slopes = np.where(inside, np.where(side > 0, 0.95, 2.2) + 0.12 * np.sin(14 * y), slopes)
    angle = np.where(mountains, slopes, angle)

    def cabin(cx: float, foot: float, size: float) -> None:
        wall, gable = (
            [(cx - size, foot), (cx - size, foot - 0.75 * size), (cx + size, foot - 0.75 * size), (cx + size, foot)],
            0.95,
        )
        scene.fill(wall, "c8321f")
        scene.fill(
            [
                (cx + 0.35 * size, foot),
                (cx + 0.35 * size, foot - 0.75 * size),
                (cx + size, foot - 0.75 * size),
                (cx + size, foot),
            ],
            "8a1f2a",
        )
        roof = [
            (cx - 1.25 * size, foot - 0.70 * size),
            (cx - 0.55 * size, foot - 1.45 * size),
            (cx + 0.7 * size, foot - 1.45 * size),
            (cx + 1.25 * size, foot - 0.70 * size),
        ]
        scene.fill(roof, "d8ecdf")
        scene.fill([(cx - 0.2 * size, foot - gable * size), *roof[2:]], "5f8fb0")
        for wx in (-0.62, -0.05):
            scene.fill(
                [
                    (cx + (wx - 0.17) * size, foot - 0.2 * size),
                    (cx + (wx - 0.17) * size, foot - 0.55 * size),
                    (cx + (wx + 0.17) * size, foot - 0.55 * size),
                    (cx + (wx + 0.17) * size, foot - 0.2 * size),
                ],
                "ffd84a",
            )

    rocks = smooth_line(
        [(-0.1, 0.655), (0.06, 0.640), (0.25, 0.650), (0.42, 0.665), (0.52, 0.69), (0.40, 0.705), (0.1, 0.72), (-0.1, 0.74)]
    )
    scene.fill(rocks, "1c1f3f")
    scene.fill(ribbon(rocks[:50], 0.012 * swelling(50)), "a8d8d0")
    houses = [(0.105, 0.655, 0.050), (0.245, 0.664, 0.062), (0.385, 0.675, 0.042)]
    for house in houses:
        cabin(*house)
    above = scene.pixels
    depth = np.clip((y - shore) / (1 - shore), 0, 1)
    wave = np.sin(95 * depth**0.65 + 5 * np.sin(3.6 * x + 6 * depth) + 2.4 * np.sin(11 * x))
    row = np.clip((shore - 1.45 * (y - shore) + 0.03 * wave * depth**0.5) * HEIGHT, 0, HEIGHT - 1).astype(int)
    column = np.clip((x + 0.015 * wave * depth) * HEIGHT, 0, WIDTH - 1).astype(int)
    swell = color_ramp(
        (0.4 + 0.4 * wave + 0.3 * depth).ravel(), [(0, "2fa08c"), (0.4, "1d4f8a"), (0.8, "191a52"), (1.1, "120d33")]
    )
    mix = np.clip(0.30 + 0.35 * wave + 0.2 * depth, 0.05, 0.9)[..., None]
    water = above[row, column] * (1 - mix) + swell.reshape(*shape, 3) * mix
    for cx, foot, size in houses:  # the light of the windows in the water
        near = (
            np.exp(-(((x - cx + 0.014 * wave) / (0.6 * size)) ** 2))
            * (y > foot + 0.045)
            * np.clip(1 - (y - foot) / 0.30, 0, 1)
        )
        near = (near * (wave > -0.3))[..., None]
        water = water * (1 - near) + rgb("ff9a3c") * near
    low = (y > shore) & (np.abs(above - scene.pixels).sum(axis=2) == 0)
    ground = FlatScene(np.where(low[..., None], water, above))
    ground.fill(rocks, "1c1f3f")
    ground.fill(ribbon(rocks[:50], 0.012 * swelling(50)), "a8d8d0")
    picture = ground.pixels
    towns = FlatScene(picture)
    del ground
    scene = towns
    for house in houses:
        cabin(*house)
    picture = scene.pixels
    angle = np.where(low & (y > shore + 0.02), 0.35 * np.sin(9 * x + 26 * y) * (0.4 + 0.6 * depth), angle)
    color, direction = lookup(picture), lookup(angle)
    canvas = Canvas(rng, color)
    canvas.strokes(1500, direction, color, length=0.17, width=0.030, color_noise=13)
    canvas.strokes(4200, direction, color, length=0.12, width=0.014, color_noise=18)
    canvas.strokes(5200, direction, color, length=0.075, width=0.0085, color_noise=22)
    town = np.zeros(shape, bool)
    for cx, foot, size in houses:
        town |= (np.abs(x - cx) < 1.4 * size) & (y < foot + 0.01) & (y > foot - 1.6 * size)
    for width, count in ((0.0085, 2500), (0.005, 5000)):
        canvas.strokes(
            scatter(rng, town, count), lookup(np.full(shape, -1.45)), color, length=1.7 * width, width=width, color_noise=8
        )
    for curve in curtains:  # the lower edge of each curtain
        tangent, _ = tangent_and_normal(curve)

        def along_it(px: Array, py: Array, curve: Array = curve, tangent: Array = tangent) -> Array:
            nearest = np.hypot(px[:, None] - curve[:, 0], py[:, None] - curve[:, 1]).argmin(axis=1)
            return np.arctan2(tangent[nearest, 1], tangent[nearest, 0])

        glow = np.flatnonzero(noise(rng, (2, len(curve)), 14)[0] > -0.2)
        starts = rng.normal(curve[glow], 0.006)
        canvas.strokes(
            starts, along_it, lookup(picture * 0.80 + rgb("e8ffb0") * 0.26), length=0.050, width=0.007, color_noise=26
        )
    for star in stars:
        spot = star + rng.normal(0, 0.002, (3, 2))
        canvas.strokes(spot, direction, _constant("fff2c4"), length=0.012, width=0.007, color_noise=10)
    return canvas.render(relief=0.9)
