"""Messages to visitors: progress, results and errors."""

from __future__ import annotations

import logging
import uuid

import gradio as gr

from impasto import DeviceError, ImageError, OptionError, OutOfMemoryError, WeightsError
from impasto.formatting import format_duration

from .gallery import INSTANT_STYLES
from .painter import Progress, StoppedError
from .sessions import TooManyPaintingsError

RESULT_DELETED = "That painting has been deleted. Paintings are kept for less than an hour."
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


def progress_message(progress: Progress) -> str:
    """The status line of a painting in progress"""
    width, height = progress.size
    time_left = f" · {format_duration(progress.eta)} left" if progress.eta else ""
    return f"Painting at {width} × {height}, step {progress.iteration}{time_left}"


def result_message(last: Progress, seconds: float, network: str = "") -> str:
    """The status line of a finished painting; network: the name of the feed-forward network that painted it"""
    assert last.painting is not None
    elapsed = f"{seconds:.1f} s" if network and seconds < 10 else format_duration(seconds)
    reason = {"done": f"Done in {elapsed}", "stopped": "Stopped", "time": "Time limit reached"}[last.end_reason]
    width, height = last.painting.shape[1::-1]
    message = f"{reason}: {width} × {height} pixels"
    if last.size != (width, height):
        message += f", painted at {last.size[0]} × {last.size[1]}"
    compare = "Drag the line to compare; move Strength to fade the painting."
    if not network:
        return f"{message}. {compare}"
    style = INSTANT_STYLES[network]
    hint = "For a closer match to the style, press Stylize." if style.painting else compare
    return f"{message}, in the instant style {style.title}. {hint}"
