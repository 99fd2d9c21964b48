"""A job of the painter: its options within the page's limits, what it takes, and the painting itself.

Jobs and progress are pickled, because another process paints, so they are plain values. A file in a job's folder asks to stop.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from impasto import ImpastoError, OptionError, Options
from impasto.api import create_run
from impasto.errors import validate_choice
from impasto.feedforward.registry import available_networks, load_network
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.feedforward.training import STROKE_SIZES
from impasto.optimization.cache import ModelCache
from impasto.optimization.forecast import forecast
from impasto.optimization.pyramid import pyramid_levels
from impasto.option_values import FACES, NOTHING, add_protected
from impasto.options import FEEDFORWARD_OPTIONS, resolve_options

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
_MIN_PREVIEW_INTERVAL, _MAX_PREVIEW_INTERVAL, _PREVIEW_INTERVAL_FRACTION = 0.8, 2.0, 0.05
#: The fraction of the time that may be spent on making previews.
_MAX_PREVIEW_COST = 0.03
#: Conservative estimates for a ZeroGPU slice: megapixels times steps per second, and seconds until it starts.
_ZERO_GPU_SPEED, _ZERO_GPU_START_SECONDS = 8, 15
#: Seconds between looks at the file that pauses a painting
_PAUSE_INTERVAL = 0.02

Pixels = NDArray[np.uint8]
#: Networks that are loaded already
model_cache = ModelCache()


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


def run_job(job: Job) -> Generator[Progress]:
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
    run = create_run(job.photo, job.styles, options, cache=model_cache)
    run.load_weights()
    previews, next_preview, end_reason, paused = 0, 0.0, "", 0.0
    for step in run.steps():
        arrived = time.perf_counter()
        now = _wait_while_paused(job)
        paused += now - arrived
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
        left = step.time_left
        if left is not None:
            left *= 1 - paused / (now - start)  # the run counts pauses as its own pace
        progress = Progress(step.fraction, step.size, step.iteration, left, preview)
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
