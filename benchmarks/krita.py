"""Responsiveness of the plugin in a real Krita: seconds to the first preview, the longest time for which Krita's event loop is
blocked, and, with Live, the seconds from the end of a brush stroke on a layer of 1024 x 768 to its repaint.

    python benchmarks/krita.py [--live] [--json FILE]

It needs Krita and Xvfb, as the tests of the plugin do. A gap is the longest time between two turns of the event loop in each
state of the work. Adding a layer is done by Krita, so an empty layer is added by hand for comparison. Gaps in which the host
gave the processors to another virtual machine are counted separately.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CASES: dict[str, dict[str, Any]] = {
    "1536 x 1024, 8 bits, painted at 512": {
        "width": 1536,
        "height": 1024,
        "size": 512,
        "quality": "draft",
        "iterations": None,
    },
    "1024 x 1024, 8 bits, painted at 512": {
        "width": 1024,
        "height": 1024,
        "size": 512,
        "quality": "draft",
        "iterations": None,
    },
    "1024 x 1024, 8 bits, painted at 512, after twenty results": {
        "width": 1024,
        "height": 1024,
        "results": 20,
        "size": 512,
        "quality": "draft",
        "iterations": None,
    },
    "3072 x 2048, 8 bits, default settings": {
        "width": 3072,
        "height": 2048,
        "size": None,
        "quality": None,
        "iterations": None,
    },
    "4096 x 4096, 8 bits": {"width": 4096, "height": 4096, "size": 128, "iterations": None},
    "4096 x 4096, 16 bits": {"width": 4096, "height": 4096, "depth": "U16", "size": 128, "iterations": None},
}


def main() -> int:
    sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
    import build_plugin
    from impasto.editor_plugins.package import KRITA_PLUGIN
    from tests.plugin.krita_session import KritaSession, create_profile, virtual_display

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--live", action="store_true", help="measure only Live")
    arguments = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory() as folder, virtual_display() as display:
        home = create_profile(Path(folder) / "home", build_plugin.build(KRITA_PLUGIN, Path(folder)), display)
        for case, settings in ({} if arguments.live else CASES).items():
            with KritaSession(home, display, sys.executable) as krita:
                figures[case] = result = krita.run("capture.measure_painting", limit=300, **settings)
            outcome = result["problem"] or result["status"]
            print(f"{case}: first preview after {result['preview']:.1f} s; all {result['seconds']:.0f} s. {outcome}")
            print_gaps(result)
        with KritaSession(home, display, sys.executable) as krita:
            figures["live"] = result = krita.run("capture.measure_live")
        print(f"Live, 1024 x 768: on after {result['start']:.1f} s {result['problem']}")
        seconds = ", ".join(f"{seconds:.2f}" for seconds in result["repaint"])
        print(f"    from the end of a stroke to its repaint: {statistics.median(result['repaint']):.2f} s ({seconds})")
        print_gaps(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))
    return 0


def print_gaps(result: dict[str, Any]) -> None:
    for label, gap in result["gaps"].items():
        stolen = result["stolen"].get(label, 0)
        note = f" ({1000 * stolen:.0f} ms while the host used the processors otherwise)" if stolen else ""
        print(f"    {1000 * gap:5.0f} ms  {label}{note}")


if __name__ == "__main__":
    sys.exit(main())
