"""TODO-DOC optimization.cache"""

from __future__ import annotations

from typing import Any

import torch

from ..options import Options
from ..vgg.download import ProgressCallback
from ..vgg.network import VGG
from ..vgg.normalized import load_named_weights
from ..vgg.weight_files import Weights
from .style_statistics import StyleCache


class ModelCache:
    """What one run can leave to the next, given to both: weights, the network on its device, and statistics of styles."""

    def __init__(self) -> None:
        self._weights: tuple[tuple[Any, ...], Weights] | None = None
        self._network: tuple[Weights, tuple[Any, ...], VGG] | None = None
        self._statistics: tuple[tuple[Any, ...], StyleCache] | None = None

    def weights(self, options: Options, progress: ProgressCallback | None = None) -> Weights:
        """The weights that the options name, fetched where needed.  Raises WeightsError."""
        key = options.network, options.weights
        if self._weights is None or self._weights[0] != key:
            self._weights = self._network = self._statistics = None  # never two in memory
            self._weights = key, load_named_weights(*key, progress)
        return self._weights[1]

    def has_network(self, options: Options) -> bool:
        """Whether the network that the options name is in memory."""
        return (
            self._network is not None and self._weights is not None and self._weights[0] == (options.network, options.weights)
        )

    def network(self, options: Options, loaded: Weights, device: torch.device, dtype: torch.dtype) -> VGG:
        """The network up to the deepest layer that the options name."""
        layers = options.layers(loaded.network)
        made: dict[str, Any] = {"pooling": options.pooling, "padding": options.padding, "device": device, "dtype": dtype}
        key = layers, made
        if self._network is None or self._network[0] is not loaded or self._network[1] != key:
            self._network = None
            self._network = loaded, key, VGG(loaded, layers, **made)
        return self._network[2]

    def statistics(self, options: Options, device: torch.device, dtype: torch.dtype) -> StyleCache:
        """Where the statistics of styles are kept that were found on this network."""
        key = options.network, options.weights, options.pooling, options.padding, device, dtype
        if self._statistics is None or self._statistics[0] != key:
            self._statistics = key, {}
        return self._statistics[1]
