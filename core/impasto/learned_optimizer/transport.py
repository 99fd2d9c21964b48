"""Optimal transport between the feature distributions of an image and of a style, in closed form.

For normal distributions with covariances C and C*, the optimal transport map is linear (Olkin and Pukelsheim, 1982):

    T = A (A C A)^-1/2 A with A = C*^1/2

It is computed for the principal components of each layer's features, so that it costs next to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..numerics import to_float64

#: Layers whose features are transported, and the number of principal components of each
TRANSPORT_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")
COMPONENTS = 64
#: Regularizer of the inverse square root, relative to the mean eigenvalue: directions with less variance stay as they are.
_FLOOR = 1e-2
_COLOR_FLOOR = 1e-3
#: How near to 1 the singular values are when the iteration ends: their distance is squared in each
_CONVERGED = 1e-8


class FeatureMoments(NamedTuple):
    """Mean and covariance of the features of a layer, of one image or of a batch"""

    mean: Tensor  # (..., N)
    covariance: Tensor  # (..., N, N)


class Transport(NamedTuple):
    """Linear maps z -> matrix z + shift, stacked over the layers"""

    matrix: Tensor  # (..., L, N, N)
    shift: Tensor  # (..., L, N)


def matrix_roots(covariance: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """Return the square root and the inverse square root of covariances, in double precision.

    Takes matrix products only, which are fast in batches where eigenvalue decompositions are not: the coupled Newton-Schulz
    iteration (Higham, Functions of Matrices, 2008, eq. 6.35), scaled by the smallest singular value that is possible at each
    step (Chen and Chow, "A stable scaling of Newton-Schulz for improving the sign function computation", 2014).

    floor: multiple of the mean eigenvalue that is added to all eigenvalues
    (..., N, N) -> (..., N, N) each
    """
    size = covariance.shape[-1]
    covariance = covariance.double()
    identity = torch.eye(size, dtype=covariance.dtype, device=covariance.device)
    mean = covariance.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None, None]
    matrix = covariance + (floor * mean + 1e-12) * identity
    scale = torch.linalg.matrix_norm(matrix)[..., None, None]
    root, inverse_root = matrix / scale, identity.expand_as(matrix)
    least = math.sqrt(floor / (size * (1 + floor)))  # the norm is at most the sum of the eigenvalues
    while least < 1 - _CONVERGED:
        factor = math.sqrt(3 / (1 + least + least**2))
        step = 1.5 * factor * identity - 0.5 * factor**3 * inverse_root @ root
        root, inverse_root = root @ step, step @ inverse_root
        least = 0.5 * factor * least * (3 - (factor * least) ** 2)
    return root * scale.sqrt(), inverse_root / scale.sqrt()


def project(moments: Mapping[str, FeatureMoments], bases: Mapping[str, Tensor]) -> FeatureMoments:
    """Return the moments of the principal components in double precision, stacked over the layers.

    Tensor cores round the inputs of products, which would make covariances indefinite. On MPS the result is on the CPU.

    bases: layer -> (COMPONENTS, N), orthonormal rows
    -> mean (..., L, COMPONENTS), covariance (..., L, COMPONENTS, COMPONENTS)
    """
    layers = [layer for layer in moments if layer in bases]
    basis = {layer: to_float64(bases[layer]) for layer in layers}
    means = [to_float64(moments[layer].mean) @ basis[layer].T for layer in layers]
    covariances = [basis[layer] @ to_float64(moments[layer].covariance) @ basis[layer].T for layer in layers]
    return FeatureMoments(torch.stack(means, -2), torch.stack(covariances, -3))


def style_root(style: FeatureMoments) -> FeatureMoments:
    """Replace the covariance of a style by its square root A, which `transport` takes."""
    return FeatureMoments(style.mean, matrix_roots(style.covariance, _COLOR_FLOOR)[0])


def transport(current: FeatureMoments, style: FeatureMoments, floor: float = _FLOOR) -> Transport:
    """Return the maps that carry features with the current moments to those of the style.

    Where rounding leaves no covariance, as in a region of less than one position, features stay as they are.

    style: from `style_root`
    -> in single precision
    """
    root = style.covariance
    inverse = matrix_roots(root @ current.covariance.double() @ root, floor)[1]
    matrix = root @ inverse @ root
    defined = matrix.isfinite().flatten(-2).all(-1)[..., None]
    matrix = torch.where(defined[..., None], matrix, torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device))
    shift = torch.where(defined, style.mean.double() - (matrix @ current.mean.double()[..., None])[..., 0], 0.0)
    return Transport(matrix.float(), shift.float())


def color_transport(image: Tensor, style: FeatureMoments) -> Tensor:
    """Give images the mean and covariance of the style's colors.  (B, 3, H, W) in [0, 1] -> the same

    style: of the colors, from `style_root`
    """
    pixels = image.flatten(2)
    mean = pixels.mean(2)
    centered = (pixels - mean[..., None]).double()
    covariance = centered @ centered.transpose(1, 2) / pixels.shape[2]
    matrix, shift = transport(FeatureMoments(mean, covariance), style, _COLOR_FLOOR)
    return (matrix @ pixels + shift[..., None]).view_as(image).clamp(0, 1)
