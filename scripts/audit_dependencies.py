"""Whether anything that is installed is known to be vulnerable, where advisories can be had.

    python scripts/audit_dependencies.py

Status 1: something is. Where the package index has no advisories, or cannot be reached, that is said, and the status is 0.
"""

from __future__ import annotations

import json
import subprocess
import sys


def main() -> int:
    line = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--timeout", "10", "--local", "--format", "json"]
    done = subprocess.run(line, capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"audit: not done, no advisories can be had here ({(done.stderr.strip().splitlines() or ['no answer'])[-1]})")
        return 0
    looked_at = [each for each in found if "skip_reason" not in each]
    for each in looked_at:
        for advisory in each["vulns"]:
            mended = ", ".join(advisory["fix_versions"]) or "no version yet"
            print(f"audit: {each['name']} {each['version']}: {advisory['id']}, mended in {mended}")
    vulnerable = sum(bool(each["vulns"]) for each in looked_at)
    print(f"audit: {vulnerable} of {len(looked_at)} packages are vulnerable; {len(found) - len(looked_at)} are not known here")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
