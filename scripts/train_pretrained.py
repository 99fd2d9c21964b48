"""Trains the nets that come with Impasto, in three of the project's own paintings, on scikit-image's photographs.

    python train_nets.py                        all of them; half an hour each on two cores
    python train_nets.py harvest --steps 100    this one, and not for long
    python train_nets.py --show                 none, only the picture in README, which all of them make in the end

Goes by steps and not by the clock: the same machine makes the same nets each time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image
from skimage import data

from demo import strip
from impasto import instant, library
from impasto.cli import main
from impasto.nets import Net
from make_assets import ASSETS

ROOT = Path(__file__).resolve().parents[1]
NETS = ROOT / "core" / "impasto" / "trained"
LEARNED = ("harvest", "rose_window", "alpenglow")
LICENCE = "CC0-1.0"


def train(name: str, steps: int, folder: Path = NETS) -> int:
    """Its exit status"""
    folder.mkdir(exist_ok=True)
    fixed = ["--network", "vgg16", "--precision", "float32", "--device", "cpu", "--size", "512", "--license", LICENCE]
    kept = ["-o", str(folder / f"{name}.safetensors"), "--force"]
    return main(["train", str(ASSETS / f"{name}.jpg"), "--steps", str(steps), *fixed, *kept])


def show() -> None:
    """A photograph, and what each of the nets makes of it"""
    photo = Image.fromarray(data.astronaut())
    painted = [instant.Painter(Net.load(library.shipped()[name])).paint(photo).image for name in LEARNED]
    strip([photo, *painted]).save(ROOT / "docs" / "instant.jpg", quality=88)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"which ones: {', '.join(LEARNED)} (default: all)")
    parser.add_argument("--show", action="store_true", help="train none; make the picture in README")
    parser.add_argument("--steps", type=int, default=4000, help="how long (default: 4000)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(LEARNED):
        parser.error(f"no such net: {', '.join(unknown)}")
    status = 0 if arguments.show else max(train(name, arguments.steps) for name in arguments.names or LEARNED)
    if not status:
        show()
    raise SystemExit(status)
