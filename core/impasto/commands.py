"""What each command does, once its line is understood. Torch is imported when there is something to paint, not before."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ImageError, OptionError
from .networks import NORMALISED
from .options import FIGURES, PRESETS, STEPS, Options
from .stops import status_of, undisturbed
from .terminal import Bar, duration

if TYPE_CHECKING:
    from .engine import Result, Run, Step

#: How the figures of the paper are painted unless they are told otherwise.
OF_FIGURES = {"size": 256, "quality": "draft"}


def stylize(arguments: argparse.Namespace) -> int:
    options = Options(**told(arguments))

    def run() -> Run:
        from .engine import Run

        resumable = {"checkpoint": arguments.checkpoint, "resume": arguments.resume}
        return Run(arguments.content, arguments.style, options, **resumable)

    return _make(run, arguments)


def reconstruct(arguments: argparse.Namespace) -> int:
    def run() -> Run:
        from .experiments import reconstruct

        return reconstruct(arguments.image, arguments.layer, **told(arguments))

    return _make(run, arguments)


def texture(arguments: argparse.Namespace) -> int:
    sides = arguments.size.lower().replace("×", "x").split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise OptionError(f"size {arguments.size!r}: give width and height in pixels, such as 1024x768")

    def run() -> Run:
        from .experiments import texture

        return texture(arguments.style, (int(sides[0]), int(sides[1])), **told(arguments))

    return _make(run, arguments)


def rerun(arguments: argparse.Namespace) -> int:
    from .rerun import read, run

    refuse_ranks()
    painting = Path(arguments.painting)
    recipe = read(painting)
    if arguments.output is None:
        arguments.output = str(painting.with_name(f"{painting.stem}_again{painting.suffix}"))
    settings = told(arguments)
    folders = [painting.parent, Path(), *map(Path, arguments.inputs or ())]
    return _make(lambda: run(recipe, folders, settings.pop("weights", None), **settings), arguments)


def batch(arguments: argparse.Namespace) -> int:
    from . import batches
    from .engine import Run, Warm

    contents, styles = batches.pictures(arguments.contents), batches.pictures(arguments.styles)
    targets = batches.targets(contents, styles, Path(arguments.output), f".{arguments.format.lstrip('.')}")
    options, warm = Options(**told(arguments)), Warm()

    def item(target: Path, content: Path, style: Path) -> batches.Item:
        return batches.Item(target, lambda: Run(str(content), str(style), options, warm=warm))

    items = [item(target, *pair) for target, pair in targets.items()]
    return _paint_all(items, arguments)[0]


def paper(arguments: argparse.Namespace) -> int:
    from . import batches, experiments, sheets
    from .engine import Warm

    folder = Path(arguments.output)
    settings = OF_FIGURES | told(arguments)
    figures = experiments.figures(arguments.content, arguments.style, settings, Warm())
    wanted = {name: figures[name] for name in arguments.figure or FIGURES}
    panels = {folder / f"{panel.name}.png": panel.make for figure in wanted.values() for row in figure.panels for panel in row}
    status, complete = _paint_all([batches.Item(*each) for each in panels.items()], arguments, same=True)
    if not complete:
        return status
    for name, figure in wanted.items():
        sheets.of(figure, folder).save(folder / f"figure_{name}.png")
        print(folder / f"figure_{name}.png")
    return status


def presets(arguments: argparse.Namespace) -> int:
    names = list(dict.fromkeys(name for values in PRESETS.values() for name in values))
    width = max(map(len, names))
    for preset, values in PRESETS.items():
        print(preset + ("  (the default)" if preset == "impasto" else ""))
        for name in names:
            if name in values:
                print(f"  {name:<{width}}  {values[name]}")
        if preset in STEPS:
            print(f"  {'steps':<{width}}  {STEPS[preset]}{' at every size' if values['ladder'] else ''}")
    return 0


def weights(arguments: argparse.Namespace) -> int:
    from . import weights

    if arguments.action == "fetch":
        with Bar("weights") as bar:
            weights.load(arguments.network, progress=bar.bytes)
        print(weights.cached(arguments.network))
        return 0
    if arguments.action == "normalise":
        from . import batches, images, scales

        network = arguments.network.removesuffix(NORMALISED)
        found = batches.pictures(arguments.images)
        with Bar("weights") as bar:
            scales.measure(network, map(images.read, found), scales.cached(network), bar.bytes)
        print(scales.cached(network))
        print(f"impasto: {network}{NORMALISED} is normalised by {len(found)} picture(s) now", file=sys.stderr)
        return 0
    print(f"cache: {weights.cache_folder()}")
    for name, source in weights.SOURCES.items():
        path = weights.cached(name)
        state = f"cached, {path.stat().st_size / 1e6:.0f} MB" if path.exists() else f"to fetch: {source.size / 1e6:.0f} MB"
        print(f"{name}  {state}")
        print(f"       from {source.where}, SHA-256 {source.sha256}")
        print(f"       {source.credit}; {source.licence}")
    return 0


def krita(arguments: argparse.Namespace) -> int:
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


def worker(arguments: argparse.Namespace) -> int:
    from . import worker

    return worker.main()


def told(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that the command line gives"""
    given = {name: getattr(arguments, name, None) for name in arguments.settings}
    return {name: value for name, value in given.items() if value is not None}


