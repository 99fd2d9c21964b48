"""A park in dots."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .canvas import HEIGHT, WIDTH, Array, Canvas, color_ramp, noise, rgb
from .drawing import FlatScene, ellipse, grid, lookup, ribbon, smooth_line


def sunday_park(rng: np.random.Generator) -> Image.Image:
    """A park by a river on a summer day, in small round dots of pure colors, with a frame of dots."""
    x, y = grid()
    shape = y.shape
    cloud = noise(rng, shape, 130) + 0.5 * noise(rng, shape, 50)
    air = color_ramp((y / 0.33 + 0.10 * cloud).ravel(), [(0, "6fa6e0"), (0.4, "a8c9ec"), (0.75, "f2e3cf"), (1.0, "ffe2b0")])
    picture = air.reshape(*shape, 3)
    hills = 0.285 - 0.03 * np.sin(4 * x + 1) - 0.012 * np.sin(13 * x)
    picture = np.where(
        (y > hills)[..., None],
        color_ramp((0.5 + 0.4 * noise(rng, shape, 18)).ravel(), [(0, "5f7fb0"), (1, "8fb49a")]).reshape(*shape, 3),
        picture,
    )
    ripple = np.sin(170 * np.clip(y - 0.3, 0, 1) ** 0.7 + 3 * np.sin(5 * x))
    river = color_ramp(
        (0.5 + 0.3 * ripple + 0.2 * cloud + (y - 0.4)).ravel(),
        [(0, "d8eaf2"), (0.4, "86b6e4"), (0.7, "5a8fd0"), (1, "4a74c0")],
    )
    picture = np.where((y > 0.325)[..., None], river.reshape(*shape, 3), picture)
    shore = 0.36 + 0.56 * np.clip((0.60 - x) / 0.60, 0, 1) ** 1.5 + 0.006 * noise(rng, (1, WIDTH), 30)
    lawn = color_ramp(
        (0.55 + 0.20 * noise(rng, shape, 26) + 0.14 * noise(rng, shape, 80)).ravel(),
        [(0, "7fa05a"), (0.4, "a2b868"), (0.7, "ccc97c"), (1, "f0e09a")],
    ).reshape(*shape, 3)
    picture = np.where((y > shore)[..., None], lawn, picture)
    path = np.abs(x - (0.98 + 0.20 * np.sin(4.2 * y + 0.4) - 0.5 * (y - 0.4))) < 0.018 + 0.15 * (y - 0.36)
    picture = np.where((path & (y > shore))[..., None], rgb("f4d6a4") + 10 * cloud[..., None], picture)
    scene = FlatScene(picture)

    def cast(points: Array, share: float = 0.72) -> None:
        """A violet shadow on the grass"""
        stencil = Image.new("L", (WIDTH, HEIGHT))
        ImageDraw.Draw(stencil).polygon((points * HEIGHT).ravel().tolist(), fill=255)
        scene.blend(np.asarray(stencil) / 255 * share * (y > shore), "2f5f8a")

    def sail(cx: float, foot: float, size: float, code: str) -> None:
        scene.fill([(cx, foot - size), (cx + 0.42 * size, foot - 0.12 * size), (cx, foot - 0.12 * size)], code)
        scene.fill(
            [
                (cx - 0.02 * size, foot - 0.9 * size),
                (cx - 0.3 * size, foot - 0.12 * size),
                (cx - 0.02 * size, foot - 0.12 * size),
            ],
            "fff4dc",
        )
        scene.fill(
            [
                (cx - 0.4 * size, foot - 0.1 * size),
                (cx + 0.5 * size, foot - 0.1 * size),
                (cx + 0.38 * size, foot),
                (cx - 0.3 * size, foot),
            ],
            "b8432f",
        )
        scene.fill(
            [
                (cx - 0.3 * size, foot + 0.02 * size),
                (cx + 0.38 * size, foot + 0.02 * size),
                (cx + 0.1 * size, foot + 0.5 * size),
            ],
            "dfeaf0",
        )

    for boat in [
        (0.12, 0.40, 0.13, "fff0d0"),
        (0.34, 0.365, 0.075, "ffb48a"),
        (0.50, 0.352, 0.05, "fff6e6"),
        (0.055, 0.56, 0.16, "f7d070"),
    ]:
        sail(*boat)

    def tree(
        cx: float, foot: float, size: float, crown: list[tuple[float, float, float]], dark: str, mid: str, lit: str
    ) -> None:
        trunk = smooth_line([(cx + 0.03 * size, foot), (cx, foot - 0.35 * size), (cx + 0.02 * size, foot - 0.9 * size)])
        scene.fill(ribbon(trunk, np.linspace(0.075, 0.03, len(trunk)) * size), "5a3f6a")
        scene.fill(ribbon(np.add(trunk, (0.016 * size, 0)), np.linspace(0.03, 0.01, len(trunk)) * size), "b06a4a")
        for bx, by in ((-0.22, 0.95), (0.24, 0.92)):
            bough = smooth_line(
                [(cx, foot - 0.52 * size), (cx + bx * 0.5 * size, foot - 0.72 * size), (cx + bx * size, foot - by * size)]
            )
            scene.fill(ribbon(bough, np.linspace(0.03, 0.012, len(bough)) * size), "5a3f6a")
        for code, shift, scale in ((dark, 0.0, 1.0), (mid, -0.035, 0.78), (lit, -0.07, 0.48)):
            for px, py, radius in crown:
                for _ in range(9):
                    spot = np.array([cx + px * size, foot - py * size]) + rng.normal(0, 0.42 * radius * size, 2) * (1, 0.8)
                    scene.fill(
                        ellipse(spot + shift * size, 0.5 * radius * size * scale, 0.4 * radius * size * scale),
                        code,
                    )

    cast(ellipse((1.10, 0.60), 0.36, 0.045, 0.05))
    cast(ellipse((0.95, 0.435), 0.16, 0.014))
    cast(
        smooth_line(
            [(0.10, 1.02), (0.16, 0.90), (0.44, 0.86), (0.72, 0.90), (1.0, 0.86), (1.22, 0.90), (1.4, 0.87), (1.4, 1.05)]
        ),
        0.66,
    )
    round_crown = [
        (0, 1.0, 0.30),
        (-0.24, 0.92, 0.24),
        (0.24, 0.92, 0.24),
        (0.0, 1.24, 0.24),
        (-0.18, 1.14, 0.22),
        (0.2, 1.14, 0.22),
    ]
    tree(0.70, 0.40, 0.17, round_crown, "3a6468", "5c8a5e", "a4b470")
    tree(0.80, 0.415, 0.22, round_crown, "345c66", "558858", "b0bc6e")
    tree(1.26, 0.44, 0.25, round_crown, "385c70", "5f9058", "bcc274")
    tree(1.05, 0.60, 0.42, round_crown, "2a4a62", "467e52", "98b462")

    def woman(cx: float, foot: float, tall: float, dress: str, shade: str, parasol: str, hat: str) -> None:
        cast(
            np.array(
                [
                    (cx - 0.1 * tall, foot),
                    (cx + 0.1 * tall, foot + 0.01),
                    (cx + 0.9 * tall, foot + 0.06 * tall),
                    (cx + 0.6 * tall, foot - 0.01),
                ]
            )
        )
        skirt = smooth_line(
            [
                (cx - 0.05 * tall, foot - 0.58 * tall),
                (cx - 0.10 * tall, foot - 0.38 * tall),
                (cx - 0.17 * tall, foot),
                (cx, foot + 0.015),
                (cx + 0.15 * tall, foot),
                (cx + 0.13 * tall, foot - 0.36 * tall),
                (cx + 0.05 * tall, foot - 0.58 * tall),
            ]
        )
        scene.fill(skirt, dress)
        scene.fill([*skirt[skirt[:, 0] > cx + 0.03 * tall].tolist(), (cx + 0.03 * tall, foot - 0.5 * tall)], shade)
        scene.fill(
            smooth_line(
                [
                    (cx - 0.05 * tall, foot - 0.56 * tall),
                    (cx - 0.085 * tall, foot - 0.76 * tall),
                    (cx, foot - 0.83 * tall),
                    (cx + 0.085 * tall, foot - 0.76 * tall),
                    (cx + 0.05 * tall, foot - 0.56 * tall),
                ]
            ),
            dress,
        )
        scene.fill(
            ribbon(
                np.array(
                    [
                        (cx - 0.05 * tall, foot - 0.74 * tall),
                        (cx - 0.14 * tall, foot - 0.60 * tall),
                        (cx - 0.12 * tall, foot - 0.72 * tall),
                    ]
                ),
                0.045 * tall,
            ),
            shade,
        )
        scene.fill(ellipse((cx, foot - 0.885 * tall), 0.05 * tall, 0.062 * tall), "f2b48c")
        scene.fill(ellipse((cx, foot - 0.935 * tall), 0.095 * tall, 0.026 * tall), hat)
        scene.fill(ellipse((cx, foot - 0.965 * tall), 0.05 * tall, 0.035 * tall), hat)
        if parasol:
            top = np.array([cx - 0.16 * tall, foot - 1.12 * tall])
            scene.fill(ribbon(np.array([top, (cx - 0.12 * tall, foot - 0.66 * tall)]), 0.014 * tall), "5a3f3a")
            arc = np.linspace(np.pi, 2 * np.pi, 30)
            dome = np.stack([np.cos(arc) * 0.34 * tall, np.sin(arc) * 0.21 * tall], axis=1)
            scene.fill(top + dome, parasol)
            for k in range(0, 30, 8):
                rib = [(0, -0.21 * tall), tuple(dome[k]), tuple(dome[min(29, k + 4)])]
                scene.fill(top + np.array(rib), "fff0d8")

    def man(cx: float, foot: float, tall: float, coat: str, legs: str, hat: str) -> None:
        cast(
            np.array(
                [
                    (cx - 0.06 * tall, foot),
                    (cx + 0.06 * tall, foot + 0.008),
                    (cx + 0.9 * tall, foot + 0.06 * tall),
                    (cx + 0.7 * tall, foot),
                ]
            )
        )
        for step in (-0.045, 0.045):
            scene.fill(ribbon(np.array([(cx, foot - 0.5 * tall), (cx + step * tall, foot)]), 0.07 * tall), legs)
        scene.fill(
            smooth_line(
                [
                    (cx - 0.08 * tall, foot - 0.42 * tall),
                    (cx - 0.10 * tall, foot - 0.76 * tall),
                    (cx, foot - 0.83 * tall),
                    (cx + 0.10 * tall, foot - 0.76 * tall),
                    (cx + 0.08 * tall, foot - 0.42 * tall),
                ]
            ),
            coat,
        )
        scene.fill(
            ribbon(np.array([(cx + 0.09 * tall, foot - 0.74 * tall), (cx + 0.13 * tall, foot - 0.46 * tall)]), 0.045 * tall),
            coat,
        )
        scene.fill(ellipse((cx, foot - 0.88 * tall), 0.048 * tall, 0.06 * tall), "eaa884")
        scene.fill(ellipse((cx, foot - 0.93 * tall), 0.085 * tall, 0.018 * tall), hat)
        scene.fill(ellipse((cx, foot - 0.955 * tall), 0.05 * tall, 0.035 * tall), hat)

    for cx, foot, tall in [
        (0.88, 0.47, 0.06),
        (0.93, 0.472, 0.055),
        (0.62, 0.445, 0.05),
        (1.12, 0.50, 0.075),
        (0.74, 0.455, 0.045),
    ]:
        if rng.uniform() < 0.5:
            woman(cx, foot, tall, "fff0e0", "c8a8d8", "e8503a", "f0b040")
        else:
            man(cx, foot, tall, "34407a", "5a5f9a", "f0d890")
    cloth = np.array([(0.66, 0.70), (0.90, 0.685), (0.96, 0.745), (0.67, 0.77)])  # a picnic
    cast(cloth + 0.02)
    scene.fill(cloth, "fff4ea")
    for k in range(5):
        u, w = (k + 0.15) / 5, (k + 0.6) / 5
        scene.fill(
            [
                cloth[0] * (1 - u) + cloth[1] * u,
                cloth[0] * (1 - w) + cloth[1] * w,
                cloth[3] * (1 - w) + cloth[2] * w,
                cloth[3] * (1 - u) + cloth[2] * u,
            ],
            "e8604a",
        )
    scene.fill(ellipse((0.76, 0.715), 0.028, 0.020), "b8742f")
    scene.fill(ellipse((0.83, 0.72), 0.012, 0.010), "f0c030")
    scene.fill(ellipse((0.855, 0.722), 0.010, 0.009), "d83a2f")
    for cx, foot, side, dress, shade, hat in [
        (0.635, 0.735, 1, "5a78d0", "3a4a9c", "fff0c0"),
        (0.99, 0.725, -1, "f7c0cc", "c884b0", "d8442f"),
    ]:
        body = [
            (cx - 0.075 * side, foot),
            (cx - 0.05 * side, foot - 0.09),
            (cx - 0.035 * side, foot - 0.12),
            (cx + 0.0 * side, foot - 0.115),
            (cx + 0.015 * side, foot - 0.045),
            (cx + 0.115 * side, foot - 0.02),
            (cx + 0.125 * side, foot + 0.004),
        ]
        scene.fill(smooth_line(body), dress)
        scene.fill(
            smooth_line([(cx - 0.075 * side, foot), (cx - 0.03 * side, foot - 0.03), (cx + 0.12 * side, foot + 0.004)]), shade
        )
        scene.fill(ellipse((cx - 0.015 * side, foot - 0.143), 0.019, 0.023), "f2b48c")
        scene.fill(ellipse((cx - 0.018 * side, foot - 0.162), 0.034, 0.010), hat)
        scene.fill(ellipse((cx - 0.018 * side, foot - 0.171), 0.019, 0.013), hat)
    woman(0.275, 0.890, 0.37, "f4efe6", "b4a4dc", "cf5340", "a8482f")
    man(0.405, 0.880, 0.37, "3a3f80", "6a6aa8", "3a2a4a")
    woman(1.175, 0.80, 0.23, "e87a9c", "a84a88", "", "fff2d0")  # a girl with balloons
    for (dx, dy), code in zip(
        [(-0.03, -0.36), (0.035, -0.39), (0.085, -0.335), (0.02, -0.315)],
        ["d8503f", "f2c244", "4a7cd0", "e88ab4"],
        strict=True,
    ):
        hand = np.array([1.175 - 0.03, 0.80 - 0.16])
        scene.fill(ribbon(np.array([hand, np.add(hand, (dx, dy + 0.03))]), 0.003), "6a5a7a")
        scene.fill(ellipse(np.add(hand, (dx, dy)), 0.032, 0.040), code)
        scene.fill(ellipse(np.add(hand, (dx - 0.010, dy - 0.012)), 0.009, 0.012), "fff4e6")
    dog = smooth_line(
        [
            *((0.145, 0.905), (0.15, 0.855), (0.135, 0.835), (0.115, 0.82), (0.125, 0.80), (0.15, 0.795), (0.17, 0.82)),
            *((0.235, 0.825), (0.265, 0.80), (0.255, 0.84), (0.25, 0.905), (0.235, 0.905), (0.225, 0.86)),
            *((0.175, 0.865), (0.165, 0.905)),
        ]
    )
    cast(np.add([(0.14, 0.905), (0.25, 0.905), (0.42, 0.93), (0.3, 0.935)], (0.50, 0.01)))
    scene.fill(np.add(dog, (0.50, 0.01)), "6a3f2a")
    picture = scene.pixels
    edge = np.minimum(np.minimum(x, WIDTH / HEIGHT - x), np.minimum(y, 1 - y))
    frame = np.where((edge < 0.017)[..., None], rgb("34357a"), rgb("d8a060"))
    picture = np.where((edge < 0.027)[..., None], frame, picture)
    color = lookup(picture)

    def ground(px: Array, py: Array) -> Array:
        return color(px, py) * 0.30 + rgb("f4ead0") * 0.85

    flat = lookup(np.zeros(shape))
    canvas = Canvas(rng, ground)
    for size in (0.0156, 0.0124, 0.0110, 0.0110):
        canvas.pointillist_dabs(size, flat, color, length=1.0)
    return canvas.render(relief=0.8)
