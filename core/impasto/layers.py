"""Names, strides and receptive fields of the VGG networks' layers. Importing this loads neither torch nor NumPy."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping

from .errors import OptionError, validate_choice

#: Convolutions per block, each block ending in a pooling layer: VGG-16 has 13 convolutions, VGG-19 16.
CONVS_PER_BLOCK = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
LAYERS = {
    network: tuple(f"conv{block}_{i}" for block, count in enumerate(counts, 1) for i in range(1, count + 1))
    for network, counts in CONVS_PER_BLOCK.items()
}
#: Suffix of the names of networks whose filters have a mean activation of 1. Recipes and scripts use this spelling.
NORMALIZED_SUFFIX = "-normalised"
NETWORKS = (*CONVS_PER_BLOCK, *(network + NORMALIZED_SUFFIX for network in CONVS_PER_BLOCK))

#: The deepest layer of the shallow levels of the pyramid, where an image already has its forms: a step costs two fifths.
SHALLOW_LAYER = "conv3_1"
#: The deepest layer of the smallest level that the learned optimizer paints: it sees no features of deeper ones, and their
#: losses take a quarter of the time there and change nothing that one sees.
LEARNED_LAYER = "conv4_1"

#: Tileable images have sides that are multiples of this: four pooling layers halve the image.
TOTAL_STRIDE = 16
#: Shortest side of an image that the networks accept: their deepest layers still have one position there.
SMALLEST_SIDE = 16


def canonical_network(name: str) -> str:
    """Return a network's name with the suffix -normalized, which is accepted too, spelled as in recipes."""
    plain = name.removesuffix("-normalized")
    return name if plain == name else plain + NORMALIZED_SUFFIX


def parse_layers(text: str, network: str | None = None) -> dict[str, float]:
    """Parse "conv1_1:2,conv2_1" into layer weights that sum to 1; "none" has no layers.

    Raises OptionError: a layer is unknown (in `network` if given), a weight is not a number, or all weights are 0.
    """
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
            raise OptionError(f"layer weight {number!r} of {name!r} is not valid: give a number of 0 or more")
        weights[validate_choice(f"layer in {network}" if network else "layer", name.strip(), known)] = weight
    total = sum(weights.values())
    if total <= 0:
        raise OptionError(f"layers {text!r}: name at least one layer with a weight above 0")
    return {name: weight / total for name, weight in weights.items() if weight > 0}


def limit_depth(weights: Mapping[str, float], deepest: str) -> dict[str, float]:
    """Return layer weights in which those of the layers deeper than `deepest` have been moved to it."""
    limited: dict[str, float] = {}
    for name, weight in weights.items():
        name = min(name, deepest)  # names sort by depth
        limited[name] = limited.get(name, 0.0) + weight
    return limited


def layers_through(network: str, layers: Iterable[str]) -> tuple[str, ...]:
    """Return the layers of `network` from the first one through the deepest of `layers`."""
    names = LAYERS[network.removesuffix(NORMALIZED_SUFFIX)]
    return names[: max(names.index(name) for name in layers) + 1]


def layer_stride(layer: str) -> int:
    """Return the distance in pixels between neighboring positions of a layer."""
    return int(2 ** (int(layer[4]) - 1))


def receptive_radius(network: str, layers: Collection[str]) -> int:
    """Return how many pixels the receptive field of the deepest of `layers` extends beyond a position's own pixels.

    Each convolution adds one position, and each pooling layer doubles the radius: 58 pixels for conv5_1 of VGG-16, 70 for
    conv5_1 of VGG-19.
    """
    names = layers_through(network, layers)
    radius, block = 0, names[-1][4]
    for name in reversed(names):
        if name[4] != block:
            block, radius = name[4], 2 * radius
        radius += 1
    return radius
