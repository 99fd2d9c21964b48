"""Scalar and direction fields the painters share: noise, flows, gradients, streaks, warps.

Images are float32 from 0 to 1, (n, n, 3) or (n, n); angles are in radians.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

Array = NDArray[Any]
Rng = np.random.Generator

#: Side of a painting, in pixels.
SIZE = 512


def resize(field: Array, size: int, resample: Image.Resampling = Image.Resampling.BICUBIC) -> Array:
    """Resize a field (h, w) or an image (h, w, 3) to a square."""
    if field.ndim == 3:
        return np.stack([resize(field[..., i], size, resample) for i in range(field.shape[2])], axis=-1)
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.resize((size, size), resample), dtype=np.float32)


def blur(field: Array, sigma: float) -> Array:
    """Gaussian blur of a field or an image; large blurs are made at a lower resolution."""
    if sigma <= 0.05:
        return field
    size = field.shape[0]
    factor = int(min(8, sigma // 3))
    if factor >= 2:
        small = resize(field, size // factor, Image.Resampling.BOX)
        return resize(blur(small, sigma / factor), size, Image.Resampling.BILINEAR)
    sigmas = (sigma, sigma, 0) if field.ndim == 3 else sigma
    return gaussian_filter(field.astype(np.float32), sigmas, mode="nearest", truncate=3)


def noise(rng: Rng, grain: float, size: int = SIZE) -> Array:
    """Smooth noise with features of about `grain` pixels; mean 0, standard deviation 1."""
    cells = max(3, int(size / max(grain, 1)) + 2)
    field = resize(rng.standard_normal((cells, cells)), size)
    return (field - field.mean()) / (field.std() + 1e-6)


def fractal(rng: Rng, grain: float, octaves: int = 4, gain: float = 0.55, size: int = SIZE) -> Array:
    """Noise at several scales, the coarsest of `grain` pixels; mean 0, standard deviation 1."""
    total = np.zeros((size, size), np.float32)
    weight = 1.0
    for _ in range(octaves):
        if grain < 1:
            break
        total += noise(rng, grain, size) * weight
        grain, weight = grain / 2, weight * gain
    return total / (total.std() + 1e-6)


def grid(size: int = SIZE) -> tuple[Array, Array]:
    """Pixel coordinates x and y, each (size, size)."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return x, y


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((value - low) / (high - low + 1e-9), 0, 1)
    return t * t * (3 - 2 * t)


def luma(image: Array) -> Array:
    """Brightness of an image, 0 to 1."""
    return image @ np.array([0.299, 0.587, 0.114], np.float32)


def rank(field: Array) -> Array:
    """The field with its values spread evenly from 0 to 1 (histogram equalization)."""
    edges = np.quantile(field[::4, ::4], np.linspace(0, 1, 65))
    return np.interp(field, edges + np.arange(65) * 1e-7, np.linspace(0, 1, 65)).astype(np.float32)


def sample(field: Array, x: Array, y: Array) -> Array:
    """Values of a field or an image at the nearest pixels; coordinates outside are clamped."""
    size = field.shape[0]
    column = np.clip(x, 0, size - 1).astype(np.int32)
    row = np.clip(y, 0, size - 1).astype(np.int32)
    return field[row, column]


def warp(field: Array, dx: Array, dy: Array) -> Array:
    """Pull each pixel from (x + dx, y + dy), reflecting at the borders, with linear interpolation."""
    size = field.shape[0]
    x, y = grid(size)
    x = np.abs(np.mod(x + dx, 2 * size - 2))
    y = np.abs(np.mod(y + dy, 2 * size - 2))
    x = np.where(x > size - 1, 2 * size - 2 - x, x)
    y = np.where(y > size - 1, 2 * size - 2 - y, y)
    left = np.clip(x.astype(np.int32), 0, size - 2)
    top = np.clip(y.astype(np.int32), 0, size - 2)
    u, v = x - left, y - top
    if field.ndim == 3:
        u, v = u[..., None], v[..., None]
    above = field[top, left] * (1 - u) + field[top, left + 1] * u
    below = field[top + 1, left] * (1 - u) + field[top + 1, left + 1] * u
    return above * (1 - v) + below * v


