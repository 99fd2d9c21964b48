"""A fresco: earth colors in plaster that has faded, cracked and partly fallen off."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter

from .canvas import HEIGHT, WIDTH, Array, Canvas, assign_nearest, color_ramp, noise, rgb, smooth_outline, to_image
from .drawing import FlatScene, ellipse, fibers, lookup, ribbon, scatter, smooth_line, swelling


def fresco(rng: np.random.Generator) -> Image.Image:
    """A painted wall: a pomegranate tree and birds between red panels, in old plaster."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    shape, right = y.shape, WIDTH / HEIGHT
    wall = color_ramp(
        (y + 0.05 * noise(rng, shape, 120)).ravel(), [(0.05, "d8b878"), (0.45, "e6cf9c"), (0.72, "dcc08a"), (0.86, "b98f56")]
    ).reshape(*shape, 3)
    scene = FlatScene(wall)

    def rectangle(left: float, top: float, end: float, bottom: float, code: str) -> None:
        scene.fill([(left, top), (end, top), (end, bottom), (left, bottom)], code)

    red, dark, ocher, cream, green, black = "9c3522", "6f2418", "c98f3a", "ead9ae", "5f6e45", "352a24"
    rectangle(0, 0.845, right, 1.1, dark)  # the plinth
    for k in range(-1, 12):
        cx = 0.06 + 0.124 * k
        scene.fill([(cx, 0.925), (cx + 0.062, 0.868), (cx + 0.124, 0.925), (cx + 0.062, 0.982)], ("a8763a", "55603f")[k % 2])
        scene.fill(
            [(cx + 0.024, 0.925), (cx + 0.062, 0.890), (cx + 0.100, 0.925), (cx + 0.062, 0.960)], ("55603f", "b0503a")[k % 2]
        )
        scene.fill(ellipse((cx + 0.062, 0.925), 0.015), cream)
    rectangle(0, 0.838, right, 0.850, cream)
    rectangle(0, 0.826, right, 0.838, black)
    rectangle(0, 0, right, 0.118, "8a2e20")
    for k in range(24):  # a running wave along the top
        cx = 0.03 + 0.058 * k
        t = np.linspace(0, 1, 26)
        theta = np.pi * (1.0 + 2.2 * t)
        curl = np.stack([cx + 0.024 * (1 - 0.72 * t) * np.cos(theta), 0.064 + 0.024 * (1 - 0.72 * t) * np.sin(theta)], axis=1)
        scene.fill(ribbon(np.concatenate([[(cx - 0.034, 0.088)], curl]), 0.0085), cream)
    rectangle(0, 0.026, right, 0.034, ocher)
    rectangle(0, 0.094, right, 0.106, ocher)
    rectangle(0, 0.112, right, 0.121, black)
    for left, end in ((-0.1, 0.275), (right - 0.275, right + 0.1)):
        rectangle(left, 0.121, end, 0.826, red)
        inner = (left + 0.1 + 0.035, end - 0.035) if left < 0 else (left + 0.035, end - 0.1 - 0.035)
        for inset, code in ((0.0, ocher), (0.005, red), (0.016, cream), (0.0185, red)):
            rectangle(inner[0] + inset, 0.155 + inset, inner[1] - inset, 0.79 - inset, code)
        column = end + 0.022 if left < 0 else left - 0.022
        rectangle(column - 0.022, 0.121, column + 0.022, 0.826, green)
        rectangle(column - 0.018, 0.121, column - 0.006, 0.826, "8f9a68")
        for k in range(15):
            level = 0.14 + 0.047 * k
            for side in (-1, 1):
                leaf = ribbon(
                    smooth_line(
                        [
                            (column, level + 0.02),
                            (column + side * 0.011, level + 0.008),
                            (column + side * 0.017, level - 0.014),
                        ]
                    ),
                    0.010 * swelling(33),
                )
                scene.fill(leaf, ("dcc88a", "c98f3a")[k % 2])
        cx = (inner[0] + inner[1]) / 2
        scene.fill(ribbon(np.array([(cx, 0.20), (cx, 0.74)]), 0.006), ocher)  # a candelabrum
        for k, level in enumerate((0.26, 0.40, 0.54, 0.68)):
            for side in (-1, 1):
                scroll = smooth_line(
                    [
                        (cx, level + 0.05),
                        (cx + side * 0.035, level + 0.03),
                        (cx + side * 0.052, level - 0.01),
                        (cx + side * 0.032, level - 0.03),
                        (cx + side * 0.020, level - 0.008),
                    ]
                )
                scene.fill(ribbon(scroll, 0.0075 * swelling(len(scroll), 0.6, 0.5)), "e0b860")
                scene.fill(ellipse((cx + side * 0.026, level - 0.014), 0.008), cream)
            scene.fill(
                smooth_outline(
                    np.array(
                        [(cx, level - 0.05), (cx + 0.017, level - 0.015), (cx, level + 0.015), (cx - 0.017, level - 0.015)]
                    )
                ),
                (cream, "d9a441")[k % 2],
            )

    for cx, size in [
        (0.40, 0.05),
        (0.47, 0.07),
        (0.545, 0.05),
        (0.80, 0.055),
        (0.87, 0.075),
        (0.945, 0.05),
        (0.62, 0.045),
        (0.72, 0.04),
    ]:
        for k in range(9):  # acanthus and grasses at the foot
            turn = -np.pi / 2 + (k - 4) * 0.24 + rng.normal(0, 0.06)
            tip = cx + 1.5 * size * np.cos(turn), 0.824 + 1.7 * size * np.sin(turn)
            blade = smooth_line([(cx, 0.826), ((cx + tip[0]) / 2, (0.824 + tip[1]) / 2 - 0.01), tip])
            scene.fill(ribbon(blade, 0.28 * size * swelling(len(blade), 0.3)), ("4f6040", "73804c", "39503f")[k % 3])
    trunk = smooth_line([(0.665, 0.826), (0.65, 0.70), (0.685, 0.58), (0.66, 0.46), (0.672, 0.36)])
    scene.fill(ribbon(trunk, np.linspace(0.050, 0.018, len(trunk))), "6a4428")
    scene.fill(ribbon(trunk - (0.008, 0), np.linspace(0.014, 0.005, len(trunk))), "a8764a")
    boughs = [
        [(0.665, 0.60), (0.57, 0.52), (0.47, 0.50), (0.40, 0.54)],
        [(0.675, 0.57), (0.77, 0.50), (0.86, 0.48), (0.93, 0.53)],
        [(0.668, 0.47), (0.59, 0.38), (0.50, 0.33), (0.42, 0.36)],
        [(0.668, 0.46), (0.75, 0.37), (0.84, 0.32), (0.92, 0.36)],
        [(0.672, 0.38), (0.64, 0.28), (0.57, 0.21)],
        [(0.672, 0.38), (0.70, 0.28), (0.78, 0.21)],
        [(0.672, 0.38), (0.675, 0.26), (0.66, 0.18)],
    ]
    sprays: list[tuple[Array, float]] = []
    for knots in boughs:
        bough = smooth_line(knots)
        scene.fill(ribbon(bough, np.linspace(0.017, 0.005, len(bough))), "6a4428")
        for at in np.linspace(0.3, 1, 9):
            i = int(at * (len(bough) - 1))
            heading = np.arctan2(*(bough[i] - bough[max(0, i - 3)])[::-1])
            for turn in rng.uniform(-1.35, 1.35, 4):
                sprays.append((bough[i] + rng.normal(0, 0.012, 2), heading + turn))
    for foot, heading in sprays:
        size = rng.uniform(0.038, 0.062)
        direction = np.array([np.cos(heading), np.sin(heading)])
        bend = np.array([-direction[1], direction[0]]) * rng.normal(0, 0.006)
        leaf = smooth_line([foot, foot + direction * size / 2 + bend, foot + direction * size])
        scene.fill(
            ribbon(leaf, 0.34 * size * swelling(len(leaf), 0.2)), ("3f5238", "56683f", "7d8a50", "2f4438")[rng.integers(4)]
        )
        scene.fill(ribbon(leaf[:26], 0.0022), "a3a868")
    for cx, cy, size in [
        (0.47, 0.565, 0.036),
        (0.86, 0.555, 0.040),
        (0.555, 0.435, 0.033),
        (0.785, 0.425, 0.034),
        (0.43, 0.42, 0.028),
        (0.905, 0.425, 0.029),
        (0.60, 0.26, 0.029),
        (0.745, 0.265, 0.030),
    ]:
        scene.fill(ellipse((cx, cy), size, size * 0.96), "7d2a1c")
        scene.fill(ellipse((cx - 0.12 * size, cy - 0.08 * size), size * 0.80, size * 0.78), "b5432a")
        scene.fill(ellipse((cx - 0.32 * size, cy - 0.30 * size), size * 0.36, size * 0.33), "dd8a52")
        for lean in (-0.35, 0, 0.35):
            scene.fill(
                [
                    (cx - 0.16 * size + lean * size * 0.4, cy + 0.86 * size),
                    (cx + lean * size * 1.2, cy + 1.38 * size),
                    (cx + 0.16 * size + lean * size * 0.4, cy + 0.86 * size),
                ],
                "8a4a28",
            )

    def bird(cx: float, cy: float, size: float, side: int, body: str, wing: str, breast: str) -> None:
        def place(points: list[tuple[float, float]]) -> Array:
            return np.array(points) * (side * size, size) + (cx, cy)

        for k in (-0.08, 0.10):
            scene.fill(ribbon(place([(k, 0.3), (k + 0.03, 0.66)]), 0.05 * size), "7d4a2a")
        scene.fill(place([(-0.45, 0.05), (-1.25, 0.42), (-1.12, 0.56), (-0.35, 0.28)]), wing)
        shell = smooth_outline(
            np.array(
                [
                    (-0.55, 0.05),
                    (-0.2, -0.30),
                    (0.18, -0.42),
                    (0.32, -0.72),
                    (0.56, -0.78),
                    (0.70, -0.60),
                    (0.62, -0.36),
                    (0.55, 0.02),
                    (0.25, 0.34),
                    (-0.2, 0.36),
                ]
            )
        )
        scene.fill(shell * (side * size, size) + (cx, cy), body)
        front = smooth_outline(
            np.array([(0.60, -0.40), (0.54, 0.0), (0.25, 0.32), (0.05, 0.30), (0.25, -0.05), (0.42, -0.40)])
        )
        scene.fill(front * (side * size, size) + (cx, cy), breast)
        feathers = smooth_outline(
            np.array([(0.18, -0.22), (0.14, 0.06), (-0.30, 0.22), (-0.85, 0.34), (-0.5, 0.0), (-0.12, -0.22)])
        )
        scene.fill(feathers * (side * size, size) + (cx, cy), wing)
        for k in range(4):
            scene.fill(
                ribbon(place([(-0.05 - 0.1 * k, -0.08 + 0.06 * k), (-0.62 - 0.04 * k, 0.20 + 0.03 * k)]), 0.03 * size), cream
            )
        scene.fill(place([(0.68, -0.66), (0.92, -0.55), (0.68, -0.52)]), "b8742f")
        scene.fill(ellipse((cx + side * 0.53 * size, cy - 0.62 * size), 0.055 * size), cream)
        scene.fill(ellipse((cx + side * 0.535 * size, cy - 0.62 * size), 0.032 * size), black)

    bird(0.475, 0.715, 0.088, 1, "566f7a", "3f5560", "d9b27a")
    bird(0.850, 0.720, 0.084, -1, "8a5a34", "5f3c28", "e0c08a")
    bird(0.815, 0.300, 0.050, -1, "5d7a80", "44606a", "c9743f")
    bird(0.400, 0.300, 0.046, 1, "a86a3a", "704428", "e6cf9c")

    picture = scene.pixels
    color = lookup(picture)
    gray = gaussian_filter(picture.mean(axis=2), 3)
    down, along = np.gradient(gray)
    steep = np.hypot(down, along) > 2.2
    angle = np.where(steep, np.arctan2(along, -down), -0.9 + 0.7 * np.sin(3 * x + 4 * y))
    canvas = Canvas(rng, color)
    canvas.strokes(2600, lookup(angle), color, length=0.060, width=0.020, color_noise=9)
    canvas.strokes(scatter(rng, steep, 9000), lookup(angle), color, length=0.022, width=0.0065, color_noise=9)
    painted = np.asarray(canvas.render(relief=0.30), dtype=np.float64)
    painted = painted * 0.58 + picture * 0.42
    return _age(rng, painted)


