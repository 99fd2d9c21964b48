"""Stylize a large picture with little memory: measure the peak memory and look for seams between tiles.

    python benchmarks/large.py CONTENT STYLE OUT.png [--size 4096] [--memory 3GB] [--whole PICTURE] [more options]

The picture is made by the command in a process of its own, whose peak memory is reported by the operating system. Then the
mean change between neighboring pixels across tile edges is compared with that across nearby lines at the same phase of the
network's grid, whose pooling leaves traces of its own; a seam would show as a larger or smaller change. The same comparison
at lines without tile edges gives the variation by chance.

More options are those of `impasto stylize`. --whole is the same result computed in one tile: both pictures are then compared
across the same lines, which reveals far smaller seams, because both show the same picture there.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time

import numpy as np
from PIL import Image

from impasto.layers import TOTAL_STRIDE, receptive_radius
from impasto.optimization.tiling import make_spans
from impasto.options import Options

#: Offsets in pixels from a tile edge: to the lines it is compared with, and to lines that stand in for edges
NEARBY = tuple(TOTAL_STRIDE * n for n in (-3, -2, -1, 1, 2, 3))
ELSEWHERE = tuple(TOTAL_STRIDE * n for n in range(-12, 13) if abs(n) > 6)


def relative_change(changes: np.ndarray, lines: np.ndarray) -> float:
    """Mean change at the lines relative to that at nearby lines, minus 1. changes: per row or column"""
    return float(changes[lines].mean() / np.mean([changes[lines + offset].mean() for offset in NEARBY]) - 1)


def load_gray(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=float)


def mean_changes(picture: np.ndarray, axis: int) -> np.ndarray:
    """Mean absolute difference between each row or column and the one before"""
    changes: np.ndarray = np.abs(np.diff(picture, axis=axis, prepend=0)).mean(1 - axis)
    return changes


def change_against_whole(tiled: np.ndarray, whole: np.ndarray, lines: np.ndarray) -> float:
    """Mean change of the tiled picture at the lines relative to that of the whole picture, minus 1"""
    return float(tiled[lines].mean() / whole[lines].mean() - 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # unknown arguments are passed to `impasto`
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("out")
    parser.add_argument("--size", default="4096")
    parser.add_argument("--memory", default="3GB")
    parser.add_argument("--whole", help="the same result, computed in one tile")
    arguments, others = parser.parse_known_args()
    command = [sys.executable, "-m", "impasto", "stylize", arguments.content, arguments.style, "-o", arguments.out, "--force"]
    command += ["--size", arguments.size, "--memory", arguments.memory, "--network", "vgg16", *others]
    start = time.perf_counter()
    output = ""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            output += line
            print(line, end="", file=sys.stderr, flush=True)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return process.returncode
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    picture = load_gray(arguments.out)
    whole = load_gray(arguments.whole) if arguments.whole else None
    height, width = picture.shape
    print(f"{width} x {height}, {time.perf_counter() - start:.0f} s, peak {peak / 1e9:.2f} GB of {arguments.memory}")
    match = re.search(r"in tiles of (\d+) pixels", output)
    if match is None:
        print("one tile: no tile edges")
        return 0
    halo = receptive_radius("vgg16", Options(network="vgg16").all_layers("vgg16"))
    for name, axis, size in (("rows", 0, height), ("columns", 1, width)):
        changes = mean_changes(picture, axis)
        edges = np.array([span.start for span in make_spans(size, int(match[1]), halo, False)[1:]])
        if not len(edges):
            print(f"{name}: no tile edges")
            continue
        offsets = [o for o in ELSEWHERE if edges[0] + o + NEARBY[0] > 0 and edges[-1] + o + NEARBY[-1] < size]
        chance = f"{np.std([relative_change(changes, edges + offset) for offset in offsets]):.2%}" if offsets else "unknown"
        print(
            f"{name}: {len(edges)} tile edges, change across them {relative_change(changes, edges):+.2%}; by chance {chance}"
        )
        if whole is not None:
            reference = mean_changes(whole, axis)
            spread = np.std([change_against_whole(changes, reference, edges + offset) for offset in NEARBY])
            print(f"{name}: against the whole {change_against_whole(changes, reference, edges):+.2%}; by chance {spread:.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
