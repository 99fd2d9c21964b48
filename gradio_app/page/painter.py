"""Paint jobs one after another, in a process beside the page or on a ZeroGPU slice.

Either way jobs and progress are pickled, so they are plain values, and a file in the job's folder asks the painter to stop.
ZeroGPU forks a process for each call. Elsewhere one process stays warm. In a thread of the page the engine would be a third
slower: OpenMP lets its threads sleep as soon as a process has more of them than there are processors.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
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
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from impasto import ImpastoError, OptionError, Options, WeightsError
from impasto.api import create_run
from impasto.errors import BrokenDeviceError, validate_choice
from impasto.feedforward.registry import available_networks, load_network
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.feedforward.training import STROKE_SIZES
from impasto.optimization.cache import ModelCache
from impasto.optimization.forecast import forecast
from impasto.optimization.pyramid import pyramid_levels
from impasto.option_values import FACES, NOTHING, add_protected
from impasto.options import FEEDFORWARD_OPTIONS, resolve_options

try:
    import spaces
except ImportError:
    spaces = None

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from . import uploads

ON_SPACE = bool(os.environ.get("SPACE_ID"))
ON_ZERO_GPU = bool(os.environ.get("SPACES_ZERO_GPU"))
#: The largest result on a public page and elsewhere: longest side in pixels.
MAX_SIZE = 2048 if ON_SPACE else 4096
#: A painting is finished early after so many seconds. On the user's own computer it may take its time.
TIME_LIMIT_SECONDS = float(os.environ.get("IMPASTO_SECONDS") or (100 if ON_ZERO_GPU else 600 if ON_SPACE else 24 * 3600))
#: The fields of `Options` that visitors may set. The others keep their defaults.
ALLOWED_OPTIONS = (
    *("preset", "strength", "colors", "quality", "size", "seed"),
    *("style_scale", "style_weights", "style_layers", "style_loss", "padding", "protect"),
)
#: Fine strokes from the first style, large shapes from the second.
FINE_AND_COARSE_LAYERS = "conv1_1,conv2_1/conv3_1,conv4_1,conv5_1"
#: Limits of the interval between previews, in seconds, and the interval as a fraction of the time elapsed.
_MIN_PREVIEW_INTERVAL, _MAX_PREVIEW_INTERVAL, _PREVIEW_INTERVAL_FRACTION = 0.4, 2.0, 0.05
#: The fraction of the time that may be spent on making previews.
_MAX_PREVIEW_COST = 0.03
#: Conservative estimates for a ZeroGPU slice: megapixels times steps per second, and seconds until it starts.
_ZERO_GPU_SPEED, _ZERO_GPU_START_SECONDS = 8, 15
#: Seconds between looks at the queue, and at the file that pauses a painting
_QUEUE_INTERVAL, _PAUSE_INTERVAL = 0.2, 0.02
#: How much a process that pauses for another yields to it while both load the engine, which no file can pause (Unix niceness)
_NICENESS = 10
#: Jobs at a time on ZeroGPU, each on a slice of its own
_ZERO_GPU_JOBS = 4

Pixels = NDArray[np.uint8]

logger = logging.getLogger("impasto.page")


class Job(NamedTuple):
    """What to paint, in values that can be pickled."""

    photo: Pixels  # (height, width, 3 or 4)
    styles: list[Pixels]
    options: dict[str, Any]
    folder: str  # of this job alone; a file `stop` in it ends the painting
    time_limit: float = TIME_LIMIT_SECONDS
    masks: list[Pixels] | None = None  # where each style applies, (height, width); None: everywhere
    protected: Pixels | None = None  # what keeps its shapes, in addition to faces, (height, width); None: nothing
    network: str = ""  # name of a feed-forward network, which uses only FEEDFORWARD_OPTIONS, and no styles
    painting: Pixels | None = None  # a smaller painting of the same, which is to get finer strokes
    pause_file: str = ""  # path: while this file exists, the painting pauses; "": never

    @property
    def all_options(self) -> dict[str, Any]:
        """The options, with what is protected in addition to faces"""
        protect = {} if self.protected is None else {"protect": add_protected(self.options.get("protect"), self.protected)}
        return {**self.options, **protect}


class Progress(NamedTuple):
    """How far a painting is. The last one carries the painting."""

    fraction: float
    size: tuple[int, int]  # width and height that it is painted at now
    iteration: int
    eta: float | None  # seconds left, once they can be estimated
    preview: str  # path of a JPEG file; "" from a feed-forward network
    end_reason: str = ""  # done, stopped or time
    painting: Pixels | None = None  # (height, width, 3 or 4)
    recipe: dict[str, Any] | None = None


class Estimate(NamedTuple):
    """What a painting takes."""

    width: int
    height: int
    seconds: float
    memory: int  # bytes; 0: no need to mention it


class Waiting(NamedTuple):
    """What is painted before a job."""

    jobs: int
    seconds: float  # that they take, as far as that is known


class StoppedError(ImpastoError):
    """A feed-forward network was stopped or exceeded its time limit: there is no painting to keep."""


def validated_options(photo_size: tuple[int, int], settings: dict[str, Any]) -> dict[str, Any]:
    """Make options from a visitor's settings, within this page's limits.  Raises OptionError.

    photo_size: width and height; no painting is larger than its photo
    """
    unknown = set(settings) - set(ALLOWED_OPTIONS)
    if unknown:
        raise OptionError(f"{min(unknown)!r} cannot be set here; these can: {', '.join(ALLOWED_OPTIONS)}")
    chosen = {name: value for name, value in settings.items() if value not in (None, "")}
    validate_choice("protect", chosen.get("protect", NOTHING), (FACES, NOTHING))  # no path of a file on this computer
    size = min(resolve_options(chosen).size or max(photo_size), max(photo_size), MAX_SIZE)
    return {**chosen, "size": max(32, size)}


def first_settings(photo_size: tuple[int, int], settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return the settings of a result within seconds that the painting refines, or None if there is none.  Raises OptionError.

    There is none on ZeroGPU, where each job waits until a GPU is free.
    """
    first = resolve_options(validated_options(photo_size, settings)).first_result(max(photo_size))
    if first is None or ON_ZERO_GPU:
        return None
    return {**settings, "quality": first.quality, "size": first.size}


