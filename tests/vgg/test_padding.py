from __future__ import annotations

import pytest
import torch

from impasto.options import PADDING_MODES
from impasto.vgg.padding import crop, pad, pad_gradient, pad_transpose


@pytest.mark.parametrize("modes", PADDING_MODES.values(), ids=PADDING_MODES)
def test_pad_transpose_and_pad_gradient_are_the_transposes_of_pad_and_crop(modes: tuple[str, str]) -> None:
    values = torch.rand(5, 7, 3, dtype=torch.float64)
    padded = torch.rand_like(pad(values, modes))
    torch.testing.assert_close((pad(values, modes) * padded).sum(), (values * pad_transpose(padded, modes)).sum())
    torch.testing.assert_close((crop(padded, modes) * values).sum(), (padded * pad_gradient(values, modes)).sum())
    assert torch.equal(crop(pad(values, modes), modes), values)


def test_pad_repeats_the_edge_or_the_opposite_side() -> None:
    values = torch.arange(6.0).view(2, 3, 1)
    assert pad(values, ("replicate", "circular"))[:, :, 0].tolist() == [
        [2, 0, 1, 2, 0],
        [2, 0, 1, 2, 0],
        [5, 3, 4, 5, 3],
        [5, 3, 4, 5, 3],
    ]
