"""Check the installed packages for known vulnerabilities, where the package index has advisories.

    python scripts/audit_dependencies.py

The exit status is 1 if a package is vulnerable. If no advisories are available, a message says so and the status is 0.
"""

from __future__ import annotations

import json
import subprocess
import sys


def main() -> int:
    options = ["--progress-spinner", "off", "--timeout", "10", "--local", "--format", "json"]
    command = [sys.executable, "-m", "pip_audit", *options]
    process = subprocess.run(command, capture_output=True, text=True)
    try:
        packages = json.loads(process.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (process.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"audit: skipped, no advisories available ({reason})")
        return 0
    audited = [package for package in packages if "skip_reason" not in package]
    for package in audited:
        for advisory in package["vulns"]:
            fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
            print(f"audit: {package['name']} {package['version']}: {advisory['id']}, fixed in {fixed}")
    vulnerable = sum(bool(package["vulns"]) for package in audited)
    print(f"audit: {vulnerable} of {len(audited)} packages are vulnerable; {len(packages) - len(audited)} were not audited")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
