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
    """Paints the initial image in all styles of a network, with the strength and the stroke size of the options."""

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

    def __call__(self, content: Tensor, options: Options) -> Tensor:
        """content: (H, W, 3) in [0, 1] -> (H, W, 3) in [0, 1], on the same device"""
        network = self.network.copy(content.device)
        modulation = network.told(network.shares(), options.strength, (options.style_scale or (1.0,))[0])
        return network.paint(content, modulation)
