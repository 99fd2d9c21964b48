"""The commands about the installation: presets, weights, the editor plugins, and the worker."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..layers import NORMALIZED_SUFFIX, canonical_network
from ..presets import PRESETS
from . import setup_engine
from .option_flags import AddCommand, OneLineErrorParser
from .output import print_message
from .progress import ProgressBar


def add_commands(command: AddCommand) -> None:
    """Add the commands about the installation."""
    command("presets", presets_command, "show what each preset sets")

    weights = command("weights", weights_command, "list the VGG networks and their sources; fetch or normalize one")
    weights.set_defaults(action=None)
    actions = weights.add_subparsers(metavar="ACTION", dest="action", parser_class=OneLineErrorParser)
    fetch = actions.add_parser("fetch", help="download a network into the cache")
    fetch.add_argument("network", metavar="NETWORK", help="vgg16 or vgg19")
    normalize = actions.add_parser(
        "normalize", aliases=["normalise"], help="normalize a network, as in the paper, by its mean activations on photographs"
    )
    normalize.add_argument("images", metavar="IMAGE", nargs="+", help="photographs, or folders of them")
    normalize.add_argument("--network", metavar="NETWORK", default="vgg16", help="vgg16 (the default) or vgg19")

    krita = command("krita", krita_command, "install the Krita plugin, or remove it")
    actions = krita.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=OneLineErrorParser)
    actions.add_parser("install", help="copy the plugin to Krita's folder and enable it")
    actions.add_parser("uninstall", help="remove the plugin, its settings and the engine that it has set up")

    gimp = command("gimp", gimp_command, "install the GIMP plug-in, or remove it")
    actions = gimp.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=OneLineErrorParser)
    actions.add_parser("install", help="copy the plug-in to GIMP's folder")
    actions.add_parser("uninstall", help="remove the plug-in and its settings")

    setup = command("setup", setup_engine.setup_command, "set up the engine for an editor's plugin, as its button does")
    setup_engine.add_arguments(setup)

    command("worker", worker_command, "serve another program through standard input and output")


def presets_command(arguments: argparse.Namespace) -> int:
    names = list(dict.fromkeys(name for preset in PRESETS.values() for name in preset.values))
    width = max(map(len, names))
    for preset_name, preset in PRESETS.items():
        print(preset_name + ("  (the default)" if preset_name == "impasto" else ""))
        for name in names:
            if name in preset.values:
                print(f"  {name:<{width}}  {preset.values[name]}")
        if preset.steps is not None:
            print(f"  {'steps':<{width}}  {preset.steps}{' at every size' if preset.values['ladder'] else ''}")
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
    if arguments.action in ("normalise", "normalize"):
        from ..images.folder import find_images
        from ..images.picture import read_picture
        from ..vgg.normalized import measure_and_save, user_means_path

        network = canonical_network(arguments.network).removesuffix(NORMALIZED_SUFFIX)
        paths = find_images(arguments.images)
        with ProgressBar("weights") as bar:
            measure_and_save(network, map(read_picture, paths), user_means_path(network), bar.bytes)
        print(user_means_path(network))
        print_message(f"{network}{NORMALIZED_SUFFIX} is now normalized by {len(paths)} picture(s)")
        return 0
    print(f"cache: {cache_folder()}")
    for name, source in SOURCES.items():
        path = cache_path(name)
        state = (
            f"cached, {path.stat().st_size / 1e6:.0f} MB"
            if path.exists()
            else f"not cached, {source.size / 1e6:.0f} MB to download"
        )
        print(f"{name}  {state}")
        print(f"       from {source.location}, SHA-256 {source.sha256}")
        print(f"       {source.credit}; {source.license}")
    return 0


def krita_command(arguments: argparse.Namespace) -> int:
    from ..editor_plugins.krita import install_plugin, uninstall_plugin

    if arguments.action == "install":
        print(install_plugin())
        print_message(
            "the plugin is installed and enabled: restart Krita, and open Settings > Dockers > Impasto, or Filter > Stylize "
            "with Layer..."
        )
        return 0
    return _report_removed(uninstall_plugin(), "plugin")


def gimp_command(arguments: argparse.Namespace) -> int:
    from ..editor_plugins.gimp import install_plugin, uninstall_plugin

    if arguments.action == "install":
        for folder in install_plugin():
            print(folder)
        print_message("the plug-in is installed: restart GIMP, and open Filters > Artistic > Impasto")
        return 0
    return _report_removed(uninstall_plugin(), "plug-in")


def _report_removed(removed: list[Path], what: str) -> int:
    for path in removed:
        print(path)
    print_message(f"the {what} is removed" if removed else f"there is no {what} to remove")
    return 0


def worker_command(arguments: argparse.Namespace) -> int:
    from ..worker.server import serve_stdio

    return serve_stdio()
