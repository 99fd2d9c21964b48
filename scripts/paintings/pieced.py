"""Paintings made of pieces: stained glass, a woodcut, a mosaic."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .canvas import (
    HEIGHT,
    WIDTH,
    Array,
    assign_nearest,
    color_ramp,
    distance_to_edge,
    noise,
    rgb,
    rows_of_tiles,
    smooth_outline,
    tangent_and_normal,
    to_image,
)


def rose_window(rng: np.random.Generator) -> Image.Image:
    """Stained glass: panes of one color each in dark lead, brighter towards the center of a rose."""
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
    nearest = np.full(x.shape, np.inf, np.float32)
    second, owner = nearest.copy(), np.zeros(x.shape, np.int32)
    for i, (px, py) in enumerate(seeds):  # squared distances: a Voronoi diagram
        distance = (x - np.float32(px)) ** 2 + (y - np.float32(py)) ** 2
        assign_nearest(nearest, second, owner, distance, i)
    nearest, second = np.sqrt(nearest), np.sqrt(second)
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
    lead = np.clip((second - nearest - 0.0075) / 0.004, 0, 1)[..., None]
    sheen = np.clip(1 - np.abs(second - nearest - 0.0035) / 0.002, 0, 1)[..., None] * 46
    picture = picture * lead + (np.array([24, 22, 26]) + sheen) * (1 - lead)
    image = to_image(picture)
    glow = image.filter(ImageFilter.GaussianBlur(14))
    return Image.blend(image, glow, 0.18)


def alpenglow(rng: np.random.Generator) -> Image.Image:
    """A woodcut of peaks at sunset: black lines that follow the shapes, over blocks of two colors."""
    shape, shore = (HEIGHT * 2, WIDTH * 2), 0.79
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) / shape[0]
    wobble = noise(rng, shape, 70) * 0.0018 + noise(rng, shape, 16) * 0.0005  # lines cut by hand are not quite straight
    pressure = noise(rng, shape, 120)

    def hatch(position: Array, spacing: float, width: Array) -> Array:
        """Mask of parallel lines, one per `spacing` of `position`; width: of the lines as a fraction of the spacing"""
        row = np.floor((position + wobble) / spacing)
        variation = rng.uniform(0.75, 1.2, 4096).astype(np.float32)[row.astype(int) % 4096]
        return np.abs((position + wobble) / spacing - row - 0.5) * 2 < width * variation

    dx, dy = x - 0.87 + wobble, y - 0.31 + wobble
    distance, turn = np.hypot(dx, dy), np.arctan2(dy, dx) / (2 * np.pi)
    level, octave = np.divmod(np.log2(np.maximum(distance, 0.02) / 0.13), 1)
    ray = turn * 44 * 2**level
    width = (0.27 + 0.16 * np.clip(distance - 0.16, 0, 0.8) + 0.06 * pressure) * 2 ** (1 - octave)
    ink = np.abs(ray % 1 - 0.5) * 2 > 1 - width  # rays, with thinner ones between them further out
    ink |= np.abs((ray + 0.5) % 1 - 0.5) * 2 > 1 - width * octave
    disc, halo = distance < 0.15, distance < 0.172
    block = np.where(disc & ~hatch(y, 0.013, 3.2 * (y - 0.27)), 0, 1).astype(np.uint8)  # 0 paper, 1 orange, 2 teal
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
        marks = hatch(down * 0.75 - lean * out, 0.0125, light + 0.09 * pressure) | (edge < 0.005)
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
        branches: list[tuple[int, Array]] = []
        for side, fill, notch in (
            (1, 2, [(0.16, -0.05), (0.85, 0.12), (0.2, 0.09)]),
            (-1, 3, [(0.2, 0), (0.8, 0.16), (0.25, 0.07)]),
        ):
            half = tall * 0.19 * rises**0.85 * rng.uniform(0.75, 1.2, tiers) + 0.002
            trunk = np.stack([np.full(tiers, cx), levels], axis=1)[:, None]
            extent = half[:, None, None] * (side, 1)
            outline.append((trunk + extent * [(1, 0.25), (0.4, 0)]).reshape(-1, 2)[::side])
            branches.extend((fill, branch) for branch in trunk + extent * notch)
        for fill, points in [(1, np.concatenate(outline)), *branches]:
            drawing.polygon((points * shape[0]).ravel().tolist(), fill=fill)
    wood = np.asarray(trees)
    clear = np.asarray(trees.filter(ImageFilter.MaxFilter(9))) > 0  # a gap between the trees and what is behind them

    low, depth = y > shore, np.clip((y - shore) / (1 - shore), 0, 1)
    mass = np.where((y > shore - 0.06) & ~low, 1, mass)
    ripple = 0.012 * np.sin(90 * depth**0.7 + 3 * np.sin(6 * x)) * depth
    mirror = np.clip((shore - 1.6 * (y - shore) + ripple) * shape[0], 0, shape[0] - 1).astype(int)
    column = np.clip((x + 2 * ripple) * shape[0], 0, shape[1] - 1).astype(int)
    swell = shore + 0.20 * depth**0.8 + 0.003 * np.sin(14 * x + 40 * depth) * depth
    ink = np.where(low, hatch(swell, 0.0125, mass[mirror, column] + 0.15 + 0.2 * pressure), ink)
    block = np.where(low, np.where(mass[mirror, column] > 0.8, 2, block[mirror, column]), block)
    ink = np.where(clear, wood == 1, ink)
    block = np.where(clear & (y > 0.5), np.maximum(block, 1), block)
    block = np.where(wood == 2, 1, np.where(wood == 3, 2, block))

    shifted = np.pad(block, ((3, 0), (0, 4)), mode="edge")[:-3, 4:]  # the color blocks are printed slightly out of register
    colors = np.stack(
        [np.broadcast_to(rgb("f3e3c0"), (512, 3)), *(color_ramp(np.linspace(0, 1, 512), stops) for stops in inks)]
    )
    grain = noise(rng, shape, 3) * 0.6 + noise(rng, shape, 40) * 0.5
    row = np.clip((y + 0.01 * grain) * 511, 0, 511).astype(int)
    picture = colors.astype(np.float32)[shifted, row]
    picture[ink] = rgb("1a1613")
    worn = (noise(rng, shape, 4) + 0.8 * noise(rng, shape, 26) > 2.9)[..., None]
    picture = np.where(worn, picture * 0.45 + rgb("f3e3c0").astype(np.float32) * 0.55, picture) + grain[..., None] * 5
    return to_image(picture)


def koi(rng: np.random.Generator) -> Image.Image:
    """A mosaic: rows of small tiles that follow the outlines of two fish, also in the water around them."""
    label_image = Image.new("L", (WIDTH, HEIGHT))
    t = np.linspace(0, 1, 60)
    around = 2 * np.pi * t
    circle = np.stack([np.cos(around), np.sin(around)], axis=1)

    def fill(points: Array, label: int, over: tuple[int, ...] = ()) -> None:
        """Label the inside of an outline, (N, 2); label: see `tints`; over: only pixels with one of these labels"""
        mask = Image.new("1", label_image.size)
        ImageDraw.Draw(mask).polygon((points * HEIGHT).ravel().tolist(), fill=1)
        if over:
            mask = Image.fromarray(np.asarray(mask) & np.isin(np.asarray(label_image), over))
        label_image.paste(label, mask=mask)

    for cx, cy, radius in [(1.17, 0.11, 0.16), (1.36, 0.24, 0.10), (0.13, 0.90, 0.17), (0.33, 1.0, 0.09), (0.02, 0.07, 0.12)]:
        fill((cx, cy) + radius * np.where(np.abs(t - 0.5 - 0.3 * np.sin(50 * cx)) < 0.035, 0.15, 1)[:, None] * circle, 17)
    for cx, cy, radius in [(1.22, 0.10, 0.105), (0.10, 0.88, 0.11)]:
        for count, length, label in ((10, 1.0, 18), (6, 0.62, 21)):
            for petal in range(count):
                turn = petal * 2 * np.pi / count + length
                leaf = np.array([(0.1 * length, 0), (0.55 * length, 0.24), (length, 0), (0.55 * length, -0.24)]) * radius
                turned = leaf @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
                fill(smooth_outline(np.array([cx, cy]) + turned), label + petal % 2)
        fill((cx, cy) + 0.26 * radius * circle, 20)

    for first, turn, size in ((1, 2.85, 1.0), (9, 6.05, 0.95)):
        theta = turn + 2.15 * t
        spine = np.stack([0.665 + 0.42 * np.cos(theta), 0.50 + 0.315 * np.sin(theta)], axis=1)
        direction, normal = tangent_and_normal(spine)
        half = size * 0.100 * np.sin(np.pi * (1 - t) ** 0.62 * 0.97 + 0.06)[:, None] ** 0.85 + 0.012

        def on_canvas(points: Array, spine: Array = spine, direction: Array = direction, normal: Array = normal) -> Array:
            """Map (position along the fish from its tail, distance across it) to the canvas: (N, 2) -> (N, 2)"""
            along = np.clip(points[:, 0], 0, 1)
            i = (along * 59).astype(int)
            return spine[i] + normal[i] * points[:, 1:] + direction[i] * (points[:, :1] - along[:, None])

        for side in (-1, 1):
            tail = [(0.10, 0), (-0.02, 0.05), (-0.14, 0.15), (-0.24, 0.15), (-0.18, 0.06), (-0.02, -0.005)]
            chest = [(0.72, 0.05), (0.70, 0.16), (0.60, 0.25), (0.49, 0.23), (0.56, 0.06)]
            belly = [(0.42, 0.04), (0.38, 0.12), (0.29, 0.16), (0.25, 0.12), (0.34, 0.03)]
            for fin in (tail, chest, belly):
                fill(smooth_outline(on_canvas(np.array(fin) * (1, side))), first + 2)
        fill(np.concatenate([spine + normal * half, (spine - normal * half)[::-1]]), first)
        for along, across, long, wide in [(0.76, 0.04, 0.09, 0.06), (0.52, -0.04, 0.12, 0.09), (0.24, 0.02, 0.10, 0.05)]:
            bulge = wide * np.sin(around) * (1 + 0.25 * np.sin(3 * around))
            fill(on_canvas(np.stack([along + long * np.cos(around), across + bulge], axis=1)), first + 1, (first,))
        ridge = [(0.62, 0.0), (0.5, 0.017), (0.36, 0.019), (0.28, 0), (0.36, -0.019), (0.5, -0.017)]
        fill(smooth_outline(on_canvas(np.array(ridge))), first + 3)
        for side in (-1, 1):
            eye = on_canvas(np.array([[0.91, side * 0.052]]))
            fill(eye + 0.0255 * circle, 20)
            fill(eye + 0.0085 * circle, 5)

    labels = np.asarray(label_image)
    tints = {  # by label (water, first fish, second fish, leaves, petals): colors at distances from the outline in pixels
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
    edge_distance = distance_to_edge(labels)
    slope = np.arctan2(*np.gradient(edge_distance))
    seeds = rows_of_tiles(rng, labels, edge_distance, slope, np.where(labels == 0, 15.0, 11.0))
    at_seeds = seeds[:, 1].astype(int), seeds[:, 0].astype(int)
    label, depth = labels[at_seeds], edge_distance[at_seeds]
    depth = depth + np.clip(depth - 20, 0, 30) / 30 * noise(rng, labels.shape, 150)[at_seeds] * 9
    depth = np.where((label == 0) & (depth > 80), 80 - np.abs((depth - 80 + 62) % 124 - 62), depth)
    colors = np.zeros((len(seeds), 3))
    for key, stops in tints.items():
        colors[label == key] = color_ramp(depth[label == key], stops)
    colors = colors * rng.uniform(0.8, 1.14, (len(seeds), 1)) + rng.normal(0, 9, colors.shape)
    gold = rng.uniform(size=len(seeds)) < np.where(label == 0, 0.05, np.where(np.isin(label, (3, 11)), 0.16, 0.03))
    colors[gold] = rgb("e6a822") * rng.uniform(0.75, 1.2, (gold.sum(), 1))
    margin = 15
    padded = np.pad(labels, margin)
    nearest: Array = np.full(padded.shape, 99, np.float32)
    second, owner = nearest.copy(), np.zeros(nearest.shape, np.int32)
    dy, dx = np.mgrid[-margin : margin + 1, -margin : margin + 1].astype(np.float32)
    tilts = slope[at_seeds] + rng.normal(0, 0.06, len(seeds))
    for i, (row, column, c, s) in enumerate(zip(*at_seeds, np.cos(tilts), np.sin(tilts), strict=True)):
        u, v = np.abs(dx * c + dy * s), np.abs(dy * c - dx * s)
        box = slice(row, row + 2 * margin + 1), slice(column, column + 2 * margin + 1)
        distance = np.maximum(u, v) + 0.25 * (u + v) + 40 * (padded[box] != label[i])
        assign_nearest(nearest[box], second[box], owner[box], distance, i)
    nearest, second, owner = (array[margin:-margin, margin:-margin] for array in (nearest, second, owner))
    gap = np.minimum(second - nearest, 2.2 * edge_distance)
    tile = np.clip((gap - 1.4) / 1.6, 0, 1)[..., None]
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    tilt = rng.normal(0, 1, (len(seeds), 2)) * np.where(gold, 3.2, 1.3)[:, None]  # no tile lies quite flat
    shine = (x - seeds[owner, 0]) * tilt[owner, 0] + (y - seeds[owner, 1]) * tilt[owner, 1]
    grain, bevel = noise(rng, labels.shape, 2)[..., None], -11 * sum(np.gradient(np.clip(gap, 0, 6)))
    picture = colors[owner] + (shine + bevel)[..., None] + 4 * grain
    return to_image(picture * tile + (rgb("776e5c") + 7 * grain) * (1 - tile))