def _make(make_run: Callable[[], Run], arguments: argparse.Namespace) -> int:
    """Paint a picture and write it; where several processes paint it together, the first writes."""
    from .ranks import joined

    with joined(arguments.device or "auto") as ranks:
        if ranks.rank:
            arguments.checkpoint = None
            run = make_run()
            run.load_weights()
            deque(run.steps(), maxlen=0)
            return 0
        return _make_and_write(make_run, arguments)


def _make_and_write(make_run: Callable[[], Run], arguments: argparse.Namespace) -> int:
    from . import images, plots

    target = free(images.check_target(arguments.output), arguments)  # before anything else: nobody waits for nothing
    plot = free(plots.check(arguments.plot), arguments) if arguments.plot else None
    run = make_run()
    images.check_target(target, run.rungs[-1][:2])
    snapshots = _snapshots(target, sum(rung.steps for rung in run.rungs), arguments)
    files = [
        str(path.resolve())
        for path in (target, plot, *snapshots.values(), arguments.checkpoint and Path(arguments.checkpoint))
        if path
    ]
    if len(set(files)) < len(files):
        raise ImageError("output, curves and checkpoint need a file each: give them different names")
    with Bar("weights") as fetching:
        run.load_weights(fetching.bytes)
    print(f"impasto: {_forecast(run)}", file=sys.stderr)
    step, interrupted, taken, curve = None, None, 0, []
    with Bar("painting") as bar:
        try:
            for step in run.steps():
                taken = run.steps_before(step)
                bar.step(step, run.rungs[step.scale].steps)
                if arguments.json:
                    tell({"step": taken} | _facts(step))
                if taken in snapshots:
                    _snap(run.result(step), snapshots[taken])
                if plot:
                    curve.append(plots.Point(taken, step.size, step.loss, step.style_loss))
        except KeyboardInterrupt as stop:
            interrupted = stop
    if step is None:
        assert interrupted is not None
        print("impasto: stopped before the first step; nothing is written", file=sys.stderr)
        return status_of(interrupted)
    with undisturbed():  # there is nothing left to stop
        result = run.result(step)
        _save(result, target)
        if plot:
            plots.save(plot, curve)
        if arguments.json:
            more = {"interrupted": interrupted is not None, "size": list(step.size)}
            tell({"output": str(target)} | _facts(result) | more)
        width, height = step.size
        if interrupted:
            so_far = f"{target} is the picture so far, {width} x {height}"
            print(f"impasto: stopped at {step.fraction:.0%}; {so_far}", file=sys.stderr)
            return status_of(interrupted)
        print(f"impasto: {target}, {width} x {height}, {result.seconds:.0f} s", file=sys.stderr)
        return 0


def _save(result: Result, target: Path) -> None:
    """Write a painting.  Raises ImageError."""
    elsewhere(result.save, target, "the painting")


def elsewhere(save: Callable[[Path], None], target: Path, what: str) -> None:
    """Write a file; where that fails after all the work, among the temporary files.  Raises ImageError, says where."""
    try:
        save(target)
    except ImageError as error:
        other = Path(tempfile.mkdtemp(prefix="impasto-"), target.name)
        save(other)
        raise ImageError(f"{error}; {what} is in {str(other)!r}") from error


def _snap(result: Result, target: Path) -> None:
    """Write a picture on the way. That it cannot be written is told, and is no reason to stop."""
    try:
        result.save(target)
    except ImageError as error:
        print(f"impasto: {error}", file=sys.stderr)


