"""Winograd's filtering against the definition of a convolution, and the gradient against autograd."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.vgg.convolution import Convolution, transform_kernel, winograd


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 23), width=st.integers(1, 23), channels=st.integers(1, 9), filters=st.integers(1, 9))
def test_winograd_is_the_convolution_at_every_size(height: int, width: int, channels: int, filters: int) -> None:
    features = torch.randn(height, width, channels, dtype=torch.float64)
    kernel = torch.randn(filters, channels, 3, 3, dtype=torch.float64)
    bias = torch.randn(filters, dtype=torch.float64)
    expected = functional.conv2d(features.permute(2, 0, 1)[None], kernel, padding=1)[0].permute(1, 2, 0)
    torch.testing.assert_close(winograd(features, transform_kernel(kernel)), expected, rtol=1e-11, atol=1e-11)
    rectified = (expected + bias).relu()
    torch.testing.assert_close(winograd(features, transform_kernel(kernel), bias), rectified, rtol=1e-11, atol=1e-11)


def test_winograd_does_not_depend_on_its_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    features, kernel = torch.randn(33, 21, 8, dtype=torch.float64), torch.randn(6, 8, 3, 3, dtype=torch.float64)
    whole = winograd(features, transform_kernel(kernel))
    monkeypatch.setattr("impasto.vgg.convolution._BAND_ELEMENTS", 1)
    torch.testing.assert_close(winograd(features, transform_kernel(kernel)), whole)


@pytest.mark.parametrize(("channels", "filters"), [(3, 64), (64, 128), (128, 128)])
def test_a_convolution_and_its_gradient_are_torchs(channels: int, filters: int) -> None:
    """In float32 at a size where the wide layers take Winograd's way"""
    torch.manual_seed(0)
    kernel, bias = torch.randn(filters, channels, 3, 3) * (2 / (9 * channels)) ** 0.5, torch.randn(filters)
    features, given_ = torch.randn(40, 43, channels), torch.randn(40, 43, filters)
    layer = Convolution(kernel, bias, device=torch.device("cpu"), dtype=torch.float32)
    x = features.double().permute(2, 0, 1)[None].requires_grad_()
    expected = functional.conv2d(x, kernel.double(), bias.double(), padding=1)
    (slope,) = torch.autograd.grad(expected, x, given_.double().permute(2, 0, 1)[None])
    torch.testing.assert_close(layer(features).double().permute(2, 0, 1), expected[0].detach().relu(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(layer.gradient(given_).double().permute(2, 0, 1), slope[0], rtol=1e-4, atol=1e-4)