def gpu_seconds(job: Job) -> int:
    """The time that a job requests from ZeroGPU. Shorter requests wait less in its queue."""
    if job.network:
        return _ZERO_GPU_START_SECONDS
    height, width = job.photo.shape[:2]
    painting_seconds = _zero_gpu_painting_seconds((width, height), resolve_options(job.options))
    return int(min(job.time_limit, painting_seconds) + _ZERO_GPU_START_SECONDS)


def _zero_gpu_painting_seconds(photo_size: tuple[int, int], options: Options) -> float:
    return sum(level.step_cost * level.steps for level in pyramid_levels(photo_size, options)) / 1e6 / _ZERO_GPU_SPEED


def estimate(photo_size: tuple[int, int], settings: dict[str, Any]) -> Estimate:
    """Estimate what a painting takes.  Raises ImpastoError."""
    options = resolve_options(validated_options(photo_size, settings))
    if ON_ZERO_GPU:  # the memory is another computer's
        final = pyramid_levels(photo_size, options)[-1]
        seconds = min(TIME_LIMIT_SECONDS, _zero_gpu_painting_seconds(photo_size, options))
        return Estimate(final.width, final.height, seconds, 0)
    expected = forecast(photo_size, options, first=options.first_result(max(photo_size)))
    return Estimate(expected.width, expected.height, min(TIME_LIMIT_SECONDS, expected.seconds), expected.memory)


def _paint(job: Job) -> Generator[Progress]:
    """Paint, and report progress now and then.  Raises ImpastoError."""
    if ON_ZERO_GPU:
        torch.set_num_threads(1)  # the thread pool of the process that this one was forked from does not exist here
    if job.network:
        yield _paint_feedforward(job)
        return
    start = time.perf_counter()
    folder = Path(job.folder)
    options = resolve_options({**job.all_options, "masks": job.masks})
    if job.painting is not None:
        options = options.refinement(job.painting)
    run = create_run(job.photo, job.styles, options, cache=_model_cache)
    run.load_weights()
    previews, next_preview, end_reason = 0, 0.0, ""
    for step in run.steps():
        now = _wait_while_paused(job)
        if _stop_requested(job):
            end_reason = "stopped"
        elif now - start > job.time_limit:
            end_reason = "time"
        elif step.fraction >= 1:
            end_reason = "done"
        elif now < next_preview:
            continue
        image = step.image
        previews += 1
        preview = uploads.write_jpeg(image, folder / f"preview-{previews}.jpg")
        progress = Progress(step.fraction, step.size, step.iteration, step.time_left, preview)
        if end_reason:
            painting = np.asarray(uploads.resize(image, run.levels[-1][:2]))
            yield progress._replace(end_reason=end_reason, painting=painting, recipe=run.result(step).recipe)
            return
        yield progress
        after = time.perf_counter()
        interval = min(_MAX_PREVIEW_INTERVAL, max(_MIN_PREVIEW_INTERVAL, _PREVIEW_INTERVAL_FRACTION * (after - start)))
        next_preview = after + max(interval, (after - now) / _MAX_PREVIEW_COST)


