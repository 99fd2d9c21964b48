"""Paint jobs one after another, in a process beside the page or on a ZeroGPU slice.

Either way jobs and progress are pickled, so they are plain values, and a file in the job's folder asks the painter to stop.
ZeroGPU forks a process for each call. Elsewhere one process stays warm. In a thread of the page the engine would be a third
slower: OpenMP lets its threads sleep as soon as a process has more of them than there are processors.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

try:
    import spaces
except ImportError:
    spaces = None

import numpy as np
from PIL import Image

from impasto import ImpastoError, Options, WeightsError
from impasto.api import create_run
from impasto.errors import BrokenDeviceError
from impasto.images.faces import use_one_thread
from impasto.optimization.cache import ModelCache
from impasto.option_values import finds_faces

from . import uploads
from .paint_job import MAX_SIZE, ON_ZERO_GPU, Job, Progress, estimate, gpu_seconds, model_cache, request_stop, run_job

#: Seconds between looks at the queue
_QUEUE_INTERVAL = 0.2
#: Unix niceness of a process that pauses for another: while both load the engine, and then within a step, as no file can pause
#: it there. With the second from the start, it would hardly load, nor see that the page has ended, on a busy machine.
_LOADING_NICENESS, _NICENESS = 10, 19
#: Jobs at a time on ZeroGPU, each on a slice of its own
_ZERO_GPU_JOBS = 4

logger = logging.getLogger("impasto.page")


class Waiting(NamedTuple):
    """What is painted before a job."""

    jobs: int
    seconds: float  # that they take, as far as that is known


class _RemoteError(Exception):
    """Carries an error that was raised in the painter's process, which is ready for the next job."""


@dataclasses.dataclass(eq=False)
class _Ticket:
    """A job's place in the queue"""

    seconds: float  # that it takes, by estimate
    start: float | None = None  # time when its turn came

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.seconds - (0.0 if self.start is None else time.monotonic() - self.start))


class Painter(ABC):
    """Paints jobs, in the order in which their visitors came. Thread-safe."""

    def __init__(self, limit: int) -> None:
        """limit: jobs that it takes at a time"""
        self._limit = limit
        self._queue: list[_Ticket] = []  # of those whose jobs are being painted, and of those who wait

    @contextlib.contextmanager
    def turn(self, seconds: float = 0.0) -> Iterator[Iterator[Waiting]]:
        """Stand in the queue until the block ends.  -> what is ahead, now and then until one may paint

        seconds: that the job takes, by estimate
        """
        ticket = _Ticket(seconds)
        self._queue.append(ticket)
        try:
            yield self._wait(ticket)
        finally:
            self._queue.remove(ticket)

    def _wait(self, ticket: _Ticket) -> Iterator[Waiting]:
        while (position := self._queue.index(ticket)) >= self._limit:
            seconds = sum(other.seconds_left for other in self._queue[:position]) / self._limit
            yield Waiting(position - self._limit + 1, seconds)
            time.sleep(_QUEUE_INTERVAL)
        ticket.start = time.monotonic()

    @abstractmethod
    def __call__(self, job: Job) -> Generator[Progress]:
        """Paint, and report progress now and then. Closing the generator stops the painting.  Raises ImpastoError."""


class ZeroGpuPainter(Painter):
    """The engine on a ZeroGPU slice, in a process forked for each job"""

    def __init__(self) -> None:
        super().__init__(_ZERO_GPU_JOBS)
        self._paint: Callable[[Job], Generator[Progress]] = spaces.GPU(duration=gpu_seconds)(run_job)

    def __call__(self, job: Job) -> Generator[Progress]:
        """Paint, and report progress now and then."""
        return self._paint(job)


