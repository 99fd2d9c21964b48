#!/usr/bin/env bash
# What the tests use of the system: Krita on a display that nobody sees. Root gets it installed; others are told how.
set -euo pipefail
packages=(krita xvfb python3-pyqt5 python3-venv libgl1-mesa-dri libegl1 fonts-dejavu-core)
if command -v krita >/dev/null && command -v Xvfb >/dev/null && [ -e /usr/lib/python3/dist-packages/PyQt5 ]; then exit; fi
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
else
    echo "The tests in Krita are skipped; to run them: sudo apt-get install --no-install-recommends ${packages[*]}" >&2
fi
