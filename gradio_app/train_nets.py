"""Trains the nets that come with Impasto, in three of the project's own paintings, on scikit-image's photographs.

    python train_nets.py                        all of them; most of an hour each on two cores
    python train_nets.py harvest --steps 100    this one, and not for long

Goes by steps and not by the clock: the same machine makes the same nets each time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from impasto.cli import main
from make_assets import ASSETS

NETS = Path(__file__).resolve().parents[1] / "core" / "impasto" / "trained"
LEARNED = ("harvest", "rose_window", "alpenglow")
LICENCE = "CC0-1.0"


def train(name: str, steps: int, folder: Path = NETS) -> int:
    """Its exit status"""
    folder.mkdir(exist_ok=True)
    fixed = ["--network", "vgg16", "--precision", "float32", "--device", "cpu", "--size", "512", "--license", LICENCE]
    kept = ["-o", str(folder / f"{name}.safetensors"), "--force"]
    return main(["train", str(ASSETS / f"{name}.jpg"), "--steps", str(steps), *fixed, *kept])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"which ones: {', '.join(LEARNED)} (default: all)")
    parser.add_argument("--steps", type=int, default=3000, help="how long (default: 3000)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(LEARNED):
        parser.error(f"no such net: {', '.join(unknown)}")
    raise SystemExit(max(train(name, arguments.steps) for name in arguments.names or LEARNED))
