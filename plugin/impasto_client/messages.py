"""Texts for the user: what the frames of the engine say, and what more than one place says. Standard library only."""

from __future__ import annotations

from typing import Any

from .i18n import i18n

#: Codes of the engine's errors that the user can mend. The others come with details for someone who helps.
USER_ERRORS = ("ImageError", "OptionError", "OutOfMemoryError")


def engine_missing() -> str:
    return i18n("The engine is not installed yet: press Download and install.")


def painting_progress(header: dict[str, Any]) -> str:
    """From a `progress` frame: `Painting at 512 x 384 px, 20 s left`"""
    if header.get("phase") == "weights":
        return i18n("Downloading the network (only once): {percent} %", percent=round(100 * header["fraction"]))
    text = i18n("Painting at {width} x {height} px", width=header["width"], height=header["height"])
    return _with_time_left(text, header.get("eta"))


def training_progress(name: str, header: dict[str, Any]) -> str:
    """From a `progress` frame of a training: `Learning Harvest: 40 %, 12 min left`"""
    percent = round(100 * header["fraction"])
    if header.get("phase") != "training":
        return i18n("Learning {style}: downloading the network (only once): {percent} %", style=name, percent=percent)
    return _with_time_left(i18n("Learning {style}: {percent} %", style=name, percent=percent), header.get("eta"))


def painting_done(header: dict[str, Any], note: str) -> str:
    """From a `done` frame: `Done in 40 s, painted at 512 x 384 px`.  note: a sentence to append"""
    seconds, width, height = format_seconds(header["seconds"]), header["width"], header["height"]
    text = i18n("Done in {seconds}, painted at {width} x {height} px", seconds=seconds, width=width, height=height)
    return f"{text}. {note}" if note else text


def painting_estimate(header: dict[str, Any], enlargement: float = 1.0) -> str:
    """From an `estimate` frame: `About 40 s at 512 x 384 px, 2.1 GB of memory, then enlarged 5.9 x`"""
    if "text" in header:
        return str(header["text"])
    text = i18n(
        "About {seconds} at {width} x {height} px, {gigabytes} GB of memory",
        seconds=format_seconds(header["seconds"]),
        width=header["width"],
        height=header["height"],
        gigabytes=f"{header['memory'] / 1e9:.1f}",
    )
    return text + (i18n(", then enlarged {factor} x", factor=f"{enlargement:.1f}") if enlargement > 1.05 else "")


def format_seconds(seconds: float) -> str:
    """`40 s` or `3 min`"""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _with_time_left(text: str, seconds: float | None) -> str:
    return text if seconds is None else i18n("{text}, {seconds} left", text=text, seconds=format_seconds(seconds))
