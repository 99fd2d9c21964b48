"""TODO-DOC cli.setup_commands"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ..layers import NORMALIZED_SUFFIX
from ..presets import PRESET_STEPS, PRESETS
from .progress import ProgressBar

if TYPE_CHECKING:
    pass


def presets_command(arguments: argparse.Namespace) -> int:
    names = list(dict.fromkeys(name for values in PRESETS.values() for name in values))
    width = max(map(len, names))
    for preset, values in PRESETS.items():
        print(preset + ("  (the default)" if preset == "impasto" else ""))
        for name in names:
            if name in values:
                print(f"  {name:<{width}}  {values[name]}")
        if preset in PRESET_STEPS:
            print(f"  {'steps':<{width}}  {PRESET_STEPS[preset]}{' at every size' if values['ladder'] else ''}")
    return 0


def weights_command(arguments: argparse.Namespace) -> int:
    from ..runtime.files import cache_folder
    from ..vgg.download import SOURCES, cache_path
    from ..vgg.weights import load_weights

    if arguments.action == "fetch":
        with ProgressBar("weights") as bar:
            load_weights(arguments.network, progress=bar.bytes)
        print(cache_path(arguments.network))
        return 0
    if arguments.action == "normalise":
        from ..images.folder import find_images
        from ..images.picture import read_picture
        from ..vgg.normalized import measure_and_save, user_means_path

        network = arguments.network.removesuffix(NORMALIZED_SUFFIX)
        found = find_images(arguments.images)
        with ProgressBar("weights") as bar:
            measure_and_save(network, map(read_picture, found), user_means_path(network), bar.bytes)
        print(user_means_path(network))
        print(f"impasto: {network}{NORMALIZED_SUFFIX} is normalised by {len(found)} picture(s) now", file=sys.stderr)
        return 0
    print(f"cache: {cache_folder()}")
    for name, source in SOURCES.items():
        path = cache_path(name)
        state = f"cached, {path.stat().st_size / 1e6:.0f} MB" if path.exists() else f"to fetch: {source.size / 1e6:.0f} MB"
        print(f"{name}  {state}")
        print(f"       from {source.where}, SHA-256 {source.sha256}")
        print(f"       {source.credit}; {source.licence}")
    return 0


def krita_command(arguments: argparse.Namespace) -> int:
    from ..editor_plugins import install_plugin, uninstall_plugin

    if arguments.action == "install":
        print(install_plugin())
        print(
            "impasto: the plugin is in place and switched on; start Krita (again), and find it under Filter > Stylize with "
            "Layer... and Settings > Dockers > Impasto",
            file=sys.stderr,
        )
        return 0
    removed = uninstall_plugin()
    for path in removed:
        print(path)
    print(f"impasto: {'the plugin is gone' if removed else 'there is no plugin to remove'}", file=sys.stderr)
    return 0


def worker_command(arguments: argparse.Namespace) -> int:
    from ..worker.server import serve_stdio

    return serve_stdio()
