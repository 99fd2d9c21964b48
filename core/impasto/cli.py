"""The command `impasto`. Every option comes from Options; torch is imported only when there is something to paint."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import json
import logging
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__
from .errors import ImageError, ImpastoError, OptionError
from .options import PRESETS, Options, default_of

if TYPE_CHECKING:
    from .engine import Run, Step

INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status: 0, 2 for what the user can put right, 130 after Ctrl-C."""
    logging.basicConfig(format="impasto: %(message)s", level=logging.INFO, stream=sys.stderr)
    parser = _parser()
    try:
        options, unknown = parser.parse_known_args(arguments)
        if unknown:
            _refuse(unknown[0], options.flags)
        return int(options.run(options))
    except ImpastoError as error:
        print(f"impasto: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("impasto: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone
        sys.stderr.close()
        return 0


def _stylize(arguments: argparse.Namespace) -> int:
    settings = {about.name: getattr(arguments, about.name) for about in dataclasses.fields(Options)}
    options = Options(**{name: value for name, value in settings.items() if value is not None})
    from . import engine, images

    target = images.check_target(arguments.output)  # before anything else: nobody waits for a picture that has no place
    if target.exists() and not arguments.force:
        raise ImageError(f"{arguments.output!r} is already there: give another name, or --force to replace it")
    run = engine.Run(arguments.content, arguments.style, options)
    images.check_target(target, run.rungs[-1][:2])
    with _Bar("weights") as fetching:
        run.load_weights(fetching.bytes)
    step, interrupted = _paint(run)
    if step is None:
        print("impasto: stopped before the first step; nothing is written", file=sys.stderr)
        return INTERRUPTED
    result = run.result(step)
    result.save(target)
    if arguments.json:
        record = {"output": str(target), "interrupted": interrupted, "size": list(step.size)}
        record |= {"loss": result.loss, "content_loss": result.content_loss, "style_loss": result.style_loss}
        print(json.dumps(record | {"network": result.options.network, "seconds": round(result.seconds, 2)}))
    if interrupted:
        print(f"impasto: stopped at {step.fraction:.0%}; {target} is the picture so far", file=sys.stderr)
        return INTERRUPTED
    print(f"impasto: {target}, {step.size[0]} x {step.size[1]}, {result.seconds:.0f} s", file=sys.stderr)
    return 0


def _paint(run: Run) -> tuple[Step | None, bool]:
    """The last step of a run, and whether Ctrl-C ended it."""
    step = None
    with _Bar("painting") as bar:
        try:
            for step in run.steps():
                bar.step(step, run.rungs[step.scale].steps)
        except KeyboardInterrupt:
            return step, True
    return step, False


def _presets(arguments: argparse.Namespace) -> int:
    names = list(PRESETS["impasto"])
    width = max(map(len, names))
    for preset, values in PRESETS.items():
        print(preset + ("  (the default)" if preset == "impasto" else ""))
        for name in names:
            print(f"  {name:<{width}}  {values[name]}")
    return 0


def _weights(arguments: argparse.Namespace) -> int:
    from . import weights

    if arguments.action == "fetch":
        with _Bar("weights") as bar:
            weights.load(arguments.network, progress=bar.bytes)
        print(weights.cached(arguments.network))
        return 0
    print(f"cache: {weights.cache_folder()}")
    for name, source in weights.SOURCES.items():
        path = weights.cached(name)
        state = f"cached, {path.stat().st_size / 1e6:.0f} MB" if path.exists() else f"to fetch: {source.size / 1e6:.0f} MB"
        print(f"{name}  {state}")
        print(f"       from {source.where}, SHA-256 {source.sha256}")
        print(f"       {source.credit}; {source.licence}")
    return 0


def _krita(arguments: argparse.Namespace) -> int:
    from . import krita

    if arguments.action == "install":
        print(krita.install())
        print(
            "impasto: the plugin is in place and switched on; start Krita (again), and find it under Filter > Stylize with "
            "Layer... and Settings > Dockers > Impasto",
            file=sys.stderr,
        )
        return 0
    removed = krita.uninstall()
    for path in removed:
        print(path)
    print(f"impasto: {'the plugin is gone' if removed else 'there is no plugin to remove'}", file=sys.stderr)
    return 0


def _worker(arguments: argparse.Namespace) -> int:
    from . import worker

    return worker.main()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="impasto", description="Paint one picture in the style of another.")
    parser.add_argument("--version", action="version", version=f"impasto {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)

    stylize = commands.add_parser("stylize", help="paint a picture in the style of one or more others")
    stylize.add_argument("content", metavar="CONTENT", help="the picture to paint")
    stylize.add_argument("style", metavar="STYLE", nargs="+", help="the picture or pictures whose style to paint it in")
    stylize.add_argument("-o", "--output", metavar="OUT", required=True, help="the result: a .png, .jpg, .webp or .tif")
    stylize.add_argument("--force", action="store_true", help="replace OUT if it is there")
    stylize.add_argument("--json", action="store_true", help="print a JSON record of the result on standard output")
    first = stylize.add_argument_group("what to set first")
    more = stylize.add_argument_group("more")
    for about in dataclasses.fields(Options):
        _add(first if about.metadata["group"] == "first" else more, about)
    stylize.set_defaults(run=_stylize)

    presets = commands.add_parser("presets", help="show what each preset sets")
    presets.set_defaults(run=_presets)

    weights = commands.add_parser("weights", help="show which networks are there and where they come from; fetch one")
    weights.set_defaults(run=_weights, action=None)
    fetch = weights.add_subparsers(metavar="ACTION", dest="action", parser_class=_Parser).add_parser(
        "fetch", help="fetch a network into the cache"
    )
    fetch.add_argument("network", metavar="NETWORK", help="vgg16 or vgg19")

    krita = commands.add_parser("krita", help="put the plugin into your Krita, or take it out again")
    actions = krita.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=_Parser)
    install = actions.add_parser("install", help="copy the plugin to Krita's folder and switch it on")
    uninstall = actions.add_parser("uninstall", help="remove the plugin, its settings and the engine that it has set up")
    krita.set_defaults(run=_krita)

    worker = commands.add_parser("worker", help="serve another program: frames in on standard input, out on standard output")
    worker.set_defaults(run=_worker)
    for command in (stylize, presets, weights, fetch, krita, install, uninstall, worker):
        command.set_defaults(flags=[flag for action in command._actions for flag in action.option_strings])
    return parser


