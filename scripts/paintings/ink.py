"""Ink wash on silk: mountains in mist."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .canvas import HEIGHT, WIDTH, Array, ink_stroke, noise, rgb, to_image
from .drawing import ellipse, fibers, ribbon, smooth_line


def ink_mountains(rng: np.random.Generator) -> Image.Image:
    """Cliffs, a waterfall and pines in mist: washes of gray, and short dry strokes for the grain of the rock."""
    shape = HEIGHT, WIDTH
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / HEIGHT
    grit = noise(rng, shape, 2) * 0.5 + noise(rng, shape, 5) * 0.5
    cloud = noise(rng, shape, 60) * 0.6 + noise(rng, shape, 170)
    wet = noise(rng, shape, 7) * 0.0016 + noise(rng, shape, 26) * 0.003
    density: Array = (0.05 + 0.04 * np.clip(cloud, -1, 2)).astype(np.float32)
    ocher: Array = np.zeros(shape, np.float32)

    def new_layer() -> tuple[Image.Image, ImageDraw.ImageDraw]:
        layer = Image.new("L", (2 * WIDTH, 2 * HEIGHT))
        return layer, ImageDraw.Draw(layer)

    def coverage(layer: Image.Image) -> Array:
        return np.asarray(layer.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), dtype=np.float32) / 255

    def at(field: Array, px: float, py: float) -> float:
        row, column = int(np.clip(py * HEIGHT, 0, HEIGHT - 1)), int(np.clip(px * HEIGHT, 0, WIDTH - 1))
        return float(field[row, column])

    def stroke(
        drawing: ImageDraw.ImageDraw, path: Array | list[tuple[float, float]], width: float, load: float, dry: float
    ) -> None:
        ink_stroke(rng, drawing, np.asarray(path), width=width, load=load, dry=dry, pointed=True)

    def mass(peaks: list[tuple[float, float, float]], foot: float, ink: float, fade: float, strokes: int, warm: float) -> None:
        """Cliffs in front of what is there.  peaks: x, top and half width; fade: depth of the ink above the mist"""
        top = np.full((1, WIDTH), 1.2, np.float32)
        ridge = np.zeros((1, WIDTH), np.float32)  # x of the peak that each column belongs to
        for k, (cx, summit, half) in enumerate(peaks):
            u = np.abs(x[:1] - cx + 0.02 * np.sin(9 * k)) / half
            profile = np.clip(1 - u ** (1.9 + 0.7 * np.sin(5 * k + 2)), 0, 1) ** 0.9
            column = np.where(u < 1, summit + (foot + 0.02 - summit) * (1 - profile), 1.2)
            ridge = np.where(column < top, cx, ridge)
            top = np.minimum(top, column)
        steps = np.floor(3 * noise(rng, top.shape, 18)) / 3  # ledges
        top = top + noise(rng, top.shape, 5) * 0.0035 + steps * 0.010 + noise(rng, top.shape, 40) * 0.012
        below = y - top + wet
        cover = np.clip(below / 0.003, 0, 1) * (top < 1.1) * np.clip((foot + 0.03 - y) / 0.09, 0, 1)
        slant = np.clip((x - ridge) * 2.2, -0.5, 0.5) * np.clip(below, 0, 0.4)  # folds run down and away from the summit
        shifted = np.clip(((x - slant) * HEIGHT).astype(int), 0, WIDTH - 1)
        rows = np.arange(HEIGHT)[:, None]
        rib = (fibers(rng, shape, 120, 44) + 0.55 * fibers(rng, shape, 60, 16))[rows, shifted]
        shade = np.clip(np.gradient(rib, axis=1) * 13 + 0.35, 0, 1.6)
        depth = np.clip(below, 0, 2) / fade
        mist = np.exp(-(depth**1.5)) * np.clip(1.1 + 0.3 * cloud, 0.35, 1.5)
        rim = np.exp(-np.clip(below, 0, 1) / 0.004) * 0.75 + np.exp(-np.clip(below, 0, 1) / 0.03) * 0.35
        wash = ink * mist * (0.16 + 0.62 * shade + rim) * np.clip(1 + 0.14 * grit, 0.4, 2)
        density[:] = density * (1 - cover) + cover * (wash + 0.045)
        ocher[:] = ocher * (1 - cover) + cover * warm * mist * np.clip(0.7 - 0.4 * shade + 0.2 * cloud, 0, 1.4)
        layer, drawing = new_layer()
        for _ in range(strokes):  # hemp-fiber strokes
            px = rng.uniform(-0.02, WIDTH / HEIGHT + 0.02)
            at_x = int(np.clip(px * HEIGHT, 0, WIDTH - 1))
            py = float(top[0, at_x]) + rng.exponential(fade * 0.55)
            if top[0, at_x] > 1.1 or py > 1.05:
                continue
            dark = at(shade, px, py) * at(mist, px, py)
            side = np.clip((px - float(ridge[0, at_x])) * 6, -1, 1) + rng.normal(0, 0.18)
            length = rng.uniform(0.016, 0.055) * (0.6 + 0.5 * ink)
            dx, dy = length * 0.55 * side, length
            path = [(px, py), (px + dx * 0.25, py + dy * 0.55), (px + dx, py + dy)]
            if dark > 0.1 and at(cover, px, py + dy) > 0.7:
                stroke(drawing, path, rng.uniform(0.0025, 0.006), min(1, dark * (0.34 + 0.3 * ink)), 0.8)
        for _ in range(strokes // 3):  # trees along the ridges, in dots
            px = rng.uniform(0, WIDTH / HEIGHT)
            at_x = int(np.clip(px * HEIGHT, 0, WIDTH - 1))
            steep = abs(float(top[0, min(at_x + 8, WIDTH - 1)] - top[0, max(at_x - 8, 0)])) > 0.035
            if steep or top[0, at_x] > 1.0 or at(cloud, px, float(top[0, at_x])) < -0.4:
                continue
            py = float(top[0, at_x]) + rng.normal(0.0, 0.007)
            size = rng.uniform(0.002, 0.0055) * (0.7 + 0.25 * ink)
            dot = ellipse((px, py), size * 1.5, size * 0.8, rng.normal(0, 0.3)) * HEIGHT * 2
            drawing.polygon(dot.ravel().tolist(), fill=int(255 * min(1, ink * rng.uniform(0.25, 0.6))))
        density[:] += coverage(layer) * (0.35 + 0.9 * min(ink, 1.6)) * np.clip(1 + 0.2 * grit, 0.3, 2)

    moon = np.hypot(x - 1.075, y - 0.185) - 0.066 + wet * 0.35
    night = np.exp(-np.clip(moon, 0, 2) / 0.16) * np.clip(0.8 + 0.45 * cloud, 0.1, 2)
    density += np.clip(moon / 0.003, 0, 1) * (
        0.30 * night + 0.05 + 0.10 * np.clip(1 - 2.4 * y, 0, 1) * np.clip(0.7 + 0.7 * cloud, 0, 2)
    )
    far = [
        (0.02, 0.30, 0.13),
        (0.14, 0.22, 0.11),
        (0.28, 0.17, 0.12),
        (0.41, 0.28, 0.11),
        (1.30, 0.27, 0.14),
        (1.16, 0.36, 0.12),
    ]
    mass(far, 0.62, 0.40, 0.20, 500, 0.05)
    middle = [
        (0.46, 0.42, 0.09),
        (0.545, 0.25, 0.10),
        (0.64, 0.155, 0.10),
        (0.745, 0.07, 0.12),
        (0.89, 0.13, 0.10),
        (0.98, 0.30, 0.10),
    ]
    mass(middle, 0.70, 1.25, 0.36, 3200, 0.32)
    fall = smooth_line([(0.926, 0.34), (0.931, 0.42), (0.921, 0.50), (0.934, 0.58), (0.930, 0.67)])
    layer, drawing = new_layer()
    drawing.polygon((ribbon(fall, np.linspace(0.004, 0.026, len(fall))) * HEIGHT * 2).ravel().tolist(), fill=255)
    white = coverage(layer) * np.clip((0.67 - y) / 0.14, 0, 1) * np.clip(1.1 + 0.35 * fibers(rng, shape, 90, 3), 0.3, 1)
    beside = np.exp(-(((x - 0.927) / 0.036) ** 2)) * np.clip((y - 0.32) / 0.06, 0, 1) * np.clip((0.60 - y) / 0.14, 0, 1)
    density += 0.95 * beside * np.clip(0.75 + 0.6 * fibers(rng, shape, 60, 8), 0.1, 2)
    density *= 1 - 0.95 * white
    ocher *= 1 - 0.95 * white
    mass([(1.10, 0.54, 0.10), (1.21, 0.42, 0.11), (1.34, 0.36, 0.10)], 0.80, 1.5, 0.22, 2000, 0.45)
    mass([(-0.02, 0.44, 0.10), (0.10, 0.50, 0.10), (0.22, 0.60, 0.09)], 0.80, 1.2, 0.20, 1700, 0.4)
    density *= 1 - 0.55 * np.exp(-(((y - 0.71 - 0.025 * np.sin(5 * x)) / 0.05) ** 2)) * np.clip(0.7 + 0.4 * cloud, 0, 1)

    layer, drawing = new_layer()
    for _ in range(46):  # water
        left, level, length = rng.uniform(0.25, 1.15), rng.uniform(0.80, 0.99), rng.uniform(0.05, 0.22)
        stroke(drawing, [(left, level), (left + length / 2, level + 0.003), (left + length, level)], 0.0028, 0.32, 0.9)
    density += coverage(layer) * 0.7
    mass([(0.60, 0.90, 0.09), (0.73, 0.935, 0.08)], 1.02, 1.5, 0.10, 160, 0.4)
    mass([(-0.02, 0.70, 0.16), (0.16, 0.785, 0.12), (0.32, 0.88, 0.12)], 1.08, 2.3, 0.42, 1800, 0.55)
    mass([(1.36, 0.74, 0.16), (1.20, 0.83, 0.10), (1.07, 0.92, 0.10)], 1.08, 2.1, 0.42, 1600, 0.55)

    layer, drawing = new_layer()

    def needles(center: Array, size: float, load: float) -> None:
        """A fan of pine needles"""
        px, py = center
        for turn in np.linspace(-0.15, np.pi + 0.15, 15) + rng.normal(0, 0.07, 15):
            tip = px + size * np.cos(turn), py - size * 0.72 * np.sin(turn)
            middle = (px + tip[0]) / 2, (py + tip[1]) / 2 + 0.05 * size
            stroke(drawing, [(px, py), middle, tip], 0.0030, load * rng.uniform(0.55, 1), 0.15)

    def pine(trunk: list[tuple[float, float]], width: float, load: float, boughs: list[tuple[float, float, float]]) -> None:
        """boughs: position along the trunk from 0 to 1, horizontal reach, rise"""
        line = smooth_line(trunk)
        for shift in (-0.5, -0.2, 0.2, 0.5):
            path = np.add(line[:: len(line) // 7], (shift * width * 0.5, 0))
            ink_stroke(
                rng, drawing, path[:6], width=width * 0.45, load=load * (0.95 if shift > 0 else 0.6), dry=0.7, pointed=False
            )
        for _ in range(60):  # bark
            spot = line[rng.integers(0, len(line) * 3 // 4)] + rng.normal(0, width * 0.22, 2)
            ring = ellipse(spot, width * 0.20, width * 0.13, rng.uniform(0, 3)) * HEIGHT * 2
            drawing.line(ring[:30].ravel().tolist(), fill=int(230 * load), width=2)
        for along, reach, rise in boughs:
            foot = line[int(along * (len(line) - 1))]
            end = np.add(foot, (reach, -rise))
            middle = np.add(foot, (reach * 0.5, -rise * 0.15 - 0.02))
            ink_stroke(rng, drawing, np.array([foot, middle, end]), width=width * 0.30, load=load, dry=0.5, pointed=True)
            for s in np.linspace(0.35, 1.05, max(3, int(abs(reach) * 34))):
                spot = foot * (1 - s) ** 2 + middle * 2 * s * (1 - s) + end * s**2
                for _ in range(3):
                    needles(spot + rng.normal(0, (0.016, 0.008)), rng.uniform(0.026, 0.046) * (0.6 + 10 * width), load)

    pine(
        [(0.10, 0.86), (0.15, 0.72), (0.13, 0.58), (0.20, 0.44), (0.19, 0.33)],
        0.034,
        1.0,
        [
            (0.40, 0.17, -0.02),
            (0.50, -0.13, 0.01),
            (0.62, 0.23, 0.02),
            (0.72, -0.10, 0.03),
            (0.82, 0.15, 0.03),
            (0.92, -0.08, 0.03),
            (1.0, 0.06, 0.05),
        ],
    )
    pine(
        [(0.21, 0.90), (0.27, 0.80), (0.36, 0.74), (0.40, 0.64)],
        0.020,
        0.85,
        [(0.50, 0.09, 0.0), (0.65, -0.06, 0.02), (0.8, 0.10, 0.01), (1.0, -0.05, 0.03), (1.0, 0.05, 0.03)],
    )
    pine(
        [(1.26, 0.86), (1.23, 0.74), (1.27, 0.64), (1.245, 0.56)],
        0.022,
        0.9,
        [(0.4, -0.10, 0.0), (0.55, 0.09, 0.02), (0.7, -0.12, 0.02), (0.85, 0.07, 0.03), (1.0, -0.05, 0.03)],
    )
    density = np.maximum(density * (1 - 0.3 * coverage(layer)), coverage(layer) * 2.3 * np.clip(1 + 0.15 * grit, 0.4, 1.5))

    layer, drawing = new_layer()

    def lines(paths: list[list[tuple[float, float]]], width: float, load: float) -> None:
        for path in paths:
            drawing.line(
                (np.array(path) * HEIGHT * 2).ravel().tolist(),
                fill=int(255 * load),
                width=max(2, round(width * HEIGHT * 2)),
                joint="curve",
            )

    cx, cy = 1.045, 0.80  # a pavilion
    eaves = smooth_line(
        [
            (cx - 0.075, cy - 0.055),
            (cx - 0.04, cy - 0.066),
            (cx, cy - 0.112),
            (cx + 0.04, cy - 0.066),
            (cx + 0.075, cy - 0.055),
        ]
    )
    drawing.polygon((eaves * HEIGHT * 2).ravel().tolist(), fill=150)
    lines([eaves.tolist(), [(cx - 0.07, cy - 0.056), (cx + 0.07, cy - 0.056)]], 0.004, 0.95)
    lines([[(cx + k, cy - 0.056), (cx + k, cy + 0.02)] for k in (-0.048, -0.017, 0.017, 0.048)], 0.0042, 0.9)
    lines([[(cx - 0.06, cy - 0.01), (cx + 0.06, cy - 0.01)], [(cx - 0.065, cy + 0.02), (cx + 0.065, cy + 0.02)]], 0.0035, 0.8)
    lines([[(cx, cy - 0.112), (cx, cy - 0.13)]], 0.006, 0.9)
    bx, by = 0.80, 0.868  # a boat
    hull = smooth_line([(bx - 0.075, by - 0.012), (bx - 0.03, by + 0.008), (bx + 0.03, by + 0.008), (bx + 0.08, by - 0.016)])
    drawing.polygon((ribbon(hull, 0.012) * HEIGHT * 2).ravel().tolist(), fill=215)
    drawing.polygon(
        (np.array([(bx + 0.01, by), (bx + 0.016, by - 0.038), (bx + 0.032, by - 0.038), (bx + 0.040, by)]) * HEIGHT * 2)
        .ravel()
        .tolist(),
        fill=225,
    )
    drawing.polygon(
        (np.array([(bx + 0.004, by - 0.036), (bx + 0.024, by - 0.052), (bx + 0.044, by - 0.036)]) * HEIGHT * 2)
        .ravel()
        .tolist(),
        fill=190,
    )
    lines([[(bx + 0.035, by - 0.03), (bx - 0.07, by - 0.09)]], 0.002, 0.8)
    for px, py, size in [
        (0.40, 0.12, 0.016),
        (0.435, 0.105, 0.013),
        (0.47, 0.125, 0.011),
        (0.50, 0.10, 0.010),
        (0.37, 0.145, 0.011),
    ]:
        wings = [
            (px - size, py - 0.4 * size),
            (px - 0.4 * size, py - 0.45 * size),
            (px, py),
            (px + 0.4 * size, py - 0.5 * size),
            (px + size, py - 0.3 * size),
        ]
        lines([smooth_line(wings).tolist()], 0.0026, 0.75)
    density = density + coverage(layer) * 1.9

    layer, drawing = new_layer()
    for left, up, size in [(1.245, 0.06, 0.046), (1.251, 0.118, 0.034)]:  # seals
        drawing.rectangle([left * 2 * HEIGHT, up * 2 * HEIGHT, (left + size) * 2 * HEIGHT, (up + size) * 2 * HEIGHT], fill=255)
        for level in (0.62, 0.82):  # peaks, as an emblem
            peaks = np.array([(0.16, level), (0.36, level - 0.40), (0.50, level - 0.14), (0.64, level - 0.32), (0.84, level)])
            lines_on = (np.array([left, up]) + peaks * size) * 2 * HEIGHT
            drawing.line(lines_on.ravel().tolist(), fill=0, width=5, joint="curve")
    red = coverage(layer) * np.clip(0.9 + 0.25 * grit, 0.2, 1.3)
    weave = 0.018 * np.sin(2 * np.pi * x * HEIGHT / 3.1) + 0.018 * np.sin(2 * np.pi * y * HEIGHT / 3.3)
    density = np.clip(density, 0, 2.6) + weave + 0.016 * grit + 0.02 * np.abs(fibers(rng, shape, 2, 60))
    inks = np.array([[1.02, 1.04, 1.03], [0.22, 0.50, 1.02], [0.25, 1.65, 1.75]])  # (black, ocher, red) x (R, G, B) absorbed
    return to_image(rgb("f2e6ca") * np.exp(-np.stack([density, ocher, red], axis=2) @ inks))
