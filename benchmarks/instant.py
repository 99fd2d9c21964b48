"""What a net is worth: its loss beside that of a painting by steps, its time, and its memory.

    python benchmarks/instant.py NET STYLE PHOTO... [--size 512] [--json FILE]

NET has learned the picture STYLE. Each photo, which the net has not seen, is painted at the size by the net and by steps,
and both pictures are judged by the same objective, in the paper's units; also the photo itself, which is where steps begin.
Then the first photo is painted at 1024 pixels and at 4096, by a process of its own, whose peak memory the system tells.
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


def judged(photo: Picture, style: Picture, options: Options, painted: Picture) -> float:
    """The loss of a picture: a step's is that of the picture it begins with."""
    run = Run(photo, style, options, init_image=painted, ladder=False)
    return next(iter(run.steps())).loss


def times(paint: Callable[[], Picture]) -> list[float]:
    """Seconds of a few paintings, after one to warm up"""
    taken = []
    for _ in range(6):
        started = time.perf_counter()
        paint()
        taken.append(time.perf_counter() - started)
    return taken[1:]


def peak(net: Path, photo: Path, side: int) -> tuple[float, float]:
    """Seconds and bytes of the command"""
    with tempfile.TemporaryDirectory() as folder:
        line = [sys.executable, "-m", "impasto", "apply", net, photo, "-o", Path(folder, "out.png"), "--size", str(side)]
        started = time.perf_counter()
        process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"impasto apply ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    # Before this process has grown: what it starts is told to have had as much as this has, and it is as quick as `apply`.
    sides = {side: peak(arguments.net, arguments.photos[0], side) for side in (1024, 4096)}
    net, style = TransformNet.load(arguments.net), read_picture(arguments.style)
    painter, photo = FeedforwardStylizer(net), read_picture(arguments.photos[0])
    photo = photo.resized(*fit_size(photo.size, 1024))
    taken = times(lambda: painter.paint(photo))
    print(f"1024 px: {statistics.median(taken):.2f} s")
    options = Options(size=arguments.size, network="vgg16")
    rows = []
    print("| photo | the photo | by the net | by steps | net over steps |\n|---|---|---|---|---|")
    for path in arguments.photos:
        photo = read_picture(path)
        instant = FeedforwardStylizer(net, Options(size=arguments.size)).paint(photo)
        *_, last = Run(photo, style, options).steps()
        before, after = judged(photo, style, options, photo), judged(photo, style, options, instant)
        rows.append({"photo": path.name, "before": before, "net": after, "steps": last.loss})
        print(f"| {path.stem} | {before:.3g} | {after:.3g} | {last.loss:.3g} | {after / last.loss:.2f} |", flush=True)
    for side, (seconds, memory) in sides.items():
        print(f"{side} px by the command: {seconds:.1f} s, peak {memory / 1e9:.2f} GB")
    if arguments.json:
        arguments.json.write_text(json.dumps({"losses": rows, "seconds": taken, "sides": sides}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
