"""TODO-DOC numerics"""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(features: Tensor) -> Tensor:
    """Half-precision features in float32: sums of their squares overflow or lose their last digits otherwise."""
    return features if features.dtype == torch.float64 else features.float()


def matrix_sqrt(covariance: Tensor) -> Tensor:
    """The symmetric square root of a covariance"""
    values, vectors = torch.linalg.eigh(covariance)
    square_root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return square_root
