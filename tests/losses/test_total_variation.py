"""The total variation loss. Its gradient: tests/optimization/test_objective_gradients.py."""

from __future__ import annotations

import pytest
import torch

from impasto.losses.total_variation import total_variation


def test_total_variation_of_a_ramp() -> None:
    ramp = torch.arange(5.0, dtype=torch.float64).repeat(4, 1)[..., None].expand(4, 5, 3).contiguous()
    sides, corners = 4 * 4 * 3 * 1 / 3, 2 * 3 * 4 * 3 * 1 / 12
    assert float(total_variation(ramp)[0]) == pytest.approx(2 * (sides + corners) / ramp.numel())
