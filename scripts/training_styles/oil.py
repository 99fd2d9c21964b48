"""Paintings made of brush strokes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .brush import SCALE, WORK, Bristles, Canvas, Strokes, follow, shorten
from .colors import by_luma, jitter, pick, ramp, random_palette, snap
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
    resize,
    sample,
    smoothstep,
    streaks,
    wobble,
)
from .finish import cracks, on_canvas, scumble, varnish
from .subjects import subject

Photos = Sequence[Array]


def _scatter(rng: Rng, count: int) -> tuple[Array, Array]:
    """Random points of the canvas and a little beyond, more even than chance."""
    side = max(1, int(np.sqrt(count)))
    cell = (WORK + 40) / side
    row, column = np.mgrid[0:side, 0:side].reshape(2, -1)
    order = rng.permutation(side * side)
    x = (column[order] + rng.uniform(-0.3, 1.3, side * side)) * cell - 20
    y = (row[order] + rng.uniform(-0.3, 1.3, side * side)) * cell - 20
    return x, y


def _random_brush(rng: Rng) -> Bristles:
    """A brush of a random kind."""
    return Bristles(
        streak=rng.uniform(0.005, 0.07),
        opacity=rng.uniform(0.75, 1.0),
        dryness=rng.uniform(0.0, 0.8),
        softness=rng.uniform(0.05, 0.5),
        pitch=rng.uniform(1.6, 5.0),
        thickness=rng.uniform(0.4, 1.4),
        taper=rng.uniform(0, 1) ** 2,
        rim=rng.uniform(0, 0.7),
        two_tone=rng.choice([0.0, rng.normal(0, 0.05)]),
    )


def _strokes(
    rng: Rng,
    picture: Array,
    angle: Array,
    where: tuple[Array, Array],
    length: float,
    width: float,
    *,
    light: float,
    hue: float,
    tolerance: float = 9.0,
    wander: float = 0.08,
) -> Strokes:
    """Strokes at canvas points, in the colors of a picture; lengths in pixels of the finished painting."""
    x, y = where
    count = len(x)
    lengths = length * SCALE * rng.uniform(0.55, 1.35, count)
    directions, bend = follow(angle, x, y, lengths)
    directions = directions + rng.normal(0, wander, count)
    if tolerance < 3:
        lengths = shorten(picture, x, y, directions, lengths, tolerance)
    widths = np.minimum(width * SCALE * rng.uniform(0.65, 1.35, count), lengths * 1.1)
    color = jitter(rng, sample(picture, x / SCALE, y / SCALE), light, hue)
    return Strokes(x, y, directions, lengths, widths, bend, color)


def _cover(length: float, width: float, coverage: float, most: int = 9000) -> int:
    """How many strokes cover the canvas so many times."""
    return int(min(most, coverage * SIZE * SIZE / (length * width)))


def swirl(rng: Rng, photos: Photos) -> Array:
    """Long thick strokes along a flow field, in layers, with lit relief."""
    picture = blur(subject(rng, photos, photo_share=0.5), rng.uniform(1, 5))
    angle = flow(rng)
    if rng.random() < 0.5:
        edges, sure = edge_angle(picture, rng.uniform(5, 12))
        angle = mix_angles(angle, edges, smoothstep(0.2, 0.7, sure))
    width = np.exp(rng.uniform(np.log(3), np.log(14)))
    length = width * rng.uniform(3, 8)
    light, hue = rng.uniform(0.03, 0.13), rng.uniform(0.01, 0.06)
    canvas = Canvas(rng, picture * rng.uniform(0.4, 0.9))
    brush = _random_brush(rng)
    brush.thickness = rng.uniform(0.7, 1.6)
    for scale in (1.7, 1.0, rng.uniform(0.5, 0.9)):
        count = _cover(length * scale, width * scale, rng.uniform(1.0, 1.8), 5000)
        where = _scatter(rng, count)
        canvas.layer(_strokes(rng, picture, angle, where, length * scale, width * scale, light=light, hue=hue), brush)
    return canvas.finish(rng.uniform(0.15, 0.8), rng.choice([0, rng.uniform(0, 0.5)]))


def dabs(rng: Rng, photos: Photos) -> Array:
    """Short broken touches of pure color that follow the forms, the ground showing between them."""
    picture = subject(rng, photos)
    angle, sure = edge_angle(picture, rng.uniform(4, 14))
    angle = mix_angles(flow(rng), angle, smoothstep(0.15, 0.6, sure))
    width = rng.uniform(2.5, 7)
    length = width * rng.uniform(1.3, 3.2)
    light, hue = rng.uniform(0.03, 0.11), rng.uniform(0.03, 0.1)
    ground = np.zeros((8, 8, 3)) + pick(rng, picture.reshape(-1, 3), 1)[0]
    canvas = Canvas(rng, resize(ground, SIZE) * 0.5 + blur(picture, 10) * 0.5)
    brush = _random_brush(rng)
    wander = rng.uniform(0.05, 0.5)
    for scale, coverage in ((2.0, 1.2), (1.2, 1.2), (0.8, rng.uniform(0.5, 1.1))):
        where = _scatter(rng, _cover(length * scale, width * scale, coverage, 9000))
        strokes = _strokes(
            rng, blur(picture, scale), angle, where, length * scale, width * scale, light=light, hue=hue, wander=wander
        )
        canvas.layer(strokes, brush)
    return canvas.finish(rng.uniform(0.05, 0.6))


def painterly(rng: Rng, photos: Photos) -> Array:
    """Oil painting of a subject from coarse to fine: small strokes only where the large ones miss the picture."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette, photo_share=0.9)
    if rng.random() < 0.25:
        picture = wobble(rng, picture, rng.uniform(2, 8), rng.uniform(30, 90))
    if rng.random() < 0.2:
        picture = snap(picture, palette, rng.uniform(0.06, 0.15))
    finest = np.exp(rng.uniform(np.log(1.7), np.log(9)))
    ratio = rng.uniform(1.8, 5.5)
    light, hue = rng.uniform(0.005, 0.08), rng.uniform(0.003, 0.045)
    missed = rng.uniform(0.04, 0.22)
    tolerance = rng.uniform(0.15, 0.8)
    brush = _random_brush(rng)
    drift, calm = flow(rng), rng.uniform(3, 12)
    share = rng.uniform(0, 0.5)
    canvas = Canvas(rng, np.zeros((4, 4, 3)) + pick(rng, picture.reshape(-1, 3), 1)[0] * rng.uniform(0.4, 1))
    width = finest * (6 if finest < 4 else 4)
    last = 3 if finest < 4 else 2
    for level in range(last + 1):
        reference = blur(picture, width * 0.35)
        edges, sure = edge_angle(picture, max(calm, width * 0.7))
        angle = mix_angles(drift, edges, np.clip(smoothstep(0.12, 0.5, sure) - share * (level < 2), 0, 1))
        length = width * ratio * rng.uniform(0.7, 1.1)
        x, y = _scatter(rng, _cover(length, width, 1.7 if level < 2 else 2.4, 10000))
        if level:
            now = blur(resize(canvas.paint, SIZE), width * 0.4)
            error = np.abs(now - reference).sum(-1)
            keep = sample(error, x / SCALE, y / SCALE) > missed * (0.5 if level == 1 else 1)
            x, y = x[keep], y[keep]
        fade = 1.0 if level < 2 else 0.6
        strokes = _strokes(
            rng, reference, angle, (x, y), length, width, light=light * fade, hue=hue * fade, tolerance=tolerance
        )
        canvas.layer(strokes, brush)
        if level == last:
            break
        width = max(finest, width * 0.55)
    return canvas.finish(rng.uniform(0.05, 0.7), rng.choice([0, 0, rng.uniform(0, 0.4)]))


