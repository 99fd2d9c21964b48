"""Pictures put together from pieces: glass, tiles, facets, cut paper, geometry, ornament."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial import cKDTree

from .colors import by_luma, jitter, pick, ramp, random_palette, snap
from .fields import SIZE, Array, Rng, blur, edge_angle, fractal, grid, luma, noise, resize, sample, smoothstep, streaks
from .finish import lit, on_canvas, on_paper, paper
from .subjects import subject

Photos = Sequence[Array]


def _cells(rng: Rng, points: Array, bend: float, grain: float = 60, stretch: float = 1.0) -> tuple[Array, Array]:
    """The nearest point of every pixel, and the distance to the border between cells, in pixels."""
    x, y = grid()
    x, y = x + noise(rng, grain) * bend, y + noise(rng, grain) * bend
    scale = np.array([1.0, stretch])
    distance, owner = cKDTree(points * scale).query(np.stack([x, y * stretch], axis=-1).reshape(-1, 2), k=2)
    gap = (distance[:, 1] - distance[:, 0]) / 2
    return owner[:, 0].reshape(SIZE, SIZE), gap.reshape(SIZE, SIZE).astype(np.float32)


def _spread(rng: Rng, picture: Array, count: int, detail: float) -> Array:
    """Random points, denser where the picture changes (detail 0 to 1), (count, 2)."""
    change = blur(np.hypot(*np.gradient(blur(luma(picture), 2))), 6)
    weight = (1 - detail) / change.size + detail * change / change.sum()
    chance = weight.ravel().astype(np.float64)
    place = rng.choice(change.size, count, p=chance / chance.sum())
    return np.stack([place % SIZE, place // SIZE], axis=-1) + rng.uniform(-0.5, 0.5, (count, 2))


def _means(picture: Array, owner: Array, count: int) -> Array:
    """The mean color of each cell, (count, 3)."""
    total = np.maximum(np.bincount(owner.ravel(), minlength=count), 1)
    sums = [np.bincount(owner.ravel(), picture[..., i].ravel(), count) for i in range(3)]
    return np.stack(sums, axis=-1) / total[:, None]


def stained_glass(rng: Rng, photos: Photos) -> Array:
    """Panes of glowing glass with ripples, in dark lead."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette, 0.5)
    count = int(np.exp(rng.uniform(np.log(60), np.log(600))))
    points = _spread(rng, picture, count, rng.uniform(0.0, 0.15))
    if rng.random() < 0.3:  # a rose window
        center = rng.uniform(0.3, 0.7, 2) * SIZE
        rings = [
            center + np.stack([np.cos(a), np.sin(a)], axis=-1) * r * 45
            for r in range(1, 12)
            for a in [np.linspace(0, 2 * np.pi, 6 + 5 * r, endpoint=False) + r / 2]
        ]
        points = np.concatenate(rings) + rng.normal(0, 2, (sum(map(len, rings)), 2))
    owner, gap = _cells(rng, points, rng.uniform(0, 8))
    glass = jitter(rng, _means(picture, owner, len(points)), 0.09, 0.05)
    share = rng.uniform(0.2, 1)
    glass = glass * (1 - share) + snap(glass, palette, 0.1) * share
    gray = luma(glass)[:, None]
    glass = np.clip(gray + (glass - gray) * rng.uniform(1.1, 1.9), 0.02, 1)
    ripple = 1 + rng.uniform(0.03, 0.13) * fractal(rng, 40, 4) + rng.uniform(0, 0.1) * noise(rng, 4)
    image = glass[owner] * (ripple * (0.85 + 0.25 * fractal(rng, 250, 2)).clip(0.5, 1.4))[..., None]
    width = rng.uniform(0.04, 0.11) * SIZE / np.sqrt(len(points))
    lead = smoothstep(width - 0.6, width + 0.8, gap)[..., None]
    sheen = np.clip(1 - np.abs(gap - width * 0.4) / (width * 0.3), 0, 1)[..., None] * rng.uniform(0, 0.25)
    image = image * lead + (0.06 + sheen) * (1 - lead)
    return np.clip(image * 0.85 + blur(image, 10) * rng.uniform(0.1, 0.35), 0, 1)


