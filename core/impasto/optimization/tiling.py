"""Exact tiling: the objective of an image of any size, tile by tile, in memory that does not grow with the image.

Every style loss is a function of moments, and moments are means over positions, so they can be summed tile by tile (first
pass). Once the moments are known, so is the gradient at every position, and each tile adds its part to the image's gradient
(second pass).

A tile owns the positions that lie under it. The block that runs through the network is larger by a halo, the receptive-field
radius. Features near the block's edge are wrong, since the image goes on beyond it. They are never used: only owned positions
count in the moments, and only they get a gradient from the losses. The pixel gradient of the whole block is added to the
image's. So the result equals that of the whole image up to rounding. An image that is a single tile is its own block.
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
from ..runtime.freed_memory import release_memory_if_low
from ..vgg.network import VGG

#: Minimum side of a tile, in pixels: with smaller tiles, most of a block is halo.
SMALLEST_TILE = 64


class Span(NamedTuple):
    """One axis of a tile, in pixels: what it owns, and its block. In a tileable image a block may extend beyond the image."""

    start: int
    stop: int
    block_start: int
    block_stop: int

    def in_block(self, stride: int) -> slice:
        """Return the owned positions in the block's feature map, at a layer with this stride."""
        return slice((self.start - self.block_start) // stride, (self.stop - self.block_start) // stride)

    def in_image(self, stride: int) -> slice:
        """Return the owned positions in the whole image's feature map, at a layer with this stride."""
        return slice(self.start // stride, self.stop // stride)


class Tile(NamedTuple):
    """A rectangle of the image, with the block around it"""

    rows: Span
    columns: Span

    def block(self, image: Tensor, stride: int = 1) -> Tensor:
        """Crop the tile's block from the image, or from a map of a layer with this stride.  (H, W, ...) -> (h, w, ...)"""
        for axis, span in enumerate(self):
            start, stop, size = span.block_start // stride, span.block_stop // stride, image.shape[axis]
            if start >= 0 and stop <= size:
                image = image.narrow(axis, start, stop - start)
            else:
                image = image.index_select(axis, torch.arange(start, stop, device=image.device) % size)
        return image

    def add_gradient(self, block: Tensor, gradient: Tensor) -> None:
        """Add the block's gradient (h, w, ...) to the image's (H, W, ...), in place."""
        height, width = gradient.shape[:2]
        for rows, columns in itertools.product(_split_at_edge(self.rows, height), _split_at_edge(self.columns, width)):
            gradient[rows.in_image, columns.in_image] += block[rows.in_block, columns.in_block]

    def crop_features(self, features: Tensor, layer: str) -> Tensor:
        """Crop the owned positions from a layer's features of the block.  (h, w, ...)"""
        stride = layer_stride(layer)
        return features[self.rows.in_block(stride), self.columns.in_block(stride)]

    def crop_guide(self, guide: Tensor, layer: str) -> Tensor:
        """Crop the owned positions from a guide, which covers the whole image.  (H, W) -> (h, w)"""
        stride = layer_stride(layer)
        return guide[self.rows.in_image(stride), self.columns.in_image(stride)]


class _EdgePiece(NamedTuple):
    in_block: slice
    in_image: slice


def _split_at_edge(span: Span, size: int) -> Iterator[_EdgePiece]:
    """Split a block at the edges of a tileable image."""
    position = span.block_start
    while position < span.block_stop:
        offset, start = position - span.block_start, position % size
        length = min(span.block_stop - position, size - start)
        yield _EdgePiece(slice(offset, offset + length), slice(start, start + length))
        position += length


class TilingCost(NamedTuple):
    """The number of tiles of an image, and the pixels of their blocks"""

    tiles: int
    largest_block: int  # in pixels
    total_pixels: int  # of all blocks

    @classmethod
    def of_tiling(
        cls, width: int, height: int, max_side: int | None, halo: int, tileable: Tileable = NOT_TILEABLE
    ) -> TilingCost:
        """Return the cost of the tiles that `make_tiles` returns for the same arguments."""
        axes = [make_spans(size, max_side, halo, wrap) for size, wrap in ((height, tileable.y), (width, tileable.x))]
        rows, columns = ([span.block_stop - span.block_start for span in axis] for axis in axes)
        return cls(len(rows) * len(columns), max(rows) * max(columns), sum(rows) * sum(columns))


def make_tiles(width: int, height: int, max_side: int | None, halo: int, tileable: Tileable = NOT_TILEABLE) -> list[Tile]:
    """Split an image of this size into tiles with sides of at most `max_side` pixels (None: one tile), each with a halo.

    They are processed in this order, row by row (over several processes: `ProcessGroup.shard`), the same in every pass.

    halo: at least the receptive-field radius, in pixels; it is rounded up
    The edges of tiles and blocks are multiples of the network's total stride, so that pooling windows stay aligned.
    """
    rows, columns = (make_spans(size, max_side, halo, wrap) for size, wrap in ((height, tileable.y), (width, tileable.x)))
    return [Tile(row, column) for row in rows for column in columns]


def make_spans(size: int, max_side: int | None, halo: int, wrap: bool) -> list[Span]:
    """Split one axis of `size` pixels, as `make_tiles` does."""
    if max_side is None or max_side >= size:
        return [Span(0, size, 0, size)]
    count = -(-size // max(max_side // TOTAL_STRIDE * TOTAL_STRIDE, TOTAL_STRIDE))
    edges = [-(-size * n // (count * TOTAL_STRIDE)) * TOTAL_STRIDE for n in range(count)] + [size]
    halo = -(-halo // TOTAL_STRIDE) * TOTAL_STRIDE
    blocks = [(start - halo, stop + halo) for start, stop in itertools.pairwise(edges)]
    if not wrap:
        # Blocks at the edges of the image reach further inward: blocks of one size do not fragment the memory.
        longest = max(stop - start for start, stop in blocks)
        last_start = max(0, (size - longest) // TOTAL_STRIDE * TOTAL_STRIDE)
        starts = [min(max(0, start), last_start) for start, _ in blocks]
        blocks = [(start, min(size, max(stop, start + longest))) for start, (_, stop) in zip(starts, blocks, strict=True)]
    return [Span(*owned, *block) for owned, block in zip(itertools.pairwise(edges), blocks, strict=True)]


def release_between_tiles(tiles: Sequence[Tile], device: torch.device) -> Iterator[Tile]:
    """Yield the tiles in the order given, and release fragmented memory before each.

    Temporaries of many sizes leave holes that none of the next ones fits into.
    """
    for tile in tiles:
        if len(tiles) > 1:
            release_memory_if_low(device)
        yield tile


def accumulate_moments(
    network: VGG,
    image: Tensor,
    guided_layers: Sequence[tuple[str, Tensor | None]],
    tiles: Sequence[Tile],
    padding: str | None = None,
    *,
    return_maps: bool = False,
) -> tuple[list[MomentAccumulator], dict[str, Tensor]]:
    """Accumulate the feature moments of an image (H, W, 3) over all tiles, for each (layer, guide) pair.

    guided_layers: layer, and weight of each position (h, w) or None
    padding: overrides the network's
    return_maps: also return the features, layer -> (h, w, N), of an image that is a single tile; otherwise an empty dictionary
    """
    if not guided_layers:
        return [], {}
    processes, sums = ProcessGroup(), [MomentAccumulator(network.empty_features(layer)) for layer, _ in guided_layers]
    maps: dict[str, Tensor] = {}
    with processes.fail_together(network.device):
        for tile in release_between_tiles(processes.shard(tiles), network.device):
            keep_layers = None if return_maps else {layer for layer, _ in guided_layers}
            maps = network.forward(tile.block(image), padding, keep_layers=keep_layers)
            for accumulator, (layer, guide) in zip(sums, guided_layers, strict=True):
                weights = None if guide is None else tile.crop_guide(guide, layer)
                accumulator.add(tile.crop_features(maps[layer], layer), weights)
    if not return_maps:
        maps = {}
    if processes.size > 1:
        for accumulator in sums:
            total = torch.as_tensor(accumulator.total_weight, device=network.device)
            accumulator.total_weight = processes.sum(total.to(accumulator.sum.dtype))
            processes.sum(accumulator.sum)
            processes.sum(accumulator.second_sum)
    return sums, maps
