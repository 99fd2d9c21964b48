"""Check the calibration of `strength`: content and style distance by strength and by size.

    python benchmarks/strength_calibration.py CONTENT STYLE [CONTENT STYLE]...

Distances as in picture_quality.py, of the saved file. With rising strength the content distance must rise and the style
distance must fall; across sizes, at strength 0.5, the content distances must lie within 25 % of each other.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import picture_quality

from impasto.api import create_run
from impasto.optimization.cache import ModelCache

STRENGTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
SIZES = (256, 512, 768)
#: Strengths are compared in draft quality, which separates them as well; sizes in normal quality.
QUALITY = "draft"


def distances(content: str, style: str, warm: ModelCache, **settings: Any) -> tuple[float, float]:
    """Style and content distance of the result"""
    run = create_run(content, style, cache=warm, **settings)
    for step in run.steps():
        last = step
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "painting.png"))
        run.result(last).save(path)
        return picture_quality.scores(content, style, path)[:2]


def main(pictures: list[str]) -> None:
    warm = ModelCache()
    for content, style in zip(pictures[::2], pictures[1::2], strict=True):
        print(f"{Path(content).stem} x {Path(style).stem}\n\n| strength | content | style |\n|---|---|---|")
        pairs = [distances(content, style, warm, size=SIZES[0], quality=QUALITY, strength=strength) for strength in STRENGTHS]
        for strength, (style_distance, content_distance) in zip(STRENGTHS, pairs, strict=True):
            print(f"| {strength} | {content_distance:.3f} | {style_distance:.3f} |", flush=True)
        monotonic = pairs == sorted(pairs, key=lambda pair: pair[1]) == sorted(pairs, key=lambda pair: -pair[0])
        print(f"\n{'monotonic' if monotonic else 'NOT monotonic'}\n\n| size | content at 0.5 |\n|---|---|")
        by_size = [distances(content, style, warm, size=size)[1] for size in SIZES]
        for size, content_distance in zip(SIZES, by_size, strict=True):
            print(f"| {size} | {content_distance:.3f} |", flush=True)
        print(f"\nwithin {max(by_size) / min(by_size) - 1:.0%}\n")


if __name__ == "__main__":
    if len(sys.argv) < 3 or not len(sys.argv) % 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
