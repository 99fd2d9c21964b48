"""What the preview in the dialog shows: a layer, or a texture."""

from __future__ import annotations

from typing import Any, Protocol

from gi.repository import Gimp

from impasto_client.geometry import Rect
from impasto_client.i18n import i18n
from impasto_client.request import PaintRequest, painted_side
from impasto_client.texture import BlankPicture, Texture

from .engine import Picture
from .layers import LayerPicture, filled_area, painted_area, reduced_selection

#: Longest side of a layer in the preview, in pixels, which takes two seconds
_SIDE = 256
#: Side of the tile of a texture's preview, in pixels, which takes three seconds, and how often it is shown each way
_TILE_SIDE, _TILES = 128, 2


class Subject(Protocol):
    """What a preview shows"""

    before: bytes  # the pixels that are shown until it is painted, in the format bgra8
    text: str  # says what it shows

    @property
    def picture(self) -> Picture:
        """What is painted"""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is shown, in pixels"""

    def options(self, request: PaintRequest) -> dict[str, Any]:
        """The engine's options for the preview"""

    def shown(self, painted: bytes) -> bytes:
        """The pixels to show"""

    def full_options(self, request: PaintRequest) -> tuple[tuple[int, int], dict[str, Any], float]:
        """The size and the options of the painting itself, and how much it will be enlarged.

        Raises PluginError: the selection does not overlap the layer
        """


class LayerSubject:
    """A layer"""

    def __init__(self, source: Gimp.Drawable) -> None:
        self.picture = LayerPicture(source).reduced(_SIDE)
        self.size = self.picture.size
        self.before = b"".join(pixels for _, _, pixels in self.picture.stripes())
        self._selection = reduced_selection(source, self.size)
        self.text = i18n("A quick preview. The painting has more detail.")
        self._source = source

    def options(self, request: PaintRequest) -> dict[str, Any]:
        return {**request.options, "quality": "instant", "size": max(self.size)}

    def shown(self, painted: bytes) -> bytes:
        if self._selection is None:
            return painted
        shown = bytearray(self.before)
        for index, share in enumerate(self._selection):
            if share:
                for at in range(4 * index, 4 * index + 4):
                    shown[at] += share * (painted[at] - shown[at]) // 255
        return bytes(shown)

    def full_options(self, request: PaintRequest) -> tuple[tuple[int, int], dict[str, Any], float]:
        width, height = painted_area(self._source)[2:]
        side = painted_side(request.options.get("size", 0), (width, height))
        return (width, height), {**request.options, "size": side}, max(width, height) / side


class TextureSubject:
    """A texture: a small tile, repeated"""

    def __init__(self, source: Gimp.Drawable) -> None:
        self._source = source
        self._texture = Texture(_TILE_SIDE, Rect(0, 0, _TILES * _TILE_SIDE, _TILES * _TILE_SIDE))
        self.picture = BlankPicture(self._texture.tile_size)
        self.size = self._texture.area[2:]
        self.before = bytes(4 * self.size[0] * self.size[1])
        self.text = i18n("A quick preview: a small tile, repeated.")

    def options(self, request: PaintRequest) -> dict[str, Any]:
        return self._texture.options({**request.options, "quality": "draft"})

    def shown(self, painted: bytes) -> bytes:
        stripes = sorted(self._texture.repeat(0, self._texture.tile_size[1], painted))
        return b"".join(pixels for _, _, pixels in stripes)

    def full_options(self, request: PaintRequest) -> tuple[tuple[int, int], dict[str, Any], float]:
        texture = Texture(request.options["size"], filled_area(self._source))
        return texture.tile_size, texture.options(request.options), 1.0
