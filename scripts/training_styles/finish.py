"""Surfaces and aging: canvas weave, paper, relief, varnish, cracks, tone."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from .fields import SIZE, Array, Rng, blur, fractal, grid, luma, noise, smoothstep


def to_image(image: Array) -> Image.Image:
    """To 8 bits."""
    return Image.fromarray((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8))


def lit(height: Array, strength: float, light: float = -2.3) -> Array:
    """A factor of brightness for a height map lit from an angle."""
    gy, gx = np.gradient(height)
    return 1 + np.clip((gx * np.cos(light) + gy * np.sin(light)) * strength, -0.6, 0.6)


def weave(rng: Rng, pitch: float | None = None) -> Array:
    """The threads of a canvas; about -1 to 1."""
    pitch = rng.uniform(2.6, 6.0) if pitch is None else pitch
    x, y = grid()
    x, y = x + noise(rng, 60) * 1.2, y + noise(rng, 60) * 1.2
    warp_thread = np.sin(2 * np.pi * x / pitch) * (0.7 + 0.3 * noise(rng, 9))
    weft_thread = np.sin(2 * np.pi * y / pitch) * (0.7 + 0.3 * noise(rng, 9))
    checker = np.sin(np.pi * x / pitch) * np.sin(np.pi * y / pitch)
    return np.where(checker > 0, warp_thread, weft_thread).astype(np.float32) + 0.3 * noise(rng, 2)


def paper(rng: Rng, grain: float | None = None) -> Array:
    """The tooth of paper; mean 0, standard deviation 1."""
    grain = rng.uniform(1.2, 4.0) if grain is None else grain
    field = gaussian_filter(rng.standard_normal((SIZE, SIZE)), grain / 2.2)
    field = field / field.std() + 0.35 * noise(rng, grain * 5)
    if rng.random() < 0.2:  # laid paper
        _, y = grid()
        field = field + 0.6 * np.sin(2 * np.pi * (y + noise(rng, 80)) / rng.uniform(4, 8))
    return (field / field.std()).astype(np.float32)


def on_canvas(rng: Rng, image: Array, strength: float) -> Array:
    """Show the threads of the canvas, more in the darks and in thin paint."""
    thin = 0.6 + 0.4 * smoothstep(-1, 1, fractal(rng, 80))
    return np.clip(image * (1 + weave(rng) * (strength * thin))[..., None], 0, 1)


def on_paper(rng: Rng, image: Array, strength: float) -> Array:
    """Let the tooth of the paper darken and lighten the color."""
    return np.clip(image * (1 + paper(rng) * strength)[..., None], 0, 1)


def cracks(rng: Rng, cell: float, width: float = 1.0) -> Array:
    """A net of cracks, 1 in a crack and 0 elsewhere; `cell` is their distance in pixels."""
    count = int((SIZE / cell) ** 2)
    points = rng.uniform(-20, SIZE + 20, (count, 2))
    x, y = grid()
    x, y = x + noise(rng, cell / 2) * cell * 0.12, y + noise(rng, cell / 2) * cell * 0.12
    distance, _ = cKDTree(points).query(np.stack([x, y], axis=-1).reshape(-1, 2), k=2)
    gap = (distance[:, 1] - distance[:, 0]).reshape(SIZE, SIZE)
    present = smoothstep(-0.6, 0.5, noise(rng, 60))
    return np.clip(1 - gap / (width * 2), 0, 1) * present


def varnish(rng: Rng, image: Array, strength: float) -> Array:
    """Yellowed varnish: a warm glaze, darker corners, uneven."""
    x, y = grid()
    corner = np.hypot(x / SIZE - 0.5, y / SIZE - 0.5)
    shade = 1 - strength * (0.5 * corner + 0.08 * fractal(rng, 120))
    tint = 1 - strength * np.array([0.02, 0.14, 0.40])
    return np.clip(image * tint * shade[..., None], 0, 1)


def scumble(rng: Rng, image: Array, strength: float) -> Array:
    """Cloudy unevenness of light at several scales."""
    return np.clip(image * (1 + strength * fractal(rng, rng.uniform(40, 200), 6, 0.6))[..., None], 0, 1)


def develop(rng: Rng, image: Array) -> Array:
    """Last touches as of a reproduction: tone curve, cast, slight blur or sharpening, grain."""
    gray = luma(image)
    spread = float(gray.std())
    if spread < 0.12 and rng.random() < 0.85:  # flat pictures get more contrast
        middle = float(gray.mean())
        image = middle + (image - middle) * min(2.2, rng.uniform(0.13, 0.2) / max(spread, 0.02))
    image = np.clip(image, 0, 1) ** np.exp(rng.normal(0, 0.12))
    if rng.random() < 0.25:
        image = image * (1 + rng.normal(0, 0.05, 3))
    choice = rng.random()
    if choice < 0.25:
        image = blur(image, rng.uniform(0.3, 0.9))
    elif choice < 0.4:
        image = image + rng.uniform(0.3, 0.9) * (image - blur(image, 1.2))
    if rng.random() < 0.35:
        image = image + rng.normal(0, rng.uniform(0.005, 0.03), (SIZE, SIZE, 1))
    return np.clip(image, 0, 1).astype(np.float32)
