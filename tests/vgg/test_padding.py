from __future__ import annotations

import pytest
import torch

from impasto.options import PADDING_MODES
from impasto.vgg.padding import pad, pad_transpose


@pytest.mark.parametrize("modes", PADDING_MODES.values(), ids=PADDING_MODES)
def test_pad_transpose_is_the_transpose_of_pad(modes: tuple[str, str]) -> None:
    values = torch.rand(5, 7, 3, dtype=torch.float64)
    padded = torch.rand_like(pad(values, modes))
    torch.testing.assert_close((pad(values, modes) * padded).sum(), (values * pad_transpose(padded, modes)).sum())


def test_pad_repeats_the_edge_or_the_opposite_side() -> None:
    values = torch.arange(6.0).view(2, 3, 1)
    assert pad(values, ("replicate", "circular"))[:, :, 0].tolist() == [
        [2, 0, 1, 2, 0],
        [2, 0, 1, 2, 0],
        [5, 3, 4, 5, 3],
        [5, 3, 4, 5, 3],
    ]
