"""Export a style network to ONNX, for programs without PyTorch. Needs the optional package `onnx`."""

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
    """Write `net.stylize` with this modulation as an ONNX file: `image` (1, 3, H, W) in [0, 1] -> `painting`, same shape.

    Raises OptionError: `onnx` is not installed; ImageError: the file cannot be written.
    """
    write_atomic(Path(path), build_onnx_model(net, modulation).SerializeToString())


def build_onnx_model(net: TransformNet, modulation: Modulation) -> Any:
    """Build the model that `export_onnx` writes, an onnx.ModelProto.  Raises OptionError: `onnx` is not installed."""
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        raise OptionError("ONNX export needs the package onnx, which is not installed: pip install 'impasto[onnx]'") from None
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

    # Pad the sides to multiples of SIDE_MULTIPLE; the padding is cut off at the end.
    size = node("Shape", ["image"], start=2)
    multiple = integers("stride", [SIDE_MULTIPLE, SIDE_MULTIPLE])
    missing = node("Mod", [node("Sub", [multiple, node("Mod", [size, multiple])]), multiple])
    pads = node("Concat", [integers("none", [0] * 6), missing], axis=0)
    padded = node("Pad", ["image", pads], mode="edge")
    # Repeat the noise tile over the padded image, and cut it to size.
    side = len(net.state["grain"])
    rounded = node("Add", [node("Shape", [padded], start=2), integers("rounding", [side - 1] * 2)])
    repeats = node("Concat", [integers("once", [1, 1]), node("Div", [rounded, integers("side", [side] * 2)])], axis=0)
    noise = node("Tile", [constant("grain", net.state["grain"].cpu().permute(2, 0, 1)[None]), repeats])
    crop = [integers("start", [0, 0]), node("Shape", [padded], start=2), integers("axes", [2, 3])]
    noisy = node("Add", [padded, node("Slice", [noise, *crop])])
    scaled = node("Sub", [node("Mul", [noisy, constant("two", 2.0)]), constant("one", 1.0)])
    features = previous = node("SpaceToDepth", [scaled], blocksize=2)
    scales = constant("scales", [1.0, 1, 2, 2])
    for layer in net.layers:
        residual, previous = previous, features
        if layer.upsample:
            modes = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
            features = node("Resize", [features, "", scales], **modes)
        weight = net.state[f"{layer.name}.weight"].cpu()
        if layer.name == "stem":  # channel order: ONNX has the 4 pixels outermost, PyTorch the 3 colors
            weight = weight.view(len(weight), 3, 4, *weight.shape[2:]).transpose(1, 2).flatten(1, 2)
        inputs = [constant(f"{layer.name}.weight", weight)]
        if not layer.normalized:
            inputs.append(constant(f"{layer.name}.bias", net.state[f"{layer.name}.bias"].cpu()))
        margin = layer.margin
        margins = integers(f"{layer.name}.margins", [0, 0, margin, margin, 0, 0, margin, margin])
        padded = node("Pad", [features, margins], mode="edge")
        features = node("Conv", [padded, *inputs], strides=[layer.stride] * 2)
        if layer.normalized:
            gain, shift = (
                constant(f"{layer.name}.{kind}", table.cpu())
                for kind, table in zip(("gain", "shift"), modulation[layer.name], strict=True)
            )
            features = node("InstanceNormalization", [features, gain, shift], epsilon=VARIANCE_FLOOR)
        if layer.relu:
            features = node("Relu", [features])
        if layer.residual:
            features = node("Add", [features, residual])
    pixels = node("DepthToSpace", [node("Sigmoid", [features])], blocksize=2, mode="CRD")
    nodes.append(helper.make_node("Slice", [pixels, "start", size, "axes"], ["painting"]))
    sides: list[str | int | None] = [1, 3, "height", "width"]
    image, painting = (helper.make_tensor_value_info(name, TensorProto.FLOAT, sides) for name in ("image", "painting"))
    graph = helper.make_graph(nodes, "impasto", [image], [painting], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="impasto")
    model.ir_version = 8
    return model
