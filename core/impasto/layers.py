"""The networks that look at the pictures, and their layers, by name. Reading it needs neither torch nor NumPy."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from .errors import OptionError, validate_choice

#: The layers of the networks by block: VGG-16 has three convolutions in its last three blocks, VGG-19 four.
CONVS_PER_BLOCK = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
LAYERS = {
    network: tuple(f"conv{b}_{i}" for b, count in enumerate(counts, 1) for i in range(1, count + 1))
    for network, counts in CONVS_PER_BLOCK.items()
}
#: What makes a network's name the normalised one's.
NORMALIZED_SUFFIX = "-normalised"
NETWORKS = (*CONVS_PER_BLOCK, *(network + NORMALIZED_SUFFIX for network in CONVS_PER_BLOCK))


def parse_layers(text: str, network: str | None = None) -> dict[str, float]:
    """`conv1_1:2,conv2_1` -> layer weights that sum to 1; `none` -> none.  Raises OptionError: no layer of `network`"""
    if text.strip() == "none":
        return {}
    known = LAYERS[network.removesuffix(NORMALIZED_SUFFIX)] if network else max(LAYERS.values(), key=len)
    weights: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition(":")
        try:
            weight = float(number) if number else 1.0
        except ValueError:
            weight = math.nan
        if not 0 <= weight < math.inf:
            raise OptionError(f"layer weight {number!r} of {name!r} is not a number from 0 up")
        weights[validate_choice(f"layer in {network}" if network else "layer", name.strip(), known)] = weight
    total = sum(weights.values())
    if total <= 0:
        raise OptionError(f"layers {text!r}: name at least one layer with a weight above 0")
    return {name: weight / total for name, weight in weights.items() if weight > 0}


def layers_through(network: str, layers: Iterable[str]) -> tuple[str, ...]:
    """A network's layers, up to the deepest of some"""
    names = LAYERS[network.removesuffix(NORMALIZED_SUFFIX)]
    return names[: max(names.index(name) for name in layers) + 1]


#: Where edges meet the sides are multiples of this: the network halves a picture four times.
TOTAL_STRIDE = 16
#: The shortest side of an image that the networks accept: their deepest layer still has a position there.
SMALLEST_SIDE = 16


def layer_stride(layer: str) -> int:
    """How many pixels lie side by side under a position of a layer"""
    return int(2 ** (int(layer[4]) - 1))


def receptive_radius(network: str, layers: Collection[str]) -> int:
    """How far beyond a tile its positions see, in pixels, at the deepest of some layers.

    A convolution sees one position more, and pooling makes two of one: 58 pixels for conv5_1 of VGG-16, 70 of VGG-19.
    """
    names = layers_through(network, layers)
    far, block = 0, names[-1][4]
    for name in reversed(names):
        if name[4] != block:
            block, far = name[4], 2 * far
        far += 1
    return far
