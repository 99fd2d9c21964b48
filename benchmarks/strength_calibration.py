"""Whether strength means the same: content and style distance of paintings, by strength and by size.

    python benchmarks/strength_calibration.py CONTENT STYLE [CONTENT STYLE]...

Distances as in picture_quality.py, of the saved file. Downwards the content distance has to rise and the style distance to fall; across
the sizes, at 0.5, the content distances have to be within 25 % of each other.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import impasto
import picture_quality
from impasto.optimization.cache import ModelCache

STRENGTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
SIZES = (256, 512, 768)
#: The strengths are told apart in a draft as well; the sizes are compared as they are usually painted.
QUALITY = "draft"


def distances(content: str, style: str, warm: ModelCache, **settings: object) -> tuple[float, float]:
    """(style, content)"""
    run = impasto.engine.Run(content, style, warm=warm, **settings)
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
        found = [distances(content, style, warm, size=SIZES[0], quality=QUALITY, strength=strength) for strength in STRENGTHS]
        for strength, (apart, kept) in zip(STRENGTHS, found, strict=True):
            print(f"| {strength} | {kept:.3f} | {apart:.3f} |", flush=True)
        ordered = found == sorted(found, key=lambda pair: pair[1]) == sorted(found, key=lambda pair: -pair[0])
        print(f"\n{'in order' if ordered else 'NOT in order'}\n\n| size | content at 0.5 |\n|---|---|")
        kept = [distances(content, style, warm, size=size)[1] for size in SIZES]
        for size, value in zip(SIZES, kept, strict=True):
            print(f"| {size} | {value:.3f} |", flush=True)
        print(f"\nwithin {max(kept) / min(kept) - 1:.0%}\n")


if __name__ == "__main__":
    if len(sys.argv) < 3 or not len(sys.argv) % 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
