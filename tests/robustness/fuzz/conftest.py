"""A network that is tiny: what is tried here is not what it sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.conftest import random_weights


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every run gets a VGG-16 with a sixteenth of its channels and random weights, and one thread, for two would only wait."""
    monkeypatch.setattr("impasto.optimization.cache.load_named_weights", lambda *_: random_weights("vgg16", divide=16))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
