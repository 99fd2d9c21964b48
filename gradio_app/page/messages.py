"""What a visitor is told: of a painting under way, of a finished one, and of what went wrong."""

from __future__ import annotations

import logging
import uuid

import gradio as gr

import studio
from impasto import DeviceError, ImageError, OptionError, OutOfMemoryError, WeightsError
from impasto.terminal import duration
from shelves import INSTANT
from visitors import TooMany

GONE = "That painting has been deleted: they are kept for less than an hour."
#: Errors whose text is for visitors
_TOLD = (ImageError, OptionError, OutOfMemoryError, DeviceError, TooMany, studio.Stopped)

logger = logging.getLogger("impasto.page")


def sentence(error: BaseException) -> str:
    """What a visitor is told of an error: no path, no trace; what is unexpected gets a reference, for the log."""
    if isinstance(error, gr.Error):  # of ZeroGPU: no quota left, no GPU to be had
        return str(error.message)
    if isinstance(error, _TOLD):
        text = str(error)
        return text[0].upper() + text[1:]
    if isinstance(error, WeightsError):
        logger.error("%s", error)
        return "The network's weights could not be fetched: this page's computer has no way to them. Try again later."
    reference = uuid.uuid4().hex[:8]
    logger.error("reference %s", reference, exc_info=error)
    return f"Something went wrong here (reference {reference}). Try again, or with another picture."


def where(frame: studio.Frame) -> str:
    """The status line of a painting under way"""
    width, height = frame.size
    return f"Painting at {width} × {height}, step {frame.iteration}" + (f" · {duration(frame.eta)} left" if frame.eta else "")


def outcome(frame: studio.Frame, seconds: float, net: str = "") -> str:
    """The status line of a finished painting; net: the name of the one that painted it"""
    assert frame.painting is not None
    took = f"{seconds:.1f} s" if net and seconds < 10 else duration(seconds)
    ended = {"done": f"Done in {took}", "stopped": "Stopped", "time": "Time is up"}[frame.ended]
    width, height = frame.painting.shape[1::-1]
    line = f"{ended}: {width} × {height} pixels"
    if frame.size != (width, height):
        line += f", painted at {frame.size[0]} × {frame.size[1]}"
    if not net:
        return f"{line}. Drag the line; move Strength to fade it."
    then = "Press Stylize to paint it exactly." if INSTANT[net].painting else "Drag the line; move Strength to fade it."
    return f"{line}, by the instant style {INSTANT[net].title}. {then}"
