"""Textures: a tile in the style of a picture, without content, that repeats without seams. Standard library only."""

from __future__ import annotations

from typing import Any, Iterator

from .geometry import Rect
from .protocol import PIXEL_BYTES, stripes
from .request import STRIDE

#: Makes the engine paint a texture (Gatys et al., arXiv 1505.07376)
OPTIONS = {"content_layers": "none", "init": "noise", "padding": "circular", "protect": "none"}
#: The smallest side of a tile, in pixels
_SMALLEST_SIDE = 32


class BlankPicture:
    """The content of a texture, of which the engine takes the size only."""

    format = "bgra8"

    def __init__(self, size: tuple[int, int]) -> None:
        """size: width and height"""
        self.size = size

    def stripes(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield (y, rows, pixels) from the top."""
        for y, rows in stripes(self.size[1]):
            yield y, rows, bytes([128, 128, 128, 255]) * (rows * self.size[0])


class Texture:
    """A tile, and the area that it covers"""

    def __init__(self, side: int, area: Rect) -> None:
        """side: of the tile at most, in pixels"""
        self.area = area
        self.tile_size = _tile_side(side, area.width), _tile_side(side, area.height)

    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        """The engine's options for the tile.  options: what the user wants"""
        return {**options, **OPTIONS, "size": max(self.tile_size)}

    def repeat(self, y: int, rows: int, pixels: bytes, pixel_format: str = "bgra8") -> Iterator[tuple[int, int, bytes]]:
        """Yield (y, rows, pixels) of the area that some rows of the tile cover."""
        width, height = self.tile_size
        row_bytes, area_bytes = (PIXEL_BYTES[pixel_format] * each for each in (width, self.area.width))
        times = -(-self.area.width // width)
        repeated = [(pixels[row * row_bytes : (row + 1) * row_bytes] * times)[:area_bytes] for row in range(rows)]
        for top in range(y, self.area.height, height):
            covered = repeated[: self.area.height - top]
            yield top, len(covered), b"".join(covered)


def _tile_side(side: int, covered: int) -> int:
    """The side of a tile: a multiple of STRIDE, at which the engine paints it, and not much longer than what is covered"""
    longest = min(max(side, _SMALLEST_SIDE) // STRIDE * STRIDE, -(-covered // STRIDE) * STRIDE)
    return max(_SMALLEST_SIDE, longest)
