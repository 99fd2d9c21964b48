"""Drawings and prints: engraving, hatching, charcoal, graphite, woodcut, comic, ukiyo-e, contours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from .brush import SCALE, WORK, follow
from .colors import by_luma, parse, pick, ramp, random_palette, snap
from .fields import (
    SIZE,
    Array,
    Rng,
    blur,
    edge_angle,
    flow,
    fractal,
    grid,
    luma,
    mix_angles,
    noise,
    rank,
    resize,
    sample,
    smoothstep,
    streaks,
    wobble,
)
from .finish import on_paper, paper
from .subjects import subject

Photos = Sequence[Array]
PAPERS = parse("f4f0e4 efe6d0 e8d8b8 fbfaf5 d8d0c0 c8b898 dfe4e0 b8a890 f6ead8")


def _paper_and_ink(rng: Rng) -> tuple[Array, Array]:
    """A light paper and a dark ink; sometimes light chalk on dark paper."""
    sheet = pick(rng, PAPERS, 1, 0.03)[0]
    ink = parse("14120f 1c1a18 2a1c12 10203c 3a1612 1a2a20 4a2a1a")[int(rng.integers(7))]
    if rng.random() < 0.12:
        return np.clip(ink * 1.3 + 0.02, 0, 1), sheet
    return sheet, ink


def _tone(rng: Rng, picture: Array) -> Array:
    """Brightness with the values well spread."""
    gray = luma(picture)
    return np.clip(rank(gray) * 0.6 + gray * 0.4, 0, 1) ** rng.uniform(0.7, 1.3)


def _outline(picture: Array, sigma: float, strength: float = 1.0) -> Array:
    """Ink of about 0 to 1 along edges and in darks (difference of Gaussians)."""
    gray = luma(picture)
    difference = gaussian_filter(gray, sigma) - 0.98 * gaussian_filter(gray, sigma * 1.6)
    return smoothstep(0.0, 0.02 / strength, 0.006 * strength - difference)


def _regions(rng: Rng, picture: Array, colors: Array, smooth: float) -> tuple[Array, Array]:
    """The nearest color's number at every pixel, with smooth borders, and how close a border is (0 at it)."""
    soft = blur(picture, smooth * 0.5)
    distance = ((soft[:, :, None, :] - colors[None, None]) ** 2).sum(-1)
    share = (distance == distance.min(-1, keepdims=True)).astype(np.float32)
    share = blur(share, smooth)
    ordered = np.partition(share, -2, axis=-1)
    return share.argmax(-1), ordered[..., -1] - ordered[..., -2]


def _main_colors(picture: Array, count: int) -> Array:
    """The main colors of a picture (median cut)."""
    small = Image.fromarray((resize(picture, 128).clip(0, 1) * 255).astype(np.uint8))
    table = small.quantize(count).getpalette() or []
    return np.array(table[: count * 3], np.float32).reshape(-1, 3) / 255


def engraving(rng: Rng, photos: Photos) -> Array:
    """Swelling parallel lines that bend over the forms, crossed in the darks."""
    picture = subject(rng, photos, photo_share=0.85)
    tone = _tone(rng, blur(picture, 1))
    sheet, ink = _paper_and_ink(rng)
    x, y = grid()
    pitch = rng.uniform(3.6, 8)
    relief = blur(luma(picture), rng.uniform(6, 14)) * rng.uniform(0, 60) + fractal(rng, 200, 2) * rng.uniform(0, 10)
    white: Array = np.ones((SIZE, SIZE), np.float32)
    start = rng.uniform(0, np.pi)
    for i in range(int(rng.integers(1, 5))):
        turn = start + i * rng.uniform(0.6, 1.3)
        phase = (x * np.cos(turn) + y * np.sin(turn) + relief * (1 if i % 2 else 0.7)) / (pitch * rng.uniform(0.85, 1.2))
        wave = np.abs(np.mod(phase, 1) - 0.5) * 2
        need = np.clip((1 - 0.25 * i - tone) * rng.uniform(0.9, 1.5), 0, 0.9) + 0.03 * noise(rng, 3)
        sharp = 1.6 / pitch
        white = white * (1 - smoothstep(-sharp, sharp, need - wave) * rng.uniform(0.8, 1.0))
    if rng.random() < 0.5:
        white = white * (1 - 0.9 * _outline(picture, rng.uniform(0.8, 1.6)))
    colored = rng.random() < 0.25
    ground = blur(picture, 2) * 0.5 + 0.5 * sheet if colored else sheet
    image = ground * white[..., None] + ink * (1 - white[..., None])
    return on_paper(rng, image, rng.uniform(0.01, 0.06))


