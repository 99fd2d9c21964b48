"""Batches: run one item after another, skip results that exist, and report failures without stopping."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import ImageError, ImpastoError
from ..images.folder import Frame
from ..images.picture import Picture
from ..optimization.recipe import differing_fields
from ..optimization.run import Result, Run, Step
from .rerun import read_recipe


class BatchItem(NamedTuple):
    """A result to make: its file, and the function that creates its run"""

    target: Path
    create_run: Callable[[], Run]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an item: painted, skipped because it exists, or failed"""

    target: Path
    result: Result | Picture | None = None
    error: ImpastoError | None = None

    @property
    def state(self) -> str:
        """`painted`, `there` (it exists already) or `failed`"""
        return "failed" if self.error else "painted" if self.result else "there"


def make_all(targets: Iterable[Path], make: Callable[[Path], Result | Picture | None]) -> Iterator[Outcome]:
    """Make one result after another, and yield their outcomes.

    make: makes and writes a result; None: it exists already. An ImpastoError is the outcome, other exceptions end the loop.
    """
    for target in targets:
        try:
            result = make(target)
        except ImpastoError as error:
            yield Outcome(target, error=error)
        else:
            yield Outcome(target, result)


def run_batch(
    items: Iterable[BatchItem],
    *,
    force: bool = False,
    require_same_recipe: bool = False,
    on_step: Callable[[BatchItem, Run, Step], None],
    save: Callable[[Result, Path], None] = Result.save,
) -> Iterator[Outcome]:
    """Run the items one after another, and yield their outcomes.

    force: replace results that exist; require_same_recipe: a result that exists fails if it has another recipe
    on_step: called after each step; an exception that it raises ends the batch, and no file is left incomplete
    """
    items_by_target = {item.target: item for item in items}

    def make(target: Path) -> Result | None:
        item = items_by_target[target]
        exists = target.exists() and not force
        if exists and not require_same_recipe:
            return None
        run = item.create_run()
        if exists:
            if set(differing_fields(read_recipe(target), run.recipe)) - {"impasto"}:  # the version may differ
                raise ImageError("it exists with other pictures or settings: name another folder, or use --force")
            return None
        step = None
        for step in run.steps():
            on_step(item, run, step)
        assert step is not None
        result = run.result(step)
        save(result, target)
        return result

    return make_all(items_by_target, make)


def output_paths(
    contents: Sequence[Path | Frame], styles: Sequence[Path], folder: Path, suffix: str
) -> dict[Path, tuple[Path | Frame, Path]]:
    """Name the result of each content in each style: CONTENT_STYLE.png, with their suffixes where names would collide.

    Returns target -> content and style.  Raises ImageError: two results would have the same name.
    """

    def unique_names(paths: Sequence[Path | Frame]) -> dict[Path | Frame, str]:
        stems = [path.stem.casefold() for path in paths]  # some file systems ignore case
        unique = {path: stems.count(path.stem.casefold()) == 1 for path in paths}
        return {path: path.stem if unique[path] else path.name.replace(".", "-") for path in paths}

    content_names, style_names = unique_names(contents), unique_names(styles)
    sources: dict[Path, tuple[Path | Frame, Path]] = {}
    for content in contents:
        for style in styles:
            target = folder / f"{content_names[content]}_{style_names[style]}{suffix}"
            if str(target).casefold() in (str(other).casefold() for other in sources):
                raise ImageError(f"two results would be named {target.name!r}: rename a picture")
            sources[target] = content, style
    return sources