def _forecast(run: Run) -> str:
    """What is going to be painted, and what that takes, in words"""
    from .plans import size_of

    it = run.forecast
    tiled = f", in tiles of {it.tile} pixels" if it.tile else ""
    return f"{it.width} x {it.height}, about {duration(it.seconds)}, {size_of(it.memory)} of memory{tiled}"


def refuse_ranks() -> None:
    """Raises OptionError under torchrun."""
    from .ranks import started

    if started() > 1:
        raise OptionError("torchrun's processes paint one picture together: that is for stylize, texture and reconstruct")


def free(target: Path, arguments: argparse.Namespace) -> Path:
    """A file that may be written.  Raises ImageError."""
    if os.path.exists(target) and not arguments.force:
        raise ImageError(f"{str(target)!r} is already there: give another name, or --force to replace it")
    return target


def _snapshots(target: Path, steps: int, arguments: argparse.Namespace) -> dict[int, Path]:
    """After which steps the picture is saved, and where.  Raises OptionError, ImageError."""
    if arguments.save_every is None:
        return {}
    if not arguments.save_every.isdecimal() or not int(arguments.save_every):
        raise OptionError(f"save-every is {arguments.save_every!r}: give a number of steps, 1 or more")
    digits = len(str(steps))
    every = range(int(arguments.save_every), steps, int(arguments.save_every))
    paths = {n: target.with_name(f"{target.stem}_{n:0{digits}}{target.suffix}") for n in every}
    if not arguments.resume:  # then they are its own, from before
        for path in paths.values():
            free(path, arguments)
    return paths


def _paint_all(items: list[Any], arguments: argparse.Namespace, *, same: bool = False) -> tuple[int, bool]:
    """Paint a batch and sum it up: the exit status, and whether all of it is there; `same`: as it would be painted now."""
    from . import batches, images

    refuse_ranks()
    folder = Path(arguments.output)
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise ImageError(f"{str(folder)!r} is a file: name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    for item in items:
        images.check_target(item.target)
    numbers = {item.target: n for n, item in enumerate(items, 1)}
    bars: dict[Path, Bar] = {}

    def watch(item: batches.Item, run: Run, step: Step) -> None:
        title = f"{numbers[item.target]} of {len(items)}: {item.target.name}"
        bars.setdefault(item.target, Bar(title)).step(step, run.rungs[step.scale].steps)

    stops: list[int] = []

    def save(result: Result, target: Path) -> None:
        with undisturbed() as came:
            _save(result, target)
        stops.extend(came)

    count = {"painted": 0, "there": 0, "failed": 0}
    interrupted = None
    try:
        for outcome in batches.paint(items, force=arguments.force, same=same, watch=watch, save=save):
            if outcome.target in bars:
                bars.pop(outcome.target).close()
            count[outcome.state] += 1
            if outcome.error:
                print(f"impasto: {outcome.target.name} failed: {outcome.error}", file=sys.stderr)
            if arguments.json:
                facts = _facts(outcome.result) if outcome.result else {"error": str(outcome.error)} if outcome.error else {}
                tell({"output": str(outcome.target), "state": outcome.state} | facts)
            for each in stops:
                signal.raise_signal(each)
    except KeyboardInterrupt as stop:
        interrupted = stop
    return summed_up(count, len(items), folder, interrupted), not (interrupted or count["failed"])


def summed_up(count: Mapping[str, int], total: int, folder: Path, interrupted: KeyboardInterrupt | None) -> int:
    """Say what has become of many pictures; the exit status"""
    summary = f"{count['painted']} painted, {count['there']} were there already, {count['failed']} failed"
    print(f"impasto: {'stopped; ' if interrupted else ''}{summary}, of {total} in {folder}", file=sys.stderr)
    if interrupted:
        return status_of(interrupted)
    return 2 if count["failed"] else 0


def _facts(of: Step | Result) -> dict[str, Any]:
    """What a program wants to know of a step or a result"""
    names = ("fraction", "size", "scale", "iteration", "loss", "content_loss", "style_loss", "steps", "seconds", "eta")
    facts = {name: getattr(of, name) for name in names if hasattr(of, name)}
    network = getattr(of, "options", None)
    facts |= {"network": network.network} if network else {}
    return {name: round(value, 3) if name in ("fraction", "seconds", "eta") else value for name, value in facts.items()}


def tell(record: dict[str, Any]) -> None:
    """One line of JSON on standard output"""
    print(json.dumps(record), flush=True)
