"""Prints in flat colors with contours: a Japanese woodblock and an art nouveau poster."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt

from .canvas import HEIGHT, WIDTH, Array, color_ramp, noise, rgb, smooth_outline, tangent_and_normal, to_image
from .drawing import Blocks, ellipse, fibers, ribbon, smooth_line, swelling


def breaking_wave(rng: np.random.Generator) -> Image.Image:
    """A woodblock print: a wave curls over, with foam that ends in claws, in blues with contours on warm paper."""
    blocks = Blocks("f0e0ba")
    _, y = blocks.grid()
    shape = y.shape
    sky = color_ramp(
        (y + 0.012 * noise(rng, shape, 90)).ravel(),
        [(0, "46647f"), (0.07, "7d98a0"), (0.2, "d9d3b4"), (0.36, "f0e0ba"), (0.52, "f0d2a0"), (0.72, "e8a983")],
    ).reshape(*shape, 3)
    blocks.paint(y < 2, sky)
    for left, right, level, height, code in [
        (-0.2, 0.30, 0.175, 0.042, "e7a27c"),
        (-0.2, 0.17, 0.235, 0.036, "f3e6c6"),
        (0.96, 1.5, 0.520, 0.050, "e99c78"),
        (1.06, 1.5, 0.590, 0.038, "f4e8ca"),
        (0.02, 0.24, 0.345, 0.034, "ecb68e"),
        (1.10, 1.5, 0.115, 0.044, "f3e6c6"),
        (1.20, 1.5, 0.185, 0.034, "e7a27c"),
    ]:  # bands of mist with round ends
        ends = np.linspace(np.pi / 2, 3 * np.pi / 2, 16)
        cap = np.stack([np.cos(ends), np.sin(ends)], axis=1) * height / 2
        blocks.fill(np.concatenate([np.add((left, level), cap), np.subtract((right, level), cap)]), code, 0.0028)
    island = smooth_line([(0.98, 0.70), (1.04, 0.665), (1.09, 0.60), (1.15, 0.585), (1.21, 0.625), (1.27, 0.61), (1.40, 0.67)])
    blocks.fill([*island.tolist(), (1.4, 0.78), (0.98, 0.78)], "6f8f8c", 0.003)
    for shift in (0.03, 0.055):
        blocks.line(np.add(island[24:80], (0.01, shift)), 0.0026 * swelling(56))
    for cx, cy, size in [(1.105, 0.592, 0.05), (1.16, 0.585, 0.062), (1.235, 0.615, 0.048)]:  # pines
        blocks.line(smooth_line([(cx, cy + 0.01), (cx + 0.1 * size, cy - 0.4 * size), (cx - 0.15 * size, cy - size)]), 0.005)
        for k in range(4):
            tier = cx + (0.35 - 0.3 * (k % 2)) * size - 0.12 * size, cy - (0.4 + 0.2 * k) * size
            blocks.fill(ellipse(tier, 0.42 * size * (1 - 0.15 * k), 0.09 * size), "2f5f55", 0.0024)

    def claw(foam: list[Array], start: Array, heading: float, length: float, width: float, curl: float, depth: int) -> None:
        """A finger of foam that bends and splits up"""
        t = np.linspace(0, 1, 14)
        theta = heading + curl * t**1.4
        steps = np.stack([np.cos(theta), np.sin(theta)], axis=1) * length / 14
        path = start + np.cumsum(steps, axis=0)
        foam.append(ribbon(path, width * (1 - 0.8 * t)))
        foam.append(ellipse(path[-1], width * 0.16))
        if depth:
            for at in (5, 8, 11):
                turn = rng.uniform(-0.9, 0.5) * np.sign(curl)
                size = rng.uniform(0.4, 0.62)
                claw(foam, path[at], theta[at] + turn, length * size, width * 0.62, curl * 1.25, depth - 1)

    def lay_foam(foam: list[Array]) -> None:
        """Foam in white with its contour, and a pale blue line inside it"""
        mask = blocks.mask(foam)
        inside = distance_transform_edt(mask)
        wobble = 1.2 * noise(rng, shape, 24)
        blocks.paint(mask, "f9f3e0")
        vein = mask & (np.abs(inside + wobble - 13) < 2.2)
        vein |= mask & (np.abs(inside + wobble - 25) < 1.8)
        blocks.paint(vein, "8fb6c4")
        blocks.mark(mask & (inside < 3.6))

    def stripes(first: Array, last: Array, bands: list[tuple[float, float, float, str]]) -> None:
        """Bands that run along two edges of a wave.  bands: position from `first` to `last`, width, start, and color"""
        count = len(first)
        for position, width, start, code in bands:
            part = slice(int(start * count), count)
            size = count - part.start
            bow = swelling(size, 0.25)[:, None] * width / 2
            s = position + 0.012 * np.sin(np.linspace(0, 7, size) + 20 * position)[:, None]
            span = last[part] - first[part]
            upper, lower = first[part] + span * (s - bow), first[part] + span * (s + bow)
            blocks.fill(np.concatenate([upper, lower[::-1]]), code, 0.0022)

    back = smooth_line([(-0.14, 0.72), (0.09, 0.60), (0.27, 0.41), (0.44, 0.22), (0.64, 0.12), (0.85, 0.155), (0.96, 0.31)])
    face = smooth_line([(1.20, 0.86), (0.90, 0.80), (0.70, 0.68), (0.62, 0.52), (0.67, 0.37), (0.81, 0.285), (0.96, 0.31)])
    sea = [(1.4, 0.735), (1.2, 0.75), (1.0, 0.73), (0.8, 0.745), (0.5, 0.73), (0.5, 1.1), (1.4, 1.1)]
    blocks.fill(sea, "9fc0bd", 0.003)
    for k in range(9):
        level = 0.75 + 0.011 * k
        path = smooth_line([(0.7, level), (0.9, level + 0.004), (1.1, level - 0.004), (1.4, level + 0.003)])
        blocks.line(path + 0.004 * np.sin(30 * path[:, :1] + k), 0.0022)
    blocks.fill(np.concatenate([back, face[::-1], [(1.2, 1.1), (-0.14, 1.1)]]), "1d4577", 0.0055)
    deep, middle, pale = "15335f", "4f86ac", "c7dcd6"
    stripes(
        back,
        face,
        [
            (0.07, 0.10, 0.10, middle),
            (0.17, 0.045, 0.0, pale),
            (0.27, 0.085, 0.05, "2f629a"),
            (0.36, 0.04, 0.0, pale),
            (0.45, 0.08, 0.0, middle),
            (0.54, 0.035, 0.0, pale),
            (0.62, 0.07, 0.0, deep),
            (0.70, 0.045, 0.0, pale),
            (0.78, 0.06, 0.0, middle),
            (0.855, 0.03, 0.0, pale),
            (0.92, 0.05, 0.0, deep),
            (0.975, 0.03, 0.0, "a9cbd0"),
        ],
    )
    tangent, normal = tangent_and_normal(back)
    foam: list[Array] = []
    for i in range(34, len(back)):
        t = (i - 34) / (len(back) - 35)
        for _ in range(2):
            jitter = rng.normal(0, 0.008, 2) * (0.5 + t)
            foam.append(ellipse(back[i] + normal[i] * (0.002 + 0.012 * t) + jitter, rng.uniform(0.007, 0.013) + 0.010 * t))
        if i % 3 == 0:
            heading = np.arctan2(*tangent[i][::-1]) - 0.9 + 0.6 * t + rng.normal(0, 0.2)
            claw(foam, back[i], heading, 0.050 + 0.075 * t, 0.014 + 0.010 * t, rng.uniform(1.5, 2.3), 1 + (t > 0.4))
    under, _ = tangent_and_normal(face)
    for i in range(66, len(face)):
        t = (i - 66) / (len(face) - 67)
        foam.append(ellipse(face[i] + rng.normal(0, 0.005, 2), 0.006 + 0.014 * t))
        if i % 5 == 0:
            heading = np.arctan2(*under[i][::-1]) + 1.0 + rng.normal(0, 0.2)
            claw(foam, face[i], heading, 0.085 + 0.06 * t, 0.020, rng.uniform(0.8, 1.5), 2)
    lay_foam(foam)
    drops: list[Array] = []
    for _ in range(150):
        point = back[-1] + rng.normal((0.06, 0.0), (0.16, 0.13))
        drops.append(ellipse(point, min(0.0105, 0.003 + rng.exponential(0.0022))))
    hollow = blocks.mask([np.concatenate([back, face[::-1]])])
    drops = [drop for drop in drops if not hollow[tuple(np.clip(drop[0, ::-1] * shape[0], 0, shape[0] - 1).astype(int))]]
    lay_foam(drops)

    for knots, code, lines in [
        (
            [(-0.1, 0.80), (0.10, 0.74), (0.26, 0.685), (0.40, 0.72), (0.58, 0.815), (0.82, 0.83), (1.05, 0.775), (1.4, 0.84)],
            "2a5c92",
            9,
        ),
        (
            [(-0.1, 0.86), (0.15, 0.90), (0.45, 0.87), (0.72, 0.93), (0.95, 0.885), (1.13, 0.80), (1.25, 0.80), (1.4, 0.88)],
            "1a3d70",
            8,
        ),
        ([(-0.1, 0.97), (0.12, 0.93), (0.34, 0.955), (0.62, 1.0), (0.90, 0.975), (1.15, 0.95), (1.4, 0.985)], "143059", 5),
    ]:
        crest = smooth_line(knots)
        blocks.fill([*crest.tolist(), (1.4, 1.1), (-0.1, 1.1)], code, 0.005)
        for k in range(1, lines):
            size = 0.010 if k % 3 == 1 else 0.006
            cut = slice(int(rng.integers(0, 14)), len(crest) - int(rng.integers(0, 14)))
            path = (
                crest[cut] * (1, 0.72)
                + (0, 0.28 * crest[:, 1].mean())
                + (0.004 * k, 0.017 * k + 0.004 * np.sin(9 * crest[cut][:, 0:1].mean()))
            )
            color = (pale, middle, "7fb0c0")[k % 3]
            blocks.fill(
                ribbon(path, size * (0.3 + 0.7 * swelling(len(path)) * (0.6 + 0.4 * np.sin(11 * path[:, 0] + 2 * k)))),
                color,
                0.002,
            )
        tangent, _ = tangent_and_normal(crest)
        foam = []
        for i in range(len(crest)):
            rise = max(0.0, float(crest[:, 1].mean() - crest[i, 1])) * 10
            if rise > 0.12:
                for _ in range(2):
                    foam.append(ellipse(crest[i] + rng.normal(0, 0.007, 2), 0.006 + 0.013 * min(rise, 1.2)))
            if rise > 0.25 and i % 4 == 0:
                heading = np.arctan2(*tangent[i][::-1]) - 0.7 + rng.normal(0, 0.3)
                claw(foam, crest[i], heading, 0.03 + 0.03 * min(rise, 1), 0.017, rng.uniform(1.2, 2.1), 2)
        lay_foam(foam)

    for cx, cy, size in [
        (0.30, 0.10, 0.040),
        (0.235, 0.135, 0.030),
        (0.37, 0.072, 0.030),
        (0.17, 0.085, 0.026),
        (0.43, 0.045, 0.022),
    ]:
        for side in (-1, 1):  # cranes
            wing = smooth_line([(cx, cy), (cx + side * 0.45 * size, cy - 0.42 * size), (cx + side * size, cy - 0.25 * size)])
            blocks.fill(ribbon(wing, size * 0.26 * swelling(len(wing), 0.5)), "f9f3e0", 0.002)
            blocks.line(wing[20:], size * 0.16 * swelling(len(wing) - 20, 0.4))
        body = smooth_line([(cx + size * 0.55, cy + 0.16 * size), (cx, cy), (cx - size * 0.42, cy - 0.05 * size)])
        blocks.fill(ribbon(body, size * 0.2 * swelling(len(body), 0.2, 0.1)), "f9f3e0", 0.0018)
    blocks.fill([(0.050, 0.42), (0.104, 0.42), (0.104, 0.555), (0.050, 0.555)], "c23a22", 0.003)  # a seal
    for k in range(4):  # its emblem: water
        level = 0.447 + 0.028 * k
        swell = smooth_line(
            [
                (0.058, level + 0.006),
                (0.067, level - 0.006),
                (0.077, level + 0.004),
                (0.087, level - 0.006),
                (0.097, level + 0.006),
            ]
        )
        blocks.fill(ribbon(swell, 0.0065), "f4e6c4")
    printed = blocks.pull(rng, "14233f", (2, 3))
    rings = y * 46 + 2.2 * noise(rng, shape, 300) + 0.3 * fibers(rng, shape, 24, 240)
    grain = (np.abs(rings % 1 - 0.5) * 2 + 0.45 * fibers(rng, shape, 3, 90) - 0.5)[..., None]
    speckle = noise(rng, shape, 3)[..., None]
    tone = (255 - printed.mean(axis=2, keepdims=True)) / 255
    return to_image(printed * (1 - 0.07 * grain * (0.5 + tone)) + speckle * 4.5 + 9 * grain * tone)


def iris(rng: np.random.Generator) -> Image.Image:
    """An art nouveau poster: three irises before a halo, with swelling contours, flat fields and an ornamental frame."""
    blocks = Blocks("f1e4c4")
    x, y = blocks.grid()
    shape = y.shape
    right, center = WIDTH / HEIGHT, np.array([WIDTH / HEIGHT / 2, 0.44])

    def panel(margin: float) -> Array:
        low, high = margin, 1 - margin
        return np.array([(margin, low), (right - margin, low), (right - margin, high), (margin, high)])

    def mirrored(points: Array) -> list[Array]:
        return [points, (points * (-1, 1) + (right, 0))[::-1]]

    frame = Blocks("f1e4c4")
    for margin, code, line in [(0.022, "2c5a55", 0.006), (0.036, "d9a441", 0.003), (0.050, "f1e4c4", 0.003)]:
        frame.fill(panel(margin), code, line)
    frame.fill(panel(0.090), "c98b5a", 0.006)
    for start, end in [((0.07, 0.07), (right - 0.07, 0.07)), ((0.07, 0.93), (right - 0.07, 0.93))] + [
        ((side, 0.07), (side, 0.93)) for side in (0.07, right - 0.07)
    ]:  # a vine in the frame
        ahead = np.subtract(end, start)
        waves, turn = round(float(np.hypot(*ahead)) / 0.107), np.arctan2(*ahead[::-1])
        aside = np.array([-np.sin(turn), np.cos(turn)])
        t = np.linspace(0, 1, 30 * waves + 1)[:, None]
        vine = start + ahead * t + aside * 0.0085 * np.sin(2 * np.pi * waves * t)
        frame.fill(ribbon(vine, 0.0055), "2c5a55", 0.002)
        for k in range(2 * waves):
            side = 1 if k % 2 else -1
            spot = np.add(start, ahead * (k + 0.5) / (2 * waves)) + aside * 0.004 * side
            frame.fill(ellipse(spot, 0.0150, 0.0062, turn - 0.55 * side), "7fa35c", 0.0022)
            frame.fill(ellipse(spot - aside * 0.013 * side, 0.0055), "b5562f", 0.002)
    for corner in ((0.07, 0.07), (right - 0.07, 0.07), (0.07, 0.93), (right - 0.07, 0.93)):
        frame.fill(ellipse(corner, 0.019), "d9a441", 0.003)
        frame.fill(ellipse(corner, 0.009), "b5562f", 0.002)

    field = blocks.mask([panel(0.094)])
    blocks.paint(
        field,
        color_ramp(y.ravel(), [(0.08, "cdaad4"), (0.32, "eccbd4"), (0.60, "f8dcc8"), (0.92, "efa08e")]).reshape(*shape, 3),
    )
    for row in range(19):  # scales, like those of a peacock's tail, on the field
        for column in range(15):
            cx, cy = 0.06 + 0.094 * column + 0.047 * (row % 2), 0.98 - 0.051 * row
            arc = np.linspace(0, np.pi, 20)
            arch = np.stack([cx - 0.047 * np.cos(arc), cy - 0.052 * np.sin(arc)], axis=1)
            inner = blocks.mask([ellipse((cx, cy - 0.022), 0.011, 0.015)]) & field
            blocks.mark(blocks.mask([ribbon(arch, 0.0024 * swelling(20, 0.6, 0.6))]) & field)
            blocks.paint(inner, ("5f9088", "d2803f", "7d6fae")[(row + 2 * column) % 3])
    for radius, code, line in [(0.392, "2c5a55", 0.005), (0.378, "e3b04b", 0.003), (0.315, "f4e3b4", 0.005)]:
        blocks.fill(ellipse(center, radius), code, line)
    for k in range(36):  # the ring of the halo
        turn = 2 * np.pi * k / 36
        along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
        middle = center + 0.3465 * along
        lozenge = np.array([middle + 0.026 * along, middle + 0.019 * across, middle - 0.026 * along, middle - 0.019 * across])
        blocks.fill(smooth_outline(lozenge), ("b5482f", "3f7f80")[k % 2], 0.003)
        blocks.fill(ellipse(middle, 0.0075), "f4e3b4", 0.002)
        gap = center + 0.3465 * np.array([np.cos(turn + np.pi / 36), np.sin(turn + np.pi / 36)])
        for out in (-0.02, 0.02):
            blocks.fill(ellipse(gap + out * along, 0.0045), "6b4a2a", 0.0)
    disc = blocks.mask([ellipse(center, 0.312)])
    distance = np.hypot(x - center[0], y - center[1])
    glow = color_ramp(distance.ravel(), [(0.0, "fff3cf"), (0.14, "fae0a2"), (0.26, "f2b878"), (0.32, "e69a68")]).reshape(
        *shape, 3
    )
    blocks.paint(disc, glow)
    for k in range(60):
        turn = 2 * np.pi * (k + 0.5) / 60
        ray = center + np.linspace(0.19 + 0.05 * (k % 2), 0.305, 20)[:, None] * (np.cos(turn), np.sin(turn))
        blocks.fill(ribbon(ray, np.linspace(0.001, 0.012, 20)), ("fbe9bd", "de8a58")[k % 2])

    def spiral(start: tuple[float, float], radius: float, heading: float, turns: float, hand: int) -> Array:
        t = np.linspace(0, 1, 70)
        theta = heading + hand * turns * 2 * np.pi * t**1.5
        steps = np.stack([np.cos(theta), np.sin(theta)], axis=1) * (radius * (1.25 - t))[:, None] / 11
        return start + np.cumsum(steps, axis=0)

    for begin, radius, heading, turns, hand in [
        ((0.055, 0.66), 0.30, -1.35, 0.95, 1),
        ((0.055, 0.40), 0.20, -1.2, 1.05, 1),
        ((0.055, 0.55), 0.19, -0.5, 1.1, 1),
    ]:
        curve = spiral(begin, radius, heading, turns, hand)
        for path in mirrored(curve):
            blocks.fill(ribbon(path, 0.016 * swelling(len(path), 0.3, 0.3)), "2c5a55", 0.003)
        for at in (24, 36, 48):
            along, across = (v[at] for v in tangent_and_normal(curve))
            leaf = curve[at] + 0.034 * np.array(
                [0 * along, 0.7 * along - 0.35 * across, 1.5 * along - 1.1 * across, 0.35 * along - 0.9 * across]
            )
            for outline in mirrored(smooth_outline(leaf)):
                blocks.fill(outline, "7fa35c", 0.003)
        for bud in mirrored(ellipse(curve[-1], 0.016)):
            blocks.fill(bud, "b5482f", 0.003)

    def sword(knots: list[tuple[float, float]], width: float, light: str, dark: str) -> None:
        """A sword of a leaf, dark on one side of its rib"""
        path = smooth_line(knots)
        t = np.linspace(0, 1, len(path))
        widths = width * np.clip(1.08 - t**2.2, 0, 1) * (0.55 + 0.45 * np.clip(t * 4, 0, 1))
        _, normal = tangent_and_normal(path)
        blocks.fill(ribbon(path, widths), light, 0.006)
        half = np.concatenate([path, (path - normal * widths[:, None] * 0.42)[::-1]])
        blocks.tint(half, dark)
        blocks.line(path, 0.0035 * swelling(len(path), 0.7))
        for k in (-1, 1):
            blocks.line(path[6:-8] + normal[6:-8] * widths[6:-8, None] * 0.24 * k, 0.0018)

    leaves = [
        ([(0.50, 1.02), (0.40, 0.86), (0.27, 0.74), (0.15, 0.71)], 0.060, "86a65a", "5c8a4f"),
        ([(0.46, 1.02), (0.34, 0.93), (0.22, 0.88), (0.11, 0.90)], 0.058, "a3b866", "77a058"),
        ([(0.58, 1.02), (0.50, 0.80), (0.40, 0.62), (0.24, 0.52)], 0.064, "5f9462", "3f7454"),
        ([(0.62, 1.02), (0.585, 0.80), (0.54, 0.60), (0.475, 0.44)], 0.060, "8fae5e", "5f8d50"),
    ]
    for knots, width, light, dark in leaves:
        sword(knots, width, light, dark)
        sword([(right - px + 0.012, py) for px, py in knots], width, light, dark)

    def flower(cx: float, cy: float, size: float, turn: float, codes: tuple[str, str, str, str]) -> None:
        """codes: standards, their light, falls, their rim"""
        spin = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])

        def place(points: list[tuple[float, float]] | Array) -> Array:
            return (cx, cy) + size * (np.asarray(points) @ spin)

        def petal(knots: list[tuple[float, float]], code: str, light: str, tip: tuple[float, float], count: int) -> None:
            outline = smooth_outline(np.array(knots))
            blocks.fill(place(outline), code, 0.0062)
            middle = outline.mean(axis=0)
            blocks.tint(place(middle + (outline - middle) * 0.80 + (np.array(tip) - middle) * 0.10), light)
            blocks.tint(place(middle + (outline - middle) * 0.56 - (np.array(tip) - middle) * 0.12), code)
            for k in range(count):  # veins from the base to the tip
                spread = (k - (count - 1) / 2) / max(1, count)
                ahead = np.array(tip) - knots[0]
                aside = np.array([-ahead[1], ahead[0]]) * spread
                vein = smooth_line(
                    [
                        knots[0],
                        np.array(knots[0]) + ahead * 0.45 + aside * 0.75,
                        np.array(knots[0]) + ahead * 0.8 + aside * 0.8,
                    ]
                )
                blocks.line(place(vein), 0.0036 * size / 0.2 * np.linspace(1, 0.15, len(vein)))

        standard, light, fall, rim = codes
        for side in (-1, 1):
            knots = [(0.0, 0.0), (0.26, -0.06), (0.60, -0.30), (0.80, -0.68), (0.68, -0.92), (0.46, -0.86), (0.24, -0.55)]
            petal([(side * px, py) for px, py in knots], standard, light, (side * 0.68, -0.88), 4)
        petal(
            [
                (0, 0.02),
                (-0.24, -0.22),
                (-0.36, -0.60),
                (-0.20, -0.96),
                (0.03, -1.06),
                (0.24, -0.92),
                (0.38, -0.58),
                (0.24, -0.2),
            ],
            light,
            standard,
            (0.02, -1.0),
            5,
        )
        for side in (-1, 1):
            knots = [
                (0, -0.02),
                (0.34, -0.16),
                (0.72, -0.04),
                (1.0, 0.28),
                (1.06, 0.66),
                (0.90, 0.90),
                (0.66, 0.80),
                (0.46, 0.46),
                (0.2, 0.16),
            ]
            petal([(side * px, py) for px, py in knots], fall, rim, (side * 0.90, 0.82), 5)
            blocks.fill(
                place(
                    ribbon(
                        smooth_line([(side * 0.10, 0.02), (side * 0.36, 0.06), (side * 0.58, 0.24)]), 0.10 * swelling(33, 0.5)
                    )
                ),
                "f0b535",
                0.0035,
            )
        petal(
            [
                (0, -0.02),
                (-0.2, 0.12),
                (-0.40, 0.46),
                (-0.36, 0.86),
                (-0.10, 1.10),
                (0.18, 1.05),
                (0.40, 0.76),
                (0.36, 0.40),
                (0.18, 0.1),
            ],
            fall,
            rim,
            (0.02, 1.04),
            6,
        )
        blocks.fill(
            place(ribbon(smooth_line([(0, 0.0), (0.01, 0.24), (0.0, 0.46)]), 0.13 * swelling(33, 0.5))), "f0b535", 0.0035
        )

    for knots in (
        [(0.672, 1.02), (0.664, 0.80), (0.672, 0.60), (0.667, 0.42)],
        [(0.62, 1.02), (0.56, 0.84), (0.44, 0.72), (0.395, 0.56)],
        [(0.72, 1.02), (0.78, 0.82), (0.90, 0.70), (0.945, 0.54)],
    ):
        stem = smooth_line(knots)
        blocks.fill(ribbon(stem, np.linspace(0.030, 0.022, len(stem))), "6f9a58", 0.0055)
        blocks.line(np.add(stem, (0.004, 0)), 0.0022)
        sheath = stem[-20:-3]
        blocks.fill(ribbon(sheath, 0.052 * swelling(17, 0.4)), "a9b467", 0.0045)
    purple, blue, wine = (
        ("8a78c0", "b3a3dc", "4f3f92", "8773c2"),
        ("6f86c4", "a0b4e0", "34509a", "6f8fd0"),
        ("a86aa8", "cf9ac6", "71306f", "a560a0"),
    )
    flower(0.375, 0.50, 0.145, -0.20, blue)
    flower(0.962, 0.48, 0.145, 0.20, wine)
    flower(0.668, 0.385, 0.205, 0.0, purple)
    outside = ~blocks.mask([panel(0.092)])
    blocks.color.paste(frame.color, mask=Image.fromarray(outside))
    blocks.key.paste(frame.key, mask=Image.fromarray(outside))
    printed = blocks.pull(rng, "2b1b26", (2, 2))
    stipple = noise(rng, shape, 2) + 0.5 * noise(rng, shape, 5)  # the grain of the stone
    shade = 0.55 * noise(rng, shape, 110) + 0.35 * noise(rng, shape, 30) + 0.5 * (y - 0.5) - 0.4 * outside
    printed = np.where((stipple > 1.05 - 0.55 * shade)[..., None], printed * 0.86, printed)
    printed = np.where((stipple < -1.45 - 0.5 * shade)[..., None], printed * 0.72 + rgb("f1e4c4") * 0.28, printed)
    return to_image(printed + 4 * noise(rng, shape, 240)[..., None])
