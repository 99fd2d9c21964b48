"""The commands that make many pictures by optimization: `batch` and `paper`."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError, OptionError
from ..options import FIGURE_DEFAULTS, FIGURES, IMAGE_OPTIONS, Options
from ..runtime.signals import defer_interrupts
from .option_flags import (
    BALANCE_OPTIONS,
    FRAME_SETTINGS,
    PICTURE_OPTIONS,
    AddCommand,
    add_folder_flags,
    add_option_flags,
    given_options,
)
from .output import format_suffix, print_outcomes, require_single_process, save_result
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..experiments.batch import BatchItem, Outcome
    from ..optimization.run import Result, Run, Step


def add_commands(command: AddCommand) -> None:
    """Add the commands that make many pictures by optimization."""
    paper = command("paper", paper_command, "make the figures of the paper, as contact sheets and single pictures")
    paper.add_argument("content", metavar="CONTENT", help="the photograph")
    paper.add_argument("style", metavar="STYLE", nargs="+", help="the painting; more than one for the gallery")
    paper.add_argument(
        "--figure",
        metavar="NAME",
        action="append",
        choices=FIGURES,
        help="one of " + ", ".join(FIGURES) + "; repeat for more (default: all)",
    )
    add_folder_flags(paper)
    fixed = ("preset", "content_layers", "style_layers", "init", "seed", "colors", "color_match", "guides")
    excluded = (*fixed, "protect_strength", *BALANCE_OPTIONS, *IMAGE_OPTIONS)
    add_option_flags(paper, exclude=excluded, preset="paper", defaults=FIGURE_DEFAULTS)

    batch = command("batch", batch_command, "paint many pictures in many styles")
    batch.add_argument("--contents", metavar="DIR", nargs="+", required=True, help="folders with pictures, or pictures")
    batch.add_argument("--styles", metavar="DIR", nargs="+", required=True, help="folders with styles, or styles")
    batch.add_argument("--format", metavar="SUFFIX", help="png (the default), jpg, webp or tif")
    batch.add_argument("--frames", action="store_true", help="paint all frames of animations, and all pages")
    add_folder_flags(batch)
    protect = {"protect": "what stays recognizable while it is painted: faces, which are found by themselves, or none"}
    add_option_flags(batch, exclude=("style_weights", *PICTURE_OPTIONS), help_overrides=protect)


def batch_command(arguments: argparse.Namespace) -> int:
    from ..api import create_run
    from ..experiments.batch import BatchItem, output_paths
    from ..images.folder import Frame, expand_frames, find_images
    from ..optimization.cache import ModelCache

    files, styles = find_images(arguments.contents), find_images(arguments.styles)
    contents: list[Path | Frame] = expand_frames(files) if arguments.frames else list(files)
    targets = output_paths(contents, styles, Path(arguments.output), format_suffix(arguments))
    defaults = FRAME_SETTINGS if arguments.frames else {}
    options, cache = Options(**{**defaults, **given_options(arguments)}), ModelCache()
    if options.protect_masks:
        raise OptionError("protect: a mask belongs to one picture; give faces or none here")

    def item(target: Path, content: Path | Frame, style: Path) -> BatchItem:
        return BatchItem(target, lambda: create_run(content, style, options, cache=cache))

    items = [item(target, *pair) for target, pair in targets.items()]
    return _run_all(items, arguments)[0]


def paper_command(arguments: argparse.Namespace) -> int:
    from ..experiments.batch import BatchItem
    from ..experiments.contact_sheet import sheet_from_figure
    from ..experiments.paper_figures import make_figures
    from ..optimization.cache import ModelCache

    folder = Path(arguments.output)
    settings = FIGURE_DEFAULTS | given_options(arguments)
    figures = make_figures(arguments.content, arguments.style, settings, ModelCache())
    selected = {name: figures[name] for name in arguments.figure or FIGURES}
    panels = [panel for figure in selected.values() for row in figure.panels for panel in row]
    targets = {folder / f"{panel.name}.png": panel.create_run for panel in panels}
    items = [BatchItem(target, create_run) for target, create_run in targets.items()]
    status, complete = _run_all(items, arguments, require_same_recipe=True)
    if not complete:
        return status
    for name, figure in selected.items():
        sheet_from_figure(figure, folder).save(folder / f"figure_{name}.png")
        print(folder / f"figure_{name}.png")
    return status


def _run_all(items: list[BatchItem], arguments: argparse.Namespace, *, require_same_recipe: bool = False) -> tuple[int, bool]:
    """Run a batch and print a summary. Returns the exit status, and whether all results exist now."""
    from ..experiments.batch import run_batch
    from ..images.encode import ensure_writable_image

    require_single_process()
    folder = Path(arguments.output)
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise ImageError(f"{str(folder)!r} is a file: name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    for item in items:
        ensure_writable_image(item.target)
    numbers = {item.target: n for n, item in enumerate(items, 1)}
    bars: dict[Path, ProgressBar] = {}

    def show_progress(item: BatchItem, run: Run, step: Step) -> None:
        title = f"{numbers[item.target]} of {len(items)}: {item.target.name}"
        bars.setdefault(item.target, ProgressBar(title)).step(step, run.levels[step.scale].steps)

    deferred_signals: list[int] = []

    def save(result: Result, target: Path) -> None:
        with defer_interrupts() as signals:
            save_result(result, target)
        deferred_signals.extend(signals)

    def outcomes() -> Iterator[Outcome]:
        for outcome in run_batch(
            items, force=arguments.force, require_same_recipe=require_same_recipe, on_step=show_progress, save=save
        ):
            if outcome.target in bars:
                bars.pop(outcome.target).close()
            yield outcome
            for number in deferred_signals:
                signal.raise_signal(number)

    return print_outcomes(outcomes(), len(items), arguments)
