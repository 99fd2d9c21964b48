"""The wire format: whatever way a stream is cut, its frames come out; what is no frame is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.worker.protocol import FrameError, FrameReader, encode_frame, stripes
from tests.fuzz.cases import cases

names = st.text(max_size=8).filter(lambda name: name != "job")  # which is a number
plain = st.dictionaries(names, st.integers() | st.text(max_size=20) | st.booleans(), max_size=4)
frames = st.lists(st.tuples(plain, st.binary(max_size=50)), max_size=6)


@cases(100)
@given(frames=frames, cuts=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_a_stream_cut_anywhere_gives_its_frames(frames: list[tuple[dict, bytes]], cuts: list[int]) -> None:
    stream = b"".join(encode_frame(header, blob) for header, blob in frames)
    reader, found = FrameReader(), []
    while stream:
        for cut in cuts:
            found += reader.feed(stream[:cut])
            stream = stream[cut:]
    assert found == frames


def test_the_layout_is_two_lengths_a_header_and_a_blob() -> None:
    header = {"op": "rows", "name": "Bäume"}
    text = b'{"op":"rows","name":"B\\u00e4ume"}'
    assert encode_frame(header, b"abc") == struct.pack("<II", len(text), 3) + text + b"abc"


@pytest.mark.parametrize(
    "stream",
    [
        struct.pack("<II", 2**31, 0),
        struct.pack("<II", 2, 2**31) + b"{}",
        struct.pack("<II", 2, 0) + b"[]",
        struct.pack("<II", 4, 0) + b"{...",
        struct.pack("<II", 2, 0) + b"\xff\xfe",
        struct.pack("<II", 200_000, 0) + b"[" * 200_000,
        b"hello, this is a library's print\n",
    ],
)
def test_what_is_no_frame_is_refused(stream: bytes) -> None:
    with pytest.raises(FrameError):
        list(FrameReader().feed(stream))


@cases(100)
@given(height=st.integers(1, 3000), rows=st.integers(1, 300))
def test_stripes_cover_a_picture_once(height: int, rows: int) -> None:
    covered = [y for top, count in stripes(height, rows) for y in range(top, top + count)]
    assert covered == list(range(height))
    assert all(count <= rows for _, count in stripes(height, rows))
