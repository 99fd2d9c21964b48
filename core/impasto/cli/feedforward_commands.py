"""The commands of style networks: `train`, `apply`, `export` and `nets`."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError, OptionError
from ..formatting import format_duration
from ..option_values import parse_number
from ..options import FEEDFORWARD_OPTIONS, Options
from ..runtime.signals import defer_interrupts
from .option_flags import FRAME_SETTINGS, AddCommand, add_option_flags, add_overwrite_flags, given_options
from .output import (
    Interruptible,
    format_suffix,
    output_picture,
    print_json,
    print_message,
    print_outcomes,
    refuse_overwrite,
    require_single_process,
    save_or_fall_back,
    write_standard_output,
)
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..experiments.batch import Outcome
    from ..feedforward.stylizer import FeedforwardStylizer, TemporalSmoothing
    from ..images.folder import Frame
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
    apply.add_argument("content", metavar="PHOTO", nargs="+", help="the pictures to paint, folders of them, or a film")
    apply.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        required=True,
        help="a file for one picture or film, a folder, or - (standard output)",
    )
    apply.add_argument("--format", metavar="SUFFIX", help="in a folder, and with -o -: png (the default), jpg, webp or tif")
    apply.add_argument("--frames", action="store_true", help="stylize all frames of animations, and all pages, into a folder")
    apply.add_argument("--steady", metavar="SHARE", help="for films and their frames: weight of earlier frames, from 0 to 1")
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
    from ..experiments.film import is_film
    from ..feedforward.network import TransformNet
    from ..feedforward.registry import resolve_network
    from ..feedforward.stylizer import FeedforwardStylizer, TemporalSmoothing
    from ..images.folder import expand_frames, find_images

    require_single_process()
    path, output = resolve_network(arguments.net), Path(arguments.output)
    files = find_images(arguments.content)
    films = [file for file in files if is_film(file)]
    defaults = FRAME_SETTINGS if films or arguments.frames or arguments.steady is not None else {}
    options = Options(**{"size": 0, **defaults, **given_options(arguments)})
    if films and len(files) > 1:
        raise OptionError(f"{str(films[0])!r} is a film: stylize films one by one")
    smoothing = None
    if arguments.steady is not None:
        smoothing = TemporalSmoothing(parse_number("steady", arguments.steady, float, 0, None))

    def stylizer() -> FeedforwardStylizer:
        net = TransformNet.load(path)
        return FeedforwardStylizer(net, options, statistics_filter=smoothing, network_name=path.stem)

    if films:
        return _apply_to_film(stylizer, films[0], arguments)
    contents: list[Path | Frame] = expand_frames(files) if arguments.frames else list(files)
    if len(contents) == 1 and (arguments.output == "-" or (not output.is_dir() and output.suffix != "")):
        return _apply_to_picture(stylizer, contents[0], arguments)
    return _apply_to_pictures(stylizer, smoothing, contents, path, arguments)


def _apply_to_picture(make: Callable[[], FeedforwardStylizer], content: Path | Frame, arguments: argparse.Namespace) -> int:
    from ..images.encode import encode_picture

    target = output_picture(arguments)
    stylizer = make()
    start = time.perf_counter()
    picture = stylizer.stylize(content)
    if target is None:
        write_standard_output(encode_picture(picture, format_suffix(arguments), stylizer.recipe))
    else:
        _save_painting(picture, stylizer.recipe, target)
    seconds = time.perf_counter() - start
    if arguments.json:
        print_json({"output": str(target), "state": "painted"})
    print_message(f"{target or 'standard output'}, {picture.size[0]} x {picture.size[1]}, {seconds:.1f} s")
    return 0


def _apply_to_pictures(
    make: Callable[[], FeedforwardStylizer],
    smoothing: TemporalSmoothing | None,
    contents: list[Path | Frame],
    network: Path,
    arguments: argparse.Namespace,
) -> int:
    from ..experiments.batch import make_all, output_paths
    from ..experiments.film import SteadyFrames

    output = Path(arguments.output)
    _require_folder(output, len(contents))
    pairs = output_paths(contents, [network], output, format_suffix(arguments))
    targets = {target: content for target, (content, _) in pairs.items()}
    stylizer = make()
    recipe = stylizer.recipe  # a digest of the whole network: not for each picture
    output.mkdir(parents=True, exist_ok=True)
    frames = None
    if smoothing is not None:
        frames = SteadyFrames(stylizer, smoothing, targets, output, force=arguments.force)

    def make_picture(target: Path) -> Picture | None:
        if frames is not None:
            picture = frames.stylize(target)
        else:
            picture = None if target.exists() and not arguments.force else stylizer.stylize(targets[target])
        if picture is not None:
            _save_painting(picture, recipe, target)
            if frames is not None:
                frames.store(target)
        return picture

    def outcomes() -> Iterator[Outcome]:
        with ProgressBar("painting") as bar:
            for n, outcome in enumerate(make_all(targets, make_picture), 1):
                bar.show(n / len(targets), f"{n} of {len(targets)}")
                yield outcome

    return print_outcomes(outcomes(), len(targets), arguments)[0]


def _save_painting(picture: Picture, recipe: str, target: Path) -> None:
    """Raises ImageError."""
    from ..images.encode import save_picture

    save_or_fall_back(partial(save_picture, picture=picture, recipe=recipe), target, "the painting")


def _apply_to_film(make: Callable[[], FeedforwardStylizer], source: Path, arguments: argparse.Namespace) -> int:
    from ..experiments.film import stylize_film
    from ..runtime.files import ensure_writable

    if arguments.output == "-" or arguments.format is not None:
        raise OptionError("the output of a film is a file, whose name tells its format: name a .mp4, .mkv, .mov or .webm")
    target = refuse_overwrite(ensure_writable(Path(arguments.output)), arguments)
    fraction, start = None, time.perf_counter()
    film = stylize_film(make(), source, target)
    with ProgressBar("painting") as bar, Interruptible() as work, contextlib.closing(film):
        for fraction in film:
            left = format_duration((time.perf_counter() - start) * (1 / fraction - 1))
            bar.show(fraction, f"{left} left")
    if work.interrupted:
        return work.print_stop(fraction, f"{target} is the film so far")
    if arguments.json:
        print_json({"output": str(target), "state": "painted"})
    print_message(f"{target}, {format_duration(time.perf_counter() - start)}")
    return 0


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