def wobble(rng: Rng, field: Array, amount: float, grain: float) -> Array:
    """Warp by smooth noise of `amount` pixels."""
    size = field.shape[0]
    return warp(field, noise(rng, grain, size) * amount, noise(rng, grain, size) * amount)


def edge_angle(image: Array, sigma: float) -> tuple[Array, Array]:
    """The direction along the edges of an image, and how sure it is, 0 to 1 (from the structure tensor)."""
    gray = blur(luma(image), max(1.0, sigma / 4))
    gy, gx = np.gradient(gray)
    xx, yy, xy = blur(gx * gx, sigma), blur(gy * gy, sigma), blur(gx * gy, sigma)
    across = 0.5 * np.arctan2(2 * xy, xx - yy)
    strength = np.sqrt(np.sqrt((xx - yy) ** 2 + 4 * xy * xy))
    return across + np.pi / 2, np.clip(strength / (np.quantile(strength, 0.9) + 1e-6), 0, 1)


def mix_angles(first: Array, second: Array, weight: Array) -> Array:
    """Blend directions (without a sign), by doubling the angle; weight 1 gives the second."""
    cosine = np.cos(2 * first) * (1 - weight) + np.cos(2 * second) * weight
    sine = np.sin(2 * first) * (1 - weight) + np.sin(2 * second) * weight
    return 0.5 * np.arctan2(sine, cosine)


def flow(rng: Rng, size: int = SIZE) -> Array:
    """The angle of a random smooth flow: eddies, waves, spokes, drifts or noise."""
    x, y = grid(size)
    x, y = x / size, y / size
    kind = rng.choice(["eddies", "waves", "radial", "drift", "noise"], p=[0.36, 0.2, 0.1, 0.17, 0.17])
    start = rng.uniform(0, np.pi)
    if kind == "eddies":
        u = np.cos(start) + 0.4 * noise(rng, size / 3, size)
        v = np.sin(start) + 0.4 * noise(rng, size / 3, size)
        for _ in range(rng.integers(3, 12)):
            cx, cy = rng.uniform(-0.1, 1.1, 2)
            radius = rng.uniform(0.05, 0.25)
            dx, dy = x - cx, y - cy
            spin = rng.choice([-1, 1]) * rng.uniform(3, 8) * np.exp(-(dx * dx + dy * dy) / radius**2) / radius
            u, v = u - dy * spin, v + dx * spin
        return np.arctan2(v, u)
    if kind == "waves":
        along = x * np.cos(start) + y * np.sin(start) + 0.06 * noise(rng, size / 4, size)
        return start + rng.uniform(0.4, 1.2) * np.sin(along * rng.uniform(8, 40)) + 0.2 * noise(rng, size / 5, size)
    if kind == "radial":
        cx, cy = rng.uniform(0, 1, 2)
        turn = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
        return np.arctan2(y - cy, x - cx) + turn + 0.25 * noise(rng, size / 5, size)
    if kind == "drift":
        return start + rng.uniform(0.05, 0.35) * noise(rng, size / 4, size) + np.zeros_like(x)
    return start + rng.uniform(0.6, 1.8) * noise(rng, size / rng.uniform(2, 8), size)


def streaks(rng: Rng, angle: Array, length: int, grain: float = 1.0) -> Array:
    """Noise smeared along a direction field; mean 0, standard deviation 1 (line integral convolution)."""
    size = angle.shape[0]
    start = noise(rng, grain, size) if grain > 1.2 else rng.standard_normal((size, size)).astype(np.float32)
    total = start.copy()
    step_x, step_y = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    step = max(1.0, length / 12)
    for sign in (-1, 1):
        x, y = grid(size)
        for _ in range(max(1, int(length / step / 2))):
            dx, dy = sample(step_x, x, y), sample(step_y, x, y)
            x, y = x + dx * (sign * step), y + dy * (sign * step)
            total += sample(start, x, y)
    return (total - total.mean()) / (total.std() + 1e-6)
