"""Many paintings with one network: what is there already is left, what fails is told, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import ImageError, ImpastoError
from ..optimization.recipe import differing_fields
from ..optimization.run import Result, Run, Step
from .rerun import read_recipe


class BatchItem(NamedTuple):
    """A painting to be made"""

    target: Path
    make: Callable[[], Run]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of an item: painted now, there already, or failed for a reason."""

    target: Path
    result: Result | None = None
    error: ImpastoError | None = None

    @property
    def state(self) -> str:
        return "failed" if self.error else "painted" if self.result else "there"


def run_batch(
    items: Iterable[BatchItem],
    *,
    force: bool = False,
    same: bool = False,
    watch: Callable[[BatchItem, Run, Step], None],
    save: Callable[[Result, Path], None] = Result.save,
) -> Iterator[Outcome]:
    """Paint one after another. `watch` is called after each step; what it raises ends the batch, with nothing half written.

    same: what is there has to be what would be painted, and has failed if it is not
    """
    for item in items:
        there = item.target.exists() and not force
        if there and not same:
            yield Outcome(item.target)
            continue
        try:
            run = item.make()
            if there:
                if set(differing_fields(read_recipe(item.target), run.recipe)) - {"impasto"}:  # whatever version painted it
                    raise ImageError("it is there, of other pictures or settings: name another folder, or --force")
                yield Outcome(item.target)
                continue
            step = None
            for step in run.steps():
                watch(item, run, step)
            assert step is not None
            result = run.result(step)
            save(result, item.target)
        except ImpastoError as error:
            yield Outcome(item.target, error=error)
        else:
            yield Outcome(item.target, result)


def output_paths(contents: Sequence[Path], styles: Sequence[Path], folder: Path, suffix: str) -> dict[Path, tuple[Path, Path]]:
    """Where each content in each style goes: CONTENT_STYLE.png, with the files' endings where two names would be one."""

    def named(paths: Sequence[Path]) -> dict[Path, str]:
        stems = [path.stem.casefold() for path in paths]  # on some disks Photo and photo are one
        alone = {path: stems.count(path.stem.casefold()) == 1 for path in paths}
        return {path: path.stem if alone[path] else path.name.replace(".", "-") for path in paths}

    content_names, style_names = named(contents), named(styles)
    found: dict[Path, tuple[Path, Path]] = {}
    for content in contents:
        for style in styles:
            target = folder / f"{content_names[content]}_{style_names[style]}{suffix}"
            if str(target).casefold() in (str(other).casefold() for other in found):
                raise ImageError(f"two paintings would be called {target.name!r}: rename a picture")
            found[target] = content, style
    return found
