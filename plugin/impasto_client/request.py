"""What the user asks for: a layer to paint, the styles to paint it in, and the options."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .errors import PluginError
from .geometry import Rect
from .i18n import i18n

_MAX_NAME_LENGTH = 40  # characters of a source layer's name that the result's name contains
#: The largest result, in pixels; more take many minutes. And the engine's smallest longest side
_MAX_PIXELS, _SMALLEST_SIDE = 16_000_000, 32
#: How far the engine sees around what is selected, in pixels
_SELECTION_MARGIN = 64
#: The sides of seamless results are rounded to multiples of this.
STRIDE = 16


class StyleSource(NamedTuple):
    """Where a style comes from: exactly one of a layer, an image file, and a trained network (an instant style)."""

    name: str  # shown to the user
    layer_key: str = ""
    path: str = ""
    network: str = ""

    def to_header(self) -> dict[str, str]:
        """The keys of an `image` frame for a style that the engine loads by itself."""
        return {"net": self.network} if self.network else {"path": self.path}


class Painting(NamedTuple):
    """A result, and how it was painted"""

    layer_key: str
    rect: Rect  # of the layer
    width: int  # at which it was painted, in pixels
    height: int


class Area(NamedTuple):
    """Where an earlier result was painted: its transparency mask limits the next one too"""

    layer_key: str  # of the earlier result
    rect: Rect


class PaintRequest(NamedTuple):
    """Everything that one painting needs."""

    document: Any
    layer_key: str  # the layer to paint
    layer_name: str
    styles: list[StyleSource]
    options: dict[str, Any]  # the engine's options by name
    region: StyleSource | None = None  # the layer that marks the area of the second style; the first gets the rest
    protected: StyleSource | None = None  # the layer that marks what keeps its shapes, in addition to faces
    selection: Any = None  # a copy of the selection, and its rectangle; None: all is painted
    area: Area | None = None  # that of an earlier result, instead of a selection
    painting: Painting | None = None  # an earlier result, smaller than its layer, that is to get finer strokes

    @property
    def title(self) -> str:
        """The result layer's name: `Starry Night (60 %) on Photo`. The style stands first: lists of layers are narrow."""
        strength = self.options.get("strength")
        details = [] if strength is None else [f"{100 * strength:.0f} %"]
        details += [i18n("refined")] if self.painting else []
        styles = " + ".join(_shorten(style.name) for style in self.styles)
        styles += f" ({', '.join(details)})" if details else ""
        return i18n("{style} on {layer}", style=styles, layer=_shorten(self.layer_name))


def painted_side(size: int, layer_size: tuple[int, int]) -> int:
    """The longest side at which a layer is painted, in pixels: never more than its own, nor more than _MAX_PIXELS.

    size: the option; 0 for the whole layer
    """
    width, height = layer_size
    longest = max(width, height)
    largest = longest * min(1.0, math.sqrt(_MAX_PIXELS / (width * height)))
    return max(_SMALLEST_SIDE, round(min(size or longest, largest)))


def area_to_paint(selected: Rect, layer: Rect) -> Rect:
    """The area of a layer that the engine needs to paint what is selected.  Raises PluginError: none of it is selected"""
    if not selected.intersection(layer).width:
        raise PluginError(i18n("The selection does not overlap the layer: there is nothing to paint."))
    return with_margin(selected).intersection(layer)


def with_margin(selected: Rect) -> Rect:
    """What is selected, and as much around it as the engine needs to paint it"""
    return selected.with_margin(_SELECTION_MARGIN)


def _shorten(name: str) -> str:
    return name if len(name) <= _MAX_NAME_LENGTH else name[: _MAX_NAME_LENGTH - 1] + "\u2026"