def hatching(rng: Rng, photos: Photos) -> Array:
    """Pen or pencil strokes, one by one, following or crossing the form; also in colors."""
    picture = subject(rng, photos, photo_share=0.8)
    tone = _tone(rng, blur(picture, 1))
    sheet, ink = _paper_and_ink(rng)
    colored = rng.random() < 0.4
    big = SIZE * 2
    edges, sure = edge_angle(picture, rng.uniform(4, 10))
    length = rng.uniform(8, 34)
    layers = int(rng.integers(2, 5))
    start = rng.uniform(0, np.pi)
    image = Image.fromarray(np.broadcast_to((sheet * 255).astype(np.uint8), (big, big, 3)).copy())
    draw = ImageDraw.Draw(image)
    follow_form = rng.random() < 0.6
    heavy = int(rng.choice([1, 2, 2, 3, 4]))
    for i in range(layers):
        count = int(min(11000, rng.uniform(0.5, 1.2) * SIZE * SIZE / (length * 1.6 * heavy)))
        x, y = rng.uniform(0, SIZE, count), rng.uniform(0, SIZE, count)
        dark = 1 - sample(tone, x, y) - 0.17 * i
        keep = rng.random(count) < np.clip(dark * 1.7, 0, 1) ** 1.3 + 0.01
        x, y = x[keep], y[keep]
        field = mix_angles(np.full((SIZE, SIZE), start + i * 0.9), edges, sure * (i == 0)) if follow_form else None
        turn = sample(field, x, y) if field is not None else np.full(len(x), start + i * rng.uniform(0.5, 1.2))
        turn = turn + rng.normal(0, 0.1, len(x))
        reach = length * rng.uniform(0.5, 1.3, len(x)) * 0.5
        bow = rng.normal(0, 0.08, len(x)) * reach
        dx, dy = np.cos(turn) * reach, np.sin(turn) * reach
        path = np.stack([x - dx, y - dy, x - np.sin(turn) * bow, y + np.cos(turn) * bow, x + dx, y + dy], axis=-1) * 2
        color = sample(picture, x, y) * rng.uniform(0.6, 1) if colored else np.broadcast_to(ink, (len(x), 3))
        weak = rng.uniform(0, 0.5, (len(x), 1))
        color = ((color * (1 - weak) + sheet * weak) * 255).clip(0, 255).astype(int).tolist()
        for points, fill in zip(path.tolist(), color, strict=True):
            draw.line(points, fill=tuple(fill), width=heavy)
    result = resize(np.asarray(image, np.float32) / 255, SIZE, Image.Resampling.BOX)
    if rng.random() < 0.35:
        line = _outline(picture, rng.uniform(0.8, 1.8))[..., None] * 0.85
        result = result * (1 - line) + ink * line
    return on_paper(rng, result, rng.uniform(0.01, 0.07))


def chalk(rng: Rng, photos: Photos) -> Array:
    """Charcoal or pastel: smeared tone, sticks that catch only the tooth of the paper, white heightening."""
    gray = rng.random() < 0.5
    palette = random_palette(rng, ("charcoal", "ink", "sepia") if gray else ())
    picture = subject(rng, photos, palette, 0.85)
    tone = _tone(rng, blur(picture, 1.2))
    sheet = pick(rng, PAPERS, 1)[0] if rng.random() < 0.7 else pick(rng, palette, 1)[0] * 0.7
    tooth = paper(rng, rng.uniform(1.3, 3.5))
    edges, sure = edge_angle(picture, 5)
    base = rng.uniform(0, np.pi)
    angle = mix_angles(np.full((SIZE, SIZE), base), edges, sure * rng.uniform(0, 1)) + 0.15 * noise(rng, 60)
    marks = streaks(rng, angle, int(rng.integers(14, 50)), rng.uniform(1, 4))
    grip = rng.uniform(0.5, 1.2)
    if gray:
        dark = (1 - tone) * 2.6 - 1.3
        cover = smoothstep(-0.7, 0.7, dark + 0.45 * grip * tooth + 0.5 * marks)[..., None]
        smear = np.clip(1 - blur(tone, 5), 0, 1)[..., None] * rng.uniform(0.1, 0.6)
        ink = by_luma(palette)[0] * 0.8
        image = sheet * (1 - smear) + (ink + 0.15) * smear
        image = image * (1 - cover) + ink * cover
        light = smoothstep(0.75, 0.95, tone + 0.08 * tooth + 0.06 * marks)[..., None] * rng.choice([0, 0.8])
        image = image * (1 - light) + np.array([0.97, 0.96, 0.93]) * light
    else:
        stick = wobble(rng, picture, 3, 12) + marks[..., None] * rng.uniform(0.03, 0.1)
        cover = smoothstep(-1.2, 0.3, marks * 0.6 - tooth * grip + rng.uniform(0.3, 1.0))[..., None]
        image = sheet * (1 - cover) + stick * cover
    line = _outline(wobble(rng, picture, 2, 30), rng.uniform(1.2, 3)) * smoothstep(-0.8, 0.6, tooth * grip + 0.4)
    if rng.random() < 0.7:
        line = line[..., None] * rng.uniform(0.4, 0.95)
        image = image * (1 - line) + by_luma(palette)[0] * 0.6 * line
    return np.clip(image, 0, 1)


