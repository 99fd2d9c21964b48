"""Presets: named sets of option values, among them the settings of the paper and of other programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Content-to-style ratio alpha/beta of the paper's main figures (Gatys et al., arXiv 1508.06576).
PAPER_RATIO = 1e-3


@dataclass(frozen=True, slots=True)
class Preset:
    """Values for the options that the user leaves unset.

    values: option name -> value
    steps: iterations at the final size, or at every level of the pyramid, with quality "normal"; None: set by the quality
    mean_reduced: losses average over positions where the paper sums; the ratio is then given for 512 x 384 pixels
    """

    values: Mapping[str, Any]
    steps: int | None = None
    mean_reduced: bool = False


_EQUAL_LAYERS = "conv1_1,conv2_1,conv3_1,conv4_1,conv5_1"
_LAYERS_BY_CHANNELS = "conv1_1:64,conv2_1:16,conv3_1:4,conv4_1:1,conv5_1:1"  # 1/N^2
_PAPER: dict[str, Any] = {
    "ratio": PAPER_RATIO,
    "pooling": "average",
    "padding": "zero",
    "content_layers": "conv4_2",
    "style_layers": _EQUAL_LAYERS,
    "style_loss": "gram",
    "tv": 0.0,
    "init": "content",
    "optimizer": "lbfgs",
    "ladder": False,
}
_IMPASTO: dict[str, Any] = {
    "strength": 0.5,
    "pooling": "max",
    "padding": "replicate",
    "content_layers": "conv4_2",
    "style_layers": "conv1_1:0.5,conv2_1:0.2,conv3_1:0.12,conv4_1:0.1,conv5_1:0.08",
    "style_loss": "covariance",
    "tv": 2.0,
    "init": "instant",
    "optimizer": "adam",
    "ladder": True,
}
_JOHNSON = _PAPER | {"ratio": 4.85e-5, "pooling": "max", "style_layers": _LAYERS_BY_CHANNELS, "init": "noise"}
_GATYS_2017 = _PAPER | {"ratio": 9.7e-7, "pooling": "max", "style_layers": _LAYERS_BY_CHANNELS}
_CROWSON = {name: value for name, value in _IMPASTO.items() if name != "strength"} | {
    "ratio": 8e-5,
    "style_layers": "conv1_1:256,conv2_1:64,conv3_1:16,conv4_1:4,conv5_1:1",
    "style_loss": "wasserstein",
    "padding": "replicate-first",
    "init": "content",
}

PRESETS: dict[str, Preset] = {
    "impasto": Preset(_IMPASTO),
    "paper": Preset(_PAPER, steps=500),
    # neural-style by J. Johnson, neural-style-pt, anishathalye/neural-style: content weight 5, style weight 100
    "johnson": Preset(_JOHNSON, steps=1000, mean_reduced=True),
    # L. Gatys's own PyTorch code and the paper on controlling perceptual factors (arXiv 1611.07865)
    "gatys2017": Preset(_GATYS_2017, steps=500, mean_reduced=True),
    # style-transfer-pytorch by K. Crowson; the ratio gives the same distance to the content as that program's results
    "crowson": Preset(_CROWSON, steps=500),
}