def _add(group: argparse._ArgumentGroup, about: dataclasses.Field[Any]) -> None:
    """An option of the command line for a field of Options. Values stay text: Options knows what they have to be."""
    flag, default = "--" + about.name.replace("_", "-"), default_of(about)
    note = f" (default: {default})" if default is not None else ""
    help = (about.metadata["help"] + note).replace("%", "%%")
    if str(about.type).startswith("bool"):
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=help)
        return
    listed = str(about.type).startswith("tuple")
    kind = (lambda text: tuple(text.split(","))) if listed else str
    metavar = "|".join(about.metadata["choices"]) or ("N,N,..." if listed else about.name.upper())
    group.add_argument(flag, type=kind, metavar=metavar, default=None, help=help)


class _Parser(argparse.ArgumentParser):
    """argparse, with its complaints in the one line that all the others take."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see {self.prog} --help")


def _refuse(argument: str, flags: Sequence[str]) -> NoReturn:
    if not argument.startswith("-"):
        raise OptionError(f"one argument too many: {argument!r}")
    close = difflib.get_close_matches(argument.split("=")[0], flags, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise OptionError(f"no option {argument}: {hint}--help lists them all")


class _Bar:
    """One line on a terminal that says how far it is; elsewhere, a line now and then."""

    def __init__(self, title: str) -> None:
        self._title, self._live, self._shown, self._mark = title, sys.stderr.isatty(), "", 0.0

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *reason: object) -> None:
        if self._live and self._shown:
            print("\r" + " " * len(self._shown) + "\r", end="", file=sys.stderr, flush=True)

    def step(self, step: Step, steps: int) -> None:
        self._show(step.fraction, f"{step.size[0]} x {step.size[1]}, step {step.iteration} of {steps}, {_left(step.eta)} left")

    def bytes(self, done: int, total: int) -> None:
        self._show(done / total, f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")

    def _show(self, fraction: float, text: str) -> None:
        now = time.monotonic()
        if now - self._mark < (0.1 if self._live else 10) and fraction < 1:
            return
        self._mark = now
        if not self._live:
            print(f"{self._title}: {fraction:.0%}, {text}", file=sys.stderr, flush=True)
            return
        full = round(fraction * 24)
        line = f"{self._title} [{'#' * full}{'.' * (24 - full)}] {fraction:4.0%}  {text}"
        line = line[: shutil.get_terminal_size().columns - 1]
        print("\r" + line.ljust(len(self._shown)), end="", file=sys.stderr, flush=True)
        self._shown = line


def _left(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
