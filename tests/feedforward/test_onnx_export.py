"""Exported ONNX files, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.onnx_export import export_onnx
from tests.feedforward.helpers import modulation_for, random_net, scene_tensor


@pytest.mark.parametrize("size", [(64, 48), (61, 47), (18, 33)])
@pytest.mark.parametrize("full", [False, True])
def test_onnxruntime_output_equals_stylize(size: tuple[int, int], full: bool, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    net = TransformNet.initialize([Style("one")], seed=3) if full else random_net()
    modulation = modulation_for(net, 1.0) if full else modulation_for(net, 0.3, 0.7, strength=0.9, stroke_size=1.3)
    path = tmp_path / "net.onnx"
    export_onnx(net, modulation, path)
    onnx.checker.check_model(str(path), full_check=True)
    image = scene_tensor(*size)
    planes = np.ascontiguousarray(image.permute(2, 0, 1)[None].numpy())
    (output,) = onnxruntime.InferenceSession(str(path)).run(None, {"image": planes})
    expected = net.stylize(image, modulation)
    assert output.shape == planes.shape
    assert float(expected.std()) > 0.02
    assert float((torch.from_numpy(output[0]).permute(1, 2, 0) - expected).abs().max()) < 1 / 255
