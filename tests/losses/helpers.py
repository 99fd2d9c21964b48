"""Features in the paper's layout: F is (N, M), channels by positions."""

from __future__ import annotations

import numpy as np
import torch

N, M = 7, 30
_rng = np.random.default_rng(0)
F, P = _rng.random((N, M)), _rng.random((N, M))  # features of the result and of the content
STYLE = _rng.random((N, M))


def transpose(features: np.ndarray) -> torch.Tensor:
    """Return features of the paper's layout (N, M) as (M, N), the layout of the program."""
    return torch.from_numpy(features.T.copy())
