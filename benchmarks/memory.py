"""What a picture takes: memory and time of a step, by its size and by its tiles.

    python benchmarks/memory.py [--sizes 256,512,1024,2048,4096] [--tiles 256,512,1024] [--json FILE]

Each line is a process of its own that takes a few steps at one size, with the aspect of a photograph (4 to 3); its memory is
the most that the operating system has counted, less what was there before the first step. Where a size does not fit into the
memory that is free, it says so. The time is that of a step after the first; the last column compares it, for each pixel, with
the smallest picture's that is not tiled.
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

#: Bytes of a picture's pixel in float32
_PIXEL = 12


def measure(side: int, tile: int | None, optimizer: str) -> dict[str, Any]:
    """In this process: a picture of `side` pixels, three steps"""
    import time

    import numpy as np

    from impasto.optimization.run import Run

    generator = np.random.default_rng(0)
    scene = generator.integers(0, 255, (side * 3 // 4, side, 3), np.uint8)
    run = Run(scene, scene[:512, :512], network="vgg16", size=side, iterations=3, ladder=False, optimizer=optimizer)
    run.load_weights()
    if tile is not None:
        run.plan = run.plan._replace(tiles=(tile,), memory=0)  # so that there are no holes in what is counted
    before, times = _peak(), [time.perf_counter()]
    for _ in run.steps():
        times.append(time.perf_counter())
    megapixels = side * side * 3 / 4 / 1e6
    return {
        "side": side,
        "tile": run.plan.tiles[0],
        "said": run.plan.memory,
        "taken": _peak() - before,
        "pictures": (_peak() - before) / (_PIXEL * megapixels * 1e6),
        "step": min(b - a for a, b in pairwise(times[1:])),
        "megapixels": megapixels,
    }


def _peak() -> int:
    """Bytes that this process has had at most"""
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
    found = []
    print(
        "| size | tile | planned | taken | in pictures | seconds a step | a pixel's, compared |\n|---|---|---|---|---|---|---|"
    )
    for side in map(int, arguments.sizes.split(",")):
        for tile in ("", *(tile for tile in arguments.tiles.split(",") if tile and int(tile) < side)):
            line = [sys.executable, __file__, "--one", f"{side},{tile}", "--optimizer", arguments.optimizer]
            done = subprocess.run(line, capture_output=True, text=True)
            if done.returncode:
                print(f"| {side} | {tile or 'any'} | {done.stderr.strip().splitlines()[-1]} |", flush=True)
                continue
            about = json.loads(done.stdout)
            found.append(about)
            pace, base = (each["step"] / each["megapixels"] for each in (about, found[0]))
            print(
                f"| {side} | {about['tile'] or '-'} | {about['said'] / 1e9:.2f} GB | {about['taken'] / 1e9:.2f} GB | "
                f"{about['pictures']:.1f} | {about['step']:.2f} | {pace / base:.2f} |",
                flush=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
