"""Loading the weights of a network: from a file that the user names, the cache, or the network's source, in this order."""

from __future__ import annotations

import logging
from pathlib import Path

from ..errors import WeightsError, validate_choice
from ..layers import NORMALIZED_SUFFIX, canonical_network
from .download import SOURCES, ProgressCallback, cache_path, fetch_weights
from .weight_files import Weights, load_weight_file

logger = logging.getLogger("impasto")


def expected_network(network: str, file: str | None) -> str:
    """Return the network that `load_weights` probably loads, without reading a file, for estimates. VGG-19 is the larger."""
    if network != "auto":
        return network
    return "vgg16" if file is None and cache_path("vgg16").exists() and not cache_path("vgg19").exists() else "vgg19"


def load_weights(network: str = "auto", file: str | None = None, progress: ProgressCallback | None = None) -> Weights:
    """Load the weights of a network, downloading them if needed.

    network: "auto" is VGG-19 if available, else VGG-16; which one and why is logged
    file: of these weights, instead of the cache and the source; "auto" then recognizes the network in it
    Raises WeightsError: no source can be reached, or a file is missing, damaged, or of another network.
    """
    if file is not None:
        return load_weight_file(Path(file), None if network == "auto" else network)
    if network != "auto":
        network = canonical_network(network)
        if network.endswith(NORMALIZED_SUFFIX):
            raise WeightsError(f"{network} is made of {network.removesuffix(NORMALIZED_SUFFIX)}: fetch that")
        validate_choice("network", network, SOURCES)
        return load_weight_file(
            cache_path(network) if cache_path(network).exists() else fetch_weights(network, progress), network
        )
    for name in SOURCES:
        if cache_path(name).exists():
            logger.info("network %s, from the cache%s", name, "" if name == "vgg19" else " (vgg19 is not in it)")
            return load_weight_file(cache_path(name), name)
    reasons: list[str] = []
    for name in SOURCES:
        try:
            path = fetch_weights(name, progress)
        except WeightsError as error:
            reasons.append(str(error))
            continue
        logger.info("network %s%s", name, "".join(f" ({reason})" for reason in reasons))
        return load_weight_file(path, name)
    raise WeightsError(f"no network's weights are available: {'; '.join(reasons)}")
