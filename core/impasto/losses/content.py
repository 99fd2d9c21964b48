"""TODO-DOC losses.content"""

from __future__ import annotations

from torch import Tensor

from ..numerics import at_least_float32


def content_loss(features: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """L_c = 1/2 sum (F - P)^2 and dL_c/dF = F - P (eq. 1 and 2, but for [F > 0], which is the network's)"""
    difference = at_least_float32(features) - wanted
    return difference.square().sum() / 2, difference
