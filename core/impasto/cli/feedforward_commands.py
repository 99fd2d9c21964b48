"""What the commands do that have to do with nets: `train`, `apply`, `export` and `nets`."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError, ImpastoError
from ..formatting import format_duration
from ..options import Options, parse_number
from ..runtime.signals import defer_interrupts, exit_status
from .output import given_options, print_json, print_summary, refuse_overwrite, require_single_process, save_or_fall_back
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..feedforward.stylizer import FeedforwardStylizer

#: How long a net is trained, where nothing is said
_DEFAULT_MINUTES = 20


def train_command(arguments: argparse.Namespace) -> int:
    from ..experiments.loss_plot import ensure_writable_plot, plot_lines
    from ..feedforward.network import Style, TransformNet
    from ..feedforward.photos import photos_from_folders, sample_photos
    from ..feedforward.training import Trainer, TrainingStep
    from ..feedforward.training_session import TrainingSession
    from ..images.encode import ensure_writable_image, save_picture
    from ..images.folder import find_images
    from ..images.picture import read_picture

    require_single_process()
    target = _output_file(arguments.output, ".safetensors", "a net", arguments)
    preview = refuse_overwrite(ensure_writable_image(arguments.preview), arguments) if arguments.preview else None
    plot = refuse_overwrite(ensure_writable_plot(arguments.plot), arguments) if arguments.plot else None
    if preview and plot and preview.resolve() == plot.resolve():
        raise ImageError("preview and plot need a file each: give them different names")
    most = {}
    if arguments.steps is not None:
        most["count"] = parse_number("steps", arguments.steps, int, 1, None)
    if arguments.minutes is not None or not most:
        most["seconds"] = 60 * parse_number("minutes", arguments.minutes or _DEFAULT_MINUTES, float, 0.01, None)
    options = Options(**given_options(arguments))
    resume = TransformNet.load(arguments.resume) if arguments.resume else None
    paths = find_images(arguments.style)
    styles = [read_picture(path, max_megapixels=options.max_megapixels) for path in paths]
    about = [Style.from_image(path.stem, style.image, arguments.license) for path, style in zip(paths, styles, strict=True)]
    megapixels = options.max_megapixels
    photos = photos_from_folders(arguments.photos, megapixels) if arguments.photos else sample_photos()
    trainer = Trainer(styles, photos, options, style_info=about, resume=resume)
    with ProgressBar("weights") as bar:
        trainer.load_weights(bar.bytes)
    print(f"impasto: {len(styles)} style(s), {len(photos)} photographs", file=sys.stderr)
    curve: dict[int, float] = {}

    def write_preview(step: TrainingStep) -> None:
        if preview:
            save_picture(preview, read_picture(step.preview(photos[0])))
        if plot:
            plot_lines(plot, list(curve), {"loss": (list(curve.values()), "#1c1917")}, "loss, the mean over 50 steps")

    session = TrainingSession(trainer, target, **most, preview=write_preview, on_error=_warn)
    interrupted = None
    with ProgressBar("training") as bar:
        try:
            for step in session.steps():
                left = format_duration(step.seconds * (1 / step.fraction - 1))
                bar.show(step.fraction, f"step {step.steps}, loss {step.loss:.3f}, {left} left")
                curve[step.steps] = step.loss
                if arguments.json:
                    print_json({"fraction": step.fraction, "step": step.steps, "seconds": step.seconds, "loss": step.loss})
        except KeyboardInterrupt as stop:
            interrupted = stop
    last = session.last
    if last is None:
        print("impasto: stopped before the first step; nothing is written", file=sys.stderr)
        assert interrupted is not None
        return exit_status(interrupted)
    with defer_interrupts():  # there is nothing left to stop
        save_or_fall_back(last.net.save, target, "the net")
        try:
            write_preview(last)
        except ImageError as error:
            _warn(error)
        if interrupted:
            so_far = f"{target} is the net so far: go on with --resume {target}"
            print(f"impasto: stopped at {last.fraction:.0%}; {so_far}", file=sys.stderr)
            return exit_status(interrupted)
        print(
            f"impasto: {target}, {last.steps} steps in {format_duration(last.seconds)}, loss {last.loss:.3f}", file=sys.stderr
        )
        return 0


def apply_command(arguments: argparse.Namespace) -> int:
    from ..experiments.batch import output_paths
    from ..feedforward.network import TransformNet
    from ..feedforward.registry import resolve_network
    from ..feedforward.stylizer import FeedforwardStylizer, TemporalSmoothing
    from ..images.encode import SAVE_FORMATS, ensure_writable_image
    from ..images.folder import find_images

    require_single_process()
    path, out = resolve_network(arguments.net), Path(arguments.output)
    options = Options(**{"size": 0, **given_options(arguments)})
    contents = find_images(arguments.content)
    one = len(contents) == 1 and not out.is_dir() and out.suffix != ""
    if one:
        targets = {refuse_overwrite(ensure_writable_image(out), arguments): contents[0]}
    else:
        _require_folder(out, len(contents))
        ending = f".{arguments.format.lstrip('.')}"
        targets = {target: pair[0] for target, pair in output_paths(contents, [path], out, ending).items()}
    steady = None if arguments.steady is None else TemporalSmoothing(parse_number("steady", arguments.steady, float, 0, None))
    painter = FeedforwardStylizer(TransformNet.load(path), options, statistics_filter=steady, network_name=path.stem)
    if not one:
        if ending.lower() not in SAVE_FORMATS:
            raise ImageError(f"no format {arguments.format!r}: there are png, jpg, webp and tif")
        out.mkdir(parents=True, exist_ok=True)
        return _paint_folder(painter, targets, arguments)
    ((target, content),) = targets.items()
    started = time.perf_counter()
    size = _paint(painter, content, target, painter.recipe)
    seconds = time.perf_counter() - started
    if arguments.json:
        print_json({"output": str(target), "state": "painted"})
    print(f"impasto: {target}, {size[0]} x {size[1]}, {seconds:.1f} s", file=sys.stderr)
    return 0


def _paint(painter: FeedforwardStylizer, content: Path, target: Path, recipe: str) -> tuple[int, int]:
    """Paint a picture and write it; width and height.  Raises ImpastoError."""
    from ..images.encode import save_picture

    picture = painter.stylize(content)
    save_or_fall_back(partial(save_picture, picture=picture, recipe=recipe), target, "the painting")
    return picture.size


def _paint_folder(painter: FeedforwardStylizer, targets: dict[Path, Path], arguments: argparse.Namespace) -> int:
    """One picture after the other: what is there already is left, what fails is told, and the rest goes on."""
    recipe, count, interrupted = painter.recipe, {"painted": 0, "there": 0, "failed": 0}, None
    with ProgressBar("painting") as bar:
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
                    print_json({"output": str(target), "state": state})
        except KeyboardInterrupt as stop:
            interrupted = stop
    return print_summary(count, len(targets), Path(arguments.output), interrupted)


def export_command(arguments: argparse.Namespace) -> int:
    import torch

    from ..feedforward.network import TransformNet
    from ..feedforward.onnx_export import export_onnx
    from ..feedforward.registry import resolve_network
    from ..feedforward.stylizer import FeedforwardStylizer

    require_single_process()
    target = _output_file(arguments.output, ".onnx", "an ONNX file", arguments)
    net = TransformNet.load(resolve_network(arguments.net))
    painter = FeedforwardStylizer(net, Options(**given_options(arguments)))
    with torch.no_grad():
        export_onnx(net, painter.style_modulation(), target)
    print(f"impasto: {target}, {target.stat().st_size / 1e6:.1f} MB", file=sys.stderr)
    return 0


def networks_command(arguments: argparse.Namespace) -> int:
    from ..feedforward.network import TransformNet
    from ..feedforward.registry import available_networks, resolve_network, user_folder

    paths = [resolve_network(name) for name in arguments.net] or list(available_networks().values())
    for path in paths:
        net = TransformNet.load(path)
        facts = net.training_info
        print(f"{path if arguments.net else path.stem}  {path.stat().st_size / 1e6:.2f} MB")
        for style in net.styles:
            print(f"  {style.name}" + (f"  ({style.license})" if style.license else ""))
        if facts:
            learned = f"{facts.get('steps')} steps in {facts.get('minutes')} min on {facts.get('photos')} photographs"
            print(f"  {learned}, loss {facts.get('loss')}")
    if not arguments.net:
        print(f"impasto: your own lie in {user_folder()}", file=sys.stderr)
    return 0


def _output_file(name: str, ending: str, what: str, arguments: argparse.Namespace) -> Path:
    """A file that can be written.  Raises ImageError."""
    from ..runtime.files import ensure_writable

    if Path(name).suffix.lower() != ending:
        raise ImageError(f"{name!r}: {what} ends in {ending}")
    return refuse_overwrite(ensure_writable(Path(name)), arguments)


def _require_folder(out: Path, count: int) -> None:
    """Raises ImageError."""
    from ..images.encode import SAVE_FORMATS

    if (out.exists() and not out.is_dir()) or (not out.exists() and out.suffix.lower() in SAVE_FORMATS):
        raise ImageError(f"{str(out)!r} is a file, and there are {count} pictures: name a folder")


def _warn(error: ImageError) -> None:
    """Print an error that is no reason to stop."""
    print(f"impasto: {error}", file=sys.stderr)
