"""Hours of mixed work through one worker and through the page: what it has of memory, threads and files, flat or growing.

    python tests/benchmarks/soak.py [--minutes 60] [--only worker|page] [--allow 0.03] [--kept SECONDS] [--json FILE]

The worker gets paintings of many sizes, in 8 and 16 bits, with masks, regions and two styles, jobs that are stopped, jobs
that are wrong, and estimates; the page gets paintings by its API, and pictures that are none. After each round it is looked
what the process and its children have. The last quarter's mean memory may be above the second's by the share that is allowed.
Threads and open files are counted at rest, after a quarter of the time and in the end, and may not be more: between visits a
server keeps some threads, and lets them go, as it likes. The page keeps what it was sent for most of an hour: with --kept, for
so many seconds, and where that is less than a sixth of the time, its temporary files may not be more by a tenth; the worker
has none. The exit status is 1 if anything has grown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

from tests.clients import Client  # noqa: E402
from tests.conftest import scene  # noqa: E402

SETTINGS = {"network": "vgg16", "iterations": 2, "ladder": False, "device": "cpu"}


class Sample(NamedTuple):
    """What a process and its children have"""

    seconds: float
    memory: int  # bytes, resident
    threads: int
    handles: int  # open files, pipes and sockets
    files: int  # temporary ones


#: Seconds in which a server closes what its last visitor used
_CLOSING = 0.2
#: Seconds after which threads that idle in a server's pool are let go, with the next visit
_IDLE = 10.5


def sampled(process: psutil.Process, folder: Path, begun: float) -> Sample:
    family = [process, *process.children(recursive=True)]
    memory = threads = handles = 0
    for each in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            memory, threads, handles = memory + each.memory_info().rss, threads + each.num_threads(), handles + each.num_fds()
    files = sum(path.is_file() for path in folder.rglob("*"))
    return Sample(time.monotonic() - begun, memory, threads, handles, files)


class Soaked(NamedTuple):
    """A process, what gives it a round of work, and what lets it come to rest"""

    process: psutil.Process
    one_round: Callable[[int], None]
    rest: Callable[[], None]


@contextlib.contextmanager
def worker(folder: Path) -> Iterator[Soaked]:
    """A worker, and its jobs"""
    os.environ["TMPDIR"] = str(folder)
    client = Client(silent=True)
    client.until("ready")
    numbers = iter(range(1, 10**9))

    def paint(width: int, height: int, *, styles: int = 1, deep: bool = False, region: bool = False, **options: Any) -> str:
        number = next(numbers)
        colors = np.dstack([scene(width, height, number), np.full((height, width), 255, np.uint8)])
        values = colors.astype("<u2") * 257 if deep else colors
        client.image(number, "content", values, "bgra16" if deep else "bgra8", rows=256)
        for index in range(styles):
            client.image(number, "style", np.ascontiguousarray(colors[::-1, :, [1, 2, 0, 3]]), index=index, rows=256)
        if region:
            place = np.zeros((height, width), np.uint8)
            place[: height // 2] = 255
            client.image(number, "region", place[..., None], "gray8", rows=256)
        if options.pop("stop", False):
            client.send({"op": "start", "job": number, "options": {**SETTINGS, **options, "iterations": 100_000}})
            client.until("progress")
            client.send({"op": "cancel", "job": number})
            return str(client.until("cancelled")[-1][0]["op"])
        return str(client.job(number, {**SETTINGS, **options})[-1][0]["op"])

    def one_round(n: int) -> None:
        assert paint(200 + n % 7 * 40, 180, size=0) == "done"
        assert paint(320, 200 + n % 5 * 30, size=192, deep=True, colors="match") == "done"
        assert paint(150, 150, styles=2, region=True, size=128, padding="circular" if n % 2 else "replicate") == "done"
        assert paint(240, 160, size=256, stop=True) == "cancelled"
        assert paint(240, 160, strength=3) == "error"
        assert paint(8, 8) == "error"
        client.send({"op": "estimate", "width": 4000, "height": 3000, "options": {**SETTINGS, "size": 512 + n % 9 * 64}})
        client.until("estimate")

    try:
        yield Soaked(psutil.Process(client.process.pid), one_round, lambda: None)
    finally:
        client.close()


@contextlib.contextmanager
def page(folder: Path) -> Iterator[Soaked]:
    """The page, and its visitors"""
    from gradio_client import Client as Visitor
    from gradio_client import handle_file

    from tests.gradio_app.conftest import FAST_PAGE, serve_page

    photos = folder / "photos"
    photos.mkdir()
    os.environ["TMPDIR"] = str(folder)
    with serve_page(ROOT / "gradio_app", folder, PYTHONPATH=FAST_PAGE) as server:
        visitor = Visitor(server.url, verbose=False, download_files=False)

        def one_round(n: int) -> None:
            photo = photos / "photo.png"
            Image.fromarray(scene(90 + n % 5 * 20, 72, n)).save(photo)
            given = handle_file(photo)
            for colors in ("style", "content"):
                visitor.predict(given, given, colors=colors, size=128, quality="draft", api_name="/stylize")
            photo.write_bytes(b"no picture")
            with contextlib.suppress(Exception):  # it is refused, in whatever words the client has for it
                visitor.predict(handle_file(photo), given, api_name="/stylize")

        def rest() -> None:
            time.sleep(_IDLE)
            urllib.request.urlopen(f"{server.url}theme.css").close()
            time.sleep(_CLOSING)

        yield Soaked(psutil.Process(server.process.pid), one_round, rest)


def soak(what: str, minutes: float) -> tuple[list[Sample], list[Sample]]:
    """What there was after each round of so many minutes; and at rest, after a quarter of them and in the end"""
    samples: list[Sample] = []
    rested: list[Sample] = []
    with tempfile.TemporaryDirectory() as place, {"worker": worker, "page": page}[what](Path(place)) as soaked:
        begun = time.monotonic()
        while True:
            soaked.one_round(len(samples))
            time.sleep(_CLOSING)
            samples.append(sampled(soaked.process, Path(place), begun))
            ended = samples[-1].seconds > 60 * minutes and len(samples) >= 8
            if ended or (not rested and samples[-1].seconds > 15 * minutes and len(samples) >= 2):
                soaked.rest()
                rested.append(sampled(soaked.process, Path(place), begun))
            if ended:
                return samples, rested


def verdict(what: str, samples: list[Sample], rested: list[Sample], allowed: float, kept: float) -> bool:
    """Print what a process had in each quarter of the time, and at rest; whether nothing has grown"""
    size = len(samples) // 4
    quarters = [samples[n * size : (n + 1) * size] for n in range(4)]
    means = [[statistics.mean(values) for values in zip(*quarter, strict=True)] for quarter in quarters]
    print(f"\n{what}: {len(samples)} rounds in {samples[-1].seconds / 60:.1f} min")
    print("| quarter | memory | threads | open files | temporary files |\n|---|---|---|---|---|")
    for n, (_, memory, threads, handles, files) in enumerate(means, 1):
        print(f"| {n} | {memory / 1e6:.1f} MB | {threads:.1f} | {handles:.1f} | {files:.1f} |")
    growth = means[3][1] / means[1][1] - 1
    print(f"memory of the last quarter against the second: {growth:+.1%}")
    settled = 6 * kept < samples[-1].seconds
    if settled:
        print(f"temporary files, the same: {means[3][4] - means[1][4]:+.1f}")
    before, after = rested
    print(f"at rest: {before.threads} threads and {before.handles} open files, in the end {after.threads} and {after.handles}")
    flat = growth <= allowed and after.threads <= before.threads and after.handles <= before.handles
    return flat and (not settled or means[3][4] <= 1.1 * means[1][4])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--only", choices=("worker", "page"))
    parser.add_argument("--allow", type=float, default=0.03)
    parser.add_argument("--kept", type=float, default=0, help="seconds for which the page keeps what it was sent")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ["IMPASTO_TEST_RETENTION"] = str(arguments.kept)
    kept = {"worker": 0, "page": arguments.kept or 3600}
    kinds = [arguments.only] if arguments.only else ["worker", "page"]
    found = {what: soak(what, arguments.minutes / len(kinds)) for what in kinds}
    if arguments.json:
        arguments.json.write_text(
            json.dumps({what: [sample._asdict() for sample in samples] for what, (samples, _) in found.items()})
        )
    flat = [verdict(what, samples, rested, arguments.allow, kept[what]) for what, (samples, rested) in found.items()]
    return 0 if all(flat) else 1


if __name__ == "__main__":
    sys.exit(main())
