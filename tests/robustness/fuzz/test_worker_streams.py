"""Damaged and random input to the worker: it answers in frames, names the error in one line, and ends."""

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
from tests.robustness.fuzz.cases import cases, damaged, json_values

SIDE = 20
PIXELS = bytes(scene(SIDE, SIDE).tobytes() + bytes(SIDE * SIDE))
SETTINGS = {"size": 32, "iterations": 1, "ladder": False, "device": "cpu", "precision": "float32", "network": "vgg16"}


def job_frames(number: int = 1) -> list[tuple[Header, bytes]]:
    """All frames of a painting job"""
    image_fields = {"job": number, "width": SIDE, "height": SIDE, "format": "bgra8"}
    frames: list[tuple[Header, bytes]] = [({"op": "hello", "version": "0"}, b"")]
    for role in ("content", "style"):
        frames.append(({"op": "image", "role": role, **image_fields}, b""))
        frames.append(({"op": "rows", "job": number, "role": role, "index": 0, "y": 0, "rows": SIDE}, PIXELS))
    frames.append(({"op": "estimate", "width": SIDE, "height": SIDE, "options": SETTINGS}, b""))
    return [*frames, ({"op": "start", "job": number, "options": SETTINGS}, b"")]


def live_frames(number: int = 1) -> list[tuple[Header, bytes]]:
    """All frames of a live job with a network"""
    image_fields = {"job": number, "width": SIDE, "height": SIDE, "format": "bgra8"}
    patch = {"op": "patch", "job": number, "x": 3, "y": 4, "width": 5, "height": 2}
    return [
        ({"op": "image", "role": "content", **image_fields}, b""),
        ({"op": "rows", "job": number, "role": "content", "index": 0, "y": 0, "rows": SIDE}, PIXELS),
        ({"op": "image", "job": number, "role": "style", "net": "waves"}, b""),
        ({"op": "start", "job": number, "options": {"device": "cpu"}, "live": True}, b""),
        (patch, bytes(40)),
        ({"op": "settle", "job": number}, b""),
        ({"op": "nets"}, b""),
        (patch, bytes(40)),
    ]


@pytest.fixture
def user_network(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trained network of the user, and no photos to train another one with"""
    folder = tmp_path_factory.mktemp("nets")
    random_net(1, blocks=1).save(folder / "waves.safetensors")
    monkeypatch.setenv("IMPASTO_NETS", str(folder))

    def fail() -> None:
        raise OptionError("no photos to train with")

    monkeypatch.setattr("impasto.feedforward.photos.sample_photos", fail)


class Output(io.BytesIO):
    def frames(self) -> list[tuple[Header, bytes]]:
        return list(FrameReader().feed(self.getvalue()))


def serve(stream: bytes, monkeypatch: pytest.MonkeyPatch) -> list[Header]:
    """Let a worker read a stream to its end; return the headers of its answers."""
    monkeypatch.setattr(Worker, "_warm_up", lambda self: ModelCache())
    output: Output = Output()
    disconnects: list[bool] = []
    assert Worker(io.BytesIO(stream), output, on_disconnect=lambda: disconnects.append(True)).serve() == 0
    assert disconnects == [True]
    answers = [header for header, _ in output.frames()]
    assert answers[0]["op"] == "hello"
    for header in answers:
        assert "\n" not in header.get("text", "")
        assert header.get("code") != "internal", header
    return answers


VALID = b"".join(encode_frame(*frame) for frame in job_frames())


@pytest.mark.usefixtures("tiny_network")
def test_undamaged_job_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [header["op"] for header in serve(VALID, monkeypatch)][-1] == "done"


@cases(1200)
@given(stream=damaged(VALID))
def test_damaged_stream_is_frames_or_a_frame_error(stream: bytes) -> None:
    reader = FrameReader()
    frames: list[tuple[Header, bytes]] = []
    with contextlib.suppress(FrameError):
        for start in range(0, len(stream), 997):
            frames += reader.feed(stream[start : start + 997])
    assert all(isinstance(header, dict) and isinstance(blob, bytes) for header, blob in frames)


@cases(80)
@given(stream=damaged(VALID))
@pytest.mark.usefixtures("tiny_network")
def test_damaged_stream_is_answered(stream: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(stream, monkeypatch)


OPS = ("image", "rows", "start", "cancel", "estimate", "hello", "patch", "settle", "train", "finish", "nets")
_headers = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(OPS) | json_values,
        "job": st.integers(0, 2),
        "role": st.sampled_from(("content", "style", "mask", "region")) | json_values,
        "index": st.integers(-1, 2) | json_values,
        "width": st.integers(-1, 40) | json_values,
        "height": st.integers(-1, 40) | json_values,
        "format": st.sampled_from(sorted(PIXEL_BYTES)) | json_values,
        "x": st.integers(-1, 40) | json_values,
        "y": st.integers(-1, 40) | json_values,
        "net": st.sampled_from(("waves", "/nowhere/gone", "", "a\0b")) | json_values,
        "live": json_values,
        "name": json_values,
        "minutes": json_values,
        "rows": st.integers(-1, 40) | json_values,
        "path": st.sampled_from(("/nowhere/gone.png", "/", "a\0b", "")),
        "options": st.dictionaries(st.sampled_from(("masks", "tv", "colors", "x")), json_values).map(
            lambda options: SETTINGS | options
        )
        | json_values.filter(lambda value: not isinstance(value, dict)),  # which could request a large image
    },
)


@cases(150)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(job_frames()) - 1), _headers, st.booleans()), max_size=3),
    additional=st.lists(_headers, max_size=4),
)
@pytest.mark.usefixtures("tiny_network", "user_network")
def test_random_headers_are_answered(
    changes: list[tuple[int, Header, bool]], additional: list[Header], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = job_frames()
    for index, header, replace in changes:
        frames[index] = (header if replace else frames[index][0] | header), frames[index][1]
    frames[-1:-1] = [(header, b"") for header in additional]
    serve(b"".join(encode_frame(*frame) for frame in frames), monkeypatch)


@pytest.mark.usefixtures("user_network")
def test_undamaged_live_job_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.worker.live_task._PREEMPT_SECONDS", math.inf)
    ops = [header["op"] for header in serve(b"".join(encode_frame(*frame) for frame in live_frames()), monkeypatch)]
    assert ops[1:] == [
        "rows",
        "done",
        "patch",
        "settled",
        "nets",
        "patch",
    ]  # everything has arrived already: it does not settle


@cases(100)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(live_frames()) - 1), _headers, st.binary(max_size=80)), min_size=1, max_size=3
    ),
)
@pytest.mark.usefixtures("tiny_network", "user_network")
def test_damaged_live_job_is_answered(changes: list[tuple[int, Header, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    frames = live_frames()
    for index, header, blob in changes:
        frames[index] = frames[index][0] | header, blob or frames[index][1]
    serve(b"".join(encode_frame(*frame) for frame in frames), monkeypatch)


@pytest.mark.parametrize("number", ["1", 1.5, None, [1], {"a": 1}, True, float("nan"), "\ud800"])
def test_invalid_job_number_is_a_frame_error(number: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"op": "cancel", "job": number}).encode()
    answers = serve(struct.pack("<II", len(text), 0) + text, monkeypatch)
    assert answers[-1]["code"] == "FrameError"


def test_lone_surrogate_is_transmitted() -> None:
    header = {"op": "error", "job": 1, "text": "what is \ud800?"}
    assert list(FrameReader().feed(encode_frame(header))) == [(header, b"")]
