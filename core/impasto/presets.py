"""TODO-DOC presets"""

from __future__ import annotations

from typing import Any

#: The paper's alpha/beta
PAPER_RATIO = 1e-3
#: Where the paper sums over positions, these average: their alpha/beta in the paper's units is for this many pixels.
MEAN_REDUCED_PRESETS = ("johnson", "gatys2017")

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
    "init": "noise",
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
    "init": "content",
    "optimizer": "adam",
    "ladder": True,
}
#: What each preset sets. A field that is not given takes its value from here.
PRESETS: dict[str, dict[str, Any]] = {
    "impasto": _IMPASTO,
    "paper": _PAPER,
    # neural-style by J. Johnson, neural-style-pt, anishathalye/neural-style: content 5, style 100
    "johnson": _PAPER | {"ratio": 4.85e-5, "pooling": "max", "style_layers": _LAYERS_BY_CHANNELS},
    # L. Gatys's own PyTorch code, and the paper on controlling perceptual factors (arXiv 1611.07865)
    "gatys2017": _PAPER | {"ratio": 9.7e-7, "pooling": "max", "style_layers": _LAYERS_BY_CHANNELS, "init": "content"},
    # style-transfer-pytorch by K. Crowson: as far from the content as a picture of that program's is
    "crowson": {name: value for name, value in _IMPASTO.items() if name != "strength"}
    | {
        "ratio": 8e-5,
        "style_layers": "conv1_1:256,conv2_1:64,conv3_1:16,conv4_1:4,conv5_1:1",
        "style_loss": "wasserstein",
    },
}
#: Steps at the final size, at quality normal, of presets that have no ladder; and of every rung of one that has its own.
PRESET_STEPS = {"paper": 500, "johnson": 1000, "gatys2017": 500, "crowson": 500}
