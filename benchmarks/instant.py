"""Measure a feed-forward network against the optimizer: loss, time and memory.

    python benchmarks/instant.py NET STYLE PHOTO... [--size 512] [--json FILE]

NET was trained on the picture STYLE. The benchmark stylizes each photo, none of which was used in training, with the network
and with the optimizer, and evaluates the same objective on both results and on the photo itself, where the optimizer starts;
losses are in the paper's units. Then `impasto apply` stylizes the first photo at 1024 and at 4096 pixels in a process of its
own, whose peak memory is reported by the operating system.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from impasto.feedforward.network import TransformNet
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.images.picture import Picture, read_picture
from impasto.images.resize import fit_size
from impasto.optimization.run import Run
from impasto.options import Options


def evaluate_loss(photo: Picture, style: Picture, options: Options, result: Picture) -> float:
    """The objective at `result`: the first step reports the loss of the initial image."""
    run = Run(photo, style, options, init_image=result, ladder=False)
    return next(iter(run.steps())).loss


def measure_seconds(run: Callable[[], Picture]) -> list[float]:
    """Seconds of five runs, after one to warm up"""
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def measure_command(net: Path, photo: Path, side: int) -> tuple[float, float]:
    """Seconds and peak memory in bytes of `impasto apply`"""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "impasto",
            "apply",
            str(net),
            str(photo),
            "-o",
            f"{folder}/out.png",
            "--size",
            str(side),
        ]
        start = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"impasto apply ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    # First, while this process is small: the peak memory of a child starts at that of its parent.
    commands = {side: measure_command(arguments.net, arguments.photos[0], side) for side in (1024, 4096)}
    net, style = TransformNet.load(arguments.net), read_picture(arguments.style)
    painter, photo = FeedforwardStylizer(net, Options(size=0, protect="none")), read_picture(arguments.photos[0])
    photo = photo.resize(*fit_size(photo.size, 1024))
    seconds = measure_seconds(lambda: painter.stylize(photo))
    print(f"1024 px: {statistics.median(seconds):.2f} s")
    options = Options(size=arguments.size, network="vgg16")
    rows = []
    print("| photo | loss of the photo | network | optimizer | network / optimizer |\n|---|---|---|---|---|")
    for path in arguments.photos:
        photo = read_picture(path)
        result = FeedforwardStylizer(net, Options(size=arguments.size, protect="none")).stylize(photo)
        *_, last = Run(photo, style, options).steps()
        photo_loss, net_loss = (evaluate_loss(photo, style, options, picture) for picture in (photo, result))
        rows.append({"photo": path.name, "before": photo_loss, "net": net_loss, "steps": last.loss})
        ratio = net_loss / last.loss
        print(f"| {path.stem} | {photo_loss:.3g} | {net_loss:.3g} | {last.loss:.3g} | {ratio:.2f} |", flush=True)
    for side, (elapsed, memory) in commands.items():
        print(f"{side} px by the command: {elapsed:.1f} s, peak {memory / 1e9:.2f} GB")
    if arguments.json:
        arguments.json.write_text(json.dumps({"losses": rows, "seconds": seconds, "sides": commands}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
