"""What the paintings show: crops of photos, and simple scenes made by code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from .colors import by_luma, pick, ramp, random_palette, recolor, stretch
from .fields import SIZE, Array, Rng, blur, fractal, grid, luma, noise, rank, wobble


def photo_crop(rng: Rng, photos: Sequence[Array]) -> Array:
    """A random square of a random photo, perhaps mirrored, (SIZE, SIZE, 3) from 0 to 1."""
    photo = photos[int(rng.integers(len(photos)))]
    side = min(photo.shape[:2])
    crop = int(side * rng.uniform(0.6, 1.0))
    top = int(rng.integers(0, photo.shape[0] - crop + 1))
    left = int(rng.integers(0, photo.shape[1] - crop + 1))
    square = Image.fromarray(np.ascontiguousarray(photo[top : top + crop, left : left + crop, :3]))
    image = np.asarray(square.resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    return image[:, ::-1] if rng.random() < 0.5 else image


def _draw_polygon(draw: ImageDraw.ImageDraw, points: Array, color: Array) -> None:
    fill = tuple(int(v * 255) for v in np.clip(color, 0, 1))
    draw.polygon([tuple(p) for p in points.tolist()], fill=fill)


def _to_array(image: Image.Image) -> Array:
    return np.asarray(image, dtype=np.float32) / 255


def landscape(rng: Rng, palette: Array) -> Array:
    """A sky with clouds and perhaps a sun, ridges one behind the other, trees or water in front."""
    x, y = grid()
    horizon = rng.uniform(0.3, 0.7) * SIZE
    sky_tone = np.clip(y / horizon, 0, 1) * rng.uniform(0.3, 0.8) + fractal(rng, 120) * 0.13 + rng.uniform(0, 0.3)
    scene = ramp(palette, np.clip(sky_tone, 0, 1))
    if rng.random() < 0.6:
        cx, cy = rng.uniform(0.1, 0.9) * SIZE, rng.uniform(0.1, 0.9) * horizon
        distance = np.hypot(x - cx, y - cy)
        radius = rng.uniform(15, 60)
        glow = np.clip(np.exp(-distance / (radius * 2.5)) * 0.7 + (distance < radius), 0, 1)[..., None]
        scene = scene * (1 - glow) + by_luma(palette)[-1] * glow
    base = horizon
    for _ in range(int(rng.integers(2, 6))):
        rough = rng.uniform(0.2, 0.7)
        line = base + fractal(rng, rng.uniform(60, 250), 5, rough)[0] * rng.uniform(8, 45)
        ground = pick(rng, palette, 2)
        shade = np.clip((y - line) / 150 + fractal(rng, 40)[:, :] * 0.25, 0, 1)[..., None]
        inside = np.clip(y - line, 0, 1)[..., None]
        scene = scene * (1 - inside) + (ground[0] * (1 - shade) + ground[1] * shade) * inside
        base += rng.uniform(20, 90)
    image = Image.fromarray((scene * 255).clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(0, 14))):
        foot, left = rng.uniform(horizon, SIZE), rng.uniform(0, SIZE)
        height, width = rng.uniform(40, 220), rng.uniform(10, 50)
        turn = np.linspace(0, 2 * np.pi, 24)
        edge = 1 + rng.normal(0, 0.12, 24)
        crown = np.stack([left + np.cos(turn) * width * edge, foot - height * (0.55 + 0.45 * np.sin(turn) * edge)], axis=-1)
        _draw_polygon(draw, crown, pick(rng, by_luma(palette)[: len(palette) // 2 + 1], 1)[0])
    return _to_array(image)


def still_life(rng: Rng, palette: Array) -> Array:
    """Shaded round things on a table: fruit, pots, heads, flowers."""
    x, y = grid()
    scene = ramp(palette, np.clip(0.5 + fractal(rng, 200, 3) * 0.2, 0, 1))
    table = rng.uniform(0.45, 0.75) * SIZE + 0.1 * (x - SIZE / 2) * rng.normal(0, 1)
    front = np.clip(y - table, 0, 1)[..., None]
    scene = scene * (1 - front) + pick(rng, palette, 1)[0] * front
    for _ in range(int(rng.integers(4, 22))):
        cx, cy = rng.uniform(0, SIZE, 2)
        wide, tall = rng.uniform(20, 110), rng.uniform(20, 130)
        turn = rng.uniform(0, np.pi)
        dx, dy = (x - cx), (y - cy)
        u = (dx * np.cos(turn) + dy * np.sin(turn)) / wide
        v = (-dx * np.sin(turn) + dy * np.cos(turn)) / tall
        distance = np.sqrt(u * u + v * v)
        angle = np.arctan2(v, u)
        if rng.random() < 0.4:
            distance = distance * (1 + rng.uniform(0.1, 0.35) * np.cos(angle * rng.integers(3, 9) + rng.uniform(0, 6)))
        inside = np.clip((1 - distance) * min(wide, tall), 0, 1)[..., None]
        light = np.clip(0.65 - 0.35 * u - 0.35 * v, 0.1, 1.15)[..., None]
        color, other = pick(rng, palette, 2)
        body = color * light + other * (1 - light) * 0.5
        scene = scene * (1 - inside) + body * inside
    return np.clip(scene, 0, 1).astype(np.float32)


def town(rng: Rng, palette: Array) -> Array:
    """Houses with roofs and windows, or a wall of leaning blocks."""
    image = Image.fromarray((ramp(palette, np.clip(0.7 + fractal(rng, 200, 3) * 0.2, 0, 1)) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(8, 40))):
        left, top = rng.uniform(-60, SIZE), rng.uniform(80, SIZE)
        wide, tall = rng.uniform(30, 130), rng.uniform(40, 260)
        lean = rng.normal(0, 8)
        wall, roof, window = pick(rng, palette, 3)
        box = np.array([[left + lean, top], [left + wide + lean, top], [left + wide, top + tall], [left, top + tall]])
        _draw_polygon(draw, box, wall)
        side = np.array([[left + wide * 0.6 + lean, top], [left + wide + lean, top], [left + wide, top + tall]])
        _draw_polygon(draw, np.vstack([side, [[left + wide * 0.6, top + tall]]]), wall * 0.7)
        peak = np.array([[left - 6 + lean, top], [left + wide / 2 + lean, top - wide * 0.5], [left + wide + 6 + lean, top]])
        _draw_polygon(draw, peak, roof)
        for row in np.arange(top + 15, top + tall - 15, 34):
            for column in np.arange(left + 8, left + wide - 12, 24):
                corners = [[column, row], [column + 11, row], [column + 11, row + 17], [column, row + 17]]
                _draw_polygon(draw, np.array(corners), window)
    return _to_array(image)


def abstract(rng: Rng, palette: Array) -> Array:
    """Soft or hard fields of color."""
    field = fractal(rng, rng.uniform(60, 400), int(rng.integers(1, 5)))
    second = fractal(rng, rng.uniform(60, 300), 2)
    if rng.random() < 0.5:
        index = (rank(field) * len(palette) * rng.uniform(1, 2)).astype(int) % len(palette)
        scene = palette[index] * (1 + 0.12 * second[..., None])
    else:
        scene = ramp(palette, np.clip(rank(field) + second * 0.08, 0, 1))
    return np.clip(scene, 0, 1).astype(np.float32)


def portrait(rng: Rng, palette: Array) -> Array:
    """A head and shoulders before a background, lit from one side."""
    x, y = grid()
    side = rng.choice([-1, 1])
    scene = ramp(palette, np.clip(0.3 + side * (x - SIZE / 2) / SIZE * 0.5 + fractal(rng, 150, 4) * 0.12, 0, 1))
    cx, cy = SIZE * rng.uniform(0.35, 0.65), SIZE * rng.uniform(0.32, 0.45)
    radius = rng.uniform(70, 125)
    parts: list[tuple[float, float, float, float, int]] = [
        (0, 2.6, 2.1, 1.9, 0),
        (0, 0.95, 0.5, 0.7, 1),
        (0, -0.12, 0.92, 1.16, 2),
        (0, 0, 0.76, 1.0, 1),
    ]
    parts += [(-0.3, -0.12, 0.16, 0.08, 2), (0.3, -0.12, 0.16, 0.08, 2), (0, 0.16, 0.09, 0.2, 3), (0, 0.52, 0.24, 0.08, 0)]
    colors = pick(rng, palette, 4)
    colors[1] = by_luma(palette)[-2]
    colors[2] = by_luma(palette)[0]
    for dx, dy, wide, tall, color in parts:
        u, v = (x - cx - dx * radius) / (wide * radius), (y - cy - dy * radius) / (tall * radius)
        distance = np.sqrt(u * u + v * v)
        inside = np.clip((1 - distance) * wide * radius * 0.7, 0, 1)[..., None]
        light = np.clip(0.8 - 0.45 * side * u - 0.2 * v, 0.15, 1.2)[..., None]
        scene = scene * (1 - inside) + np.clip(colors[color] * light, 0, 1) * inside
    return wobble(rng, scene.astype(np.float32), 5, 60)


SCENES = (landscape, landscape, landscape, still_life, still_life, town, town, abstract, abstract, portrait)


def subject(rng: Rng, photos: Sequence[Array], palette: Array | None = None, photo_share: float = 0.65) -> Array:
    """What to paint, (SIZE, SIZE, 3) from 0 to 1: a recolored photo or a scene, with enough contrast."""
    colors = random_palette(rng) if palette is None else palette
    if len(photos) and rng.random() < photo_share:
        image = stretch(photo_crop(rng, photos))
        return recolor(rng, image, colors)
    scene = SCENES[int(rng.integers(len(SCENES)))](rng, colors)
    if rng.random() < 0.6:
        scene = scene * (1 + 0.1 * noise(rng, rng.uniform(10, 60))[..., None])
    scene = np.clip(blur(scene, rng.uniform(0, 1.5)), 0, 1)
    if luma(scene).std() < 0.09:
        scene = stretch(scene)
    return scene.astype(np.float32)
