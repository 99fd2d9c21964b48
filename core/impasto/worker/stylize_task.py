"""Jobs painted by optimization: progress, throttled previews, the result; and estimates before the start."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, ImpastoError
from .job import Job, parse_options
from .protocol import Header

if TYPE_CHECKING:
    from ..optimization.cache import ModelCache
    from ..options import Options
    from .channel import JobChannel

#: Minimum seconds between two previews
_PREVIEW_INTERVAL = 0.5


def stylize(job: Job, settings: dict[str, Any], channel: JobChannel, cache: ModelCache) -> None:
    """Stylize the job's content and send the result; before it, a first result as a preview.  Raises ImpastoError, Cancelled.

    settings: options by name; cache: weights, network and style statistics, kept from job to job
    """
    from ..api import create_run
    from ..images.tileable import Tileable
    from ..options import resolve_options

    start = time.monotonic()
    content, styles = job.picture("content"), job.styles()
    options = resolve_options({**settings, "masks": job.regions()})
    runs = [create_run(content, styles, options, cache=cache)]
    first = _smaller_first_result(options, content.size)
    if first is not None and runs[0].options.init == "instant":  # otherwise there is not enough memory
        runs.insert(0, create_run(content, styles, first, cache=cache))
    channel.check_cancelled()
    work = [sum(level.steps * level.step_cost for level in run.levels) for run in runs]
    done, last_preview, step = 0.0, 0.0, None
    for run, cost in zip(runs, work, strict=True):
        is_last = run is runs[-1]
        run.load_weights(channel.send_download_progress)
        for step in run.steps():
            channel.check_cancelled()
            now = time.monotonic()
            width, height = step.size
            fraction = (done + cost * step.fraction) / sum(work)
            channel.send_progress("painting", fraction, now - start, step.eta if is_last else None, width=width, height=height)
            is_due = now - last_preview >= _PREVIEW_INTERVAL and step.fraction < 1 and not run.is_rough(step)
            if is_due if is_last else step.fraction == 1:
                last_preview = now
                channel.send_preview(step.snapshot.render())
        done += cost
    assert step is not None
    result = runs[-1].result(step)
    painting = result.picture.resize(*content.size, Tileable.from_padding(options.padding))
    channel.send_rows(job.render(content, painting))
    width, height = step.size
    seconds = time.monotonic() - start
    channel.send("done", network=result.options.network, seconds=seconds, width=width, height=height)


def _smaller_first_result(options: Options, size: tuple[int, int]) -> Options | None:
    """Return the options of a first result where a large run takes long to get as far.  size: of the content"""
    longest = max(size)
    first = options.first_result(longest)
    return first if first is not None and first.size < (options.size or longest) else None


def send_estimate(header: Header, channel: JobChannel, cache: ModelCache) -> None:
    """Send the size, time and memory that a painting of this content size would take, or why it cannot be made."""
    from ..optimization.forecast import forecast
    from ..options import resolve_options

    width, height = header.get("width"), header.get("height")
    fields: dict[str, Any]
    try:
        if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
            raise ImageError(f"a content of {width} x {height} pixels: give a positive width and height")
        options = resolve_options(parse_options(header))
        first = _smaller_first_result(options, (width, height))
        fields = forecast((width, height), options, first=first, network_loaded=cache.is_loaded(options))._asdict()
    except ImpastoError as error:  # the reply is not an `error` frame: the job goes on and may be estimated again
        fields = {"text": str(error)}
    channel.send("estimate", **fields)
