"""Palettes of many kinds of painting, and ways to give a picture the colors of a palette."""

from __future__ import annotations

import colorsys

import numpy as np

from .fields import Array, Rng, luma, noise, rank

#: Colors in hexadecimal; light and dark, main and accent, in no order.
SCHEMES: dict[str, str] = {
    "earth": "2b1d14 5a3a22 8a5a33 b5824d d9b98a efe2c6 6b6a3a 3f4a35",
    "rembrandt": "0d0906 1f140c 3a2413 5e3a1a 8c5a28 c08a48 e6c68a 4a1a12",
    "pastel": "f6e4e1 f3c9cf c9d9ee cfe8dc fbeec2 d8c5e6 a9bfd4 e8a9a0",
    "fauve": "e4322b f58b1f ffd23f 2a9d4a 1763c6 6a2c91 f4a6c0 0f2f5c",
    "nocturne": "0b1333 16255f 234f9c 3f86b8 9cc6bd f1d489 f0b040 0a0f1c",
    "starry": "0f1a4a 1d3f8f 3b74c4 8fbbe0 e9efc8 f4d35e c98f1d 24331f",
    "wheat": "e8b923 f4d878 c4881c 6f8f3a 2f5c8f 8fb7d9 fbf2d0 5a3a14",
    "sepia": "23160c 4a3120 77563a a58561 cfb48d ecdcbe",
    "charcoal": "0c0c0d 2b2b2d 55555a 8a8a8d bcbab6 eae7e1",
    "ukiyoe": "1d3557 45729b 8fb0bd d9cfb4 ece4cf b5533c 5c6b4f 2a2a33",
    "indigo": "0c1e3c 1b3e6f 3c6ea5 8fb4d6 d6e4ec f4f1e6",
    "ink": "10100f 3a3a38 72716c abaaa2 dcd9cd f4f0e2",
    "neon": "ff2e88 12e2f1 f9f871 7a04eb 0b0b2b ff7b00 2bff88 fdfdfd",
    "scream": "b8371f e2662a f2a541 1f3a5a 3c5c4f 16202c d8b787 7a2b20",
    "matisse": "c8202f f0566b 2456a5 2f8f5b f6c244 fbeedc 1c1c22 e88a3a",
    "monet": "7d94b8 a8b8d0 c8c4da 8fa88a d9c6a0 5f7a6a e8dfe0 4f5f86",
    "lilies": "2f5a4a 4f8a6a 7fb090 5a6fae 9a8fc8 d8b0c8 1c3a44 e8e2c0",
    "turner": "f4d79a e8b35a c9803c f8efd6 a9a49a 6f7280 8a4a2a dcd6cc",
    "klimt": "d9a520 f2cf63 a8741a 5c3a12 1c1a18 b8402a 2f6a5a e9e2c8",
    "picasso_blue": "0f1f33 1f3b57 3b6480 6e95a6 a9c0c0 d8d9cb 2b2a3a",
    "rose": "d98a78 e8b39a f3d6c0 b5624f 7a4438 8a8f8a c9b8a8 4a3a38",
    "cubist": "3a352c 6b6150 968a70 bcae8e d9ceb0 4f5a5c 2a2622 8a6a44",
    "kandinsky": "f3e8cf e63a2e 1f4fa3 f2b70f 161616 2f8f7a 8a3f8a f08a4b",
    "mondrian": "f4f1e8 f4f1e8 d8221f 1f3f9a f3c91c 111111",
    "delaunay": "e8452c f59a2c f7d84a 3f9a5c 2f6fb8 6a3f8a f0c8d0 1c2a4a",
    "gauguin": "c8502a e0a030 3f6a3a 1f4a5a 8a2a4a e8c8a0 5a2a1c f0b8a8",
    "cezanne": "4f6a5a 7f9a7a b8a878 c88a4f d9c8a8 5a6f8a 8a4f3a 2c3a3a",
    "bauhaus": "e8dcc0 c8402a 1f3f5a e0a82a 2a2a2a 7a8a8a",
    "propaganda": "c8201c f0e4c8 151311 8a1a14 d8b890",
    "botanic": "1f3a24 3f6a3a 7a9a4a b8c478 e8e4b8 c84f5a f0b0a0 2a2a1c",
    "sea": "0a2a3a 0f4f63 1f8a8f 6fc0b0 c8e4d0 f4f0dc e8a860",
    "winter": "e8ecf0 c4d0dc 93a7ba 5f7488 33424f d8c8b8 8a7a70",
    "sunset": "2a1a3f 5a2a63 9a3a6a d8545a f08a4a f8c860 fbe8b0",
    "autumn": "4a1c10 8a3014 c8541c e8902a f0c050 6a6a24 2c3420",
    "terracotta": "7a2c18 b5502a d98a58 efc8a0 f6e8d4 2c3a3a 4f6a68",
    "acid": "c8d820 f0f04a e83a8a 2a9ad8 1a1a2a f4f4ec 4ab84a",
    "old_gold": "14120c 332a14 6a5420 a88a34 d8c070 f0e8c0 4a2018",
    "dutch_sky": "3a4048 6a7480 9aa4ac c8ccc8 e4e0d0 6a5a40 3a3020 a89870",
    "lacquer": "0e0a0a 8a1414 c8281e e8b040 f4e4c0 2a1a1a",
    "jade": "0f2a24 1f5a4a 4f9a80 a0d0b8 e8f0dc c8a860 3a3a2c",
}


