"""Measure the memory and the time of an optimization step by image size and tile size.

    python benchmarks/memory.py [--sizes 256,512,1024,2048,4096] [--tiles 256,512,1024] [--json FILE]

Each row is a process of its own that runs a few steps at one size, with an aspect ratio of 4:3. Memory is the peak reported by
the operating system minus that before the first step; a size that does not fit into the free memory is reported as such. Time
is the shortest of the steps after the first; the last column is the time per pixel relative to the first row.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

#: Bytes of an RGB pixel in float32
_BYTES_PER_PIXEL = 12


def measure(side: int, tile: int | None, optimizer: str) -> dict[str, Any]:
    """Run three steps on an image of `side` pixels in this process."""
    import time

    import numpy as np

    from impasto.optimization.run import Run

    generator = np.random.default_rng(0)
    scene = generator.integers(0, 255, (side * 3 // 4, side, 3), np.uint8)
    run = Run(scene, scene[:512, :512], network="vgg16", size=side, iterations=3, ladder=False, optimizer=optimizer)
    run.load_weights()
    if tile is not None:
        run.plan = run.plan._replace(tiles=(tile,), memory=0)  # without fragmentation, which would be counted
    before, times = peak_memory(), [time.perf_counter()]
    for _ in run.steps():
        times.append(time.perf_counter())
    megapixels = side * side * 3 / 4 / 1e6
    return {
        "side": side,
        "tile": run.plan.tiles[0],
        "planned": run.plan.memory,
        "used": peak_memory() - before,
        "images": (peak_memory() - before) / (_BYTES_PER_PIXEL * megapixels * 1e6),
        "step": min(b - a for a, b in pairwise(times[1:])),
        "megapixels": megapixels,
    }


def peak_memory() -> int:
    """Peak memory of this process in bytes"""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="256,512,1024,2048")
    parser.add_argument("--tiles", default="256,512")
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.one:
        side, tile = arguments.one.split(",")
        print(json.dumps(measure(int(side), int(tile) if tile else None, arguments.optimizer)))
        return 0
    results: list[dict[str, Any]] = []
    print(
        "| size | tile | planned | used | in images | seconds per step | relative, per pixel |\n|---|---|---|---|---|---|---|"
    )
    for side in map(int, arguments.sizes.split(",")):
        for tile in ("", *(tile for tile in arguments.tiles.split(",") if tile and int(tile) < side)):
            command = [sys.executable, __file__, "--one", f"{side},{tile}", "--optimizer", arguments.optimizer]
            process = subprocess.run(command, capture_output=True, text=True)
            if process.returncode:
                print(f"| {side} | {tile or 'any'} | {process.stderr.strip().splitlines()[-1]} |", flush=True)
                continue
            result = json.loads(process.stdout)
            results.append(result)
            pace, base = (row["step"] / row["megapixels"] for row in (result, results[0]))
            print(
                f"| {side} | {result['tile'] or '-'} | {result['planned'] / 1e9:.2f} GB | {result['used'] / 1e9:.2f} GB | "
                f"{result['images']:.1f} | {result['step']:.2f} | {pace / base:.2f} |",
                flush=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
