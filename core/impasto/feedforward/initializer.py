"""The initial image of a run from a feed-forward network (init "net:NAME")."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..options import Options
from .network import TransformNet
from .registry import resolve_network


@dataclass(frozen=True)
class NetworkInitializer:
    """Computes the initial image in an equal mix of a network's styles, with the strength and stroke size of the options."""

    name: str
    network: TransformNet

    @classmethod
    def load(cls, name: str) -> NetworkInitializer:
        """Load a network by its name or its file.  Raises NetError."""
        return cls(Path(name).stem, TransformNet.load(resolve_network(name)))

    @property
    def digest(self) -> str:
        """SHA-256 of the network's parameters"""
        return self.network.digest

    def __call__(self, content: Tensor, opacity: Tensor | None, options: Options) -> Tensor:
        """content: (H, W, 3) in [0, 1]; opacity: (H, W) or None -> (H, W, 3) in [0, 1], on the same device"""
        network = self.network.copy(content.device)
        stroke_size = (options.style_scale or (1.0,))[0]
        modulation = network.style_modulation(network.normalized_weights(), options.strength, stroke_size)
        return network.stylize(content, modulation, opacity=opacity)
