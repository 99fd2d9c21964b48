"""Compare an instant style with what PyTorch's example `fast_neural_style` learns in the same time.

    python benchmarks/fast_neural_style_comparison.py EXAMPLE NET STYLE PHOTO [--minutes M] [--size 512]
        [-o docs/images/beside.jpg] [--model FILE]

EXAMPLE is the folder of that program with transformer_net.py. The benchmark trains that network with the program's defaults:
Adam at 1e-3, batches of four 256-pixel crops, content at relu2_2 with weight 1e5, Gram matrices of relu1_2, relu2_2, relu3_3
and relu4_3 with weight 1e10; except that STYLE is resized to --size, so that the strokes have the same size. NET is a network
of Impasto that was trained on STYLE. Both use the same VGG-16 weights, the same photographs with the same crops and
augmentation, the training time recorded in NET, the same number of threads, and no GPU. The output shows PHOTO, the result of
NET and the result of the other network. --model saves the trained network, or loads it instead of training if the file exists.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import autograd_reference
import torch
import torch.nn.functional as functional
from instant import measure_seconds
from torch import Tensor

from impasto.feedforward.photos import random_crop, sample_photos
from impasto.feedforward.registry import load_network
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.images.picture import Picture, read_picture
from impasto.images.resize import fit_size
from impasto.options import Options
from impasto.vgg.weights import load_weights

LAYERS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3")  # after the ReLU
CONTENT, CONTENT_WEIGHT, STYLE_WEIGHT = "conv2_2", 1e5, 1e10
BATCH, SIDE, RATE = 4, 256, 1e-3


def gram_matrices(maps: dict[str, Tensor]) -> list[Tensor]:
    """Gram matrices divided by the number of elements of the feature map, (B, N, N) each"""
    flat = [maps[name].flatten(2) for name in LAYERS]
    return [layer @ layer.transpose(1, 2) / (layer.shape[1] * layer.shape[2]) for layer in flat]


def train(net: torch.nn.Module, style: Tensor, seconds: float) -> int:
    """Train for some seconds and return the number of steps.

    net: takes and returns RGB from 0 to 255, (B, 3, H, W)
    style: (1, 3, H, W), from 0 to 255
    """
    loaded = load_weights("vgg16")

    def features(image: Tensor) -> dict[str, Tensor]:
        normalized = (image / 255 - loaded.mean.view(1, 3, 1, 1)) / loaded.std.view(1, 3, 1, 1)
        return autograd_reference.features(normalized, loaded.layers, LAYERS[-1], pooling="max")

    photos, generator = sample_photos(), torch.Generator().manual_seed(42)
    with torch.no_grad():
        targets = gram_matrices(features(style))
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    end, steps = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        crops = torch.stack([random_crop(photos, SIDE, generator) for _ in range(BATCH)]).permute(0, 3, 1, 2) * 255
        maps = features(net(crops))
        with torch.no_grad():
            content_target = features(crops)[CONTENT]
        content_loss = CONTENT_WEIGHT * functional.mse_loss(maps[CONTENT], content_target)
        pairs = zip(gram_matrices(maps), targets, strict=True)
        style_loss = STYLE_WEIGHT * sum(functional.mse_loss(gram, target.expand_as(gram)) for gram, target in pairs)
        loss = content_loss + style_loss
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        steps += 1
        if steps % 20 == 0:
            print(f"step {steps}, loss {float(loss):.4g}, {(end - time.perf_counter()) / 60:.0f} min left", file=sys.stderr)
    return steps


def stylize(net: torch.nn.Module, photo: Picture) -> Picture:
    with torch.no_grad():
        output = net(photo.pixels.permute(2, 0, 1)[None] * 255)[0]
    return Picture((output / 255).clamp(0, 1).permute(1, 2, 0).contiguous())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("example", type=Path, help="folder of fast_neural_style, with transformer_net.py")
    parser.add_argument("net", help="Impasto's network: a name or a file")
    parser.add_argument("style", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--minutes", type=float, help="training time; default: that of the network")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--model", type=Path, help="file of the other program's network, loaded or saved")
    parser.add_argument("-o", "--out", type=Path, default=Path("beside.jpg"))
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.example))
    sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
    from transformer_net import TransformerNet  # type: ignore[import-not-found]

    from demo import join_side_by_side

    net, photo, style = load_network(arguments.net), read_picture(arguments.photo), read_picture(arguments.style)
    photo, style = (picture.resize(*fit_size(picture.size, arguments.size)) for picture in (photo, style))
    torch.manual_seed(42)
    example_net = TransformerNet()
    if arguments.model and arguments.model.exists():
        example_net.load_state_dict(torch.load(arguments.model, weights_only=True))
    else:
        minutes = arguments.minutes or float(net.training_info["minutes"])
        steps = train(example_net, style.pixels.permute(2, 0, 1)[None] * 255, 60 * minutes)
        print(f"{steps} steps in {minutes:g} minutes")
        if arguments.model:
            torch.save(example_net.state_dict(), arguments.model)
    painter = FeedforwardStylizer(net, Options(size=arguments.size, protect="none"))
    stylizers: list[Callable[[], Picture]] = [lambda: painter.stylize(photo), lambda: stylize(example_net, photo)]
    parameters = [sum(tensor.numel() for tensor in state.values()) for state in (net.state, example_net.state_dict())]
    for name, run, count in zip(("Impasto", "PyTorch's example"), stylizers, parameters, strict=True):
        seconds = statistics.median(measure_seconds(run))
        print(f"{name}: {count / 1e6:.2f} million parameters, {seconds:.2f} s for {photo.size[0]} x {photo.size[1]}")
    panels = [photo.image, *(run().image for run in stylizers)]
    join_side_by_side(panels, photo.size[1]).save(arguments.out, quality=88)
    return 0


if __name__ == "__main__":
    sys.exit(main())
