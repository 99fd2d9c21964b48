"""The commands that make one picture by optimization. Torch is imported inside functions, so that --help stays fast."""

from __future__ import annotations

import argparse
import dataclasses
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError, OptionError
from ..options import Options
from ..runtime.signals import defer_interrupts
from .option_flags import BALANCE_OPTIONS, PICTURE_OPTIONS, AddCommand, add_option_flags, add_output_flags, given_options
from .output import (
    Interruptible,
    describe_forecast,
    format_suffix,
    json_facts,
    output_picture,
    print_json,
    print_message,
    refuse_overwrite,
    require_single_process,
    save_result,
    save_snapshot,
    snapshot_paths,
)
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..optimization.run import Run

#: Options that need a style
_STYLE_OPTIONS = (
    *("colors", "color_match", "style_layers", "style_loss", "style_weights", "style_scale"),
    *("masks", "style_masks", "guides", "keep", "protect", "protect_strength", *BALANCE_OPTIONS),
)


def add_commands(command: AddCommand) -> None:
    """Add the commands that make one picture by optimization."""
    stylize = command("stylize", stylize_command, "paint a picture in the style of one or more others")
    stylize.add_argument("content", metavar="CONTENT", help="the picture to paint")
    stylize.add_argument("style", metavar="STYLE", nargs="+", help="the picture or pictures whose style to use")
    add_output_flags(stylize)
    stylize.add_argument("--checkpoint", metavar="FILE", help="write the state of the run to FILE at intervals")
    stylize.add_argument(
        "--resume", metavar="FILE", help="resume from a checkpoint, with the same result as without the break"
    )
    add_option_flags(stylize)

    reconstruct = command("reconstruct", reconstruct_command, "reconstruct a picture from one layer of the network")
    reconstruct.add_argument("image", metavar="IMAGE", help="the picture")
    reconstruct.add_argument("--layer", metavar="LAYER", required=True, help="the layer, such as conv4_2")
    add_output_flags(reconstruct)
    add_option_flags(reconstruct, exclude=("content_layers", *_STYLE_OPTIONS), preset="paper", defaults={"init": "noise"})

    texture = command("texture", texture_command, "synthesize a texture in the style of a picture, without content")
    texture.add_argument("style", metavar="STYLE", nargs="+", help="the picture or pictures whose style to use")
    texture.add_argument("--size", metavar="WxH", required=True, help="width and height of the texture in pixels")
    add_output_flags(texture)
    content_options = ("content_layers", "color_match", "keep", "protect", "protect_strength")
    fixed = ("size", "colors", *content_options, *BALANCE_OPTIONS)
    add_option_flags(texture, exclude=fixed, defaults={"init": "noise"})

    rerun = command("rerun", rerun_command, "make a result again from its file, or larger, with finer strokes")
    rerun.add_argument("painting", metavar="OUT", help="a .png, .jpg, .webp or .tif written by impasto")
    rerun.add_argument(
        "--inputs", metavar="DIR", action="append", help="a folder with its pictures, besides its own and the current one"
    )
    add_output_flags(rerun, optional=True)
    add_option_flags(rerun, exclude=("preset", *PICTURE_OPTIONS), recipe=True)


def stylize_command(arguments: argparse.Namespace) -> int:
    options = Options(**given_options(arguments))

    def run() -> Run:
        from ..api import create_run

        resumable = {"checkpoint": arguments.checkpoint, "resume": arguments.resume}
        return create_run(arguments.content, arguments.style, options, **resumable)

    return _run_distributed(run, arguments)


def reconstruct_command(arguments: argparse.Namespace) -> int:
    def run() -> Run:
        from ..api import create_reconstruction_run

        return create_reconstruction_run(arguments.image, arguments.layer, **given_options(arguments))

    return _run_distributed(run, arguments)


def texture_command(arguments: argparse.Namespace) -> int:
    sides = arguments.size.lower().replace("×", "x").split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise OptionError(f"size {arguments.size!r}: give width and height in pixels, such as 1024x768")

    def run() -> Run:
        from ..api import create_texture_run

        return create_texture_run(arguments.style, (int(sides[0]), int(sides[1])), **given_options(arguments))

    return _run_distributed(run, arguments)


def rerun_command(arguments: argparse.Namespace) -> int:
    from ..experiments.rerun import rerun_of

    require_single_process()
    painting = Path(arguments.painting)
    if arguments.output is None:
        arguments.output = str(painting.with_name(f"{painting.stem}_again{painting.suffix}"))
    settings = given_options(arguments)
    folders = [painting.parent, Path(), *map(Path, arguments.inputs or ())]
    return _run_distributed(lambda: rerun_of(painting, folders, settings.pop("weights", None), **settings), arguments)


def _run_distributed(make_run: Callable[[], Run], arguments: argparse.Namespace) -> int:
    """Make a picture; under torchrun, all processes share it and the first one writes it."""
    from ..runtime.distributed import process_group

    with process_group(arguments.device or "auto") as processes:
        if processes.rank:
            arguments.checkpoint = None
            run = make_run()
            run.load_weights()
            deque(run.steps(), maxlen=0)
            return 0
        return _run_and_save(make_run, arguments)


def _run_and_save(make_run: Callable[[], Run], arguments: argparse.Namespace) -> int:
    from ..experiments.loss_plot import LossPoint, ensure_writable_plot, plot_losses
    from ..images.encode import ensure_writable_image

    target = output_picture(arguments)  # fail before the work, not after it
    plot = refuse_overwrite(ensure_writable_plot(arguments.plot), arguments) if arguments.plot else None
    run = make_run()
    width, height, *_ = run.levels[-1]
    if target:
        ensure_writable_image(target, (width, height))
    snapshots = snapshot_paths(target, sum(level.steps for level in run.levels), arguments)
    files = [
        str(path.resolve())
        for path in (target, plot, *snapshots.values(), arguments.checkpoint and Path(arguments.checkpoint))
        if path
    ]
    if len(set(files)) < len(files):
        raise ImageError("output, snapshots, plot and checkpoint need a file each: give them different names")
    with ProgressBar("weights") as bar:
        run.load_weights(bar.bytes)
    print_message(describe_forecast(run))
    kept, curve = None, []
    with ProgressBar("painting") as bar, Interruptible() as work:
        for step in run.steps():
            if kept is None or run.is_rough(kept) or not run.is_rough(step):
                kept = step  # what to keep if the run is interrupted
            total = run.total_steps_at(step)
            bar.step(step, run.levels[step.scale].steps)
            if arguments.json:
                print_json({"step": total} | json_facts(step))
            if total in snapshots:
                result = run.result(step)
                if arguments.save_size == "full":
                    result = dataclasses.replace(result, picture=result.picture.resize(width, height))
                save_snapshot(result, snapshots[total])
            if plot:
                curve.append(LossPoint(total, step.size, step.loss, step.style_loss))
    if kept is None:
        return work.print_stop(None)
    with defer_interrupts():  # only writing is left
        result = run.result(kept)
        save_result(result, target, format_suffix(arguments))
        if plot:
            plot_losses(plot, curve)
        if arguments.json:
            state = {"interrupted": work.interrupted, "size": list(kept.size)}
            print_json({"output": str(target)} | json_facts(result) | state)
        size = f"{kept.size[0]} x {kept.size[1]}"
        name = target or "standard output"
        if work.interrupted:
            return work.print_stop(kept.fraction, f"{name} is the picture so far, {size}")
        print_message(f"{name}, {size}, {result.seconds:.0f} s")
        return 0
