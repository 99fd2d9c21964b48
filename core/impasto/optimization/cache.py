"""What successive runs share: weights, the network on its device, and style statistics."""

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
    """Cache shared by successive runs: weights, network, style statistics. It keeps the last network only."""

    def __init__(self) -> None:
        self._weights: tuple[tuple[Any, ...], Weights] | None = None
        self._network: tuple[Weights, tuple[Any, ...], VGG] | None = None
        self._statistics: tuple[tuple[Any, ...], StyleCache] | None = None

    def weights(self, options: Options, progress: ProgressCallback | None = None) -> Weights:
        """Return the weights that the options name, downloaded where needed.  Raises WeightsError."""
        key = options.network_to_load, options.weights
        if self._weights is None or self._weights[0] != key:
            self._weights = self._network = self._statistics = None  # never two in memory
            self._weights = key, load_named_weights(*key, progress)
        return self._weights[1]

    def is_loaded(self, options: Options) -> bool:
        """Return whether the network that the options name is in memory."""
        key = options.network_to_load, options.weights
        return self._network is not None and self._weights is not None and self._weights[0] == key

    def network(self, options: Options, weights: Weights, device: torch.device, dtype: torch.dtype) -> VGG:
        """Return the network up to the deepest layer that the options name."""
        layers = options.all_layers(weights.network)
        settings: dict[str, Any] = {"pooling": options.pooling, "padding": options.padding, "device": device, "dtype": dtype}
        key = layers, settings
        if self._network is None or self._network[0] is not weights or self._network[1] != key:
            self._network = None
            self._network = weights, key, VGG(weights, layers, **settings)
        return self._network[2]

    def statistics(self, options: Options, device: torch.device, dtype: torch.dtype) -> StyleCache:
        """Return the style statistics measured with this network so far."""
        key = options.network_to_load, options.weights, options.pooling, options.padding, device, dtype
        if self._statistics is None or self._statistics[0] != key:
            self._statistics = key, {}
        return self._statistics[1]
