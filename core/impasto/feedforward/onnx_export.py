"""A net as an ONNX file, for programs without torch; written by the package `onnx`, where it is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ..errors import OptionError
from ..runtime.files import write_atomic
from .bands import SIDE_MULTIPLE
from .network import VARIANCE_FLOOR, Modulation, TransformNet

_OPSET = 17


def export_onnx(net: TransformNet, modulation: Modulation, path: str | os.PathLike[str]) -> None:
    """Write what `net.paint` does with this modulation: `image` (1, 3, H, W) in [0, 1] -> `painting`, of the same shape.

    Raises OptionError: `onnx` is not there; ImageError: the file cannot be written.
    """
    write_atomic(Path(path), build_onnx_model(net, modulation).SerializeToString())


def build_onnx_model(net: TransformNet, modulation: Modulation) -> Any:
    """The same as an onnx.ModelProto"""
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        raise OptionError("ONNX files are written by onnx, which is not there: pip install 'impasto[onnx]'") from None
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, values: Any, dtype: torch.dtype = torch.float32) -> str:
        array = torch.as_tensor(values, dtype=dtype).contiguous().numpy()
        constants.append(numpy_helper.from_array(array, name))
        return name

    def node(kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind.lower()}{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def integers(name: str, values: list[int]) -> str:
        return constant(name, values, torch.int64)

    # Sides are rounded up to multiples of STRIDE, and what was added is cut off again.
    shape = node("Shape", ["image"], start=2)
    stride = integers("stride", [SIDE_MULTIPLE, SIDE_MULTIPLE])
    over = node("Mod", [node("Sub", [stride, node("Mod", [shape, stride])]), stride])
    ends = node("Concat", [integers("none", [0] * 6), over], axis=0)
    whole = node("Pad", ["image", ends], mode="edge")
    side = len(net.state["grain"])
    rounded = node("Add", [node("Shape", [whole], start=2), integers("rounding", [side - 1] * 2)])
    times = node("Concat", [integers("once", [1, 1]), node("Div", [rounded, integers("side", [side] * 2)])], axis=0)
    grain = node("Tile", [constant("grain", net.state["grain"].cpu().permute(2, 0, 1)[None]), times])
    cut = [integers("start", [0, 0]), node("Shape", [whole], start=2), integers("axes", [2, 3])]
    grained = node("Add", [whole, node("Slice", [grain, *cut])])
    scaled = node("Sub", [node("Mul", [grained, constant("two", 2.0)]), constant("one", 1.0)])
    features = before = node("SpaceToDepth", [scaled], blocksize=2)
    scales = constant("scales", [1.0, 1, 2, 2])
    for layer in net.layers:
        read, before = before, features
        if layer.enlarges:
            modes = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
            features = node("Resize", [features, "", scales], **modes)
        weight = net.state[f"{layer.name}.weight"].cpu()
        if layer.name == "stem":  # ONNX has the four pixels outside, torch the three channels
            weight = weight.view(len(weight), 3, 4, *weight.shape[2:]).transpose(1, 2).flatten(1, 2)
        inputs = [constant(f"{layer.name}.weight", weight)]
        if not layer.normalised:
            inputs.append(constant(f"{layer.name}.bias", net.state[f"{layer.name}.bias"].cpu()))
        margin = layer.margin
        padded = node(
            "Pad", [features, integers(f"{layer.name}.margins", [0, 0, margin, margin, 0, 0, margin, margin])], mode="edge"
        )
        features = node("Conv", [padded, *inputs], strides=[layer.stride] * 2)
        if layer.normalised:
            gain, shift = (
                constant(f"{layer.name}.{kind}", each.cpu())
                for kind, each in zip(("gain", "shift"), modulation[layer.name], strict=True)
            )
            features = node("InstanceNormalization", [features, gain, shift], epsilon=VARIANCE_FLOOR)
        if layer.rectified:
            features = node("Relu", [features])
        if layer.adds:
            features = node("Add", [features, read])
    pixels = node("DepthToSpace", [node("Sigmoid", [features])], blocksize=2, mode="CRD")
    nodes.append(helper.make_node("Slice", [pixels, "start", shape, "axes"], ["painting"]))
    sides: list[str | int | None] = [1, 3, "height", "width"]
    given, made = (helper.make_tensor_value_info(name, TensorProto.FLOAT, sides) for name in ("image", "painting"))
    graph = helper.make_graph(nodes, "impasto", [given], [made], constants)
    found = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="impasto")
    found.ir_version = 8
    return found
