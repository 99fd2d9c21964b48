"""How the plugin feels in a real Krita: seconds to the first preview, and how long Krita's event loop ever stands still; with
Live, seconds from the end of a brush stroke on a layer of 1024 x 768 to its repaint.

    python benchmarks/krita.py [--live] [--json FILE]

It needs what the tests of the plugin need: Krita and Xvfb. A gap is the longest time between two turns of the event loop
in each state of the work; adding a layer is Krita's own work, so an empty one is added by hand beside it, to compare.
A virtual machine stands still, too, while its owner gives the processor to another: such gaps are counted by themselves.
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
    "1024 x 1024, 8 bits, painted at 512": {
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
    parser.add_argument("--live", action="store_true", help="only that")
    arguments = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder, virtual_display() as display:
        home = make_profile(Path(folder) / "home", build.build(Path(folder)), display)
        for case, settings in ({} if arguments.live else CASES).items():
            found[case] = told = run_in_krita(home, display, "showing.measured", settings, 300, sys.executable)
            print(f"{case}: first preview after {told['preview']:.1f} s; whole {told['seconds']:.0f} s {told['problem']}")
            for state in [state for state in told["gaps"] if state]:
                robbed = told["robbed"].get(state, 0)
                without = f" ({1000 * robbed:.0f} ms while another had the processor)" if robbed else ""
                print(f"    {1000 * told['gaps'][state]:5.0f} ms  {state}{without}")
        found["live"] = told = run_in_krita(home, display, "living.measured", {}, 180, sys.executable)
        after = ", ".join(f"{seconds:.2f}" for seconds in told["after"])
        print(f"Live, 1024 x 768: on after {told['whole']:.1f} s {told['problem']}")
        print(f"    from the end of a stroke to its repaint: {statistics.median(told['after']):.2f} s ({after})")
        for state, gap in told["gaps"].items():
            print(f"    {1000 * gap:5.0f} ms  {state}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
