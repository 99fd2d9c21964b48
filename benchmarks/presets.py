"""Compare the presets at equal time: style and content distance of their results.

    python benchmarks/presets.py FOLDER CONTENT STYLE [CONTENT STYLE]...

The time is that of the preset `impasto` at normal quality. A preset without a pyramid is stopped when the time is over; one
with a pyramid gets as many steps per level as fit. Style distances use layers that no preset optimizes (picture_quality.py).
Because presets preserve the content to different degrees, `impasto` runs at several strengths; the last column is its style
distance at no more than the preset's content distance, interpolated linearly between strengths. The pictures go to FOLDER.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from itertools import pairwise
from pathlib import Path

import picture_quality

from impasto.optimization.cache import ModelCache
from impasto.optimization.run import Run, Step
from impasto.presets import PRESETS

SIZE = 384
STRENGTHS = (0.35, 0.5, 0.74, 0.98)
OTHERS = ("paper", "johnson", "gatys2017", "crowson")


def run_for(run: Run, seconds: float) -> Step:
    """Run until the time is over; return the last step."""
    start = time.perf_counter()
    for last in run.steps():
        if time.perf_counter() - start > seconds:
            return last
    return last


def steps_that_fit(content: str, style: str, preset: str, seconds: float, warm: ModelCache) -> int:
    """The number of steps per pyramid level that fit into the time, estimated from a run of three"""
    saved = PRESETS[preset]
    PRESETS[preset] = dataclasses.replace(saved, steps=3)
    try:
        run = Run(content, style, preset=preset, size=SIZE, cache=warm)
        elapsed, previous = 0.0, time.perf_counter()
        for step in run.steps():
            now = time.perf_counter()
            elapsed, previous = elapsed + (now - previous if step.iteration > 1 else 0), now
    finally:
        PRESETS[preset] = saved
    return max(2, round(seconds / (elapsed / 2)))


def main(folder: Path, pictures: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    warm = ModelCache()
    for content, style in zip(pictures[::2], pictures[1::2], strict=True):
        pair = f"{Path(content).stem}_{Path(style).stem}"

        def score(
            run: Run, step: Step, name: str, content: str = content, style: str = style, pair: str = pair
        ) -> tuple[float, float, float]:
            path = folder / f"{pair}_{name}.png"
            run.result(step).save(path)
            return picture_quality.scores(content, style, str(path))

        front, seconds = [], 0.0
        for strength in STRENGTHS:
            run = Run(content, style, size=SIZE, strength=strength, cache=warm)
            start = time.perf_counter()
            last = run_for(run, float("inf"))
            seconds = max(seconds, time.perf_counter() - start)
            front.append(score(run, last, f"impasto_{strength}"))
        print(f"{pair}, {seconds:.0f} s each\n")
        print("| preset | style | content | patches | impasto's style at this content |\n|---|---|---|---|---|")
        for strength, (style_distance, content_distance, patches) in zip(STRENGTHS, front, strict=True):
            print(
                f"| impasto, strength {strength} | {style_distance:.3f} | {content_distance:.3f} | {patches:.2f} | |",
                flush=True,
            )
        for preset in OTHERS:
            if PRESETS[preset].values["ladder"]:
                steps = steps_that_fit(content, style, preset, seconds, warm)
                PRESETS[preset] = dataclasses.replace(PRESETS[preset], steps=steps)
            run = Run(content, style, preset=preset, size=SIZE, cache=warm)
            style_distance, content_distance, patches = score(run, run_for(run, seconds), preset)
            interpolated = style_distance_at(front, content_distance)
            own = "content closer than any" if interpolated is None else f"{interpolated:.3f}"
            print(f"| {preset} | {style_distance:.3f} | {content_distance:.3f} | {patches:.2f} | {own} |", flush=True)
        print()


def style_distance_at(front: list[tuple[float, float, float]], content: float) -> float | None:
    """The smallest style distance at no more than a content distance, interpolated linearly; None if there is none"""
    best = [style_distance for style_distance, content_distance, _ in front if content_distance <= content]
    for (low_style, low, _), (high_style, high, _) in pairwise(front):
        if low < content < high:
            best.append(low_style + (high_style - low_style) * (content - low) / (high - low))
    return min(best, default=None)


if __name__ == "__main__":
    if len(sys.argv) < 4 or len(sys.argv) % 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
