"""Impasto paints one picture in the style of another (Gatys, Ecker and Bethge, arXiv 1508.06576).

import impasto

impasto.stylize("photo.jpg", "painting.jpg", size=1024).save("out.png")

for step in impasto.stream("photo.jpg", "painting.jpg", impasto.Options(quality="draft")):
    print(f"{step.fraction:.0%}, {step.eta:.0f} s left")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    CheckpointError,
    DeviceError,
    ImageError,
    ImpastoError,
    NetError,
    OptionError,
    OutOfMemoryError,
    WeightsError,
)
from .options import Options

if TYPE_CHECKING:
    from .engine import Result, Step, stream, stylize
    from .plans import Forecast, forecast

__version__ = "0.1.0"
__all__ = [
    "CheckpointError",
    "DeviceError",
    "Forecast",
    "ImageError",
    "ImpastoError",
    "NetError",
    "OptionError",
    "Options",
    "OutOfMemoryError",
    "Result",
    "Step",
    "WeightsError",
    "forecast",
    "stream",
    "stylize",
]


def __getattr__(name: str) -> Any:
    """The engine's names, imported when first used: torch takes a second or two, and `--help` does not need it."""
    if name in ("Forecast", "Result", "Step", "forecast", "stream", "stylize"):
        from . import engine, plans

        return getattr(plans if name in ("Forecast", "forecast") else engine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
