"""Fluid paint: watercolor, ink wash, marbling, poured and splashed paint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from .brush import WORK
from .colors import by_luma, pick, ramp, random_palette, snap
from .fields import SIZE, Array, Rng, blur, fractal, grid, luma, noise, rank, resize, smoothstep, warp, wobble
from .finish import lit, on_canvas, paper
from .lines import PAPERS, _outline
from .subjects import subject

Photos = Sequence[Array]


def _wash(rng: Rng, mask: Array, wet: float) -> Array:
    """Density of pigment in a wash: pale inside, dark at the drying edge, with blooms; mask 0 to 1."""
    ragged = smoothstep(0.35, 0.65, mask + 0.12 * fractal(rng, 30, 5) * (0.3 + wet))
    soft = blur(ragged, 0.7 + 6 * wet * rng.random())
    edge = np.clip(soft - blur(soft, rng.uniform(3, 7)), 0, 1)
    bloom = 1 + rng.uniform(0.1, 0.4) * fractal(rng, 110, 5)
    return soft * np.clip(bloom, 0.2, 2) + edge * rng.uniform(1.0, 3.5)


def watercolor(rng: Rng, photos: Photos) -> Array:
    """Transparent washes one over the other: pigment edges, bleeding, granulation, white paper."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette, 0.8)
    tone = np.clip(rank(luma(picture)) * 0.5 + luma(picture) * 0.5, 0, 1)
    wet = rng.uniform(0, 0.5)
    sheet = np.array([0.98, 0.97, 0.94]) * rng.uniform(0.94, 1.0)
    hue = wobble(rng, blur(picture, rng.uniform(2, 7)), rng.uniform(2, 9), 40)
    hue = hue / np.maximum(hue.max(-1, keepdims=True), 0.15)
    gray = luma(hue)[..., None]
    hue = np.clip(gray + (hue - gray) * rng.uniform(0.8, 1.5), 0.04, 0.97)
    absorb = -np.log(np.clip(hue * 0.88, 0.12, 0.98))
    density = rng.uniform(0, 0.5) * (1 + 0.3 * fractal(rng, 120, 6))
    levels = np.sort(rng.uniform(0.3, 1.0, int(rng.integers(3, 6))))[::-1]
    for i, level in enumerate(levels):
        reach = blur(tone, max(0.8, 3.5 - i))
        mask = smoothstep(-0.12, 0.12, level - wobble(rng, reach, rng.uniform(1, 5), 25))
        density += _wash(rng, mask, wet) * rng.uniform(0.45, 0.95)
    tooth = paper(rng, rng.uniform(1.8, 4))
    grain = 1 + rng.uniform(0.05, 0.22) * tooth
    gap = smoothstep(-2.6, -1.3, tooth + rng.choice([0.0, 2.0, 2.0]))
    amount = density * grain * gap * rng.uniform(0.4, 0.85)
    image = sheet * np.exp(-absorb * amount[..., None])
    if rng.random() < 0.35:  # pen lines
        ink = (_outline(wobble(rng, picture, 1.5, 40), rng.uniform(0.9, 1.6)) * rng.uniform(0.5, 0.95))[..., None]
        image = image * (1 - ink) + np.array([0.12, 0.09, 0.08]) * ink
    if rng.random() < 0.4:
        _splash(rng, image, pick(rng, palette, 1)[0])
    return np.clip(image * lit(blur(tooth, 0.6), rng.uniform(0, 0.06))[..., None], 0, 1)


def _splash(rng: Rng, image: Array, color: Array) -> None:
    """Fine drops of thinned color, in place."""
    drops = Image.new("L", (SIZE, SIZE), 0)
    draw = ImageDraw.Draw(drops)
    for _ in range(int(rng.integers(20, 160))):
        x, y = rng.uniform(0, SIZE, 2)
        radius = np.exp(rng.normal(0.2, 0.7))
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=int(rng.integers(90, 255)))
    amount = blur(np.asarray(drops, np.float32) / 255, 0.6)[..., None] * 0.8
    image *= 1 - amount * (1 - color)


