"""Status lines for the user, from the headers of the engine's frames."""

from __future__ import annotations

from typing import Any

ENGINE_MISSING = "The engine is not installed yet: set it up first."
ENGINE_MISSING_IN_DIALOG = "The engine is not installed yet: set it up in the Impasto docker."


def painting_progress(header: dict[str, Any]) -> str:
    """From a `progress` frame: `Painting at 512 x 384, 20 s left`"""
    if header.get("phase") == "weights":
        return f"Downloading the network (only once): {header['fraction']:.0%}"
    seconds = header.get("eta")
    size = f"{header['width']} x {header['height']}"
    return f"Painting at {size}" + ("" if seconds is None else f", {format_seconds(seconds)} left")


def training_progress(name: str, header: dict[str, Any]) -> str:
    """From a `progress` frame of a training: `Learning Harvest: 40%, 12 min left`"""
    if header.get("phase") != "training":
        return f"Learning {name}: downloading the network (only once): {header['fraction']:.0%}"
    seconds = header.get("eta")
    return f"Learning {name}: {header['fraction']:.0%}" + ("" if seconds is None else f", {seconds / 60:.0f} min left")


def painting_done(header: dict[str, Any], note: str) -> str:
    """From a `done` frame: `Done in 40 s, painted at 512 x 384`.  note: a sentence to append"""
    text = f"Done in {format_seconds(header['seconds'])}, painted at {header['width']} x {header['height']}"
    return f"{text}. {note}" if note else text


def painting_estimate(header: dict[str, Any]) -> str:
    """From an `estimate` frame: `512 x 384: about 40 s, 2.1 GB of memory`"""
    if "text" in header:
        return str(header["text"])
    size = f"{header['width']} x {header['height']}"
    return f"{size}: about {format_seconds(header['seconds'])}, {header['memory'] / 1e9:.1f} GB of memory"


def format_seconds(seconds: float) -> str:
    """`40 s` or `3 min`"""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