def mosaic(rng: Rng, photos: Photos) -> Array:
    """Small stone or glass tiles in rows that follow the shapes, with grout between."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette)
    tile = rng.uniform(6, 18)
    if rng.random() < 0.5:  # rows along a distorted grid
        x, y = grid()
        edges = blur(luma(picture), 14)
        bend = rng.uniform(0, 40)
        x2 = x + fractal(rng, 200, 2) * bend * 0.5
        y2 = y + edges * bend * 2 + fractal(rng, 200, 2) * bend * 0.3
        row = np.floor(y2 / tile)
        shift = np.random.default_rng(int(rng.integers(1 << 30))).random(4096)[row.astype(int) % 4096]
        column = np.floor(x2 / tile + shift)
        u, v = np.mod(x2 / tile + shift, 1), np.mod(y2 / tile, 1)
        gap = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v)) * tile
        _, owner = np.unique(row * 10000 + column, return_inverse=True)
        owner = owner.reshape(SIZE, SIZE)
        count = int(owner.max()) + 1
    else:
        count = int(SIZE * SIZE / tile**2)
        side = int(np.sqrt(count))
        row, column = np.mgrid[0:side, 0:side].reshape(2, -1)
        regular = rng.uniform(0.1, 0.9)
        points = np.stack([column + 0.5 * (row % 2), row], axis=-1) + rng.uniform(-0.5, 0.5, (side * side, 2)) * regular
        count = side * side
        owner, gap = _cells(rng, points * (SIZE / side), rng.uniform(0, 3))
    color = jitter(rng, _means(picture, owner, count), rng.uniform(0.03, 0.1), rng.uniform(0.01, 0.06))
    tilt = rng.normal(0, 1, (count, 2)) * rng.uniform(0, 0.03)
    grout = np.array(by_luma(palette)[rng.choice([0, -1])]) * rng.uniform(0.6, 1)
    width = rng.uniform(0.4, tile * 0.13)
    inside = smoothstep(width * 0.5, width + 0.9, gap)
    x, y = grid()
    shine = 1 + tilt[owner, 0] * np.mod(x, tile) / tile * 4 + tilt[owner, 1] * np.mod(y, tile) / tile * 4
    shine = shine * lit(blur(inside, 0.8), rng.uniform(0, 0.5)) * (1 + rng.uniform(0, 0.06) * fractal(rng, 12, 4))
    image = color[owner] * shine[..., None] * inside[..., None]
    return np.clip(image + grout * (1 + 0.08 * noise(rng, 2))[..., None] * (1 - inside[..., None]), 0, 1)


def cubist(rng: Rng, photos: Photos) -> Array:
    """Facets cut by straight lines, each with a gradient, a shifted view and dabs of the brush."""
    names = ("cubist", "cubist", "picasso_blue", "rose", "cezanne", "earth", "kandinsky", "bauhaus")
    palette = random_palette(rng, names if rng.random() < 0.6 else ())
    picture = subject(rng, photos, palette, 0.7)
    x, y = grid()
    count = int(rng.integers(10, 34))
    code = np.zeros((SIZE, SIZE), np.int64)
    edge = np.full((SIZE, SIZE), 99.0, np.float32)
    for _ in range(count):
        angle = rng.choice([rng.uniform(0, np.pi), np.pi / 4, 3 * np.pi / 4, 0.1])
        cx, cy = rng.uniform(0, SIZE, 2)
        side = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        reach = np.hypot(x - cx, y - cy) < rng.uniform(80, 400)
        code = code * 2 % 1000003 + ((side > 0) & reach)
        edge = np.where(reach, np.minimum(edge, np.abs(side)), edge)
    _, owner = np.unique(code, return_inverse=True)
    owner = owner.reshape(SIZE, SIZE)
    count = int(owner.max()) + 1
    offset = rng.normal(0, rng.uniform(0, 40), (count, 2))
    moved = sample(picture, x + offset[owner, 0], y + offset[owner, 1])
    flat = _means(picture, owner, count)[owner]
    share = rng.uniform(0.2, 0.8)
    turn = rng.uniform(0, 2 * np.pi, count)[owner]
    slope = rng.normal(0, 1, count)[owner] * (np.mod(x, 97) / 97 * np.cos(turn) + np.mod(y, 97) / 97 * np.sin(turn))
    away = np.clip(edge / rng.uniform(20, 60), 0, 1)
    sign = rng.choice([-1, 1], count)[owner]
    shade = 1 + rng.uniform(0.1, 0.35) * sign * (1 - away) + 0.0 * slope + rng.normal(0, 0.12, count)[owner]
    image = (moved * share + flat * (1 - share)) * shade[..., None]
    marks = streaks(rng, turn.astype(np.float32), int(rng.integers(8, 20)), rng.uniform(1, 3))
    image = image * (1 + rng.uniform(0.03, 0.12) * marks)[..., None]
    if rng.random() < 0.7:
        line = np.clip(rng.uniform(0.8, 2.2) - edge, 0, 1)[..., None] * smoothstep(-1, 0.6, noise(rng, 80))[..., None]
        image = image * (1 - line * rng.uniform(0.4, 0.9))
    return on_canvas(rng, np.clip(image, 0, 1), rng.uniform(0.0, 0.08))


def _blob(rng: Rng, cx: float, cy: float, radius: float) -> list[tuple[float, float]]:
    """A leaf, star or pebble as scissors cut it."""
    turn = np.linspace(0, 2 * np.pi, 90)
    lobes = int(rng.integers(2, 9))
    depth = rng.choice([0.0, rng.uniform(0.1, 0.6)])
    edge = 1 + depth * np.cos(lobes * turn + rng.uniform(0, 6)) + 0.15 * np.cos(2 * turn + rng.uniform(0, 6))
    lean, squeeze = rng.uniform(0, np.pi), rng.uniform(0.4, 1)
    px, py = np.cos(turn) * edge * radius, np.sin(turn) * edge * radius * squeeze
    x = cx + px * np.cos(lean) - py * np.sin(lean)
    y = cy + px * np.sin(lean) + py * np.cos(lean)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def cut_paper(rng: Rng, photos: Photos) -> Array:
    """Painted paper cut and pasted in layers with shadows."""
    palette = random_palette(
        rng, ("matisse", "fauve", "bauhaus", "terracotta", "pastel", "kandinsky") if rng.random() < 0.5 else ()
    )
    picture = subject(rng, photos, palette, 0.5)
    image = blur(picture, 30) if rng.random() < 0.4 else np.zeros((SIZE, SIZE, 3)) + pick(rng, palette, 1)[0]
    x, y = grid()
    for _ in range(int(rng.integers(6, 13))):
        mask = Image.new("L", (SIZE * 2, SIZE * 2), 0)
        draw = ImageDraw.Draw(mask)
        for _ in range(int(rng.integers(1, 7))):
            cx, cy = rng.uniform(0, SIZE * 2, 2)
            if rng.random() < 0.7:
                draw.polygon(_blob(rng, cx, cy, rng.uniform(40, 260)), fill=255)
            else:
                corner = rng.uniform(0, SIZE * 2, (4, 2))
                draw.polygon([tuple(p) for p in (corner * 0.4 + [cx * 0.6, cy * 0.6]).tolist()], fill=255)
        cut = resize(np.asarray(mask, np.float32) / 255, SIZE, Image.Resampling.BOX)[..., None]
        shadow = np.roll(blur(cut, 2.5), (3, 2), axis=(0, 1))
        color = pick(rng, palette, 1)[0]
        slant = np.full((SIZE, SIZE), rng.uniform(0, 3.1)) + 0.1 * noise(rng, 90)
        gouache = 1 + rng.uniform(0.02, 0.09) * streaks(rng, slant, 12, 2)
        sheet = color * gouache[..., None]
        if rng.random() < 0.3:
            period = rng.uniform(8, 30)
            turn = rng.uniform(0, np.pi)
            stripe = smoothstep(-0.1, 0.1, np.sin((x * np.cos(turn) + y * np.sin(turn)) * 2 * np.pi / period))[..., None]
            sheet = sheet * stripe + pick(rng, palette, 1)[0] * (1 - stripe)
        elif rng.random() < 0.3:
            sheet = np.roll(picture, tuple(rng.integers(0, SIZE, 2)), axis=(0, 1)) * gouache[..., None]
        image = image * (1 - 0.5 * shadow * (1 - cut)) * (1 - cut) + sheet * cut
    return on_paper(rng, np.clip(image, 0, 1), rng.uniform(0.01, 0.05))


def geometry(rng: Rng, photos: Photos) -> Array:
    """Circles, arcs, wedges, bars and lines, with painted surfaces."""
    palette = random_palette(
        rng, ("kandinsky", "delaunay", "bauhaus", "mondrian", "matisse", "acid") if rng.random() < 0.7 else ()
    )
    big = SIZE * 2
    ground = by_luma(palette)[rng.choice([0, -1])]
    base = ramp(palette, np.clip(0.7 + 0.2 * fractal(rng, 200, 2), 0, 1)) * 0.3 + ground * 0.7
    style = rng.choice(["free", "disks", "grid"], p=[0.5, 0.3, 0.2])
    image = Image.fromarray((resize(base, big) * 255).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image, "RGBA")

    def fill(alpha: float = 1.0) -> tuple[int, ...]:
        return (*(int(v * 255) for v in pick(rng, palette, 1)[0]), int(255 * alpha))

    if style == "grid":
        xs = np.sort(rng.choice(np.arange(0, big, 64), int(rng.integers(5, 13)), replace=False))
        ys = np.sort(rng.choice(np.arange(0, big, 64), int(rng.integers(5, 13)), replace=False))
        line = int(rng.integers(4, 22))
        for left, right in zip([0, *xs], [*xs, big], strict=True):
            for top, bottom in zip([0, *ys], [*ys, big], strict=True):
                draw.rectangle(
                    [int(left), int(top), int(right), int(bottom)], fill=fill(), outline=(15, 14, 14, 255), width=line
                )
    if style == "disks":
        for _ in range(int(rng.integers(2, 6))):
            cx, cy = rng.uniform(0, big, 2)
            for radius in np.arange(rng.uniform(150, 520), 10, -rng.uniform(22, 60)):
                start = rng.uniform(0, 360)
                for part in range(int(rng.integers(1, 6))):
                    box = [cx - radius, cy - radius, cx + radius, cy + radius]
                    draw.pieslice(box, start + part * 70, start + part * 70 + rng.uniform(60, 200), fill=fill())
    if style == "free":
        for _ in range(int(rng.integers(25, 90))):
            cx, cy = rng.uniform(0, big, 2)
            radius = np.exp(rng.uniform(np.log(10), np.log(240)))
            box = [cx - radius, cy - radius, cx + radius, cy + radius]
            kind = int(rng.integers(6))
            wide = int(rng.integers(2, 14))
            if kind == 0:
                draw.ellipse(
                    box, fill=fill(rng.uniform(0.5, 1)), outline=(20, 20, 20, 255) if rng.random() < 0.5 else None, width=wide
                )
            elif kind == 1:
                draw.arc(box, rng.uniform(0, 360), rng.uniform(0, 360), fill=fill(), width=wide)
            elif kind == 2:
                corners = rng.normal(0, radius, (3, 2)) + np.array([cx, cy])
                draw.polygon([tuple(p) for p in corners.tolist()], fill=fill(rng.uniform(0.5, 1)))
            elif kind == 3:
                end = rng.normal(0, radius * 2, 2) + np.array([cx, cy])
                draw.line([cx, cy, *end.tolist()], fill=(20, 20, 20, 255) if rng.random() < 0.5 else fill(), width=wide)
            elif kind == 4:
                draw.polygon(_blob(rng, cx, cy, radius), fill=fill(rng.uniform(0.5, 1)))
            else:
                step = rng.uniform(14, 40)
                for i in range(int(rng.integers(3, 8))):
                    draw.line([cx, cy + i * step, cx + radius * 2, cy + i * step + radius * 0.3], fill=fill(), width=wide)
    picture = resize(np.asarray(image, np.float32) / 255, SIZE, Image.Resampling.BOX)
    turn = edge_angle(picture, 6)[0] if rng.random() < 0.5 else np.full((SIZE, SIZE), rng.uniform(0, np.pi), np.float32)
    marks = streaks(rng, turn + 0.2 * noise(rng, 40), 18, rng.uniform(1, 3))
    picture = picture * (1 + rng.uniform(0.02, 0.1) * marks + 0.05 * fractal(rng, 100, 4))[..., None]
    return on_canvas(rng, np.clip(picture, 0, 1), rng.uniform(0, 0.07))


def ornament(rng: Rng, photos: Photos) -> Array:
    """Fields of gold with spirals, eyes, checks, dots and ripples, as in Klimt or in batik."""
    palette = random_palette(
        rng, ("klimt", "old_gold", "lacquer", "indigo", "jade", "terracotta") if rng.random() < 0.75 else ()
    )
    picture = subject(rng, photos, palette, 0.6)
    count = int(rng.integers(6, 40))
    points = _spread(rng, picture, count, 0.4)
    owner, gap = _cells(rng, points, rng.uniform(5, 30), 90, rng.uniform(0.4, 1))
    base = _means(picture, owner, count)
    base = snap(jitter(rng, base, 0.1, 0.03), palette, 0.12)
    accent, third = pick(rng, palette, count), pick(rng, palette, count)
    weak = np.abs(luma(accent) - luma(base)) < 0.15
    accent[weak] = by_luma(palette)[np.where(luma(base[weak]) > 0.45, 0, -1)]
    x, y = grid()
    pitch = np.exp(rng.uniform(np.log(10), np.log(44), count))
    turn = rng.uniform(0, np.pi, count)
    kind = rng.integers(0, 7, count)
    p, t = pitch[owner], turn[owner]
    xr = (x * np.cos(t) + y * np.sin(t) + 3 * noise(rng, 50)) / p
    yr = (-x * np.sin(t) + y * np.cos(t) + 3 * noise(rng, 50)) / p
    u, v = np.mod(xr, 1) - 0.5, np.mod(yr, 1) - 0.5
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    spiral = np.sin(2 * np.pi * radius * 5 - angle) * (radius < 0.47)
    patterns = [
        spiral,
        np.sin(2 * np.pi * radius * 3.5) * (radius < 0.5),
        np.where((np.floor(xr * 2) + np.floor(yr)) % 2 > 0, 1.0, -1.0),
        0.3 - radius * 1.2,
        np.sin(2 * np.pi * (yr * 2 + 0.25 * np.sin(2 * np.pi * xr))),
        0.16 - np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.28) * 4,
        np.sin(2 * np.pi * xr * 2) * np.sin(2 * np.pi * yr * 2),
    ]
    mark = np.choose(kind[owner], patterns)
    cover = smoothstep(-0.12, 0.18, mark + 0.12 * noise(rng, 3))[..., None]
    heart = ((radius < 0.13) & (kind[owner] % 2 == 1))[..., None]
    image = base[owner] * (1 - cover) + accent[owner] * cover
    image = np.where(heart, third[owner], image)
    share = rng.uniform(0.0, 0.45)
    image = image * (1 - share) + picture * share
    border = smoothstep(rng.uniform(0.4, 1.5), rng.uniform(1.6, 4), gap)[..., None]
    image = image * border + by_luma(palette)[rng.choice([0, -1])] * (1 - border)
    leaf = 1 + rng.uniform(0.05, 0.14) * fractal(rng, 50, 5) + 0.05 * paper(rng, 2)
    leaf = leaf * lit(blur(cover[..., 0], 0.8), rng.uniform(0, 0.8))
    if rng.random() < 0.35:  # wax lines of batik
        vein = np.abs(fractal(rng, 90, 5, 0.7)) < rng.uniform(0.01, 0.04)
        image = np.where(blur(vein.astype(np.float32), 0.6)[..., None] > 0.4, image * 0.5, image)
    return np.clip(image * leaf[..., None], 0, 1)