def ink_wash(rng: Rng, photos: Photos) -> Array:
    """Black ink on absorbent paper: soft grays, wet edges, dry broken strokes."""
    palette = random_palette(rng, ("ink", "ink", "indigo", "sepia", "charcoal", "jade"))
    picture = subject(rng, photos, palette, 0.75)
    tone = rank(luma(picture)) * 0.7 + luma(picture) * 0.3
    sheet = pick(rng, PAPERS, 1, 0.03)[0]
    density: Array = np.zeros((SIZE, SIZE), np.float32)
    for level, weight in ((rng.uniform(0.5, 0.8), 0.35), (rng.uniform(0.3, 0.5), 0.7), (rng.uniform(0.1, 0.28), 1.4)):
        mask = smoothstep(-0.1, 0.1, level - wobble(rng, blur(tone, rng.uniform(1, 4)), rng.uniform(1, 6), 30))
        density += _wash(rng, mask, rng.uniform(0, 1)) * weight
    dry = smoothstep(-0.6, 0.8, paper(rng, 2.5) + fractal(rng, 90) + rng.uniform(-0.2, 1.2))
    line = _outline(wobble(rng, blur(picture, 1.5), 3, 30), rng.uniform(1.5, 3.2)) * rng.uniform(0.5, 2)
    density = density * rng.uniform(0.25, 0.8) + line * dry
    density = density * (1 + 0.1 * paper(rng, 2))
    ink = by_luma(palette)[0] + 0.02
    image = sheet * np.exp(np.log(np.clip(ink, 0.03, 1)) * density[..., None] * 0.42)
    if rng.random() < 0.3:  # a red seal
        left, top = rng.integers(20, SIZE - 90, 2)
        seal = smoothstep(-0.5, 0.3, noise(rng, 7)[:52, :44] + 0.3)[..., None] * 0.85
        image[top : top + 52, left : left + 44] = (
            image[top : top + 52, left : left + 44] * (1 - seal) + np.array([0.7, 0.12, 0.1]) * seal
        )
    return np.clip(image, 0, 1)


def marbling(rng: Rng, photos: Photos) -> Array:
    """Colors floated on water, combed and swirled into veins."""
    palette = random_palette(rng)
    x, y = grid()
    field = subject(rng, photos, palette, 0.3) if rng.random() < 0.4 else None
    count = int(rng.integers(20, 120))
    value = fractal(rng, rng.uniform(60, 200), 2) * rng.uniform(1, 4)
    for _ in range(count):
        cx, cy = rng.uniform(0, SIZE, 2)
        value = value + np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(20, 60) ** 2) * rng.uniform(1, 3)
    shift_x, shift_y = np.zeros_like(x), np.zeros_like(y)
    for _ in range(int(rng.integers(1, 4))):
        turn, period = rng.uniform(0, np.pi), rng.uniform(24, 140)
        comb = np.sin((x * np.cos(turn) + y * np.sin(turn) + 8 * noise(rng, 90)) * 2 * np.pi / period) * rng.uniform(6, 36)
        shift_x, shift_y = shift_x - comb * np.sin(turn), shift_y + comb * np.cos(turn)
    swirl = rng.uniform(5, 30)
    shift_x, shift_y = shift_x + noise(rng, 70) * swirl, shift_y + noise(rng, 70) * swirl
    value = warp(value, shift_x, shift_y)
    bands = value * rng.uniform(1.0, 2.6)
    index = np.floor(bands).astype(int)
    colors = pick(rng, palette, 64, 0.06)
    image = colors[index % 64]
    if field is not None:
        image = warp(field, shift_x, shift_y) * 0.6 + image * 0.4
    part = np.mod(bands, 1)
    vein = smoothstep(0.14, 0.04, np.minimum(part, 1 - part))[..., None] * rng.uniform(0, 1)
    image = image * (1 - vein) + by_luma(palette)[rng.choice([0, -1])] * vein
    pebbles = smoothstep(rng.uniform(1.4, 2.3), 2.6, noise(rng, rng.uniform(4, 10)))[..., None]
    image = image * (1 - pebbles) + pick(rng, palette, 1)[0] * pebbles
    return np.clip(image * (1 + 0.05 * fractal(rng, 60, 5) + 0.03 * paper(rng, 2))[..., None], 0, 1)


