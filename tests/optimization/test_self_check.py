"""The check of MPS before its first run, on a simulated device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from impasto.errors import DeviceError
from impasto.optimization import self_check
from impasto.optimization.self_check import choose_working_device, computes_correctly
from impasto.runtime.device import warn_once
from impasto.vgg import network
from tests.simulated_gpu import DEVICE, simulated_gpu


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    computes_correctly.cache_clear()
    warn_once.cache_clear()
    yield
    computes_correctly.cache_clear()


def test_correct_device_passes() -> None:
    with simulated_gpu():
        assert computes_correctly(DEVICE)


@pytest.mark.parametrize("kind", ["average", "max"])
def test_wrong_values_are_found(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A gradient that goes to the wrong columns, in one kind of pooling"""
    pool_gradient = network.pool_gradient

    def wrong(features: Tensor, gradient: Tensor, pooling: str) -> Tensor:
        result = pool_gradient(features, gradient, pooling)
        return result.roll(1, 1) if pooling == kind and result.device.type == DEVICE.type else result

    monkeypatch.setattr(network, "pool_gradient", wrong)
    with simulated_gpu():
        assert not computes_correctly(DEVICE)


def test_wrong_device_is_left_out_or_refused(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(self_check, "choose_device", lambda name: torch.device("mps"))
    monkeypatch.setattr(self_check, "computes_correctly", lambda device: False)
    assert choose_working_device("auto").type == "cpu"
    assert "computes wrong values on the GPU (mps): computing on the CPU" in caplog.text
    with pytest.raises(DeviceError, match=r"wrong values .* choose cpu or auto"):
        choose_working_device("mps")
    monkeypatch.setattr(self_check, "computes_correctly", lambda device: True)
    assert choose_working_device("auto").type == "mps"