class PainterProcess(Painter):
    """The engine in a process of its own, which starts when it is first needed and ends with this one."""

    def __init__(self, pauses_for: PainterProcess | None = None) -> None:
        """pauses_for: another painter, for whose jobs this one pauses: two at a time would each take twice as long"""
        super().__init__(1)
        self.known_styles: list[str] = []  # paths of styles that are measured before the first job
        self._pauses_for = pauses_for
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._unread: Iterator[Progress] = iter(())  # what the process still has to send for the previous job

    @property
    def job_file(self) -> Path:
        """A file that exists while there is a job"""
        folder = os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()
        return Path(folder, f"painting-{os.getpid()}-{id(self)}")

    def start(self) -> None:
        """Start the process, which loads the network, before somebody waits for it."""
        if self._process is None or self._process.poll() is not None:
            yields = self._pauses_for is not None and sys.platform != "win32"
            code = f"import sys; from {__package__} import painter; painter.serve(sys.argv[1:], yields={yields})"
            command = [sys.executable, "-c", code, *self.known_styles]
            folder = Path(__file__).parents[1]
            self._process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if yields:
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _LOADING_NICENESS)

    def __call__(self, job: Job) -> Generator[Progress]:
        """Paint, and report progress now and then."""
        with self._lock:
            self.start()
            process = self._process
            assert process is not None
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                with contextlib.suppress(_RemoteError):
                    for _ in self._unread:
                        pass
                if self._pauses_for:
                    job = job._replace(pause_file=str(self._pauses_for.job_file))
                self.job_file.parent.mkdir(parents=True, exist_ok=True)
                self.job_file.touch()
                try:
                    pickle.dump(job, process.stdin)
                    process.stdin.flush()
                    self._unread = _receive(process.stdout)
                    for progress in self._unread:  # noqa: UP028  -- `yield from` would close self._unread too
                        yield progress
                finally:  # Gradio closes the generator on its event loop, so nothing may wait here
                    self.job_file.unlink(missing_ok=True)
                    with contextlib.suppress(OSError):
                        request_stop(job.folder)
            except _RemoteError as remote:
                raise remote.args[0] from None
            except Exception as error:  # out of step with the process
                self.close()
                raise RuntimeError("the painter process has exited") from error

    def close(self) -> None:
        """Kill the process. The next job starts another."""
        process, self._process = self._process, None
        self._unread = iter(())
        if process is not None:
            process.kill()
            process.communicate()


def _receive(pipe: IO[bytes]) -> Iterator[Progress]:
    """Read the progress of one job.  Raises _RemoteError; EOFError if the process has exited."""
    while True:
        kind, value = pickle.load(pipe)
        if kind == "error":
            raise _RemoteError(value)
        if kind == "end":
            return
        yield value


def serve(known_styles: Iterable[str] = (), *, yields: bool = False) -> None:
    """Run the painter's process: read jobs from standard input, write progress to the original standard output.

    known_styles: paths of styles to measure before the first job; yields: whether it pauses for another
    """
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keep what libraries print out of the page's pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the page; this process ends with it
    with contextlib.suppress(Exception):  # the first job reports what is wrong
        warm_up(known_styles)
    if yields:
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            for progress in run_job(job):
                pickle.dump(("progress", progress), output)
                output.flush()
        except Exception as error:
            traceback.print_exception(error)
            pickle.dump(("error", error if isinstance(error, ImpastoError) else RuntimeError(repr(error))), output)
            if isinstance(error, BrokenDeviceError):  # the next job starts another process, which can use the device
                output.flush()
                return
        else:
            pickle.dump(("end", None), output)
        output.flush()


def warm_up(known_styles: Iterable[str] = ()) -> None:
    """Load the networks and run them once, and measure these styles: a twelfth of the time of their instant results."""
    gradient = np.asarray(Image.linear_gradient("L"))
    for _ in create_run(gradient, gradient, size=64, quality="instant", cache=model_cache).steps():
        pass
    options = Options().first_result(MAX_SIZE)
    for path in known_styles:
        style = np.asarray(uploads.read_upload(path, "the painting"))
        create_run(gradient, style, options, cache=model_cache).measure_styles()


#: For jobs of a few seconds, which wait for no others, and for all others
paint_instant: Painter
paint: Painter
if ON_ZERO_GPU:
    if finds_faces():
        use_one_thread()  # each job is a fork of this process
    paint_instant = paint = ZeroGpuPainter()
else:
    paint_instant = PainterProcess()
    paint = PainterProcess(pauses_for=paint_instant)


def warm_up_at_start(known_styles: Sequence[str]) -> None:
    """Download the weights and, except on ZeroGPU, load the network before somebody waits for it.

    known_styles: paths of styles that the instant painter measures
    The page starts without weights too: each painting tries again, and reports the error.
    """
    last_report = 0.0

    def log_progress(done: int, total: int) -> None:
        nonlocal last_report
        if done == total or time.monotonic() - last_report > 5:
            last_report = time.monotonic()
            logger.info("downloading the network (first start only): %.0f of %.0f MB", done / 1e6, total / 1e6)

    try:
        (model_cache if ON_ZERO_GPU else ModelCache()).weights(Options(), log_progress)
    except WeightsError as error:
        logger.error("%s", error)
    if not ON_ZERO_GPU:
        with contextlib.suppress(ImpastoError):
            estimate((512, 512), {})  # the speed of this computer must be measured while nothing is painting
    if isinstance(paint_instant, PainterProcess):
        paint_instant.known_styles = list(known_styles)
    for painter in (paint_instant, paint):
        if isinstance(painter, PainterProcess):
            painter.start()
