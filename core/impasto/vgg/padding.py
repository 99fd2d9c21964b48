"""Padding of feature maps by one position other than with zeros, and its transpose, which the gradient needs.

`modes` is (vertical, horizontal), each "zero", "replicate" or "circular". Directions with "zero" stay unchanged, because the
convolution pads them itself.
"""

from __future__ import annotations

import torch
from torch import Tensor


def pad(values: Tensor, modes: tuple[str, str]) -> Tensor:
    """Add a row and a column at each end of the directions that are not zero-padded.  (H, W, C) -> (H + 2, W + 2, C)"""
    for axis, mode in enumerate(modes):
        if mode != "zero":
            first, last = values.narrow(axis, 0, 1), values.narrow(axis, values.shape[axis] - 1, 1)
            ends = (first, last) if mode == "replicate" else (last, first)
            values = torch.cat([ends[0], values, ends[1]], dim=axis)
    return values


def zeros(modes: tuple[str, str]) -> tuple[int, int]:
    """Return how many rows and columns of zeros a convolution adds at each end, so that a map keeps its size after `pad`."""
    y, x = (int(mode == "zero") for mode in modes)
    return y, x


def pad_transpose(gradient: Tensor, modes: tuple[str, str]) -> Tensor:
    """Apply the transpose of `pad`: add each padded row's gradient to the row it copies.  (H + 2, W + 2, C) -> (H, W, C)"""
    for axis, mode in reversed(list(enumerate(modes))):
        if mode == "zero":
            continue
        size = gradient.shape[axis] - 2
        inner = gradient.narrow(axis, 1, size).clone()
        sources = (0, size - 1) if mode == "replicate" else (size - 1, 0)
        inner.narrow(axis, sources[0], 1).add_(gradient.narrow(axis, 0, 1))
        inner.narrow(axis, sources[1], 1).add_(gradient.narrow(axis, size + 1, 1))
        gradient = inner
    return gradient
