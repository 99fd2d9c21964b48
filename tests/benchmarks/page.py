"""How the page feels: seconds from the click to the first preview in a real browser, and what the previews cost.

    python tests/benchmarks/page.py [PHOTO STYLE]

It needs what the tests of the page need: Chromium. The same painting is made twice by turns: with the browser looking on
from this machine; with the browser taking all that comes and drawing none of it, as if it were on another; and without a page.
Then the same photo with 12 megapixels, as a phone takes it: only to the first preview.

The clock cannot tell a few per cent on a machine that others share. So what the stream itself costs is counted in seconds of
processor: those of the page's process while it streams, less those that it takes with nothing to do but an open tab, and those
of making the previews; as a share of the painting's time, for the engine needs all the cores at once.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[2]


def main() -> int:
    sys.path[:0] = [str(ROOT), str(ROOT / "gradio_app")]
    from playwright.sync_api import sync_playwright

    from tests.gradio_app.conftest import CHROMIUM_FLAGS, Visitor, chromium, serve_page

    assets = ROOT / "gradio_app" / "assets"
    photo, style = map(Path, sys.argv[1:3]) if len(sys.argv) > 2 else (assets / "coffee.jpg", assets / "harvest.jpg")
    firsts: list[float] = []
    stream: list[float] = []
    seconds: dict[str, list[float]] = {"watched here": [], "watched elsewhere": [], "alone": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_page(ROOT / "gradio_app", Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        for _ in range(2):
            for case in ("watched here", "watched elsewhere"):
                visitor = Visitor(browser, server)
                visitor.page.wait_for_timeout(2000)
                idle = -processor(server.process.pid)
                visitor.page.wait_for_timeout(5000)
                idle += processor(server.process.pid)
                busy, previews = -processor(server.process.pid), []
                visitor.page.on(
                    "response", lambda answer, seen=previews: seen.append(answer.url) if _PREVIEW in answer.url else None
                )
                began, first = begun(visitor, photo, style)
                firsts.append(first)
                if case == "watched elsewhere":
                    visitor.page.evaluate("document.body.style.visibility = 'hidden'")
                visitor.page.wait_for_function(_DONE, timeout=600_000, polling=1000)
                seconds[case].append(time.monotonic() - began)
                busy += processor(server.process.pid)
                streamed = busy - idle / 5 * seconds[case][-1] + len(previews) * making(photo)
                stream.append(streamed / seconds[case][-1])
                visitor.close()
            seconds["alone"].append(unwatched(photo, style))
            print({case: round(times[-1], 1) for case, times in seconds.items()}, flush=True)
        visitor = Visitor(browser, server)
        phone = Path(folder) / "phone.jpg"
        with Image.open(photo) as image:
            image.resize((4000, 3000), Image.Resampling.BICUBIC).save(phone, quality=92)
        _, large = begun(visitor, phone, style)
        visitor.close()
        browser.close()
    alone = statistics.median(seconds["alone"])
    cost = {case: round(statistics.median(times) / alone - 1, 3) for case, times in seconds.items() if case != "alone"}
    first = {"first preview, s": round(statistics.median(firsts), 2), "of 12 megapixels, s": round(large, 2)}
    print(json.dumps({**first, "cost": cost, "stream alone": round(statistics.median(stream), 3)}))
    return 0


def begun(visitor: Any, photo: Path, style: Path) -> tuple[float, float]:
    """When Stylize was clicked, and seconds from then to the first preview"""
    visitor.upload("photo", photo)
    visitor.upload("style", style)
    visitor.find("more").locator("button").first.click()
    visitor.find("quality").get_by_label("Draft").check()
    began = time.monotonic()
    visitor.find("go").click()
    visitor.wait_until(lambda: "preview" in visitor.result_url())
    return began, time.monotonic() - began


def processor(process: int) -> float:
    """Seconds of processor that a process has had"""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def making(photo: Path) -> float:
    """Seconds of processor to make a preview"""
    from page.uploads import write_jpeg

    with Image.open(photo) as image:
        image.load()
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        for _ in range(10):
            write_jpeg(image, Path(folder) / "preview.jpg")
    return (time.process_time() - began) / 10


_PREVIEW = "/preview-"
_DONE = "document.querySelector('#status').textContent.includes('Done in')"


def unwatched(photo: Path, style: Path) -> float:
    """Seconds of the same painting in a warm process of its own, without a page"""
    import subprocess

    program = (
        "import sys, time, numpy as np\n"
        "from PIL import Image\n"
        "from impasto.engine import Run, Warm\n"
        "warm = Warm()\n"
        "blank = np.zeros((64, 64, 3), np.uint8) + 9\n"
        "for _ in Run(blank, blank, size=64, iterations=1, warm=warm).steps(): pass\n"
        "began = time.monotonic()\n"
        "for step in Run(sys.argv[1], sys.argv[2], size=512, quality='draft', warm=warm).steps(): pass\n"
        "step.image\n"
        "print(time.monotonic() - began)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(photo), str(style)], capture_output=True, text=True, check=True)
    return float(ran.stdout)


if __name__ == "__main__":
    sys.exit(main())