def parse(text: str) -> Array:
    """Hexadecimal colors separated by spaces, to (n, 3) from 0 to 1."""
    rows = [[int(word[i : i + 2], 16) / 255 for i in (0, 2, 4)] for word in text.split()]
    return np.array(rows, np.float32)


def random_scheme(rng: Rng) -> Array:
    """A palette by rule: one hue, neighbors, complements or a triad, from dark to light."""
    count = int(rng.integers(4, 9))
    hue = rng.random()
    offsets = {
        "mono": [0.0],
        "analogous": [-0.07, 0.0, 0.07],
        "complement": [0.0, 0.0, 0.5],
        "triad": [0.0, 1 / 3, 2 / 3],
        "split": [0.0, 0.42, 0.58],
    }
    steps = offsets[str(rng.choice(list(offsets), p=[0.1, 0.2, 0.25, 0.25, 0.2]))]
    saturation = rng.uniform(0.1, 0.95)
    low, high = rng.uniform(0.02, 0.3), rng.uniform(0.75, 1.0)
    colors = []
    for value in np.linspace(low, high, count):
        tint = (hue + rng.choice(steps) + rng.normal(0, 0.02)) % 1
        strength = np.clip(saturation * rng.uniform(0.6, 1.3) * (1.1 - 0.4 * value), 0, 1)
        colors.append(colorsys.hsv_to_rgb(tint, float(strength), float(np.clip(value + rng.normal(0, 0.05), 0, 1))))
    return np.array(colors, np.float32)


def random_palette(rng: Rng, names: tuple[str, ...] = ()) -> Array:
    """A palette (n, 3): one of the named schemes (of all by default) a little varied, or one by rule."""
    if not names and rng.random() < 0.35:
        return random_scheme(rng)
    colors = parse(SCHEMES[str(rng.choice(list(names or SCHEMES)))])
    keep = rng.permutation(len(colors))[: max(4, len(colors) - int(rng.integers(0, 3)))]
    colors = colors[keep]
    if rng.random() < 0.5:
        colors = shift_chroma(colors, rng.normal(0, 0.25), rng.uniform(0.6, 1.4))
    return np.clip(colors + rng.normal(0, 0.025, colors.shape), 0, 1).astype(np.float32)


def shift_chroma(image: Array, turn: float, scale: float = 1.0) -> Array:
    """Turn the hues by an angle in radians, and scale the saturation."""
    gray = luma(image)[..., None]
    chroma = (image - gray) * scale
    axis = np.ones(3) / np.sqrt(3)
    cross = np.cross(np.broadcast_to(axis, chroma.shape), chroma)
    turned = chroma * np.cos(turn) + cross * np.sin(turn) + axis * (chroma @ axis)[..., None] * (1 - np.cos(turn))
    return np.clip(gray + turned, 0, 1).astype(np.float32)


