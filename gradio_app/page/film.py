"""A short film of a painting coming to be, for visitors to share."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from impasto.runtime.files import write_atomic

from . import uploads

#: Longest side in pixels
_MAX_SIDE = 512
#: Frames between the photo and the finished painting
_FRAMES = 30
#: Milliseconds for which the photo, a frame, and the finished painting are shown
_PHOTO_DURATION, _FRAME_DURATION, _PAINTING_DURATION = 300, 56, 1000
#: One picture fades into the next in this fraction of the time between them, where there are few
_FADE = 0.5
#: Width of the soft edge that wipes over the photo, as a fraction of the film's width
_WIPE_EDGE = 0.35
#: Bytes that a film may take
_MAX_BYTES = 1_400_000
#: WebP qualities from the best to the last resort, and effort from 0, the fastest, to 6
_QUALITIES, _METHOD = (80, 70, 60, 50, 40, 30, 20, 10, 0), 2


def write_film(
    photo: Image.Image,
    previews: Sequence[Path],
    painting: Image.Image,
    path: Path,
    *,
    opacity: float = 1.0,
    mask: Image.Image | None = None,
) -> str:
    """Write an endless animated WebP file of 3 s: the photo, the previews, and the painting held at the end; return its path.

    previews: files in the order in which they were painted, of any size; those that cannot be read are left out. Without any,
        the painting is wiped over the photo.
    opacity, mask: how painting and previews are laid over the photo, as by `uploads.blend`; the mask may be of any size
    """
    scale = min(1.0, _MAX_SIDE / max(painting.size))
    size = max(1, round(painting.width * scale)), max(1, round(painting.height * scale))
    photo = _opaque(photo, size)
    mask = None if mask is None else uploads.resize(mask, size)
    pictures = [_opaque(preview, size) for preview in _read(previews)]
    steps = [uploads.blend(photo, picture, opacity, mask) for picture in (*pictures, _opaque(painting, size))]
    between = _fade([photo, *steps]) if pictures else _wipe(photo, steps[-1])
    frames = [photo, *between, steps[-1]]
    durations = [_PHOTO_DURATION, *[_FRAME_DURATION] * (len(frames) - 2), _PAINTING_DURATION]
    write_atomic(path, _encode(frames, durations))
    return str(path)


def _opaque(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize, and lay on white, as previews are."""
    image = uploads.resize(image.convert("RGBA" if image.has_transparency_data else "RGB"), size)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", size, "white"), image).convert("RGB")
    return image


def _read(previews: Sequence[Path]) -> Iterator[Image.Image]:
    """Read at most _FRAMES of these files, evenly chosen from those that exist."""
    existing = [path for path in previews if path.is_file()]
    count = min(len(existing), _FRAMES)
    for number in range(count):
        chosen = existing[number * len(existing) // count]
        with contextlib.suppress(OSError), Image.open(chosen) as image:
            image.load()
            yield image


def _fade(pictures: Sequence[Image.Image]) -> Iterator[Image.Image]:
    """Yield the frames between the first and the last picture, each of which fades into the next."""
    intervals = len(pictures) - 1
    for frame in range(1, _FRAMES + 1):
        position = frame * intervals / (_FRAMES + 1)
        index = min(int(position), intervals - 1)
        share = min(1.0, max(0.0, (position - index - 0.5) / _FADE + 0.5))
        yield Image.blend(pictures[index], pictures[index + 1], share)


def _wipe(photo: Image.Image, painting: Image.Image) -> Iterator[Image.Image]:
    """Yield frames in which the painting spreads over the photo from left to right, behind a soft edge."""
    edge = _WIPE_EDGE * photo.width
    for frame in range(1, _FRAMES + 1):
        share = frame / (_FRAMES + 1)
        eased = share * share * (3 - 2 * share)
        front = eased * (photo.width + edge)
        row = bytes(round(255 * min(1.0, max(0.0, (front - x) / edge))) for x in range(photo.width))
        mask = Image.frombytes("L", (photo.width, 1), row).resize(photo.size, Image.Resampling.NEAREST)
        yield Image.composite(painting, photo, mask)


def _encode(frames: Sequence[Image.Image], durations: Sequence[int]) -> bytes:
    """Encode as an endless film, in the best quality at which it is small enough.  durations: in milliseconds"""
    film = _webp(frames, _QUALITIES[0], durations)
    if len(film) <= _MAX_BYTES:
        return film
    still_size = len(_webp(frames[-1:], _QUALITIES[0]))
    for quality in _QUALITIES[1:]:
        if len(film) * len(_webp(frames[-1:], quality)) <= _MAX_BYTES * still_size:
            break
    return _webp(frames, quality, durations)


def _webp(frames: Sequence[Image.Image], quality: int, durations: Sequence[int] = ()) -> bytes:
    options = {"save_all": True, "append_images": frames[1:], "duration": list(durations), "loop": 0} if durations else {}
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", quality=quality, method=_METHOD, **options)
    return buffer.getvalue()
