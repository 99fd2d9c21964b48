"""The wire format: frames survive any segmentation of the stream, and anything else is refused."""

from __future__ import annotations

import ast
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.worker import protocol
from impasto.worker.protocol import FrameError, FrameReader, Header, encode_frame, stripes
from tests.robustness.fuzz.cases import cases

names = st.text(max_size=8).filter(lambda name: name != "job")  # "job" must be an integer
headers = st.dictionaries(names, st.integers() | st.text(max_size=20) | st.booleans(), max_size=4)
frame_lists = st.lists(st.tuples(headers, st.binary(max_size=50)), max_size=6)


@pytest.mark.slow
@cases(100)
@given(frames=frame_lists, cuts=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_reader_returns_all_frames_however_the_stream_is_cut(frames: list[tuple[dict, bytes]], cuts: list[int]) -> None:
    stream = b"".join(encode_frame(header, blob) for header, blob in frames)
    reader = FrameReader()
    decoded: list[tuple[Header, bytes]] = []
    while stream:
        for cut in cuts:
            decoded += reader.feed(stream[:cut])
            stream = stream[cut:]
    assert decoded == frames


def test_a_frame_is_two_lengths_a_header_and_a_blob() -> None:
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
def test_a_stream_that_is_not_frames_is_refused(stream: bytes) -> None:
    with pytest.raises(FrameError):
        list(FrameReader().feed(stream))


@cases(100)
@given(height=st.integers(1, 3000), rows=st.integers(1, 300))
def test_stripes_cover_an_image_once(height: int, rows: int) -> None:
    covered = [y for top, count in stripes(height, rows) for y in range(top, top + count)]
    assert covered == list(range(height))
    assert all(count <= rows for _, count in stripes(height, rows))


def test_no_built_in_type_is_subscripted_at_run_time() -> None:
    """`dict[str, Any]` fails on Python 3.8, the oldest that Krita has, except in annotations, which are not evaluated."""
    tree = ast.parse(Path(protocol.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))
    roots = [getattr(node, name, None) for node in ast.walk(tree) for name in ("annotation", "returns")]
    annotations = {node for root in roots if root is not None for node in ast.walk(root)}
    subscripts = [node for node in ast.walk(tree) if isinstance(node, ast.Subscript) and node not in annotations]
    names = [node.value.id for node in subscripts if isinstance(node.value, ast.Name)]
    assert "Dict" in names  # the search finds what it is for
    assert not {"dict", "list", "set", "tuple", "type", "frozenset"} & set(names)