def _wait_while_paused(job: Job) -> float:
    """Return the time once the painting may go on, or has been stopped."""
    while job.pause_file and Path(job.pause_file).exists() and not _stop_requested(job):
        time.sleep(_PAUSE_INTERVAL)
    return time.perf_counter()


def _paint_feedforward(job: Job) -> Progress:
    """Paint in one pass, with a stroke size within the range that networks are trained for.  Raises ImpastoError."""
    options = resolve_options({name: value for name, value in job.all_options.items() if name in FEEDFORWARD_OPTIONS})
    stroke_sizes = tuple(np.clip(options.style_scale or 1.0, STROKE_SIZES[0], STROKE_SIZES[-1]).reshape(-1).tolist())
    start = time.perf_counter()
    network = load_network(available_networks()[job.network])  # by name only, never by path
    stylizer = FeedforwardStylizer(network, dataclasses.replace(options, style_scale=stroke_sizes), network_name=job.network)

    def check_stopped() -> None:
        if _stop_requested(job) or time.perf_counter() - start > job.time_limit:
            raise StoppedError("Stopped before the painting was finished. A smaller size takes less time.")

    image = stylizer.stylize(job.photo, check_stopped).image
    return Progress(1.0, image.size, 1, None, "", "done", np.asarray(image), json.loads(stylizer.recipe))


def request_stop(folder: str | os.PathLike[str]) -> None:
    """Ask the painter to finish the job in this folder early."""
    Path(folder, "stop").touch()


def _stop_requested(job: Job) -> bool:
    return Path(job.folder, "stop").exists()


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
        self._paint: Callable[[Job], Generator[Progress]] = spaces.GPU(duration=gpu_seconds)(_paint)

    def __call__(self, job: Job) -> Generator[Progress]:
        """Paint, and report progress now and then."""
        return self._paint(job)


class PainterProcess(Painter):
    """The engine in a process of its own, which starts when it is first needed and ends with this one."""

    def __init__(self, pauses_for: PainterProcess | None = None) -> None:
        """pauses_for: another painter, for whose jobs this one pauses: two at a time would each take twice as long"""
        super().__init__(1)
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
            command = [sys.executable, "-c", f"from {__package__} import painter; painter.serve()"]
            folder = Path(__file__).parents[1]
            self._process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if self._pauses_for and sys.platform != "win32":
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICENESS)

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


def serve() -> None:
    """Run the painter's process: read jobs from standard input, write progress to the original standard output."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keep what libraries print out of the page's pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the page; this process ends with it
    with contextlib.suppress(Exception):  # the first job reports what is wrong
        warm_up()
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            for progress in _paint(job):
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


def warm_up() -> None:
    """Load the networks and run them once."""
    gradient = np.asarray(Image.linear_gradient("L").resize((64, 64)))
    for _ in create_run(gradient, gradient, size=64, quality="instant", cache=_model_cache).steps():
        pass


_model_cache = ModelCache()
#: For jobs of a few seconds, which wait for no others, and for all others
paint_instant: Painter
paint: Painter
if ON_ZERO_GPU:
    paint_instant = paint = ZeroGpuPainter()
else:
    paint_instant = PainterProcess()
    paint = PainterProcess(pauses_for=paint_instant)


def warm_up_at_start() -> None:
    """Download the weights and, except on ZeroGPU, load the network before somebody waits for it.

    The page starts without weights too: each painting tries again, and reports the error.
    """
    last_report = 0.0

    def log_progress(done: int, total: int) -> None:
        nonlocal last_report
        if done == total or time.monotonic() - last_report > 5:
            last_report = time.monotonic()
            logger.info("downloading the network (first start only): %.0f of %.0f MB", done / 1e6, total / 1e6)

    try:
        (_model_cache if ON_ZERO_GPU else ModelCache()).weights(Options(), log_progress)
    except WeightsError as error:
        logger.error("%s", error)
    if not ON_ZERO_GPU:
        with contextlib.suppress(ImpastoError):
            estimate((512, 512), {})  # the speed of this computer must be measured while nothing is painting
    for painter in (paint_instant, paint):
        if isinstance(painter, PainterProcess):
            painter.start()
