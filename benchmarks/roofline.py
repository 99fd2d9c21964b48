"""Compare an optimization step with the machine's limits and with the same step by autograd.

    python benchmarks/roofline.py [--sizes 512] [--device auto] [--json FILE]

A step is one evaluation of the objective of the preset `impasto`: loss and gradient. Within one run it is compared with

    convolutions    the floating-point operations of its convolutions at the rate of the fastest matrix product
    copies          writing and reading all feature maps once in each direction at the bandwidth of a large copy
    autograd        the same loss with torch's own layers and autograd, in float32, and in bfloat16 where that is fast

Winograd convolution needs fewer operations than the direct method that is counted, so a float32 step can exceed its roofline.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import autograd_reference
import torch
from torch import Tensor

from impasto.layers import layers_through, parse_layers
from impasto.losses.moments import compute_moments
from impasto.optimization.objective import Objective, Region
from impasto.optimization.run_plan import count_flops
from impasto.optimization.tiling import TilingCost
from impasto.options import Options
from impasto.runtime.device import choose_device, choose_precision
from impasto.runtime.freed_memory import retain_freed_memory
from impasto.vgg.network import VGG
from impasto.vgg.weight_files import Weights
from impasto.vgg.weights import load_weights

#: Ratio of content to style loss of the preset, for relative losses
ALPHA = 0.15


def fastest_seconds(run: Callable[[], object], device: torch.device, times: int) -> float:
    """Seconds of the fastest of some runs, after one to warm up"""

    def synchronize() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    best = float("inf")
    for n in range(times + 1):
        synchronize()
        start = time.perf_counter()
        run()
        synchronize()
        best = min(best, time.perf_counter() - start) if n else best
    return best


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of the fastest matrix product"""
    best = 0.0
    for side in (1024, 2048, 4096) if device.type == "cpu" else (4096, 8192):
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        best = max(best, 2 * side**3 / fastest_seconds(partial(torch.matmul, a, b), device, 3))
    return best


def copy_rate(device: torch.device) -> float:
    """Bytes per second, read and written, of a large copy"""
    source = torch.ones(64_000_000 if device.type == "cpu" else 512_000_000, device=device)
    target = torch.empty_like(source)
    return 2 * 4 * len(source) / fastest_seconds(lambda: target.copy_(source), device, 5)


class AutogradObjective:
    """The same loss with torch's own layers and autograd"""

    def __init__(self, loaded: Weights, content: Tensor, style: Tensor, options: Options, dtype: torch.dtype) -> None:
        self.options, self.dtype, device = options, dtype, content.device
        self.layers = {
            name: (kernel.to(device, dtype, memory_format=torch.channels_last), bias.to(device, dtype))
            for name, (kernel, bias) in loaded.layers.items()
        }
        self.mean, self.deviation = (values.to(device).view(1, 3, 1, 1) for values in (loaded.mean, loaded.std))
        self.style_layers = parse_layers(options.style_layers)
        (self.content_layer,) = parse_layers(options.content_layers)
        self.last = layers_through("vgg16", options.all_layers("vgg16"))[-1]
        with torch.no_grad():
            self.content = self.features(content)[self.content_layer].float()
            self.style = {name: self.moments(self.features(style)[name]) for name in self.style_layers}

    def features(self, image: Tensor) -> dict[str, Tensor]:
        x = ((image - self.mean) / self.deviation).to(self.dtype).contiguous(memory_format=torch.channels_last)
        return autograd_reference.features(x, self.layers, self.last, pooling=self.options.pooling)

    @staticmethod
    def moments(layer: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (N,) and covariance (N, N) of a feature map (1, N, h, w)"""
        features = layer[0].flatten(1).float()
        mean = features.mean(1)
        return mean, features @ features.T / features.shape[1] - torch.outer(mean, mean)

    def gradient(self, image: Tensor) -> Tensor:
        """The gradient of the loss with respect to the image, (1, 3, H, W)"""
        image = image.detach().requires_grad_()
        maps = self.features(image)
        loss = ALPHA * (maps[self.content_layer].float() - self.content).square().sum() / self.content.square().sum()
        for name, weight in self.style_layers.items():
            for value, target in zip(self.moments(maps[name]), self.style[name], strict=True):
                loss = loss + weight / 2 * (value - target).square().sum() / target.square().sum()
        (gradient,) = torch.autograd.grad(loss, image)
        return gradient


def measure(side: int, device: torch.device) -> dict[str, Any]:
    options = Options(network="vgg16")
    loaded = load_weights("vgg16")
    precision = choose_precision("auto", device)
    height, width = side * 3 // 4, side
    generator = torch.Generator().manual_seed(0)
    image, content, style = (torch.rand(height, width, 3, generator=generator).to(device) for _ in range(3))
    planes = [picture.permute(2, 0, 1)[None].contiguous() for picture in (image, content, style)]
    layers = options.all_layers("vgg16")
    with torch.no_grad(), retain_freed_memory(device):
        network = VGG(loaded, layers, pooling=options.pooling, padding=options.padding, device=device, dtype=precision)
        maps = network.forward(style)
        targets = {name: (weight, compute_moments(maps[name])) for name, weight in parse_layers(options.style_layers).items()}
        feature_bytes = sum(features.numel() * features.element_size() for features in network.forward(image).values())
        objective = Objective(
            network,
            content,
            parse_layers(options.content_layers),
            [Region(targets)],
            style_loss=options.style_loss,
            alpha=ALPHA,
            relative=True,
            tv=options.tv,
        )
        seconds = fastest_seconds(lambda: objective(image), device, 5)
        operations = count_flops("vgg16", layers, TilingCost.of_tiling(width, height, None, 0))
        convolutions = operations / matrix_rate(device, precision)
        copies = 4 * feature_bytes / copy_rate(device)
    result = {
        "side": side,
        "precision": str(precision).removeprefix("torch."),
        "step": seconds,
        "convolutions": convolutions / seconds,
        "copies": copies / seconds,
    }
    for dtype in dict.fromkeys((torch.float32, precision)):
        reference = AutogradObjective(loaded, planes[1], planes[2], options, dtype)
        result[f"autograd {str(dtype).removeprefix('torch.')}"] = seconds / fastest_seconds(
            partial(reference.gradient, planes[0]), device, 3
        )
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="512")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = [measure(int(side), choose_device(arguments.device)) for side in arguments.sizes.split(",")]
    names = list(dict.fromkeys(name for result in results for name in result))
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    for result in results:
        values = (result.get(name, "") for name in names)
        print("| " + " | ".join(f"{value:.3g}" if isinstance(value, float) else str(value) for value in values) + " |")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