def graphite(rng: Rng, photos: Photos) -> Array:
    """Scratchy searching lines along the edges, doubled, over light shading."""
    picture = subject(rng, photos, photo_share=0.85)
    sheet, ink = _paper_and_ink(rng)
    big = SIZE * 2
    image = Image.new("L", (big, big), 0)
    draw = ImageDraw.Draw(image)
    angle = edge_angle(picture, rng.uniform(2, 4))[0]
    gray = blur(luma(picture), 1.5)
    gradient = np.hypot(*np.gradient(gray))
    count = 16000
    x, y = rng.uniform(0, SIZE, (2, count))
    chance = smoothstep(0.006, 0.05, sample(gradient, x, y)) + 0.1 * (1 - sample(gray, x, y)) ** 2
    keep = np.flatnonzero(rng.random(count) < chance)[:5000]
    x, y = x[keep], y[keep]
    px, py = x + rng.normal(0, 1.5, len(x)), y + rng.normal(0, 1.5, len(x))
    path = [np.stack([px, py], axis=-1)]
    turn = sample(angle, px, py) + rng.choice([0, np.pi], len(px))
    step = rng.uniform(2, 6)
    for _ in range(6):
        local = sample(angle, px, py)
        local = local + np.pi * np.round((turn - local) / np.pi)
        turn = turn * 0.4 + local * 0.6 + rng.normal(0, 0.12, len(px))
        px, py = px + np.cos(turn) * step, py + np.sin(turn) * step
        path.append(np.stack([px, py], axis=-1))
    lines = (np.stack(path, axis=1) * 2).reshape(len(x), -1).tolist()
    weight = rng.integers(70, 256, len(x)).tolist()
    widths = rng.choice([1, 1, 2, 3], len(x)).tolist()
    for points, fill, width in zip(lines, weight, widths, strict=True):
        draw.line(points, fill=fill, width=width)
    mark = resize(np.asarray(image, np.float32) / 255, SIZE, Image.Resampling.BOX)
    shade = np.full((SIZE, SIZE), rng.uniform(0, 3.1)) + 0.05 * noise(rng, 90)
    rub = streaks(rng, shade, 30, 1.5) * 0.35 + paper(rng, 1.6) * 0.3
    tone = _tone(rng, blur(picture, 2))
    dark = np.clip((1 - tone) * rng.uniform(0.6, 1.3) * (0.6 + 0.5 * rub), 0, 1)
    cover = (1 - (1 - np.clip(mark * 1.3, 0, 1)) * (1 - dark))[..., None] * 0.92
    return on_paper(rng, sheet * (1 - cover) + ink * cover, 0.03)


