"""The engine as a child process: frames (see `protocol`) in on standard input, frames out on standard output.

One process serves many jobs, one after another, and keeps the network loaded between them. It opens no port, and it ends when
its standard input does: together with the program that started it, however that program ended.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from .._version import __version__
from ..errors import BrokenDeviceError, ImageError, ImpastoError, OptionError
from ..layers import CONVS_PER_BLOCK
from ..option_values import finds_faces
from ..options import option_schema
from . import network_library
from .channel import Cancelled, Connection, JobChannel
from .job import Job, parse_options
from .live_task import LiveTask, paint_feedforward, parse_sequence
from .protocol import PROTOCOL, Header
from .stylize_task import Pace, send_estimate, send_faces, stylize
from .training_task import train

if TYPE_CHECKING:
    from ..optimization.cache import ModelCache

#: Maximum number of jobs whose images are arriving. One more drops the oldest.
_MAX_JOBS = 3  # a painting, Live and a film


def serve_stdio() -> int:
    """Serve the frames on this process's standard input and output until the input ends."""
    # Standard output belongs to the frames: what a library prints goes to standard error instead.
    outgoing = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    incoming = os.fdopen(os.dup(0), "rb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if sys.platform == "win32":
        import msvcrt

        for stream in (incoming, outgoing):
            msvcrt.setmode(stream.fileno(), os.O_BINARY)
    if hasattr(os, "nice"):  # the program that started this one has a window that must stay responsive
        os.nice(5)
    # The reading thread ends the process: nobody receives an answer any more, and a running step would only delay the exit.
    return Worker(incoming, outgoing, on_disconnect=lambda: os._exit(0)).serve()


class Worker:
    """Handles frames one by one; another thread reads them, so that `cancel` takes effect while a job runs."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, *, on_disconnect: Callable[[], None] = lambda: None) -> None:
        """on_disconnect: called by the reading thread when the incoming stream ends"""
        self._connection = Connection(incoming, outgoing, on_disconnect)
        self._jobs: dict[int, Job] = {}  # jobs whose images are arriving; frames of two jobs may alternate
        self._live: LiveTask | None = None
        self._pace = Pace()

    def serve(self) -> int:
        """Handle frames until the incoming stream ends, and return the exit status. `hello` is sent before torch is loaded."""
        self._connection.send_frame(
            {
                "op": "hello",
                "protocol": PROTOCOL,
                "version": __version__,
                "networks": list(CONVS_PER_BLOCK),
                "options": option_schema(),
                "finds_faces": finds_faces(),
            }
        )
        self._connection.start_reading()
        cache = self._warm_up()
        for header, blob in self._connection.frames():
            number = header.get("job", 0)
            try:
                self._handle(header, blob, cache)
            except Cancelled:
                pass  # its `cancel` frame is answered when its turn comes
            except BrokenPipeError:
                break
            except Exception as error:
                if number in self._jobs:
                    self._jobs[number].failed = True
                self._connection.send_error(number, error)
                if isinstance(error, BrokenDeviceError):
                    return 1  # every later job would fail, too: the next process can use the device
            if header.get("op") in ("start", "train", "faces"):
                self._jobs.pop(number, None)
        return 0

    def _warm_up(self) -> ModelCache:
        """Import torch and take a small step, if the weights are on disk already, so that the first job starts at once."""
        import numpy as np
        import torch

        from ..api import create_run
        from ..optimization.cache import ModelCache
        from ..optimization.self_check import choose_working_device
        from ..vgg.download import SOURCES, cache_path

        cache = ModelCache()
        self._connection.send_frame({"op": "ready", "device": str(choose_working_device()), "torch": torch.__version__})
        self._connection.send_networks()
        if any(cache_path(name).exists() for name in SOURCES):
            with contextlib.suppress(ImpastoError):  # the first job reports the error
                gray = np.full((64, 64, 3), 128, np.uint8)
                with contextlib.closing(create_run(gray, gray, cache=cache).steps()) as steps:
                    next(steps)
        return cache

    def _handle(self, header: Header, blob: bytes, cache: ModelCache) -> None:
        """Handle one frame.  Raises ImpastoError, Cancelled.

        `finish` needs nothing here: the reading thread notes it, and the training checks. Unknown operations are ignored.
        """
        op, number = header.get("op"), header.get("job", 0)
        channel = JobChannel(self._connection, number)
        if op == "cancel":
            self._jobs.pop(number, None)
            self._connection.cancelled.discard(number)
            if self._live and self._live.number == number:
                self._live = None
            channel.send("cancelled")
        elif op == "estimate":
            send_estimate(header, channel, cache, self._pace)
        elif op in network_library.OPS:
            network_library.handle(header, self._connection)
        elif op == "nets":
            self._connection.send_networks()
        elif op in ("patch", "settle"):
            if self._live is None or self._live.number != number:
                raise ImageError(f"job {number} is not live: send its `start` frame with live: true first")
            if op == "patch":
                self._live.update(header, blob)
            else:
                self._live.settle()
        elif op in ("image", "rows", "start", "train", "faces"):
            if number not in self._jobs and len(self._jobs) == _MAX_JOBS:
                del self._jobs[next(iter(self._jobs))]
            job = self._jobs.setdefault(number, Job(number))
            if not job.failed:
                self._handle_job_frame(job, header, blob, channel, cache)

    def _handle_job_frame(self, job: Job, header: Header, blob: bytes, channel: JobChannel, cache: ModelCache) -> None:
        """Add an image or rows to the job, or run it."""
        if header["op"] == "image":
            job.announce(header)
        elif header["op"] == "rows":
            job.add_rows(header, blob)
        elif header["op"] == "faces":
            send_faces(job, channel)
        elif header["op"] == "train":
            train(job, header, channel)
            self._connection.send_networks()
        elif header.get("sequence") is not None and (not job.style_network or header.get("live")):
            raise OptionError("only a trained network paints films, and not live: send a style with `net`, without `live`")
        elif not job.style_network:
            stylize(job, header, channel, cache, self._pace)
        elif header.get("live"):
            self._live = LiveTask.start(job, parse_options(header), channel)
        else:
            paint_feedforward(job, parse_options(header), channel, parse_sequence(header), blob)
