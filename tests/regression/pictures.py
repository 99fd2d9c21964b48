"""The cases of the regression pictures. Run this only when pictures are meant to change; it overwrites the stored ones:

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

SETTINGS = {"network": "vgg16", "device": "cpu", "precision": "float32", "size": 72, "init": "content", "iterations": 8}
#: Options per picture. Small, in float32, on the CPU, with the real VGG-16; few steps, since steps amplify rounding: a run
#: from the instant result has too many.
CASES: dict[str, dict[str, Any]] = {
    "impasto": {},
    "paper": {"preset": "paper", "init": "noise", "seed": 3},
    "gatys2017": {"preset": "gatys2017", "iterations": 5},
    "crowson": {"preset": "crowson", "ladder": False},
    "strong": {"strength": 0.8},
    "colors": {"colors": "content"},
    "matched": {"colors": "match", "color_match": "pca"},
    "seamless": {"padding": "circular", "size": 80},  # at 64, rounding is amplified twenty times as fast
    "moments": {"style_loss": "moments", "pooling": "max"},
    "two": {"style_weights": (1, 2), "style_scale": (0.7,)},
    "masks": {"masks": True, "keep": True, "guides": "inside"},
    "smooth": {"tv": 1.0, "init": "noise", "init_noise": 0.5, "seed": 5},
    "learned": {"quality": "instant", "iterations": 3},
    "instant": {"net": "harvest"},
    "begun": {"init": "net:rose_window"},
}


def paint(name: str, threads: int = 1, **changes: Any) -> Image.Image:
    """Compute the picture of a case, with some options changed, on a number of threads."""
    settings = {**SETTINGS, **CASES[name], **changes}
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
    both = "masks" in settings or "style_weights" in settings
    previous_threads = torch.get_num_threads()
    torch.set_num_threads(threads)  # the order of sums depends on it
    try:
        return impasto.stylize(content, styles if both else styles[0], **settings).image
    finally:
        torch.set_num_threads(previous_threads)


if __name__ == "__main__":
    for name in CASES:
        paint(name).save(FOLDER / f"{name}.png")
        print(FOLDER / f"{name}.png")