def woodcut(rng: Rng, photos: Photos) -> Array:
    """Black gouged lines and flat shapes, on paper or over a few printed colors (also linocut)."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette, 0.8)
    tone = _tone(rng, blur(picture, rng.uniform(1, 2.5)))
    angle = mix_angles(flow(rng), edge_angle(picture, 9)[0], np.full((SIZE, SIZE), rng.uniform(0.3, 1)))
    gouge = streaks(rng, angle, int(rng.integers(24, 60)), rng.uniform(3.0, 6.5))
    ink_here = smoothstep(-0.08, 0.08, 0.5 - tone + rng.uniform(0.12, 0.3) * gouge)
    ink_here = np.maximum(ink_here, _outline(picture, rng.uniform(1.2, 2.5)) * 0.95)
    ink_here = smoothstep(0.3, 0.7, blur(ink_here, 0.7))
    sheet, ink = _paper_and_ink(rng)
    ground = np.zeros((SIZE, SIZE, 3)) + sheet
    if rng.random() < 0.6:
        colors = pick(rng, palette, int(rng.integers(1, 4)), 0.05)
        levels = np.sort(rng.uniform(0.3, 0.9, len(colors)))
        for color, level in zip(colors[np.argsort(-luma(colors))], levels[::-1], strict=True):
            printed = smoothstep(-0.03, 0.03, level - blur(tone, 3) + 0.05 * gouge)[..., None]
            color = color * 0.6 + 0.4 * sheet if luma(color) < 0.25 else color
            ground = ground * (1 - printed) + color * printed
        if rng.random() < 0.5:
            ink = by_luma(palette)[0]
    patchy = np.clip(0.93 + 0.1 * paper(rng, 1.8) * smoothstep(-0.5, 1.5, fractal(rng, 60)), 0, 1)
    cover = (ink_here * patchy)[..., None]
    return on_paper(rng, ground * (1 - cover) + ink * cover, rng.uniform(0.01, 0.05))


def comic(rng: Rng, photos: Photos) -> Array:
    """Flat inked colors with screen dots and black outlines."""
    palette = random_palette(
        rng, ("neon", "acid", "kandinsky", "fauve", "mondrian", "delaunay", "bauhaus") if rng.random() < 0.6 else ()
    )
    picture = subject(rng, photos, palette, 0.85)
    colors = _main_colors(picture, int(rng.integers(4, 10)))
    share = rng.uniform(0, 1)
    colors = colors * (1 - share) + snap(colors, palette, 0.1) * share
    owner, margin = _regions(rng, picture, _main_colors(picture, len(colors)), rng.uniform(1.2, 4))
    image = colors[owner]
    x, y = grid()
    if rng.random() < 0.75:
        pitch, turn = rng.uniform(4, 11), rng.uniform(0, np.pi / 2)
        u = (x * np.cos(turn) + y * np.sin(turn)) * np.pi / pitch
        v = (-x * np.sin(turn) + y * np.cos(turn)) * np.pi / pitch
        screen = np.cos(u) * np.cos(v) if rng.random() < 0.7 else np.cos(u * 2) * 0.8
        tone = blur(luma(picture), 2)
        light = rng.random() < 0.5
        need = smoothstep(-0.15, 0.15, screen - (1.1 - np.abs(tone - (1 if not light else 0)) * 1.5))[..., None]
        ink = colors[luma(colors).argmin()] if not light else np.array([0.98, 0.97, 0.94])
        image = image * (1 - need * 0.85) + ink * need * 0.85
    line = np.maximum(_outline(blur(picture, 1), rng.uniform(1.2, 2.6)), smoothstep(0.5, 0.2, margin) * rng.choice([0, 1]))
    line = smoothstep(0.35, 0.65, blur(line, 0.8))[..., None]
    image = image * (1 - line) + np.array([0.05, 0.04, 0.06]) * line
    return on_paper(rng, image, rng.uniform(0.005, 0.06))


def ukiyoe(rng: Rng, photos: Photos) -> Array:
    """Muted flat shapes with gradients, wood grain, fine line and waves with foam."""
    palette = random_palette(rng, ("ukiyoe", "ukiyoe", "indigo", "winter", "jade", "dutch_sky", "terracotta"))
    picture = subject(rng, photos, palette, 0.6)
    _, y = grid()
    if rng.random() < 0.4:  # waves: bands of a warped height
        height = y / SIZE * rng.uniform(3, 7) + rng.uniform(0.3, 0.8) * fractal(rng, 180, 3)
        height = wobble(rng, height, rng.uniform(2, 12), 50)
        part = np.mod(height, 1)
        sea = ramp(palette, np.clip(1 - part * 1.1, 0, 1))
        foam = smoothstep(0.0, 0.05, part) * smoothstep(0.16, 0.1, part + 0.05 * noise(rng, 8))
        sea = sea * (1 - foam[..., None]) + by_luma(palette)[-1] * foam[..., None]
        share = smoothstep(-0.3, 0.3, (y / SIZE - rng.uniform(0.1, 0.6)) * 3 + 0.5 * noise(rng, 120))[..., None]
        picture = sea * share + picture * (1 - share)
    calm = blur(picture, rng.uniform(1, 4))
    colors = _main_colors(calm, int(rng.integers(6, 14)))
    owner, margin = _regions(rng, calm, colors, rng.uniform(0.8, 2.2))
    muted = snap(colors, palette, 0.2) * 0.6 + colors * 0.4
    grade = 1 + rng.uniform(0.05, 0.25) * (blur(luma(picture), 20) - 0.5) + 0.1 * (y / SIZE - 0.5) * rng.normal()
    shade = rng.uniform(0, 0.5)
    image = (muted[owner] * (1 - shade) + blur(picture, 2) * shade) * grade[..., None]
    grain = streaks(rng, np.full((SIZE, SIZE), rng.choice([0, np.pi / 2])) + 0.04 * noise(rng, 150), 90, 2)
    image = image * (1 + rng.uniform(0.01, 0.05) * grain)[..., None]
    line = np.maximum(smoothstep(0.45, 0.15, margin), _outline(picture, rng.uniform(0.8, 1.4)) * rng.choice([0, 1]))
    line = line * smoothstep(-0.6, 0.6, noise(rng, 50) + rng.uniform(-0.5, 1))
    line = (line * rng.uniform(0.5, 0.95))[..., None]
    image = image * (1 - line) + by_luma(palette)[0] * 0.7 * line
    return on_paper(rng, np.clip(image, 0, 1), rng.uniform(0.02, 0.05))


def cloisonne(rng: Rng, photos: Photos) -> Array:
    """Flat or enameled areas of strong color within thick dark or gold contours."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette, 0.7)
    colors = _main_colors(picture, int(rng.integers(5, 12)))
    owner, margin = _regions(rng, picture, colors, rng.uniform(2.5, 6))
    share = rng.uniform(0.3, 1)
    colors = colors * (1 - share) + snap(colors, palette, 0.1) * share
    angle = edge_angle(picture, 8)[0]
    brushed = streaks(rng, angle + 0.3 * noise(rng, 40), int(rng.integers(10, 30)), rng.uniform(1.5, 4))
    surface = 1 + rng.uniform(0.03, 0.12) * brushed + 0.06 * fractal(rng, 70, 4) + 0.2 * (smoothstep(0, 0.9, margin) - 0.6)
    image = colors[owner] * surface[..., None] + (picture - blur(picture, 6)) * rng.uniform(0, 0.5)
    width = rng.uniform(0.25, 0.75)
    line = smoothstep(width, width * 0.5, margin + 0.06 * noise(rng, 10))[..., None]
    contour = by_luma(palette)[0] * 0.6 if rng.random() < 0.75 else np.array([0.82, 0.66, 0.3]) * surface[..., None]
    return np.clip(image * (1 - line) + contour * line, 0, 1)


