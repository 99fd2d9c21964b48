#!/usr/bin/env bash
# Run a command with GIMP 3 for the tests: the installed one, or that of Debian trixie in a root file system of its own in
# /var/tmp/impasto (as root on Debian; the first time 1.3 GB and about four minutes). Without it, the command runs all the same.
#
#     scripts/with_gimp.sh PYTHON ARGUMENTS...
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/root_file_systems.sh
python=$1
root=/var/tmp/impasto/gimp-3.0  # not in the repository, whose folders are mounted in it
packages=(gimp python3-gi gir1.2-gimp-3.0 xvfb xdotool fonts-dejavu-core adwaita-icon-theme ca-certificates dbus-x11)
trap release EXIT

prepare() {
    make_root "$root" trixie "${packages[@]}" || { echo "GIMP could not be installed: see $root.log" >&2; return 1; }
    folders=(/proc /dev /sys /tmp "$PWD/core" "$PWD/tests" "$PWD/plugin")
    mapfile -t -O "${#folders[@]}" folders < <(python_folders "$python")
    [ ! -d "$HOME/.cache" ] || folders+=("$HOME/.cache")
    mount_shared "$root" "${folders[@]}"
}

if [ -z "${IMPASTO_GIMP:-}" ] && ! gimp-console --version 2>/dev/null | grep -q ' 3\.'; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && prepare; then
        export IMPASTO_GIMP="$(command -v chroot) $root"
    else
        release
        echo "The tests in GIMP 3 are skipped; they need GIMP 3, or root on Debian and scripts/with_gimp.sh" >&2
    fi
fi
"$@"
