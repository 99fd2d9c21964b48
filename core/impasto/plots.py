"""The losses of a run as a picture, drawn by matplotlib where it is installed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from . import files, images
from .errors import ImageError, OptionError


def check(path: str) -> Path:
    """That curves can be drawn and the file can be written.  Raises ImageError, OptionError."""
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise ImageError(f"{path!r}: the curves are a PNG file, end it in .png")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise OptionError("the curves are drawn by matplotlib, which is not there: pip install matplotlib") from None
    return images.check_target(target)


class Point(NamedTuple):
    """Where a run stood after some step"""

    step: int
    size: tuple[int, int]
    loss: float
    style_loss: float


def save(target: Path, curve: Sequence[Point]) -> None:
    """Draw the losses over the steps, in the paper's units, and where the picture grew.  Raises ImageError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    steps = [point.step for point in curve]
    axes.plot(steps, [point.loss for point in curve], label="loss", color="#1c1917", linewidth=1.2)
    content = [point.loss - point.style_loss for point in curve]
    axes.plot(steps, content, label="content", color="#2563eb", linewidth=1.2)
    axes.plot(steps, [point.style_loss for point in curve], label="style", color="#ea580c", linewidth=1.2)
    for before, now in pairwise(curve):
        if now.size != before.size:
            axes.axvline(now.step, color="#d6d3d1", linewidth=0.8, zorder=0)
            axes.text(now.step, 0.98, f" {now.size[0]} px", transform=axes.get_xaxis_transform(), va="top", fontsize=7)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("loss, in the paper's units")
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png")
    files.write(target, buffer.getvalue())
