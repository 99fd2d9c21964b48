"""Run mixed jobs through a worker and through the web page for hours and check that memory, threads and files do not grow.

    python benchmarks/soak.py [--minutes 60] [--only worker|page] [--allow 0.03] [--kept SECONDS] [--json FILE]

The worker runs jobs of many sizes, in 8 and 16 bits, with masks, regions and two styles, jobs that are cancelled, invalid
jobs, and estimates; the page runs jobs through its API and receives files that are no pictures. After each round the memory,
threads, open files and temporary files of the process and its children are counted. The mean memory of the last quarter may
exceed that of the second by the fraction --allow. Threads and open files are compared at rest, after a quarter of the time and
at the end, because between requests a server's thread pool varies; they may not grow. The page retains uploads for most of an
hour; --kept sets another retention, and if that is less than a sixth of the time, temporary files may grow by at most a tenth.
The worker has none. The exit status is 1 if anything has grown.
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

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from tests.conftest import FEW_LAYERS, scene  # noqa: E402
from tests.helpers import Client  # noqa: E402

#: Few steps and layers: what a job leaves behind does not depend on them, and more jobs are run.
SETTINGS = {"network": "vgg16", "iterations": 2, "ladder": False, "device": "cpu", **FEW_LAYERS}


class Sample(NamedTuple):
    """Resources of a process and its children"""

    seconds: float
    memory: int  # bytes, resident
    threads: int
    handles: int  # open files, pipes and sockets
    files: int  # temporary files


#: Seconds that a server needs to close the connections of its last client
_CLOSING = 0.2
#: Seconds after which idle threads of a server's pool end, at the next request
_IDLE = 10.5


def take_sample(process: psutil.Process, folder: Path, start: float) -> Sample:
    processes = [process, *process.children(recursive=True)]
    memory = threads = handles = 0
    for member in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            memory, threads = memory + member.memory_info().rss, threads + member.num_threads()
            handles += member.num_fds()
    files = sum(path.is_file() for path in folder.rglob("*"))
    return Sample(time.monotonic() - start, memory, threads, handles, files)


class Workload(NamedTuple):
    """A process under test, a function that runs round n of its jobs, and one that waits until it is at rest"""

    process: psutil.Process
    run_round: Callable[[int], None]
    wait_until_idle: Callable[[], None]


@contextlib.contextmanager
def worker(folder: Path) -> Iterator[Workload]:
    """A worker and its jobs"""
    os.environ["TMPDIR"] = str(folder)
    client = Client(silent=True)
    client.read_until("ready")
    numbers = iter(range(1, 10**9))

    def run_job(width: int, height: int, *, styles: int = 1, deep: bool = False, region: bool = False, **options: Any) -> str:
        """Send a job with 8 or (deep) 16 bits; return the op of the last frame."""
        number = next(numbers)
        colors = np.dstack([scene(width, height, number), np.full((height, width), 255, np.uint8)])
        values = colors.astype("<u2") * 257 if deep else colors
        client.send_image(number, "content", values, "bgra16" if deep else "bgra8", rows=256)
        for index in range(styles):
            client.send_image(number, "style", np.ascontiguousarray(colors[::-1, :, [1, 2, 0, 3]]), index=index, rows=256)
        if region:
            mask = np.zeros((height, width), np.uint8)
            mask[: height // 2] = 255
            client.send_image(number, "region", mask[..., None], "gray8", rows=256)
        if options.pop("stop", False):
            client.send({"op": "start", "job": number, "options": {**SETTINGS, **options, "iterations": 100_000}})
            client.read_until("progress")
            client.send({"op": "cancel", "job": number})
            return str(client.read_until("cancelled")[-1][0]["op"])
        return str(client.run_job(number, {**SETTINGS, **options})[-1][0]["op"])

    def run_round(n: int) -> None:
        assert run_job(100 + n % 7 * 20, 90, size=0) == "done"
        assert run_job(160, 100 + n % 5 * 15, size=96, deep=True, colors="match") == "done"
        assert run_job(75, 75, styles=2, region=True, size=64, padding="circular" if n % 2 else "replicate") == "done"
        assert run_job(120, 80, size=128, stop=True) == "cancelled"
        assert run_job(120, 80, strength=3) == "error"
        assert run_job(8, 8) == "error"
        client.send({"op": "estimate", "width": 4000, "height": 3000, "options": {**SETTINGS, "size": 512 + n % 9 * 64}})
        client.read_until("estimate")

    try:
        yield Workload(psutil.Process(client.process.pid), run_round, lambda: None)
    finally:
        client.close()


@contextlib.contextmanager
def page(folder: Path) -> Iterator[Workload]:
    """The web page and its clients"""
    from gradio_client import Client as Visitor  # type: ignore[import-untyped]
    from gradio_client import handle_file

    from tests.gradio_app.conftest import FAST_PAGE, serve_page

    photos = folder / "photos"
    photos.mkdir()
    os.environ["TMPDIR"] = str(folder)
    with serve_page(ROOT / "gradio_app", folder, PYTHONPATH=FAST_PAGE) as server:
        visitor = Visitor(server.url, verbose=False, download_files=False)

        def run_round(n: int) -> None:
            photo = photos / "photo.png"
            Image.fromarray(scene(90 + n % 5 * 20, 72, n)).save(photo)
            upload = handle_file(photo)
            for colors in ("style", "content"):
                visitor.predict(upload, upload, colors=colors, size=64, quality="draft", api_name="/stylize")
            photo.write_bytes(b"no picture")
            with contextlib.suppress(Exception):  # refused; the message depends on the client
                visitor.predict(handle_file(photo), upload, api_name="/stylize")

        def wait_until_idle() -> None:
            time.sleep(_IDLE)
            urllib.request.urlopen(f"{server.url}theme.css").close()
            time.sleep(_CLOSING)

        yield Workload(psutil.Process(server.process.pid), run_round, wait_until_idle)


def soak(target: str, minutes: float) -> tuple[list[Sample], list[Sample]]:
    """Samples after each round; and samples at rest, after a quarter of the time and at the end"""
    samples: list[Sample] = []
    idle_samples: list[Sample] = []
    with tempfile.TemporaryDirectory() as name, {"worker": worker, "page": page}[target](Path(name)) as workload:
        start = time.monotonic()
        while True:
            workload.run_round(len(samples))
            time.sleep(_CLOSING)
            samples.append(take_sample(workload.process, Path(name), start))
            finished = samples[-1].seconds > 60 * minutes and len(samples) >= 8
            if finished or (not idle_samples and samples[-1].seconds > 15 * minutes and len(samples) >= 2):
                workload.wait_until_idle()
                idle_samples.append(take_sample(workload.process, Path(name), start))
            if finished:
                return samples, idle_samples


def check_growth(target: str, samples: list[Sample], idle_samples: list[Sample], allowed: float, retention: float) -> bool:
    """Print the means of each quarter and the samples at rest; return whether nothing has grown.

    allowed: fraction by which the memory may grow from the second quarter to the last
    retention: seconds for which the process keeps uploads
    """
    size = len(samples) // 4
    quarters = [samples[n * size : (n + 1) * size] for n in range(4)]
    means = [[statistics.mean(values) for values in zip(*quarter, strict=True)] for quarter in quarters]
    print(f"\n{target}: {len(samples)} rounds in {samples[-1].seconds / 60:.1f} min")
    print("| quarter | memory | threads | open files | temporary files |\n|---|---|---|---|---|")
    for n, (_, memory, threads, handles, files) in enumerate(means, 1):
        print(f"| {n} | {memory / 1e6:.1f} MB | {threads:.1f} | {handles:.1f} | {files:.1f} |")
    growth = means[3][1] / means[1][1] - 1
    print(f"memory, last quarter against the second: {growth:+.1%}")
    files_settled = 6 * retention < samples[-1].seconds
    if files_settled:
        print(f"temporary files, last quarter against the second: {means[3][4] - means[1][4]:+.1f}")
    before, after = idle_samples
    print(f"at rest: {before.threads} threads, {before.handles} open files; at the end {after.threads} and {after.handles}")
    flat = growth <= allowed and after.threads <= before.threads and after.handles <= before.handles
    return flat and (not files_settled or means[3][4] <= 1.1 * means[1][4])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--only", choices=("worker", "page"))
    parser.add_argument("--allow", type=float, default=0.03, help="fraction by which the memory may grow")
    parser.add_argument("--kept", type=float, default=0, help="seconds for which the page keeps uploads; default: its own")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ["IMPASTO_TEST_RETENTION"] = str(arguments.kept)
    retention = {"worker": 0, "page": arguments.kept or 3600}
    targets = [arguments.only] if arguments.only else ["worker", "page"]
    results = {target: soak(target, arguments.minutes / len(targets)) for target in targets}
    if arguments.json:
        arguments.json.write_text(
            json.dumps({target: [sample._asdict() for sample in samples] for target, (samples, _) in results.items()})
        )
    flat = [check_growth(target, *samples, arguments.allow, retention[target]) for target, samples in results.items()]
    return 0 if all(flat) else 1


if __name__ == "__main__":
    sys.exit(main())
