"""The presets against each other, at equal time: style and content distance of what each has painted by then.

    python benchmarks/presets.py FOLDER CONTENT STYLE [CONTENT STYLE]...

Time is what `impasto` takes at its usual quality. A preset without a ladder is stopped when it is over; one with a ladder of
its own gets as many steps on every rung as fit. The style distance is on layers that no preset optimizes (picture_quality.py). A preset
that keeps more of the content is to be compared at no more than its content distance: `impasto` is painted at several
strengths, and the last column is its style distance there, on a straight line between two strengths where it has to be. The
pictures go to FOLDER.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from pathlib import Path

import picture_quality
from impasto.optimization.cache import ModelCache
from impasto.optimization.run import Run, Step
from impasto.presets import PRESET_STEPS, PRESETS

SIZE = 384
STRENGTHS = (0.35, 0.5, 0.74, 0.98)
OTHERS = ("paper", "johnson", "gatys2017", "crowson")


def within(run: Run, seconds: float) -> Step:
    """The last step of a run that begins before the time is over"""
    started = time.perf_counter()
    for last in run.steps():
        if time.perf_counter() - started > seconds:
            return last
    return last


def fitting(content: str, style: str, preset: str, seconds: float, warm: ModelCache) -> int:
    """As many steps on every rung of a preset's ladder as fit into a time"""
    before = PRESET_STEPS[preset]
    PRESET_STEPS[preset] = 3
    try:
        run = Run(content, style, preset=preset, size=SIZE, warm=warm)
        took, began = 0.0, time.perf_counter()
        for step in run.steps():
            now = time.perf_counter()
            took, began = took + (now - began if step.iteration > 1 else 0), now
    finally:
        PRESET_STEPS[preset] = before
    return max(2, round(seconds / (took / 2)))


def main(folder: Path, pictures: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    warm = ModelCache()
    for content, style in zip(pictures[::2], pictures[1::2], strict=True):
        pair = f"{Path(content).stem}_{Path(style).stem}"

        def scored(run: Run, step: Step, name: str, content: str = content, style: str = style, pair: str = pair) -> tuple:
            path = folder / f"{pair}_{name}.png"
            run.result(step).save(path)
            return picture_quality.scores(content, style, str(path))

        front, seconds = [], 0.0
        for strength in STRENGTHS:
            run = Run(content, style, size=SIZE, strength=strength, warm=warm)
            began = time.perf_counter()
            last = within(run, float("inf"))
            seconds = max(seconds, time.perf_counter() - began)
            front.append(scored(run, last, f"impasto_{strength}"))
        print(f"{pair}, {seconds:.0f} s each\n")
        print("| preset | style | content | patches | impasto's style at that content |\n|---|---|---|---|---|")
        for strength, (apart, kept, patches) in zip(STRENGTHS, front, strict=True):
            print(f"| impasto, strength {strength} | {apart:.3f} | {kept:.3f} | {patches:.2f} | |", flush=True)
        for preset in OTHERS:
            if PRESETS[preset]["ladder"]:
                PRESET_STEPS[preset] = fitting(content, style, preset, seconds, warm)
            run = Run(content, style, preset=preset, size=SIZE, warm=warm)
            apart, kept, patches = scored(run, within(run, seconds), preset)
            there = at(front, kept)
            told = "it keeps more than any" if there is None else f"{there:.3f}"
            print(f"| {preset} | {apart:.3f} | {kept:.3f} | {patches:.2f} | {told} |", flush=True)
        print()


def at(front: list[tuple[float, float, float]], content: float) -> float | None:
    """The least style distance that is had at no more than a content distance, between neighbors on a straight line"""
    best = [apart for apart, kept, _ in front if kept <= content]
    for (low_style, low, _), (high_style, high, _) in pairwise(front):
        if low < content < high:
            best.append(low_style + (high_style - low_style) * (content - low) / (high - low))
    return min(best, default=None)


if __name__ == "__main__":
    if len(sys.argv) < 4 or len(sys.argv) % 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
