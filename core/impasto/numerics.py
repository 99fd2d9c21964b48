"""Numerical helpers: promotion to single and double precision, matrix square root."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(features: Tensor) -> Tensor:
    """Convert half-precision features to float32: sums of their squares would overflow or lose their last digits."""
    return features if features.dtype == torch.float64 else features.float()


def to_float64(values: Tensor) -> Tensor:
    """Convert to double precision, on the CPU if the device has none (MPS). Small eigenvalues are lost in single precision."""
    return values.to("cpu" if values.device.type == "mps" else values.device).double()


def matrix_sqrt(covariance: Tensor) -> Tensor:
    """Return the symmetric square root of a positive semidefinite matrix.  (N, N) -> (N, N)"""
    eigenvalues, eigenvectors = torch.linalg.eigh(covariance)
    square_root: Tensor = (eigenvectors * eigenvalues.clamp(min=0).sqrt()) @ eigenvectors.T
    return square_root
