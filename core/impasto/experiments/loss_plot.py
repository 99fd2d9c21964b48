"""Plots of losses over steps, drawn by matplotlib, which is optional."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ..errors import ImageError, OptionError
from ..images.encode import ensure_writable_image
from ..runtime.files import write_atomic


def ensure_writable_plot(path: str) -> Path:
    """Return the path if a plot can be written there.  Raises ImageError; OptionError: matplotlib is not installed."""
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise ImageError(f"{path!r}: plots are PNG files, use the suffix .png")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise OptionError("plots need matplotlib, which is not installed: pip install matplotlib") from None
    return ensure_writable_image(target)


class LossPoint(NamedTuple):
    """The losses of a run after a step"""

    step: int
    size: tuple[int, int]
    loss: float
    style_loss: float


def plot_losses(target: Path, curve: Sequence[LossPoint]) -> None:
    """Plot the losses over the steps, in the paper's units, and mark where the size changes.  Raises ImageError."""
    lines = {
        "loss": ([point.loss for point in curve], "#1c1917"),
        "content": ([point.loss - point.style_loss for point in curve], "#2563eb"),
        "style": ([point.style_loss for point in curve], "#ea580c"),
    }
    marks = {now.step: f" {now.size[0]} px" for previous, now in pairwise(curve) if now.size != previous.size}
    plot_lines(target, [point.step for point in curve], lines, "loss, in the paper's units", marks)


def plot_lines(
    target: Path,
    steps: Sequence[int],
    lines: Mapping[str, tuple[Sequence[float], str]],
    label: str,
    marks: Mapping[int, str] | None = None,
) -> None:
    """Plot lines over steps.  lines: name -> values and color; marks: step -> text beside a vertical line

    Raises ImageError.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name, (values, color) in lines.items():
        axes.plot(steps, values, label=name, color=color, linewidth=1.2)
    for step, text in (marks or {}).items():
        axes.axvline(step, color="#d6d3d1", linewidth=0.8, zorder=0)
        axes.text(step, 0.98, text, transform=axes.get_xaxis_transform(), va="top", fontsize=7)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png")
    write_atomic(target, buffer.getvalue())
