"""An instant style beside what PyTorch's example, `fast_neural_style`, learns in the same time.

    python tests/benchmarks/beside.py EXAMPLE NET STYLE PHOTO [--minutes M] [--size 512] [-o docs/beside.jpg] [--model FILE]

EXAMPLE is the folder of that program with transformer_net.py. This trains that network as the program does unless it is told
otherwise: Adam at 1e-3, four pieces of 256 pixels a step, content at relu2_2 by 1e5, Gram matrices of relu1_2, relu2_2,
relu3_3 and relu4_3 by 1e10; but with STYLE at the size, so that strokes are as large. NET is one of Impasto's that has learned
STYLE. Both have the same weights of VGG-16, the same photographs, cut and lit in the same way, and as many minutes as NET says
it has had, on as many threads as torch is given; neither has a GPU. The picture shows PHOTO, what NET makes of it and what the
other does. --model keeps what the other has learned, or, where there is such a file, takes it in place of training.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import autograd
import torch
import torch.nn.functional as functional
from instant import times
from torch import Tensor

from impasto import images, library, photographs, weights
from impasto.images import Picture
from impasto.instant import Painter
from impasto.options import Options

LAYERS = ("conv1_2", "conv2_2", "conv3_3", "conv4_3")  # rectified
CONTENT, CONTENT_WEIGHT, STYLE_WEIGHT = "conv2_2", 1e5, 1e10
BATCH, SIDE, RATE = 4, 256, 1e-3


def moments(maps: dict[str, Tensor]) -> list[Tensor]:
    """Gram matrices over the sizes of the maps, each (B, N, N)"""
    flat = [maps[name].flatten(2) for name in LAYERS]
    return [layer @ layer.transpose(1, 2) / (layer.shape[1] * layer.shape[2]) for layer in flat]


def train(net: torch.nn.Module, style: Tensor, seconds: float) -> int:
    """How many steps it took in that time; the net and the style are for RGB up to 255, (1, 3, H, W)."""
    loaded = weights.load("vgg16")

    def features(image: Tensor) -> dict[str, Tensor]:
        normalised = (image / 255 - loaded.mean.view(1, 3, 1, 1)) / loaded.deviation.view(1, 3, 1, 1)
        return autograd.features(normalised, loaded.layers, LAYERS[-1], pooling="max")

    photos, generator = photographs.own(), torch.Generator().manual_seed(42)
    with torch.no_grad():
        targets = moments(features(style))
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    until, steps = time.perf_counter() + seconds, 0
    while time.perf_counter() < until:
        pieces = torch.stack([photographs.piece(photos, SIDE, generator) for _ in range(BATCH)]).permute(0, 3, 1, 2) * 255
        found = features(net(pieces))
        with torch.no_grad():
            kept = features(pieces)[CONTENT]
        content = CONTENT_WEIGHT * functional.mse_loss(found[CONTENT], kept)
        pairs = zip(moments(found), targets, strict=True)
        loss = content + STYLE_WEIGHT * sum(functional.mse_loss(now, target.expand_as(now)) for now, target in pairs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps += 1
        if steps % 20 == 0:
            print(f"step {steps}, loss {float(loss):.4g}, {(until - time.perf_counter()) / 60:.0f} min left", file=sys.stderr)
    return steps


def painted(net: torch.nn.Module, photo: Picture) -> Picture:
    with torch.no_grad():
        found = net(photo.pixels.permute(2, 0, 1)[None] * 255)[0]
    return Picture((found / 255).clamp(0, 1).permute(1, 2, 0).contiguous())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("example", type=Path)
    parser.add_argument("net")
    parser.add_argument("style", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--model", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path("beside.jpg"))
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.example))
    sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
    from transformer_net import TransformerNet

    from demo import join_side_by_side

    ours, photo, style = library.load(arguments.net), images.read(arguments.photo), images.read(arguments.style)
    photo, style = (picture.resized(*images.fit(picture.size, arguments.size)) for picture in (photo, style))
    torch.manual_seed(42)
    theirs = TransformerNet()
    if arguments.model and arguments.model.exists():
        theirs.load_state_dict(torch.load(arguments.model, weights_only=True))
    else:
        minutes = arguments.minutes or float(ours.facts["minutes"])
        print(f"{train(theirs, style.pixels.permute(2, 0, 1)[None] * 255, 60 * minutes)} steps in {minutes:g} minutes")
        if arguments.model:
            torch.save(theirs.state_dict(), arguments.model)
    painter = Painter(ours, Options(size=arguments.size))
    pair: list[Callable[[], Picture]] = [lambda: painter.paint(photo), lambda: painted(theirs, photo)]
    sizes = [sum(tensor.numel() for tensor in state.values()) for state in (ours.state, theirs.state_dict())]
    for name, paint, numbers in zip(("Impasto", "PyTorch's example"), pair, sizes, strict=True):
        seconds = statistics.median(times(paint))
        print(f"{name}: {numbers / 1e6:.2f} million numbers, {seconds:.2f} s for {photo.size[0]} x {photo.size[1]}")
    shown = [photo.image, *(paint().image for paint in pair)]
    join_side_by_side(shown, photo.size[1]).save(arguments.out, quality=88)
    return 0


if __name__ == "__main__":
    sys.exit(main())
