"""A large picture in little memory: what it takes at most, and whether its tiles can be seen.

    python benchmarks/large.py CONTENT STYLE OUT.png [--size 4096] [--memory 3GB] [--whole PICTURE] [more options]

It paints with the command, as a process of its own, and asks the system for the most memory that process had. Then it
compares how much the picture changes from pixel to pixel across the lines where tiles meet with how much it does across
lines near them where no tile ends, and which lie alike on the network's grid, whose pooling leaves traces of its own: a seam
would show as more, or less. How much the same comparison gives where no tile ends at all is what chance makes of it.

More options are those of `impasto stylize`. --whole is the same painting with memory enough for one tile: both pictures are
then compared across the same lines, which shows far smaller seams, for there the same is painted in both.
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

#: How far from the lines the rest is looked at, in pixels, and how far off it is looked where no tile ends
BESIDE = tuple(TOTAL_STRIDE * n for n in (-3, -2, -1, 1, 2, 3))
ELSEWHERE = tuple(TOTAL_STRIDE * n for n in range(-12, 13) if abs(n) > 6)


def seam(changes: np.ndarray, lines: np.ndarray) -> float:
    """How much more it changes across lines than across those beside them, as a share; changes: to each row or column"""
    return float(changes[lines].mean() / np.mean([changes[lines + off].mean() for off in BESIDE]) - 1)


def gray(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=float)


def changes_in(picture: np.ndarray, axis: int) -> np.ndarray:
    """How much it changes to each row or column, on average"""
    return np.abs(np.diff(picture, axis=axis, prepend=0)).mean(1 - axis)


def beside_the_whole(tiled: np.ndarray, whole: np.ndarray, lines: np.ndarray) -> float:
    """How much more the one changes across lines than the other, as a share"""
    return float(tiled[lines].mean() / whole[lines].mean() - 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # what it does not know is for `impasto`
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("out")
    parser.add_argument("--size", default="4096")
    parser.add_argument("--memory", default="3GB")
    parser.add_argument("--whole")
    arguments, others = parser.parse_known_args()
    line = [sys.executable, "-m", "impasto", "stylize", arguments.content, arguments.style, "-o", arguments.out, "--force"]
    line += ["--size", arguments.size, "--memory", arguments.memory, "--network", "vgg16", *others]
    started = time.perf_counter()
    said = ""
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for heard in process.stderr:
            said += heard
            print(heard, end="", file=sys.stderr, flush=True)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return process.returncode
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    picture = gray(arguments.out)
    whole = gray(arguments.whole) if arguments.whole else None
    height, width = picture.shape
    print(f"{width} x {height}, {time.perf_counter() - started:.0f} s, peak {peak / 1e9:.2f} GB of {arguments.memory}")
    found = re.search(r"in tiles of (\d+) pixels", said)
    if found is None:
        print("one tile: no lines")
        return 0
    around = receptive_radius("vgg16", Options(network="vgg16").layers("vgg16"))
    for name, axis, size in (("rows", 0, height), ("columns", 1, width)):
        changes = changes_in(picture, axis)
        lines = np.array([span.start for span in make_spans(size, int(found[1]), around, False)[1:]])
        if not len(lines):
            print(f"{name}: no lines")
            continue
        near = [off for off in ELSEWHERE if lines[0] + off + BESIDE[0] > 0 and lines[-1] + off + BESIDE[-1] < size]
        chance = f"{np.std([seam(changes, lines + off) for off in near]):.2%}" if near else "not to be told"
        print(f"{name}: {len(lines)} lines, change across them {seam(changes, lines):+.2%}; by chance {chance}")
        if whole is not None:
            there = changes_in(whole, axis)
            spread = np.std([beside_the_whole(changes, there, lines + off) for off in BESIDE])
            print(f"{name}: beside the whole {beside_the_whole(changes, there, lines):+.2%}; by chance {spread:.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
