"""The content loss of Gatys, Ecker and Bethge (arXiv 1508.06576) and its gradient."""

from __future__ import annotations

from torch import Tensor

from ..numerics import at_least_float32

#: Structure of the content from which on its loss has its whole weight. Photographs have 0.6 to 0.9; a flat one has nothing
#: to keep, and with it the loss would only hold back the style.
FULL_STRUCTURE = 0.2


def content_loss(features: Tensor, target: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return L_c = 1/2 sum (F - P)^2 and dL_c/dF = F - P (eq. 1 and 2; the factor [F > 0] is applied by the network).

    features: F, of the image; target: P, of the content, with the same shape (..., N)
    weights: of the positions (...), which both are multiplied by; None: 1 everywhere
    """
    difference = at_least_float32(features) - target
    if weights is None:
        return difference.square().sum() / 2, difference
    gradient = difference * weights[..., None]
    return (gradient * difference).sum() / 2, gradient