def action(rng: Rng, photos: Photos) -> Array:
    """Poured threads, splashes and drips in many layers."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette, 0.3)
    ground = wobble(rng, picture, 12, 40) if rng.random() < 0.5 else np.zeros((SIZE, SIZE, 3)) + pick(rng, palette, 1)[0]
    image = Image.fromarray((resize(ground, WORK).clip(0, 1) * 255).astype(np.uint8))
    height = Image.new("L", (WORK, WORK), 0)
    draw, relief = ImageDraw.Draw(image), ImageDraw.Draw(height)
    for _ in range(int(rng.integers(90, 300))):
        fill = tuple(int(v * 255) for v in pick(rng, palette, 1)[0])
        steps = int(rng.integers(40, 180))
        turn = np.cumsum(rng.normal(0, 0.1, steps) + 0.15 * np.sin(np.arange(steps) * rng.uniform(0.01, 0.2)))
        start = rng.uniform(-50, WORK + 50, 2)
        points = start + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], axis=-1), axis=0) * rng.uniform(3, 9)
        width = np.clip(np.exp(np.cumsum(rng.normal(0, 0.1, steps))) * rng.uniform(1.5, 5), 0.8, 16)
        level = int(rng.integers(120, 255))
        for (x, y), radius in zip(points.tolist(), (width / 2).tolist(), strict=True):
            box = [x - radius, y - radius, x + radius, y + radius]
            draw.ellipse(box, fill=fill)
            relief.ellipse(box, fill=level)
        flat = points.ravel().tolist()
        draw.line(flat, fill=fill, width=max(1, int(width.min())))
        for _ in range(int(rng.integers(0, 14))):
            x, y = points[int(rng.integers(steps))] + rng.normal(0, 25, 2)
            radius = np.exp(rng.normal(0.6, 0.8))
            box = [x - radius, y - radius * rng.uniform(0.6, 1.5), x + radius, y + radius]
            if box[3] > box[1]:
                draw.ellipse(box, fill=fill)
                relief.ellipse(box, fill=level)
    paint = np.asarray(image, np.float32) / 255
    light = lit(blur(np.asarray(height, np.float32) / 255, 1.2), rng.uniform(0, 1.2))
    paint = resize(paint * light[..., None], SIZE, Image.Resampling.BOX)
    return on_canvas(rng, np.clip(paint * (1 + 0.05 * fractal(rng, 60, 5))[..., None], 0, 1), rng.uniform(0.01, 0.09))


def color_field(rng: Rng, photos: Photos) -> Array:
    """Large stained fields with soft borders, sponged and layered (Rothko, also fresco and worn walls)."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette, 0.4)
    base = snap(blur(picture, rng.uniform(3, 16)), palette, rng.uniform(0.1, 0.3))
    cloud = fractal(rng, rng.uniform(60, 250), 7, rng.uniform(0.55, 0.8))
    second = ramp(palette, np.clip(0.5 + 0.25 * fractal(rng, 150, 6, 0.65), 0, 1))
    worn = smoothstep(-0.25, 0.25, cloud + rng.uniform(-1, 0.5))[..., None] * rng.uniform(0.3, 0.9)
    image = base * (1 - worn) + second * worn
    image = image * (1 + rng.uniform(0.06, 0.16) * fractal(rng, 24, 5, 0.7))[..., None]
    spots = smoothstep(1.3, 1.9, fractal(rng, rng.uniform(6, 30), 3, 0.7))[..., None] * rng.uniform(0, 0.8)
    image = image * (1 - spots) + pick(rng, palette, 1)[0] * spots
    return on_canvas(rng, np.clip(image, 0, 1), rng.uniform(0.03, 0.13))