def by_luma(palette: Array) -> Array:
    """The palette from dark to light."""
    return palette[np.argsort(luma(palette))]


def pick(rng: Rng, palette: Array, count: int, light: float = 0.08) -> Array:
    """Random colors of a palette with some change of brightness, (count, 3)."""
    colors = palette[rng.integers(len(palette), size=count)]
    return np.clip(colors * (1 + rng.normal(0, light, (count, 1))) + rng.normal(0, light / 3, (count, 3)), 0, 1)


def jitter(rng: Rng, colors: Array, light: float, hue: float) -> Array:
    """Colors (n, 3) with random brightness and random hue."""
    changed = colors + rng.normal(0, 1, (len(colors), 1)) * light + rng.normal(0, 1, colors.shape) * hue
    return np.clip(changed, 0, 1).astype(np.float32)


def ramp(palette: Array, tone: Array) -> Array:
    """Colors of a palette from dark to light, for a tone from 0 to 1."""
    ordered = by_luma(palette)
    stops = np.linspace(0, 1, len(ordered))
    return np.stack([np.interp(tone, stops, ordered[:, i]) for i in range(3)], axis=-1).astype(np.float32)


def snap(image: Array, palette: Array, softness: float) -> Array:
    """Draw each color toward the nearest ones of the palette; softness about 0.05 to 0.3."""
    flat = image.reshape(-1, 3)
    distance = ((flat[:, None, :] - palette[None]) ** 2).sum(-1)
    weight = np.exp(-(distance - distance.min(1, keepdims=True)) / (softness**2))
    mixed = (weight @ palette) / weight.sum(1, keepdims=True)
    return mixed.reshape(image.shape).astype(np.float32)


def match(image: Array, palette: Array) -> Array:
    """Give the picture the mean and the covariance of the palette's colors."""
    flat = image.reshape(-1, 3).astype(np.float64)
    source = np.cov(flat[::7].T) + np.eye(3) * 3e-4
    target = np.cov(palette.T.astype(np.float64)) + np.eye(3) * 1e-4
    values, vectors = np.linalg.eigh(source)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    inverse = np.linalg.inv(root)
    values, vectors = np.linalg.eigh(root @ target @ root)
    middle = vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T
    change = inverse @ middle @ inverse
    result = (flat - flat.mean(0)) @ change.T + palette.mean(0)
    return np.clip(result, 0, 1).reshape(image.shape).astype(np.float32)


def recolor(rng: Rng, image: Array, palette: Array) -> Array:
    """Give a photo a painter's colors, in one of several ways."""
    mode = rng.choice(["own", "match", "ramp", "snap", "turn"], p=[0.34, 0.3, 0.1, 0.18, 0.08])
    if mode == "own":
        gray = luma(image)[..., None]
        return np.clip(gray + (image - gray) * rng.uniform(0.6, 2.2), 0, 1).astype(np.float32)
    if mode == "turn":
        return shift_chroma(image, rng.uniform(-2.0, 2.0), rng.uniform(0.6, 1.5))
    if mode == "ramp":
        tone = rank(luma(image)) * 0.7 + luma(image) * 0.3 + noise(rng, 60, image.shape[0]) * 0.05
        return np.clip(ramp(palette, tone) * 0.85 + image * 0.15, 0, 1)
    keep = rng.uniform(0, 0.45)  # of the photo's own chroma, so that no single hue rules
    matched = match(image, palette)
    matched = np.clip(matched + keep * 1.5 * (image - luma(image)[..., None]), 0, 1)
    if mode == "match":
        return matched
    return snap(matched, palette, rng.uniform(0.08, 0.25))


def stretch(image: Array, low: float = 0.02, high: float = 0.98) -> Array:
    """Spread the brightness from about 0 to about 1."""
    gray = luma(image)
    bottom, top = np.quantile(gray[::4, ::4], [low, high])
    return np.clip((image - bottom) / max(top - bottom, 0.15), 0, 1).astype(np.float32)
