"""How the page feels: seconds from the click to the first preview in a real browser, and what the previews cost.

    python tests/benchmarks/page.py [PHOTO STYLE]

It needs what the tests of the page need: Chromium. The cost is the same painting's time with previews on the page against
without anybody looking, one after the other, three times, by turns.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> int:
    sys.path[:0] = [str(ROOT)]
    from playwright.sync_api import sync_playwright

    from tests.page.conftest import CHROMIUM, Visitor, chromium, served

    assets = ROOT / "gradio_app" / "assets"
    photo, style = map(Path, sys.argv[1:3]) if len(sys.argv) > 2 else (assets / "coffee.jpg", assets / "harvest.jpg")
    firsts, watched, alone = [], [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        served(ROOT / "gradio_app", Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM)
        for _ in range(3):
            visitor = Visitor(browser, server)
            visitor.give("photo", photo)
            visitor.give("style", style)
            visitor.find("more").locator("button").first.click()
            visitor.find("quality").get_by_label("Draft").check()
            began = time.monotonic()
            visitor.find("go").click()
            visitor.until(lambda visitor=visitor: "preview" in visitor.shown())
            firsts.append(time.monotonic() - began)
            visitor.until(lambda visitor=visitor: visitor.status().startswith("Done in"), 600)
            watched.append(time.monotonic() - began)
            visitor.close()
            alone.append(unwatched(photo, style))
            print(f"first preview {firsts[-1]:.2f} s; watched {watched[-1]:.1f} s, alone {alone[-1]:.1f} s", flush=True)
        browser.close()
    cost = statistics.median(watched) / statistics.median(alone) - 1
    print(json.dumps({"first preview, s": statistics.median(firsts), "cost of the previews and the page": round(cost, 3)}))
    return 0


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
