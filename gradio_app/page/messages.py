"""Messages to visitors: progress, results and errors."""

from __future__ import annotations

import logging
import uuid

import gradio as gr

from impasto import DeviceError, ImageError, OptionError, OutOfMemoryError, WeightsError
from impasto.formatting import format_duration

from .painter import Progress, StoppedError
from .sessions import TooManyPaintingsError

RESULT_DELETED = "That painting has been deleted. Paintings are kept for less than an hour."
STOPPED_WAITING = "Stopped before it was painted."
#: Why a painting ended early
_END_REASONS = {"stopped": "Stopped", "time": "Time limit reached"}
#: Errors whose text is written for visitors.
_USER_ERRORS = (ImageError, OptionError, OutOfMemoryError, DeviceError, TooManyPaintingsError, StoppedError)

logger = logging.getLogger("impasto.page")


def error_message(error: BaseException) -> str:
    """Describe an error without paths or tracebacks. An unexpected one gets a reference to find it in the log."""
    if isinstance(error, gr.Error):  # raised by ZeroGPU: quota exceeded, no GPU available
        return str(error.message)
    if isinstance(error, _USER_ERRORS):
        text = str(error)
        return text[0].upper() + text[1:]
    if isinstance(error, WeightsError):
        logger.error("%s", error)
        return "The network's weights could not be downloaded to this server. Try again later."
    reference = uuid.uuid4().hex[:8]
    logger.error("reference %s", reference, exc_info=error)
    return f"Something went wrong (reference {reference}). Try again, or use another picture."


def waiting_message(paintings_ahead: int, *, refine: bool = False) -> str:
    """The status line while other paintings are painted first; refine: whether there is a first result already"""
    others = "another painting" if paintings_ahead == 1 else f"{paintings_ahead} other paintings"
    return f"This is refined after {others}…" if refine else f"Waiting for {others}…"


KEEP_FACES = "Eyes, noses and mouths keep their shapes."


def faces_message(count: int) -> str:
    """Say how many faces the photo has."""
    found = (
        "No face was found in this photo."
        if not count
        else "One face was found."
        if count == 1
        else f"{count} faces were found."
    )
    return f"{KEEP_FACES} {found}"


def progress_message(progress: Progress) -> str:
    """The status line of a painting in progress"""
    width, height = progress.size
    time_left = f" · {format_duration(progress.eta)} left" if progress.eta else ""
    return f"Painting at {width} × {height}, step {progress.iteration}{time_left}"


def first_result_message(seconds: float) -> str:
    """The status line of a first result, after which the exact painting begins"""
    return f"First result in {_format_seconds(seconds)}. Now it is refined…"


def kept_message(last: Progress) -> str:
    """The status line of a painting that ended before it was as large as its first result, which is kept"""
    return f"{_END_REASONS[last.end_reason]}: the first result is kept."


def result_message(last: Progress, seconds: float) -> str:
    """The status line of a finished painting"""
    assert last.painting is not None
    reason = _END_REASONS.get(last.end_reason, f"Done in {_format_seconds(seconds)}")
    width, height = last.painting.shape[1::-1]
    message = f"{reason}: {width} × {height} pixels"
    if last.size != (width, height):
        message += f", painted at {last.size[0]} × {last.size[1]}"
    return f"{message}. Drag the line to compare; move Strength to fade the painting."


def _format_seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else format_duration(seconds)
