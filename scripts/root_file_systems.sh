# Sourced by scripts that run tests in another Debian: root file systems under build, made by debootstrap. Needs root on Debian.

mounted=()

# Unmount what mount_shared has mounted.
release() {
    for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do umount "${mounted[$i]}" 2>/dev/null || umount --lazy "${mounted[$i]}" || true; done
    mounted=()
}

# make_root ROOT SUITE APT-ARGUMENTS...: make a root file system with these packages, unless it exists. $experimental: whether
# the suite "experimental" is a source too.
make_root() {
    local root=$1 suite=$2 mirror
    shift 2
    [ ! -e "$root/complete" ] || return 0
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/\?$' | head -n 1)
    command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null
    rm -rf "$root"
    mkdir -p "$root"
    timeout 900 debootstrap --variant=minbase "$suite" "$root" "$mirror" /usr/share/debootstrap/scripts/sid >"$root.log" 2>&1 || return 1
    echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/90valid"
    cp /etc/resolv.conf "$root/etc/resolv.conf"  # to reach the package mirror
    [ -z "${experimental:-}" ] || echo "deb $mirror experimental main" >"$root/etc/apt/sources.list.d/experimental.list"
    {
        chroot "$root" apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive timeout 1200 chroot "$root" apt-get install -y -qq --no-install-recommends "$@"
    } >>"$root.log" 2>&1 || return 1
    touch "$root/complete"
}

# mount_shared ROOT FOLDER...: mount folders at the same paths, and copy what reaches the package index.
mount_shared() {
    local root=$1 file folder
    shift
    for file in /etc/resolv.conf /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
        [ ! -e "$file" ] || cp "$file" "$root$file"
    done
    for folder in "$@"; do
        mkdir -p "$root$folder"
        mount --bind "$folder" "$root$folder" || return 1
        mounted+=("$root$folder")
    done
}

# python_folders PYTHON: the folders that a virtual environment consists of
python_folders() {
    "$1" -c 'import sys; print("\n".join(dict.fromkeys(p for p in (sys.prefix, sys.base_prefix) if p != "/usr")))'
}
