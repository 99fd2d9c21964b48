"""TODO-DOC cli.batch_commands"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ImageError
from ..options import FIGURE_DEFAULTS, FIGURES, Options
from ..runtime.signals import defer_interrupts
from .output import given_options, json_facts, print_json, print_summary, require_single_process, save_result
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..optimization.run import Result, Run, Step


def batch_command(arguments: argparse.Namespace) -> int:
    from ..api import create_run
    from ..experiments.batch import BatchItem, output_paths
    from ..images.folder import find_images
    from ..optimization.cache import ModelCache

    contents, styles = find_images(arguments.contents), find_images(arguments.styles)
    targets = output_paths(contents, styles, Path(arguments.output), f".{arguments.format.lstrip('.')}")
    options, warm = Options(**given_options(arguments)), ModelCache()

    def item(target: Path, content: Path, style: Path) -> BatchItem:
        return BatchItem(target, lambda: create_run(str(content), str(style), options, cache=warm))

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
    wanted = {name: figures[name] for name in arguments.figure or FIGURES}
    panels = {folder / f"{panel.name}.png": panel.make for figure in wanted.values() for row in figure.panels for panel in row}
    status, complete = _run_all([BatchItem(*each) for each in panels.items()], arguments, same=True)
    if not complete:
        return status
    for name, figure in wanted.items():
        sheet_from_figure(figure, folder).save(folder / f"figure_{name}.png")
        print(folder / f"figure_{name}.png")
    return status


def _run_all(items: list[Any], arguments: argparse.Namespace, *, same: bool = False) -> tuple[int, bool]:
    """Paint a batch and sum it up: the exit status, and whether all of it is there; `same`: as it would be painted now."""
    from ..experiments.batch import BatchItem, run_batch
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

    def watch(item: BatchItem, run: Run, step: Step) -> None:
        title = f"{numbers[item.target]} of {len(items)}: {item.target.name}"
        bars.setdefault(item.target, ProgressBar(title)).step(step, run.levels[step.scale].steps)

    stops: list[int] = []

    def save(result: Result, target: Path) -> None:
        with defer_interrupts() as came:
            save_result(result, target)
        stops.extend(came)

    count = {"painted": 0, "there": 0, "failed": 0}
    interrupted = None
    try:
        for outcome in run_batch(items, force=arguments.force, same=same, watch=watch, save=save):
            if outcome.target in bars:
                bars.pop(outcome.target).close()
            count[outcome.state] += 1
            if outcome.error:
                print(f"impasto: {outcome.target.name} failed: {outcome.error}", file=sys.stderr)
            if arguments.json:
                facts = (
                    json_facts(outcome.result) if outcome.result else {"error": str(outcome.error)} if outcome.error else {}
                )
                print_json({"output": str(outcome.target), "state": outcome.state} | facts)
            for each in stops:
                signal.raise_signal(each)
    except KeyboardInterrupt as stop:
        interrupted = stop
    return print_summary(count, len(items), folder, interrupted), not (interrupted or count["failed"])
