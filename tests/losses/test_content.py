"""The content loss against a plain transcription of the paper's equations."""

from __future__ import annotations

import numpy as np
import pytest

from impasto.losses.content import content_loss
from tests.losses.helpers import F, M, N, P, transpose


def test_content_loss_is_equation_1_and_its_gradient_equation_2() -> None:
    equation_1 = sum((F[i, j] - P[i, j]) ** 2 for i in range(N) for j in range(M)) / 2
    value, gradient = content_loss(transpose(F), transpose(P))
    assert float(value) == pytest.approx(equation_1, rel=1e-12)
    np.testing.assert_allclose(gradient.T, F - P, rtol=1e-12)
