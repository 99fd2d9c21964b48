"""What the commands do that have to do with nets: `train`, `apply`, `export` and `nets`."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .commands import elsewhere, free, refuse_ranks, summed_up, tell, told
from .errors import ImageError, ImpastoError
from .options import Options, number
from .stops import status_of, undisturbed
from .terminal import Bar, duration

if TYPE_CHECKING:
    from .instant import Painter

#: Seconds between two nets, two previews and two curves that are written while a net is trained
_SAVED_S = 30.0
#: How long a net is trained, where nothing is said
_MINUTES = 20


def train(arguments: argparse.Namespace) -> int:
    from . import batches, images, photographs, plots
    from .nets import Net, Style
    from .training import Lesson, Progress

    refuse_ranks()
    target = _target(arguments.output, ".safetensors", "a net", arguments)
    preview = free(images.check_target(arguments.preview), arguments) if arguments.preview else None
    plot = free(plots.check(arguments.plot), arguments) if arguments.plot else None
    if preview and plot and preview.resolve() == plot.resolve():
        raise ImageError("preview and plot need a file each: give them different names")
    most = {}
    if arguments.steps is not None:
        most["count"] = number("steps", arguments.steps, int, 1, None)
    if arguments.minutes is not None or not most:
        most["seconds"] = 60 * number("minutes", arguments.minutes or _MINUTES, float, 0.01, None)
    options = Options(**told(arguments))
    resume = Net.load(arguments.resume) if arguments.resume else None
    paths = batches.pictures(arguments.style)
    styles = [images.read(path, max_megapixels=options.max_megapixels) for path in paths]
    about = [Style.of(path.stem, style.image, arguments.license) for path, style in zip(paths, styles, strict=True)]
    megapixels = options.max_megapixels
    photos = photographs.in_folders(arguments.photos, megapixels) if arguments.photos else photographs.own()
    lesson = Lesson(styles, photos, options, about=about, resume=resume)
    with Bar("weights") as bar:
        lesson.load_weights(bar.bytes)
    print(f"impasto: {len(styles)} style(s), {len(photos)} photographs", file=sys.stderr)
    last: Progress | None = None
    curve: dict[int, float] = {}

    def show(step: Progress) -> None:
        if preview:
            images.save(preview, images.read(step.preview(photos[0])))
        if plot:
            plots.draw(plot, list(curve), {"loss": (list(curve.values()), "#1c1917")}, "loss, the mean over 50 steps")

    interrupted, saved = None, time.monotonic()
    with Bar("training") as bar:
        try:
            for last in lesson.steps(**most):
                left = duration(last.seconds * (1 / last.fraction - 1))
                bar.show(last.fraction, f"step {last.steps}, loss {last.loss:.3f}, {left} left")
                curve[last.steps] = last.loss
                if arguments.json:
                    tell({"fraction": last.fraction, "step": last.steps, "seconds": last.seconds, "loss": last.loss})
                if time.monotonic() - saved > _SAVED_S:
                    with _told():  # no reason to stop
                        last.net.save(target)
                        show(last)
                    saved = time.monotonic()
        except KeyboardInterrupt as stop:
            interrupted = stop
    if last is None:
        print("impasto: stopped before the first step; nothing is written", file=sys.stderr)
        assert interrupted is not None
        return status_of(interrupted)
    with undisturbed():  # there is nothing left to stop
        elsewhere(last.net.save, target, "the net")
        with _told():
            show(last)
        if interrupted:
            so_far = f"{target} is the net so far: go on with --resume {target}"
            print(f"impasto: stopped at {last.fraction:.0%}; {so_far}", file=sys.stderr)
            return status_of(interrupted)
        print(f"impasto: {target}, {last.steps} steps in {duration(last.seconds)}, loss {last.loss:.3f}", file=sys.stderr)
        return 0


def apply(arguments: argparse.Namespace) -> int:
    from . import batches, images, instant, library
    from .nets import Net

    refuse_ranks()
    path, out = library.find(arguments.net), Path(arguments.output)
    options = Options(**{"size": 0, **told(arguments)})
    contents = batches.pictures(arguments.content)
    one = len(contents) == 1 and not out.is_dir() and out.suffix != ""
    if one:
        targets = {free(images.check_target(out), arguments): contents[0]}
    else:
        _see_that_it_is_a_folder(out, len(contents))
        ending = f".{arguments.format.lstrip('.')}"
        targets = {target: pair[0] for target, pair in batches.targets(contents, [path], out, ending).items()}
    steady = None if arguments.steady is None else instant.Steady(number("steady", arguments.steady, float, 0, None))
    painter = instant.Painter(Net.load(path), options, steady=steady, name=path.stem)
    if not one:
        if ending.lower() not in images.FORMATS:
            raise ImageError(f"no format {arguments.format!r}: there are png, jpg, webp and tif")
        out.mkdir(parents=True, exist_ok=True)
        return _paint_folder(painter, targets, arguments)
    ((target, content),) = targets.items()
    started = time.perf_counter()
    size = _paint(painter, content, target, painter.recipe)
    seconds = time.perf_counter() - started
    if arguments.json:
        tell({"output": str(target), "state": "painted"})
    print(f"impasto: {target}, {size[0]} x {size[1]}, {seconds:.1f} s", file=sys.stderr)
    return 0


def _paint(painter: Painter, content: Path, target: Path, recipe: str) -> tuple[int, int]:
    """Paint a picture and write it; width and height.  Raises ImpastoError."""
    from . import images

    picture = painter.paint(content)
    elsewhere(partial(images.save, picture=picture, recipe=recipe), target, "the painting")
    return picture.size


def _paint_folder(painter: Painter, targets: dict[Path, Path], arguments: argparse.Namespace) -> int:
    """One picture after the other: what is there already is left, what fails is told, and the rest goes on."""
    recipe, count, interrupted = painter.recipe, {"painted": 0, "there": 0, "failed": 0}, None
    with Bar("painting") as bar:
        try:
            for n, (target, content) in enumerate(targets.items(), 1):
                state = "there"
                try:
                    if arguments.force or not target.exists():
                        _paint(painter, content, target, recipe)
                        state = "painted"
                except ImpastoError as error:
                    print(f"impasto: {target.name} failed: {error}", file=sys.stderr)
                    state = "failed"
                count[state] += 1
                bar.show(n / len(targets), f"{n} of {len(targets)}")
                if arguments.json:
                    tell({"output": str(target), "state": state})
        except KeyboardInterrupt as stop:
            interrupted = stop
    return summed_up(count, len(targets), Path(arguments.output), interrupted)


def export(arguments: argparse.Namespace) -> int:
    import torch

    from . import export, instant, library
    from .nets import Net

    refuse_ranks()
    target = _target(arguments.output, ".onnx", "an ONNX file", arguments)
    net = Net.load(library.find(arguments.net))
    painter = instant.Painter(net, Options(**told(arguments)))
    with torch.no_grad():
        export.save(net, painter.modulation(), target)
    print(f"impasto: {target}, {target.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    return 0


def nets(arguments: argparse.Namespace) -> int:
    from . import library
    from .nets import Net

    paths = [library.find(name) for name in arguments.net] or list(library.known().values())
    for path in paths:
        net = Net.load(path)
        facts = net.facts
        print(f"{path if arguments.net else path.stem}  {path.stat().st_size / 1e6:.2f} MB")
        for style in net.styles:
            print(f"  {style.name}" + (f"  ({style.licence})" if style.licence else ""))
        if facts:
            learned = f"{facts.get('steps')} steps in {facts.get('minutes')} min on {facts.get('photos')} photographs"
            print(f"  {learned}, loss {facts.get('loss')}")
    if not arguments.net:
        print(f"impasto: your own lie in {library.folder()}", file=sys.stderr)
    return 0


def _target(name: str, ending: str, what: str, arguments: argparse.Namespace) -> Path:
    """A file that can be written.  Raises ImageError."""
    from . import files

    if Path(name).suffix.lower() != ending:
        raise ImageError(f"{name!r}: {what} ends in {ending}")
    return free(files.check(Path(name)), arguments)


def _see_that_it_is_a_folder(out: Path, count: int) -> None:
    """Raises ImageError."""
    from . import images

    if (out.exists() and not out.is_dir()) or (not out.exists() and out.suffix.lower() in images.FORMATS):
        raise ImageError(f"{str(out)!r} is a file, and there are {count} pictures: name a folder")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What cannot be written is told, and that is all"""
    try:
        yield
    except ImageError as error:
        print(f"impasto: {error}", file=sys.stderr)
