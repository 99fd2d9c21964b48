"""The engine as a child process: frames (see `frames`) in on standard input, frames out on standard output.

One process serves many jobs, one after another, and keeps the network warm between them. It listens on no port, and it ends
when its standard input does: with the program that started it, however that ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

from .._version import __version__
from ..errors import ImageError, ImpastoError
from ..layers import CONVS_PER_BLOCK
from ..options import Options, option_schema
from .job import Job, job_settings, to_bgra
from .protocol import PROTOCOL, FrameError, FrameReader, Header, encode_frame, stripes

if TYPE_CHECKING:
    from ..feedforward.live import LivePainting, Patch
    from ..images.picture import Picture
    from ..optimization.cache import ModelCache

#: The longest side of a preview, and the least time from one to the next.
_PREVIEW_SIDE = 512
_PREVIEW_SECONDS = 0.5
#: The same while a net is trained: what it paints takes some time itself.
_TRAINING_PREVIEW_INTERVAL = 10
#: The most jobs that may be arriving at once; of more, the first is forgotten.
_MAX_JOBS = 2
#: What can wait until a live picture has been painted
_DEFERRABLE_OPS = ("settle", "estimate", "nets", "hello")
#: Seconds that the painting of a live picture may take before it gives way to what cannot
_PREEMPT_SECONDS = 0.5


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
    if hasattr(os, "nice"):  # whoever started us has a window to keep alive: all that it leaves is enough
        os.nice(5)
    # The reader ends the process: nobody is there to tell, and a step in the middle would only hold it up.
    return Worker(incoming, outgoing, gone=lambda: os._exit(0)).serve()


class _Cancelled(Exception):
    pass


class _Preempted(Exception):
    """Something has arrived that is more urgent."""


class Worker:
    """Reads frames in a thread of its own, so that `cancel` is heard while a job is painted."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, *, gone: Callable[[], None] = lambda: None) -> None:
        """gone: called when the incoming stream ends"""
        self._incoming, self._outgoing, self._gone = incoming, outgoing, gone
        self._arrived: queue.SimpleQueue[tuple[Header, bytes] | None] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self._cancelled: set[int] = set()
        self._finished: set[int] = set()  # what is to end with what there is
        self._came = self._taken = 0  # frames that are not to wait: each number is counted by one thread
        self._warm: ModelCache | None = None
        self._live: tuple[int, LivePainting] | None = None

    def serve(self) -> int:
        """Until the incoming stream ends."""
        self._say(
            {
                "op": "hello",
                "protocol": PROTOCOL,
                "version": __version__,
                "networks": list(CONVS_PER_BLOCK),
                "options": option_schema(),
            }
        )
        threading.Thread(target=self._listen, daemon=True).start()
        self._warm_up()
        jobs: dict[int, Job] = {}  # that arrive; one that is to be live may come between the frames of another
        while (arrived := self._arrived.get()) is not None:
            header, blob = arrived
            number = header.get("job", 0)
            self._taken += header.get("op") not in _DEFERRABLE_OPS
            try:
                if header.get("op") == "cancel":
                    jobs.pop(number, None)
                    self._cancelled.discard(number)
                    if self._live and self._live[0] == number:
                        self._live = None
                    self._say({"op": "cancelled", "job": number})
                elif header.get("op") == "estimate":
                    self._estimate(header)
                elif header.get("op") == "nets":
                    self._say_nets()
                elif header.get("op") in ("patch", "settle"):
                    self._follow(header, blob)
                elif header.get("op") in ("image", "rows", "start", "train"):
                    if number not in jobs and len(jobs) == _MAX_JOBS:
                        del jobs[next(iter(jobs))]
                    job = jobs.setdefault(number, Job(number))
                    if not job.failed:
                        self._take(job, header, blob)
            except _Cancelled:
                pass  # the frame that asked for it has arrived: it is answered in its turn
            except BrokenPipeError:
                break
            except Exception as error:
                if number in jobs:
                    jobs[number].failed = True
                self._say({"op": "error", "job": number, **_error_fields(error)})
            if header.get("op") in ("start", "train"):
                jobs.pop(number, None)
        return 0

    def _listen(self) -> None:
        reader = FrameReader()
        try:
            while piece := self._incoming.read(1 << 16):
                for header, blob in reader.feed(piece):
                    if header.get("op") == "cancel":
                        self._cancelled.add(header.get("job", 0))
                    if header.get("op") == "finish":
                        self._finished.add(header.get("job", 0))
                    self._came += header.get("op") not in _DEFERRABLE_OPS
                    self._arrived.put((header, blob))
        except FrameError as error:
            self._say({"op": "error", "job": 0, **_error_fields(error)})
        except (OSError, ValueError):  # the pipe broke, or was closed under us
            pass
        finally:  # whatever ended it: nobody would be heard any more
            self._gone()
            self._arrived.put(None)

    def _say(self, header: Header, blob: bytes = b"") -> None:
        frame = memoryview(encode_frame(header, blob))
        with self._sending:
            while frame:
                frame = frame[self._outgoing.write(frame) :]

    def _warm_up(self) -> None:
        """Import torch and, where they are on disk already, load the weights: before the first job, not in it."""
        import torch

        from ..optimization.cache import ModelCache
        from ..runtime.device import choose_device
        from ..vgg.download import SOURCES, cache_path

        self._warm = ModelCache()
        self._say({"op": "ready", "device": str(choose_device()), "torch": torch.__version__})
        self._say_nets()
        if any(cache_path(name).exists() for name in SOURCES):
            with contextlib.suppress(ImpastoError):  # the job that needs them says why
                self._warm.weights(Options())

    def _estimate(self, header: Header) -> None:
        """Say what a painting would take, of a content of this width and height."""
        from ..optimization.forecast import forecast
        from ..options import resolve_options

        width, height = header.get("width"), header.get("height")
        about: Header = {"op": "estimate", "job": header.get("job", 0)}
        try:
            if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
                raise ImageError(f"a content of {width} x {height} pixels")
            assert self._warm is not None
            options = resolve_options(job_settings(header))
            found = forecast((width, height), options, network_loaded=self._warm.is_loaded(options))
        except ImpastoError as error:  # not of the job's: it may be asked anew with other options
            self._say({**about, "text": str(error)})
        else:
            self._say(about | found._asdict())

    def _take(self, job: Job, header: Header, blob: bytes) -> None:
        if header["op"] == "image":
            job.begin(header)
        elif header["op"] == "rows":
            job.add(header, blob)
        elif header["op"] == "train":
            self._train(job, header)
        elif job.net:
            self._paint_at_once(job, job_settings(header), bool(header.get("live")))
        else:
            self._paint(job, job_settings(header))

    def _checking(self, number: int) -> Callable[[], None]:
        """What raises _Cancelled once a job is"""

        def check() -> None:
            if number in self._cancelled:
                raise _Cancelled

        return check

    def _giving_way(self, number: int, after: float) -> Callable[[], None]:
        """The same, which also raises _Overtaken where something that cannot wait has come, after so many seconds from now"""
        check, began = self._checking(number), time.monotonic()

        def overtaken() -> None:
            check()
            if self._came > self._taken and time.monotonic() - began >= after:
                raise _Preempted

        return overtaken

    def _paint(self, job: Job, told: dict[str, Any]) -> None:
        from ..api import create_run
        from ..images.tileable import Tileable
        from ..options import resolve_options

        started, check = time.monotonic(), self._checking(job.number)
        content = job.picture("content")
        options = resolve_options({**told, "masks": job.regions()})
        run = create_run(content, job.styles(), options, cache=self._warm)

        def fetched(done: int, total: int) -> None:
            check()
            self._progress(job.number, "weights", done / total, 0, None)

        check()
        run.load_weights(fetched)
        shown, step = 0.0, None
        for step in run.steps():
            check()
            now = time.monotonic()
            size = {"width": step.size[0], "height": step.size[1]}
            self._progress(job.number, "painting", step.fraction, now - started, step.eta, **size)
            if now - shown >= _PREVIEW_SECONDS and step.fraction < 1:
                shown = now
                self._preview(job.number, step.snapshot.render())
        assert step is not None
        result = run.result(step)
        self._send(job, content, result.picture.resize(*content.size, Tileable.from_padding(options.padding)))
        facts = {"seconds": time.monotonic() - started, "width": step.size[0], "height": step.size[1]}
        self._say({"op": "done", "job": job.number, "network": result.options.network, **facts})

    def _paint_at_once(self, job: Job, told: dict[str, Any], stays: bool) -> None:
        """By a net; where it is to be live, it stays."""
        from ..feedforward.live import LivePainting
        from ..feedforward.registry import load_network
        from ..feedforward.stylizer import FeedforwardStylizer
        from ..options import resolve_options

        started, check = time.monotonic(), self._checking(job.number)
        net = load_network(job.net)
        # A net has its own styles, and paints a layer as large as it is.
        options = resolve_options({**told, "size": 0, "style_weights": None})
        if stays:
            live = LivePainting(net, options, job.values())
            with contextlib.suppress(_Preempted):
                self._rows(job.number, live.whole(self._giving_way(job.number, _PREEMPT_SECONDS)).values)
            self._live = job.number, live
        else:
            content = job.picture("content")
            self._send(job, content, FeedforwardStylizer(net, options).paint(content, check))
        width, height = job.size()
        facts = {"seconds": time.monotonic() - started, "width": width, "height": height}
        self._say({"op": "done", "job": job.number, "network": job.net, **facts})

    def _follow(self, header: Header, blob: bytes) -> None:
        """What a live job's content has become; or, when nothing is to be done, all of its painting."""
        import numpy as np

        number, box = header.get("job", 0), [header.get(name) for name in ("x", "y", "width", "height")]
        if self._live is None or self._live[0] != number:
            raise ImageError("nothing is live under this number")
        live = self._live[1]
        if header["op"] == "settle":
            try:
                self._say_part(number, live.whole(self._giving_way(number, 0)))
                self._say({"op": "settled", "job": number, "done": True})
            except _Preempted:
                self._say({"op": "settled", "job": number, "done": False})
        else:
            x, y, width, height = (side if isinstance(side, int) else -1 for side in box)
            if min(width, height) < 1 or len(blob) != width * height * 4:
                raise ImageError(f"a patch of {box[2]} x {box[3]} pixels with {len(blob)} bytes")
            values = np.frombuffer(blob, np.uint8).reshape(height, width, 4)
            try:
                part = live.change(x, y, values[..., [2, 1, 0, 3]], self._giving_way(number, _PREEMPT_SECONDS))
            except _Preempted:
                self._say({"op": "patch", "job": number, "x": x, "y": y, "width": 0, "height": 0, "last": True})
            else:
                self._say_part(number, part)

    def _say_part(self, number: int, part: Patch) -> None:
        height, width = part.values.shape[:2]
        for y, rows in stripes(height):
            about = {"op": "patch", "job": number, "x": part.x, "y": part.y + y, "width": width, "height": rows}
            self._say({**about, "last": y + rows == height}, to_bgra(part.values[y : y + rows]))

    def _train(self, job: Job, header: Header) -> None:
        """Learn the job's style, and keep the net among the user's own."""
        from ..feedforward.network import Style
        from ..feedforward.photos import sample_photos
        from ..feedforward.registry import new_network_file
        from ..feedforward.training import Trainer, TrainingStep
        from ..feedforward.training_session import TrainingSession
        from ..images.picture import read_picture
        from ..options import parse_number, resolve_options

        check = self._checking(job.number)
        minutes = parse_number("minutes", header.get("minutes", 20), float, 0.01, None)
        style = read_picture(job.styles()[0])
        target = new_network_file(str(header.get("name", "")))
        photos = sample_photos()
        options = resolve_options(job_settings(header))
        trainer = Trainer([style], photos, options, about=[Style.of(target.stem, style.image)])

        def fetched(done: int, total: int) -> None:
            check()
            self._progress(job.number, "weights", done / total, 0, None)

        def preview(step: TrainingStep) -> None:
            self._preview(job.number, read_picture(step.preview(photos[0])))

        trainer.load_weights(fetched)
        session = TrainingSession(
            trainer,
            target,
            seconds=60 * minutes,
            preview=preview,
            preview_interval=_TRAINING_PREVIEW_INTERVAL,
            preview_first_step=True,
        )
        reported = 0.0
        for step in session.steps():
            if job.number in self._cancelled:
                session.discard()
            check()
            if step.seconds - reported >= _PREVIEW_SECONDS:
                reported = step.seconds
                left = step.seconds * (1 / step.fraction - 1)
                self._progress(job.number, "training", step.fraction, step.seconds, left, step=step.steps, loss=step.loss)
            if job.number in self._finished:
                break
        self._finished.discard(job.number)
        assert session.last is not None
        step = session.last
        step.net.save(target)
        facts = {"net": target.stem, "steps": step.steps, "seconds": step.seconds}
        self._say({"op": "done", "job": job.number, **facts})
        self._say_nets()

    def _send(self, job: Job, content: Picture, painted: Picture) -> None:
        """A painting as large as the content, with its alpha and within its mask"""
        from ..images.picture import to_uint

        mask = job.mask()
        alpha = content.alpha if mask is None else mask if content.alpha is None else content.alpha * mask
        self._rows(job.number, to_uint(dataclasses.replace(painted, alpha=alpha), content.depth))

    def _rows(self, number: int, values: Any) -> None:
        check = self._checking(number)
        for y, rows in stripes(len(values)):
            check()
            self._say({"op": "rows", "job": number, "y": y, "rows": rows}, to_bgra(values[y : y + rows]))

    def _progress(self, number: int, phase: str, fraction: float, seconds: float, eta: float | None, **more: Any) -> None:
        about = {"phase": phase, "fraction": fraction, "seconds": seconds, "eta": eta}
        self._say({"op": "progress", "job": number, **about, **more})

    def _say_nets(self) -> None:
        from ..feedforward.registry import describe_networks

        self._say({"op": "nets", "nets": describe_networks()})

    def _preview(self, number: int, picture: Picture) -> None:
        from ..images.picture import to_uint

        scale = min(1.0, _PREVIEW_SIDE / max(picture.size))
        width, height = (max(1, round(side * scale)) for side in picture.size)
        small = picture.resize(width, height)
        self._say(
            {"op": "preview", "job": number, "width": small.size[0], "height": small.size[1]},
            to_bgra(to_uint(small, 8)),
        )


def _error_fields(error: Exception) -> dict[str, str]:
    """`code` and `text` of an error frame, for a person to read and a program to tell apart"""
    if isinstance(error, ImpastoError):
        return {"code": type(error).__name__, "text": str(error)}
    if isinstance(error, FrameError):
        return {"code": "FrameError", "text": str(error)}
    import traceback

    print("".join(traceback.format_exception(error)), file=sys.stderr, flush=True)
    return {"code": "internal", "text": f"something went wrong in the engine ({type(error).__name__}: {error})"}
