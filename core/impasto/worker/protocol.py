"""The wire format between the worker and the program that started it: frames on a pipe.

    frame = length of header, length of blob (two little-endian uint32), header (a JSON object in UTF-8), blob (bytes)

Both ends use this file. It imports neither Qt, Krita nor torch, and runs on Python 3.8, that of the oldest supported Krita.

    to the worker                                       from the worker
    hello {version}                                     hello {protocol, version, options, networks, finds_faces},
                                                          ready {device, torch}
    image {job, role, width, height, format}            progress {job, phase, fraction, width, height, seconds, eta}
      or  {job, role, path | net}                       preview {job, width, height} + BGRA, at most 512 px
    rows {job, role, index, y, rows} + pixels           rows {job, y, rows} + pixels in the content's format
    start {job, options, live, sequence, whole_side}    done {job, seconds, width, height, network,
      + state                                             can_be_refined} + state, cancelled {job}
    cancel {job}; end of stream: quit                   error {job, code, text}
    estimate {width, height, options}                   estimate {width, height, seconds, memory, tile, size} or {text, size}
    faces {job}: find those of its content              faces {job, faces}: center x and y, two radii and angle of each
    nets {}                                             nets {nets}: name, title, thumbnail and own (whether it is the
    rename_net {name, title}, delete_net {name}           user's) of each; folders: where trained and downloaded networks
                                                          are; also sent after ready and after a change
    patch {job, x, y, width, height} + BGRA             patch {job, x, y, width, height, last} + BGRA
    settle {job}                                        patch ..., settled {job, done}
    train {job, name, minutes, options}                 progress, preview, done {job, net, steps, seconds}
    finish {job}: end training and save the network

Images are sent in stripes of at most MAX_STRIPE_ROWS rows. A role is content, style, mask, region, protect or painting. Styles
are numbered by `index`, in the order of their `image` frames. A region selects the area of the second of two styles; the first
style gets the rest. The area is the region's alpha; its brightness, if the region is opaque; or the values of a gray8 image. A
mask limits where the result shows; a region becomes Options.masks. In the same way, protect marks what is protected, together
with the faces if the option `protect` is faces; the other value that frames may have is none. A painting is an earlier result
that is to get finer strokes; its `image` frame may have the size at which it was painted, painted_width and painted_height. An
estimate has the `size` of its options, if they are valid; its seconds are corrected by what earlier paintings took. If the
content is a part of a picture, `whole_side` is the longest side of that, in pixels: the strokes are as large as the whole
picture would get. The ellipses of `faces` are in parts of the content's longest side.

If the style is a trained network (`net`), the content is stylized in one pass. With `live` (8 bits) the job stays open: a
`patch` updates the content, and the affected part of the painting comes back in one or more patches, until the job is
cancelled. `settle` repaints all of it with its own statistics, unless a more urgent frame arrives meanwhile: `done` is false
then. Long updates yield to urgent frames too: `done` comes without rows, or a patch without pixels; `settle` completes it.

With `sequence: {steady}`, a network paints one picture of a film, smoothly over time. `steady` is the weight of the earlier
pictures, from 0 up to, but not including, 1. `done` has a state, some kilobytes, that goes with the `start` of the next
picture; a `start` without a state begins a film. The worker remembers nothing of a film: a picture that was cancelled or has
failed does not count, other jobs may come in between, and a film can go on in another process. A state of another network or
of other settings is a SequenceError: begin the film again.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Dict, Iterator

#: Incremented whenever one end could misunderstand the other
PROTOCOL = 3
#: Maximum number of rows in one frame: few enough to copy without a noticeable delay
MAX_STRIPE_ROWS = 256
#: Bytes per pixel of each format. Channels are in Krita's order (BGRA), 16 bits are little-endian, colors are sRGB.
PIXEL_BYTES = {"bgra8": 4, "bgra16": 8, "gray8": 1}

_LENGTHS = struct.Struct("<II")
_MAX_HEADER = 1 << 20
_MAX_BLOB = 1 << 28

Header = Dict[str, Any]  # evaluated at import, so not dict[str, Any]: Python 3.8


class FrameError(ValueError):
    """The stream is not a sequence of frames. The rest of it is unusable: close it."""


def encode_frame(header: Header, blob: bytes = b"") -> bytes:
    """Return the bytes of a frame.  Raises FrameError: the header or the blob is too long."""
    text = json.dumps(header, separators=(",", ":")).encode("ascii")  # ASCII escapes also what UTF-8 cannot encode
    if len(text) > _MAX_HEADER or len(blob) > _MAX_BLOB:
        raise FrameError(
            f"a frame of {len(text)} + {len(blob)} bytes is too long: the limits are {_MAX_HEADER} + {_MAX_BLOB} bytes"
        )
    return _LENGTHS.pack(len(text), len(blob)) + text + blob


class FrameReader:
    """Decodes the frames of a stream that arrives in chunks of any length."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[tuple[Header, bytes]]:
        """Yield (header, blob) of each frame that this chunk completes.  Raises FrameError."""
        self._buffer += chunk
        while len(self._buffer) >= _LENGTHS.size:
            header_length, blob_length = _LENGTHS.unpack_from(self._buffer)
            if header_length > _MAX_HEADER or blob_length > _MAX_BLOB:
                raise FrameError(f"not a frame: its lengths are {header_length} + {blob_length} bytes")
            header_start, blob_start = _LENGTHS.size, _LENGTHS.size + header_length
            end = blob_start + blob_length
            if len(self._buffer) < end:
                return
            try:
                header = json.loads(self._buffer[header_start:blob_start].decode("utf-8"))
            except (ValueError, RecursionError) as error:
                raise FrameError("not a frame: its header is not JSON") from error
            if not isinstance(header, dict) or type(header.get("job", 0)) is not int:
                raise FrameError("not a frame: its header is not a JSON object, or its job is not an integer")
            with memoryview(self._buffer) as view:  # one copy, not two
                blob = bytes(view[blob_start:end])
            del self._buffer[:end]
            yield header, blob


def stripes(height: int, rows: int = MAX_STRIPE_ROWS) -> Iterator[tuple[int, int]]:
    """Yield (y, rows) of the stripes of an image, from the top."""
    for y in range(0, height, rows):
        yield y, min(rows, height - y)
