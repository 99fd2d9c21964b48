"""Winograd convolution against torch's convolution, and the analytic gradient against autograd."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from impasto.vgg.convolution import Convolution, transform_kernel, winograd

ZEROS = st.tuples(st.integers(0, 2), st.integers(0, 2))


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 23), width=st.integers(1, 23), channels=st.integers(1, 9), filters=st.integers(1, 9), zeros=ZEROS)
def test_winograd_equals_torchs_convolution_at_every_size(
    height: int, width: int, channels: int, filters: int, zeros: tuple[int, int]
) -> None:
    assume(height + 2 * zeros[0] >= 3 and width + 2 * zeros[1] >= 3)  # smaller ones have no result
    features = torch.randn(height, width, channels, dtype=torch.float64)
    kernel = torch.randn(filters, channels, 3, 3, dtype=torch.float64)
    bias = torch.randn(filters, dtype=torch.float64)
    expected = functional.conv2d(features.permute(2, 0, 1)[None], kernel, padding=zeros)[0].permute(1, 2, 0)
    transformed = transform_kernel(kernel)
    torch.testing.assert_close(winograd(features, transformed, None, zeros), expected, rtol=1e-11, atol=1e-11)
    rectified = (expected + bias).relu()
    torch.testing.assert_close(winograd(features, transformed, bias, zeros), rectified, rtol=1e-11, atol=1e-11)


def test_winograd_does_not_depend_on_the_band_height(monkeypatch: pytest.MonkeyPatch) -> None:
    features, kernel = torch.randn(33, 21, 8, dtype=torch.float64), torch.randn(6, 8, 3, 3, dtype=torch.float64)
    in_one_band = winograd(features, transform_kernel(kernel))
    monkeypatch.setattr("impasto.vgg.convolution._BAND_ELEMENTS", 1)
    torch.testing.assert_close(winograd(features, transform_kernel(kernel)), in_one_band)


@pytest.mark.parametrize("zeros", [(1, 1), (0, 0), (0, 1)])
@pytest.mark.parametrize(("channels", "filters"), [(3, 64), (64, 128), (128, 256)])
def test_convolution_and_its_gradient_equal_torchs(channels: int, filters: int, zeros: tuple[int, int]) -> None:
    """In float32, at a size for which the wide layers use Winograd"""
    torch.manual_seed(0)
    kernel, bias = torch.randn(filters, channels, 3, 3) * (2 / (9 * channels)) ** 0.5, torch.randn(filters)
    features = torch.randn(40, 43, channels)
    output_gradient = torch.randn(38 + 2 * zeros[0], 41 + 2 * zeros[1], filters)
    layer = Convolution(kernel, bias, device=torch.device("cpu"), dtype=torch.float32)
    x = features.double().permute(2, 0, 1)[None].requires_grad_()
    expected = functional.conv2d(x, kernel.double(), bias.double(), padding=zeros)
    (input_gradient,) = torch.autograd.grad(expected, x, output_gradient.double().permute(2, 0, 1)[None])
    torch.testing.assert_close(
        layer(features, zeros).double().permute(2, 0, 1), expected[0].detach().relu(), rtol=1e-4, atol=1e-4
    )
    gradient = layer.gradient(output_gradient, zeros).double().permute(2, 0, 1)
    torch.testing.assert_close(gradient, input_gradient[0], rtol=1e-4, atol=1e-4)


def test_forgotten_transforms_are_computed_again() -> None:
    convolution = Convolution(torch.randn(256, 128, 3, 3), torch.randn(256), device=torch.device("cpu"), dtype=torch.float32)
    features = torch.rand(16, 16, 128)
    before = convolution(features)
    assert convolution._forward.transformed is not None
    convolution.forget_transforms()
    assert convolution._forward.transformed is None
    torch.testing.assert_close(convolution(features), before)
