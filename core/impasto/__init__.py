"""Paint one picture in the style of another (Gatys, Ecker and Bethge, arXiv 1508.06576).

import impasto

impasto.stylize("photo.jpg", "painting.jpg", size=1024).save("out.png")

for step in impasto.stream("photo.jpg", "painting.jpg", impasto.Options(quality="draft")):
    print(f"{step.fraction:.0%}, {step.eta:.0f} s left")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__
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
    from .api import networks, reconstruct, stream, stylize, texture, train
    from .experiments.rerun import rerun
    from .feedforward.style_network import NetworkInfo, NetworkResult, StyleNetwork
    from .feedforward.training import TrainingStep
    from .optimization.forecast import Forecast, forecast
    from .optimization.run import Result, Step

__all__ = [
    "CheckpointError",
    "DeviceError",
    "Forecast",
    "ImageError",
    "ImpastoError",
    "NetError",
    "NetworkInfo",
    "NetworkResult",
    "OptionError",
    "Options",
    "OutOfMemoryError",
    "Result",
    "Step",
    "StyleNetwork",
    "TrainingStep",
    "WeightsError",
    "__version__",
    "forecast",
    "networks",
    "reconstruct",
    "rerun",
    "stream",
    "stylize",
    "texture",
    "train",
]

#: Modules of the names that need torch. They are imported on first use: `impasto --help` does not wait for torch.
_LAZY = {
    "Forecast": ".optimization.forecast",
    "NetworkInfo": ".feedforward.style_network",
    "NetworkResult": ".feedforward.style_network",
    "Result": ".optimization.run",
    "Step": ".optimization.run",
    "StyleNetwork": ".feedforward.style_network",
    "TrainingStep": ".feedforward.training",
    "forecast": ".optimization.forecast",
    "networks": ".api",
    "reconstruct": ".api",
    "rerun": ".experiments.rerun",
    "stream": ".api",
    "stylize": ".api",
    "texture": ".api",
    "train": ".api",
}


def __getattr__(name: str) -> Any:
    """Import a public name that needs torch on first use."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name], __name__), name)