def pointillist(rng: Rng, photos: Photos) -> Array:
    """Small round dots of divided color on a light or dark ground."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette)
    size = rng.uniform(2.6, 8)
    light, hue = rng.uniform(0.02, 0.1), rng.uniform(0.06, 0.17)
    canvas = Canvas(rng, blur(picture, 12) * 0.5 + by_luma(palette)[rng.choice([0, -1])] * 0.5)
    brush = Bristles(0.015, 0.97, 0.0, rng.uniform(0.1, 0.4), 2, rng.uniform(0.3, 1.2), 1.0)
    pure = np.concatenate([palette, 1 - (1 - palette) * 0.4])
    share = rng.uniform(0.0, 0.5)
    for scale in (1.5, 1.0, rng.uniform(0.7, 1.0)):
        x, y = _scatter(rng, _cover(size * scale, size * scale, 1.3, 14000))
        strokes = _strokes(rng, picture, np.zeros((SIZE, SIZE)), (x, y), size * scale, size * scale, light=light, hue=hue)
        strokes.length = strokes.width * rng.uniform(1.0, 1.3)
        swap = rng.random(len(x)) < share
        strokes.color[swap] = strokes.color[swap] * 0.45 + snap(strokes.color[swap], pure, 0.1) * 0.55
        canvas.layer(strokes, brush)
    return canvas.finish(rng.uniform(0.0, 0.5))


def palette_knife(rng: Rng, photos: Photos) -> Array:
    """Broad flat slabs of thick paint with sharp ridges and scraped places."""
    palette = random_palette(rng)
    picture = blur(subject(rng, photos, palette, 0.5), rng.uniform(2, 6))
    angle = mix_angles(flow(rng), edge_angle(picture, 12)[0], np.full((SIZE, SIZE), rng.uniform(0.1, 0.7)))
    step = rng.choice([0.0, np.pi / rng.integers(2, 6)])
    if step:
        angle = np.round(angle / step) * step
    canvas = Canvas(rng, picture * 0.8)
    brush = Bristles(
        rng.uniform(0.02, 0.06), 0.98, rng.uniform(0.3, 1.1), 0.05, rng.uniform(1.5, 3), 1.6, 0.0, 0.6, rng.normal(0, 0.06)
    )
    width = rng.uniform(12, 34)
    for scale in (1.6, 1.0, 0.6):
        length = width * scale * rng.uniform(1.2, 2.6)
        where = _scatter(rng, _cover(length, width * scale, 1.1))
        strokes = _strokes(
            rng, picture, angle, where, length, width * scale, light=rng.uniform(0.03, 0.1), hue=0.03, wander=0.25
        )
        strokes.bend = strokes.bend * 0.2
        canvas.layer(strokes, brush)
    return canvas.finish(rng.uniform(0.4, 1.0), rng.uniform(0, 0.4))


def expressionist(rng: Rng, photos: Photos) -> Array:
    """Wavy parallel bands of strong color, painted in long streaks."""
    palette = random_palette(
        rng, ("scream", "nocturne", "sunset", "fauve", "gauguin", "autumn", "sea") if rng.random() < 0.6 else ()
    )
    picture = subject(rng, photos, palette, 0.5)
    x, y = grid()
    turn = rng.uniform(0, np.pi)
    bands = (x * np.cos(turn) + y * np.sin(turn)) / SIZE + rng.uniform(0.05, 0.2) * noise(rng, 170) + 0.03 * noise(rng, 60)
    bands = bands + luma(blur(picture, 10)) * rng.uniform(0, 0.6)
    gy, gx = np.gradient(blur(bands, 3))
    angle = np.arctan2(gy, gx) + np.pi / 2
    tone = 0.5 + 0.5 * np.sin(bands * rng.uniform(15, 60) + noise(rng, 100))
    share = rng.uniform(0.3, 0.7)
    scene = np.clip(ramp(palette, tone) * share + picture * (1 - share), 0, 1)
    width = rng.uniform(3, 10)
    canvas = Canvas(rng, scene * 0.8)
    brush = _random_brush(rng)
    brush.dryness = rng.uniform(0.3, 1.0)
    for scale in (1.5, 1.0):
        length = width * scale * rng.uniform(5, 12)
        where = _scatter(rng, _cover(length, width * scale, 1.6, 5000))
        canvas.layer(_strokes(rng, scene, angle, where, length, width * scale, light=0.06, hue=0.04), brush)
    image = canvas.finish(rng.uniform(0.05, 0.4))
    return np.clip(image * (1 + 0.05 * streaks(rng, angle, 30))[..., None], 0, 1)


def dry_brush(rng: Rng, photos: Photos) -> Array:
    """Thin paint dragged over a rough canvas that shows through."""
    palette = random_palette(rng)
    picture = subject(rng, photos, palette, 0.6)
    ground = by_luma(palette)[rng.choice([0, -1])]
    canvas = Canvas(rng, np.zeros((SIZE, SIZE, 3)) + ground + 0.04 * fractal(rng, 60)[..., None])
    angle = mix_angles(flow(rng), edge_angle(picture, 8)[0], np.full((SIZE, SIZE), rng.uniform(0, 1)))
    brush = Bristles(rng.uniform(0.03, 0.1), 0.9, rng.uniform(0.8, 1.5), 0.25, rng.uniform(1.8, 4), 0.8, 0.2)
    width = rng.uniform(7, 20)
    for scale in (1.6, 1.0, 0.5):
        length = width * scale * rng.uniform(2.5, 5)
        where = _scatter(rng, _cover(length, width * scale, 1.3))
        canvas.layer(_strokes(rng, picture, angle, where, length, width * scale, light=0.07, hue=0.03, tolerance=0.8), brush)
    return on_canvas(rng, canvas.finish(rng.uniform(0.05, 0.3)), rng.uniform(0.05, 0.16))


def old_master(rng: Rng, photos: Photos) -> Array:
    """Smooth modelling in fine strokes, dark glazes, yellow varnish and cracks."""
    palette = random_palette(rng, ("rembrandt", "earth", "old_gold", "sepia", "dutch_sky", "rose", "terracotta"))
    picture = subject(rng, photos, palette, 0.9)
    x, y = grid()
    spot = np.exp(
        -((x / SIZE - rng.uniform(0.3, 0.7)) ** 2 + (y / SIZE - rng.uniform(0.3, 0.6)) ** 2) / rng.uniform(0.08, 0.3)
    )
    picture = picture ** rng.uniform(0.9, 1.5) * (0.35 + 0.75 * spot)[..., None]
    canvas = Canvas(rng, blur(picture, 5))
    angle, _ = edge_angle(picture, 6)
    brush = Bristles(rng.uniform(0.015, 0.045), rng.uniform(0.8, 1.0), 0.4, rng.uniform(0.3, 0.6), 2, 0.8, 0.5)
    finest = rng.uniform(2.8, 5.5)
    for width in (finest * 3.5, finest * 1.8, finest):
        where = _scatter(rng, _cover(width * 3.5, width, 2.0, 9000))
        reference = blur(picture, width * 0.4)
        canvas.layer(_strokes(rng, reference, angle, where, width * 3.5, width, light=0.03, hue=0.015, tolerance=0.4), brush)
    image = varnish(rng, canvas.finish(rng.uniform(0.1, 0.45)), rng.uniform(0.1, 0.8))
    image = scumble(rng, image, rng.uniform(0, 0.06))
    if rng.random() < 0.65:
        net = np.maximum(cracks(rng, rng.uniform(9, 30)), cracks(rng, rng.uniform(30, 70), 1.3))
        image = image * (1 - rng.uniform(0.2, 0.6) * net)[..., None] + 0.04 * np.roll(net, 1, axis=0)[..., None]
    if rng.random() < 0.5:
        image = on_canvas(rng, image, rng.uniform(0.03, 0.1))
    return np.clip(image * rng.uniform(1.0, 1.4), 0, 1)


def atmosphere(rng: Rng, photos: Photos) -> Array:
    """A glow in mist: soft color, scumbled and scraped, with fine grain."""
    names = ("turner", "monet", "sunset", "winter", "dutch_sky", "nocturne", "sea", "pastel")
    palette = random_palette(rng, names if rng.random() < 0.7 else ())
    picture = subject(rng, photos, palette, 0.5)
    soft = blur(picture, rng.uniform(1.5, 9))
    x, y = grid()
    cx, cy = rng.uniform(0.2, 0.8, 2) * SIZE
    glow = np.exp(-(((x - cx) / 1.5) ** 2 + (y - cy) ** 2) / (2 * (rng.uniform(60, 160)) ** 2))[..., None]
    scene = soft * (1 - 0.7 * glow) + by_luma(palette)[-1] * 0.7 * glow
    angle = flow(rng)
    canvas = Canvas(rng, scene)
    brush = Bristles(
        rng.uniform(0.02, 0.07), rng.uniform(0.35, 0.8), rng.uniform(0.4, 1.2), rng.uniform(0.3, 0.9), 2.5, 0.7, 0.4
    )
    for width in (26, 13, rng.uniform(3, 9)):
        length = width * rng.uniform(2, 4)
        where = _scatter(rng, _cover(length, width, 1.3, 4000))
        canvas.layer(_strokes(rng, scene, angle, where, length, width, light=rng.uniform(0.03, 0.09), hue=0.025), brush)
    image = canvas.finish(rng.uniform(0.1, 0.6))
    if rng.random() < 0.5:
        image = on_canvas(rng, image, rng.uniform(0.02, 0.08))
    return scumble(rng, image, rng.uniform(0.03, 0.1))


def fauve(rng: Rng, photos: Photos) -> Array:
    """Bold strokes of saturated color with painted dark or colored contours."""
    palette = random_palette(rng, ("fauve", "matisse", "gauguin", "delaunay", "acid", "kandinsky", "neon", "wheat"))
    picture = subject(rng, photos, palette, 0.8)
    picture = snap(blur(picture, rng.uniform(1.5, 4)), palette, rng.uniform(0.08, 0.25))
    edges, sure = edge_angle(picture, 4)
    angle = mix_angles(flow(rng), edges, smoothstep(0.1, 0.4, sure))
    canvas = Canvas(rng, by_luma(palette)[-1] * np.ones((4, 4, 3)))
    brush = _random_brush(rng)
    width = rng.uniform(6, 15)
    for scale in (1.5, 0.9):
        length = width * scale * rng.uniform(1.8, 4)
        where = _scatter(rng, _cover(length, width * scale, 1.4, 5000))
        strokes = _strokes(rng, picture, angle, where, length, width * scale, light=0.05, hue=0.05, tolerance=0.7)
        canvas.layer(strokes, brush)
    crisp, certain = edge_angle(picture, 1.6)
    x, y = _scatter(rng, 30000)
    gradient = np.hypot(*np.gradient(blur(luma(picture), 1.5)))
    chance = smoothstep(0.015, 0.04, sample(gradient, x / SCALE, y / SCALE)) * sample(certain, x / SCALE, y / SCALE)
    keep = rng.random(len(x)) < chance * 0.5
    line = rng.uniform(2, 5)
    strokes = _strokes(rng, picture, crisp, (x[keep], y[keep]), line * 6, line, light=0.02, hue=0.02)
    strokes.color = jitter(rng, np.repeat(by_luma(palette)[:1], len(strokes.x), 0), 0.04, 0.02)
    if rng.random() < 0.8:
        canvas.layer(strokes, Bristles(0.03, 0.9, 0.5, 0.2, 2, 0.8, 0.7))
    return canvas.finish(rng.uniform(0.05, 0.5))
