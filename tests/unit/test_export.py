"""ONNX files, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.onnx_export import export_onnx
from tests.unit.test_nets import at, made, picture


@pytest.mark.parametrize("size", [(64, 48), (61, 47), (18, 33)])
@pytest.mark.parametrize("full", [False, True])
def test_onnxruntime_paints_the_same(size: tuple[int, int], full: bool, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    net = TransformNet.new([Style("one")], seed=3) if full else made()
    modulation = at(net, 1.0) if full else at(net, 0.3, 0.7, strength=0.9, stroke=1.3)
    path = tmp_path / "net.onnx"
    export_onnx(net, modulation, path)
    onnx.checker.check_model(str(path), full_check=True)
    image = picture(*size)
    planes = np.ascontiguousarray(image.permute(2, 0, 1)[None].numpy())
    (found,) = onnxruntime.InferenceSession(str(path)).run(None, {"image": planes})
    wanted = net.paint(image, modulation)
    assert found.shape == planes.shape
    assert float(wanted.std()) > 0.02
    assert float((torch.from_numpy(found[0]).permute(1, 2, 0) - wanted).abs().max()) < 1 / 255
