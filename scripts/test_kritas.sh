#!/usr/bin/env bash
# Run the plugin's tests in other versions of Krita: 5.2 (Debian trixie), 5.3 (forky) and 6.0 (experimental), each in its own
# root file system under build/kritas. Needs root on Debian; the first time 2 GB and a few minutes for each.
#
#     scripts/test_kritas.sh PYTHON [5.2 5.3 6.0] [-- PYTEST-ARGUMENTS]
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
shift
versions=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do versions+=("$1"); shift; done
[ $# -gt 0 ] && shift
[ ${#versions[@]} -gt 0 ] || versions=(5.2 5.3 6.0)
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/\?$' | head -n 1)
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap

# Folders that the tests' Python, the plugin's zip and the display need, mounted at the same paths.
shared=(/proc /dev /sys /tmp "$PWD" "$("$python" -c 'import sys; print(sys.prefix)')" "$("$python" -c 'import sys; print(sys.base_prefix)')")
[ -d "$HOME/.cache" ] && shared+=("$HOME/.cache")

mounted=()
release() {
    for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do umount "${mounted[$i]}" || true; done
    mounted=()
}
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
    if [ ! -e "$root/complete" ]; then
        rm -rf "$root"
        mkdir -p "$root"
        debootstrap --variant=minbase "$suite" "$root" "$mirror" /usr/share/debootstrap/scripts/sid >"$root.log" 2>&1
        echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/90valid"
        cp /etc/resolv.conf "$root/etc/resolv.conf"  # to reach the package mirror
        [ "$version" != 6.0 ] || echo "deb $mirror experimental main" >"$root/etc/apt/sources.list.d/experimental.list"
        {
            chroot "$root" apt-get update -qq
            DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -qq --no-install-recommends \
                "${packages[@]}" libgl1-mesa-dri fonts-dejavu-core ca-certificates
        } >>"$root.log" 2>&1
        touch "$root/complete"
    fi
    for file in /etc/resolv.conf /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do  # to reach the package index
        [ ! -e "$file" ] || cp "$file" "$root$file"
    done
    for folder in "${shared[@]}"; do
        mkdir -p "$root$folder"
        mount --bind "$folder" "$root$folder"
        mounted+=("$root$folder")
    done
    echo "== Krita $version: $(chroot "$root" dpkg-query -W -f '${Version}' krita)"
    IMPASTO_KRITA="$(command -v chroot) $root /usr/bin/krita" "$python" -m pytest tests/plugin --ignore tests/plugin/test_without_krita.py "$@" || failed+=("$version")
    release
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
