"""A tiny network, for tests that do not depend on what the network computes"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from impasto.learned_optimizer.network import FEATURE_CHANNELS, UpdateNetwork
from tests.conftest import random_weights


@pytest.fixture
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every run a VGG-16 with a sixteenth of its channels and random weights, and the learned optimizer one that fits.

    One thread, since two only wait.
    """
    monkeypatch.setattr("impasto.optimization.cache.load_named_weights", lambda *_: random_weights("vgg16", divide=16))
    channels = tuple(count // 16 for count in FEATURE_CHANNELS)
    monkeypatch.setattr("impasto.learned_optimizer.network.FEATURE_CHANNELS", channels)
    optimizer = UpdateNetwork().eval().requires_grad_(False)
    monkeypatch.setattr("impasto.optimization.run.load_update_network", lambda _, dtype: optimizer.convolve_in(dtype))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
