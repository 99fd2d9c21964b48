"""Measure the plugin's latency in Krita: first preview, event loop stalls, and the repaint after a brush stroke in Live mode.

    python benchmarks/krita.py [--live] [--json FILE]

Needs Krita and Xvfb, as the plugin's tests do. A gap is the longest time between two turns of the event loop in each state of
the job. Adding a layer is work of Krita itself, so an empty layer is added for comparison. Gaps during which the hypervisor
gave the processor to another machine are reported separately. The Live layer is 1024 x 768.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CASES = {
    "1024 x 1024, 8 bits, stylized at 512": {
        "width": 1024,
        "height": 1024,
        "size": 512,
        "quality": "draft",
        "iterations": None,
    },
    "4096 x 4096, 8 bits": {"width": 4096, "height": 4096, "size": 128, "iterations": None},
    "4096 x 4096, 16 bits": {"width": 4096, "height": 4096, "depth": "U16", "size": 128, "iterations": None},
}


def main() -> int:
    sys.path[:0] = [str(ROOT), str(ROOT / "plugin")]
    import build
    from tests.krita.conftest import make_profile, run_in_krita, virtual_display

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--live", action="store_true", help="measure Live mode only")
    arguments = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder, virtual_display() as display:
        home = make_profile(Path(folder) / "home", build.build(Path(folder)), display)
        for case, settings in ({} if arguments.live else CASES).items():
            results[case] = result = run_in_krita(home, display, "showing.measured", settings, 300, sys.executable)
            seconds = f"first preview after {result['preview']:.1f} s; finished after {result['seconds']:.0f} s"
            print(f"{case}: {seconds} {result['problem']}")
            for state in [state for state in result["gaps"] if state]:
                stolen = result["robbed"].get(state, 0)
                note = f" ({1000 * stolen:.0f} ms while the hypervisor ran another machine)" if stolen else ""
                print(f"    {1000 * result['gaps'][state]:5.0f} ms  {state}{note}")
        results["live"] = result = run_in_krita(home, display, "living.measured", {}, 180, sys.executable)
        delays = ", ".join(f"{seconds:.2f}" for seconds in result["after"])
        print(f"Live, 1024 x 768: first result after {result['whole']:.1f} s {result['problem']}")
        print(f"    from the end of a stroke to its repaint: {statistics.median(result['after']):.2f} s ({delays})")
        for state, gap in result["gaps"].items():
            print(f"    {1000 * gap:5.0f} ms  {state}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
