#!/usr/bin/env bash
# What the tests use of the system: Krita on a display that nobody sees, and a browser. Root gets them installed; others are
# told how.
set -euo pipefail
packages=(krita xvfb python3-pyqt5 python3-venv libgl1-mesa-dri libegl1 fonts-dejavu-core chromium)
if command -v krita >/dev/null && command -v Xvfb >/dev/null && command -v chromium >/dev/null && [ -e /usr/lib/python3/dist-packages/PyQt5 ]; then exit; fi
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null ||
        echo "Not all of these can be installed here, and the tests that need them are skipped: ${packages[*]}" >&2
else
    echo "The tests in Krita and in a browser are skipped; to run them: sudo apt-get install --no-install-recommends ${packages[*]}" >&2
fi
