"""What a painting is to be: of which layer, in which styles, with which options."""

from __future__ import annotations

from typing import Any, NamedTuple

#: Characters of a layer's name that are taken into the result's.
_LONGEST_NAME = 40


class Style(NamedTuple):
    """Where a style comes from: a layer, by its key, a picture file, or a net that has learned it"""

    name: str
    layer: str = ""
    path: str = ""
    net: str = ""

    def named(self) -> dict[str, str]:
        """What the engine is told of a style that it finds by itself"""
        return {"net": self.net} if self.net else {"path": self.path}


class Task(NamedTuple):
    """All that a painting needs."""

    document: Any
    layer: str  # key of the layer to paint
    name: str  # of that layer
    styles: list[Style]
    options: dict[str, Any]  # for the engine, by its own names
    region: Style | None = None  # the layer that says where the second style goes; the first has the rest

    @property
    def title(self) -> str:
        """`Photo x Starry Night (60 %)`"""
        strength = self.options.get("strength")
        share = "" if strength is None else f" ({100 * strength:.0f} %)"
        return f"{_short(self.name)} x {' + '.join(_short(style.name) for style in self.styles)}{share}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "\u2026"
