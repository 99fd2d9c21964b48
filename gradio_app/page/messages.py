"""Messages to visitors in their language: progress, results and errors."""

from __future__ import annotations

import logging
import uuid

import gradio as gr

from impasto import DeviceError, ImageError, OptionError, OutOfMemoryError, WeightsError, formatting
from impasto.errors import TooThinError

from . import paint_job
from .paint_job import Estimate, Progress, StoppedError
from .painter import Waiting
from .sessions import TooManyPaintingsError
from .texts import translate

RESULT_DELETED = "That painting has been deleted. Paintings are kept for less than an hour."
STARTING = "Starting…"
STOPPED_WAITING = "Stopped before it was painted."
KEEP_FACES = "Eyes, noses and mouths keep their shapes."
#: Bytes below which nobody needs to know what a painting takes
_MUCH_MEMORY = 4e9
#: Why a painting ended early
_END_REASONS = {"stopped": "Stopped", "time": "The time limit was reached"}
#: Errors whose text is written for visitors.
_USER_ERRORS = (ImageError, OptionError, OutOfMemoryError, DeviceError, TooManyPaintingsError, StoppedError)

logger = logging.getLogger("impasto.page")


def error_message(error: BaseException, language: str = "en") -> str:
    """Describe an error without paths or tracebacks. An unexpected one gets a reference to find it in the log."""
    if isinstance(error, gr.Error):  # raised by ZeroGPU: quota exceeded, no GPU available
        return str(error.message)
    if isinstance(error, TooThinError):
        return translate("This photo is too narrow. Crop it, or choose a larger size.", language)
    if isinstance(error, _USER_ERRORS):
        text = str(error)
        return translate(text[0].upper() + text[1:], language)
    if isinstance(error, WeightsError):
        logger.error("%s", error)
        return translate("The network's weights could not be downloaded to this server. Try again later.", language)
    reference = uuid.uuid4().hex[:8]
    logger.error("reference %s", reference, exc_info=error)
    text = "Something went wrong (reference {reference}). Try again, or use another picture."
    return translate(text, language, reference=reference)


def waiting_message(waiting: Waiting, language: str, *, refine: bool = False) -> str:
    """The status line while other paintings are painted first; refine: whether there is a first result already"""
    text = "{count} paintings ahead of you" if waiting.jobs > 1 else "1 painting ahead of you"
    if refine:
        text = (
            "In full detail after {count} paintings of others"
            if waiting.jobs > 1
            else "In full detail after the painting of somebody else"
        )
    text = translate(text, language, count=waiting.jobs)
    if not waiting.seconds:
        return text
    return translate("{text}, about {duration}", language, text=text, duration=_duration(waiting.seconds, language))


def estimate_text(estimate: Estimate, language: str) -> str:
    """What a painting takes. The memory is said only where it is the visitor's own."""
    duration = _duration(estimate.seconds, language)
    if estimate.memory < _MUCH_MEMORY or paint_job.ON_SPACE:
        return translate("About {duration}", language, duration=duration)
    text = "About {duration}, {memory}"
    return translate(text, language, duration=duration, memory=_local(formatting.format_bytes(estimate.memory), language))


def faces_message(count: int, language: str) -> str:
    """Say how many faces the photo has."""
    found = (
        "No face was found in this photo."
        if not count
        else "One face was found."
        if count == 1
        else "{count} faces were found."
    )
    return f"{translate(KEEP_FACES, language)} {translate(found, language, count=count)}"


def progress_message(progress: Progress, language: str = "en") -> str:
    """The status line of a painting in progress"""
    if not progress.eta:
        return translate("Painting…", language)
    return translate("Painting… {duration} left", language, duration=_duration(progress.eta, language))


def part_message(number: int, count: int, title: str, language: str) -> str:
    """The status line while one of several paintings is painted"""
    return translate("{number} of {count}: {title}", language, number=number, count=count, title=translate(title, language))


def first_result_message(seconds: float, language: str) -> str:
    """The status line of a first result, after which it is painted in full detail"""
    return translate("Ready in {duration}. Now in full detail…", language, duration=_duration(seconds, language, exact=True))


def kept_message(last: Progress, language: str) -> str:
    """The status line of a painting that ended before it was as large as its first result, which is kept"""
    reason = translate(_END_REASONS[last.end_reason], language)
    return translate("{reason}: the first result is kept.", language, reason=reason)


def result_message(last: Progress, seconds: float, language: str) -> str:
    """The status line of a finished painting"""
    assert last.painting is not None
    duration = _duration(seconds, language, exact=True)
    reason = _END_REASONS.get(last.end_reason)
    start = translate(reason, language) if reason else translate("Done in {duration}", language, duration=duration)
    width, height = last.painting.shape[1::-1]
    text = "{start}: {width} × {height} pixels."
    if last.size != (width, height):
        text = "{start}: {width} × {height} pixels, not in full detail."
    return translate(text, language, start=start, width=width, height=height)


def _duration(seconds: float, language: str, *, exact: bool = False) -> str:
    """exact: with tenths of a second, if it is short"""
    return _local(f"{seconds:.1f} s" if exact and seconds < 10 else formatting.format_duration(seconds), language)


def _local(number: str, language: str) -> str:
    """Write a number with the language's decimal separator."""
    return number if language == "en" else number.replace(".", ",")
