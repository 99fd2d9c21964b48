"""Score saved results by style distance, content distance and patch distance; lower is better in each.

    python benchmarks/picture_quality.py CONTENT STYLE RESULT...

style: mean relative distance of Gram matrices on layers that no preset optimizes (conv1_2, 2_2, 3_2, 4_3; max pooling).
content: relative distance at conv4_2. patches: sliced Wasserstein distance of 5 x 5 RGB patches at four sizes, times 1e4,
independent of any network. The scores detect regressions; to choose between two good pictures, look at them.
"""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as functional
from torch import Tensor

from impasto.images.picture import read_picture
from impasto.images.resize import fit_size
from impasto.losses.moments import compute_moments
from impasto.optimization.spatial_guidance import propagate_mask
from impasto.vgg.network import VGG
from impasto.vgg.weights import load_weights

HELD_OUT_LAYERS = ("conv1_2", "conv2_2", "conv3_2", "conv4_3")


def relative_distance(value: Tensor, target: Tensor) -> float:
    return float((value - target).norm() / target.norm())


def sample_patches(image: Tensor, generator: torch.Generator, part: Tensor | None = None, count: int = 20_000) -> Tensor:
    """Random 5 x 5 patches, within a part (H, W) of the image if one is given: (H, W, 3) -> (count, 75)"""
    patches = functional.unfold(image.permute(2, 0, 1)[None], 5)[0].T
    if part is not None:
        patches = patches[functional.unfold(part[None, None], 5)[0].amin(0) == 1]
    return patches[torch.randint(len(patches), (count,), generator=generator)]


def sliced_wasserstein(a: Tensor, b: Tensor, part: Tensor | None = None) -> float:
    """Mean squared sliced Wasserstein distance of the patches of two images, (H, W, 3) each, over four sizes

    part: the part of the first that counts, (H, W), 1 inside; None: all of it
    """
    generator, total = torch.Generator().manual_seed(0), 0.0
    for _ in range(4):
        samples = [sample_patches(a, generator, part), sample_patches(b, generator)]
        directions = functional.normalize(torch.randn(75, 128, generator=generator), dim=0)
        projections = [(sample @ directions).sort(0).values for sample in samples]
        total += float((projections[0] - projections[1]).square().mean()) / 4
        a, b = (functional.avg_pool2d(image.permute(2, 0, 1)[None], 2)[0].permute(1, 2, 0) for image in (a, b))
        part = None if part is None else functional.avg_pool2d(part[None], 2)[0]
    return total


@torch.no_grad()
def scores(content: str, style: str, result: str, part: Tensor | None = None) -> tuple[float, float, float]:
    """Style, content and patch distance of the file `result`

    part: the part of the result whose style and patches count, (H, W), 1 inside; None: all of it
    """
    network = VGG(load_weights("vgg16"), [*HELD_OUT_LAYERS, "conv4_2"], pooling="max", padding="replicate-first")
    painted, painting = read_picture(result), read_picture(style)
    photo = read_picture(content).resize(*painted.size)
    painting = painting.resize(*fit_size(painting.size, min(max(painted.size), max(painting.size))))
    result_maps, style_maps, content_maps = (network.forward(picture.pixels) for picture in (painted, painting, photo))
    guides = {} if part is None else propagate_mask(part, HELD_OUT_LAYERS, "vgg16", "inside")
    style_distances = [
        relative_distance(
            compute_moments(result_maps[layer], guides.get(layer)).second, compute_moments(style_maps[layer]).second
        )
        for layer in HELD_OUT_LAYERS
    ]
    content_distance = relative_distance(result_maps["conv4_2"], content_maps["conv4_2"])
    patch_distance = sliced_wasserstein(painted.pixels, painting.pixels, part)
    return sum(style_distances) / len(style_distances), content_distance, patch_distance * 1e4


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    print(f"{'style':>7} {'content':>8} {'patches':>8}")
    for name in sys.argv[3:]:
        print("{:7.3f} {:8.3f} {:8.3f}".format(*scores(sys.argv[1], sys.argv[2], name)), name)
