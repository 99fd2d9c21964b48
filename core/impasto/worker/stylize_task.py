"""Jobs painted by optimization: progress, throttled previews, the result; and estimates before the start."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING, Any

from ..errors import ImageError, ImpastoError
from ..option_values import finds_faces
from .job import Job, parse_options
from .protocol import Header

if TYPE_CHECKING:
    from ..images.picture import Picture
    from ..optimization.cache import ModelCache
    from .channel import JobChannel

#: Minimum seconds between two previews
_PREVIEW_INTERVAL = 0.5
#: The largest `style_scale`
_MAX_STYLE_SCALE = 4.0
#: How far one painting may correct the estimates, as a factor. It may have had a rival for the processor.
_MAX_CORRECTION = 4.0


class Pace:
    """How long paintings take on this computer, compared with their forecasts: learned from those that are done."""

    def __init__(self) -> None:
        self._factor: float | None = None  # None: nothing was painted yet

    @property
    def factor(self) -> float:
        """Ratio of actual to forecast time"""
        return 1.0 if self._factor is None else self._factor

    def learn(self, forecast: float, actual: float) -> None:
        """Note how many seconds a painting has taken. The last ones count most."""
        factor = min(max(actual / forecast, 1 / _MAX_CORRECTION), _MAX_CORRECTION)
        self._factor = factor if self._factor is None else math.sqrt(self._factor * factor)


def stylize(job: Job, header: Header, channel: JobChannel, cache: ModelCache, pace: Pace) -> None:
    """Stylize the job's content and send the result; the first preview is the instant result.  Raises ImpastoError, Cancelled.

    header: of the `start` frame; cache: weights, network and style statistics, kept from job to job
    pace: learns from this painting
    """
    from ..api import create_run
    from ..images.tileable import Tileable
    from ..options import resolve_options

    start, last_preview = time.monotonic(), 0.0
    content, styles = job.picture("content"), job.styles()
    settings = parse_options(header)
    options = resolve_options({**settings, "masks": job.regions(), **job.protection(settings)})
    whole_side = header.get("whole_side")
    if isinstance(whole_side, int) and whole_side > max(content.size):
        scales = options.style_scale or (1.0,)
        scales = scales * len(styles) if len(scales) == 1 else scales
        pairs = zip(scales, styles, strict=True)
        scales = tuple(stroke_scale(scale, style, content, whole_side) for scale, style in pairs)
        options = dataclasses.replace(options, style_scale=scales)
    tileable = Tileable.from_padding(options.padding)
    if (painting := job.painting(content, tileable)) is not None:
        options = options.refinement(painting)
    run = create_run(content, styles, options, cache=cache)
    channel.check_cancelled()
    run.load_weights(channel.send_download_progress)
    last = None
    for last in run.steps():
        channel.check_cancelled()
        now = time.monotonic()
        width, height = last.size
        channel.send_progress("painting", last.fraction, now - start, last.time_left, width=width, height=height)
        if now - last_preview >= _PREVIEW_INTERVAL and last.fraction < 1 and not run.is_rough(last):
            last_preview = now
            channel.send_preview(last.snapshot.render())
    assert last is not None
    result = run.result(last)
    channel.send_rows(job.render(content, result.picture.resize(*content.size, tileable)))
    width, height = last.size
    seconds = time.monotonic() - start
    fields: dict[str, Any] = {"network": result.options.network, "can_be_refined": options.can_be_refined}
    channel.send("done", **fields, seconds=seconds, width=width, height=height)
    pace.learn(run.forecast.seconds, last.seconds)


def stroke_scale(scale: float, style: Picture, part: Picture, whole_side: int) -> float:
    """Return the `style_scale` that gives a part of a picture strokes as large as the whole picture would get.

    scale: `style_scale` for the whole picture; whole_side: its longest side, in pixels
    """
    side = scale * whole_side
    if scale <= 1:
        side = min(side, max(style.size))  # the whole picture's style is not enlarged either
    return min(max(side / max(part.size), scale), _MAX_STYLE_SCALE)


def send_faces(job: Job, channel: JobChannel) -> None:
    """Send where the faces of the job's content are: none without the extra that finds them.  Raises ImageError."""
    from ..images.faces import find_faces

    content = job.picture("content")
    outlines = [face.outline for face in find_faces(content)] if finds_faces() else []
    channel.send("faces", faces=[[*outline.center, *outline[1:]] for outline in outlines])


def send_estimate(header: Header, channel: JobChannel, cache: ModelCache, pace: Pace) -> None:
    """Send the size, time and memory that a painting of this content size would take, or why it cannot be made."""
    from ..optimization.forecast import forecast
    from ..options import resolve_options

    width, height = header.get("width"), header.get("height")
    fields: dict[str, Any] = {}
    try:
        if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
            raise ImageError(f"a content of {width} x {height} pixels: give a positive width and height")
        options = resolve_options(parse_options(header))
        fields["size"] = options.size
        fields |= forecast((width, height), options, network_loaded=cache.is_loaded(options))._asdict()
        fields["seconds"] *= pace.factor
    except ImpastoError as error:  # the reply is not an `error` frame: the job goes on and may be estimated again
        fields["text"] = str(error)
    channel.send("estimate", **fields)
