"""Where a network's weights come from. Every byte is checked against a SHA-256 before it is used, and none is executed.

Looked at in this order: the file that the user names; the cache; the network's own source. What is fetched is kept in the
cache as safetensors, written beside its place and then renamed, so that half a download never counts as a file and two
processes may fetch at once.
"""

from __future__ import annotations

import logging
from pathlib import Path

from ..errors import WeightsError, validate_choice
from ..layers import NORMALIZED_SUFFIX
from .download import SOURCES, ProgressCallback, cache_path, fetch_weights
from .weight_files import Weights, load_weight_file

logger = logging.getLogger("impasto")


def expected_network(network: str, file: str | None) -> str:
    """The network that `load` is likely to give, without a look into any file: for estimates. VGG-19 is the larger one."""
    if network != "auto":
        return network
    return "vgg16" if file is None and cache_path("vgg16").exists() and not cache_path("vgg19").exists() else "vgg19"


def load_weights(network: str = "auto", file: str | None = None, progress: ProgressCallback | None = None) -> Weights:
    """The weights of a network, from `file`, the cache, or the network's source.

    `auto` is VGG-19 where it can be had and VGG-16 otherwise; which one, and why, goes to the log.
    Raises WeightsError: no source can be reached, or what came is not what was expected.
    """
    if file is not None:
        return load_weight_file(Path(file), None if network == "auto" else network)
    if network != "auto":
        if network.endswith(NORMALIZED_SUFFIX):
            raise WeightsError(f"{network} is made of {network.removesuffix(NORMALIZED_SUFFIX)}: fetch that")
        validate_choice("network", network, SOURCES)
        return load_weight_file(
            cache_path(network) if cache_path(network).exists() else fetch_weights(network, progress), network
        )
    reasons = []
    for name in SOURCES:
        if cache_path(name).exists():
            logger.info("network %s, from the cache%s", name, "" if name == "vgg19" else " (vgg19 is not there)")
            return load_weight_file(cache_path(name), name)
    for name in SOURCES:
        try:
            path = fetch_weights(name, progress)
        except WeightsError as error:
            reasons.append(str(error))
            continue
        logger.info("network %s%s", name, "".join(f" ({reason})" for reason in reasons))
        return load_weight_file(path, name)
    raise WeightsError(f"no network's weights can be had: {'; '.join(reasons)}")
