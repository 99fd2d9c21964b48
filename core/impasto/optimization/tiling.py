"""Exact tiles: a picture of any size, looked at piece by piece, in memory that does not grow with it.

Every style loss is a function of moments, and moments are means over positions, so they can be summed tile by tile. With the
moments known, so is the gradient at every position, and each tile gives the picture its share of it.

A tile owns the positions that lie under it. The block that is run through the network is larger, by all that these positions
see. What the network makes of the rest of the block is wrong, for beyond its edge there is more picture; but nobody looks at
it: only owned positions are counted, only they are given a gradient, and all of that gradient that reaches the block is added
to the picture's. So the sums are those of the whole picture, but for rounding. A picture that is one tile is its own block.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..images.tileable import NOT_TILEABLE, Tileable
from ..layers import TOTAL_STRIDE, layer_stride
from ..losses.moments import MomentAccumulator
from ..runtime.distributed import ProcessGroup
from ..runtime.memory import release_memory_if_low
from ..vgg.network import VGG

#: Tiles are not made smaller than this, in pixels: what they are shown around them would be most of it.
SMALLEST_TILE = 64


class Span(NamedTuple):
    """A tile along one side of a picture, in pixels: what it owns, and what it is shown. Where edges meet, a block may begin
    before the picture does, and end after it."""

    start: int
    stop: int
    block_start: int
    block_stop: int

    def in_block(self, stride: int) -> slice:
        """Its own positions in its block's map, at a layer of that stride"""
        return slice((self.start - self.block_start) // stride, (self.stop - self.block_start) // stride)

    def in_image(self, stride: int) -> slice:
        """The same positions in the whole picture's map"""
        return slice(self.start // stride, self.stop // stride)


class Tile(NamedTuple):
    """A part of a picture"""

    rows: Span
    columns: Span

    def block(self, picture: Tensor) -> Tensor:
        """The tile's block.  (H, W, ...) -> (h, w, ...)"""
        for axis, span in enumerate(self):
            if span.block_start >= 0 and span.block_stop <= picture.shape[axis]:
                picture = picture.narrow(axis, span.block_start, span.block_stop - span.block_start)
            else:
                picture = picture.index_select(axis, _wrapped_indices(span, picture.shape[axis], picture.device))
        return picture

    def add_gradient(self, block: Tensor, picture: Tensor) -> None:
        """Add what the block has to what the picture has there.  (h, w, ...), (H, W, ...)"""
        height, width = picture.shape[:2]
        for rows, columns in itertools.product(_split_at_edge(self.rows, height), _split_at_edge(self.columns, width)):
            picture[rows.there, columns.there] += block[rows.here, columns.here]

    def crop_features(self, features: Tensor, layer: str) -> Tensor:
        """What the tile owns of a layer's map of its block.  (h, w, ...)"""
        stride = layer_stride(layer)
        return features[self.rows.in_block(stride), self.columns.in_block(stride)]

    def crop_map(self, field: Tensor, layer: str) -> Tensor:
        """The same of something that is there for the whole picture.  (H, W, ...)"""
        stride = layer_stride(layer)
        return field[self.rows.in_image(stride), self.columns.in_image(stride)]


class _EdgePiece(NamedTuple):
    here: slice  # in the block
    there: slice  # in the picture


def _split_at_edge(span: Span, size: int) -> Iterator[_EdgePiece]:
    """The pieces of a block between which the picture's edge lies"""
    at = span.block_start
    while at < span.block_stop:
        begin = at % size
        length = min(span.block_stop - at, size - begin)
        yield _EdgePiece(slice(at - span.block_start, at - span.block_start + length), slice(begin, begin + length))
        at += length


def _wrapped_indices(span: Span, size: int, device: torch.device) -> Tensor:
    return torch.arange(span.block_start, span.block_stop, device=device) % size


class TilingCost(NamedTuple):
    """How the blocks of all tiles lie over a picture"""

    tiles: int  # of the tiles
    largest_block: int  # pixels of the largest block
    total_pixels: int  # pixels of all blocks

    @classmethod
    def of_tiling(
        cls, width: int, height: int, max_side: int | None, halo: int, tileable: Tileable = NOT_TILEABLE
    ) -> TilingCost:
        """Of the tiles that `tiles` would give"""
        axes = [make_spans(size, max_side, halo, wrap) for size, wrap in ((height, tileable.y), (width, tileable.x))]
        rows, columns = ([span.block_stop - span.block_start for span in axis] for axis in axes)
        return cls(len(rows) * len(columns), max(rows) * max(columns), sum(rows) * sum(columns))


def make_tiles(width: int, height: int, max_side: int | None, halo: int, tileable: Tileable = NOT_TILEABLE) -> list[Tile]:
    """The tiles of a picture, with sides of at most `longest` pixels (None: however large), and blocks that see so far around.

    Their edges, and those of the blocks, are multiples of the network's stride, where it pools.
    """
    rows, columns = (make_spans(size, max_side, halo, wrap) for size, wrap in ((height, tileable.y), (width, tileable.x)))
    return [Tile(row, column) for row in rows for column in columns]


def make_spans(size: int, max_side: int | None, halo: int, wrap: bool) -> list[Span]:
    """The same along one side"""
    if max_side is None or max_side >= size:
        return [Span(0, size, 0, size)]
    count = -(-size // max(max_side // TOTAL_STRIDE * TOTAL_STRIDE, TOTAL_STRIDE))
    edges = [-(-size * n // (count * TOTAL_STRIDE)) * TOTAL_STRIDE for n in range(count)] + [size]
    halo = -(-halo // TOTAL_STRIDE) * TOTAL_STRIDE
    blocks = [(start - halo, stop + halo) for start, stop in itertools.pairwise(edges)]
    if not wrap:
        blocks = [(max(0, first), min(size, last)) for first, last in blocks]
    return [Span(*owned, *block) for owned, block in zip(itertools.pairwise(edges), blocks, strict=True)]


def iterate_tiles(tiles: Sequence[Tile], device: torch.device) -> Iterator[Tile]:
    """The tiles, one after the other, and before each the holes in memory that those before have left are seen to: tiles at
    the border are smaller, and nothing fits where they were.
    """
    for tile in tiles:
        if len(tiles) > 1:
            release_memory_if_low(device)
        yield tile


def accumulate_moments(
    network: VGG,
    picture: Tensor,
    guided_layers: Sequence[tuple[str, Tensor | None]],
    tiles: Sequence[Tile],
    padding: str | None = None,
    *,
    keep: bool = False,
) -> tuple[list[MomentAccumulator], dict[str, Tensor]]:
    """The sums that the moments of a picture (H, W, 3) are made of, for each of the taps: a layer, and its positions' weights.

    keep: give the maps of the picture too, if it is all one part, and here
    """
    if not guided_layers:
        return [], {}
    ranks, sums = ProcessGroup(), [MomentAccumulator(network.nothing(layer)) for layer, _ in guided_layers]
    maps: dict[str, Tensor] = {}
    with ranks.together(network.device):
        for tile in iterate_tiles(ranks.shard(tiles), network.device):
            maps = network.forward(tile.block(picture), padding, only=None if keep else {layer for layer, _ in guided_layers})
            for each, (layer, weights) in zip(sums, guided_layers, strict=True):
                each.add(tile.crop_features(maps[layer], layer), None if weights is None else tile.crop_map(weights, layer))
    if not keep:
        maps = {}
    if ranks.count > 1:
        totals = ranks.sum(torch.tensor([each.total for each in sums], device=network.device, dtype=torch.float64))
        for each, total in zip(sums, totals.tolist(), strict=True):
            each.total = total
            ranks.sum(each.mean)
            ranks.sum(each.second)
    return sums, maps
