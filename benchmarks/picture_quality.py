"""Three numbers for how a painting looks, from the saved file; low is good in each.

    python benchmarks/picture_quality.py CONTENT STYLE RESULT...

style: mean relative distance of Gram matrices on layers that no preset optimizes (conv1_2, 2_2, 3_2, 4_3; max pooling).
content: relative distance at conv4_2.  patches: sliced Wasserstein distance of 5 x 5 RGB patches over four sizes, x 1e4,
which needs no network. They tell a regression; which of two good pictures is better, only looking tells.
"""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as functional
from torch import Tensor

from impasto.images.picture import read_picture
from impasto.images.resize import fit_size
from impasto.losses.moments import compute_moments
from impasto.vgg.network import VGG
from impasto.vgg.weights import load_weights

HELD_OUT = ("conv1_2", "conv2_2", "conv3_2", "conv4_3")


def relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


def patches(image: Tensor, generator: torch.Generator, count: int = 20_000) -> Tensor:
    """(H, W, 3) -> (count, 75)"""
    every = functional.unfold(image.permute(2, 0, 1)[None], 5)[0].T
    return every[torch.randint(len(every), (count,), generator=generator)]


def sliced_wasserstein(one: Tensor, two: Tensor) -> float:
    generator, total = torch.Generator().manual_seed(0), 0.0
    for _ in range(4):
        samples = [patches(image, generator) for image in (one, two)]
        directions = functional.normalize(torch.randn(75, 128, generator=generator), dim=0)
        lines = [(sample @ directions).sort(0).values for sample in samples]
        total += float((lines[0] - lines[1]).square().mean()) / 4
        one, two = (functional.avg_pool2d(x.permute(2, 0, 1)[None], 2)[0].permute(1, 2, 0) for x in (one, two))
    return total


@torch.no_grad()
def scores(content: str, style: str, result: str) -> tuple[float, float, float]:
    network = VGG(load_weights("vgg16"), [*HELD_OUT, "conv4_2"], pooling="max", padding="replicate")
    painted, painting = read_picture(result), read_picture(style)
    photo = read_picture(content).resized(*painted.size)
    painting = painting.resized(*fit_size(painting.size, min(max(painted.size), max(painting.size))))
    found, wanted, kept = (network.forward(picture.pixels) for picture in (painted, painting, photo))
    gram = [relative(*(compute_moments(maps[layer].flatten(0, 1)).second for maps in (found, wanted))) for layer in HELD_OUT]
    patch = sliced_wasserstein(painted.pixels, painting.pixels)
    return sum(gram) / len(gram), relative(found["conv4_2"], kept["conv4_2"]), patch * 1e4


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    print(f"{'style':>7} {'content':>8} {'patches':>8}")
    for name in sys.argv[3:]:
        print("{:7.3f} {:8.3f} {:8.3f}".format(*scores(sys.argv[1], sys.argv[2], name)), name)