def scribble(rng: Rng, photos: Photos) -> Array:
    """Long looping crayon or oil-stick lines in colors, over and over."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette, 0.8)
    sheet = pick(rng, PAPERS, 1)[0] if rng.random() < 0.6 else by_luma(palette)[0]
    image = Image.fromarray(np.broadcast_to((sheet * 255).astype(np.uint8), (WORK, WORK, 3)).copy())
    draw = ImageDraw.Draw(image)
    angle = mix_angles(flow(rng), edge_angle(picture, 8)[0], np.full((SIZE, SIZE), rng.uniform(0, 0.9)))
    width = rng.uniform(1.5, 6)
    count = int(min(6000, 3.2 * SIZE * SIZE / (width * 30)))
    x, y = rng.uniform(0, WORK, (2, count))
    turn, _ = follow(angle, x, y, np.full(count, 20.0))
    t = np.linspace(-1, 1, 14)
    loops = rng.uniform(0, 9) * SCALE
    along = t[None] * rng.uniform(10, 30, (count, 1)) * SCALE
    phase = rng.uniform(0, 6.3, (count, 1))
    swing = rng.uniform(4, 9)
    px = along + loops * np.cos(t[None] * swing + phase)
    py = loops * np.sin(t[None] * swing + phase)
    cx = x[:, None] + px * np.cos(turn)[:, None] - py * np.sin(turn)[:, None]
    cy = y[:, None] + px * np.sin(turn)[:, None] + py * np.cos(turn)[:, None]
    color = sample(picture, x / SCALE, y / SCALE) + rng.normal(0, 0.06, (count, 3))
    lines = np.stack([cx, cy], axis=-1).reshape(count, -1).tolist()
    for points, fill in zip(lines, (color * 255).clip(0, 255).astype(int).tolist(), strict=True):
        draw.line(points, fill=tuple(fill), width=max(1, round(width * SCALE * 0.7)))
    drawn = resize(np.asarray(image, np.float32) / 255, SIZE, Image.Resampling.BOX)
    wax = smoothstep(-1.6, -0.2, paper(rng) + rng.uniform(-0.2, 0.8))[..., None]
    return np.clip(drawn * wax + (sheet * 0.7 + drawn * 0.3) * (1 - wax), 0, 1)
