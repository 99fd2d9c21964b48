"""What arrives at the worker: streams that are cut, bent or made up. It answers in frames, says what is wrong, and ends."""

from __future__ import annotations

import contextlib
import io
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto import OptionError
from impasto.optimization.cache import ModelCache
from impasto.worker.protocol import PIXEL_BYTES, FrameError, FrameReader, Header, encode_frame
from impasto.worker.server import Worker
from tests.conftest import scene
from tests.feedforward.helpers import random_net
from tests.robustness.fuzz.cases import anything, cases, damaged

SIDE = 20
PIXELS = bytes(scene(SIDE, SIDE).tobytes() + bytes(SIDE * SIDE))
SETTINGS = {"size": 32, "iterations": 1, "ladder": False, "device": "cpu", "precision": "float32", "network": "vgg16"}


def job(number: int = 1) -> list[tuple[Header, bytes]]:
    """All frames of a job"""
    about = {"job": number, "width": SIDE, "height": SIDE, "format": "bgra8"}
    frames: list[tuple[Header, bytes]] = [({"op": "hello", "version": "0"}, b"")]
    for role in ("content", "style"):
        frames.append(({"op": "image", "role": role, **about}, b""))
        frames.append(({"op": "rows", "job": number, "role": role, "index": 0, "y": 0, "rows": SIDE}, PIXELS))
    frames.append(({"op": "estimate", "width": SIDE, "height": SIDE, "options": SETTINGS}, b""))
    return [*frames, ({"op": "start", "job": number, "options": SETTINGS}, b"")]


def live_job(number: int = 1) -> list[tuple[Header, bytes]]:
    """All frames of one that stays, by a net"""
    about = {"job": number, "width": SIDE, "height": SIDE, "format": "bgra8"}
    patch = {"op": "patch", "job": number, "x": 3, "y": 4, "width": 5, "height": 2}
    return [
        ({"op": "image", "role": "content", **about}, b""),
        ({"op": "rows", "job": number, "role": "content", "index": 0, "y": 0, "rows": SIDE}, PIXELS),
        ({"op": "image", "job": number, "role": "style", "net": "waves"}, b""),
        ({"op": "start", "job": number, "options": {"device": "cpu"}, "live": True}, b""),
        (patch, bytes(40)),
        ({"op": "settle", "job": number}, b""),
        ({"op": "nets"}, b""),
        (patch, bytes(40)),
    ]


@pytest.fixture
def waves(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A net of the user's; nothing to learn another by"""
    folder = tmp_path_factory.mktemp("nets")
    random_net(1, blocks=1).save(folder / "waves.safetensors")
    monkeypatch.setenv("IMPASTO_NETS", str(folder))

    def none() -> None:
        raise OptionError("no photographs to learn on")

    monkeypatch.setattr("impasto.feedforward.photos.sample_photos", none)


class Outgoing(io.BytesIO):
    def frames(self) -> list[tuple[Header, bytes]]:
        return list(FrameReader().feed(self.getvalue()))


def answers(stream: bytes, monkeypatch: pytest.MonkeyPatch) -> list[Header]:
    """What a worker says to a stream, to its end"""
    monkeypatch.setattr(Worker, "_warm_up", lambda self: ModelCache())
    outgoing, ended = Outgoing(), []
    assert Worker(io.BytesIO(stream), outgoing, on_disconnect=lambda: ended.append(True)).serve() == 0
    assert ended == [True]
    said = [header for header, _ in outgoing.frames()]
    assert said[0]["op"] == "hello"
    for header in said:
        assert "\n" not in header.get("text", "")
        assert header.get("code") != "internal", header
    return said


WHOLE = b"".join(encode_frame(*frame) for frame in job())


@pytest.mark.usefixtures("tiny")
def test_the_job_that_is_bent_is_done_when_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [header["op"] for header in answers(WHOLE, monkeypatch)][-1] == "done"


@cases(2500)
@given(stream=damaged(WHOLE))
def test_a_bent_stream_is_frames_or_a_frame_error(stream: bytes) -> None:
    reader, found = FrameReader(), []
    with contextlib.suppress(FrameError):
        for at in range(0, len(stream), 997):
            found += reader.feed(stream[at : at + 997])
    assert all(isinstance(header, dict) and isinstance(blob, bytes) for header, blob in found)


@cases(150)
@given(stream=damaged(WHOLE))
@pytest.mark.usefixtures("tiny")
def test_a_bent_stream_is_answered(stream: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(stream, monkeypatch)


OPS = ("image", "rows", "start", "cancel", "estimate", "hello", "patch", "settle", "train", "finish", "nets")
_headers = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(OPS) | anything,
        "job": st.integers(0, 2),
        "role": st.sampled_from(("content", "style", "mask", "region")) | anything,
        "index": st.integers(-1, 2) | anything,
        "width": st.integers(-1, 40) | anything,
        "height": st.integers(-1, 40) | anything,
        "format": st.sampled_from(sorted(PIXEL_BYTES)) | anything,
        "x": st.integers(-1, 40) | anything,
        "y": st.integers(-1, 40) | anything,
        "net": st.sampled_from(("waves", "/nowhere/gone", "", "a\0b")) | anything,
        "live": anything,
        "name": anything,
        "minutes": anything,
        "rows": st.integers(-1, 40) | anything,
        "path": st.sampled_from(("/nowhere/gone.png", "/", "a\0b", "")),
        "options": st.dictionaries(st.sampled_from(("masks", "tv", "colors", "x")), anything).map(lambda some: SETTINGS | some)
        | anything.filter(lambda value: not isinstance(value, dict)),  # one could ask for a large painting
    },
)


@cases(300)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(job()) - 1), _headers, st.booleans()), max_size=3),
    more=st.lists(_headers, max_size=4),
)
@pytest.mark.usefixtures("tiny", "waves")
def test_headers_that_say_anything_are_answered(
    changes: list[tuple[int, Header, bool]], more: list[Header], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = job()
    for at, header, whole in changes:
        frames[at] = (header if whole else frames[at][0] | header), frames[at][1]
    frames[-1:-1] = [(header, b"") for header in more]
    answers(b"".join(encode_frame(*frame) for frame in frames), monkeypatch)


@pytest.mark.usefixtures("waves")
def test_the_live_job_that_is_bent_follows_when_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.worker.live_task._PREEMPT_SECONDS", math.inf)
    ops = [header["op"] for header in answers(b"".join(encode_frame(*frame) for frame in live_job()), monkeypatch)]
    assert ops[1:] == ["rows", "done", "patch", "settled", "nets", "patch"]  # all has come already: it does not settle


@cases(200)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(live_job()) - 1), _headers, st.binary(max_size=80)), min_size=1, max_size=3),
)
@pytest.mark.usefixtures("tiny", "waves")
def test_a_live_job_that_is_bent_is_answered(
    changes: list[tuple[int, Header, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = live_job()
    for at, header, blob in changes:
        frames[at] = frames[at][0] | header, blob or frames[at][1]
    answers(b"".join(encode_frame(*frame) for frame in frames), monkeypatch)


@pytest.mark.parametrize("number", ["1", 1.5, None, [1], {"a": 1}, True, float("nan"), "\ud800"])
def test_a_job_that_is_no_number_is_no_frame(number: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"op": "cancel", "job": number}).encode()
    said = answers(struct.pack("<II", len(text), 0) + text, monkeypatch)
    assert said[-1]["code"] == "FrameError"


def test_half_a_character_comes_through() -> None:
    header = {"op": "error", "job": 1, "text": "what is \ud800?"}
    assert list(FrameReader().feed(encode_frame(header))) == [(header, b"")]
