"""The filters: what GIMP's menus and dialogs show, which arguments they have, and what paints."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from gi.repository import Gimp

from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest

from .engine import Engine
from .painting import Report, fill, paint


class Filter(NamedTuple):
    """A procedure that paints a layer"""

    label: str  # in the menu
    text: str
    details: str  # about the result
    button: str
    paint: Callable[[PaintRequest, Engine, Report, dict[str, Any]], Gimp.Layer]
    arguments: tuple[str, ...]
    advanced: tuple[str, ...]  # arguments that the dialog shows under "More"
    for_scripts: tuple[str, ...] = ()  # arguments that the dialog does not show

    @property
    def title(self) -> str:
        """Of the dialog"""
        return self.label.replace("_", "").rstrip(".")


def filters() -> dict[str, Filter]:
    """Procedure name -> what it is, in the user's language"""
    picture_styles = ("style-layer", "style-file", "style-painting")
    above = i18n("The result is a new layer above the active one, limited to the selection.")
    return {
        "plug-in-impasto-stylize": Filter(
            i18n("_Impasto: Stylize..."),
            i18n("Paint the active layer in the style of another layer or picture"),
            above,
            i18n("St_ylize"),
            paint,
            (*picture_styles, "strength", "colors", "quality", "size", "keep-faces"),
            ("style-scale", "padding", "seed"),
            ("style-network",),
        ),
        "plug-in-impasto-instant-style": Filter(
            i18n("Impasto: I_nstant Style..."),
            i18n("Paint the active layer within seconds, in a style that a network has learned"),
            above,
            i18n("St_ylize"),
            paint,
            ("network", "strength", "colors", "size"),
            ("style-scale",),
        ),
        "plug-in-impasto-texture": Filter(
            i18n("Impasto: Fill with _Texture..."),
            i18n("Fill the active layer or the selection with a texture in the style of a picture, without seams"),
            i18n("The result is a new layer above the active one. Nothing is copied: the texture is painted."),
            i18n("_Fill"),
            fill,
            (*picture_styles, "texture-quality", "tile-size"),
            ("style-scale", "seed"),
        ),
    }