def _age(rng: np.random.Generator, picture: Array) -> Image.Image:
    """Plaster that shows through thin paint, with cracks, scratches and places where the paint is lost"""
    shape = picture.shape[:2]
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    trowel = fibers(rng, shape, 30, 160) * 0.6 + noise(rng, shape, 60) * 0.7 + fibers(rng, shape, 8, 50) * 0.35
    grit = noise(rng, shape, 2) * 0.8 + noise(rng, shape, 4) * 0.7
    plaster = rgb("dccbaa") + 9 * trowel[..., None] + 5 * grit[..., None]
    thin = np.clip(0.16 + 0.13 * noise(rng, shape, 90) + 0.10 * noise(rng, shape, 24) + 0.10 * grit, 0.02, 0.8)[..., None]
    faded = picture * (1 - thin) + plaster * thin
    faded[grit + 0.6 * trowel > 2.3] = rgb("e2d3b4")  # pits

    bend_x, bend_y = (
        noise(rng, shape, 70) * 9 + noise(rng, shape, 16) * 2.6,
        noise(rng, shape, 70) * 9 + noise(rng, shape, 16) * 2.6,
    )
    crack: Array = np.zeros(shape, np.float32)
    for count, width, share in ((26, 1.5, 1.0), (260, 1.0, 0.62)):
        nearest = np.full(shape, np.inf, np.float32)
        second, owner = nearest.copy(), np.zeros(shape, np.int32)
        for i, (px, py) in enumerate(rng.uniform((-60, -60), (shape[1] + 60, shape[0] + 60), (count, 2))):
            assign_nearest(nearest, second, owner, np.hypot(x + bend_x - px, y + bend_y - py).astype(np.float32), i)
        open_here = (
            np.clip(0.9 + 1.1 * noise(rng, shape, 110), 0, 1)
            if count < 100
            else np.clip(0.1 + 0.9 * noise(rng, shape, 80), 0, 1)
        )
        crack = np.maximum(
            crack, np.clip(width * open_here + 0.6 - (second - nearest) / 1.3, 0, 1) * share * (open_here > 0.05)
        )
    edge = np.minimum(np.minimum(x, shape[1] - x), np.minimum(y, shape[0] - y)) / shape[0]
    wear = (
        noise(rng, shape, 130)
        + 0.55 * noise(rng, shape, 44)
        + 0.22 * noise(rng, shape, 12)
        + 0.8 * np.clip(0.16 - edge, 0, 1) / 0.16
    )
    lost = wear > 2.05
    depth = distance_transform_edt(lost)
    chipped = distance_transform_edt(~lost)
    mortar = rgb("b3a184") + 12 * noise(rng, shape, 9)[..., None] + 9 * grit[..., None] + 8 * trowel[..., None]
    mortar = mortar - 34 * np.exp(-depth / 3.0)[..., None]
    layer = lost & (depth < 7 + 4 * noise(rng, shape, 14))
    mortar[layer] = (plaster * 0.97)[layer]
    faded = faded + 26 * (np.exp(-chipped / 2.2) * (chipped > 0))[..., None]
    result = np.where(lost[..., None], mortar, faded)
    height = gaussian_filter(2.2 * grit + 3 * trowel - 9 * crack - 7 * np.clip(depth, 0, 4) / 4, 0.8)
    relief = np.gradient(height)
    light = -np.clip((relief[0] + relief[1]) * 4.2, -26, 26)
    result = result * (1 - 0.72 * crack[..., None]) + rgb("3c2e24") * 0.72 * crack[..., None]
    return to_image(result + light[..., None])
