"""The commands of style networks: `train`, `apply`, `export` and `nets`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError
from ..formatting import format_duration
from ..options import FEEDFORWARD_OPTIONS, Options, parse_number
from ..runtime.signals import defer_interrupts
from .option_flags import AddCommand, add_option_flags, add_overwrite_flags
from .output import (
    Interruptible,
    given_options,
    print_json,
    print_message,
    print_outcomes,
    refuse_overwrite,
    require_single_process,
    save_or_fall_back,
)
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..experiments.batch import Outcome
    from ..feedforward.stylizer import FeedforwardStylizer
    from ..images.picture import Picture

#: Options of a training
_TRAINING_OPTIONS = (
    *("preset", "size", "seed", "network", "weights", "pooling", "content_layers", "style_layers", "style_loss"),
    *("tv", "device", "precision", "max_megapixels"),
)
_TRAINING_HELP = {
    "size": "longest side at which the network's strokes have the size of the style's, in pixels",
    "seed": "seed of all random numbers",
}
_APPLY_HELP = {
    "style_scale": "stroke size relative to training, from 0.7 to 1.4; with masks, one for each style",
    "colors": "colors of the result: the style's; the picture's (only lightness is stylized); or the result's, matched to the "
    "picture's (match)",
}
#: Defaults of `apply` and `export`
_APPLY_DEFAULTS = {"size": 0, "strength": 0.5}


def add_commands(command: AddCommand) -> None:
    """Add the commands of style networks."""
    train = command("train", train_command, "train a style network on one or more styles, for instant results")
    train.add_argument("style", metavar="STYLE", nargs="+", help="the pictures with the styles, or folders of them")
    train.add_argument("-o", "--output", metavar="NET", required=True, help="the network: a .safetensors file")
    train.add_argument("--photos", metavar="DIR", nargs="+", help="photographs to train on (default: those of scikit-image)")
    train.add_argument("--minutes", metavar="N", help="training time (default: 20)")
    train.add_argument("--steps", metavar="N", help="maximum number of steps; without --minutes the result is reproducible")
    train.add_argument("--resume", metavar="NET", help="a network of the same styles to train further")
    train.add_argument("--license", metavar="TEXT", default="", help="the license of the styles, stored in the network")
    train.add_argument("--preview", metavar="FILE", help="a picture of the current results, updated every half minute")
    train.add_argument("--plot", metavar="FILE", help="draw the loss over the steps, as a .png")
    add_overwrite_flags(train)
    add_option_flags(train, include=_TRAINING_OPTIONS, help_overrides=_TRAINING_HELP)

    apply = command("apply", apply_command, "stylize pictures with a style network, in one pass")
    apply.add_argument("net", metavar="NET", help="a file written by `impasto train`, or a name listed by `impasto nets`")
    apply.add_argument("content", metavar="PHOTO", nargs="+", help="the pictures to paint, or folders of them")
    apply.add_argument("-o", "--output", metavar="OUT", required=True, help="a file for one picture, a folder for more")
    apply.add_argument("--format", metavar="SUFFIX", help="in a folder, and with -o -: png (the default), jpg, webp or tif")
    apply.add_argument("--steady", metavar="SHARE", help="for the frames of a film: weight of earlier frames, from 0 to 1")
    add_overwrite_flags(apply)
    add_option_flags(apply, include=FEEDFORWARD_OPTIONS, defaults=_APPLY_DEFAULTS, help_overrides=_APPLY_HELP)

    export = command("export", export_command, "export a style network as ONNX")
    export.add_argument("net", metavar="NET", help="a file written by `impasto train`, or a name listed by `impasto nets`")
    export.add_argument("--onnx", dest="output", metavar="OUT", required=True, help="the .onnx file")
    export.add_argument("--force", action="store_true", help="replace an existing file")
    add_option_flags(
        export,
        include=("strength", "style_weights", "style_scale"),
        defaults=_APPLY_DEFAULTS,
        help_overrides=_APPLY_HELP,
    )

    nets = command("nets", networks_command, "list the bundled style networks and your own, or the ones named")
    nets.add_argument("net", metavar="NET", nargs="*", help="files written by `impasto train`, or names")


def train_command(arguments: argparse.Namespace) -> int:
    from ..experiments.loss_plot import ensure_writable_plot, plot_lines
    from ..feedforward.network import Style, TransformNet
    from ..feedforward.photos import photos_from_folders, sample_photos
    from ..feedforward.training import DEFAULT_MINUTES, Trainer, TrainingStep
    from ..feedforward.training_session import TrainingSession
    from ..images.encode import ensure_writable_image, save_picture
    from ..images.folder import find_images
    from ..images.picture import read_picture

    require_single_process()
    target = _output_file(arguments.output, ".safetensors", "a network", arguments)
    preview = refuse_overwrite(ensure_writable_image(arguments.preview), arguments) if arguments.preview else None
    plot = refuse_overwrite(ensure_writable_plot(arguments.plot), arguments) if arguments.plot else None
    if preview and plot and preview.resolve() == plot.resolve():
        raise ImageError("preview and plot need a file each: give them different names")
    limits = {}
    if arguments.steps is not None:
        limits["count"] = parse_number("steps", arguments.steps, int, 1, None)
    if arguments.minutes is not None or not limits:
        limits["seconds"] = 60 * parse_number("minutes", arguments.minutes or DEFAULT_MINUTES, float, 0.01, None)
    options = Options(**given_options(arguments))
    resume = TransformNet.load(arguments.resume) if arguments.resume else None
    paths = find_images(arguments.style)
    styles = [read_picture(path, max_megapixels=options.max_megapixels) for path in paths]
    style_info = [
        Style.from_image(path.stem, style.image, arguments.license) for path, style in zip(paths, styles, strict=True)
    ]
    megapixels = options.max_megapixels
    photos = photos_from_folders(arguments.photos, megapixels) if arguments.photos else sample_photos()
    trainer = Trainer(styles, photos, options, style_info=style_info, resume=resume)
    with ProgressBar("weights") as bar:
        trainer.load_weights(bar.bytes)
    print_message(f"{len(styles)} style(s), {len(photos)} photographs")
    curve: dict[int, float] = {}

    def write_preview(step: TrainingStep) -> None:
        if preview:
            save_picture(preview, read_picture(step.preview(photos[0])))
        if plot:
            plot_lines(plot, list(curve), {"loss": (list(curve.values()), "#1c1917")}, "loss, mean over 50 steps")

    session = TrainingSession(trainer, target, **limits, preview=write_preview, on_error=print_message)
    with ProgressBar("training") as bar, Interruptible() as work:
        for step in session.steps():
            left = format_duration(step.seconds * (1 / step.fraction - 1))
            bar.show(step.fraction, f"step {step.steps}, loss {step.loss:.3f}, {left} left")
            curve[step.steps] = step.loss
            if arguments.json:
                print_json({"fraction": step.fraction, "step": step.steps, "seconds": step.seconds, "loss": step.loss})
    last = session.last
    if last is None:
        return work.print_stop(None)
    with defer_interrupts():  # only writing is left
        save_or_fall_back(last.net.save, target, "the network")
        try:
            write_preview(last)
        except ImageError as error:
            print_message(error)
        if work.interrupted:
            saved = f"{target} is the network so far: train it further with --resume {target}"
            return work.print_stop(last.fraction, saved)
        print_message(f"{target}, {last.steps} steps in {format_duration(last.seconds)}, loss {last.loss:.3f}")
        return 0


def apply_command(arguments: argparse.Namespace) -> int:
    from ..experiments.batch import make_all, output_paths
    from ..feedforward.network import TransformNet
    from ..feedforward.registry import resolve_network
    from ..feedforward.stylizer import FeedforwardStylizer, TemporalSmoothing
    from ..images.encode import SAVE_FORMATS, ensure_writable_image
    from ..images.folder import find_images

    require_single_process()
    path, output = resolve_network(arguments.net), Path(arguments.output)
    options = Options(**{"size": 0, **given_options(arguments)})
    contents = find_images(arguments.content)
    single = len(contents) == 1 and not output.is_dir() and output.suffix != ""
    if single:
        targets = {refuse_overwrite(ensure_writable_image(output), arguments): contents[0]}
    else:
        _require_folder(output, len(contents))
        suffix = f".{arguments.format.lstrip('.')}"
        targets = {target: pair[0] for target, pair in output_paths(contents, [path], output, suffix).items()}
    smoothing = None
    if arguments.steady is not None:
        smoothing = TemporalSmoothing(parse_number("steady", arguments.steady, float, 0, None))
    net = TransformNet.load(path)
    stylizer = FeedforwardStylizer(net, options, statistics_filter=smoothing, network_name=path.stem)
    recipe = stylizer.recipe
    if single:
        ((target, content),) = targets.items()
        start = time.perf_counter()
        picture = _stylize_file(stylizer, content, target, recipe)
        seconds = time.perf_counter() - start
        if arguments.json:
            print_json({"output": str(target), "state": "painted"})
        print_message(f"{target}, {picture.size[0]} x {picture.size[1]}, {seconds:.1f} s")
        return 0
    if suffix.lower() not in SAVE_FORMATS:
        raise ImageError(f"no format {arguments.format!r}: choose png, jpg, webp or tif")
    output.mkdir(parents=True, exist_ok=True)

    def make(target: Path) -> Picture | None:
        if target.exists() and not arguments.force:
            return None
        return _stylize_file(stylizer, targets[target], target, recipe)

    def outcomes() -> Iterator[Outcome]:
        with ProgressBar("painting") as bar:
            for n, outcome in enumerate(make_all(targets, make), 1):
                bar.show(n / len(targets), f"{n} of {len(targets)}")
                yield outcome

    return print_outcomes(outcomes(), len(targets), arguments)[0]


def _stylize_file(stylizer: FeedforwardStylizer, content: Path, target: Path, recipe: str) -> Picture:
    """Stylize a picture file, write the result and return it.  Raises ImpastoError."""
    from ..images.encode import save_picture

    picture = stylizer.stylize(content)
    save_or_fall_back(partial(save_picture, picture=picture, recipe=recipe), target, "the painting")
    return picture


def export_command(arguments: argparse.Namespace) -> int:
    import torch

    from ..feedforward.network import TransformNet
    from ..feedforward.onnx_export import export_onnx
    from ..feedforward.registry import resolve_network
    from ..feedforward.stylizer import FeedforwardStylizer

    require_single_process()
    target = _output_file(arguments.output, ".onnx", "an ONNX file", arguments)
    net = TransformNet.load(resolve_network(arguments.net))
    stylizer = FeedforwardStylizer(net, Options(**given_options(arguments)))
    with torch.no_grad():
        export_onnx(net, stylizer.style_modulation(), target)
    print_message(f"{target}, {target.stat().st_size / 1e6:.1f} MB")
    return 0


def networks_command(arguments: argparse.Namespace) -> int:
    from ..feedforward.network import TransformNet
    from ..feedforward.registry import available_networks, resolve_network, user_folder

    paths = [resolve_network(name) for name in arguments.net] or list(available_networks().values())
    for path in paths:
        net = TransformNet.load(path)
        info = net.training_info
        print(f"{path if arguments.net else path.stem}  {path.stat().st_size / 1e6:.2f} MB")
        for style in net.styles:
            print(f"  {style.name}" + (f"  ({style.license})" if style.license else ""))
        if info:
            training = f"{info.get('steps')} steps in {info.get('minutes')} min on {info.get('photos')} photographs"
            print(f"  {training}, loss {info.get('loss')}")
    if not arguments.net:
        print_message(f"your own networks are in {user_folder()}")
    return 0


def _output_file(name: str, suffix: str, kind: str, arguments: argparse.Namespace) -> Path:
    """Return the output path if it can be written.  Raises ImageError."""
    from ..runtime.files import ensure_writable

    if Path(name).suffix.lower() != suffix:
        raise ImageError(f"{name!r}: {kind} needs the suffix {suffix}")
    return refuse_overwrite(ensure_writable(Path(name)), arguments)


def _require_folder(output: Path, count: int) -> None:
    """Raises ImageError: the output of several pictures is a file."""
    from ..images.encode import SAVE_FORMATS

    is_file = output.exists() and not output.is_dir()
    if is_file or (not output.exists() and output.suffix.lower() in SAVE_FORMATS):
        raise ImageError(f"{str(output)!r} is a file, and there are {count} pictures: name a folder")
