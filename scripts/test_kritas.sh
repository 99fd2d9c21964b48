#!/usr/bin/env bash
# Run the plugin's tests in other versions of Krita: 5.2 (Debian trixie), 5.3 (forky) and 6.0 (experimental), each in its own
# root file system under build/kritas. Needs root on Debian; the first time 2 GB and a few minutes for each.
#
#     scripts/test_kritas.sh PYTHON [5.2 5.3 6.0] [-- PYTEST-ARGUMENTS]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/root_file_systems.sh
python=$1
shift
versions=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do versions+=("$1"); shift; done
[ $# -gt 0 ] && shift
[ ${#versions[@]} -gt 0 ] || versions=(5.2 5.3 6.0)
# Folders that the tests' Python, the plugin's zip and the display need
shared=(/proc /dev /sys /tmp "$PWD")
mapfile -t -O "${#shared[@]}" shared < <(python_folders "$python")
[ ! -d "$HOME/.cache" ] || shared+=("$HOME/.cache")
trap release EXIT

failed=()
for version in "${versions[@]}"; do
    root=$PWD/build/kritas/$version
    case $version in
        5.2) suite=trixie packages=(krita python3-pyqt5) ;;
        5.3) suite=forky packages=(krita python3-pyqt5) ;;
        6.0) suite=sid packages=(-t experimental krita python3-pyqt6 qt6-svg-plugins) ;;
        *) echo "unknown version of Krita: $version" >&2; exit 2 ;;
    esac
    experimental=
    [ "$version" != 6.0 ] || experimental=1
    make_root "$root" "$suite" "${packages[@]}" libgl1-mesa-dri fonts-dejavu-core ca-certificates
    mount_shared "$root" "${shared[@]}"
    echo "== Krita $version: $(chroot "$root" dpkg-query -W -f '${Version}' krita)"
    IMPASTO_KRITA="$(command -v chroot) $root /usr/bin/krita" "$python" -m pytest tests/plugin --ignore tests/plugin/test_without_krita.py "$@" || failed+=("$version")
    release
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
