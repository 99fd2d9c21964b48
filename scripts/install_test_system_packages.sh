#!/usr/bin/env bash
# Install what the tests need from the system: Krita, a virtual display and a browser. Without root, print the command instead.
set -euo pipefail
packages=(krita xvfb python3-pyqt5 python3-venv libgl1-mesa-dri libegl1 fonts-dejavu-core chromium-headless-shell)
if command -v krita >/dev/null && command -v Xvfb >/dev/null && { command -v chromium-headless-shell || command -v chromium; } >/dev/null && [ -e /usr/lib/python3/dist-packages/PyQt5 ]; then exit; fi
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null ||
        echo "Some of these packages could not be installed; tests that need them are skipped: ${packages[*]}" >&2
else
    echo "The tests in Krita and in a browser are skipped; to run them: sudo apt-get install --no-install-recommends ${packages[*]}" >&2
fi
