"""Measure the web page in a browser: seconds from the click to the first result, and the cost of streaming previews.

    python benchmarks/page.py [PHOTO STYLE] [--clicks]

Needs Chromium, as the page's tests do. First, a visitor clicks on paintings that no network was trained on, for the photo that
is there on arrival: alone, and while another visitor's painting in full detail is in progress. With --clicks that is all. Then
the same job runs twice in each of three cases: displayed in a browser on this machine; received but not drawn by the browser,
as if it ran on another machine; and without a page. Then the same photo with 12 megapixels, as from a phone, up to the first
result only.

On a shared machine wall-clock times cannot resolve a few percent. The cost of the stream is therefore measured in processor
time: that of the page's process during the job, minus its idle time with an open tab, plus that of encoding the previews; as
a fraction of the job's duration, because the engine uses all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[1]
#: Paintings of the gallery without a network
UNTRAINED = (2, 4, 5)


def main() -> int:
    sys.path[:0] = [str(ROOT), str(ROOT / "gradio_app")]
    from playwright.sync_api import sync_playwright

    from tests.gradio_app.conftest import CHROMIUM_FLAGS, Visitor, chromium, serve_page

    assets = ROOT / "gradio_app" / "assets"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=Path, nargs="?", default=assets / "coffee.jpg")
    parser.add_argument("style", type=Path, nargs="?", default=assets / "harvest.jpg")
    parser.add_argument("--clicks", action="store_true", help="measure only the time from a click to the first result")
    arguments = parser.parse_args()
    photo, style = arguments.photo, arguments.style
    first_results: list[float] = []
    stream_costs: list[float] = []
    seconds: dict[str, list[float]] = {"displayed": [], "received": [], "without page": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_page(ROOT / "gradio_app", Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        visitor = Visitor(browser, server)
        visitor.page.wait_for_timeout(15_000)  # until the painters are ready
        alone = [click_on_style(visitor, index) for index in UNTRAINED]
        visitor.find("stop").click()
        visitor.find("go").wait_for()
        visitor.find("go").click()
        visitor.wait_until(lambda: _PREVIEW in visitor.result_url())
        other = Visitor(browser, server)
        other.page.wait_for_timeout(5000)  # until the browser has drawn the page
        beside = [click_on_style(other, index) for index in UNTRAINED]
        clicks = {"first result after a click, s": alone, "beside another's exact painting, s": beside}
        print(json.dumps({name: [round(value, 2) for value in values] for name, values in clicks.items()}), flush=True)
        for window in (visitor, other):
            window.find("stop").click()
            window.close()
        for _ in range(0 if arguments.clicks else 2):
            for case in ("displayed", "received"):
                visitor = Visitor(browser, server)
                visitor.page.wait_for_timeout(2000)
                idle = -processor_seconds(server.process.pid)
                visitor.page.wait_for_timeout(5000)
                idle += processor_seconds(server.process.pid)
                busy = -processor_seconds(server.process.pid)
                previews: list[str] = []
                visitor.page.on(
                    "response", lambda response, urls=previews: urls.append(response.url) if _PREVIEW in response.url else None
                )
                start, first_result = start_job(visitor, photo, style)
                first_results.append(first_result)
                if case == "received":
                    visitor.page.evaluate("document.body.style.visibility = 'hidden'")
                visitor.page.wait_for_function(_DONE, timeout=600_000, polling=1000)
                seconds[case].append(time.monotonic() - start)
                busy += processor_seconds(server.process.pid)
                streaming = busy - idle / 5 * seconds[case][-1] + len(previews) * encoding_seconds(photo)
                stream_costs.append(streaming / seconds[case][-1])
                visitor.close()
            seconds["without page"].append(run_without_page(photo, style))
            print({case: round(times[-1], 1) for case, times in seconds.items()}, flush=True)
        if arguments.clicks:
            browser.close()
            return 0
        visitor = Visitor(browser, server)
        phone = Path(folder) / "phone.jpg"
        with Image.open(photo) as image:
            image.resize((4000, 3000), Image.Resampling.BICUBIC).save(phone, quality=92)
        _, large_result = start_job(visitor, phone, style)
        visitor.close()
        browser.close()
    baseline = statistics.median(seconds.pop("without page"))
    report = {
        "first result, s": round(statistics.median(first_results), 2),
        "first result of 12 megapixels, s": round(large_result, 2),
        "slowdown": {case: round(statistics.median(times) / baseline - 1, 3) for case, times in seconds.items()},
        "cost of the stream": round(statistics.median(stream_costs), 3),
    }
    print(json.dumps(report))
    return 0


def click_on_style(visitor: Any, index: int) -> float:
    """Seconds from a click on a painting of the wall until the first result is shown"""
    visitor.page.evaluate(_WATCH, [visitor.result_url(), _FINISHED])
    start = time.monotonic()
    visitor.tiles("gallery").nth(index).click()
    visitor.page.evaluate("shown")
    return time.monotonic() - start


def start_job(visitor: Any, photo: Path, style: Path) -> tuple[float, float]:
    """Press Paint it; return the time of the click and the seconds until the first result."""
    visitor.upload("photo", photo)
    visitor.upload("style", style)
    visitor.open_tab("Detail")
    visitor.find("quality").get_by_label("Draft").check()
    before, start = visitor.result_url(), time.monotonic()
    visitor.find("go").click()
    visitor.wait_until(lambda: _FINISHED in visitor.result_url() != before)
    return start, time.monotonic() - start


def processor_seconds(process: int) -> float:
    """User and system time of a process"""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def encoding_seconds(photo: Path) -> float:
    """Processor time to encode one preview"""
    from page.uploads import write_jpeg

    with Image.open(photo) as image:
        image.load()
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        for _ in range(10):
            write_jpeg(image, Path(folder) / "preview.jpg")
    return (time.process_time() - start) / 10


_PREVIEW, _FINISHED = "/preview-", "/painting-"
#: Promise another finished painting. Asking again and again would take a twentieth of the processor.
_WATCH = """([before, finished]) => {
    const find = () => document.querySelector('#result img.painting')?.getAttribute('src') ?? '';
    window.shown = new Promise(done => new MutationObserver((_, observer) => {
        if (find() === before || !find().includes(finished)) return;
        observer.disconnect();
        done();
    }).observe(document.querySelector('#result'), {subtree: true, childList: true, attributes: true}));
}"""
_DONE = "document.querySelector('#status').textContent.includes('Done in')"


def run_without_page(photo: Path, style: Path) -> float:
    """Seconds of the same job in a process of its own, after one to warm up"""
    import subprocess

    program = (
        "import sys, time, numpy as np\n"
        "from PIL import Image\n"
        "from impasto.optimization.cache import ModelCache\n"
        "from impasto.api import create_run\n"
        "from impasto.options import Options\n"
        "cache = ModelCache()\n"
        "blank = np.zeros((64, 64, 3), np.uint8) + 9\n"
        "for _ in create_run(blank, blank, size=64, quality='instant', cache=cache).steps(): pass\n"
        "start = time.monotonic()\n"
        "exact = Options(size=512, quality='draft')\n"
        "for options in (exact.first_result(512), exact):\n"
        "    for step in create_run(sys.argv[1], sys.argv[2], options, cache=cache).steps(): pass\n"
        "    step.image\n"
        "print(time.monotonic() - start)\n"
    )
    command = [sys.executable, "-c", program, str(photo), str(style)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    sys.exit(main())
