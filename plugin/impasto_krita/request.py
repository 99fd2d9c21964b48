"""What the user asks for: a layer to paint, the styles to paint it in, and the options."""

from __future__ import annotations

from typing import Any, NamedTuple

_MAX_NAME_LENGTH = 40  # characters of a source layer's name that the result's name contains


class StyleSource(NamedTuple):
    """Where a style comes from: exactly one of a layer, an image file, and a trained network (an instant style)."""

    name: str  # shown to the user
    layer_key: str = ""
    path: str = ""
    network: str = ""

    def to_header(self) -> dict[str, str]:
        """The keys of an `image` frame for a style that the engine loads by itself."""
        return {"net": self.network} if self.network else {"path": self.path}


class PaintRequest(NamedTuple):
    """Everything that one painting needs."""

    document: Any
    layer_key: str  # the layer to paint
    layer_name: str
    styles: list[StyleSource]
    options: dict[str, Any]  # the engine's options by name
    region: StyleSource | None = None  # the layer that marks the area of the second style; the first gets the rest

    @property
    def title(self) -> str:
        """The result layer's name: `Photo x Starry Night (60 %)`"""
        strength = self.options.get("strength")
        suffix = "" if strength is None else f" ({100 * strength:.0f} %)"
        return f"{_shorten(self.layer_name)} x {' + '.join(_shorten(style.name) for style in self.styles)}{suffix}"


def _shorten(name: str) -> str:
    return name if len(name) <= _MAX_NAME_LENGTH else name[: _MAX_NAME_LENGTH - 1] + "\u2026"
