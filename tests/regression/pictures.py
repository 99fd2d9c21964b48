"""The pictures that others are compared with, painted anew: only where pictures are meant to change.

python -m tests.regression.pictures
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image

import impasto
from impasto.feedforward.network import TransformNet
from impasto.feedforward.registry import bundled_networks
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.options import Options
from tests.conftest import scene

FOLDER = Path(__file__).parent

PLAIN = {"network": "vgg16", "device": "cpu", "precision": "float32", "size": 72, "iterations": 8}
#: Small, in float32 on the CPU, on the real VGG-16; few steps, for rounding grows with each of them.
CASES: dict[str, dict[str, Any]] = {
    "impasto": {},
    "paper": {"preset": "paper", "seed": 3},
    "gatys2017": {"preset": "gatys2017", "iterations": 5},
    "crowson": {"preset": "crowson", "ladder": False},
    "strong": {"strength": 0.8},
    "colors": {"colors": "content"},
    "matched": {"colors": "match", "color_match": "pca"},
    "seamless": {"padding": "circular", "size": 80},  # at 64 rounding grows twenty times as fast
    "moments": {"style_loss": "moments", "pooling": "max"},
    "two": {"style_weights": (1, 2), "style_scale": (0.7,)},
    "masks": {"masks": True, "keep": True, "guides": "inside"},
    "smooth": {"tv": 1.0, "init": "noise", "init_noise": 0.5, "seed": 5},
    "instant": {"net": "harvest"},
    "begun": {"init": "net:rose_window"},
}


def painted(name: str, threads: int = 1, **changes: Any) -> Image.Image:
    """One of them, as it comes out now"""
    settings = {**PLAIN, **CASES[name], **changes}
    content = scene(72, 56)
    if "net" in settings:
        options = Options(size=settings["size"], device="cpu")
        return FeedforwardStylizer(TransformNet.load(bundled_networks()[settings["net"]]), options).stylize(content).image
    styles = [scene(64, 80, 3)[:, ::-1].copy(), scene(60, 60, 7)]
    if settings.pop("masks", None):
        left = Image.linear_gradient("L").rotate(90).resize((72, 56))
        settings["masks"] = [left, left.point(lambda value: 255 - value)]
    if settings.pop("keep", None):
        settings["keep"] = Image.radial_gradient("L").resize((72, 56))
    several = "masks" in settings or "style_weights" in settings
    before = torch.get_num_threads()
    torch.set_num_threads(threads)  # each number of them adds in an order of its own
    try:
        return impasto.stylize(content, styles if several else styles[0], **settings).image
    finally:
        torch.set_num_threads(before)


if __name__ == "__main__":
    for name in CASES:
        painted(name).save(FOLDER / f"{name}.png")
        print(FOLDER / f"{name}.png")
