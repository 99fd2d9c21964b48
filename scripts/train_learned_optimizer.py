"""Train the learned optimizer, which stylizes in a few large steps.

    OMP_NUM_THREADS=1 python scripts/train_learned_optimizer.py PHOTOS STYLES -o FILE.safetensors --checkpoint FILE.pt

PHOTOS and STYLES are folders of pictures. Training goes on from the checkpoint if there is one. With one thread the result is
reproducible on one machine.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from impasto.learned_optimizer.batch_objective import BatchVGG
from impasto.learned_optimizer.network import UpdateNetwork
from impasto.learned_optimizer.training import StylePool, Trainer, feature_statistics
from impasto.runtime.device import choose_device, choose_precision
from impasto.vgg.weights import load_weights

#: Shortest side of a style, as most paintings are shown, in pixels
STYLE_SIDE = 512


def read_folder(folder: Path) -> list[Tensor]:
    """Read the pictures of a folder, sorted by name.  -> (H, W, 3) uint8"""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".png", ".webp"))
    return [torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy()) for path in paths]


def vary(style: Tensor, generator: np.random.Generator) -> Tensor:
    """Return a part of a style in other colors."""
    height, width = style.shape[:2]
    share = generator.uniform(0.55, 0.95)
    rows, columns = int(height * share), int(width * share)
    top, left = generator.integers(0, height - rows + 1), generator.integers(0, width - columns + 1)
    colors = style[top : top + rows, left : left + columns].numpy().astype(np.float32) / 255
    if generator.random() < 0.5:
        colors = colors[..., generator.permutation(3)]
    if generator.random() < 0.2:
        colors = 1 - colors
    colors = colors ** np.exp(generator.normal(0, 0.25, 3))
    gray = colors.mean(-1, keepdims=True)
    colors = gray + (colors - gray) * np.exp(generator.normal(0, 0.35))
    colors = colors.mean() + (colors - colors.mean()) * np.exp(generator.normal(0.05, 0.2))
    return torch.from_numpy((colors.clip(0, 1) * 255).astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the learned optimizer.")
    parser.add_argument("photos", type=Path)
    parser.add_argument("styles", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--chains", type=int, default=1450, help="paintings to train on, over which the rate falls (default: 1450)"
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end after so many, if that is earlier")
    parser.add_argument("--batch", type=int, default=1, help="photographs at a time (default: 1; a GPU needs more)")
    parser.add_argument(
        "--crops",
        type=int,
        nargs="+",
        default=[64, 96, 128],
        help="largest sides of the parts to train on, in turn (default: 64 96 128)",
    )
    parser.add_argument("--variants", type=int, default=0, help="variants of each style in other colors (default: 0)")
    parser.add_argument("--seed", type=int, default=1, help="of the first weights and of what is drawn (default: 1)")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    vgg = BatchVGG(load_weights("vgg16"), device, choose_precision("auto", device))
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    started = time.perf_counter()
    photos, styles = read_folder(arguments.photos), read_folder(arguments.styles)
    generator = np.random.default_rng(0)
    styles += [vary(style, generator) for style in styles for _ in range(arguments.variants)]
    torch.manual_seed(arguments.seed)
    network = UpdateNetwork()
    network.set_statistics(feature_statistics([*photos[::8], *styles[::8]], vgg))
    pool = StylePool(styles, vgg)
    torch.backends.cudnn.benchmark = True  # all batches have one of a few sizes from here on
    trainer = Trainer(network, vgg, photos, pool, batch=arguments.batch, crops=arguments.crops, seed=arguments.seed)
    if arguments.checkpoint.exists():
        trainer.restore(torch.load(arguments.checkpoint, map_location=device, weights_only=True))
    print(f"{len(photos)} photos, {len(styles)} styles, ready after {time.perf_counter() - started:.0f} s", flush=True)
    history: list[dict[int, tuple[float, float]]] = []
    saved = time.perf_counter()
    for progress in trainer.chains(arguments.chains, arguments.minutes * 60):
        history.append(progress.losses)
        finished = progress.fraction >= 1
        if len(history) % 25 == 0 or finished:
            recent = history[-100:]
            means = (
                " ".join(f"{sum(losses[index][n] for losses in recent) / len(recent):.3f}" for n in (0, 1))
                for index in recent[0]
            )
            print(f"{progress.seconds:.0f} s, chain {progress.chains}, step {trainer.steps}: " + " | ".join(means), flush=True)
        if finished or time.perf_counter() - saved > 60:
            saved = time.perf_counter()
            torch.save(trainer.state(), arguments.checkpoint)
            record = {"chains": progress.chains, "steps": trainer.steps, "batch": arguments.batch, "photos": len(photos)}
            tensors = {name: value.half().cpu().contiguous() for name, value in trainer.average.items()}
            save_file(tensors, arguments.output, {"training": json.dumps(record | {"styles": len(styles)})})


if __name__ == "__main__":
    main()
