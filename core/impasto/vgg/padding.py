"""TODO-DOC vgg.padding"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor


def pad(values: Tensor, modes: tuple[str, str]) -> Tensor:
    """One row and one column more at each end, where there is to be anything but zeros.  (H, W, C) -> (H + 2, W + 2, C)"""
    for axis, way in enumerate(modes):
        if way != "zero":
            first, last = values.narrow(axis, 0, 1), values.narrow(axis, values.shape[axis] - 1, 1)
            ends = (first, last) if way == "replicate" else (last, first)
            values = torch.cat([ends[0], values, ends[1]], dim=axis)
    return values


def crop(values: Tensor, modes: tuple[str, str]) -> Tensor:
    """Without the rows and columns that `padded` has added.  (H + 2, W + 2, C) -> (H, W, C)"""
    for axis, way in enumerate(modes):
        if way != "zero":
            values = values.narrow(axis, 1, values.shape[axis] - 2)
    return values.contiguous()


def pad_gradient(values: Tensor, modes: tuple[str, str]) -> Tensor:
    """The transpose of trimmed: zeros around.  (H, W, C) -> (H + 2, W + 2, C)"""
    y, x = (int(way != "zero") for way in modes)
    return functional.pad(values, (0, 0, x, x, y, y)) if y or x else values


def pad_transpose(gradient: Tensor, modes: tuple[str, str]) -> Tensor:
    """The transpose of padded: what reached the rows added goes to those that they repeat.  (H + 2, W + 2, C) -> (H, W, C)"""
    for axis, way in reversed(list(enumerate(modes))):
        if way == "zero":
            continue
        size = gradient.shape[axis] - 2
        inner = gradient.narrow(axis, 1, size).clone()
        ends = (0, size - 1) if way == "replicate" else (size - 1, 0)
        inner.narrow(axis, ends[0], 1).add_(gradient.narrow(axis, 0, 1))
        inner.narrow(axis, ends[1], 1).add_(gradient.narrow(axis, size + 1, 1))
        gradient = inner
    return gradient
