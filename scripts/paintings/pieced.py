"""Paintings put together or cut: stained glass, a woodcut, a mosaic."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from brushes import HEIGHT, WIDTH, Array, claim, clearance, finished, frame, in_rows, noise, ramp, rgb, smooth


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
