"""The wire format between a program and the engine's worker: frames on a pipe.

    frame = header's length, blob's length (two little-endian uint32), header (a JSON object in UTF-8), blob (bytes)

One file for both ends, without Qt, Krita or torch, in the Python of the oldest Krita (3.8).

    to the worker                                       from the worker
    hello {version}                                     hello {protocol, version, options, networks}, ready {device, torch}
    image {job, role, width, height, format}            progress {job, phase, fraction, width, height, seconds, eta}
      or  {job, role, path | net}                       preview {job, width, height} + BGRA, at most 512 px
    rows {job, role, index, y, rows} + pixels           rows {job, y, rows} + pixels in the content's format
    start {job, options, live}                          done {job, seconds, width, height, network}, cancelled {job}
    cancel {job}; the end of the stream means quit      error {job, code, text}
    estimate {width, height, options}                   estimate {width, height, seconds, memory, tile} or {text}
    nets {}                                             nets {nets}: of each its name, title and thumbnail; also after ready
    patch {job, x, y, width, height} + BGRA             patch {job, x, y, width, height, last} + BGRA
    settle {job}                                        patch ..., settled {job, done}
    train {job, name, minutes, options}                 progress, preview, done {job, net, steps, seconds}
    finish {job}: keep what has been learned

Pictures travel in stripes of at most STRIPE rows. A role is content, style, mask or region; styles are numbered by `index`, in
the order of their `image` frames. A region says where the second of two styles goes, the first has the rest: what is opaque
of it, or what is light where all of it is; or, as gray8, what is white.

Where the style is a net, the content is painted at once. With `live` (8 bits) the job stays: what changes of the content is
sent as a patch, and comes back as the part of the painting that changes with it, in one or more patches, until the job is
cancelled; `settle` has all of it painted anew, by its own statistics, unless something more pressing arrives meanwhile. What
takes long gives way to that too: then `done` comes without rows, or a patch without pixels, and is to be settled.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

#: Changes whenever one end could misunderstand the other.
PROTOCOL = 3
#: The most rows in one frame: what either end copies without its user noticing.
MAX_STRIPE_ROWS = 256
#: Bytes of a pixel in each format. Channels are in Krita's order, 16 bits are little-endian, colors are sRGB.
PIXEL_BYTES = {"bgra8": 4, "bgra16": 8, "gray8": 1}

_LENGTHS = struct.Struct("<II")
_MAX_HEADER = 1 << 20
_MAX_BLOB = 1 << 28

Header = dict[str, Any]


class FrameError(ValueError):
    """A stream that is not made of frames. Nothing after it can be trusted: close it."""


def encode_frame(header: Header, blob: bytes = b"") -> bytes:
    """A frame, ready to be written."""
    text = json.dumps(header, separators=(",", ":")).encode("ascii")  # what no UTF-8 can say is escaped too
    if len(text) > _MAX_HEADER or len(blob) > _MAX_BLOB:
        raise FrameError(f"a frame of {len(text)} + {len(blob)} bytes is too long")
    return _LENGTHS.pack(len(text), len(blob)) + text + blob


class FrameReader:
    """Takes a stream in pieces of any length and gives its frames."""

    def __init__(self) -> None:
        self._pieces = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[Header, bytes]]:
        """(header, blob) of each frame that is complete with this piece.  Raises FrameError"""
        self._pieces += piece
        while len(self._pieces) >= _LENGTHS.size:
            header_length, blob_length = _LENGTHS.unpack_from(self._pieces)
            if header_length > _MAX_HEADER or blob_length > _MAX_BLOB:
                raise FrameError(f"not a frame: it claims {header_length} + {blob_length} bytes")
            start, middle = _LENGTHS.size, _LENGTHS.size + header_length
            end = middle + blob_length
            if len(self._pieces) < end:
                return
            try:
                header = json.loads(self._pieces[start:middle].decode("utf-8"))
            except (ValueError, RecursionError) as error:
                raise FrameError("not a frame: its header is no JSON") from error
            if not isinstance(header, dict) or type(header.get("job", 0)) is not int:
                raise FrameError("not a frame: its header is no JSON object, or its job no number")
            with memoryview(self._pieces) as view:  # one copy, not two
                blob = bytes(view[middle:end])
            del self._pieces[:end]
            yield header, blob


def stripes(height: int, rows: int = MAX_STRIPE_ROWS) -> Iterator[tuple[int, int]]:
    """(y, rows) of the stripes of a picture, from the top"""
    for y in range(0, height, rows):
        yield y, min(rows, height - y)
