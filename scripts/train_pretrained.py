"""Train the feed-forward networks that ship with Impasto, on three of its own paintings and scikit-image's photographs.

    python scripts/train_pretrained.py                        all of them; half an hour each on two cores
    python scripts/train_pretrained.py harvest --steps 100    only this one, for a short time
    python scripts/train_pretrained.py --show                 train nothing; only make docs/images/instant.jpg

Training is limited by steps, not by time: the same machine makes the same networks each time.
docs/images/instant.jpg, a photograph and what each network makes of it, is remade after every training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from demo import join_side_by_side, photograph
from impasto.cli.main import main
from impasto.feedforward.network import TransformNet
from impasto.feedforward.registry import bundled_networks
from impasto.feedforward.stylizer import FeedforwardStylizer
from make_gallery import ASSETS

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = ROOT / "core" / "impasto" / "trained"
STYLES = ("harvest", "rose_window", "alpenglow")
LICENSE = "CC0-1.0"


def train(name: str, steps: int, folder: Path = NETWORKS) -> int:
    """Train one network; returns the exit status."""
    folder.mkdir(exist_ok=True)
    options = ["--network", "vgg16", "--precision", "float32", "--device", "cpu", "--size", "512", "--license", LICENSE]
    output = ["-o", str(folder / f"{name}.safetensors"), "--force"]
    return main(["train", str(ASSETS / f"{name}.jpg"), "--steps", str(steps), *options, *output])


def make_comparison() -> None:
    """Write docs/images/instant.jpg: a photograph and what each of the networks makes of it."""
    photo = photograph("astronaut")
    painted = [FeedforwardStylizer(TransformNet.load(bundled_networks()[name])).stylize(photo).image for name in STYLES]
    join_side_by_side([photo, *painted]).save(ROOT / "docs" / "images" / "instant.jpg", quality=88)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the feed-forward networks that ship with Impasto.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"networks to train: {', '.join(STYLES)} (default: all)")
    parser.add_argument("--show", action="store_true", help="train nothing; only make docs/images/instant.jpg")
    parser.add_argument("--steps", type=int, default=4000, help="training steps (default: 4000)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(STYLES):
        parser.error(f"no such network: {', '.join(sorted(unknown))}")
    status = 0 if arguments.show else max(train(name, arguments.steps) for name in arguments.names or STYLES)
    if not status:
        make_comparison()
    raise SystemExit(status)
