"""The worker as a program sees it: a process with a pipe at either end."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from impasto import __version__
from impasto.options import Options
from impasto.worker.protocol import PROTOCOL
from impasto.worker.server import Worker
from tests.helpers import Client
from tests.worker.conftest import SIZE, bgra


def test_hello_comes_first_and_describes_every_option(client: Client) -> None:
    hello = client.greeting[0][0]
    assert (hello["op"], hello["protocol"], hello["version"]) == ("hello", PROTOCOL, __version__)
    schema = {option["name"]: option for option in hello["options"]}
    assert set(schema) == {field.name for field in dataclasses.fields(Options) if not field.metadata["kind"]}
    assert schema["strength"]["kind"] == "float"
    assert (schema["strength"]["low"], schema["strength"]["high"], schema["strength"]["default"]) == (0, 1, 0.5)
    assert schema["colors"]["choices"] == ["style", "content", "match"]
    assert all(option["help"] for option in schema.values())
    ready = next(header for header, _ in client.greeting if header["op"] == "ready")
    assert ready["device"] in ("cpu", "cuda", "mps")


def test_hello_is_sent_before_torch_is_loaded() -> None:
    code = """
import io, sys
from impasto.worker.server import Worker
outgoing = io.BytesIO()
Worker._warm_up = lambda self: print(b"hello" in outgoing.getvalue(), "torch" in sys.modules, "numpy" in sys.modules)
Worker(io.BytesIO(), outgoing).serve()
"""
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.split() == ["True", "False", "False"]


@pytest.mark.usefixtures("vgg16")
def test_the_network_is_loaded_before_the_first_job() -> None:
    assert Worker(io.BytesIO(), io.BytesIO())._warm_up().is_loaded(Options())


def test_cancel_takes_effect_within_a_step_and_the_next_job_runs(client: Client, settings: dict[str, Any]) -> None:
    client.send_image(5, "content", bgra())
    client.send_image(5, "style", bgra(5))
    client.send({"op": "start", "job": 5, "options": {**settings, "iterations": 5000}})
    client.read_until("preview")
    client.send({"op": "cancel", "job": 5})
    frames = client.read_until("cancelled")
    assert not [header for header, _ in frames if header["op"] in ("rows", "done")]
    client.send_image(6, "content", bgra())
    client.send_image(6, "style", bgra(5))
    assert client.run_job(6, settings)[-1][0]["op"] == "done"


def test_an_invalid_job_gets_one_error_and_the_next_job_runs(client: Client, settings: dict[str, Any]) -> None:
    def assert_refused(number: int, code: str, text: str, options: dict[str, Any] | None = None) -> None:
        header = client.run_job(number, settings if options is None else options)[-1][0]
        assert header["op"] == "error"
        assert header["job"] == number
        assert header["code"] == code
        assert text in header["text"]

    width, height = SIZE
    assert_refused(10, "ImageError", "has no content")
    client.send_image(11, "content", bgra())
    assert_refused(11, "ImageError", "has no style")
    client.send_image(12, "content", bgra())
    client.send({"op": "image", "job": 12, "role": "style", "path": "/nowhere/gone.png"})
    assert_refused(12, "ImageError", "/nowhere/gone.png")
    client.send_image(13, "content", bgra())
    client.send_image(13, "style", bgra(5))
    assert_refused(13, "OptionError", "did you mean 'strength'", {**settings, "strenth": 0.4})
    client.send_image(14, "content", bgra())
    client.send_image(14, "style", bgra(5))
    assert_refused(14, "OptionError", "strength is 2", {**settings, "strength": 2})
    client.send_image(15, "content", bgra())
    client.send({"op": "image", "job": 15, "role": "style", "width": 40, "height": 40, "format": "bgra8"})
    assert_refused(15, "ImageError", "0 of the image's 40 rows")
    client.send_image(16, "content", bgra()[:8, :8].copy())
    client.send_image(16, "style", bgra(5))
    assert_refused(16, "ImageError", "the content layer is too small")
    client.send_image(17, "content", bgra(alpha=np.zeros((height, width), np.uint8)))
    client.send_image(17, "style", bgra(5))
    assert_refused(17, "ImageError", "fully transparent")
    client.send_image(18, "content", bgra())
    client.send_image(18, "style", bgra(5))
    assert client.run_job(18, settings)[-1][0]["op"] == "done"


@pytest.mark.slow
def test_the_process_ends_when_its_input_ends_during_a_job(settings: dict[str, Any]) -> None:
    client = Client(silent=True)
    client.read_until("ready")
    client.send_image(1, "content", bgra())
    client.send_image(1, "style", bgra(5))
    client.send({"op": "start", "job": 1, "options": {**settings, "iterations": 100_000}})
    client.read_until("preview")
    assert "Traceback" not in client.close()


def test_a_stream_that_is_not_frames_ends_the_process() -> None:
    client = Client(silent=True)
    assert client.process.stdin is not None
    client.process.stdin.write(b"GET / HTTP/1.1\r\n\r\n")
    assert client.read_until("error")[-1][0]["code"] == "FrameError"
    client.close()


@pytest.mark.slow
def test_prints_go_to_standard_error() -> None:
    client = Client()
    client.read_until("ready")
    assert "noise" in client.close()


def test_worker_ends_when_its_device_is_broken() -> None:
    """Every later job would fail, too; the program that uses the worker starts another one."""
    code = """
import io
from impasto.errors import BrokenDeviceError
from impasto.worker.protocol import encode_frame
from impasto.worker.server import Worker
def fail(self, header, blob, cache):
    raise BrokenDeviceError("cuda:0 has stopped working")
Worker._warm_up, Worker._handle = lambda self: None, fail
outgoing = io.BytesIO()
frames = encode_frame({"op": "estimate", "job": 1}) + encode_frame({"op": "estimate", "job": 2})
status = Worker(io.BytesIO(frames), outgoing).serve()
print(status, outgoing.getvalue().count(b"BrokenDeviceError"))
"""
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.split() == ["1", "1"]
