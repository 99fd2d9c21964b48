"""Trained networks for scripts: load by name or file, apply to pictures, save."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ..images.encode import save_picture
from ..images.picture import Picture
from ..options import Options, resolve_options
from .network import TransformNet
from .registry import display_name, resolve_network
from .stylizer import FeedforwardStylizer


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInfo:
    """What a network is, and how it was trained"""

    name: str
    title: str  # the name for people, such as "Rose window" for rose_window
    styles: tuple[str, ...]
    licenses: tuple[str, ...]  # of the styles, "" where unknown
    training: dict[str, Any]  # options, number of photographs, steps, minutes and final loss; empty if unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    """A picture stylized by a network, and how it was made"""

    picture: Picture = field(repr=False)
    options: Options
    seconds: float
    recipe: dict[str, Any] = field(repr=False)  # the network and the settings

    @property
    def image(self) -> Image.Image:
        """RGB, or RGBA where the content has transparent pixels; 8 bits"""
        return self.picture.image

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture with its recipe, as `Result.save` does.  Raises ImageError."""
        save_picture(path, self.picture, json.dumps(self.recipe))


@dataclass(frozen=True)
class StyleNetwork:
    """A feed-forward network that has learned one or more styles (Johnson et al., arXiv 1603.08155)."""

    name: str
    network: TransformNet = field(repr=False)

    @classmethod
    def load(cls, name: str | os.PathLike[str]) -> StyleNetwork:
        """Load a network by its name, as `impasto.networks()` lists it, or from a file.  Raises NetError."""
        path = resolve_network(name)
        return cls(path.stem, TransformNet.load(path))

    @property
    def info(self) -> NetworkInfo:
        """Name, styles, licenses and training"""
        styles = self.network.styles
        return NetworkInfo(
            name=self.name,
            title=display_name(self.name),
            styles=tuple(style.name for style in styles),
            licenses=tuple(style.license for style in styles),
            training=dict(self.network.training_info),
        )

    def apply(self, content: Any, options: Options | None = None, /, **settings: Any) -> NetworkResult:
        """Stylize a picture in one pass.

        content: as in `impasto.stylize`
        options, settings: `size` (0 by default: the content's own), `strength`, `colors`, `color_match`, `style_weights`,
        `style_scale`, `masks`, `keep`, `protect`, `protect_strength`, `device`, `memory` and `max_megapixels` apply; masks and
        style_weights are in the order of the network's styles
        Raises ImpastoError.
        """
        if options is None:
            settings = {"size": 0, **settings}
        stylizer = FeedforwardStylizer(self.network, resolve_options(settings, options), network_name=self.name)
        start = time.perf_counter()
        picture = stylizer.stylize(content)
        seconds = time.perf_counter() - start
        return NetworkResult(picture=picture, options=stylizer.options, seconds=seconds, recipe=json.loads(stylizer.recipe))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a .safetensors file.  Raises ImageError: the file cannot be written."""
        self.network.save(Path(path))
